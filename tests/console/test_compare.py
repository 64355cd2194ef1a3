"""Two sessions side by side: what differs, which of them is better, and what cannot be told."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.console.clients import get, page
from tests.console.stored import TIMELINE, record, seed

from antiphon.console.sessions_compare import compare
from antiphon.live.timeline import Money, Timeline, Turn
from antiphon.store.records import Entry


def entry(timeline: Timeline | None, **changes: Any) -> Entry:
    return Entry(1_700_000_000.0, "", record("a", **changes), timeline)


def answered(*latencies: float, cost: Money | None = None) -> Timeline:
    turns = [Turn(at=at, number=at, latency=latency, cost=cost) for at, latency in enumerate(latencies, 1)]
    total = None if cost is None else sum((cost for _ in latencies), Money())
    return Timeline(tuple(turns), turns=len(turns), cost=total)


def differences(a: Timeline | None, b: Timeline | None, **changes: Any) -> dict[str, tuple[Any, ...]]:
    found = compare([entry(a)], [entry(b, **changes)]).differences
    return {each.name: (each.a, each.b, each.delta, each.verdict) for each in found}


class TestFigures:
    def test_less_is_better_where_less_is(self) -> None:
        cent = Money(Decimal("0.01"))
        found = differences(answered(0.5, 0.7, cost=cent), answered(0.4, 1.2, 0.1, cost=cent))
        assert found["Latency, p50"] == ("500 ms", "400 ms", "−100 ms", "better")
        assert found["Latency, p95"] == ("700 ms", "1.2 s", "+500 ms", "worse")
        assert found["Cost"] == ("$0.02", "$0.03", "+$0.01", "worse")
        assert found["Turns"] == ("2", "3", "+1", "")

    def test_what_is_the_same_is_no_better(self) -> None:
        assert {each[2:] for each in differences(TIMELINE, TIMELINE).values()} == {("=", ""), (None, "")}

    def test_what_is_not_known_is_not_compared(self) -> None:
        unknown = Money(Decimal("0.01"), ("no price",))
        found = differences(answered(0.5, cost=Money(Decimal("0.02"))), answered(cost=None))
        assert found["Latency, p50"] == ("500 ms", "–", None, "")
        assert found["Cost"] == ("$0.02", "–", None, "")
        found = differences(answered(0.5, cost=unknown), answered(0.5, cost=Money()))
        assert found["Cost"] == ("$0.01 + unknown", "$0.00", None, "")

    def test_what_has_no_number_stands_side_by_side(self) -> None:
        found = differences(TIMELINE, None, model="other", close_code=1011, close_reason="broke")
        assert found["Model"][:2] == ("gemini-3.8-live", "other")
        assert found["Close"][:2] == ("1000 normal", "1011: broke")


class TestTurns:
    def test_they_are_aligned_by_number(self) -> None:
        cent = Money(Decimal("0.01"))
        found = compare([entry(answered(0.5, 0.7, cost=cent))], [entry(answered(0.4, cost=Money(Decimal("0.03"))))])
        first, second = found.turns
        assert (first.latency, first.cost) == ("−100 ms", "+$0.02")
        assert second.a is not None
        assert (second.b, second.latency, second.cost) == (None, None, None)

    def test_connections_follow_each_other(self) -> None:
        both = [entry(answered(0.5)), entry(answered(0.7))]
        assert [each.a.anchor for each in compare(both, both).turns if each.a] == ["turn-1", "c2-turn-1"]


class TestThePage:
    @pytest.fixture
    def server(self, start: Any, tmp_path: Path) -> Any:
        server = start(data_dir=tmp_path)
        seed(tmp_path, record("a"))
        seed(tmp_path, record("b"), timeline=msgspec.structs.replace(TIMELINE, cost=Money(Decimal("0.02"))))
        return server

    def test_it_shows_both(self, server: Any) -> None:
        html = page(server, "/sessions/compare?a=a&b=b").text
        assert html.count("The train to Bern leaves at eleven.") == 2
        assert 'href="/console/sessions/b#turn-2"' in html
        told = get(server, "/sessions/compare?a=a&b=b").json()
        assert (told["a"]["session_id"], told["b"]["session_id"], len(told["turns"])) == ("a", "b", 2)

    @pytest.mark.parametrize(("query", "count"), [("", 0), ("a=a", 1), ("s=a", 1), ("s=a&s=b&s=a", 3)])
    def test_two_are_needed(self, server: Any, query: str, count: int) -> None:
        answer = get(server, f"/sessions/compare?{query}")
        assert answer.status_code == 400
        assert f"not {count}: choose two" in answer.text

    def test_one_that_is_not_there(self, server: Any) -> None:
        assert get(server, "/sessions/compare?a=a&b=x").status_code == 404

    def test_it_is_for_everybody(self, server: Any, new_page: Any, axe: Any) -> None:
        for scheme, width in (("light", 1280), ("dark", 320)):
            page = new_page(microphone=False, color_scheme=scheme, viewport={"width": width, "height": 800})
            page.goto(f"{server.url}/console/sessions/compare?a=a&b=b")
            assert axe(page) == []
