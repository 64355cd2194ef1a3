"""The page where one talks, and what it needs of the server: a token like any browser client."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import Desk
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer
from antiphon.store.grants import StoredGrant

TOKEN_SECONDS = 30 * 60.0
START_SECONDS = 60.0
"""A token begins one session within a minute, and lets it be resumed for half an hour."""


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page."""

    async def page(request: Request, viewer: Viewer) -> Response:
        return renderer.page(request, viewer, "talk.html", {})

    async def token(request: Request, viewer: Viewer) -> Response:
        now = desk.memory.grants.now()
        grant = StoredGrant(viewer.caller.owner, None, (), 1, now + TOKEN_SECONDS, now + START_SECONDS)
        secret = await desk.memory.grants.create(grant)
        return JSONResponse({"name": f"auth_tokens/{secret}"})

    return [
        Route("/", guard.page("live", page), methods=["GET"]),
        Route("/api/token", guard.page("live", token), methods=["POST"]),
    ]
