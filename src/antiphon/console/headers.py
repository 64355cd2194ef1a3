"""What every answer of the console says to the browser: nothing from elsewhere, nothing in a frame, nothing guessed."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; connect-src 'self'"
)

_ALWAYS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(self), display-capture=(self), screen-wake-lock=(self)",
}


class Headers:
    """Adds them. Pages are never cached unless they say so themselves: they are of one viewer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_ALWAYS)
                headers["Content-Security-Policy"] = _policy(scope)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _policy(scope: Scope) -> str:
    """The policy; sockets by name, because not every browser takes 'self' for them."""
    host = next((value.decode("latin-1") for name, value in scope.get("headers", ()) if name == b"host"), "")
    if not host or any(letter in host for letter in " ;,'\"\r\n"):
        return _POLICY
    scheme = "wss" if scope.get("scheme") == "https" else "ws"
    return f"{_POLICY} {scheme}://{host}"
