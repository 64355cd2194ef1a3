"""The engine as a whole: sound in, an answer that rests on the sound, and who speaks it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.cascade.brain.language_model.model import Delta, Request, Spoke
from antiphon.engines.cascade.parts import SpeechChunk, SpokenWord
from antiphon.engines.native.omni.engine import HearingEngine
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    GenerationComplete,
    InputTranscript,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Respond,
    Speech,
)
from antiphon.live.history import model as modelled
from antiphon.live.history import user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import ActivityDetection, Setup

PROFILE = PROFILES["gemini-3.8-live"]
MANUAL = ActivityDetection(automatic=False)
Noise = Callable[..., bytes]


class Voice:
    """A tenth of a second for each text."""

    def __init__(self) -> None:
        self.spoken: list[str] = []

    async def start(self) -> None:
        pass

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        self.spoken.append(text)
        yield SpeechChunk(bytes(4_800), (SpokenWord(text, 0.0),))

    async def aclose(self) -> None:
        pass


class SpeakingModel:
    """Speaks its answer itself."""

    name, provider, vision, thinks = "speaking", "", False, False

    async def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        yield Spoke(SpeechChunk(b"\1\0" * 4_800, (SpokenWord("Good", 0.0),)))
        yield Spoke(SpeechChunk(b"\2\0" * 4_800, (SpokenWord(" day", 0.1),)))


async def until(conversation: Any, kind: type) -> list[ModelEvent]:
    """The next events, up to one of this kind."""
    events: list[ModelEvent] = []
    async with asyncio.timeout(10):
        async for event in conversation:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError("the conversation ended")


async def speak(conversation: Any, pcm: bytes) -> str:
    """Say something in a turn; the words that were read from it."""
    conversation.send(ActivityStart())
    conversation.send(Audio(pcm, 16_000))
    conversation.send(ActivityEnd())
    (*_, final) = await until(conversation, InputTranscript)
    return str(final.text)


@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_an_answer_to_what_was_heard(model: Any, noise: Noise, modality: Any) -> None:
    voice = Voice()
    engine = HearingEngine(LanguageModelBrain(model), voice, sound_seconds=60)
    await engine.start()
    conversation = await engine.open(Setup(PROFILE, modality=modality, detection=MANUAL))
    first = await speak(conversation, noise(1.0))
    conversation.send(Respond(1, (user(first),)))
    await until(conversation, GenerationComplete)
    second = await speak(conversation, noise(2.0, 1))
    assert first != second
    conversation.send(Respond(2, (user(first), modelled("Yes?"), user(second))))
    events = await until(conversation, GenerationComplete)
    await conversation.aclose()
    await engine.aclose()
    kind = OutputTranscript if modality == "audio" else ModelText
    # 320 ms of silence come before each turn, for the recogniser.
    answer = "".join(event.text for event in events if isinstance(event, kind))
    assert answer == "heard 1320 ms 2320 ms"
    assert bool(voice.spoken) is (modality == "audio")
    assert (model.started, model.closed) == (1, 1)


async def test_a_model_that_speaks_needs_no_voice(model: Any) -> None:
    voice = Voice()
    speaking: Any = LanguageModelBrain(SpeakingModel())  # type: ignore[arg-type]
    engine = HearingEngine(LanguageModelBrain(model), voice, speaking=speaking)
    await engine.start()
    conversation = await engine.open(Setup(PROFILE, detection=MANUAL))
    conversation.send(Respond(1, (user("hello"),)))
    events = await until(conversation, GenerationComplete)
    pcm = b"".join(event.pcm for event in events if isinstance(event, Speech))
    assert pcm == b"\1\0" * 4_800 + b"\2\0" * 4_800
    words = [(event.text, event.offset) for event in events if isinstance(event, OutputTranscript)]
    assert words == [("Good", 0.0), (" day", pytest.approx(0.3))]
    assert voice.spoken == []
    text = await engine.open(Setup(PROFILE, modality="text", detection=MANUAL))
    text.send(Respond(1, (user("hello"),)))
    written = [event.text for event in await until(text, GenerationComplete) if isinstance(event, ModelText)]
    assert "".join(written) == "heard"
    for each in (conversation, text):
        await each.aclose()
    await engine.aclose()


async def test_no_conversation_before_the_start(model: Any) -> None:
    with pytest.raises(EngineUnavailable, match="not been started"):
        await HearingEngine(LanguageModelBrain(model), Voice()).open(Setup(PROFILE))


def test_its_abilities(model: Any) -> None:
    abilities = HearingEngine(LanguageModelBrain(model), Voice(), tools=False).abilities
    assert (abilities.name, abilities.tools, abilities.continues) == ("omni", False, True)
    assert not abilities.takes_turns
