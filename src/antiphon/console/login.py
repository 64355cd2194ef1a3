"""Showing a key once, and leaving again."""

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console.guard import COOKIE, Guard
from antiphon.console.render import Renderer
from antiphon.store.logins import LIFETIME
from antiphon.wire.refusal import Refusal


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of logging in and out."""

    async def form(request: Request) -> Response:
        return _form(request)

    def _form(request: Request, problem: str = "", status: int = 200) -> Response:
        context = {"problem": problem, "next": _safe(request.query_params.get("next", ""))}
        return renderer.page(request, None, "login.html", context, status)

    async def log_in(request: Request) -> Response:
        guard.check_origin(request)
        async with request.form(max_files=0, max_fields=10) as fields:
            key, there = str(fields.get("key", "")).strip(), _safe(str(fields.get("next", "")))
        try:
            caller = await desk.doorkeeper.admit_key(key)
        except Refusal:
            return _form(request, "This is not a key of this server.", 401)
        secret = await desk.memory.logins.begin(caller.owner)
        response = RedirectResponse(there, 303)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(LIFETIME),
            path=PAGES_PATH,
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return response

    async def log_out(request: Request) -> Response:
        guard.check_origin(request)
        if secret := request.cookies.get(COOKIE):
            await desk.memory.logins.end(secret)
        response = RedirectResponse(f"{PAGES_PATH}/login", 303)
        response.delete_cookie(COOKIE, path=PAGES_PATH)
        return response

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
    ]


def _safe(there: str) -> str:
    """A page of the console to go to; never another site."""
    parts = urlsplit(there)
    inside = not parts.scheme and not parts.netloc and f"{parts.path}/".startswith(f"{PAGES_PATH}/")
    return there if inside and "\\" not in there else f"{PAGES_PATH}/"
