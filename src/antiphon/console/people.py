"""What owners are called, and who is at the page."""

from typing import Any, Final

from msgspec import Struct

from antiphon.calls.desk import Desk
from antiphon.console.guard import Viewer

NO_KEY: Final = "no key"


class Names(Struct, frozen=True):
    """The names of keys by the owners that they are."""

    stored: dict[str, str]
    configured: frozenset[str]

    def of(self, owner: str) -> str:
        """What an owner is called on pages."""
        if not owner:
            return NO_KEY
        if owner in self.stored:
            return self.stored[owner]
        return f"{'configured' if owner in self.configured else 'former'} key {owner[:6]}"


async def names(desk: Desk) -> Names:
    """The names by now.

    Raises:
        StoreError: the database failed.
    """
    stored = {key.id: key.terms.name for key in await desk.memory.keys.all()}
    return Names(stored, frozenset(desk.doorkeeper.configured))


def actor(desk: Desk, viewer: Viewer) -> str:
    """What the log calls who is at the page."""
    caller = viewer.caller
    return caller.name or Names({}, frozenset(desk.doorkeeper.configured)).of(caller.owner)


async def note(desk: Desk, viewer: Viewer, action: str, target: str = "", detail: dict[str, Any] | None = None) -> None:
    """Write down what was done. Nothing secret belongs in ``detail``.

    Raises:
        StoreError: the database failed.
    """
    owner = viewer.caller.owner
    await desk.memory.audit.write(action, target, detail, owner=owner, actor=actor(desk, viewer))
