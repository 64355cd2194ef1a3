"""Voices: real ones with tiny models, and a service that makes as much noise as the text is long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.cascade.voices import tiny
from tests.extras import need
from tests.upstream import Exchange, upstream

from antiphon.engines.cascade.espeak import EspeakVoice
from antiphon.engines.cascade.voices.endpoint import EndpointVoice
from antiphon.engines.cascade.voices.local import LocalVoice
from antiphon.providers.openai_audio import OpenAiAudio


@pytest.fixture(scope="session")
def kokoro_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("kokoro_onnx")
    need("onnx")
    return tiny.write_kokoro(tmp_path_factory.mktemp("kokoro") / "tiny")


@pytest.fixture(scope="session")
def piper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("piper")
    need("onnx")
    folder = tmp_path_factory.mktemp("piper") / "tiny"
    tiny.write_piper(folder, "en_US-ann-low", "en_US")
    return tiny.write_piper(folder, "de_DE-choir-low", "de_DE", speakers=3)


def noise(text: str) -> bytes:
    """Half a tenth of a second for each character, at 24 kHz."""
    samples = np.random.default_rng(len(text)).normal(scale=3_000, size=1_200 * len(text))
    return samples.astype("<i2").tobytes()


async def speak(exchange: Exchange) -> None:
    """Behave as a service that speaks."""
    if exchange.method == "GET":
        await exchange.answer(200, {"data": []})
    else:
        await exchange.begin("audio/pcm")
        sound = noise(exchange.json["input"])
        for start in range(0, len(sound), 5_001):
            await exchange.send(sound[start : start + 5_001])
        await exchange.end()


@asynccontextmanager
async def _endpoint() -> AsyncIterator[EndpointVoice]:
    async with upstream(speak) as peer:
        yield EndpointVoice(OpenAiAudio(f"{peer.url}/v1"), "tts-1")


@pytest.fixture(params=["kokoro", "piper", "endpoint", "espeak"])
async def any_voice(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Every voice in turn, started."""
    async with _made(request) as voice:
        await voice.start()
        yield voice
        await voice.aclose()


@asynccontextmanager
async def _made(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    match request.param:
        case "kokoro" | "piper" as kind:
            yield LocalVoice(kind, request.getfixturevalue(f"{kind}_folder"))
        case "espeak":
            yield EspeakVoice()
        case _:
            async with _endpoint() as voice:
                yield voice
