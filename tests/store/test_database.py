"""One database for a process, several processes for a database."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from antiphon.store.database import Database, StoreError


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "new" / "store.sqlite")
    await database.open()
    yield database
    await database.aclose()


def make_table(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE things (n INTEGER)"))


def add_one(connection: Connection) -> None:
    connection.execute(text("INSERT INTO things VALUES (1)"))


def count(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM things")).scalar_one())


async def test_work_is_done_in_order_and_kept(database: Database) -> None:
    await database.run(make_table)
    await asyncio.gather(*(database.run(add_one) for _ in range(20)))
    assert await database.run(count) == 20


async def test_what_fails_leaves_nothing_behind(database: Database) -> None:
    await database.run(make_table)

    def fail(connection: Connection) -> None:
        add_one(connection)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.run(fail)
    assert await database.run(count) == 0


async def test_another_process_reads_what_was_committed(database: Database) -> None:
    await database.run(make_table)
    await database.run(add_one)
    other = Database(database.path)
    await other.open()
    assert await other.run(count) == 1
    await other.aclose()


async def test_the_file_is_for_its_owner_only(database: Database) -> None:
    assert database.path.stat().st_mode & 0o077 == 0


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("not a database " * 100)
    database = Database(path)
    with pytest.raises(StoreError, match=r"store\.sqlite: file is not a database; move the file away"):
        await database.open()
    await database.aclose()
