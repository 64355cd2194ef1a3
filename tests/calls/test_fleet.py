"""Engines start together or not at all, go on where nothing changed, and end after their last call."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.calls.fleet import Silent, wanted

from antiphon.calls.fleet import Fleet
from antiphon.calls.plan import Placement
from antiphon.engines.base import EngineUnavailable
from antiphon.routing.route import Route, Target
from antiphon.testing.clock import VirtualClock
from antiphon.wire.refusal import Refusal

MODEL = "gemini-3.8-live"


@pytest.fixture
async def fleet(clock: VirtualClock) -> AsyncIterator[Fleet]:
    fleet = Fleet(clock)
    yield fleet
    await fleet.aclose()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left


async def serve(fleet: Fleet, *engines: Silent, **more: Any) -> str:
    """Let engines answer every model, in this order; what became of it."""
    targets = tuple(Target(engine.name, priority=number) for number, engine in enumerate(engines))
    named = {engine.name: wanted(engine, **more) for engine in engines}
    return str(await fleet.change(named, {"*": Route(targets)}))


def place(fleet: Fleet) -> Placement:
    placement = fleet.routes(MODEL).choose()
    assert placement is not None
    return placement


class TestStarting:
    async def test_side_by_side(self, fleet: Fleet, settle: Any) -> None:
        a, b = Silent("a"), Silent("b")
        a.may_start.clear()
        b.may_start.clear()
        change = asyncio.ensure_future(serve(fleet, a, b))
        await settle()
        assert (a.starts, b.starts) == (1, 1)
        a.may_start.set()
        b.may_start.set()
        assert await change == "started a, b"

    async def test_only_what_a_route_names(self, fleet: Fleet) -> None:
        a, b, c = Silent("a"), Silent("b"), Silent("c")
        named = {engine.name: wanted(engine) for engine in (a, b, c)}
        await fleet.change(named, {"*": Route((Target("a"),), when_exhausted="c")})
        assert (a.starts, b.starts, c.starts) == (1, 0, 1)

    async def test_one_that_cannot_keeps_all_from_it_and_is_named(self, fleet: Fleet) -> None:
        good, bad, worse = Silent("good"), Silent("bad", "no key"), Silent("worse", ValueError("?"))
        with pytest.raises(
            EngineUnavailable, match=r"^engines.bad: no key; engines.worse: it failed to start"
        ) as error:
            await serve(fleet, good, bad, worse)
        assert "?" not in str(error.value), "the log has it"
        assert (good.closes, bad.closes, worse.closes) == (1, 1, 1)

    async def test_one_that_is_interrupted_leaves_nothing(self, fleet: Fleet, settle: Any) -> None:
        good, slow = Silent("good"), Silent("slow")
        slow.may_start.clear()
        change = asyncio.ensure_future(serve(fleet, good, slow))
        await settle()
        change.cancel()
        with pytest.raises(asyncio.CancelledError):
            await change
        assert (good.closes, slow.closes) == (1, 1)
        assert fleet.status() == []


class TestOptional:
    async def test_the_others_serve_without_it(self, fleet: Fleet) -> None:
        bad, good = Silent("bad", "no key"), Silent("good")
        await serve(fleet, bad, good, optional=True)
        assert place(fleet).name == "good"
        down, ready = fleet.status()
        assert (down.state, down.detail, ready.state) == ("down", "no key", "ready")

    async def test_it_is_tried_again_ever_more_seldom(self, fleet: Fleet, clock: VirtualClock, settle: Any) -> None:
        bad = Silent("bad", "no key")
        await serve(fleet, bad, Silent("good"), optional=True)
        moments = []
        for second in range(1, 36):
            clock.advance(1)
            await settle()
            if bad.starts > len(moments) + 1:
                moments.append(second)
        assert moments == [5, 15, 35]

    async def test_it_gets_calls_once_it_runs(self, fleet: Fleet, clock: VirtualClock, settle: Any) -> None:
        bad = Silent("bad", "no key")
        await serve(fleet, bad, Silent("good"), optional=True)
        bad.fails = ""
        clock.advance(5)
        await settle()
        assert place(fleet).name == "bad"

    async def test_with_no_other_calls_are_refused_and_told_to_try_again(self, fleet: Fleet) -> None:
        await serve(fleet, Silent("bad", "no key"), optional=True)
        with pytest.raises(Refusal, match="no engine can take this call now; try again later") as refused:
            fleet.routes(MODEL)
        assert refused.value.code == 1011

    async def test_it_is_not_waited_for_at_the_end(self, fleet: Fleet, clock: VirtualClock, settle: Any) -> None:
        bad = Silent("bad", "no key")
        await serve(fleet, bad, Silent("good"), optional=True)
        bad.may_start.clear()
        clock.advance(5)
        await settle()
        await fleet.aclose()
        assert bad.closes == 2


class TestChange:
    async def test_what_stays_as_it_was_goes_on_with_its_health(self, fleet: Fleet) -> None:
        a, b = Silent("a"), Silent("b")
        await serve(fleet, a)
        held = place(fleet)
        assert await serve(fleet, a, b) == "started b; kept a"
        assert (a.starts, a.closes) == (1, 0)
        assert [status.calls for status in fleet.status()] == [1, 0]
        held.release()

    async def test_what_is_not_wanted_any_more_ends_after_its_last_call(self, fleet: Fleet, settle: Any) -> None:
        old, new = Silent("a"), Silent("a")
        await serve(fleet, old)
        first, second = place(fleet), place(fleet)
        assert await serve(fleet, new, settings="other") == "started a; replaced a"
        assert place(fleet).engine is new
        assert [status.state for status in fleet.status()] == ["ready", "replaced"]
        first.release()
        await settle()
        assert old.closes == 0
        second.release()
        second.release()
        await settle()
        assert (old.closes, new.closes) == (1, 0)
        assert [status.state for status in fleet.status()] == ["ready"]

    async def test_what_nobody_uses_ends_at_once(self, fleet: Fleet, settle: Any) -> None:
        old = Silent("old")
        await serve(fleet, old)
        await serve(fleet, Silent("new"))
        await settle()
        assert old.closes == 1

    async def test_one_that_fails_changes_nothing(self, fleet: Fleet) -> None:
        good, bad = Silent("good"), Silent("bad", "no key")
        await serve(fleet, good)
        with pytest.raises(EngineUnavailable, match="no key"):
            await serve(fleet, bad, good)
        assert (good.closes, bad.closes) == (0, 1)
        assert place(fleet).engine is good

    async def test_calls_come_in_while_it_goes_on(self, fleet: Fleet, settle: Any) -> None:
        old, new = Silent("old"), Silent("new")
        await serve(fleet, old)
        new.may_start.clear()
        change = asyncio.ensure_future(serve(fleet, new))
        await settle()
        assert place(fleet).name == "old"
        new.may_start.set()
        await change
        assert place(fleet).name == "new"

    async def test_two_at_once_come_one_after_the_other(self, fleet: Fleet, settle: Any) -> None:
        first, second = Silent("first"), Silent("second")
        first.may_start.clear()
        changes = asyncio.gather(serve(fleet, first), serve(fleet, second))
        await settle()
        assert second.starts == 0
        first.may_start.set()
        await changes
        assert place(fleet).name == "second"

    async def test_an_engine_that_cannot_be_closed_holds_nobody_up(self, fleet: Fleet, settle: Any) -> None:
        class Stuck(Silent):
            async def aclose(self) -> None:
                raise ValueError("stuck")

        await serve(fleet, Stuck("old"))
        await serve(fleet, Silent("new"))
        await settle()
        assert place(fleet).name == "new"


async def test_the_end_closes_those_that_were_replaced_as_well(fleet: Fleet) -> None:
    old, new = Silent("old"), Silent("new")
    await serve(fleet, old)
    place(fleet)
    await serve(fleet, new)
    await fleet.aclose()
    assert (old.closes, new.closes) == (1, 1)


async def test_one_that_failed_rests(fleet: Fleet, clock: VirtualClock) -> None:
    await serve(fleet, Silent("a"), Silent("b"))
    for _ in range(3):
        placement = place(fleet)
        placement.failed("gone")
        placement.release()
    resting, ready = fleet.status()
    assert (resting.state, resting.detail) == ("resting", "failed, and is left alone for another 5 s")
    assert ready.state == "ready"
