"""What is remembered of a session after it ended: for its owner, never for the client."""

from msgspec import Struct

from antiphon.live.tokens import Usage


class Record(Struct, frozen=True):
    """One connection of a session from its setup to its close. Times are seconds since it began.

    ``turns`` and ``usage`` are those of the session so far, earlier connections included.

    ``ignored`` names every field that the client set in vain, ``notes`` everything else the log was told, each once
    and at most 100 of them.
    """

    session_id: str
    model: str
    engine: str
    seconds: float
    turns: int
    usage: Usage
    close_code: int | None
    close_reason: str
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    interruptions: int = 0
    tool_calls: int = 0
    dropped_frames: int = 0
