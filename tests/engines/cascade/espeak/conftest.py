"""The library in this process, and a voice with its own event loop for tests that are not coroutines."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from antiphon.engines.cascade.espeak import EspeakVoice
from antiphon.engines.cascade.espeak.library import Espeak
from antiphon.engines.cascade.parts import SpeechChunk

Speak = Callable[..., list[SpeechChunk]]


@pytest.fixture(scope="session")
def espeak() -> Espeak:
    return Espeak()


@pytest.fixture(scope="session")
def speak() -> Iterator[Speak]:
    """``speak(text, voice, language)`` on a running voice: all chunks."""
    voice = EspeakVoice()

    async def collect(text: str, name: str = "", language: str = "") -> list[SpeechChunk]:
        return [chunk async for chunk in voice.speak(text, name, language)]

    with asyncio.Runner() as runner:
        runner.run(voice.start())
        yield lambda *arguments: runner.run(collect(*arguments))
        runner.run(voice.aclose())
