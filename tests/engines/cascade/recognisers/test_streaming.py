"""The thread that decodes streams, with a model that hears bytes."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.extras import until

from antiphon.engines.cascade.parts import RecogniserBusy, RecogniserFailed
from antiphon.engines.cascade.recognisers import streaming
from antiphon.engines.cascade.recognisers.sherpa import SherpaUtterance
from antiphon.engines.cascade.recognisers.streaming import Decoding

CHUNK = 1_600


class FakeStream:
    def __init__(self) -> None:
        self.samples = np.zeros(0, np.float32)
        self.words: list[str] = []

    def accept_waveform(self, rate: int, samples: Any) -> None:
        assert rate == 16_000
        self.samples = np.concatenate([self.samples, samples])


class FakeModel:
    """Takes a tenth of a second at a time; the words are the values of its first samples, but for zeros."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.failures = 0

    def create_stream(self) -> FakeStream:
        return FakeStream()

    def is_ready(self, stream: FakeStream) -> bool:
        return len(stream.samples) >= CHUNK

    def decode_streams(self, streams: list[FakeStream]) -> None:
        assert self.gate.wait(10)
        self.batches.append(len(streams))
        if self.failures:
            self.failures -= 1
            raise RuntimeError("out of memory")
        for stream in streams:
            value = round(float(stream.samples[0]) * 32_768)
            stream.samples = stream.samples[CHUNK:]
            stream.words += [str(value)] if value else []

    def get_result(self, stream: FakeStream) -> str:
        return " " + " ".join(stream.words)


def sound(value: int, samples: int = CHUNK) -> bytes:
    return np.full(samples, value, "<i2").tobytes()


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def decoding(model: FakeModel) -> Iterator[Decoding]:
    made = Decoding(model)
    model.batches.clear()
    made.start()
    yield made
    model.gate.set()
    made.close()


async def test_words_grow_and_the_end_is_heard(decoding: Decoding) -> None:
    utterance = SherpaUtterance(decoding, 5.0)
    utterance.feed(sound(7) + sound(8) + sound(9, 100))
    assert (await utterance.finish()).text == "7 8 9"
    assert (await utterance.partial()).text == "7 8 9"
    utterance.feed(sound(10))
    assert (await utterance.finish()).text.startswith("7 8 9")
    assert (await utterance.finish()).text.endswith("10")
    await utterance.aclose()


async def test_streams_are_decoded_together(decoding: Decoding, model: FakeModel) -> None:
    model.gate.clear()
    utterances = [SherpaUtterance(decoding, 5.0) for _ in range(40)]
    for number, utterance in enumerate(utterances):
        utterance.feed(sound(number + 1))
    finals = asyncio.gather(*(utterance.finish() for utterance in utterances))
    await asyncio.sleep(0)
    model.gate.set()
    assert [final.text for final in await finals] == [str(number + 1) for number in range(40)]
    assert max(model.batches) == streaming.MAX_BATCH
    assert len(model.batches) < 40


async def test_a_model_that_fails_fails_its_batch_only(decoding: Decoding, model: FakeModel) -> None:
    model.failures = 1
    utterance = SherpaUtterance(decoding, 5.0)
    utterance.feed(sound(1))
    with pytest.raises(RecogniserFailed, match="out of memory"):
        await utterance.finish()
    utterance.feed(sound(2))
    with pytest.raises(RecogniserFailed, match="out of memory"):
        await utterance.finish()
    await utterance.aclose()
    other = SherpaUtterance(decoding, 5.0)
    other.feed(sound(3))
    assert (await other.finish()).text == "3"


async def test_who_waits_too_long_is_told_so(decoding: Decoding, model: FakeModel) -> None:
    model.gate.clear()
    utterance = SherpaUtterance(decoding, 0.01)
    utterance.feed(sound(1))
    with pytest.raises(RecogniserBusy, match=r"more than 0\.01 s behind"):
        await utterance.finish()
    model.gate.set()
    other = SherpaUtterance(decoding, 5.0)
    other.feed(sound(4))
    assert (await other.finish()).text == "4"


async def test_a_stream_far_behind_loses_sound_and_counts_it(
    decoding: Decoding, model: FakeModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(streaming, "_BACKLOG_BYTES", 2 * CHUNK)
    model.gate.clear()
    busy, utterance = SherpaUtterance(decoding, 5.0), SherpaUtterance(decoding, 5.0)
    busy.feed(sound(9))
    await until(lambda: not decoding._commands)
    for value in (1, 2, 3, 4):
        utterance.feed(sound(value))
    assert utterance.lost_bytes == 2 * 2 * CHUNK
    assert caplog.text.count("falls behind") == 1
    model.gate.set()
    assert (await utterance.finish()).text == "1 2"


async def test_closing_answers_everybody_and_ends_the_thread(decoding: Decoding, model: FakeModel) -> None:
    model.gate.clear()
    utterance = SherpaUtterance(decoding, 5.0)
    utterance.feed(sound(1))
    waiting = asyncio.create_task(utterance.finish())
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(decoding.close))
    await asyncio.sleep(0.01)
    model.gate.set()
    await closing
    assert (await waiting).text in ("", "1")
    utterance.feed(sound(2))
    assert (await utterance.finish()).text in ("", "1")
    await utterance.aclose()
    assert not [thread for thread in threading.enumerate() if thread.name == "sherpa"]


async def test_a_recogniser_that_is_not_running_is_busy() -> None:
    utterance = SherpaUtterance(None, 5.0)
    utterance.feed(sound(1))
    with pytest.raises(RecogniserBusy, match="not running"):
        await utterance.finish()
    await utterance.aclose()


def test_a_model_that_takes_no_step_is_refused() -> None:
    class Deaf(FakeModel):
        def is_ready(self, stream: FakeStream) -> bool:
            return False

    with pytest.raises(ValueError, match="takes no step"):
        Decoding(Deaf())
