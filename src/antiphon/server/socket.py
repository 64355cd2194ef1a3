"""The WebSocket transport: uvicorn's, with a short way for sound, and one to be rid of a client that does not read."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from websockets.http11 import Request

ABORT = "antiphon.abort"
"""Name of the ASGI extension: a function that drops the connection and what is still to be written."""

STRAIGHT = "antiphon.straight"
"""Name of the ASGI extension: the :class:`SocketProtocol` itself, for messages that need not wait."""

LINGER = 20.0
"""Seconds that a client has, once its session is over, to take what was written and to close."""

_WHOLE = (0x81, 0x82)
"""First bytes of a message in one frame, text or binary, without extensions."""
_MASKED = 0x80


class SocketProtocol(WebSocketsSansIOProtocol):
    """Drops connections where uvicorn would wait for a write buffer that never drains.

    An ASGI message costs a parser written in Python, a queue, a task and a pause in reading. ``taker``, while there is
    one, is handed whole messages before that, unless another one waits; it returns whether it took the message.
    """

    taker: Callable[[bytes], bool] | None = None
    _linger: asyncio.TimerHandle | None = None
    _aligned = False
    """Whether it is known where frames begin: the client sent none before the connection was open."""
    _owed = 0
    """Bytes of the present frame that are still to come."""
    _head = b""
    """What came of the header of the next frame."""

    def handle_connect(self, event: "Request") -> None:
        """Serve an upgrade request; the application may call :data:`ABORT`."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"] |= {ABORT: self.transport.abort, STRAIGHT: self}
            self._aligned = not self.conn.reader.buffer

    def data_received(self, data: bytes) -> None:
        """Bytes came: frames that are taken go straight to their taker, all others to the protocol, in order."""
        self._aligned = self._aligned and self.handshake_complete
        if not self._aligned:
            super().data_received(data)
            return
        data = self._head + data if self._head else data
        self._head = b""
        begin, at = 0, min(self._owed, len(data))
        self._owed -= at
        while at < len(data):
            payload, end = _extent(data, at)
            if not payload:
                self._head = data[at:]
                break
            if end > len(data):
                self._owed, at = end - len(data), len(data)
            elif data[at] in _WHOLE and data[at + 1] & _MASKED:
                # What came before may be what this one has to wait for.
                self._pass_on(data[begin:at])
                begin, at = end if self._take(data, payload, end) else at, end
            else:
                at = end
        self._pass_on(data[begin:at])

    def _pass_on(self, data: bytes) -> None:
        if data:
            super().data_received(data)

    def _take(self, data: bytes, payload: int, end: int) -> bool:
        """Hand the payload of a whole message to the taker, if there is one and nothing is in its way."""
        taker = self.taker
        if taker is None or self.frames or self.close_sent or self.conn.state is not State.OPEN or self.queue.qsize():
            return False
        return taker(apply_mask(data[payload:end], data[payload - 4 : payload]))

    def write(self, frame: bytes) -> bool:
        """Write a binary message now; False where it would have to wait, or the connection is at its end."""
        conn = self.conn
        if not self.writable.is_set() or self.close_sent or self.disconnected or conn.state is not State.OPEN:
            return False
        if conn.extensions:
            conn.send_binary(frame)
            self.transport.write(b"".join(conn.data_to_send()))
        else:
            self.transport.write(_header(len(frame)) + frame)
        return True

    def keepalive_timeout(self) -> None:
        """The client answered no ping: it is gone."""
        super().keepalive_timeout()
        self.transport.abort()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        """The application is done with this connection."""
        super().on_task_complete(task)
        if not self.disconnected:
            self._linger = self.loop.call_later(LINGER, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if self._linger is not None:
            self._linger.cancel()
        super().connection_lost(exc)


def _header(size: int) -> bytes:
    """The header of a server's binary frame with a payload of ``size`` bytes (RFC 6455, section 5.2)."""
    if size < 126:
        return bytes((0x82, size))
    return b"\x82\x7e" + size.to_bytes(2) if size < 1 << 16 else b"\x82\x7f" + size.to_bytes(8)


def _extent(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of the frame at ``at`` begins and ends; zeros if its header is not all there."""
    if len(data) < at + 2:
        return 0, 0
    length, payload = data[at + 1] & 0x7F, at + 2
    if length > 125:
        payload += 2 if length == 126 else 8
        length = int.from_bytes(data[at + 2 : payload])
    payload += 4 if data[at + 1] & _MASKED else 0
    return (payload, payload + length) if payload <= len(data) else (0, 0)
