"""The one ASGI application: sockets to the Live door, requests to the others."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from antiphon.calls.switchboard import Switchboard
from antiphon.routing.route import Route
from antiphon.server import auth_tokens, count_tokens, health, models
from antiphon.server.auth import Gate
from antiphon.server.config import Config, is_loopback
from antiphon.server.live import LiveDoor
from antiphon.store.grants import Grants

if TYPE_CHECKING:
    from antiphon.server.metrics import Metrics


class App:
    """Serves every door on one port. Sockets do not pass through any middleware: audio is the hot path."""

    def __init__(
        self,
        config: Config,
        switchboard: Switchboard,
        grants: Grants,
        routes: Callable[[], Mapping[str, Route]],
        metrics: "Metrics | None" = None,
    ) -> None:
        there = models.Models(routes)
        gate = Gate(config.keys, grants, strict=config.session.strict)
        self._live = LiveDoor(
            switchboard, gate, config.max_message_bytes, config.write_timeout, frozenset(config.allowed_origins)
        )
        self._http = Starlette(
            routes=[
                *health.routes(lambda: switchboard.admits, lambda: len(switchboard)),
                *models.routes(gate, there),
                *count_tokens.routes(gate, there, config.max_message_bytes),
                *auth_tokens.routes(gate, grants),
                *(metrics.routes(gate, is_open=is_loopback(config.host)) if metrics else ()),
            ],
            middleware=[
                Middleware(
                    CORSMiddleware,
                    allow_origins=config.allowed_origins or ["*"],
                    allow_methods=["*"],
                    allow_headers=["*"],
                )
            ],
            exception_handlers={404: _not_found, 405: _not_found},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        door = self._live if scope["type"] == "websocket" else self._http
        await door(scope, receive, send)


async def _not_found(request: Request, _: Exception) -> Response:
    message = f"{request.method} {request.url.path} is not an endpoint of this server"
    return models.error(404, message, "NOT_FOUND")
