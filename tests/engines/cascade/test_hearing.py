"""One activity while it is heard."""

import asyncio
from typing import Any

import pytest

from antiphon.audio.frames import FRAME_BYTES
from antiphon.engines.cascade.hearing import INTERIM_BYTES, Hearing
from antiphon.engines.cascade.parts import RecogniserFailed
from antiphon.live.tokens import UpstreamUsage

FRAME = bytes(FRAME_BYTES)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def utterance(recogniser: Any) -> Any:
    return recogniser.utterance()


async def test_a_guess_holds_more_sound_back_until_it_was_wrong(utterance: Any) -> None:
    hearing, words = Hearing(utterance), []
    hearing.feed(FRAME)
    hearing.guess(words.append)
    hearing.feed(FRAME)
    await settle()
    assert words == ["1 frames"]
    assert utterance.fed == FRAME
    hearing.go_on()
    assert utterance.fed == 2 * FRAME
    await hearing.aclose()


async def test_a_right_guess_is_the_final(utterance: Any) -> None:
    hearing = Hearing(utterance)
    hearing.feed(FRAME)
    hearing.guess(lambda _: None)
    hearing.feed(FRAME)
    hearing.end()
    assert await hearing.words() == "1 frames"
    assert utterance.finishes == 1
    await hearing.aclose()
    assert utterance.closed


@pytest.mark.parametrize("over", [Hearing.go_on, Hearing.end])
async def test_words_that_come_too_late_are_not_reported(utterance: Any, over: Any) -> None:
    hearing, words = Hearing(utterance), []
    utterance.gate.clear()
    hearing.guess(words.append)
    await settle()
    over(hearing)
    utterance.gate.set()
    await settle()
    assert words == []
    await hearing.aclose()


async def test_a_guess_without_a_recogniser_has_no_words(utterance: Any) -> None:
    hearing, words = Hearing(utterance), []
    utterance.busy = True
    hearing.guess(words.append)
    await settle()
    assert words == [None]
    hearing.end()
    assert await hearing.words() == ""
    await hearing.aclose()


async def test_one_look_at_a_time(utterance: Any) -> None:
    shown: list[str] = []

    def show(words: str) -> bool:
        shown.append(words)
        return True

    hearing = Hearing(utterance, show)
    utterance.partials = ["one", "two"]
    utterance.gate.clear()
    for _ in range(3):
        hearing.feed(bytes(INTERIM_BYTES))
        await settle()
    assert utterance.looks == 1
    utterance.gate.set()
    await settle()
    hearing.feed(FRAME)
    await settle()
    assert (utterance.looks, shown) == (2, ["one", "two"])
    await hearing.aclose()


async def test_words_that_were_not_taken_are_offered_again(utterance: Any) -> None:
    offers: list[str] = []

    def refuse_first(words: str) -> bool:
        offers.append(words)
        return len(offers) > 1

    hearing = Hearing(utterance, refuse_first)
    utterance.partials = ["same"] * 3
    for _ in range(3):
        hearing.feed(bytes(INTERIM_BYTES))
        await settle()
    assert offers == ["same", "same"]
    await hearing.aclose()


async def test_closing_ends_every_task(utterance: Any) -> None:
    hearing = Hearing(utterance, lambda _: True)
    utterance.gate.clear()
    hearing.feed(bytes(INTERIM_BYTES))
    hearing.guess(lambda _: None)
    await settle()
    hearing.go_on()
    hearing.guess(lambda _: None)
    await settle()
    await hearing.aclose()
    await hearing.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_an_upstream_was_used_for_is_told_even_when_its_words_are_not_wanted(utterance: Any) -> None:
    told: list[UpstreamUsage] = []
    utterance.used = UpstreamUsage("openai", "whisper-1", seconds=2.0)
    hearing = Hearing(utterance, None, told.append)
    hearing.feed(FRAME)
    hearing.guess(lambda _: None)
    await settle()
    hearing.go_on()
    hearing.end()
    await hearing.words()
    assert told == [utterance.used] * 2
    await hearing.aclose()


async def test_a_look_that_fails_is_no_failure(utterance: Any) -> None:
    async def fail() -> Any:
        utterance.looks += 1
        raise RecogniserFailed("out of order")

    utterance.partial = fail
    hearing, words = Hearing(utterance, lambda _: True), []
    for _ in range(2):
        hearing.feed(bytes(INTERIM_BYTES))
        await settle()
    hearing.guess(words.append)
    await settle()
    assert utterance.looks == 2
    assert words == ["16 frames"]
    await hearing.aclose()
