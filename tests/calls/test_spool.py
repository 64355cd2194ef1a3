"""Rows get into the ledger whatever the database does, or the log has them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from antiphon.calls.spool import RETRY_SECONDS, Spool
from antiphon.store.database import StoreError
from antiphon.store.ledger import Entry, Scope, Spent
from antiphon.testing.clock import VirtualClock


class Pages:
    """A ledger that fails where it is told to, after or before it has written."""

    def __init__(self) -> None:
        self.written: dict[Any, Entry] = {}
        self.batches: list[int] = []
        self.fails: Exception | None = None
        self.loses_the_answer = False
        self.may_write = asyncio.Event()
        self.may_write.set()

    async def add(self, entries: Sequence[Entry], scopes: Sequence[Scope] = ()) -> list[Spent]:
        await self.may_write.wait()
        if self.fails is not None and not self.loses_the_answer:
            raise self.fails
        if any(entry.amount < 0 for entry in entries):
            raise OverflowError("too large")
        self.batches.append(len(entries))
        self.written.update((entry.key, entry) for entry in entries)
        if self.fails is not None:
            raise self.fails
        return await self.spent(scopes)

    async def spent(self, scopes: Sequence[Scope]) -> list[Spent]:
        return [Spent(sum(entry.amount for entry in self.written.values())) for _ in scopes]


@pytest.fixture
async def pages() -> Pages:
    return Pages()


@pytest.fixture
async def spool(pages: Any, clock: VirtualClock) -> AsyncIterator[Spool]:
    spool = Spool(pages, clock, capacity=5)
    yield spool
    await spool.aclose()


def entry(generation: int, kind: Any = "generation", amount: int = 1) -> Entry:
    return Entry(call="c", session_id="s", generation=generation, kind=kind, at=1.0, amount=amount)


async def test_rows_are_written_at_once(spool: Spool, pages: Pages, settle: Any) -> None:
    spool.put([entry(1), entry(2)])
    await settle()
    assert len(pages.written) == 2
    assert len(spool) == 0


async def test_what_comes_meanwhile_is_the_next_batch(spool: Spool, pages: Pages, settle: Any) -> None:
    pages.may_write.clear()
    for number in range(4):
        spool.put([entry(number)])
        await settle()
    pages.may_write.set()
    await settle()
    assert pages.batches == [1, 3]


async def test_a_database_that_fails_is_tried_again(
    spool: Spool, pages: Pages, clock: VirtualClock, settle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pages.fails = StoreError("the disk is full")
    spool.put([entry(1)])
    await settle()
    for number in range(2, 4):
        spool.put([entry(number)])
        clock.advance(RETRY_SECONDS)
        await settle()
    assert len(spool) == 3
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR] == [
        "the ledger cannot be written, and what it misses is kept in memory: the disk is full"
    ]
    pages.fails = None
    clock.advance(RETRY_SECONDS)
    await settle()
    assert len(pages.written) == 3
    assert len(spool) == 0
    assert caplog.messages[-1] == "the ledger can be written again: 3 rows were"
    spool.put([entry(4)])
    await settle()
    assert len(pages.written) == 4


async def test_rows_that_come_while_it_recovers_are_not_forgotten(
    spool: Spool, pages: Pages, clock: VirtualClock, settle: Any
) -> None:
    pages.fails = StoreError("locked")
    spool.put([entry(1)])
    await settle()
    pages.fails = None
    pages.may_write.clear()
    clock.advance(RETRY_SECONDS)
    await settle()
    spool.put([entry(2)])
    pages.may_write.set()
    await settle()
    assert len(pages.written) == 2


async def test_rows_whose_answer_got_lost_are_written_twice_and_count_once(
    spool: Spool, pages: Pages, clock: VirtualClock, settle: Any
) -> None:
    pages.fails, pages.loses_the_answer = StoreError("interrupted"), True
    spool.put([entry(1)])
    await settle()
    pages.fails = None
    clock.advance(RETRY_SECONDS)
    await settle()
    assert pages.batches == [1, 1]
    assert len(pages.written) == 1


async def test_when_it_is_full_the_oldest_windows_go_first(
    spool: Spool, pages: Pages, clock: VirtualClock, settle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pages.fails = StoreError("the disk is full")
    spool.put([entry(1, "window"), entry(2), entry(3, "window"), entry(4), entry(5)])
    await settle()
    spool.put([entry(6), entry(7)])
    spool.put([entry(8, amount=123)])
    assert "its spool is full; this row is missing: " in caplog.text
    assert '"amount":123' in caplog.text
    pages.fails = None
    clock.advance(RETRY_SECONDS)
    await settle()
    assert [each.generation for each in pages.written.values()] == [2, 4, 5, 6, 7]


async def test_a_row_that_no_database_takes_keeps_no_other_out(
    spool: Spool, pages: Pages, settle: Any, caplog: pytest.LogCaptureFixture
) -> None:
    spool.put([entry(1), entry(2, amount=-5), entry(3)])
    await settle()
    assert [each.generation for each in pages.written.values()] == [1, 3]
    assert len(spool) == 0
    assert '"amount":-5' in caplog.text


async def test_sums_have_all_that_was_given_before(spool: Spool) -> None:
    spool.put([entry(1, amount=5), entry(2, amount=6)])
    first, second = asyncio.create_task(spool.ask([Scope()])), asyncio.create_task(spool.ask([Scope(), Scope()]))
    assert await first == [Spent(11)]
    assert await second == [Spent(11), Spent(11)]


async def test_sums_of_a_database_that_fails(spool: Spool, pages: Pages, settle: Any) -> None:
    pages.fails = StoreError("the disk is full")
    with pytest.raises(StoreError, match="the disk is full"):
        await spool.ask([Scope()])
    with pytest.raises(StoreError, match="cannot be written"):
        await spool.ask([Scope()])


async def test_the_end_writes_what_is_left(spool: Spool, pages: Pages) -> None:
    spool.put([entry(1)])
    await spool.aclose()
    await spool.aclose()
    assert len(pages.written) == 1


async def test_the_end_tries_once_more(spool: Spool, pages: Pages, settle: Any) -> None:
    pages.fails = StoreError("locked")
    spool.put([entry(1)])
    await settle()
    pages.fails = None
    await spool.aclose()
    assert len(pages.written) == 1


async def test_what_could_not_be_written_is_in_the_log(
    spool: Spool, pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    pages.fails = StoreError("the disk is full")
    spool.put([entry(1, amount=77)])
    await spool.aclose()
    spool.put([entry(2, amount=88)])
    assert "the ledger could not be written before the end; this row is missing: " in caplog.text
    assert '"amount":77' in caplog.text
    assert '"amount":88' in caplog.text
    with pytest.raises(StoreError):
        await spool.ask([Scope()])
