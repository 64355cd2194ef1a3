"""Every function call of a session, from the call to its one end: answered, cancelled or expired."""

from collections import deque
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import count

from msgspec import Struct

from antiphon.live.history import FunctionCall

MAX_ENDED = 1000
"""Calls that are remembered after their end, to tell a late answer from an unknown one."""


class Outcome(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PendingCall(Struct, frozen=True):
    """A call that has not ended. The model waits for ``blocking`` ones."""

    call: FunctionCall
    blocking: bool
    deadline: float


class ToolLedger:
    """The calls of one session that wait for an answer, and how the others ended."""

    def __init__(self) -> None:
        self._pending: dict[str, PendingCall] = {}
        self._ended: dict[str, Outcome] = {}
        self._latest: deque[str] = deque(maxlen=MAX_ENDED)
        self.made = 0

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def pending(self) -> Mapping[str, PendingCall]:
        """The calls that wait, by id."""
        return self._pending

    @property
    def deadline(self) -> float | None:
        """When the next call expires."""
        if not self._pending:
            return None
        return min(pending.deadline for pending in self._pending.values())

    def unique(self, call_id: str) -> str:
        """``call_id``, or one like it if a call of the session has it already or it is empty."""
        known = {*self._pending, *self._ended, ""}
        if call_id not in known:
            return call_id
        stem = call_id or "call"
        return next(name for number in count(self.made + 1) if (name := f"{stem}-{number}") not in known)

    def add(self, call: FunctionCall, *, blocking: bool, deadline: float) -> None:
        """A call was made."""
        self._pending[call.id] = PendingCall(call, blocking, deadline)
        self._latest.append(call.id)
        self.made += 1

    def find(self, call_id: str, name: str) -> PendingCall | None:
        """The call an answer is for: the one with its id; without an id, the only one of its name."""
        if call_id:
            return self._pending.get(call_id)
        named = [pending for pending in self._pending.values() if pending.call.name == name]
        return named[0] if len(named) == 1 else None

    def latest(self, count: int) -> list[str]:
        """The ids of the last ``count`` calls that were made, in order; of :data:`MAX_ENDED` at most."""
        return list(self._latest)[-count:] if count else []

    def outcome(self, call_id: str) -> Outcome | None:
        """How a call ended; None while it waits, and once that was forgotten."""
        return self._ended.get(call_id)

    def end(self, call_id: str, outcome: Outcome) -> PendingCall:
        """The call has ended."""
        self._ended[call_id] = outcome
        if len(self._ended) > MAX_ENDED:
            del self._ended[next(iter(self._ended))]
        return self._pending.pop(call_id)

    def postpone(self, call_id: str, deadline: float) -> None:
        """A part of the answer came, and more will follow: the call waits on."""
        pending = self._pending[call_id]
        self._pending[call_id] = PendingCall(pending.call, pending.blocking, deadline)

    def cancel(self, call_ids: Iterable[str]) -> None:
        """Nobody waits for these calls any more."""
        for call_id in call_ids:
            self.end(call_id, Outcome.CANCELLED)

    def expire(self, now: float) -> list[PendingCall]:
        """The calls whose time is up, which have ended by this."""
        late = [call_id for call_id, pending in self._pending.items() if pending.deadline <= now]
        return [self.end(call_id, Outcome.EXPIRED) for call_id in late]

    def why_not(self, call_id: str, name: str) -> str:
        """Why an answer that :meth:`find` has no call for is not wanted, in words."""
        if call_id in self._ended:
            return f"call {call_id!r} was {self._ended[call_id]} before"
        if call_id:
            return f"no call {call_id!r} was made"
        waiting = sum(pending.call.name == name for pending in self._pending.values())
        return f"{waiting} calls of {name!r} wait for an answer, and it has no id" if waiting else f"no {name!r} waits"
