"""Engines and routes: how each engine does, which of them answer which models, and the configuration in effect."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls.desk import Desk
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.routing.breaker import BreakerConfig

PATH: Final = "/admin/engines"

WORDS: Final = {"ready": "good", "down": "bad", "resting": "warn", "replaced": ""}


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page."""

    async def page(request: Request, viewer: Viewer) -> Response:
        model: dict[str, Any] = {
            "engines": desk.engines(),
            "routes": desk.routes(),
            "configuration": desk.explain(),
        }
        if wants_json(request):
            return json(model)
        context = {**model, "words": WORDS, "breaker": BreakerConfig(), "running": len(desk.switchboard)}
        return renderer.page(request, viewer, "admin/engines.html", context)

    return [Route(PATH, guard.page("admin", page), methods=["GET"])]
