"""Who is at the other end of a call."""

from typing import Any, Final, Literal, get_args

from msgspec import Struct

from antiphon.live import profiles
from antiphon.store.keys import KeyLimits

Permission = Literal["live", "sessions", "metrics", "admin"]
"""What a key may be for: to talk; to see the sessions of its own; to read metrics; to see and manage everything."""

LIVE: Final[frozenset[Permission]] = frozenset(("live",))
USUAL: Final[frozenset[Permission]] = frozenset(("live", "sessions", "metrics"))
EVERYTHING: Final[frozenset[Permission]] = frozenset(get_args(Permission))


class Grant(Struct, frozen=True):
    """An ephemeral token: what its holder may do. Times are seconds of the Unix epoch.

    ``id`` is the digest it is stored under, ``setup`` the constraint setup as its maker sent it (None for none), and
    ``field_mask`` the paths it locks.
    """

    id: str
    setup: dict[str, Any] | None
    field_mask: tuple[str, ...]
    expires: float
    new_session_expires: float


class Caller(Struct, frozen=True):
    """Whose call it is. ``owner`` names the key, never tells it; nothing crosses from one owner to another.

    On a server without keys everybody is the same owner, "". ``traceparent`` is the place in a trace that the client's
    request came with (W3C Trace Context), empty for none. ``models`` are those it may ask for, empty for any.
    ``name`` is what its key is called, where that has a name, and ``limits`` are those of that key alone.
    """

    owner: str = ""
    grant: Grant | None = None
    traceparent: str = ""
    permissions: frozenset[Permission] = LIVE
    models: tuple[str, ...] = ()
    name: str = ""
    limits: KeyLimits = KeyLimits()

    def may(self, permission: Permission) -> bool:
        """Whether it has ``permission``; who may manage everything has all others too."""
        return permission in self.permissions or "admin" in self.permissions

    def may_ask_for(self, model: str) -> bool:
        """Whether it may ask for a model, by any of its names."""
        return not self.models or _id(model) in map(_id, self.models)

    def sees(self, owner: str) -> bool:
        """Whether it may see what belongs to ``owner``."""
        return "admin" in self.permissions or ("sessions" in self.permissions and owner == self.owner)


def _id(model: str) -> str:
    """What a model is called, whichever of its names a client uses."""
    profile = profiles.find(model)
    return profile.id if profile else model.rsplit("/", 1)[-1]
