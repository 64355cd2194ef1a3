"""What happened in a call, in order: for its owner, never for the client.

Times are seconds since the call began, by the call's clock; offsets are seconds of the user's sound, counted in
samples. Words, arguments and results are empty unless the owner has content kept; how long they were is always there.
"""

from decimal import Decimal
from typing import Literal

from msgspec import Struct, field

from antiphon.live.tokens import Usage

MAX_ENTRIES = 2000
"""Entries of one connection that are kept; the others are counted."""

MAX_TEXT = 1000
"""Characters of one text that are kept."""


class Money(Struct, frozen=True, omit_defaults=True):
    """Dollars. ``known`` is what has a price; ``unknown`` says which part has none.

    ``provisional``: who is paid for it has not told yet.
    """

    known: Decimal = Decimal(0)
    unknown: tuple[str, ...] = ()
    provisional: bool = False

    def __add__(self, other: "Money") -> "Money":
        unknown = tuple(dict.fromkeys(self.unknown + other.unknown))
        return Money(self.known + other.known, unknown, self.provisional or other.provisional)

    @property
    def amount(self) -> Decimal | None:
        """The whole; None if any of it is unknown."""
        return None if self.unknown else self.known


class _Entry(Struct, kw_only=True, omit_defaults=True, tag_field="kind"):
    at: float


class Activity(_Entry, tag="activity", kw_only=True):
    """The user spoke, from ``offset`` to ``end_offset`` of their sound; ``detected``, or marked by the client."""

    ended: float | None = None
    offset: float
    end_offset: float | None = None
    detected: bool = True


class Words(_Entry, tag="words", kw_only=True):
    """Words of the user: ``heard``, ``typed`` or ``written`` (content of the client)."""

    how: Literal["heard", "typed", "written"]
    characters: int
    text: str = ""


class Turn(_Entry, tag="turn", kw_only=True):
    """One answer, as ``number``, until the client was told that the turn is over.

    ``latency`` is from the end of what was asked (of speech: its last sound, if the client sends at the pace of a
    microphone) to the first output, which came at ``first``; None where nobody asked. ``complete`` is when all was
    made. ``spoken`` seconds were sent, ``heard`` of them were heard, as far as the clock tells. ``outcome`` is None
    while it goes on; ``abandoned`` ones were never charged. ``announced``: said by the server itself.

    ``marks`` say where words are in the speech, as far as ``text`` is kept: each piece of the transcript by the number
    of characters before it and the second of this speech in which it begins.
    """

    number: int
    first: float | None = None
    complete: float | None = None
    interrupted: float | None = None
    ended: float | None = None
    latency: float | None = None
    spoken: float = 0.0
    heard: float | None = None
    outcome: Literal["complete", "interrupted", "closed", "abandoned"] | None = None
    announced: bool = False
    characters: int = 0
    text: str = ""
    marks: tuple[tuple[int, float], ...] = ()
    usage: Usage = Usage()
    cost: Money | None = None
    billed: tuple[str, ...] = ()


class ToolUse(_Entry, tag="tool", kw_only=True):
    """A function that the model called in turn ``turn``; ``arguments`` and ``result`` are JSON."""

    id: str
    name: str
    turn: int
    ended: float | None = None
    outcome: Literal["answered", "cancelled", "expired"] | None = None
    arguments: str = ""
    result: str = ""


class Stage(_Entry, tag="engine", kw_only=True):
    """Something that became of the engine's side."""

    what: Literal["opened", "lost", "abandoned"]
    engine: str = ""
    reason: str = ""


class Gap(_Entry, tag="gap", kw_only=True):
    """A time without an engine (``where`` is ``engine``), or of an engine without its upstream (``upstream``).

    ``next`` is who took over, empty when nobody did; an upstream that was resumed is its own successor.
    """

    where: Literal["engine", "upstream"]
    seconds: float
    reason: str
    lost: str
    next: str = ""


class Remark(_Entry, tag="remark", kw_only=True):
    """Something worth knowing: a route's decision, a refusal, a field set in vain, a budget, the close."""

    about: Literal["route", "refused", "note", "budget", "dismissed", "close"]
    text: str


Entry = Activity | Words | Turn | ToolUse | Stage | Gap | Remark


class Recording(Struct, frozen=True, omit_defaults=True):
    """Files with the sound of the call, and why there are any. ``dropped`` seconds could not be written in time."""

    why: Literal["consented", "always"]
    files: tuple[str, ...]
    dropped: float = 0.0


class Timeline(Struct, frozen=True, omit_defaults=True):
    """One connection of a session. ``left_out`` entries were too many to keep; all counts and sums have them.

    ``trace`` is the ``traceparent`` of the client's request, if it sent one. ``unheard`` seconds of the user's sound
    no engine heard; ``unsent`` seconds of speech the client read too slowly to get.
    """

    entries: tuple[Entry, ...] = ()
    left_out: int = 0
    turns: int = 0
    interruptions: int = 0
    tool_calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Money | None = None
    trace: str = ""
    unheard: float = 0.0
    unsent: float = 0.0
    recording: Recording | None = None
