"""Who is chosen, and what is said about it."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from antiphon.routing.breaker import BreakerConfig
from antiphon.routing.choice import Balance, Choice
from antiphon.routing.health import Health, Lease
from antiphon.routing.route import Route, Target

BREAKER = BreakerConfig(failures=2, pause=5)
ROUTE = Route((Target("near", weight=2), Target("far", max_calls=2), Target("home", priority=1, max_calls=3)))


def healths(*names: str) -> dict[str, Health]:
    return {name: Health(BREAKER) for name in names}


def broken() -> Health:
    health = Health(BREAKER)
    for _ in range(2):
        health.take(0).failed(0)
    return health


class TestBalance:
    @given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 5))
    def test_every_round_gives_each_its_weight(self, weights: list[int], rounds: int) -> None:
        targets = [Target(f"e{number}", weight) for number, weight in enumerate(weights)]
        balance = Balance()
        for _ in range(rounds):
            got = Counter(balance.next(targets).engine for _ in range(sum(weights)))
            assert got == {target.engine: target.weight for target in targets}

    @given(st.data())
    def test_shares_converge_for_those_who_stay_while_others_come_and_go(self, data: st.DataObject) -> None:
        stay, comes = [Target("a", 3), Target("b", 1)], Target("c", 2)
        balance, got = Balance(), Counter[str]()
        for there in data.draw(st.lists(st.booleans(), min_size=50, max_size=50)):
            got[balance.next([*stay, comes] if there else stay).engine] += 1
        assert abs(got["a"] - 3 * got["b"]) <= 12

    def test_turns_are_spread(self) -> None:
        targets, balance = [Target("a", 5), Target("b", 1), Target("c", 1)], Balance()
        assert "".join(balance.next(targets).engine for _ in range(7)) == "aabacaa"


class TestReasons:
    def test_the_chosen_one_says_what_it_is(self) -> None:
        choice = Choice(ROUTE, Balance(), healths("near", "far", "home"))
        decision = choice.choose(0)
        assert decision.engine == "near"
        assert decision.reasons == ("near is chosen: priority 0, weight 2 among 2 targets",)

    def test_all_others_say_why_not(self) -> None:
        health = {"near": broken(), "far": Health(), "home": Health()}
        for _ in range(2):
            health["far"].take(0)
        decision = Choice(ROUTE, Balance(), health).choose(1)
        assert decision.engine == "home"
        assert decision.reasons == (
            "near failed, and is left alone for another 4 s",
            "far is full (2 of 2 calls)",
            "home is chosen: priority 1",
        )

    def test_none_is_left(self) -> None:
        health = healths("only")
        health["only"].down = "no key"
        decision = Choice(Route((Target("only"),)), Balance(), health).choose(0)
        assert (decision.engine, decision.reasons) == ("", ("only does not run: no key",))


class TestFailuresInACall:
    def test_others_come_first_whatever_their_priority(self) -> None:
        choice = Choice(ROUTE, Balance(), healths("near", "far", "home"))
        order = []
        while engine := choice.choose(0).engine:
            order.append(engine)
            choice.failed(engine, retry=True)
        assert order[:3] == ["near", "far", "home"]
        # Then those of the first priority are retried, in turns as ever.
        assert sorted(order[3:5]) == ["far", "near"]
        assert order[5:] == ["home"]

    def test_the_second_time_it_is_said(self) -> None:
        choice = Choice(Route((Target("only"),)), Balance(), healths("only"))
        choice.failed("only", retry=True)
        assert choice.choose(0).reasons == ("only is chosen again, after it failed once: priority 0",)
        choice.failed("only", retry=True)
        assert choice.choose(0).reasons == ("only failed in this call 2 times",)

    def test_one_that_failed_for_good_is_not_retried(self) -> None:
        choice = Choice(Route((Target("only"),), retries=5), Balance(), healths("only"))
        choice.failed("only", retry=False)
        assert choice.choose(0).reasons == ("only failed in this call for good",)

    def test_other_calls_do_not_mind(self) -> None:
        health, balance = healths("only"), Balance()
        Choice(Route((Target("only"),)), balance, health).failed("only", retry=False)
        assert Choice(Route((Target("only"),)), balance, health).choose(0).engine == "only"


class TestLastResort:
    route = Route((Target("far"),), when_exhausted="home", retries=0)

    def test_is_taken_when_no_target_is_left_whatever_its_health_is(self) -> None:
        choice = Choice(self.route, Balance(), {"far": broken(), "home": broken()})
        decision = choice.choose(1)
        assert (decision.engine, decision.last_resort) == ("home", True)
        assert decision.reasons[-1] == "home is chosen: no target is left"

    def test_is_taken_once(self) -> None:
        choice = Choice(self.route, Balance(), {"far": broken(), "home": Health()})
        assert choice.choose(1).engine == "home"
        choice.resort()
        choice.failed("home", retry=True)
        assert choice.choose(1).reasons[-1] == "home was the last resort already"

    def test_is_not_taken_when_it_does_not_run(self) -> None:
        health = {"far": broken(), "home": Health()}
        health["home"].down = "no model"
        assert Choice(self.route, Balance(), health).choose(1).reasons[-1] == "home does not run: no model"

    def test_is_not_taken_after_it_failed_for_good_as_a_target(self) -> None:
        choice = Choice(Route((Target("far"),), when_exhausted="far"), Balance(), healths("far"))
        choice.failed("far", retry=False)
        assert choice.choose(0).engine == ""


class Calls(RuleBasedStateMachine):
    """Many calls at once along one route, with every outcome, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.health = healths("near", "far", "home")
        self.balance = Balance()
        self.calls: list[tuple[Choice, str, Lease]] = []

    @rule(seconds=st.floats(0, 8))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def call(self) -> None:
        self._next(Choice(ROUTE, self.balance, self.health))

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.calls))[2].opened(self.now)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), retry=st.booleans())
    def lose(self, data: st.DataObject, retry: bool) -> None:
        call = choice, engine, lease = data.draw(st.sampled_from(self.calls))
        self.calls.remove(call)
        lease.failed(self.now)
        choice.failed(engine, retry=retry)
        lease.release(self.now)
        self._next(choice, {engine})

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        call = data.draw(st.sampled_from(self.calls))
        self.calls.remove(call)
        call[2].release(self.now)

    def _next(self, choice: Choice, failed: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        able = [
            target
            for target in ROUTE.targets
            if target.engine not in failed and not self.health[target.engine].objection(self.now, target.max_calls)
        ]
        fresh = [target for target in able if target.engine not in choice._failures]
        decision = choice.choose(self.now)
        assert len(decision.reasons) >= 1
        if fresh:
            assert decision.engine in {t.engine for t in fresh if t.priority == min(f.priority for f in fresh)}
        if not decision.engine:
            return
        health = self.health[decision.engine]
        state = health.breaker.state(self.now)
        assert state != "open"
        self.calls.append((choice, decision.engine, lease := health.take(self.now)))
        assert lease._probe == (state == "half open")

    @invariant()
    def no_engine_is_over_its_cap(self) -> None:
        for target in ROUTE.targets:
            assert self.health[target.engine].calls <= (target.max_calls or 1000)

    @invariant()
    def as_many_leases_as_calls(self) -> None:
        running = Counter(engine for _, engine, _ in self.calls)
        assert {name: health.calls for name, health in self.health.items()} == {n: running[n] for n in self.health}

    @invariant()
    def one_probe_at_a_time(self) -> None:
        probes = Counter(engine for _, engine, lease in self.calls if lease._probe and not lease._open)
        assert all(count == 1 for count in probes.values())


TestCalls = Calls.TestCase
