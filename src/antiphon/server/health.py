"""``/healthz`` and ``/readyz``: whether the process lives, and whether it takes calls."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def routes(ready: Callable[[], bool], sessions: Callable[[], int]) -> list[Route]:
    """The routes of this door."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        is_ready = ready()
        body = {"status": "ready" if is_ready else "not ready", "sessions": sessions()}
        return JSONResponse(body, 200 if is_ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]
