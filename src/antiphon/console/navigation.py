"""Where one can go from a page."""

from typing import Final

from msgspec import Struct
from starlette.requests import Request

from antiphon.calls.caller import Permission
from antiphon.calls.desk import PAGES_PATH
from antiphon.console.guard import Viewer


class Place(Struct, frozen=True):
    """A page that the navigation names; ``below`` are those beside it."""

    title: str
    path: str
    permission: Permission
    below: tuple["Place", ...] = ()

    def has(self, path: str) -> bool:
        """Whether ``path`` is this place, or below it."""
        if self.below:
            return any(place.has(path) for place in self.below)
        return path == self.path or (path.startswith(f"{self.path.rstrip('/')}/") and self.path != "/")


_ADMIN: Final = (
    Place("Keys", "/admin/keys", "admin"),
    Place("Tokens", "/admin/tokens", "admin"),
    Place("Usage", "/admin/usage", "admin"),
    Place("Limits", "/admin/limits", "admin"),
    Place("Engines", "/admin/engines", "admin"),
    Place("Audit", "/admin/audit", "admin"),
)

PLACES: Final = (
    Place("Talk", "/", "live"),
    Place("Side by side", "/side-by-side", "live"),
    Place("Sessions", "/sessions", "sessions"),
    Place("Admin", _ADMIN[0].path, "admin", _ADMIN),
    Place("On a phone", "/phone", "live"),
)


class Navigation(Struct, frozen=True):
    """What one viewer sees of it: the places, the one they are at, and those beside that."""

    places: tuple[Place, ...]
    here: Place | None
    beside: tuple[Place, ...]
    at: Place | None
    can_log_out: bool

    @classmethod
    def of(cls, request: Request, viewer: Viewer | None) -> "Navigation":
        """The navigation of a request."""
        path = request.url.path.removeprefix(PAGES_PATH) or "/"
        places = tuple(place for place in PLACES if viewer is not None and viewer.may(place.permission))
        here = next((place for place in places if place.has(path)), None)
        beside = here.below if here else ()
        at = next((place for place in beside if place.has(path)), None)
        return cls(places, here, beside, at, bool(viewer and viewer.logged_in))
