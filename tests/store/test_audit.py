"""The log of changes: whatever is done to it shows, and where."""

import asyncio
import csv
import io
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.store.audit import BEGINNING, Audit, AuditFilter, Verdict, as_csv
from antiphon.store.database import Database

COLUMNS = ("at", "owner", "actor", "action", "target", "detail", "previous", "hash")


@pytest.fixture
def audit(database: Database, now: Any) -> Audit:
    return Audit(database, now)


async def fill(audit: Audit, count: int = 5) -> None:
    for number in range(count):
        await audit.write(
            "key.create" if number % 2 else "login", f"ak_{number}", {"name": f"n{number}"}, actor="admin"
        )


def tamper(database: Database, *statements: str) -> None:
    with sqlite3.connect(database.path) as connection:
        for statement in statements:
            connection.execute(statement)


class TestWriting:
    async def test_entries_are_chained(self, audit: Audit, now: Any) -> None:
        await fill(audit, 2)
        second, first = await audit.read()
        assert (first.seq, first.previous, second.seq, second.previous) == (1, BEGINNING, 2, first.hash)
        assert (first.at, first.actor, first.action, first.target) == (now(), "admin", "login", "ak_0")
        assert first.detail == '{"name":"n0"}'
        assert await audit.verify() == Verdict(2, second.hash)

    async def test_an_empty_log_is_whole(self, audit: Audit) -> None:
        assert await audit.verify() == Verdict(0, BEGINNING)

    async def test_two_processes_write_one_chain(self, open_database: Any, now: Any) -> None:
        logs = [Audit(await open_database(), now) for _ in range(2)]
        await asyncio.gather(*(fill(log, 20) for log in logs))
        assert (await logs[0].verify()).count == 40

    async def test_long_ones_are_looked_at_in_parts(self, audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("antiphon.store.audit._CHUNK", 2)
        await fill(audit)
        assert (await audit.verify()).count == 5


class TestReading:
    async def test_the_newest_first_and_in_pages(self, audit: Audit) -> None:
        await fill(audit)
        assert [entry.seq for entry in await audit.read(limit=2)] == [5, 4]
        assert [entry.seq for entry in await audit.read(before=4, limit=2)] == [3, 2]

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (AuditFilter("key."), [4, 2]),
            (AuditFilter(text="AK_3"), [4]),
            (AuditFilter(text='"n0"'), [1]),
            (AuditFilter(text="%"), []),
            (AuditFilter("login", "admin"), [5, 3, 1]),
        ],
    )
    async def test_some_of_them(self, audit: Audit, wanted: AuditFilter, expected: list[int]) -> None:
        await fill(audit)
        assert [entry.seq for entry in await audit.read(wanted)] == expected

    @pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\t=1"])
    async def test_as_csv_without_formulas(self, audit: Audit, formula: str) -> None:
        await audit.write("key.create", formula, {"name": 'with "quotes"\nand lines'})
        (row,) = csv.DictReader(io.StringIO(as_csv(await audit.read())))
        assert row["target"] == f"'{formula}"
        assert row["detail"] == '{"name":"with \\"quotes\\"\\nand lines"}'


class TestTampering:
    @pytest.mark.parametrize(
        ("statement", "broken"),
        [
            ("UPDATE audit SET actor = 'nobody' WHERE seq = 3", 3),
            ("DELETE FROM audit WHERE seq = 1", 1),
            ("DELETE FROM audit WHERE seq = 4", 4),
            ("DELETE FROM audit WHERE seq = 5", 5),
            ("DELETE FROM audit WHERE seq > 2", 3),
            ("DELETE FROM audit WHERE seq < 9", 1),
            ("DELETE FROM audit_end", 6),
            ("UPDATE audit SET seq = 0 WHERE seq = 3", 1),
        ],
    )
    async def test_the_first_broken_entry_is_named(
        self, audit: Audit, database: Database, statement: str, broken: int
    ) -> None:
        await fill(audit)
        tamper(database, statement)
        verdict = await audit.verify()
        assert verdict.broken == broken
        assert verdict.reason

    async def test_nothing_written_after_it_hides_it(self, audit: Audit, database: Database) -> None:
        await fill(audit)
        tamper(database, "DELETE FROM audit WHERE seq = 5", "DELETE FROM audit_end")
        await fill(audit)
        assert (await audit.verify()).broken == 5

    async def test_a_log_written_anew_lacks_the_hash_that_was_kept(self, audit: Audit, database: Database) -> None:
        await fill(audit)
        kept = (await audit.verify()).last
        assert (await audit.verify(kept)).broken is None
        tamper(database, "DELETE FROM audit", "DELETE FROM audit_end")
        await audit.write("login")
        assert (await audit.verify()).broken is None
        assert "written anew" in (await audit.verify(kept)).reason


def run(work: Callable[[Audit, Database], Any]) -> Any:
    async def inside() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            database = Database(Path(folder) / "store.sqlite")
            await database.open()
            try:
                return await work(Audit(database), database)
            finally:
                await database.aclose()

    return asyncio.run(inside())


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(2, 6),
    which=st.integers(0, 5),
    column=st.sampled_from(COLUMNS),
    value=st.one_of(st.text(st.characters(codec="ascii", exclude_characters="\x00"), max_size=8), st.floats(0, 1e9)),
)
def test_whatever_is_changed_is_found(count: int, which: int, column: str, value: Any) -> None:
    seq = which % count + 1
    if column == "at" and isinstance(value, str):
        value = len(value)
    value = float(value) if column == "at" else str(value)

    async def work(audit: Audit, database: Database) -> Any:
        await fill(audit, count)
        with sqlite3.connect(database.path) as connection:
            (before,) = connection.execute(f"SELECT {column} FROM audit WHERE seq = ?", (seq,)).fetchone()
            connection.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (value, seq))
        return before == value, await audit.verify()

    same, verdict = run(work)
    assert verdict.broken is None if same else verdict.broken == seq


@settings(max_examples=15, deadline=None)
@given(count=st.integers(2, 6), pair=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_whatever_changes_places_is_found(count: int, pair: tuple[int, int]) -> None:
    one, other = sorted(number % count + 1 for number in pair)

    async def work(audit: Audit, database: Database) -> Any:
        await fill(audit, count)
        if one != other:
            moves = ((one, -1), (other, one), (-1, other))
            tamper(database, *(f"UPDATE audit SET seq = {to} WHERE seq = {seq}" for seq, to in moves))
        return await audit.verify()

    assert run(work).broken == (None if one == other else one)
