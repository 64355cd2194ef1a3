"""Speech of the embedded voice, made once."""

import asyncio

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.engines.cascade.espeak import EspeakVoice

TEXT = (
    "If you would rather walk, follow the river until you see an old stone bridge. "
    "I have moved your appointment to Thursday, because Wednesday was already full. "
    "Please check that the valve is closed before you switch the heating on again. "
)


async def _speak(voices: tuple[str, ...]) -> bytes:
    pcm = b""
    voice = EspeakVoice()
    await voice.start()
    try:
        for name in voices:
            async for chunk in voice.speak(TEXT, name):
                pcm += chunk.pcm
    finally:
        await voice.aclose()
    return pcm


@pytest.fixture(scope="session")
def speech() -> NDArray[np.int16]:
    """Half a minute at 24 kHz: a man, then a woman, without a mark."""
    return np.frombuffer(asyncio.run(_speak(("Puck", "Aoede"))), "<i2")


@pytest.fixture(scope="session")
def monotone() -> NDArray[np.int16]:
    """Six seconds of the highest voice with the least intonation, whose harmonics hardly move: without a mark."""
    return np.frombuffer(asyncio.run(_speak(("Pulcherrima",))), "<i2")[: 6 * 24_000]
