"""The application below ``/console``: which page is where, and what every answer says to the browser."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount
from starlette.types import ASGIApp

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import (
    admin,
    assets,
    channel,
    code,
    errors,
    login,
    phone,
    sessions,
    sessions_compare,
    sessions_export,
    settings,
    talk,
    trace,
)
from antiphon.console.guard import Guard
from antiphon.console.headers import Headers
from antiphon.console.render import Renderer


def pages(desk: Desk) -> ASGIApp:
    """The console of one server."""
    # Every module makes its routes of the same three, whether it needs all of them or not.
    guard, renderer = Guard(desk), Renderer(desk)
    routes = [
        *talk.routes(desk, guard, renderer),
        *channel.routes(desk, guard, renderer),
        *login.routes(desk, guard, renderer),
        *phone.routes(desk, guard, renderer),
        *sessions_compare.routes(desk, guard, renderer),
        *sessions.routes(desk, guard, renderer),
        *sessions_export.routes(desk, guard, renderer),
        *trace.routes(desk, guard, renderer),
        *settings.routes(desk, guard, renderer),
        *admin.routes(desk, guard, renderer),
        *code.routes(desk, guard, renderer),
        assets.mount(),
    ]
    app = Starlette(
        routes=[Mount(PAGES_PATH, routes=routes)],
        middleware=[Middleware(GZipMiddleware, minimum_size=1000)],
        exception_handlers=errors.handlers(guard, renderer),
    )
    # Around everything: the application answers what goes wrong outside its own middleware.
    return Headers(app)
