"""What resumption handles stand for.

A handle is a secret: only its digest is stored. A session has a few at a time, all of which lead back into it as long
as it runs and for a while after. It also has an epoch, which grows whenever another connection goes on with it: of two
that believe to have it, in whatever processes, the one with the lower epoch has lost it, and keeps nothing any more.
"""

import asyncio
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from antiphon.live.snapshot import Snapshot
from antiphon.store.database import Database, StoreError
from antiphon.store.snapshots import DIGEST_SIZE, Packed, UnreadableError, pack, unpack
from antiphon.store.tables import pictures, resumable, snapshots
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.store")

HANDLES = 4
"""How many handles of one session are good: the newest."""

FIRST_EPOCH = 1

FIELD = "setup.sessionResumption.handle"

_BYTES = 24
_SHAPE = re.compile(r"[A-Za-z0-9_-]{32}")


class SupersededError(StoreError):
    """Another connection has gone on with the session."""


class Resumptions:
    """The snapshots of all sessions, of every process that shares ``database``.

    A session's handles are good for ``ttl`` seconds after it was last known to run. ``now`` is the time of day, in
    seconds of the Unix epoch.
    """

    def __init__(self, database: Database, ttl: float, now: Callable[[], float] = time.time) -> None:
        self.ttl = ttl
        self._database = database
        self._now = now

    async def keep(self, snapshot: Snapshot, owner: str, epoch: int = FIRST_EPOCH) -> str:
        """A handle to ``snapshot``, which is safe on disk by then.

        Raises:
            SupersededError: the session has a newer epoch than ``epoch``.
            StoreError: the database failed.
        """
        handle = secrets.token_urlsafe(_BYTES)
        # Off the event loop, for there may be minutes of pictures to digest.
        packed = await asyncio.to_thread(pack, snapshot)

        def work(connection: Connection) -> None:
            self._claim(connection, snapshot.session_id, owner, epoch)
            _add(connection, snapshot.session_id, _digest(handle), packed)
            _forget_oldest(connection, snapshot.session_id)

        await self._database.run(work)
        return handle

    async def load(self, handle: str, owner: str) -> Snapshot:
        """What ``handle`` stands for.

        Raises:
            Refusal: it is no handle, or none that is good for ``owner``.
            StoreError: the database failed.
        """
        if not _SHAPE.fullmatch(handle):
            remedy = "send a newHandle of this server as it came"
            raise Refusal(FIELD, "Invalid session handle", remedy, CloseCode.INVALID)
        packed = await self._database.read(lambda connection: self._find(connection, _digest(handle), owner))
        try:
            if packed is not None:
                return await asyncio.to_thread(unpack, packed)
        except UnreadableError as error:
            log.warning("a stored session cannot be resumed: %s", error)
        raise _unknown()

    async def take_over(self, session_id: str) -> int:
        """Go on with a session: its new epoch, of which whoever had it until now learns from :meth:`epochs`.

        Raises:
            Refusal: the session is gone.
            StoreError: the database failed.
        """
        raised = update(resumable).where(resumable.c.session_id == session_id).returning(resumable.c.epoch)
        raised = raised.values(epoch=resumable.c.epoch + 1, alive=self._now())
        epoch = await self._database.run(lambda connection: connection.execute(raised).scalar())
        if epoch is None:
            raise _unknown()
        return int(epoch)

    async def epochs(self, session_ids: Collection[str]) -> dict[str, int]:
        """The epochs of those sessions that are known.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(resumable.c.session_id, resumable.c.epoch).where(resumable.c.session_id.in_(session_ids))
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return {row.session_id: row.epoch for row in rows}

    async def version(self) -> int:
        """A number that changes when another process changed anything: only then :meth:`epochs` may have.

        Raises:
            StoreError: the database failed.
        """
        return await self._database.version()

    async def touch(self, *session_ids: str) -> None:
        """These sessions run, or did until now: their handles are good for another ``ttl``.

        Raises:
            StoreError: the database failed.
        """
        alive = update(resumable).where(resumable.c.session_id.in_(session_ids)).values(alive=self._now())
        await self._database.run(lambda connection: connection.execute(alive))

    async def expire(self) -> int:
        """Delete every session whose handles are no good any more; how many there were.

        Raises:
            StoreError: the database failed.
        """
        stale = delete(resumable).where(resumable.c.alive < self._now() - self.ttl)
        return await self._database.run(lambda connection: connection.execute(stale).rowcount)

    def _claim(self, connection: Connection, session_id: str, owner: str, epoch: int) -> None:
        """Note that the session runs, unless it is somebody else's by now."""
        mine = resumable.c.session_id == session_id
        known = connection.execute(select(resumable.c.owner, resumable.c.epoch).where(mine)).one_or_none()
        if known is None:
            row = {"session_id": session_id, "owner": owner, "epoch": epoch, "alive": self._now()}
            connection.execute(insert(resumable).values(row))
        elif tuple(known) == (owner, epoch):
            connection.execute(update(resumable).where(mine).values(alive=self._now()))
        else:
            raise SupersededError(f"session {session_id} went on with another connection")

    def _find(self, connection: Connection, digest: bytes, owner: str) -> Packed | None:
        found = connection.execute(
            select(snapshots)
            .join(resumable)
            .where(
                snapshots.c.digest == digest,
                resumable.c.owner == owner,
                resumable.c.alive >= self._now() - self.ttl,
            )
        ).one_or_none()
        return None if found is None else Packed(found.version, found.snapshot, _pictures_of(connection, found))


