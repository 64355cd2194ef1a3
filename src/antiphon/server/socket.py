"""The WebSocket transport: uvicorn's, with a way to be rid of a client that does not read."""

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from websockets.http11 import Request

ABORT = "antiphon.abort"
"""Name of the ASGI extension: a function that drops the connection and what is still to be written."""

LINGER = 20.0
"""Seconds that a client has, once its session is over, to take what was written and to close."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Drops connections where uvicorn would wait for a write buffer that never drains."""

    _linger: asyncio.TimerHandle | None = None

    def handle_connect(self, event: "Request") -> None:
        """Serve an upgrade request; the application may call :data:`ABORT`."""
        super().handle_connect(event)
        scope: Any = getattr(self, "scope", None)
        if scope is not None:
            scope["extensions"][ABORT] = self.transport.abort

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
