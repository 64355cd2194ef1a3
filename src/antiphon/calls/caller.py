"""Who is at the other end of a call."""

from typing import Any

from msgspec import Struct


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
    request came with (W3C Trace Context), empty for none.
    """

    owner: str = ""
    grant: Grant | None = None
    traceparent: str = ""
