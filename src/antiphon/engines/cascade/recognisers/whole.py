"""Utterances for recognisers that do not stream: all of the sound is read anew, each time somebody asks."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from antiphon.engines.cascade.parts import INPUT_RATE, Hypothesis, RecogniserBusy, RecogniserFailed, RecognitionContext
from antiphon.live.tokens import UpstreamUsage

log = logging.getLogger("antiphon.cascade")

KEPT_SECONDS: Final = 120
"""How much of an utterance is kept: its end, where it is longer. What was lost is counted."""

_KEPT_BYTES = KEPT_SECONDS * INPUT_RATE * 2
_LOOK_GAP = 0.5
_LOOK_SHARE = 3.0

Spend = Callable[[UpstreamUsage], None]


class Reader(Protocol):
    """Reads whole sounds."""

    async def read(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str:
        """The words of ``pcm``; ``spend`` is told what that used, also when it is cancelled on the way.

        Raises:
            RecogniserBusy, RecogniserFailed: there are none to be had.
        """
        ...

    async def glance(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str | None:
        """The same for a look in between; None where that would keep somebody else waiting, or costs money."""
        ...


class WholeUtterance:
    """The :class:`~antiphon.engines.cascade.parts.Utterance` that a :class:`Reader` reads.

    A reading is remembered until there is more sound. Looks in between come at most twice a second, and take at most a
    third of the time of one thread.
    """

    def __init__(self, context: RecognitionContext, reader: Reader) -> None:
        self._context = context
        self._reader = reader
        self._sound = bytearray()
        self._fed_bytes = 0
        self.lost_bytes = 0
        self._final = _Reading()
        self._look = _Reading()
        self._next_look = 0.0
        self._used: UpstreamUsage | None = None
        self._reads: set[asyncio.Task[str]] = set()
        self._closed = False

    def feed(self, pcm: bytes) -> None:
        """Take more sound; of an utterance without end the beginning is lost, and counted."""
        if self._closed:
            return
        self._sound += pcm
        self._fed_bytes += len(pcm)
        excess = len(self._sound) - _KEPT_BYTES
        if excess > 0:
            if not self.lost_bytes:
                log.warning("an utterance is longer than %d s: its beginning is lost", KEPT_SECONDS)
            self.lost_bytes += excess
            del self._sound[:excess]

    async def finish(self) -> Hypothesis:
        """The words of all sound fed so far.

        Raises:
            RecogniserBusy, RecogniserFailed: there are none to be had.
        """
        if self._fed_bytes != self._final.of_bytes and not self._closed:
            of_bytes = self._fed_bytes
            words = await self._read()
            self._final = _Reading(words, of_bytes)
        return Hypothesis("" if self._closed else self._final.words, self._take_used())

    async def partial(self) -> Hypothesis:
        """The words of a look that is not too long ago."""
        now = asyncio.get_running_loop().time()
        if not self._closed and self._fed_bytes != self._look.of_bytes and now >= self._next_look:
            await self._glance(now)
        return Hypothesis(self._look.words, self._take_used())

    async def aclose(self) -> None:
        """Stop reading; who still waits gets an empty reading. Idempotent."""
        self._closed = True
        self._sound.clear()
        for read in self._reads:
            read.cancel()
        await asyncio.gather(*self._reads, return_exceptions=True)

    async def _read(self) -> str:
        read = asyncio.create_task(self._reader.read(bytes(self._sound), self._context, self._spend))
        self._reads.add(read)
        read.add_done_callback(self._reads.discard)
        try:
            return await read
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                return ""
            raise

    async def _glance(self, now: float) -> None:
        of_bytes = self._fed_bytes
        self._next_look = float("inf")  # one look at a time
        words = None
        try:
            with suppress(RecogniserFailed, RecogniserBusy):
                words = await self._reader.glance(bytes(self._sound), self._context, self._spend)
        finally:
            took = asyncio.get_running_loop().time() - now
            self._next_look = now + max(_LOOK_GAP, _LOOK_SHARE * took)
        if words is not None:
            self._look = _Reading(words, of_bytes)

    def _spend(self, used: UpstreamUsage) -> None:
        self._used = used if self._used is None else _sum(self._used, used)

    def _take_used(self) -> UpstreamUsage | None:
        used, self._used = self._used, None
        return used


class _Reading:
    """Words, and of how many bytes since the utterance began they are."""

    def __init__(self, words: str = "", of_bytes: int = 0) -> None:
        self.words = words
        self.of_bytes = of_bytes


def _sum(one: UpstreamUsage, two: UpstreamUsage) -> UpstreamUsage:
    """Of the same provider and model."""
    return UpstreamUsage(
        two.provider,
        two.model,
        one.usage + two.usage,
        one.seconds + two.seconds,
        one.estimated or two.estimated,
    )
