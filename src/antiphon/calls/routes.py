"""Which engines may answer the calls of a model: plans along the routes of the configuration."""

import logging
from collections.abc import Collection, Mapping
from typing import Final

from msgspec import Struct

from antiphon.calls.clock import Clock
from antiphon.calls.plan import Placement, Plan
from antiphon.calls.station import Station
from antiphon.engines.base import Engine
from antiphon.live import profiles
from antiphon.live.abilities import Abilities
from antiphon.live.profiles import Profile
from antiphon.routing.choice import Balance, Choice, Decision
from antiphon.routing.health import Lease
from antiphon.routing.route import Route
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.calls")

ANY: Final = "*"
"""The route of every model that has none of its own."""

_NOBODY: Final = Abilities("nobody")


def find_route(routes: Collection[str], model: str) -> str | None:
    """The name of the route of a model: its own, that of the model it stands for, or :data:`ANY`."""
    bare, profile = model.rsplit("/", 1)[-1], profiles.find(model)
    names = (bare, profile.id if profile else bare, ANY)
    return next((name for name in names if name in routes), None)


def served_models(routes: Mapping[str, Route]) -> dict[str, Profile]:
    """The models that one may choose among, with the profiles whose rules hold: the newest first, then other names.

    Other names are those that have a route of their own; not those that only stand for a model that is served.
    """
    known = {name: profile for name, profile in reversed(profiles.PROFILES.items()) if find_route(routes, name)}
    others: dict[str, Profile] = {}
    for name, route in routes.items():
        stands_for = profiles.find(name)
        profile = stands_for or profiles.PROFILES.get(route.profile)
        if name != ANY and profile is not None and (stands_for is None or profile.id not in known):
            others[name] = profile
    return known | others


class Board:
    """Routes and the engines they name, as one configuration has them. It does not change; another one replaces it."""

    def __init__(self, stations: Mapping[str, Station], routes: Mapping[str, Route]) -> None:
        self.stations = stations
        self.routes = routes
        self.health = {name: station.health for name, station in stations.items()}
        self._balances = {name: Balance() for name in routes}

    def find(self, model: str) -> str | None:
        """The name of the route of a model: its own, that of the model it stands for, or :data:`ANY`."""
        return find_route(self.routes, model)

    def choice(self, name: str) -> Choice:
        """The way of a new call along a route."""
        return Choice(self.routes[name], self._balances[name], self.health)

    def move(self, choice: Choice, name: str) -> None:
        """Let a call that began with another board go on with this one."""
        choice.move(self.routes[name], self._balances[name], self.health)


def _not_served(model: str, board: Board) -> Refusal:
    known = ", ".join(board.routes)
    return Refusal("setup.model", f"{model[-60:]} is not served here", f"use {known}", CloseCode.POLICY)


def _nobody_now() -> Refusal:
    return Refusal("", "no engine can take this call now", "try again later", CloseCode.INTERNAL)


class Prospect(Struct, frozen=True):
    """What a call would begin with. ``model`` is the one whose rules hold, ``engine`` the name of what answers.

    Both are empty for a model that nobody knows: the session refuses it.
    """

    model: str
    engine: str
    abilities: Abilities


