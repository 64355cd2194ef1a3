"""What went wrong, as a page for people and as JSON for programs."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer
from antiphon.store.database import StoreError

log = logging.getLogger("antiphon.console")

Handler = Callable[[Request, Exception], Awaitable[Response]]


def handlers(guard: Guard, renderer: Renderer) -> Mapping[Any, Handler]:
    """The handlers of an application."""

    async def tell(request: Request, status: int, message: str) -> Response:
        title = HTTPStatus(status).phrase
        error = {"code": status, "message": message, "title": title}
        viewer = None if status >= 500 else await _viewer(guard, request)
        return renderer.respond(request, viewer, "error.html", {"error": error}, status)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = error.status_code == 404 and error.detail == "Not Found"
        message = f"There is nothing at {request.url.path}." if known else error.detail
        return await tell(request, error.status_code, message)

    async def on_store(request: Request, error: Exception) -> Response:
        log.error("%s: %s", request.url.path, error)
        return await tell(request, 503, "The database of the server cannot be used now; its log says why.")

    async def on_any(request: Request, error: Exception) -> Response:
        return await tell(request, 500, "Something went wrong inside the server; its log has it.")

    return {HTTPException: on_http, StoreError: on_store, Exception: on_any}


async def _viewer(guard: Guard, request: Request) -> Viewer | None:
    """For whom the ways out of the page are, as far as that can be told."""
    try:
        guard.check_origin(request)
        return await guard.viewer(request)
    except (HTTPException, StoreError):
        return None
