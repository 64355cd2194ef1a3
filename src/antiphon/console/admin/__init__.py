"""The pages of whoever runs the server: keys, tokens, usage, limits, engines and routes, the log of changes."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console.admin import audit, engines, keys, limits, tokens, usage
from antiphon.console.guard import Guard
from antiphon.console.render import Renderer


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of all of them."""
    pages = (keys, tokens, usage, limits, engines, audit)
    below = [route for page in pages for route in page.routes(desk, guard, renderer)]
    return [Route("/admin", _to_keys, methods=["GET"]), *below]


async def _to_keys(_: Request) -> Response:
    return RedirectResponse(f"{PAGES_PATH}/admin/keys", 307)
