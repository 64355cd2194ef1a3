"""How much money a session and a key may spend, and who has to stop.

Checking what was spent and going on if it is less than the limit is not enough: of a thousand sessions that check at
once, all go on. So a session reserves a slice of what is left before it spends it, and gets another with every charge;
what is reserved is nobody else's. Whoever gets none has to stop.

A slice is a fiftieth of the limit, and at most 25 cents; near the end less is handed out, down to a tenth of a slice. A
session is checked after every generation and every thirty seconds. So a budget holds exactly where no session spends
more than that tenth between two checks. Where they spend up to ``c``, the worst is ``c`` less the tenth for each of the
sessions that held a slice when the last one was handed out, and what the farewells cost. What other processes spend is
heard of when a session begins and every thirty seconds; reservations are of one process.

A key may have limits of its own; of two limits for the same the lower one holds. They may change while its sessions
run, so what such a key spends is counted even where nothing limits it.

Nothing here reads a clock or a database: times are handed in, seconds of the Unix epoch; days and months are of UTC.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from antiphon.meter.money import ZERO, show
from antiphon.meter.prices import Cost

SLICES = 50
MOST = Decimal("0.25")
LEAST = Decimal("0.1")
"""The part of a slice below which none is handed out."""

FAREWELL = "I have to stop here: the budget for this call is used up. Goodbye."

Kind = Literal["session", "key_day", "key_month"]
State = Literal["ok", "soft", "spent"]

KINDS: Final[tuple[Kind, ...]] = ("session", "key_day", "key_month")

_NAMES: Final[dict[Kind, str]] = {
    "session": "the budget of a session",
    "key_day": "the budget of the key for today",
    "key_month": "the budget of the key for this month",
}
_OWN_NAMES: Final[dict[Kind, str]] = {
    "session": "this key's own limit for a session",
    "key_day": "this key's own limit for today",
    "key_month": "this key's own limit for this month",
}


class BudgetConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits in dollars: of one session, and of all that one key uses in a day and in a month. None is no limit.

    ``soft`` is the share of a limit from which its use is told. ``farewell`` is what is said before a session ends.
    Where a limit is set, ``unknown`` says what becomes of calls that cost nobody knows what.
    """

    session: Decimal | None = None
    key_day: Decimal | None = None
    key_month: Decimal | None = None
    soft: Decimal = Decimal("0.8")
    farewell: str = FAREWELL
    unknown: Literal["refuse", "allow"] = "refuse"

    def __post_init__(self) -> None:
        for kind, limit in self.limits.items():
            if not (limit.is_finite() and limit > 0):
                raise ValueError(f"{kind} must be more than 0 dollars; leave it out for no limit")
        if not (self.soft.is_finite() and 0 < self.soft <= 1):
            raise ValueError("soft must be more than 0 and at most 1")

    @property
    def limits(self) -> dict[Kind, Decimal]:
        """The limits that are set."""
        limits: dict[Kind, Decimal | None]
        limits = {"session": self.session, "key_day": self.key_day, "key_month": self.key_month}
        return {kind: limit for kind, limit in limits.items() if limit is not None}


class Place(NamedTuple):
    """What a limit is for: a session or a key, since a moment."""

    kind: Kind
    name: str
    since: float


class Verdict(Struct, frozen=True):
    """Whether a session may go on. ``used`` is the share of that of its limits which is used most.

    ``reason`` says which limit that is, or what has no price.
    """

    state: State = "ok"
    used: Decimal = ZERO
    reason: str = ""


class Use(Struct, frozen=True):
    """How much of a limit was spent by now, in dollars; what is provisional too."""

    kind: Kind
    limit: Decimal
    spent: Decimal

    @property
    def used(self) -> Decimal:
        """The share of the limit."""
        return self.spent / self.limit


class _Account:
    """One limit, and what became of it here and elsewhere. Dollars; None is no limit, only counted."""

    def __init__(self, limit: Decimal | None) -> None:
        self.limit = limit
        self.elsewhere = ZERO
        self.settled = ZERO
        self.provisional: dict[str, Decimal] = {}
        self.reserved: dict[str, Decimal] = {}

    @property
    def spent(self) -> Decimal:
        return self.elsewhere + self.settled + sum(self.provisional.values(), ZERO)

    def reserve(self, call: str) -> bool:
        """A slice of what nobody has; whether there was one."""
        self.reserved.pop(call, None)
        if self.limit is None:
            return True
        slice_ = min(self.limit / SLICES, MOST)
        free = self.limit - self.spent - sum(self.reserved.values(), ZERO)
        if free < slice_ * LEAST:
            return False
        self.reserved[call] = min(slice_, free)
        return True

    def leave(self, call: str) -> None:
        self.settled += self.provisional.pop(call, ZERO)
        self.reserved.pop(call, None)


class _Session(Struct):
    owner: str
    session_id: str
    unknown: str = ""


