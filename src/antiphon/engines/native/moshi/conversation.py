"""One caller of a full-duplex model: sound in, sound out, all the time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TypeVar

from antiphon.audio.resample import Resampler
from antiphon.engines.native.moshi.frames import FRAME_SECONDS, RATE, Said
from antiphon.engines.native.moshi.stage import Stage
from antiphon.engines.native.moshi.turns import Turns
from antiphon.live.events import ActivityEnd, ActivityStart, Audio, Interrupt, Lost, ModelEvent, StreamEnd, UserEvent

log = logging.getLogger("antiphon.native")

T = TypeVar("T")


class MoshiConversation:
    """The :class:`~antiphon.engines.base.Conversation` of a slot of the stage.

    The model hears sound and nothing else: whatever else the client sends is noted in the log, once for each kind. When
    the user speaks into an answer, it is the model that falls silent, or does not.
    """

    def __init__(self, stage: Stage, turns: Turns) -> None:
        """Take a slot of ``stage``.

        Raises:
            EngineUnavailable: all are taken.
        """
        self._stage = stage
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[ModelEvent] = asyncio.Queue()
        self._resampler = Resampler(RATE, RATE)
        self._noted: set[str] = set()
        self._closed = False
        self._slot = stage.join(self._deliver, self._fail)

    def send(self, event: UserEvent) -> None:
        """Take what the user does."""
        match event:
            case Audio(pcm, rate):
                self._hear(pcm, rate)
            case Interrupt(generation):
                self._turns.interrupt(generation)
            case StreamEnd() | ActivityEnd():
                self._pause()
            case ActivityStart():
                pass  # its sound says so
            case _:
                self.note(type(event).__name__)

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does."""
        while True:
            yield await self._events.get()

    async def aclose(self) -> None:
        """Give the slot back. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._stage.leave(self._slot)
        if dropped := self._slot.dropped_frames:
            seconds = dropped * FRAME_SECONDS
            log.warning("%.2f s of input were dropped: the model is too slow for its sessions", seconds)

    def note(self, what: str) -> None:
        """Say in the log, once, that the model cannot take something."""
        if what not in self._noted:
            self._noted.add(what)
            log.warning("a full-duplex model hears sound and nothing else: %s is ignored", what)

    def _hear(self, pcm: bytes, rate: int) -> None:
        if rate != self._resampler.source_rate:
            self._resampler = Resampler(rate, RATE)
        if converted := self._resampler.feed(pcm):
            self._stage.feed(self._slot, converted)

    def _pause(self) -> None:
        if rest := self._resampler.flush():
            self._stage.feed(self._slot, rest)
        self._stage.pause(self._slot)

    # --- on the thread of the stage -------------------------------------------------------------------------

    def _deliver(self, said: Said) -> None:
        self._call(self._say, said)

    def _fail(self, error: Exception) -> None:
        self._call(self._lose, error)

    def _call(self, function: Callable[[T], None], argument: T) -> None:
        # A loop that was closed has nobody left who would listen.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, argument)

    # --- on the event loop ----------------------------------------------------------------------------------

    def _say(self, said: Said) -> None:
        if self._closed:
            return
        for event in self._turns.take(said):
            self._events.put_nowait(event)

    def _lose(self, error: Exception) -> None:
        self._events.put_nowait(Lost("the speech model failed", detail=repr(error), retry=False))
