"""What waits to be written to a client: bounded, and quick to forget speech that nobody wants any more."""

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from antiphon.live.effects import SendFrame, SendSpeech
from antiphon.wire.gemini.server import ServerMessage

MAX_SPEECH_BYTES = 24_000 * 2 * 120
"""Model speech that may wait for a slow client: two minutes."""


class Hangup(Struct, frozen=True):
    """The last thing written: a close frame."""

    code: int
    reason: str


Outgoing = ServerMessage | SendSpeech | SendFrame | Hangup


class Outbox:
    """A queue from a call to its door.

    Only model speech is ever dropped: that of a generation that was interrupted, and, when a client reads so slowly
    that :data:`MAX_SPEECH_BYTES` wait already, what would come on top. Messages always stay, in order.

    ``straight`` is a short way past the queue: it writes an item at once, or returns False where that cannot be or the
    item is no speech. It is tried only while somebody waits in :meth:`get` and nothing waits for them.
    """

    def __init__(self) -> None:
        self._items: deque[Outgoing] = deque()
        self._ready = asyncio.Event()
        self._awaited = False
        self._speech_bytes = 0
        self.straight: Callable[[Outgoing], bool] | None = None
        self.dropped_bytes = 0
        """Speech dropped because the client read too slowly."""

    def put(self, item: Outgoing) -> None:
        """Queue ``item``, or write it at once."""
        straight = self.straight if self._awaited and not self._items else None
        if straight is not None and straight(item):
            return
        if size := _speech_bytes(item):
            if self._speech_bytes + size > MAX_SPEECH_BYTES:
                self.dropped_bytes += size
                return
            self._speech_bytes += size
        self._items.append(item)
        self._ready.set()

    def forget_speech_before(self, generation: int) -> None:
        """Drop the speech of every generation numbered below ``generation``."""
        kept = [item for item in self._items if not 0 < _generation(item) < generation]
        self._items = deque(kept)
        self._speech_bytes = sum(map(_speech_bytes, kept))

    async def get(self) -> Outgoing:
        """The next item, once there is one."""
        while not self._items:
            self._ready.clear()
            self._awaited = True
            try:
                await self._ready.wait()
            finally:
                self._awaited = False
        item = self._items.popleft()
        self._speech_bytes -= _speech_bytes(item)
        return item


def _speech_bytes(item: Outgoing) -> int:
    """How much speech it holds, as PCM; a frame that was passed on is base64 and little else."""
    if type(item) is SendSpeech:
        return len(item.pcm)
    if type(item) is SendFrame and item.generation:
        return len(item.frame) * 3 // 4
    return 0


def _generation(item: Outgoing) -> int:
    """Whose speech it is; 0 for everything else."""
    return item.generation if isinstance(item, SendSpeech | SendFrame) else 0