class Routes:
    """Makes plans. A server calls it with the model's name of every call that begins.

    Replacing :attr:`board` is all that a new configuration takes: calls keep the engine they have, and look at the new
    board when they need another one.
    """

    def __init__(self, board: Board, clock: Clock) -> None:
        self.board = board
        self.clock = clock

    def __call__(self, model: str) -> Plan:
        """The plan of a call.

        Raises:
            Refusal: no route leads anywhere from this model, or none of its engines can take a call now.
        """
        name = self.board.find(model)
        if name is None and profiles.find(model) is not None:
            raise _not_served(model, self.board)
        return RoutedPlan(self, model, name or next(iter(self.board.routes)))

    def prospect(self, model: str) -> Prospect:
        """What a call of a model would begin with now. Unlike a plan it takes nobody's turn and is not remembered.

        Raises:
            Refusal: as for a call.
        """
        board, profile = self.board, profiles.find(model)
        name = board.find(model)
        if name is None and profile is not None:
            raise _not_served(model, board)
        route = board.routes[name or next(iter(board.routes))]
        rules = profile.id if profile else route.profile
        if not rules:
            return Prospect("", "", _NOBODY)
        engine = Choice(route, Balance(), board.health).choose(self.clock.now()).engine
        if not engine:
            raise _nobody_now()
        return Prospect(rules, engine, board.stations[engine].engine.abilities)

    def bills(self, model: str) -> tuple[tuple[str, str], ...] | None:
        """Who is paid for a call of a model, by provider and model; None where nobody knows, or it depends."""
        name = self.board.find(model)
        if name is None:
            return None
        stations = (self.board.stations[engine] for engine in self.board.routes[name].engines)
        found = {station.wanted.bills for station in stations}
        return found.pop() if len(found) == 1 else None


class RoutedPlan:
    """The engines that may answer one call.

    ``decisions`` says what was decided, one sentence for each engine that was chosen, passed over or lost.
    """

    def __init__(self, routes: Routes, asked: str, name: str) -> None:
        self.decisions: list[str] = []
        self._routes = routes
        self._asked = asked
        self._name = name
        self._board = routes.board
        self._choice = self._board.choice(name)
        route = self._board.routes[name]
        known = profiles.find(asked) is not None
        self.model = "" if known else route.profile
        self.takes_over = route.takes_over
        self._next: Decision | None = self._decide()
        if not self._next.engine and (known or self.model):
            # Of what nobody knows nothing will be opened: the session refuses it, and names it.
            raise _nobody_now()
        chosen = self._board.stations.get(self._next.engine)
        self.abilities = chosen.engine.abilities if chosen else _NOBODY

    def choose(self) -> Placement | None:
        """The next engine to try; None when none is left."""
        decision, self._next = self._next, None
        if decision is None or not self._holds(decision):
            decision = self._decide()
        if not decision.engine:
            return None
        if decision.last_resort:
            self._choice.resort()
        station = self._board.stations[decision.engine]
        return Placed(self, station, station.take(anyway=decision.last_resort))

    def note(self, name: str, reason: str, *, retry: bool) -> None:
        """An engine that was chosen failed."""
        self._choice.failed(name, retry=retry)
        self.decisions.append(f"{name} failed: {reason}")

    @property
    def now(self) -> float:
        """The time."""
        return self._routes.clock.now()

    def _decide(self) -> Decision:
        self._look_again()
        decision = self._choice.choose(self.now)
        self.decisions.extend(decision.reasons)
        level = logging.INFO if decision.engine else logging.WARNING
        log.log(level, "a call of %s: %s", self._name, "; ".join(decision.reasons))
        return decision

    def _look_again(self) -> None:
        """Go on with the newest board; where it has no route for the model any more, the old one holds."""
        board = self._routes.board
        if board is not self._board and (name := board.find(self._asked)) is not None:
            board.move(self._choice, name)
            self._board, self._name = board, name

    def _holds(self, decision: Decision) -> bool:
        """Whether what was decided when the call began still can be done."""
        return self._board is self._routes.board and self._choice.permits(decision, self.now)


class Placed:
    """A call's place with an engine."""

    def __init__(self, plan: RoutedPlan, station: Station, lease: Lease) -> None:
        self.name = station.name
        self.engine: Engine = station.engine
        self._plan = plan
        self._station = station
        self._lease = lease
        self._failed = False

    def opened(self) -> None:
        """It began the conversation."""
        self._lease.opened(self._plan.now)

    def failed(self, reason: str, *, retry: bool = True) -> None:
        """It could not begin, or was lost."""
        if not self._failed:
            self._failed = True
            self._lease.failed(self._plan.now)
            self._station.note(reason)
            self._plan.note(self.name, reason, retry=retry)

    def release(self) -> None:
        """The call has nothing to do with it any more."""
        self._station.release(self._lease)
