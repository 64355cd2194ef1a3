"""Utterances that are read as a whole."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.parts import RecogniserBusy, RecogniserFailed, RecognitionContext
from antiphon.engines.cascade.recognisers import whole
from antiphon.engines.cascade.recognisers.whole import Spend, WholeUtterance
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage

ONE = UpstreamUsage("openai", "whisper-1", Usage(Tokens(audio=10)), seconds=1.0)
CONTEXT = RecognitionContext(("hello",), "de")


class Reader:
    """Reads how many bytes there are."""

    def __init__(self) -> None:
        self.reads: list[bytes] = []
        self.glances = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None

    async def read(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str:
        assert context == CONTEXT
        self.reads.append(pcm)
        spend(ONE)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"{len(pcm)} bytes"

    async def glance(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str | None:
        self.glances += 1
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return f"{len(pcm)} so far"


@pytest.fixture
def reader() -> Reader:
    return Reader()


async def test_a_reading_is_remembered_until_there_is_more_sound(reader: Reader) -> None:
    utterance = WholeUtterance(CONTEXT, reader)
    utterance.feed(b"ab")
    assert [(await utterance.finish()).text for _ in range(2)] == ["2 bytes"] * 2
    utterance.feed(b"cd")
    assert (await utterance.finish()).text == "4 bytes"
    assert reader.reads == [b"ab", b"abcd"]


@given(st.lists(st.binary(max_size=5), max_size=8))
def test_what_is_read_is_all_that_was_fed(pieces: list[bytes]) -> None:
    async def run() -> None:
        reader = Reader()
        utterance = WholeUtterance(CONTEXT, reader)
        for piece in pieces:
            utterance.feed(piece)
        await utterance.finish()
        assert reader.reads == ([b"".join(pieces)] if any(pieces) else [])

    asyncio.run(run())


async def test_what_was_used_is_told_once_and_adds_up(reader: Reader) -> None:
    utterance = WholeUtterance(CONTEXT, reader)
    utterance.feed(b"ab")
    reader.gate.clear()
    guess = asyncio.create_task(utterance.finish())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    guess.cancel()
    await asyncio.gather(guess, return_exceptions=True)
    reader.gate.set()
    assert (await utterance.finish()).used == UpstreamUsage("openai", "whisper-1", Usage(Tokens(audio=20)), seconds=2.0)
    assert (await utterance.finish()).used is None


@pytest.mark.parametrize("failure", [RecogniserBusy("full"), RecogniserFailed("broken")])
async def test_failures_are_those_of_the_reader_and_may_pass(reader: Reader, failure: Exception) -> None:
    utterance = WholeUtterance(CONTEXT, reader)
    utterance.feed(b"ab")
    reader.failure = failure
    with pytest.raises(type(failure)):
        await utterance.finish()
    assert (await utterance.partial()).text == ""
    reader.failure = None
    assert (await utterance.finish()).text == "2 bytes"


async def test_looks_are_few(reader: Reader, loop_clock: Any) -> None:
    utterance = WholeUtterance(CONTEXT, reader)
    assert (await utterance.partial()).text == ""
    assert reader.glances == 0
    for _ in range(100):
        utterance.feed(b"ab")
        await utterance.partial()
        loop_clock.now += 0.125
    assert reader.glances == 25
    assert (await utterance.partial()).text == "200 so far"


async def test_slow_looks_are_fewer(reader: Reader, loop_clock: Any) -> None:
    utterance = WholeUtterance(CONTEXT, reader)
    reader.gate.clear()
    utterance.feed(b"ab")
    slow = asyncio.create_task(utterance.partial())
    await loop_clock.advance(0)
    await loop_clock.advance(2)
    assert (await utterance.partial()).text == ""  # one at a time
    reader.gate.set()
    assert (await slow).text == "2 so far"
    utterance.feed(b"cd")
    await loop_clock.advance(3)
    await utterance.partial()
    assert reader.glances == 1
    await loop_clock.advance(1.5)
    await utterance.partial()
    assert reader.glances == 2


async def test_of_a_long_utterance_the_end_is_kept(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_KEPT_BYTES", 4)
    utterance = WholeUtterance(CONTEXT, reader)
    for piece in (b"ab", b"cd", b"ef"):
        utterance.feed(piece)
    await utterance.finish()
    assert reader.reads == [b"cdef"]
    assert utterance.lost_bytes == 2


async def test_closing_ends_a_reading_and_answers_who_waits(reader: Reader) -> None:
    utterance = WholeUtterance(CONTEXT, reader)
    utterance.feed(b"ab")
    reader.gate.clear()
    waiting = asyncio.create_task(utterance.finish())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await utterance.aclose()
    assert (await waiting).text == ""
    assert asyncio.all_tasks() == {asyncio.current_task()}
