"""The pages of whoever runs the server: keys, tokens, usage, limits, engines and routes, the log of changes."""

from starlette.routing import Route

from antiphon.calls.desk import Desk
from antiphon.console.admin import audit, engines, keys, limits, tokens, usage
from antiphon.console.guard import Guard
from antiphon.console.render import Renderer


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of all of them."""
    pages = (keys, tokens, usage, limits, engines, audit)
    return [route for page in pages for route in page.routes(desk, guard, renderer)]
