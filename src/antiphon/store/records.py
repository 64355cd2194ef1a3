"""Records of sessions that are over, for the owner of the server."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Row, Select, delete, insert, select

from antiphon.live.record import Record
from antiphon.store.database import Database
from antiphon.store.tables import sessions

log = logging.getLogger("antiphon.store")

_decode = msgspec.json.Decoder(Record).decode


class Entry(Struct, frozen=True):
    """One connection of one session. ``began`` is in seconds of the Unix epoch, ``owner`` the name of its key."""

    began: float
    owner: str
    record: Record


class Records:
    """The records of every process that shares ``database``; each stays for ``ttl`` seconds.

    ``now`` is the time of day, in seconds of the Unix epoch.
    """

    def __init__(self, database: Database, ttl: float = math.inf, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._ttl = ttl
        self._now = now

    async def add(self, record: Record, owner: str) -> None:
        """Keep the record of a session that ended now.

        Raises:
            StoreError: the database failed.
        """
        row = {
            "id": record.session_id,
            "owner": owner,
            "began": self._now() - record.seconds,
            "record": msgspec.json.encode(record),
        }
        await self._database.run(lambda connection: connection.execute(insert(sessions).values(row)))

    async def latest(self, limit: int) -> list[Entry]:
        """The ``limit`` newest, the newest first.

        Raises:
            StoreError: the database failed.
        """
        return await self._read(select(sessions).order_by(sessions.c.number.desc()).limit(limit))

    async def of(self, session_id: str) -> list[Entry]:
        """One session: an entry for each connection it had, in order.

        Raises:
            StoreError: the database failed.
        """
        return await self._read(select(sessions).where(sessions.c.id == session_id).order_by(sessions.c.number))

    async def expire(self) -> int:
        """Delete what is too old; how many there were.

        Raises:
            StoreError: the database failed.
        """
        stale = delete(sessions).where(sessions.c.began < self._now() - self._ttl)
        return await self._database.run(lambda connection: connection.execute(stale).rowcount)

    async def _read(self, wanted: Select[Any]) -> list[Entry]:
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return [entry for row in rows if (entry := _entry(row))]


def _entry(row: Row[Any]) -> Entry | None:
    try:
        return Entry(row.began, row.owner, _decode(row.record))
    except msgspec.MsgspecError as error:
        log.warning("the record of session %s cannot be read: %s", row.id, error)
        return None
