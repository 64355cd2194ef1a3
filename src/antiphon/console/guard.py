"""Who looks at a page, and whether a request came from one of our own pages.

A browser shows a key once and has a cookie since; programs send a key with each request, as to any other door. A server
without keys is open to its own computer: so that no web page can use the browser of whoever sits there, requests must
name that computer (against DNS rebinding), and what changes something must come from our own pages.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from antiphon.calls.caller import Caller, Permission
from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import lan
from antiphon.store.database import StoreError
from antiphon.wire.refusal import CloseCode, Refusal

_COOKIE: Final = "antiphon_console"

_SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
_SAME: Final = frozenset(("same-origin", "none"))


class Viewer(Struct, frozen=True):
    """Who looks. ``logged_in``: by a cookie, which logging out ends."""

    caller: Caller
    logged_in: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the viewer has a permission."""
        return self.caller.may(permission)


Page = Callable[[Request, Viewer], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Guard:
    """Lets viewers in."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def page(self, permission: Permission, page: Page) -> Endpoint:
        """``page`` for those who have ``permission``. Who showed no key yet is asked for one, and comes back."""

        async def endpoint(request: Request) -> Response:
            self.check_origin(request)
            viewer = await self.viewer(request)
            if viewer is None:
                return self._ask(request)
            if not viewer.may(permission):
                raise HTTPException(403, f'this needs a key with the permission "{permission}"')
            return await page(request, viewer)

        return endpoint

    async def viewer(self, request: Request) -> Viewer | None:
        """Who makes a request; None for somebody who showed nothing.

        Raises:
            HTTPException: what they showed is not good here.
        """
        doorkeeper = self._desk.doorkeeper
        if secret := cookie(request):
            owner = await self._desk.memory.logins.owner(secret)
            caller = None if owner is None else await doorkeeper.recall(owner)
            if caller is not None:
                return Viewer(caller, logged_in=True)
        try:
            # Not from the address: that is kept in histories, logs and links.
            return Viewer(await doorkeeper.admit({**request.scope, "query_string": b""}))
        except Refusal as refusal:
            if refusal.code == CloseCode.INTERNAL:
                raise HTTPException(503, str(refusal)) from refusal
            if "authorization" in request.headers or "x-goog-api-key" in request.headers:
                raise HTTPException(401, str(refusal)) from refusal
            return None

    async def still_admits(self, request: Request, viewer: Viewer) -> bool:
        """Whether who was let in with a request would be let in with it again, and could do the same."""
        try:
            again = await self.viewer(request)
        except HTTPException as error:
            return error.status_code == 503
        except StoreError:
            return True
        return again is not None and again.caller == viewer.caller

    def check_origin(self, request: Request) -> None:
        """See that the request is meant for this server, and that no foreign page made it.

        Raises:
            HTTPException: it is not, or one did.
        """
        if self._desk.doorkeeper.open and not self._is_ours(request.url.hostname or ""):
            raise HTTPException(421, "this server has no keys and answers by the names of this computer only")
        if request.method in _SAFE:
            return
        if _is_foreign(request):
            raise HTTPException(403, "this request came from a page of another site")

    def _is_ours(self, host: str) -> bool:
        return host in self._desk.installation.names or lan.is_here(host)

    @staticmethod
    def _ask(request: Request) -> Response:
        if request.method not in _SAFE or not _wants_page(request):
            raise HTTPException(401, "log in, or send a key of this server as x-goog-api-key")
        # A key that somebody wrote there shall not be written once more.
        secret = "key" in request.query_params or "access_token" in request.query_params
        there = request.url.path + (f"?{request.url.query}" if request.url.query and not secret else "")
        return RedirectResponse(f"{PAGES_PATH}/login?next={quote(there, safe='')}", 303)


def cookie_name(request: Request) -> str:
    """What the cookie is called. Browsers let no page without TLS replace a cookie that one with TLS has set."""
    return f"{_COOKIE}_tls" if request.url.scheme == "https" else _COOKIE


def cookie(request: Request) -> str:
    """The secret that a browser has since it showed a key; empty for none."""
    return request.cookies.get(cookie_name(request), "")


def _is_foreign(request: Request) -> bool:
    """Whether a page of another site made a request; old browsers, and those without TLS, tell by its origin only."""
    origin, site = request.headers.get("origin", ""), request.headers.get("sec-fetch-site")
    if origin == "null" or (site and site not in _SAME):
        return True
    return bool(origin) and not site and origin.partition("://")[2] != request.headers.get("host")


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and request.query_params.get("format", "html") == "html"
