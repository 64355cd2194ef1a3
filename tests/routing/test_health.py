"""What counts as a call, and what is known when it ends."""

import pytest

from antiphon.routing.breaker import BreakerConfig
from antiphon.routing.health import Health


@pytest.fixture
def health() -> Health:
    return Health(BreakerConfig(failures=1, pause=5))


def test_a_call_counts_until_it_is_released(health: Health) -> None:
    first, second = health.take(0), health.take(0)
    assert health.objection(0, 2) == "is full (2 of 2 calls)"
    assert health.objection(0, 3) == ""
    first.release(1)
    first.release(1)
    assert health.calls == 1
    second.failed(1)
    assert health.calls == 1
    second.release(1)
    assert health.calls == 0


def test_one_that_does_not_run_says_why(health: Health) -> None:
    health.down = "no key"
    assert health.objection(0) == "does not run: no key"


def test_a_failure_counts_once(health: Health) -> None:
    lease = health.take(0)
    lease.failed(0)
    lease.failed(9)
    lease.opened(9)
    lease.release(9)
    assert health.breaker.state(4.9) == "open"
    assert health.breaker.state(5) == "half open"


def test_nothing_counts_after_the_release(health: Health) -> None:
    lease = health.take(0)
    lease.release(0)
    lease.failed(0)
    assert health.breaker.state(0) == "closed"


def test_a_probe_that_left_before_it_began_leaves_its_place(health: Health) -> None:
    health.take(0).failed(0)
    probe = health.take(5)
    assert health.objection(5)
    probe.release(5)
    assert not health.objection(5)


def test_a_probe_that_began_and_is_lost_later_is_no_probe_any_more(health: Health) -> None:
    health.take(0).failed(0)
    probe = health.take(5)
    probe.opened(5)
    other = health.take(6)
    probe.failed(7)
    assert health.breaker.state(16.9) == "open"
    assert health.breaker.state(17) == "half open"
    other.failed(17)
    assert not health.objection(17), "only the probe may say that it is still broken"


def test_a_last_resort_is_taken_whatever_the_breaker_says(health: Health) -> None:
    broken = health.take(0)
    broken.failed(0)
    broken.release(0)
    lease = health.take(1, anyway=True)
    assert health.breaker.state(1) == "open"
    lease.opened(1)
    assert health.breaker.state(1) == "open", "one call that began is not the probe"
    assert health.calls == 1


def test_a_last_resort_of_a_sound_engine_is_a_call_as_any(health: Health) -> None:
    health.take(0, anyway=True).failed(0)
    assert health.breaker.state(0) == "open"
