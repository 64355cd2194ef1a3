"""Rows on their way into the ledger: written in the background, together, and again if the database fails."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from antiphon.calls.clock import Clock, Timer
from antiphon.store.database import StoreError
from antiphon.store.ledger import WINDOW, Entry, Ledger, Scope, Spent

log = logging.getLogger("antiphon.calls")

CAPACITY = 10_000
"""How many rows wait at most: some ten megabytes."""

RETRY_SECONDS = 2.0
"""How long it is waited after the database failed."""

LAST_WORDS_SECONDS = 5.0
"""How long the end of the server waits for what is left."""

_Question = tuple[Sequence[Scope], "asyncio.Future[list[Spent]]"]


class Spool:
    """Writes what it is given, in order. A row that was written twice, for the answer got lost, counts once.

    What comes while a batch is being written is the next batch, so rows wait for milliseconds and a busy server writes
    fewer, larger ones. While the database fails rows wait here. When they are too many the oldest windows go, for later
    rows say more; then new rows go, and the log has them whole. It also has what is left when the server ends.
    """

    def __init__(self, ledger: Ledger, clock: Clock, capacity: int = CAPACITY) -> None:
        self._ledger = ledger
        self._clock = clock
        self._capacity = capacity
        self._entries: list[Entry] = []
        self._questions: list[_Question] = []
        self._wanted = asyncio.Event()
        self._ending = False
        self._closed = False
        self._fails = False
        self._task: asyncio.Task[None] | None = None
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entries: Sequence[Entry]) -> None:
        """Take rows; never waits, never fails."""
        for entry in entries:
            if self._closed:
                _tell("the ledger is closed", [entry])
            elif len(self._entries) < self._capacity or self._drop_a_window():
                self._entries.append(entry)
            else:
                _tell("the ledger cannot be written and its spool is full", [entry])
        self._wake()

    async def ask(self, scopes: Sequence[Scope]) -> list[Spent]:
        """What was spent in ``scopes``, all that was given before included.

        Raises:
            StoreError: the database fails.
        """
        if self._fails or self._ending:
            raise StoreError("the ledger cannot be written")
        answer: asyncio.Future[list[Spent]] = asyncio.get_running_loop().create_future()
        self._questions.append((scopes, answer))
        self._wake()
        return await answer

    async def aclose(self) -> None:
        """Write what is left, but do not try for long. Idempotent."""
        self._ending = True
        self._wanted.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=LAST_WORDS_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._closed = True
        if self._entries:
            _tell("the ledger could not be written before the end", self._entries)
            self._entries = []

    def _wake(self) -> None:
        if not self._fails:
            # Otherwise the timer does.
            self._wanted.set()
        if self._task is None and not self._ending:
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        while not self._ending or (self._entries and not self._fails):
            await self._wanted.wait()
            self._wanted.clear()
            if self._entries or self._questions:
                await self._write_batch()

    async def _write_batch(self) -> None:
        entries, questions = self._entries.copy(), self._questions
        self._questions = []
        scopes = [scope for asked, _ in questions for scope in asked]
        try:
            sums = await self._add(entries, scopes)
        except StoreError as error:
            self._failed(error, questions)
            return
        if self._fails:
            log.warning("the ledger can be written again: %d rows were", len(entries))
        self._fails = False
        # Only those: a window that had to go meanwhile is not there any more.
        written = set(map(id, entries))
        self._entries = [entry for entry in self._entries if id(entry) not in written]
        if self._entries:
            self._wanted.set()
        for asked, answer in questions:
            mine, sums = sums[: len(asked)], sums[len(asked) :]
            if not answer.done():
                answer.set_result(mine)

    async def _add(self, entries: Sequence[Entry], scopes: Sequence[Scope]) -> list[Spent]:
        try:
            return await self._ledger.add(entries, scopes)
        except StoreError:
            raise
        except Exception as error:
            # One that no database could take must not keep all others out.
            log.error("a row of the ledger cannot be written: %s", error, exc_info=error)
        for entry in entries:
            try:
                await self._ledger.add([entry])
            except StoreError:
                raise
            except Exception as error:
                _tell(f"the ledger cannot take {error}", [entry])
        return await self._ledger.spent(scopes)

    def _failed(self, error: Exception, questions: list[_Question]) -> None:
        if not self._fails:
            log.error("the ledger cannot be written, and what it misses is kept in memory: %s", error, exc_info=error)
        self._fails = True
        self._timer = self._clock.call_at(self._clock.now() + RETRY_SECONDS, self._wanted.set)
        for _, answer in questions:
            if not answer.done():
                answer.set_exception(StoreError(f"the ledger cannot be written: {error}"))

    def _drop_a_window(self) -> bool:
        oldest = next((number for number, entry in enumerate(self._entries) if entry.kind == WINDOW), None)
        if oldest is None:
            return False
        del self._entries[oldest]
        return True


def _tell(why: str, entries: Sequence[Entry]) -> None:
    for entry in entries:
        log.error("%s; this row is missing: %s", why, msgspec.json.encode(entry).decode())
