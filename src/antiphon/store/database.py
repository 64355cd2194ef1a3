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

        Raises:
            StoreError: the database failed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def aclose(self) -> None:
        """Finish what was given, and let go of the file. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connect(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._engine = create_engine(f"sqlite:///{self.path}", connect_args={"timeout": 10.0})
        event.listen(self._engine, "connect", _prepare)
        metadata.create_all(self._engine)
        self.path.chmod(0o600)

    def _transact(self, work: Callable[[Connection], Result]) -> Result:
        assert self._engine is not None, "open the database first"
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except SQLAlchemyError as error:
            raise StoreError(f"{self.path}: {getattr(error, 'orig', None) or type(error).__name__}") from error


def _prepare(connection: Any, _: object) -> None:
    """A process that dies loses nothing that was committed; readers of other processes never wait for a writer."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
