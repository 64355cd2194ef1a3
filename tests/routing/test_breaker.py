"""When a breaker opens, for how long, and what closes it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.routing.breaker import Breaker, BreakerConfig

CONFIG = BreakerConfig(failures=3, rate=0.5, calls=4, window=60, pause=5, longest_pause=40, proof=30)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(CONFIG)


def fail(breaker: Breaker, now: float, times: int = 1) -> None:
    """Calls that could not begin."""
    for _ in range(times):
        breaker.failed(now, probe=breaker.begin(now))


def lose(breaker: Breaker, now: float) -> None:
    """A call that began, and was lost at once."""
    breaker.opened(now, probe=breaker.begin(now))
    breaker.failed(now)


def succeed(breaker: Breaker, now: float) -> None:
    breaker.opened(now, probe=breaker.begin(now))
    breaker.ended(now)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"failures": 0}, "failures must be positive"),
        ({"pause": float("inf")}, "pause must be positive"),
        ({"rate": 0.0}, "rate must be"),
        ({"rate": 1.5}, "rate must be"),
        ({"pause": 9.0, "longest_pause": 8.0}, "longest_pause must not be shorter"),
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(wrong, BreakerConfig)


class TestOpening:
    def test_failures_in_a_row_open_it(self, breaker: Breaker) -> None:
        fail(breaker, 0, 2)
        assert breaker.state(0) == "closed"
        fail(breaker, 0)
        assert breaker.state(0) == "open"
        assert breaker.objection(1.5) == "failed, and is left alone for another 4 s"

    def test_a_call_that_ended_well_is_forgiveness(self) -> None:
        breaker = Breaker(BreakerConfig(failures=3))
        fail(breaker, 0, 2)
        succeed(breaker, 0)
        fail(breaker, 0, 2)
        assert breaker.state(0) == "closed"

    def test_failures_long_ago_do_not_count(self, breaker: Breaker) -> None:
        fail(breaker, 0, 2)
        fail(breaker, 60)
        assert breaker.state(60) == "closed"

    def test_too_great_a_share_of_failures_opens_it(self, breaker: Breaker) -> None:
        for now in (0, 1):
            succeed(breaker, now)
            fail(breaker, now)
        assert breaker.state(1) == "open"

    def test_a_small_share_does_not(self, breaker: Breaker) -> None:
        for now in range(0, 30, 3):
            succeed(breaker, now)
            succeed(breaker, now + 1)
            fail(breaker, now + 2)
        assert breaker.state(30) == "closed"

    def test_calls_that_are_lost_as_soon_as_they_began_open_it(self, breaker: Breaker) -> None:
        for now in range(3):
            lose(breaker, now)
        assert breaker.state(2) == "open"

    def test_a_loss_after_a_long_time_without_any_is_the_first(self, breaker: Breaker) -> None:
        fail(breaker, 0, 2)
        breaker.opened(1, probe=breaker.begin(1))
        breaker.failed(31)
        assert breaker.state(31) == "closed"
        # Sooner, it would have been the third.
        other = Breaker(CONFIG)
        fail(other, 0, 2)
        other.opened(1, probe=other.begin(1))
        other.failed(30)
        assert other.state(30) == "open"


class TestHalfOpen:
    def test_one_call_probes(self, breaker: Breaker) -> None:
        fail(breaker, 0, 3)
        assert breaker.state(5) == "half open"
        assert breaker.begin(5) is True
        assert breaker.objection(5) == "failed, and another call tries it"

    def test_a_probe_that_begins_closes_it(self, breaker: Breaker) -> None:
        fail(breaker, 0, 3)
        succeed(breaker, 5)
        assert breaker.state(5) == "closed"
        fail(breaker, 6, 2)
        assert breaker.state(6) == "closed"

    def test_a_probe_that_fails_doubles_the_pause_up_to_a_bound(self, breaker: Breaker) -> None:
        now, pauses = 0.0, []
        fail(breaker, now, 3)
        for _ in range(5):
            waited = 0
            while breaker.state(now) == "open":
                now, waited = now + 1, waited + 1
            pauses.append(waited)
            fail(breaker, now)
        assert pauses == [5, 10, 20, 40, 40]

    def test_a_probe_that_began_and_was_lost_doubles_the_pause_as_well(self, breaker: Breaker) -> None:
        fail(breaker, 0, 3)
        lose(breaker, 5)
        assert breaker.state(14.9) == "open"
        assert breaker.state(15) == "half open"

    def test_a_probe_of_which_nothing_is_known_leaves_its_place_to_another(self, breaker: Breaker) -> None:
        fail(breaker, 0, 3)
        breaker.begin(5)
        breaker.abandoned()
        assert breaker.begin(5) is True

    def test_calls_that_began_before_it_opened_change_nothing(self, breaker: Breaker) -> None:
        fail(breaker, 0, 3)
        breaker.failed(4)
        assert breaker.state(5) == "half open"
        breaker.failed(6)
        assert breaker.state(6) == "half open"

    def test_many_failed_probes_do_not_overflow(self) -> None:
        breaker = Breaker(CONFIG)
        now = 0.0
        fail(breaker, now, 3)
        for _ in range(1100):
            now += 40
            fail(breaker, now)
        assert breaker.state(now + 40) == "half open"


@given(st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["fail", "lose", "end", "abandon", "hold"]))))
def test_whatever_happens_an_open_one_lets_nothing_through_and_a_half_open_one_probe(
    steps: list[tuple[float, str]],
) -> None:
    breaker, now, probes = Breaker(CONFIG), 0.0, 0
    for seconds, what in steps:
        now += seconds
        state, objection = breaker.state(now), breaker.objection(now)
        assert bool(objection) == (state == "open" or (state == "half open" and probes > 0))
        if objection:
            continue
        probe = breaker.begin(now)
        assert probe == (state == "half open")
        if what == "hold":
            probes += probe
        elif what == "abandon" and probe:
            breaker.abandoned()
        elif what == "fail":
            breaker.failed(now, probe=probe)
        else:
            breaker.opened(now, probe=probe)
            assert breaker.state(now) == "closed"
            breaker.failed(now) if what == "lose" else breaker.ended(now)
