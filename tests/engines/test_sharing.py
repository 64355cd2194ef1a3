"""A model is loaded once for all who have equal settings, and freed when the last of them is closed."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import SpeechChunk
from antiphon.engines.sharing import Pool


class Voice:
    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.starts = self.closes = 0

    async def start(self) -> None:
        self.starts += 1
        await asyncio.sleep(0)
        if self.fails:
            raise EngineUnavailable(self.fails)

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        yield SpeechChunk(f"{text} {voice} {language}".encode())

    async def aclose(self) -> None:
        self.closes += 1


class Recogniser(Voice):
    def context(self, *said: Any) -> Any:
        return said

    def utterance(self, context: Any) -> Any:
        return ("utterance", context)


class Maker:
    """Makes voices, and knows them."""

    def __init__(self) -> None:
        self.made: list[Voice] = []
        self.fails = ""

    def __call__(self) -> Voice:
        self.made.append(Voice(self.fails))
        return self.made[-1]


@pytest.fixture
def make() -> Maker:
    return Maker()


async def test_equal_settings_are_one_model(make: Maker) -> None:
    pool = Pool()
    first, second, other = pool.voice("a", make), pool.voice("a", make), pool.voice("b", make)
    await asyncio.gather(first.start(), second.start(), other.start())
    assert [voice.starts for voice in make.made] == [1, 1]
    assert [chunk.pcm async for chunk in second.speak("hi", "Puck", "de")] == [b"hi Puck de"]


async def test_it_is_freed_with_the_last(make: Maker) -> None:
    pool = Pool()
    first, second = pool.voice("a", make), pool.voice("a", make)
    await asyncio.gather(first.start(), second.start())
    await first.aclose()
    await first.aclose()
    assert make.made[0].closes == 0
    await second.aclose()
    assert make.made[0].closes == 1


async def test_one_that_was_never_started_frees_nothing(make: Maker) -> None:
    pool = Pool()
    first, second = pool.voice("a", make), pool.voice("a", make)
    await first.start()
    await second.aclose()
    assert make.made[0].closes == 0


async def test_after_that_it_is_loaded_anew(make: Maker) -> None:
    pool = Pool()
    for _ in range(2):
        share = pool.voice("a", make)
        await share.start()
        await share.aclose()
    assert [(voice.starts, voice.closes) for voice in make.made] == [(1, 1), (1, 1)]


async def test_one_that_cannot_be_loaded_is_freed_and_tried_anew(make: Maker) -> None:
    share = Pool().voice("a", make)
    make.fails = ""
    make.made[0].fails = "no model"
    with pytest.raises(EngineUnavailable, match="no model"):
        await share.start()
    assert make.made[0].closes == 1
    await share.start()
    assert make.made[1].starts == 1


async def test_a_recogniser_is_shared_likewise() -> None:
    recogniser = Recogniser()
    share = Pool().recogniser("a", lambda: recogniser)  # type: ignore[arg-type, return-value]
    await share.start()
    context = share.context("instruction", (), ("phrase",), "de")
    assert context == ("instruction", (), ("phrase",), "de")  # type: ignore[comparison-overlap]
    assert share.utterance(context) == ("utterance", context)  # type: ignore[comparison-overlap]


async def test_all_hear_with_the_same_ears() -> None:
    pool = Pool()
    first, second = pool.activity(), pool.activity()
    assert first.name == ""
    await asyncio.gather(first.start(), second.start())
    assert first.ears is second.ears
    assert first.name == second.name != ""
    await first.aclose()
    heard = asyncio.Event()
    ear = second.ears.attach(lambda probability, frame: heard.set())
    ear.feed(bytes(1024))
    await asyncio.wait_for(heard.wait(), 20)
    await second.aclose()


def test_a_voice_and_a_recogniser_of_equal_settings_are_two(make: Maker) -> None:
    pool = Pool()
    pool.voice("a", make)
    pool.recogniser("a", Recogniser)  # type: ignore[type-abstract, arg-type]
    assert len(make.made) == 1
