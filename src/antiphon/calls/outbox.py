"""What waits to be written to a client: bounded, and quick to forget speech that nobody wants any more."""

import asyncio
from collections import deque

from msgspec import Struct

from antiphon.live.effects import SendSpeech
from antiphon.wire.gemini.server import ServerMessage

MAX_SPEECH_BYTES = 24_000 * 2 * 120
"""Model speech that may wait for a slow client: two minutes."""


class Hangup(Struct, frozen=True):
    """The last thing written: a close frame."""

    code: int
    reason: str


Outgoing = ServerMessage | SendSpeech | Hangup


class Outbox:
    """A queue from a call to its door.

    Only model speech is ever dropped: that of a generation that was interrupted, and, when a client reads so slowly
    that :data:`MAX_SPEECH_BYTES` wait already, what would come on top. Messages always stay, in order.
    """

    def __init__(self) -> None:
        self._items: deque[Outgoing] = deque()
        self._ready = asyncio.Event()
        self._speech_bytes = 0
        self.dropped_bytes = 0
        """Speech dropped because the client read too slowly."""

    def put(self, item: Outgoing) -> None:
        """Queue ``item``."""
        if type(item) is SendSpeech:
            if self._speech_bytes + len(item.pcm) > MAX_SPEECH_BYTES:
                self.dropped_bytes += len(item.pcm)
                return
            self._speech_bytes += len(item.pcm)
        self._items.append(item)
        self._ready.set()

    def forget_speech_before(self, generation: int) -> None:
        """Drop the speech of every generation numbered below ``generation``."""
        kept = [item for item in self._items if type(item) is not SendSpeech or item.generation >= generation]
        self._items = deque(kept)
        self._speech_bytes = sum(len(item.pcm) for item in kept if type(item) is SendSpeech)

    async def get(self) -> Outgoing:
        """The next item, once there is one."""
        while not self._items:
            self._ready.clear()
            await self._ready.wait()
        item = self._items.popleft()
        if type(item) is SendSpeech:
            self._speech_bytes -= len(item.pcm)
        return item
