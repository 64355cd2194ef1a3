"""What is kept for a server and for a call: in order, and never at the cost of the conversation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.calls.memory import Keeping, Memory
from antiphon.live.history import FunctionCall, Turn
from antiphon.live.inputs import Evicted
from antiphon.live.record import Record
from antiphon.live.snapshot import KeptTurn, Snapshot
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import StoreError
from antiphon.store.resumptions import SupersededError
from antiphon.testing.clock import VirtualClock
from antiphon.wire.refusal import Refusal

ME = "me"
RECORD = Record("a", "gemini-3.8-live", "puppet", 3.0, 1, Usage(), 1000, "bye")


def snapshot(number: int = 1, session_id: str = "a") -> Snapshot:
    return Snapshot(session_id, "gemini-3.8-live", (), Usage(), number)


class Running:
    """A call that runs."""

    def __init__(self, session_id: str, epoch: int) -> None:
        self.id = session_id
        self.epoch = epoch
        self.evicted = False

    def receive(self, event: Evicted) -> None:
        self.evicted = True


class TestMemory:
    """On virtual time, the store's included."""

    @pytest.fixture
    async def aging(self, tmp_path: Path, clock: VirtualClock) -> AsyncIterator[Memory]:
        memory = Memory(tmp_path, 100.0, 1000.0, clock.now)
        await memory.open()
        yield memory
        await memory.aclose()

    async def test_what_is_too_old_is_deleted_when_it_opens(
        self, aging: Memory, tmp_path: Path, clock: VirtualClock
    ) -> None:
        await aging.resumptions.keep(snapshot(), ME)
        await aging.records.add(RECORD, ME)
        clock.advance(998)
        later = Memory(tmp_path, 100.0, 1000.0, clock.now)
        await later.open()
        assert await aging.resumptions.epochs(["a"]) == {}
        assert await aging.records.latest(9) == []
        await later.aclose()

    async def test_a_session_that_runs_is_not_too_old(self, aging: Memory, clock: VirtualClock, until: Any) -> None:
        handle = await aging.resumptions.keep(snapshot(), ME)
        call = Running("a", 1)
        aging.attend(lambda: (call,), clock)
        touches, touch = 0, aging.resumptions.touch

        async def counted(*session_ids: str) -> None:
            nonlocal touches
            await touch(*session_ids)
            touches += 1

        aging.resumptions.touch = counted  # type: ignore[method-assign]
        for number in range(10):
            clock.advance(25)
            await until(lambda number=number: touches > number)
            # The next round is set once this one is over.
            await asyncio.sleep(0)
        assert await aging.resumptions.load(handle, ME) == snapshot()

    async def test_a_session_that_went_on_elsewhere_is_given_up_within_a_second(
        self, aging: Memory, clock: VirtualClock, until: Any, tmp_path: Path
    ) -> None:
        await aging.resumptions.keep(snapshot(), ME)
        call = Running("a", 1)
        aging.attend(lambda: (call,), clock)
        elsewhere = Memory(tmp_path, 100.0, 1000.0, clock.now)
        await elsewhere.open()
        await elsewhere.resumptions.take_over("a")
        clock.advance(0.5)
        await until(lambda: call.evicted)
        await elsewhere.aclose()

    async def test_nothing_goes_on_after_its_end(self, aging: Memory, clock: VirtualClock) -> None:
        aging.attend(lambda: (Running("a", 1),), clock)
        await aging.aclose()
        await aging.aclose()
        clock.advance(1000)
        with pytest.raises(StoreError, match="is closed"):
            await aging.records.latest(1)


class TestKeeping:
    @pytest.fixture
    async def keeping(self, memory: Memory) -> Keeping:
        return Keeping(memory, ME)

    async def test_a_snapshot_gets_a_handle(self, keeping: Keeping, memory: Memory) -> None:
        assert keeping.epoch == 0
        handle = await keeping.keep(snapshot())
        assert await memory.resumptions.load(handle, ME) == snapshot()
        assert keeping.epoch == 1

    async def test_many_are_kept_in_order(self, keeping: Keeping, memory: Memory) -> None:
        order: list[int] = []
        keep = memory.resumptions.keep

        async def slow(snapshot: Snapshot, owner: str, epoch: int = 1) -> str:
            # The earlier, the slower.
            await asyncio.sleep((5 - snapshot.next_generation) / 1000)
            order.append(snapshot.next_generation)
            return await keep(snapshot, owner, epoch)

        memory.resumptions.keep = slow  # type: ignore[method-assign]
        await asyncio.gather(*(keeping.keep(snapshot(number)) for number in range(5)))
        assert order == list(range(5))

    async def test_of_two_calls_with_one_session_the_later_has_it(self, keeping: Keeping, memory: Memory) -> None:
        await keeping.keep(snapshot())
        later = Keeping(memory, ME)
        await later.take_over("a")
        assert later.epoch == 2
        assert await later.keep(snapshot(2))
        with pytest.raises(SupersededError):
            await keeping.keep(snapshot(3))

    async def test_a_session_that_is_gone_is_not_taken_over(self, keeping: Keeping) -> None:
        with pytest.raises(Refusal, match="Requested entity was not found"):
            await keeping.take_over("a")

    async def test_a_database_that_fails_is_told_to_the_log(
        self, keeping: Keeping, memory: Memory, caplog: pytest.LogCaptureFixture
    ) -> None:
        await memory.database.aclose()
        assert await keeping.keep(snapshot()) == ""
        await keeping.finish("a", RECORD)
        assert keeping.epoch == 0
        assert [message.partition(":")[0] for message in caplog.messages] == ["a", "a"]
        assert "a: cannot be kept: " in caplog.messages[0]
        assert "a: its end cannot be kept: " in caplog.messages[1]

    async def test_what_cannot_be_written_is_told_to_the_log(
        self, keeping: Keeping, caplog: pytest.LogCaptureFixture
    ) -> None:
        turn = Turn("model", (FunctionCall("1", "f", {"x": object()}),))
        odd = Snapshot("a", "m", (KeptTurn(turn, Tokens()),), Usage(), 1)
        assert await keeping.keep(odd) == ""
        assert "a: cannot be kept: " in caplog.text
        assert await keeping.keep(snapshot(2)), "the next may be"

    async def test_the_end_is_remembered_and_lets_the_handles_last(self, tmp_path: Path, clock: VirtualClock) -> None:
        memory = Memory(tmp_path, 100.0, 1000.0, clock.now)
        await memory.open()
        keeping = Keeping(memory, ME)
        handle = await keeping.keep(snapshot())
        clock.advance(99)
        await keeping.finish("a", RECORD)
        clock.advance(99)
        assert await memory.resumptions.load(handle, ME) == snapshot()
        assert [(entry.owner, entry.record) for entry in await memory.records.latest(9)] == [(ME, RECORD)]
        await memory.aclose()

    async def test_a_call_that_asked_for_nothing_leaves_nothing(self, keeping: Keeping, memory: Memory) -> None:
        await keeping.finish("a", None)
        assert await memory.records.latest(9) == []
        assert await memory.resumptions.epochs(["a"]) == {}

    async def test_without_a_memory_nothing_is_kept(self) -> None:
        keeping = Keeping(None, ME)
        assert await keeping.keep(snapshot()) == ""
        await keeping.finish("a", RECORD)
        assert keeping.epoch == 0
