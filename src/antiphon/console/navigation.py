"""Where one can go from a page."""

from typing import Final

from msgspec import Struct
from starlette.requests import Request

from antiphon.calls.caller import Permission
from antiphon.calls.desk import PAGES_PATH
from antiphon.console.guard import Viewer


class Place(Struct, frozen=True):
    """A page that the navigation names."""

    title: str
    path: str
    permission: Permission
    group: str = ""


PLACES: Final = (
    Place("Talk", "/", "live"),
    Place("Side by side", "/side-by-side", "live"),
    Place("Sessions", "/sessions", "sessions"),
    Place("Keys", "/admin/keys", "admin", "Admin"),
    Place("Tokens", "/admin/tokens", "admin", "Admin"),
    Place("Usage", "/admin/usage", "admin", "Admin"),
    Place("Limits", "/admin/limits", "admin", "Admin"),
    Place("Engines", "/admin/engines", "admin", "Admin"),
    Place("Audit", "/admin/audit", "admin", "Admin"),
)


class Navigation(Struct, frozen=True):
    """What one viewer sees of it. ``here`` is the path of the place they are at or below."""

    places: tuple[Place, ...]
    here: str
    can_log_out: bool

    @classmethod
    def of(cls, request: Request, viewer: Viewer | None, *, is_open: bool) -> "Navigation":
        """The navigation of a request."""
        path = request.url.path.removeprefix(PAGES_PATH) or "/"
        places = tuple(place for place in PLACES if viewer is not None and viewer.may(place.permission))
        fitting = [place.path for place in places if path == place.path or path.startswith(f"{place.path}/")]
        here = max(fitting, key=len, default="")
        return cls(places, "" if here == "/" and path != "/" else here, bool(viewer and viewer.logged_in))
