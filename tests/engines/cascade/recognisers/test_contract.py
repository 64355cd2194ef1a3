"""What every recogniser does."""

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engines.cascade.recognisers.tiny import tone

from antiphon.engines.cascade.parts import Recogniser, Utterance

FRAME = 1024


def begin(recogniser: Recogniser) -> Utterance:
    return recogniser.utterance(recogniser.context("You are kind.", (), ("hello",), "de-DE"))


async def hear(recogniser: Recogniser, sound: bytes) -> str:
    utterance = begin(recogniser)
    for start in range(0, len(sound), FRAME):
        utterance.feed(sound[start : start + FRAME])
    text = (await utterance.finish()).text
    await utterance.aclose()
    return text


@pytest.mark.parametrize("letter", ["a", "d", "h"])
async def test_an_utterance_is_heard(any_recogniser: Any, letter: str) -> None:
    assert await hear(any_recogniser, tone(letter)) == letter


async def test_how_sound_is_cut_makes_no_difference(any_recogniser: Any) -> None:
    sound = tone("b", 0.6)
    loop = asyncio.get_running_loop()

    async def heard(cuts: list[int]) -> str:
        utterance = begin(any_recogniser)
        for start, end in zip([0, *cuts], [*cuts, len(sound)], strict=True):
            utterance.feed(sound[start:end])
        text = (await utterance.finish()).text
        await utterance.aclose()
        return text

    cutting = st.lists(st.integers(0, len(sound) // 2).map(lambda sample: 2 * sample), max_size=6).map(sorted)

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cutting)
    def check(cuts: list[int]) -> None:
        assert asyncio.run_coroutine_threadsafe(heard(cuts), loop).result(20) == "b"

    await asyncio.to_thread(check)


async def test_utterances_at_once_keep_apart(any_recogniser: Any) -> None:
    letters = "ahcf"
    assert await asyncio.gather(*(hear(any_recogniser, tone(letter)) for letter in letters)) == list(letters)


async def test_finishing_early_loses_nothing(any_recogniser: Any) -> None:
    utterance = begin(any_recogniser)
    utterance.feed(tone("b"))
    assert (await utterance.finish()).text == "b"
    assert (await utterance.finish()).text == "b"
    utterance.feed(tone("g", 4))
    assert (await utterance.finish()).text.endswith("g")
    await utterance.aclose()


async def test_a_finish_that_is_given_up_harms_nothing(any_recogniser: Any) -> None:
    utterance = begin(any_recogniser)
    utterance.feed(tone("b", 0.5))
    guess = asyncio.create_task(utterance.finish())
    await asyncio.sleep(0)
    guess.cancel()
    utterance.feed(tone("b", 0.5))
    assert set((await utterance.finish()).text.split()) == {"b"}  # some hear the pause, too
    await utterance.aclose()


async def test_words_come_while_they_are_spoken(any_recogniser: Any) -> None:
    utterance = begin(any_recogniser)
    assert (await utterance.partial()).text == ""
    utterance.feed(tone("e", 2))
    async with asyncio.timeout(10):
        while (await utterance.partial()).text != "e":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await utterance.aclose()


async def test_no_sound_is_no_words(any_recogniser: Any) -> None:
    utterance = begin(any_recogniser)
    assert (await utterance.finish()).text == ""
    await utterance.aclose()
    await utterance.aclose()


async def test_closing_an_utterance_answers_who_waits(any_recogniser: Any) -> None:
    utterance = begin(any_recogniser)
    utterance.feed(tone("c", 5))
    waiting = asyncio.create_task(utterance.finish())
    await asyncio.sleep(0)
    await utterance.aclose()
    async with asyncio.timeout(10):
        assert (await waiting).text in ("", "c")
    utterance.feed(tone("c"))
    assert (await utterance.finish()).text == ""
    assert (await utterance.partial()).text == ""


async def test_closing_ends_every_thread(any_recogniser: Any) -> None:
    await hear(any_recogniser, tone("a", 0.2))
    utterance = begin(any_recogniser)
    utterance.feed(tone("a"))
    await any_recogniser.aclose()
    await any_recogniser.aclose()
    await utterance.aclose()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("whisper", "sherpa"))]
