"""The one ASGI application: sockets to the Live door, requests to the others."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from antiphon.calls.desk import PAGES_PATH
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
    """Serves every door on one port. Sockets do not pass through any middleware: audio is the hot path.

    ``pages`` serve what is below :data:`~antiphon.calls.desk.PAGES_PATH`, and no other origin may read them.
    """

    def __init__(
        self,
        config: Config,
        switchboard: Switchboard,
        grants: Grants,
        routes: Callable[[], Mapping[str, Route]],
        gate: Gate,
        metrics: "Metrics | None" = None,
        pages: ASGIApp | None = None,
    ) -> None:
        there = models.Models(routes)
        self._pages = pages
        self._live = LiveDoor(
            switchboard, gate, config.max_message_bytes, config.write_timeout, frozenset(config.allowed_origins)
        )
        self._http = Starlette(
            routes=[
                *([StarletteRoute("/", _to_pages)] if pages else ()),
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
        if scope["type"] == "websocket":
            await self._live(scope, receive, send)
        elif self._pages is not None and f"{scope['path']}/".startswith(f"{PAGES_PATH}/"):
            await self._pages(scope, receive, send)
        else:
            await self._http(scope, receive, send)


async def _to_pages(_: Request) -> Response:
    return RedirectResponse(f"{PAGES_PATH}/", 307)


async def _not_found(request: Request, _: Exception) -> Response:
    message = f"{request.method} {request.url.path} is not an endpoint of this server"
    return models.error(404, message, "NOT_FOUND")
