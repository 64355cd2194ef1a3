"""The engine and its conversations: slots, events, numbers, and an event loop that is never held up."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.moshi.engine import MoshiEngine
from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SECONDS
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    Content,
    GenerationComplete,
    GenerationStarted,
    Image,
    Interrupt,
    Lost,
    ModelEvent,
    OutputTranscript,
    Speech,
    StreamEnd,
)
from antiphon.live.history import user
from antiphon.live.profiles import PROFILES
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup, Tool

Tone = Callable[[int], bytes]
SETUP = Setup(PROFILES["gemini-3.8-live"])
CONFIG = MoshiConfig("echo", slots=2, silence=2 * FRAME_SECONDS)


@pytest.fixture
async def engine(echo: Any) -> AsyncIterator[MoshiEngine]:
    one = MoshiEngine(CONFIG, load=lambda config: echo)
    await one.start()
    yield one
    echo.gate.set()
    await one.aclose()


async def until(conversation: Any, kind: type) -> list[ModelEvent]:
    """The next events, up to one of this kind."""
    events: list[ModelEvent] = []
    async with asyncio.timeout(10):
        async for event in conversation:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError("the conversation ended")


async def test_sound_at_any_rate_comes_back_as_an_answer(engine: MoshiEngine, tone: Tone) -> None:
    conversation = await engine.open(SETUP, Seed(generation=3))
    conversation.send(Audio(tone(0) * 4, 16_000))
    conversation.send(StreamEnd())
    events = await until(conversation, GenerationComplete)
    assert events[0] == GenerationStarted(3)
    assert events[-1] == GenerationComplete(3)
    words = [event.text for event in events if isinstance(event, OutputTranscript)]
    assert words[:2] == ["row0", " row0"]
    heard = sum(len(event.pcm) for event in events if isinstance(event, Speech)) / FRAME_BYTES
    # Four frames of 24 kHz are six at 16 kHz, and two of silence end the answer.
    assert heard == pytest.approx(8, abs=1)
    await conversation.aclose()


async def test_an_interrupted_answer_stops_at_once_and_the_model_goes_on(engine: MoshiEngine, tone: Tone) -> None:
    conversation = await engine.open(SETUP)
    conversation.send(Audio(tone(0), 24_000))
    await until(conversation, OutputTranscript)
    conversation.send(Interrupt(2))
    for sound in (tone(1), bytes(3 * FRAME_BYTES), tone(2)):
        conversation.send(Audio(sound, 24_000))
    events = await until(conversation, OutputTranscript)
    assert events[0] == GenerationStarted(2)
    assert {getattr(event, "generation", None) for event in events} == {2}
    assert tone(1) not in [event.pcm for event in events if isinstance(event, Speech)]
    await conversation.aclose()


async def test_what_it_cannot_take_is_noted_once(engine: MoshiEngine, tone: Tone, caplog: Any) -> None:
    setup = Setup(SETUP.profile, tools=(Tool("get_weather"),), system_instruction="Be kind.")
    conversation = await engine.open(setup, Seed((user("hi"),), 2))
    for _ in range(2):
        conversation.send(Content((user("hello"),), complete=True))
        conversation.send(Image("image/png", b""))
    notes = [record.args[0] for record in caplog.records if record.args]
    assert notes == ["what was said before", "system_instruction", "tools", "Content", "Image"]
    conversation.send(Audio(tone(0), 24_000))
    assert (await until(conversation, GenerationStarted))[0] == GenerationStarted(2)
    await conversation.aclose()


async def test_push_to_talk_is_silence_between_the_turns(engine: MoshiEngine, tone: Tone, caplog: Any) -> None:
    conversation = await engine.open(SETUP)
    for generation in (1, 2):
        conversation.send(ActivityStart())
        conversation.send(Audio(tone(generation) * 2, 24_000))
        conversation.send(ActivityEnd())
        assert (await until(conversation, GenerationComplete))[-1] == GenerationComplete(generation)
    assert caplog.text == ""
    await conversation.aclose()


async def test_slots_are_given_back(engine: MoshiEngine) -> None:
    one, _ = await engine.open(SETUP), await engine.open(SETUP)
    with pytest.raises(EngineUnavailable, match="all 2 slots are taken"):
        await engine.open(SETUP)
    await one.aclose()
    await one.aclose()
    assert engine.sessions == 1
    await engine.open(SETUP)


async def test_a_model_that_fails_loses_the_conversation_for_good(engine: MoshiEngine, echo: Any, tone: Tone) -> None:
    conversation = await engine.open(SETUP)
    echo.error = RuntimeError("device lost")
    conversation.send(Audio(tone(0), 24_000))
    (lost,) = await until(conversation, Lost)
    assert isinstance(lost, Lost)
    assert (lost.retry, lost.reason) == (False, "the speech model failed")
    assert "device lost" in lost.detail
    with pytest.raises(EngineUnavailable, match="device lost"):
        await engine.open(SETUP)


async def test_dropped_sound_is_said(echo: Any, tone: Tone, caplog: Any) -> None:
    engine = MoshiEngine(MoshiConfig("echo", slots=2, backlog=FRAME_SECONDS), load=lambda config: echo)
    await engine.start()
    conversation = await engine.open(SETUP)
    echo.gate.clear()
    for number in range(5):
        conversation.send(Audio(tone(number), 24_000))
    await conversation.aclose()
    assert "s of input were dropped" in caplog.text
    echo.gate.set()
    await engine.aclose()


async def test_the_loop_is_never_held_up(engine: MoshiEngine, echo: Any, tone: Tone) -> None:
    """A step that lasts as long as the test: sending, opening and closing return meanwhile."""
    conversation = await engine.open(SETUP)
    echo.gate.clear()
    echo.entered.clear()
    conversation.send(Audio(tone(0), 24_000))
    assert await asyncio.to_thread(echo.entered.wait, 5)
    began = time.perf_counter()
    conversation.send(Audio(tone(1) * 50, 16_000))
    conversation.send(Interrupt(7))
    other = await engine.open(SETUP)
    await other.aclose()
    await conversation.aclose()
    # The gate is still closed: had any of it waited for the step, it would not have returned at all.
    assert not echo.gate.is_set()
    assert time.perf_counter() - began < 5


async def test_nothing_is_left_when_it_closes(echo: Any) -> None:
    engine = MoshiEngine(CONFIG, load=lambda config: echo)
    await engine.start()
    await engine.start()
    assert [thread.name for thread in threading.enumerate()].count("moshi") == 1
    await engine.aclose()
    await engine.aclose()
    assert "moshi" not in [thread.name for thread in threading.enumerate()]
    with pytest.raises(EngineUnavailable, match="not been started"):
        await engine.open(SETUP)


async def test_what_goes_wrong_while_loading_is_said() -> None:
    def broken(config: MoshiConfig) -> Any:
        raise ValueError("header too small")

    with pytest.raises(EngineUnavailable, match=r"model echo cannot be loaded: .*header too small"):
        await MoshiEngine(CONFIG, load=broken).start()


def test_its_abilities_say_what_it_is() -> None:
    abilities = MoshiEngine(CONFIG).abilities
    assert (abilities.modalities, abilities.tools, abilities.takes_turns) == (frozenset({"audio"}), False, True)
