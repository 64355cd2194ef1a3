"""Records of sessions that are over, for the owner of the server."""

import logging
import math
import time
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, delete, insert, select

from antiphon.live.record import Record
from antiphon.live.timeline import Timeline
from antiphon.store import listing
from antiphon.store.database import Database
from antiphon.store.tables import resumable, sessions, timelines

log = logging.getLogger("antiphon.store")

BATCH = 200
"""Records that are summarised at once: what else wants the database waits no longer than that takes."""

_decode = msgspec.json.Decoder(Record).decode
_decode_timeline = msgspec.json.Decoder(Timeline).decode


class Entry(Struct, frozen=True):
    """One connection of one session. ``began`` is in seconds of the Unix epoch, ``owner`` the name of its key.

    ``timeline`` is None in lists, and where none was kept.
    """

    began: float
    owner: str
    record: Record
    timeline: Timeline | None = None


class Records:
    """The records of every process that shares ``database``; each stays for ``ttl`` seconds.

    ``now`` is the time of day, in seconds of the Unix epoch.
    """

    def __init__(self, database: Database, ttl: float = math.inf, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._ttl = ttl
        self._now = now

    async def add(self, record: Record, owner: str, timeline: Timeline | None = None) -> None:
        """Keep the record of a session that ended now, and what happened in it.

        Raises:
            StoreError: the database failed.
        """
        row = {
            "id": record.session_id,
            "owner": owner,
            "began": self._now() - record.seconds,
            "record": msgspec.json.encode(record),
        }
        told = None if timeline is None else msgspec.json.encode(timeline)

        def work(connection: Connection) -> None:
            (number,) = connection.execute(insert(sessions).values(row)).inserted_primary_key or (0,)
            if told is not None:
                connection.execute(insert(timelines).values(session=number, timeline=told))
            listing.summarise(connection, number, record, timeline)

        await self._database.run(work)

    async def latest(self, limit: int) -> list[Entry]:
        """The ``limit`` newest, the newest first.

        Raises:
            StoreError: the database failed.
        """
        return await self._read(select(sessions).order_by(sessions.c.number.desc()).limit(limit))

    async def search(self, search: listing.Search, limit: int, before: int | None = None) -> listing.Page:
        """At most ``limit`` sessions that fit, the newest first; of those below number ``before``, if it is given.

        Raises:
            StoreError: the database failed.
        """
        await self.summarise()
        return await self._database.read(lambda connection: listing.page(connection, search, limit, before))

    async def choices(self, owner: str | None = None) -> listing.Choices:
        """What one can search for, among the sessions of ``owner`` or all.

        Raises:
            StoreError: the database failed.
        """
        return await self._database.read(lambda connection: listing.choices(connection, owner))

    async def summarise(self) -> int:
        """Summarise what an older server left without; how much that was. Without such records it is one look.

        Raises:
            StoreError: the database failed.
        """
        count = 0
        while await self._database.read(lambda connection: listing.missing(connection, 1)):
            count += await self._database.run(_summarise)
        return count

    async def of(self, session_id: str) -> list[Entry]:
        """One session with its timelines: an entry for each connection it had, in order.

        Raises:
            StoreError: the database failed.
        """
        whole = select(sessions, timelines.c.timeline).outerjoin(timelines, timelines.c.session == sessions.c.number)
        return await self._read(whole.where(sessions.c.id == session_id).order_by(sessions.c.number))

    async def delete(self, session_id: str) -> int:
        """Delete everything of a session but what it cost: records, timelines, what its handles stand for.

        Returns how many connections it had.

        Raises:
            StoreError: the database failed.
        """

        def work(connection: Connection) -> int:
            connection.execute(delete(resumable).where(resumable.c.session_id == session_id))
            return connection.execute(delete(sessions).where(sessions.c.id == session_id)).rowcount

        return await self._database.run(work)

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


def _summarise(connection: Connection) -> int:
    rows = listing.missing(connection, BATCH)
    for row in rows:
        entry = _entry(row)
        record, timeline = (None, None) if entry is None else (entry.record, entry.timeline)
        listing.summarise(connection, row.number, record, timeline)
    return len(rows)


def _entry(row: Row[Any]) -> Entry | None:
    try:
        record = _decode(row.record)
    except msgspec.MsgspecError as error:
        log.warning("the record of session %s cannot be read: %s", row.id, error)
        return None
    return Entry(row.began, row.owner, record, _timeline(row))


def _timeline(row: Row[Any]) -> Timeline | None:
    told = getattr(row, "timeline", None)
    try:
        return _decode_timeline(told) if told else None
    except msgspec.MsgspecError as error:
        log.warning("the timeline of session %s cannot be read: %s", row.id, error)
        return None