class Budgets:
    """Who may spend. A session is admitted once, tells what it spends, and leaves."""

    def __init__(self, config: BudgetConfig) -> None:
        self.config = config
        self._accounts: dict[Place, _Account] = {}
        self._sessions: dict[str, _Session] = {}
        self._own: dict[str, Mapping[Kind, Decimal]] = {}

    def know(self, owner: str, own: Mapping[Kind, Decimal]) -> bool:
        """The limits of one key alone, from now on; whether they are others than before."""
        changed = self._own.get(owner) != own
        self._own[owner] = own
        if changed:
            limits = self.limits(owner)
            sessions = {each.session_id for each in self._sessions.values() if each.owner == owner}
            for place, account in self._accounts.items():
                if place.name in sessions if place.kind == "session" else place.name == owner:
                    account.limit = limits.get(place.kind)
        return changed

    def counts(self, owner: str) -> bool:
        """Whether it is counted what a key spends."""
        return owner in self._own or bool(self.config.limits)

    def limits(self, owner: str) -> dict[Kind, Decimal]:
        """The limits that hold for a key."""
        own, all_ = self._own.get(owner, {}), self.config.limits
        limits = {kind: [each[kind] for each in (own, all_) if kind in each] for kind in KINDS}
        return {kind: min(found) for kind, found in limits.items() if found}

    def places(self, owner: str, session_id: str, now: float) -> list[Place]:
        """What the limits of a session are for."""
        return self._places(owner, session_id, now, self.limits(owner))

    def _counted(self, session: _Session, now: float) -> list[Place]:
        kinds = KINDS if session.owner in self._own else tuple(self.config.limits)
        return self._places(session.owner, session.session_id, now, kinds)

    def _places(self, owner: str, session_id: str, now: float, kinds: Iterable[Kind]) -> list[Place]:
        day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        names: dict[Kind, Place] = {
            "session": Place("session", session_id, 0.0),
            "key_day": Place("key_day", owner, day.timestamp()),
            "key_month": Place("key_month", owner, day.replace(day=1).timestamp()),
        }
        return [names[kind] for kind in kinds]

    def use(self, owner: str, session_id: str, now: float) -> list[Use]:
        """What was spent of the limits of a session that runs."""
        accounts = [(place.kind, self._accounts.get(place)) for place in self.places(owner, session_id, now)]
        limits = self.limits(owner)
        return [Use(kind, limits[kind], account.spent if account else ZERO) for kind, account in accounts]

    @property
    def known(self) -> tuple[Place, ...]:
        """The limited places of which it is known what was spent there."""
        return tuple(place for place, account in self._accounts.items() if account.limit is not None)

    def hear(self, place: Place, elsewhere: Decimal, owner: str = "") -> None:
        """What other processes spent there by now; for a session that begins, all that it spent so far.

        ``owner`` is whose session it is; of a day and a month the place tells.
        """
        if place.kind == "session":
            self._accounts.pop(place, None)
        self._account(place, owner).elsewhere = elsewhere

    def admit(self, call: str, owner: str, session_id: str, now: float) -> Verdict:
        """Whether a session may begin; it is known as ``call`` from then on, unless it may not."""
        self._sessions[call] = _Session(owner, session_id)
        verdict = self._check(call, now)
        if verdict.state == "spent":
            self.leave(call)
        return verdict

    def charge(self, call: str, now: float, settled: Cost, provisional: Cost | None = None) -> Verdict:
        """What a session spent since the last time, and what its generation under way comes to by now."""
        session = self._sessions.get(call)
        if session is None:
            return Verdict()
        under_way = provisional or Cost()
        for place in self._counted(session, now):
            account = self._account(place, session.owner)
            account.settled += settled.known
            account.provisional[call] = under_way.known
        session.unknown = next(iter(settled.reasons + under_way.reasons), session.unknown)
        return self._check(call, now)

    def leave(self, call: str) -> None:
        """The session is over; what it reserved is free again."""
        if self._sessions.pop(call, None) is None:
            return
        for account in self._accounts.values():
            account.leave(call)

    def forget(self, now: float) -> None:
        """Forget the days and months that are over, and the sessions that do not run."""
        current = {(place.kind, place.since) for place in self._places("", "", now, KINDS[1:])}
        running = {place for each in self._sessions.values() for place in self._counted(each, now)}
        for place in self._accounts.keys() - running:
            if (place.kind, place.since) not in current:
                del self._accounts[place]

    def _check(self, call: str, now: float) -> Verdict:
        session = self._sessions[call]
        if session.unknown and self.limits(session.owner) and self.config.unknown == "refuse":
            return Verdict("spent", ZERO, session.unknown)
        places = self.places(session.owner, session.session_id, now)
        self._release(call, self._counted(session, now))
        refused = [place for place in places if not self._account(place, session.owner).reserve(call)]
        used, place = max(self._shares(places, session.owner), default=(ZERO, None))
        if refused:
            return Verdict("spent", used, f"{self._name(refused[0], session.owner)} is used up")
        if place is None or used < self.config.soft:
            return Verdict("ok", used)
        return Verdict("soft", used, f"{used:.0%} of {self._name(place, session.owner)} is used")

    def _release(self, call: str, places: list[Place]) -> None:
        """A session that goes on after midnight reserves nothing of yesterday."""
        for place, account in self._accounts.items():
            if place not in places:
                account.leave(call)

    def _shares(self, places: list[Place], owner: str = "") -> Iterator[tuple[Decimal, Place]]:
        limits = self.limits(owner)
        for place in places:
            yield self._account(place, owner).spent / limits[place.kind], place

    def _account(self, place: Place, owner: str) -> _Account:
        account = self._accounts.get(place)
        if account is None:
            whose = owner if place.kind == "session" else place.name
            account = self._accounts[place] = _Account(self.limits(whose).get(place.kind))
        return account

    def _name(self, place: Place, owner: str) -> str:
        own, limit = self._own.get(owner, {}).get(place.kind), self.limits(owner)[place.kind]
        return f"{(_OWN_NAMES if own == limit else _NAMES)[place.kind]}, {show(limit)},"
