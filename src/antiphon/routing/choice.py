"""The choice of an engine for a call, and the reasons for it.

In this order: targets that have not failed in the call, by priority, those of the same priority in turns by their
weights; then those that failed but may be retried, likewise; then the engine that :attr:`Route.when_exhausted` names.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from antiphon.routing.health import Health
from antiphon.routing.route import REFUSE, Route, Target


class Decision(Struct, frozen=True):
    """What was chosen; ``engine`` is empty when nothing was. ``last_resort``: whatever its health is.

    ``reasons`` say of each engine that was passed over why, and of the chosen one what it was.
    """

    engine: str
    reasons: tuple[str, ...]
    last_resort: bool = False


class Balance:
    """Turns among targets by their weights, shared by all calls of a route (smooth weighted round robin).

    Where all targets can be had, every run of as many choices as the sum of the weights gives each exactly its weight,
    and nobody's turns come in a row that could be spread. (As nginx does it: commit 52327e0627f4.)
    """

    def __init__(self) -> None:
        self._credits: dict[str, int] = {}

    def next(self, targets: Sequence[Target]) -> Target:
        """The target whose turn it is; ``targets`` are those that can be had, at least one."""
        for target in targets:
            self._credits[target.engine] = self._credits.get(target.engine, 0) + target.weight
        chosen = max(targets, key=lambda target: self._credits[target.engine])
        self._credits[chosen.engine] -= sum(target.weight for target in targets)
        return chosen


class Choice:
    """The way of one call along its route."""

    def __init__(self, route: Route, balance: Balance, health: Mapping[str, Health]) -> None:
        self._route = route
        self._balance = balance
        self._health = health
        self._failures: dict[str, int] = {}
        self._barred: set[str] = set()
        self._resorted = False

    def choose(self, now: float) -> Decision:
        """The engine to try next."""
        reasons: list[str] = []
        free = [target for target in self._route.ordered if self._is_free(target, now, reasons)]
        fresh = [target for target in free if target.engine not in self._failures]
        for candidates in (fresh, free):
            if candidates:
                first = [target for target in candidates if target.priority == candidates[0].priority]
                chosen = first[0] if len(first) == 1 else self._balance.next(first)
                return Decision(chosen.engine, (*reasons, self._praise(chosen, len(first))))
        return self._exhausted(reasons)

    def permits(self, decision: Decision, now: float) -> bool:
        """Whether what was decided a moment ago would be allowed now."""
        if decision.last_resort:
            return not self._against_last_resort(decision.engine)
        return any(
            target.engine == decision.engine and self._is_free(target, now, []) for target in self._route.targets
        )

    def move(self, route: Route, balance: Balance, health: Mapping[str, Health]) -> None:
        """Go on along another route; what failed in this call is remembered by its name."""
        self._route, self._balance, self._health = route, balance, health

    def resort(self) -> None:
        """The last resort was given the call: it is not given it again."""
        self._resorted = True

    def failed(self, engine: str, *, retry: bool) -> None:
        """An engine that was chosen could not begin, or was lost."""
        self._failures[engine] = self._failures.get(engine, 0) + 1
        if not retry:
            self._barred.add(engine)

    def _is_free(self, target: Target, now: float, reasons: list[str]) -> bool:
        reason = self._past(target.engine) or self._health[target.engine].objection(now, target.max_calls)
        if reason:
            reasons.append(f"{target.engine} {reason}")
        return not reason

    def _past(self, engine: str) -> str:
        """Why what happened in this call speaks against an engine."""
        if engine in self._barred:
            return "failed in this call for good"
        failures = self._failures.get(engine, 0)
        return f"failed in this call {_times(failures)}" if failures > self._route.retries else ""

    def _praise(self, target: Target, among: int) -> str:
        failures = self._failures.get(target.engine)
        again = f" again, after it failed {_times(failures)}" if failures else ""
        turns = f", weight {target.weight} among {among} targets" if among > 1 else ""
        return f"{target.engine} is chosen{again}: priority {target.priority}{turns}"

    def _exhausted(self, reasons: list[str]) -> Decision:
        last = self._route.when_exhausted
        if last == REFUSE:
            return Decision("", tuple(reasons))
        reason = self._against_last_resort(last)
        if reason:
            return Decision("", (*reasons, f"{last} {reason}"))
        return Decision(last, (*reasons, f"{last} is chosen: no target is left"), last_resort=True)

    def _against_last_resort(self, engine: str) -> str:
        if self._resorted:
            return "was the last resort already"
        if engine in self._barred:
            return "failed in this call for good"
        down = self._health[engine].down
        return f"does not run: {down}" if down else ""


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
