"""Work that comes round again: in its time, never twice at once, and not after the end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.calls.periodic import Periodic
from antiphon.testing.clock import VirtualClock


class Work:
    """Counts, waits where it is told to, and fails where it is told to."""

    def __init__(self) -> None:
        self.begun = 0
        self.fails = False
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> None:
        self.begun += 1
        await self.may_end.wait()
        if self.fails:
            raise OSError("the disk is gone")


@pytest.fixture
async def work() -> Work:
    return Work()


@pytest.fixture
async def periodic(work: Work, clock: VirtualClock) -> AsyncIterator[Periodic]:
    periodic = Periodic(work, 10.0, clock)
    yield periodic
    await periodic.aclose()


async def test_it_comes_round(periodic: Periodic, work: Work, clock: VirtualClock, settle: Any) -> None:
    for number in range(3):
        clock.advance(9.9)
        await settle()
        assert work.begun == number
        clock.advance(0.1)
        await settle()
        assert work.begun == number + 1


async def test_it_never_overtakes_itself(periodic: Periodic, work: Work, clock: VirtualClock, settle: Any) -> None:
    work.may_end.clear()
    clock.advance(100)
    await settle()
    clock.advance(100)
    await settle()
    assert work.begun == 1
    work.may_end.set()
    await settle()
    clock.advance(10)
    await settle()
    assert work.begun == 2


async def test_a_failure_is_tried_again_and_logged_once(
    periodic: Periodic, work: Work, clock: VirtualClock, settle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for work.fails in (True, True, False, True):
        clock.advance(10)
        await settle()
    assert work.begun == 4
    assert caplog.messages == ["the disk is gone"] * 2, "a new row is told of again"


async def test_nothing_happens_after_the_end(periodic: Periodic, work: Work, clock: VirtualClock, settle: Any) -> None:
    await periodic.aclose()
    await periodic.aclose()
    clock.advance(100)
    await settle()
    assert work.begun == 0


async def test_what_runs_is_stopped_at_the_end(
    periodic: Periodic, work: Work, clock: VirtualClock, settle: Any
) -> None:
    work.may_end.clear()
    clock.advance(10)
    await settle()
    await asyncio.wait_for(periodic.aclose(), 10)
    clock.advance(100)
    await settle()
    assert work.begun == 1
