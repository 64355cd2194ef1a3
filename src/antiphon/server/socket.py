"""The WebSocket transport: uvicorn's, with a short way for sound, and one to be rid of a client that does not read."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

if TYPE_CHECKING:
    from websockets.http11 import Request

ABORT = "antiphon.abort"
"""Name of the ASGI extension: a function that drops the connection and what is still to be written."""

STRAIGHT = "antiphon.straight"
"""Name of the ASGI extension: the :class:`SocketProtocol` itself, for messages that need not wait."""

LINGER = 20.0
"""Seconds that a client has, once its session is over, to take what was written and to close."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Drops connections where uvicorn would wait for a write buffer that never drains.

    An ASGI message costs a queue, a task and a pause in reading. ``taker``, while there is one, is handed the client's
    messages before that, as they came, unless another one waits; it returns whether it took the message.
    """

    taker: Callable[[bytes], bool] | None = None
    _linger: asyncio.TimerHandle | None = None

    def handle_connect(self, event: "Request") -> None:
        """Serve an upgrade request; the application may call :data:`ABORT`."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"] |= {ABORT: self.transport.abort, STRAIGHT: self}

    def send_receive_event_to_app(self) -> None:
        """A message is whole."""
        taker = self.taker
        if (
            taker is None
            or self.close_sent
            or len(self.frames) > 1
            or not self.queue.empty()
            or not taker(*self.frames)
        ):
            super().send_receive_event_to_app()
        else:
            self.frames = []

    def write(self, frame: bytes) -> bool:
        """Write a binary message now; False where it would have to wait, or the connection is at its end."""
        if not self.writable.is_set() or self.disconnected or self.close_sent or not self.handshake_complete:
            return False
        try:
            self.conn.send_binary(frame)
        except InvalidState:
            return False
        self.transport.write(b"".join(self.conn.data_to_send()))
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
