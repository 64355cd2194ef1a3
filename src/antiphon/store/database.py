"""One SQL database, used from the event loop without ever blocking it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from antiphon.store.tables import metadata

Result = TypeVar("Result")

FILE_NAME = "antiphon.sqlite"
"""The database of a data directory."""


class StoreError(Exception):
    """The database cannot be used; the message names its file."""


class Database:
    """A SQLite file that several processes may share. Work runs in one thread, in the order it was given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="antiphon-store")
        self._engine: Engine | None = None

    async def open(self) -> None:
        """Make the file and its tables where they are missing.

        Raises:
            StoreError: the file cannot be opened or is no database.
        """
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connect)
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise StoreError(f"{self.path}: {reason}; move the file away, or set data_dir") from error

    async def run(self, work: Callable[[Connection], Result]) -> Result:
        """What ``work`` returns, done in a transaction of its own: all of it is safe on disk, or none of it.

        No other process writes between what ``work`` reads and what it writes.

        Raises:
            StoreError: the database failed, or is closed.
        """
        return await self._submit(work, False)

    async def read(self, work: Callable[[Connection], Result]) -> Result:
        """What ``work`` returns, which only reads: from one moment, and without waiting for whoever writes.

        Raises:
            StoreError: the database failed, or is closed.
        """
        return await self._submit(work, True)

    async def version(self) -> int:
        """A number that changes when anybody else writes into the file. Asking costs next to nothing.

        Raises:
            StoreError: the database failed, or is closed.
        """
        return await self.read(lambda connection: int(connection.exec_driver_sql("PRAGMA data_version").scalar_one()))

    async def aclose(self) -> None:
        """Finish what was given, and let go of the file. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    async def _submit(self, work: Callable[[Connection], Result], reads: bool) -> Result:
        try:
            doing = asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work, reads)
        except RuntimeError as error:
            raise StoreError(f"{self.path}: is closed") from error
        return await doing

    def _connect(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite makes the files beside it with the same permissions.
        self.path.touch(mode=0o600)
        self.path.chmod(0o600)
        self._engine = create_engine(f"sqlite:///{self.path}", connect_args={"timeout": 10.0})
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
        metadata.create_all(self._engine)

    def _transact(self, work: Callable[[Connection], Result], reads: bool) -> Result:
        assert self._engine is not None, "open the database first"
        try:
            with self._engine.execution_options(reads=reads).begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise StoreError(f"{self.path}: {getattr(error, 'orig', None) or type(error).__name__}") from error


def _prepare(connection: Any, _: object) -> None:
    """A process that dies loses nothing that was committed; readers of other processes never wait for a writer."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Transactions begin where _begin says, not where the driver thinks they should.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    """Who will write says so first: a reader that turns writer would be refused after another process wrote."""
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
