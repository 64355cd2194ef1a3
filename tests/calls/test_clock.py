"""The loop's own clock, and the one that tests hold in their hands."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.calls.clock import LoopClock, time_of_day
from antiphon.testing.clock import VirtualClock


class TestLoopClock:
    async def test_it_is_the_loop_that_calls(self) -> None:
        clock, called = LoopClock(), asyncio.Event()
        clock.call_at(clock.now(), called.set)
        await asyncio.wait_for(called.wait(), 10)
        assert clock.now() <= asyncio.get_running_loop().time()

    async def test_a_timer_is_called_off(self) -> None:
        clock, called = LoopClock(), asyncio.Event()
        clock.call_at(clock.now(), called.set).cancel()
        await asyncio.sleep(0.001)
        assert not called.is_set()


class TestVirtualClock:
    def test_it_stands_still(self) -> None:
        assert VirtualClock(now=7.0).now() == 7.0

    def test_timers_fire_in_order_each_at_its_own_moment(self) -> None:
        clock = VirtualClock()
        fired: list[tuple[str, float]] = []
        for name, when in (("c", 3.0), ("a", 1.0), ("b", 3.0), ("late", 3.1)):
            clock.call_at(when, lambda name=name: fired.append((name, clock.now())))
        clock.advance(3)
        assert fired == [("a", 1.0), ("c", 3.0), ("b", 3.0)]
        assert clock.now() == 3.0

    def test_timers_set_on_the_way_fire_as_well(self) -> None:
        clock = VirtualClock()
        fired: list[float] = []

        def again() -> None:
            fired.append(clock.now())
            clock.call_at(clock.now() + 1, again)

        clock.call_at(1, again)
        clock.advance(3.5)
        assert fired == [1.0, 2.0, 3.0]

    def test_a_timer_is_called_off(self) -> None:
        clock = VirtualClock()
        fired: list[str] = []
        clock.call_at(1, lambda: fired.append("no")).cancel()
        clock.call_at(2, lambda: fired.append("yes"))
        clock.advance(5)
        assert fired == ["yes"]

    async def test_what_is_due_already_is_called_soon(self) -> None:
        clock, called = VirtualClock(now=5), asyncio.Event()
        clock.call_at(5, called.set)
        assert not called.is_set()
        await asyncio.wait_for(called.wait(), 10)

    def test_time_does_not_go_backwards(self) -> None:
        with pytest.raises(ValueError, match="back by 1 s"):
            VirtualClock().advance(-1)

    @given(st.lists(st.floats(0.1, 50)), st.lists(st.floats(0, 20)))
    def test_every_timer_fires_once_and_never_early(self, whens: list[float], steps: list[float]) -> None:
        clock = VirtualClock()
        fired: list[tuple[float, float]] = []
        for when in whens:
            clock.call_at(when, lambda when=when: fired.append((when, clock.now())))
        for step in steps:
            clock.advance(step)
        assert all(when == at for when, at in fired)
        assert [when for when, _ in fired] == sorted(when for when in whens if when <= clock.now())


class TestTimeOfDay:
    def test_it_goes_on_from_now_as_its_clock_does(self) -> None:
        clock = VirtualClock(now=7.0)
        before = time.time()
        now = time_of_day(clock)
        assert before <= now() <= time.time()
        began = now()
        clock.advance(3600)
        assert now() == pytest.approx(began + 3600)


class TestFromAnotherThread:
    @pytest.fixture
    def loop(self) -> Iterator[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        yield loop
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def test_timers_fire_in_the_thread_of_the_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        clock = VirtualClock(loop)
        fired: list[int] = []
        clock.call_at(1, lambda: fired.append(threading.get_ident()))
        clock.advance(1)
        assert len(fired) == 1
        assert fired[0] != threading.get_ident()

    def test_what_a_timer_raises_comes_back(self, loop: asyncio.AbstractEventLoop) -> None:
        clock = VirtualClock(loop)
        clock.call_at(1, lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            clock.advance(1)

    def test_it_may_be_advanced_within_the_loop_too(self, loop: asyncio.AbstractEventLoop) -> None:
        clock = VirtualClock(loop)

        async def advance() -> float:
            clock.advance(2)
            return clock.now()

        assert asyncio.run_coroutine_threadsafe(advance(), loop).result(10) == 2.0

    def test_many_threads_may_advance_it(self, loop: asyncio.AbstractEventLoop) -> None:
        clock = VirtualClock(loop)
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(clock.advance, [0.5] * 40))
        assert clock.now() == 20.0
