"""Plans: which engine answers a call, which one takes over, and what is remembered of it."""

import logging
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.calls.fleet import Silent, wanted

from antiphon.calls.plan import OneEngine, Placement, Plan
from antiphon.calls.routes import Board, RoutedPlan, Routes, served_models
from antiphon.calls.station import EngineStatus, Station
from antiphon.live import profiles
from antiphon.routing.route import Route, Target
from antiphon.testing.clock import VirtualClock
from antiphon.wire.refusal import Refusal

MODEL = "models/gemini-3.8-live"
NAMES = ("near", "far", "home")


class House:
    """Engines that run, and routes to them."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.stations: dict[str, Station] = {}

    async def open(self, *names: str) -> "House":
        for name in names:
            self.stations[name] = Station(name, wanted(Silent(name)), self.clock)
            await self.stations[name].start()
        return self

    def routes(self, **routes: Route) -> Routes:
        return Routes(self.board(**routes), self.clock)

    def board(self, **routes: Route) -> Board:
        return Board(self.stations, {name.replace("any", "*"): route for name, route in routes.items()})

    @property
    def calls(self) -> dict[str, int]:
        return {name: station.health.calls for name, station in self.stations.items()}


@pytest.fixture
async def house(clock: VirtualClock) -> House:
    return await House(clock).open(*NAMES)


def to(*names: str, **settings: Any) -> Route:
    """A route to engines, the first one first."""
    targets = tuple(Target(name, priority=number) for number, name in enumerate(names))
    return Route(targets, **settings)


def chosen(plan: Plan) -> Placement:
    placement = plan.choose()
    assert placement is not None
    return placement


class TestTheRouteOfAModel:
    @pytest.mark.parametrize(
        ("model", "engine"),
        [
            ("models/gemini-3.8-live", "near"),
            ("gemini-3.8-live", "near"),
            ("projects/p/locations/l/publishers/google/models/gemini-3.8-live", "near"),
            ("models/gemini-3.1-flash-live-preview", "home"),
        ],
    )
    async def test_is_its_own_or_that_of_all_others(self, house: House, model: str, engine: str) -> None:
        plans = house.routes(**{"any": to("home"), "gemini-3.8-live": to("near")})
        assert chosen(plans(model)).name == engine
        assert plans(model).model == ""

    async def test_is_that_of_the_model_it_stands_for(self, house: House) -> None:
        from antiphon.live import profiles

        name, alias = next(iter(profiles.ALIASES.items()))
        plans = house.routes(**{"any": to("home"), alias.model: to("near")})
        assert chosen(plans(name)).name == "near"
        plans = house.routes(**{alias.model: to("near"), name: to("far")})
        assert chosen(plans(name)).name == "far"

    async def test_a_name_of_the_owners_has_the_rules_of_a_profile(self, house: House) -> None:
        plans = house.routes(**{"our-model": to("near", profile="gemini-3.8-live")})
        assert plans("models/our-model").model == "gemini-3.8-live"

    async def test_the_route_of_all_others_may_lend_a_profile_to_names_that_nobody_knows(self, house: House) -> None:
        plans = house.routes(any=to("near", profile="gemini-3.8-live"))
        assert plans("models/whatever").model == "gemini-3.8-live"
        assert plans("models/gemini-3.1-flash-live-preview").model == ""

    async def test_without_one_the_model_is_not_served(self, house: House) -> None:
        plans = house.routes(**{"gemini-3.8-live": to("near"), "our-model": to("far", profile="gemini-3.8-live")})
        message = "setup.model: models/gemini-3.1-flash-live-preview is not served here; use gemini-3.8-live, our-model"
        with pytest.raises(Refusal, match=message) as refused:
            plans("models/gemini-3.1-flash-live-preview")
        assert refused.value.code == 1008

    @pytest.mark.parametrize("model", ["models/nonsense", ""])
    async def test_a_name_that_nobody_knows_is_left_to_the_session(self, house: House, model: str) -> None:
        for plans in (house.routes(any=to("near")), house.routes(**{"gemini-3.8-live": to("near")})):
            assert plans(model).model == ""
            house.stations["near"].health.down = "no key"
            assert plans(model).abilities.name == "nobody"
            house.stations["near"].health.down = ""


class TestThePlan:
    async def test_has_the_abilities_of_the_first_and_takes_no_place(self, house: House) -> None:
        plan = house.routes(any=to("near", "home"))(MODEL)
        assert plan.abilities.name == "near"
        assert plan.takes_over
        assert house.calls == {"near": 0, "far": 0, "home": 0}

    async def test_the_chosen_has_the_call_until_it_is_released(self, house: House) -> None:
        placement = chosen(house.routes(any=to("near"))(MODEL))
        placement.opened()
        assert house.calls["near"] == 1
        placement.release()
        placement.release()
        assert house.calls["near"] == 0

    async def test_the_next_takes_over(self, house: House) -> None:
        plan = house.routes(any=to("near", "home", retries=0))(MODEL)
        first = chosen(plan)
        first.failed("gone")
        first.failed("gone")
        assert chosen(plan).name == "home"
        assert isinstance(plan, RoutedPlan)
        assert plan.decisions == [
            "near is chosen: priority 0",
            "near failed: gone",
            "near failed in this call once",
            "home is chosen: priority 1",
        ]

    async def test_its_status_says_why_and_when_it_failed_last(self, house: House, clock: VirtualClock) -> None:
        chosen(house.routes(any=to("near"))(MODEL)).failed("the line broke")
        clock.advance(12)
        assert house.stations["near"].status() == EngineStatus("near", "ready", 1, "", "the line broke", 12.0)
        assert house.stations["far"].status() == EngineStatus("far", "ready", 0)

    async def test_none_is_left(self, house: House) -> None:
        plan = house.routes(any=to("near"))(MODEL)
        chosen(plan).failed("gone", retry=False)
        assert plan.choose() is None

    async def test_the_last_resort_is_taken_once(self, house: House) -> None:
        plan = house.routes(any=to("near", retries=0, when_exhausted="home"))(MODEL)
        chosen(plan).failed("gone")
        last = chosen(plan)
        assert last.name == "home"
        last.failed("gone")
        assert plan.choose() is None

    async def test_what_filled_up_meanwhile_is_passed_over(self, house: House) -> None:
        route = Route((Target("near", max_calls=1), Target("home", priority=1)))
        plans = house.routes(any=route)
        first, second = plans(MODEL), plans(MODEL)
        assert (first.abilities.name, second.abilities.name) == ("near", "near")
        assert (chosen(first).name, chosen(second).name) == ("near", "home")

    async def test_two_plans_do_not_share_a_probe(self, house: House, clock: VirtualClock) -> None:
        plans = house.routes(any=to("near", "home"))
        for _ in range(3):
            placement = chosen(plans(MODEL))
            placement.failed("gone")
            placement.release()
        assert plans(MODEL).abilities.name == "home"
        clock.advance(5)
        probe, other = plans(MODEL), plans(MODEL)
        assert (chosen(probe).name, chosen(other).name) == ("near", "home")

    async def test_when_all_rest_calls_are_refused_and_the_log_says_why(
        self, house: House, caplog: pytest.LogCaptureFixture
    ) -> None:
        plans = house.routes(any=to("near"))
        chosen(plans(MODEL))
        house.stations["near"].health.down = "no key"
        with caplog.at_level(logging.WARNING), pytest.raises(Refusal, match="try again later"):
            plans(MODEL)
        assert "a call of *: near does not run: no key" in caplog.text

    def test_one_engine_alone_is_a_plan(self) -> None:
        plan: Plan = OneEngine(Silent("only"))
        assert plan.takes_over is False


class TestAnotherBoard:
    async def test_a_call_keeps_its_engine_and_finds_the_next_on_the_new_one(
        self, house: House, clock: VirtualClock
    ) -> None:
        plans = house.routes(any=to("near", "far"))
        plan = plans(MODEL)
        held = chosen(plan)
        plans.board = (await House(clock).open("near", "new")).board(any=to("near", "new"))
        assert held.name == "near"
        held.failed("gone")
        assert chosen(plan).name == "new", "near failed in this call, under whatever board"

    async def test_what_was_decided_before_is_decided_anew(self, house: House, clock: VirtualClock) -> None:
        plans = house.routes(any=to("near"))
        plan = plans(MODEL)
        plans.board = (await House(clock).open("new")).board(any=to("new"))
        assert chosen(plan).name == "new"

    async def test_where_the_model_is_served_no_more_the_call_goes_on_as_it_was(
        self, house: House, clock: VirtualClock
    ) -> None:
        plans = house.routes(any=to("near"))
        plan = plans(MODEL)
        plans.board = (await House(clock).open("new")).board(**{"gemini-3.1-flash-live-preview": to("new")})
        assert chosen(plan).name == "near"


@given(st.data())
def test_whatever_calls_do_all_places_are_given_back(data: st.DataObject) -> None:
    clock = VirtualClock(now=1000.0)
    stations = {name: Station(name, wanted(Silent(name)), clock) for name in NAMES}
    for station in stations.values():
        station._engine = Silent(station.name)
    route = Route((Target("near", 2), Target("far", max_calls=2), Target("home", priority=1)), retries=1)
    plans = Routes(Board(stations, {"*": route}), clock)
    held: list[tuple[Plan, Placement]] = []
    for _ in range(data.draw(st.integers(0, 25))):
        clock.advance(data.draw(st.sampled_from([0, 1, 6])))
        what = data.draw(st.sampled_from(["call", "open", "lose", "end"]))
        if what == "call" or not held:
            # Where every engine failed a moment ago there is none for it.
            with suppress(Refusal):
                plan = plans(MODEL)
                held += [(plan, chosen(plan))]
            continue
        plan, placement = data.draw(st.sampled_from(held))
        if what == "open":
            placement.opened()
            continue
        held.remove((plan, placement))
        if what == "lose":
            placement.failed("gone", retry=data.draw(st.booleans()))
        placement.release()
        if what == "lose" and (after := plan.choose()):
            held.append((plan, after))
        assert sum(station.health.calls for station in stations.values()) == len(held)
        assert stations["far"].health.calls <= 2
    for _, placement in held:
        placement.release()
    assert not any(station.health.calls for station in stations.values())


class TestAProspect:
    async def test_is_what_the_next_call_gets(self, house: House) -> None:
        plans = house.routes(any=to("near", "far"))
        prospect = plans.prospect(MODEL)
        assert (prospect.model, prospect.engine) == ("gemini-3.8-live", "near")
        assert prospect.abilities is house.stations["near"].engine.abilities

    async def test_takes_nobodys_turn(self, house: House) -> None:
        plans = house.routes(any=Route((Target("near"), Target("far"))))
        first = [plans.prospect(MODEL).engine for _ in range(3)]
        assert len(set(first)) == 1
        assert [chosen(plans(MODEL)).name for _ in range(2)] == ["near", "far"]

    async def test_of_a_name_of_the_owners_has_the_rules_of_its_route(self, house: House) -> None:
        plans = house.routes(support=to("home", profile="gemini-3.1-flash-live-preview"))
        assert plans.prospect("models/support").model == "gemini-3.1-flash-live-preview"

    async def test_of_a_model_that_nobody_knows_is_left_to_the_session(self, house: House) -> None:
        prospect = house.routes(any=to("home")).prospect("models/nobody")
        assert (prospect.model, prospect.engine) == ("", "")

    async def test_is_refused_as_a_call_would_be(self, house: House) -> None:
        plans = house.routes(**{"gemini-3.8-live": to("home")})
        with pytest.raises(Refusal, match="is not served here"):
            plans.prospect("models/gemini-3.1-flash-live-preview")
        house.stations["home"].health.down = "it is gone"
        with pytest.raises(Refusal, match="no engine can take this call"):
            plans.prospect(MODEL)


class TestServedModels:
    OLD = "gemini-2.0-flash-live-001"
    """A name that only stands for another."""

    def test_the_newest_come_first_then_the_owners_own(self) -> None:
        own = to("near", profile="gemini-3.8-live")
        found = served_models({"house": own, "*": to("near")})
        assert list(found) == [*reversed(profiles.PROFILES), "house"]
        assert found["house"] is found["gemini-3.8-live"] is profiles.PROFILES["gemini-3.8-live"]

    def test_without_a_route_for_any_there_are_those_that_have_one(self) -> None:
        assert list(served_models({"gemini-3.8-live": to("near")})) == ["gemini-3.8-live"]

    def test_nothing_is_known_of_a_name_without_rules(self) -> None:
        assert served_models({"house": to("near")}) == {}

    def test_what_stands_for_another_is_there_only_without_it(self) -> None:
        stands_for = profiles.find(self.OLD)
        assert stands_for is not None
        assert served_models({self.OLD: to("near")}) == {self.OLD: stands_for}
        assert list(served_models({self.OLD: to("near"), stands_for.id: to("near")})) == [stands_for.id]
