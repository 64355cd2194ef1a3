"""The ledger: the same rows give the same sums, in whatever order they come and however often."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import Database, StoreError
from antiphon.store.ledger import Entry, Ledger, Row, Scope, Spent

AT = 1_700_000_000.0
USAGE = Usage(Tokens(1, 2, 3, 4), Tokens(5, 6), Tokens(7), thoughts=8, searches=9, cached=Tokens(audio=1))


def entry(generation: int = 1, kind: Any = "generation", amount: int = 1, **fields: Any) -> Entry:
    return Entry(
        **{"call": "c", "session_id": "s", "at": AT, "amount": amount, **fields}, generation=generation, kind=kind
    )


def rows(read: Iterator[Row]) -> list[Row]:
    return list(read)


async def total(ledger: Ledger, scope: Scope = Scope()) -> int:  # noqa: B008 (it is frozen)
    (spent,) = await ledger.spent([scope])
    return spent.amount


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


async def test_a_row_comes_back_whole(ledger: Ledger) -> None:
    whole = Entry(
        call="c",
        session_id="s",
        generation=3,
        kind="late",
        window=1,
        number=2,
        process="p",
        at=AT,
        owner="key",
        model="gemini-3.8-live",
        engine="cascade",
        provider="google",
        billed="gemini-2.5-flash",
        usage=USAGE,
        told=Usage(Tokens(1)),
        seconds=1.25,
        open_seconds=30.0,
        amount=123_456_789_012,
        unknown="no price for audio in",
        price_version="list 1",
        estimated=True,
    )
    await ledger.add([whole])
    assert await ledger.read(rows) == [Row(whole, True)]


async def test_a_row_that_is_delivered_twice_counts_once(ledger: Ledger) -> None:
    await ledger.add([entry(amount=5)])
    await ledger.add([entry(amount=5), entry(2, amount=7), entry(2, amount=7)])
    assert await total(ledger) == 12


async def test_two_connections_of_a_session_may_have_a_generation_of_the_same_number(ledger: Ledger) -> None:
    await ledger.add([entry(), entry(call="another")])
    assert await total(ledger, Scope(session_id="s")) == 2


async def test_only_the_newest_provisional_row_counts(ledger: Ledger) -> None:
    await ledger.add([entry(1, "window", 10, window=1), entry(1, "window", 25, window=2)])
    assert await total(ledger) == 25
    assert [row.counts for row in await ledger.read(rows)] == [False, True]


async def test_all_upstreams_of_the_newest_provisional_rows_count(ledger: Ledger) -> None:
    provisional = [entry(1, "window", 10, window=window, number=number) for window in (1, 2) for number in (0, 1)]
    await ledger.add(provisional)
    assert await total(ledger) == 20


async def test_a_row_of_the_generation_takes_the_place_of_the_provisional_one(ledger: Ledger) -> None:
    await ledger.add([entry(1, "window", 10, window=1), entry(2, "window", 1, window=2), entry(1, amount=12)])
    assert await total(ledger) == 13


async def test_late_rows_are_added(ledger: Ledger) -> None:
    await ledger.add([entry(amount=10), entry(1, "late", 3), entry(1, "late", 4, number=1)])
    assert await total(ledger) == 17


async def test_scopes(ledger: Ledger) -> None:
    await ledger.add(
        [
            entry(1, amount=1, owner="a", process="p"),
            entry(2, amount=10, owner="a", at=AT + 100),
            entry(3, amount=100, owner="b", unknown="no price"),
            entry(4, amount=1000, owner="b", call="d", session_id="t"),
        ]
    )
    scopes = [
        Scope(),
        Scope(owner="a"),
        Scope(owner="a", since=AT + 1),
        Scope(owner="a", but_process="p"),
        Scope(session_id="t"),
        Scope(session_id="t", but_call="d"),
        Scope(owner="nobody"),
    ]
    sums = [Spent(1111, 1), Spent(11), Spent(10), Spent(10), Spent(1000), Spent(0), Spent(0)]
    assert await ledger.spent(scopes) == sums
    assert await ledger.add([], scopes) == sums
    assert await ledger.add([entry(5)], scopes[:1]) == [Spent(1112, 1)]


async def test_sums_do_not_overflow(ledger: Ledger) -> None:
    most = 2**63 - 1
    await ledger.add([entry(number, amount=most) for number in range(3)])
    assert await total(ledger) == 3 * most


async def test_rows_of_a_time(ledger: Ledger) -> None:
    await ledger.add([entry(number, at=AT + number) for number in range(4)])
    read = await ledger.read(rows, AT + 1, AT + 3)
    assert [row.entry.generation for row in read] == [1, 2]


async def test_a_provisional_row_does_not_count_again_where_only_a_part_is_read(ledger: Ledger) -> None:
    await ledger.add([entry(1, "window", window=1), entry(1, at=AT + 60)])
    assert [row.counts for row in await ledger.read(rows, until=AT + 1)] == [False]


async def test_all_or_none(ledger: Ledger, database: Database) -> None:
    await database.aclose()
    with pytest.raises(StoreError):
        await ledger.add([entry()])


async def test_several_processes_write_at_once(open_database: Any) -> None:
    ledgers = [Ledger(await open_database()) for _ in range(4)]
    batches = [[entry(number, call=f"c{writer}") for number in range(20)] for writer in range(4)]
    await asyncio.gather(*(each.add(batch) for each, batch in zip(ledgers, batches, strict=True)))
    assert [await total(each) for each in ledgers] == [80] * 4


KEYS = st.tuples(st.sampled_from("ab"), st.integers(1, 3), st.sampled_from(["generation", "late", "window"]))
AMOUNTS = st.dictionaries(st.tuples(KEYS, st.integers(0, 2), st.integers(0, 1)), st.integers(0, 99), max_size=20)


def expected(entries: Sequence[Entry]) -> int:
    """The rule in other words."""
    ended = {(each.call, each.generation) for each in entries if each.kind == "generation"}
    newest: dict[tuple[str, int], int] = {}
    for each in entries:
        if each.kind == "window":
            place = each.call, each.generation
            newest[place] = max(newest.get(place, 0), each.window)
    provisional = [
        each
        for each in entries
        if each.kind == "window"
        and (each.call, each.generation) not in ended
        and each.window == newest[each.call, each.generation]
    ]
    return sum(each.amount for each in [*provisional, *(each for each in entries if each.kind != "window")])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(amounts=AMOUNTS, random=st.randoms(), cut=st.integers(1, 7))
def test_any_order_and_any_redelivery_gives_the_same_sum(
    tmp_path_factory: pytest.TempPathFactory, amounts: Any, random: Any, cut: int
) -> None:
    entries = [
        entry(generation, kind, amount, call=call, window=window, number=number)
        for ((call, generation, kind), window, number), amount in amounts.items()
    ]
    delivered = [*entries, *random.sample(entries, len(entries) // 2)]
    random.shuffle(delivered)

    async def deliver(path: Path) -> int:
        database = Database(path)
        await database.open()
        ledger = Ledger(database)
        for start in range(0, len(delivered), cut):
            await ledger.add(delivered[start : start + cut])
        read = await ledger.read(rows)
        summed = await total(ledger)
        assert sum(row.entry.amount for row in read if row.counts) == summed
        await database.aclose()
        return summed

    path = tmp_path_factory.mktemp("ledger") / "store.sqlite"
    assert asyncio.run(deliver(path)) == expected(entries)


def test_keys() -> None:
    entries = [entry(), entry(2), entry(1, "late"), entry(window=1), entry(number=1), entry(call="d")]
    assert all(one.key != other.key for one, other in itertools.combinations(entries, 2))