def _unknown() -> Refusal:
    remedy = "it expired or is not of this server: leave it out"
    return Refusal(FIELD, "Requested entity was not found.", remedy, CloseCode.POLICY)


def _digest(handle: str) -> bytes:
    return hashlib.sha256(handle.encode()).digest()


def _add(connection: Connection, session_id: str, digest: bytes, packed: Packed) -> None:
    connection.execute(
        insert(snapshots).values(
            digest=digest,
            session_id=session_id,
            version=packed.version,
            snapshot=packed.snapshot,
            pictures=b"".join(packed.pictures),
        )
    )
    known = select(pictures.c.digest).where(pictures.c.session_id == session_id)
    new = packed.pictures.keys() - set(connection.execute(known).scalars())
    if new:
        rows = [{"session_id": session_id, "digest": each, "data": packed.pictures[each]} for each in new]
        connection.execute(insert(pictures), rows)


def _forget_oldest(connection: Connection, session_id: str) -> None:
    """Let only the newest snapshots stay, and the pictures that are in any of them."""
    rows = connection.execute(
        select(snapshots.c.number, snapshots.c.pictures)
        .where(snapshots.c.session_id == session_id)
        .order_by(snapshots.c.number.desc())
    ).all()
    kept, gone = rows[:HANDLES], rows[HANDLES:]
    if gone:
        connection.execute(delete(snapshots).where(snapshots.c.number.in_([row.number for row in gone])))
    unused = _names(*(row.pictures for row in gone)) - _names(*(row.pictures for row in kept))
    if unused:
        connection.execute(delete(pictures).where(pictures.c.session_id == session_id, pictures.c.digest.in_(unused)))


def _pictures_of(connection: Connection, snapshot: Row[Any]) -> dict[bytes, bytes]:
    names = _names(snapshot.pictures)
    if not names:
        return {}
    wanted = select(pictures.c.digest, pictures.c.data).where(
        pictures.c.session_id == snapshot.session_id, pictures.c.digest.in_(names)
    )
    return {row.digest: row.data for row in connection.execute(wanted)}


def _names(*joined: bytes) -> set[bytes]:
    """The digests that are written one after the other."""
    return {each[start : start + DIGEST_SIZE] for each in joined for start in range(0, len(each), DIGEST_SIZE)}
