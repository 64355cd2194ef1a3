"""The sessions that a viewer may see: those that run in this process, and those that are over.

What is unknown and what is somebody else's look the same.
"""

import re
from typing import Final, NoReturn

from starlette.exceptions import HTTPException

from antiphon.calls.desk import Desk
from antiphon.calls.watching import Running
from antiphon.console.guard import Viewer
from antiphon.store.records import Entry

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def running(desk: Desk, viewer: Viewer) -> list[Running]:
    """The calls that were set up and run now, the newest first."""
    seen = [call for call in desk.watching.calls() if viewer.caller.sees(call.owner)]
    return sorted(seen, key=lambda call: call.clock, reverse=True)


def running_one(desk: Desk, viewer: Viewer, session_id: str) -> Running | None:
    """The call that has a session now."""
    return next((call for call in running(desk, viewer) if call.session_id == session_id), None)


def holds(desk: Desk, session_id: str) -> bool:
    """Whether a call has the session still: it runs, or its record is being written."""
    return any(call.id == session_id for call in desk.switchboard.calls)


async def entries_of(desk: Desk, viewer: Viewer, session_id: str) -> list[Entry]:
    """What is kept of the connections of a session, in order; empty where nothing is."""
    if not _ID.fullmatch(session_id):
        return []
    return [entry for entry in await desk.memory.records.of(session_id) if viewer.caller.sees(entry.owner)]


async def kept(desk: Desk, viewer: Viewer, session_id: str) -> list[Entry]:
    """What is kept of the connections of a session.

    Raises:
        HTTPException: nothing is.
    """
    return await entries_of(desk, viewer, session_id) or unknown(session_id)


def unknown(session_id: str) -> NoReturn:
    """Raise that there is no such session."""
    raise HTTPException(404, f"There is no session {session_id[:64]} here. The list of sessions has those that are.")
