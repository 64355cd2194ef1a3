"""The WebSocket transport: uvicorn's, with a way to be rid of a client that does not read."""

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from websockets.http11 import Request

ABORT = "antiphon.abort"
"""Name of the ASGI extension: a function that drops the connection and what is still to be written."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """Drops connections where uvicorn would wait for a write buffer that never drains."""

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
