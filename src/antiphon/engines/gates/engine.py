"""An engine behind gates."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

from msgspec.structs import replace

from antiphon.audio.webrtc import WebRtcVad
from antiphon.engines.base import NOTHING, Conversation, Engine
from antiphon.engines.gates.config import GateConfig
from antiphon.engines.gates.silence import SilenceGate, hangover_for
from antiphon.engines.gates.video import VideoGate
from antiphon.live.events import (
    ActivityEnded,
    ActivityStart,
    ActivityStarted,
    Audio,
    Content,
    GenerationStarted,
    Image,
    ModelEvent,
    Relayed,
    StreamEnd,
    UserEvent,
)
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup

log = logging.getLogger("antiphon.gates")


class GatedEngine:
    """``engine``, which hears and sees only what ``config`` lets pass.

    Raises:
        VadUnavailable: the silence gate has no detector.
    """

    def __init__(self, engine: Engine, config: GateConfig) -> None:
        self.abilities = engine.abilities
        self._engine = engine
        self._config = config
        self._vad = WebRtcVad(aggressiveness=1) if config.silence or config.video else None

    async def start(self) -> None:
        """Start the engine."""
        await self._engine.start()

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Conversation:
        """Begin a conversation behind gates of its own."""
        conversation = await self._engine.open(setup, seed)
        all_input = setup.coverage == "all_input"
        if self._vad is None or all_input or not setup.detection.automatic:
            return conversation
        return GatedConversation(conversation, setup, self._config, self._vad)

    async def aclose(self) -> None:
        """Close the engine."""
        await self._engine.aclose()


class GatedConversation:
    """``conversation`` behind gates; what it says of the input is in the client's time."""

    def __init__(self, conversation: Conversation, setup: Setup, config: GateConfig, vad: WebRtcVad) -> None:
        hangover = hangover_for(config.hangover, setup.detection.silence_ms)
        self.silence = SilenceGate(vad, config.preroll, hangover)
        self.video = VideoGate(config.tail) if config.video else None
        self._conversation = conversation
        self._holds_silence = config.silence
        self._answered = True
        self._now = asyncio.get_running_loop().time

    @property
    def gaps(self) -> Sequence[Any]:
        """Times without an upstream, where the conversation tells them."""
        gaps: Sequence[Any] = getattr(self._conversation, "gaps", ())
        return gaps

    def send(self, event: UserEvent) -> None:
        """Take what the user does, and pass on what may pass."""
        match event:
            case Audio():
                self._hear(event)
            case Image() if self.video is not None:
                self._pass(self.video.show(event, self._now()))
            case Content() | ActivityStart():
                self._attend()
                self._conversation.send(event)
            case _:
                self._conversation.send(event)

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does."""
        async for event in self._conversation:
            if type(event) is GenerationStarted:
                self._answered = True
            for placed in self._placed(event):
                yield placed

    async def aclose(self) -> None:
        """End the conversation, and say what it did not have to hear."""
        if self.silence.saved or (self.video and self.video.saved):
            frames = self.video.saved if self.video else 0
            log.info("gates held back %.1f s of %.1f s, and %d frames", self.silence.saved, self.silence.heard, frames)
        await self._conversation.aclose()

    def _hear(self, audio: Audio) -> None:
        was_open = self.silence.open
        passing = self.silence.feed(audio)
        if self.silence.open:
            if not was_open:
                self._answered = False
            self._attend()
        elif was_open and self._holds_silence and not self._answered:
            # It has heard enough silence to decide that the turn is over, and has not: there will be no more.
            self._conversation.send(StreamEnd())
        self._pass(passing if self._holds_silence else [audio])

    def _attend(self) -> None:
        if self.video is not None:
            self._pass(self.video.attend(self._now()))

    def _pass(self, events: list[Audio] | list[Image]) -> None:
        for event in events:
            self._conversation.send(event)

    def _placed(self, event: ModelEvent) -> tuple[ModelEvent, ...]:
        """The event with its offsets in the client's input."""
        if not self._holds_silence or not self.silence.saved:
            return (event,)
        if isinstance(event, ActivityStarted | ActivityEnded):
            return (replace(event, offset=self.silence.input_offset(event.offset)),)
        if isinstance(event, Relayed) and any(isinstance(e, ActivityStarted | ActivityEnded) for e in event.events):
            return tuple(placed for each in event.events for placed in self._placed(each))
        return (event,)
