"""What a route may say, and in which order it names its engines."""

from typing import Any

import msgspec
import pytest

from antiphon.routing.route import Route, Target


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"targets": []}, "at least one engine"),
        ({"targets": [{"engine": ""}]}, "engine must name an engine"),
        ({"targets": [{"engine": "a", "weight": 0}]}, "leave the target out"),
        ({"targets": [{"engine": "a", "max_calls": 0}]}, "max_calls must be positive"),
        ({"targets": [{"engine": "a"}, {"engine": "a"}]}, "names a twice"),
        ({"targets": [{"engine": "a", "wait": 1}]}, "unknown field `wait`"),
        ({"targets": [{"engine": "a"}], "retries": -1}, "retries must not be negative"),
        ({"targets": [{"engine": "a"}], "when_exhausted": ""}, "when_exhausted must be"),
    ],
)
def test_a_wrong_route_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(wrong, Route)


def test_engines_are_in_the_order_of_their_priorities() -> None:
    route = Route((Target("c", priority=1), Target("a", weight=1), Target("b", weight=3)), when_exhausted="d")
    assert route.engines == ("b", "a", "c", "d")


def test_a_last_resort_that_is_a_target_is_named_once() -> None:
    assert Route((Target("a"), Target("b")), when_exhausted="b").engines == ("a", "b")


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        (Route((Target("a"),), retries=0), False),
        (Route((Target("a"),), retries=0, when_exhausted="a"), False),
        (Route((Target("a"),), retries=1), True),
        (Route((Target("a"), Target("b")), retries=0), True),
        (Route((Target("a"),), retries=0, when_exhausted="b"), True),
    ],
)
def test_a_call_may_be_taken_over_where_there_is_something_to_take_it(route: Route, expected: bool) -> None:
    assert route.takes_over is expected
