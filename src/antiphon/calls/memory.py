"""What outlives calls, and what one call adds to it."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from antiphon.calls.clock import Clock
from antiphon.calls.periodic import Periodic
from antiphon.calls.presence import Presence, Present
from antiphon.live.record import Record
from antiphon.live.snapshot import Snapshot
from antiphon.live.timeline import Timeline
from antiphon.store.audit import Audit
from antiphon.store.database import FILE_NAME, Database, StoreError
from antiphon.store.grants import Grants
from antiphon.store.keys import Keys
from antiphon.store.logins import Logins
from antiphon.store.records import Records
from antiphon.store.resumptions import FIRST_EPOCH, Resumptions, SupersededError

log = logging.getLogger("antiphon.calls")

LOOK_SECONDS = 0.5
"""How often it is looked whether a session went on in another process."""

AFFIRM_SECONDS = 60.0
"""How often sessions that run are told to run, unless their handles would not last that long."""

EXPIRE_SECONDS = 600.0
"""How often it is deleted what nobody can use any more."""


class Memory:
    """The database of a data directory and what is kept there. :meth:`open` it first, :meth:`aclose` it last.

    ``now`` is the time of day, in seconds of the Unix epoch.
    """

    def __init__(
        self, data_dir: Path, resumption_ttl: float, record_ttl: float, now: Callable[[], float] = time.time
    ) -> None:
        self.database = Database(data_dir / FILE_NAME)
        self.resumptions = Resumptions(self.database, resumption_ttl, now)
        self.records = Records(self.database, record_ttl, now)
        self.grants = Grants(self.database, now)
        self.logins = Logins(self.database, now)
        self.keys = Keys(self.database, now)
        self.audit = Audit(self.database, now)
        self._rounds: list[Periodic] = []

    async def open(self) -> None:
        """Open the database, and delete from it what is too old.

        Raises:
            StoreError: it cannot be used.
        """
        await self.database.open()
        await self._expire()

    def attend(self, calls: Callable[[], Iterable[Present]], clock: Clock) -> None:
        """From now on, take care of ``calls`` and of what is stored."""
        presence = Presence(self.resumptions, calls)
        self._rounds = [
            Periodic(presence.look, LOOK_SECONDS, clock),
            Periodic(presence.affirm, min(AFFIRM_SECONDS, self.resumptions.ttl / 4), clock),
            Periodic(self._expire, EXPIRE_SECONDS, clock),
        ]

    async def aclose(self) -> None:
        """Finish what was begun, and close the database. Idempotent."""
        await asyncio.gather(*(each.aclose() for each in self._rounds))
        with suppress(StoreError):
            await self.keys.write_uses()
        await self.database.aclose()

    async def _expire(self) -> None:
        await self.resumptions.expire()
        await self.records.expire()
        await self.grants.expire()


class Keeping:
    """What one call leaves behind: snapshots while it runs, a record when it is over.

    Without a ``memory`` it keeps nothing.
    """

    def __init__(self, memory: Memory | None, owner: str) -> None:
        self.epoch = 0
        """Of the session, once there is a snapshot that another connection could go on from."""
        self._memory = memory
        self._owner = owner
        self._turnstile = asyncio.Lock()

    async def take_over(self, session_id: str) -> None:
        """Go on with a session that another call had.

        Raises:
            Refusal: it is gone.
            StoreError: the database failed.
        """
        assert self._memory is not None, "without a memory there is nothing to go on with"
        self.epoch = await self._memory.resumptions.take_over(session_id)

    async def keep(self, snapshot: Snapshot) -> str:
        """A handle to ``snapshot``, which is safe by then; empty when it could not be kept. In the order of the calls.

        Raises:
            SupersededError: another call has gone on with the session.
        """
        if self._memory is None:
            return ""
        epoch = self.epoch or FIRST_EPOCH
        try:
            async with self._turnstile:
                handle = await self._memory.resumptions.keep(snapshot, self._owner, epoch)
        except SupersededError:
            raise
        except Exception as error:
            # Whatever is wrong with the database or with the snapshot, the conversation can go on.
            log.error("%s: cannot be kept: %s", snapshot.session_id, error, exc_info=error)
            return ""
        self.epoch = epoch
        return handle

    async def finish(self, session_id: str, record: Record | None, timeline: Timeline | None = None) -> None:
        """The call is over: its handles stay good for a while from now."""
        if self._memory is None:
            return
        try:
            if self.epoch:
                await self._memory.resumptions.touch(session_id)
            if record is not None:
                await self._memory.records.add(record, self._owner, timeline)
        except Exception as error:
            log.error("%s: its end cannot be kept: %s", session_id, error, exc_info=error)
