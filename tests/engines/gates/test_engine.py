"""An engine behind gates: what it hears and sees, and what it says of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.engines.base import NOTHING
from antiphon.engines.gates import GateConfig, GatedEngine
from antiphon.engines.gates.engine import GatedConversation
from antiphon.live import events
from antiphon.live.abilities import Abilities
from antiphon.live.history import user
from antiphon.live.profiles import PROFILES
from antiphon.live.seed import Seed
from antiphon.live.setup import ActivityDetection, Setup
from antiphon.testing import SPOKEN

SPEECH = SPOKEN["my_name_is_alice"].pcm
PROFILE = PROFILES["gemini-3.8-live"]
FRAME = events.Image("image/jpeg", b"1")


class Ear:
    """A conversation that remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[events.UserEvent] = []
        self.says: asyncio.Queue[events.ModelEvent] = asyncio.Queue()
        self.closed = False

    def send(self, event: events.UserEvent) -> None:
        self.told.append(event)

    async def __aiter__(self) -> AsyncIterator[events.ModelEvent]:
        while True:
            yield await self.says.get()

    async def aclose(self) -> None:
        self.closed = True

    @property
    def seconds(self) -> float:
        return sum(len(event.pcm) / 32_000 for event in self.told if isinstance(event, events.Audio))


class Engine:
    abilities = Abilities("relay", takes_turns=True, paces=True)

    def __init__(self) -> None:
        self.ear = Ear()

    async def start(self) -> None: ...

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Ear:
        return self.ear

    async def aclose(self) -> None: ...


async def gated(setup: Setup | None = None, **config: Any) -> tuple[Any, Ear]:
    engine = Engine()
    conversation = await GatedEngine(engine, GateConfig(**config)).open(setup or Setup(PROFILE))
    return conversation, engine.ear


def speak(conversation: Any, pcm: bytes) -> None:
    for at in range(0, len(pcm), 640):
        conversation.send(events.Audio(pcm[at : at + 640], 16_000))


class TestSound:
    async def test_silence_is_not_told_and_speech_is(self) -> None:
        conversation, ear = await gated(silence=True)
        speak(conversation, bytes(320_000) + SPEECH + bytes(320_000))
        assert ear.seconds < len(SPEECH) / 32_000 + 2.5

    async def test_an_upstream_that_did_not_answer_is_told_that_there_will_be_no_more(self) -> None:
        conversation, ear = await gated(silence=True)
        speak(conversation, SPEECH + bytes(320_000))
        assert isinstance(ear.told[-1], events.StreamEnd)

    async def test_one_that_did_is_not(self) -> None:
        conversation, ear = await gated(silence=True)
        listening = asyncio.ensure_future(anext(aiter(conversation)))
        speak(conversation, SPEECH)
        ear.says.put_nowait(events.GenerationStarted(1))
        await listening
        speak(conversation, bytes(320_000))
        assert all(isinstance(event, events.Audio) for event in ear.told)

    async def test_offsets_are_the_clients(self) -> None:
        conversation, ear = await gated(silence=True)
        listening = asyncio.ensure_future(anext(aiter(conversation)))
        speak(conversation, bytes(320_000) + SPEECH)
        raw = events.Relayed(b"...", (events.ActivityStarted(0.5),))
        ear.says.put_nowait(raw)
        told = await listening
        assert isinstance(told, events.ActivityStarted)
        assert told.offset == pytest.approx(10.0, abs=0.3)

    @pytest.mark.parametrize(
        "setup",
        [Setup(PROFILE, coverage="all_input"), Setup(PROFILE, detection=ActivityDetection(automatic=False))],
        ids=["all input", "manual"],
    )
    async def test_who_asks_for_all_of_it_has_no_gate(self, setup: Setup) -> None:
        conversation, ear = await gated(setup, silence=True, video=True)
        speak(conversation, bytes(64_000))
        assert ear.seconds == pytest.approx(2)


class TestVideo:
    async def test_frames_pass_around_speech_and_the_newest_of_before_first(self) -> None:
        conversation, ear = await gated(video=True)
        conversation.send(events.Image("image/jpeg", b"0"))
        conversation.send(FRAME)
        assert ear.told == []
        speak(conversation, SPEECH)
        assert [event.data for event in ear.told if isinstance(event, events.Image)] == [b"1"]
        assert isinstance(conversation, GatedConversation)
        conversation.send(events.Image("image/jpeg", b"2"))
        assert ear.told[-1] == events.Image("image/jpeg", b"2")
        assert conversation.video is not None
        assert (conversation.video.passed, conversation.video.saved) == (2, 1)

    async def test_sound_passes_whole_where_only_video_is_gated(self) -> None:
        conversation, ear = await gated(video=True)
        speak(conversation, bytes(64_000))
        assert ear.seconds == pytest.approx(2)

    async def test_what_is_typed_comes_with_what_is_seen(self) -> None:
        conversation, ear = await gated(video=True)
        conversation.send(FRAME)
        content = events.Content((user("What is this?"),), complete=True)
        conversation.send(content)
        assert ear.told == [FRAME, content]

    async def test_the_end_closes_the_engine(self) -> None:
        conversation, ear = await gated(silence=True, video=True)
        conversation.send(FRAME)
        await conversation.aclose()
        assert ear.closed


@pytest.mark.parametrize("wrong", [{"preroll": -1}, {"tail": float("inf")}, {"hangover": float("nan")}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GateConfig(**wrong)
