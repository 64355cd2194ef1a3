"""Databases that several processes share, each standing for one; and a time of day in the test's hands."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from antiphon.store.database import Database

Open = Callable[[], Awaitable[Database]]


class TimeOfDay:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> TimeOfDay:
    return TimeOfDay()


@pytest.fixture
async def open_database(tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the same file once more, as another process would."""
    databases: list[Database] = []

    async def open_database() -> Database:
        database = Database(tmp_path / "new" / "store.sqlite")
        databases.append(database)
        await database.open()
        return database

    yield open_database
    for database in databases:
        await database.aclose()


@pytest.fixture
async def database(open_database: Open) -> Database:
    return await open_database()
