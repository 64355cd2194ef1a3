"""Secrets on their way from the request that made them to the page that shows them: once, and to one viewer."""

import hashlib
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from starlette.requests import Request

from antiphon.console.guard import Viewer, cookie

LIFETIME: Final = 300.0
"""Seconds within which a secret must be looked at; after that its key needs a new one."""

MOST: Final = 100


class _Kept(Struct, frozen=True):
    secret: str
    until: float


class Once:
    """Keeps secrets in memory until they are seen. ``now`` is the time of day, in seconds of the Unix epoch."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._kept: dict[tuple[str, str], _Kept] = {}

    def put(self, request: Request, viewer: Viewer, key_id: str, secret: str) -> None:
        """Keep the secret of a key for whoever made the request."""
        now = self._now()
        self._kept = {place: kept for place, kept in self._kept.items() if kept.until > now}
        while len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[_who(request, viewer), key_id] = _Kept(secret, now + LIFETIME)

    def take(self, request: Request, viewer: Viewer, key_id: str) -> str:
        """The secret that waits for whoever makes the request, which is forgotten by that; empty for none."""
        kept = self._kept.pop((_who(request, viewer), key_id), None)
        return kept.secret if kept is not None and kept.until > self._now() else ""


def _who(request: Request, viewer: Viewer) -> str:
    """One login, or one key."""
    login = cookie(request) if viewer.logged_in else ""
    return hashlib.sha256(f"{viewer.caller.owner}\n{login}".encode()).hexdigest()
