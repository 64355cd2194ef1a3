"""One database for a process, several processes for a database."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from antiphon.store.database import Database, StoreError


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


async def test_another_process_reads_what_was_committed(database: Database, open_database: Any) -> None:
    await database.run(make_table)
    await database.run(add_one)
    assert await (await open_database()).read(count) == 1


async def test_nobody_writes_between_what_is_read_and_what_is_written(database: Database, open_database: Any) -> None:
    def add_up(connection: Connection) -> None:
        connection.execute(text("INSERT INTO things VALUES (:n)"), {"n": count(connection)})

    await database.run(make_table)
    other = await open_database()
    await asyncio.gather(*(each.run(add_up) for each in (database, other) * 50))
    numbers = await database.read(lambda connection: connection.execute(text("SELECT n FROM things")).scalars().all())
    assert sorted(numbers) == list(range(100))


async def test_readers_do_not_wait_for_a_writer(database: Database, open_database: Any) -> None:
    await database.run(make_table)
    other = await open_database()
    loop, reading = asyncio.get_running_loop(), []

    def write(connection: Connection) -> None:
        add_one(connection)
        reading.append(asyncio.run_coroutine_threadsafe(other.read(count), loop).result(timeout=20))

    await database.run(write)
    assert reading == [0], "it reads what was there before"
    assert await other.read(count) == 1


async def test_the_version_changes_when_others_write_and_only_then(database: Database, open_database: Any) -> None:
    await database.run(make_table)
    other = await open_database()
    before = await database.version()
    await database.run(add_one)
    await other.read(count)
    assert await database.version() == before
    await other.run(add_one)
    assert await database.version() != before


async def test_a_database_that_is_closed_says_so(database: Database) -> None:
    await database.aclose()
    with pytest.raises(StoreError, match=r"store\.sqlite: is closed"):
        await database.run(count)


def start_at_a_word(path: Path) -> subprocess.Popen[str]:
    """A process that opens the database once it is told to."""
    program = (
        "import asyncio, sys, pathlib\n"
        "from antiphon.store.database import Database\n"
        "database = Database(pathlib.Path(sys.argv[1]))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "asyncio.run(database.open())\n"
    )
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1
    )


def test_processes_may_start_at_once(tmp_path: Path) -> None:
    starting = [start_at_a_word(tmp_path / "store.sqlite") for _ in range(3)]
    for each in starting:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in starting:
        assert each.stdin is not None
        each.stdin.write("now\n")
    for each in starting:
        _, errors = each.communicate(timeout=60)
        assert each.returncode == 0, errors


async def test_the_files_are_for_their_owner_only(database: Database) -> None:
    await database.run(make_table)
    files = list(database.path.parent.iterdir())
    assert len(files) > 1
    assert not [file for file in files if file.stat().st_mode & 0o077]


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    path.write_text("not a database " * 100)
    database = Database(path)
    with pytest.raises(StoreError, match=r"store\.sqlite: file is not a database; move the file away"):
        await database.open()
    await database.aclose()


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    database = Database(tmp_path / "file" / "store.sqlite")
    with pytest.raises(StoreError, match=r"file/store\.sqlite: .*(Not a directory|exists).*set data_dir"):
        await database.open()
    await database.aclose()
