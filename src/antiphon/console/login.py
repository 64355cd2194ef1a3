"""Showing a key once, and leaving again."""

import math
from typing import Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import forms, people
from antiphon.console.guard import Guard, Viewer, cookie, cookie_name
from antiphon.console.navigation import PLACES
from antiphon.console.render import Renderer
from antiphon.store.logins import LIFETIME
from antiphon.wire.refusal import CloseCode, Refusal

FAILURES: Final = 20
FAILURE_SECONDS: Final = 60.0
"""So many failed logins are written down in so many seconds: whoever guesses shall not fill the disk."""


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of logging in and out."""

    failures = _Failures(desk)

    async def form(request: Request) -> Response:
        return _form(request)

    def _form(request: Request, problem: str = "", status: int = 200, there: str = "") -> Response:
        context = {"problem": problem, "next": there or _safe(request.query_params.get("next", ""))}
        return renderer.page(request, None, "login.html", context, status)

    async def log_in(request: Request) -> Response:
        guard.check_origin(request)
        fields = await forms.read(request)
        key, there = forms.one(fields, "key").strip(), _safe(forms.one(fields, "next"))
        try:
            caller = await desk.doorkeeper.admit_key(key)
        except Refusal as refusal:
            if refusal.code == CloseCode.INTERNAL:
                raise HTTPException(503, str(refusal)) from refusal
            await failures.note(request, refusal)
            ended = refusal.code == CloseCode.POLICY and bool(key)
            told = f"{refusal.reason[0].upper()}{refusal.reason[1:]}." if ended else "This is not a key of this server."
            return _form(request, told, 401, there)
        home = _home(Viewer(caller))
        if home is None:
            return _form(request, "This key opens none of these pages: it is for metrics.", 403, there)
        if before := cookie(request):
            await desk.memory.logins.end(before)
        secret = await desk.memory.logins.begin(caller.owner)
        viewer = Viewer(caller, logged_in=True)
        await people.note(desk, viewer, "login", caller.owner, {"from": _address(request)})
        response = RedirectResponse(home if there == f"{PAGES_PATH}/" else there, 303)
        response.set_cookie(
            cookie_name(request),
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
        if secret := cookie(request):
            await desk.memory.logins.end(secret)
        response = RedirectResponse(f"{PAGES_PATH}/login", 303)
        response.delete_cookie(cookie_name(request), path=PAGES_PATH)
        return response

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", log_in, methods=["POST"]),
        Route("/logout", log_out, methods=["POST"]),
    ]


class _Failures:
    """Logins that failed, in the log of changes; those of a minute that has many are counted, not written."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._since = -math.inf
        self._count = 0

    async def note(self, request: Request, refusal: Refusal) -> None:
        """Write down that one failed, and where it came from; nothing of the key that was shown."""
        now, missed = self._desk.clock.now(), 0
        if now - self._since >= FAILURE_SECONDS:
            self._since, missed, self._count = now, max(0, self._count - FAILURES), 0
        self._count += 1
        if self._count <= FAILURES:
            detail = {"from": _address(request), "reason": refusal.reason} | ({"and_before": missed} if missed else {})
            await self._desk.memory.audit.write("login.failed", "", detail, actor="nobody")


def _home(viewer: Viewer) -> str | None:
    """The first page that a viewer may see; None for none."""
    return next((f"{PAGES_PATH}{place.path}" for place in PLACES if viewer.may(place.permission)), None)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _safe(there: str) -> str:
    """A page of the console to go to; never another site."""
    try:
        parts = urlsplit(there)
    except ValueError:
        return f"{PAGES_PATH}/"
    inside = not parts.scheme and not parts.netloc and f"{parts.path}/".startswith(f"{PAGES_PATH}/")
    return there if inside and "\\" not in there else f"{PAGES_PATH}/"
