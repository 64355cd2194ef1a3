"""Who looks on at a call. The session decides, the call performs; observers are told, and change nothing."""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from antiphon.calls.caller import Caller
from antiphon.live.effects import Effect
from antiphon.live.record import Record
from antiphon.live.session import Event, Session
from antiphon.live.timeline import Gap, Money, Timeline, ToolUse, Turn
from antiphon.store.ledger import Entry


class Ending(Struct, frozen=True):
    """What is known of a call only when all of it has ended.

    ``gaps`` begin in seconds of the call's clock. ``decisions`` are those of the call's plan, with their time.
    ``unheard`` seconds of the user's sound reached no engine, ``unsent`` seconds of speech did not reach the client.
    """

    record: Record | None
    gaps: Sequence[Gap] = ()
    decisions: Sequence[tuple[float, str]] = ()
    unheard: float = 0.0
    unsent: float = 0.0


class Observer(Protocol):
    """Is told what passes through one call. Nothing here may raise or wait."""

    def saw(self, event: Event, effects: Sequence[Effect], now: float) -> None:
        """The session took ``event`` at ``now``, by the call's clock, and wants ``effects``, which come next."""

    def priced(self, entries: Sequence[Entry]) -> None:
        """A generation was charged, or what it was charged changed: rows of one generation and one kind."""

    def warned(self, reason: str) -> None:
        """A budget has something to say."""

    def finish(self, ending: Ending) -> Timeline | None:
        """The call is over, and nothing follows; what is kept of it."""


class Nobody:
    """Looks away."""

    def saw(self, event: Event, effects: Sequence[Effect], now: float) -> None:
        """Nothing."""

    def priced(self, entries: Sequence[Entry]) -> None:
        """Nothing."""

    def warned(self, reason: str) -> None:
        """Nothing."""

    def finish(self, ending: Ending) -> Timeline | None:
        """Nothing is kept."""
        return None


NOBODY: Observer = Nobody()

Observe = Callable[[Session, Caller], Observer]
"""Makes the observer of one call."""


def by_nobody(session: Session, caller: Caller) -> Observer:
    """No call is observed."""
    return NOBODY


class Audience(Protocol):
    """Is told of all calls, what became of them piece by piece. ``model`` is the id of a profile, empty for none."""

    def opened(self, model: str) -> None:
        """A session began."""

    def turned(self, model: str, turn: Turn) -> None:
        """A turn ended; its cost is told later."""

    def called(self, model: str, tool: ToolUse) -> None:
        """A function call ended."""

    def paid(self, model: str, money: Money) -> None:
        """Something was charged, for good."""

    def closed(self, session: Session, caller: Caller, record: Record, timeline: Timeline) -> None:
        """A session that was opened is over, and everything of it is known."""
