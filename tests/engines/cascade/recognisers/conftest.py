"""Recognisers that hear in which band a tone lies: real ones with tiny models, and a service that does the same."""

import io
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.cascade.recognisers import tiny
from tests.extras import need
from tests.upstream import Exchange, upstream

from antiphon.engines.cascade.recognisers.endpoint import EndpointRecogniser
from antiphon.engines.cascade.recognisers.sherpa import SherpaRecogniser
from antiphon.engines.cascade.recognisers.whisper import WhisperRecogniser
from antiphon.providers.openai_audio import OpenAiAudio


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("faster_whisper")
    return tiny.write_whisper(tmp_path_factory.mktemp("whisper") / "tiny")


@pytest.fixture(scope="session")
def nemo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("sherpa_onnx")
    need("onnx")
    return tiny.write_nemo_ctc(tmp_path_factory.mktemp("nemo") / "tiny")


@pytest.fixture(scope="session")
def transducer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("sherpa_onnx")
    need("onnx")
    return tiny.write_transducer(tmp_path_factory.mktemp("transducer") / "tiny")


class Form:
    """The fields of a multipart request, its sound as samples."""

    def __init__(self, exchange: Exchange) -> None:
        boundary = exchange.headers["content-type"].split("boundary=")[1].encode()
        self.fields: dict[str, str] = {}
        for part in exchange.body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.strip(b"\r\n").partition(b"\r\n\r\n")
            name = head.split(b'name="')[1].split(b'"')[0].decode()
            if name == "file":
                self.head, self.wav = head.decode(), content
            else:
                self.fields[name] = content.decode()
        with wave.open(io.BytesIO(self.wav)) as file:
            self.rate = file.getframerate()
            self.samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")


def letter_of(samples: Any) -> str:
    """What the tiny models hear, by the loudest frequency; nothing in silence."""
    spectrum = np.abs(np.fft.rfft(samples))
    if spectrum.max(initial=0.0) < 1:
        return ""
    loudest = float(np.argmax(spectrum)) * tiny.RATE / len(samples)
    nearest = [abs(tiny.frequency(letter) - loudest) for letter in tiny.LETTERS]
    return tiny.LETTERS[int(np.argmin(nearest))]


async def transcribe(exchange: Exchange) -> None:
    """Behave as a service that transcribes."""
    if exchange.method == "GET":
        await exchange.answer(200, {"data": []})
    else:
        await exchange.answer(200, {"text": f" {letter_of(Form(exchange).samples)}\n"})


Start = Callable[[], Any]


@asynccontextmanager
async def _endpoint() -> AsyncIterator[EndpointRecogniser]:
    async with upstream(transcribe) as peer:
        yield EndpointRecogniser(OpenAiAudio(f"{peer.url}/v1"), "tiny", interim=True)


@pytest.fixture(params=["whisper", "nemo", "transducer", "endpoint"])
async def any_recogniser(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Every recogniser in turn, started."""
    async with _made(request) as recogniser:
        await recogniser.start()
        yield recogniser
        await recogniser.aclose()


@asynccontextmanager
async def _made(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    match request.param:
        case "whisper":
            folder = request.getfixturevalue("whisper_folder")
            yield WhisperRecogniser(folder, compute_type="float32", threads=1)
        case "nemo" | "transducer" as kind:
            yield SherpaRecogniser(request.getfixturevalue(f"{kind}_folder"))
        case _:
            async with _endpoint() as recogniser:
                yield recogniser
