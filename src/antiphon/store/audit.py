"""Who changed what: a log that only grows, and in which every entry holds the hash of the one before.

Whoever changes, drops, adds or swaps entries breaks the chain, and :meth:`Audit.verify` names the first entry where it
is broken. How long it is and how it ends is written beside it, so that entries missing from the end are found too.
Somebody who may write the database could still write all of it anew: who fears that keeps the hash of an entry
elsewhere, and looks whether it is there yet.
"""

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Column, Connection, Float, Integer, Row, Select, String, Table, Text, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from antiphon.store.database import Database
from antiphon.store.tables import metadata

BEGINNING: Final = "0" * 64
"""What stands for the hash before the first entry."""

_CHUNK: Final = 1000

_encode = msgspec.json.Encoder(order="sorted", decimal_format="string").encode

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False, index=True),
    Column("owner", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False, index=True),
    Column("target", String, nullable=False),
    # JSON.
    Column("detail", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

audit_end = Table(
    "audit_end",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""The last entry; one row."""


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Something that somebody did. ``at`` is in seconds of the Unix epoch, ``owner`` names the key they showed.

    ``actor`` is what that key is called, or what did it instead; ``detail`` is JSON.
    """

    seq: int
    at: float
    owner: str
    actor: str
    action: str
    target: str
    detail: str
    previous: str
    hash: str


class AuditFilter(Struct, frozen=True):
    """Some of the entries: by the beginning of the action, and by a text in whatever else they say. Empty is any."""

    action: str = ""
    text: str = ""


class Verdict(Struct, frozen=True):
    """Whether the log is whole. ``broken`` is the number of the first entry that is not as it was, ``reason`` why.

    ``count`` entries were looked at; ``last`` is the hash of the last one.
    """

    count: int
    last: str
    broken: int | None = None
    reason: str = ""


class Audit:
    """The log of a database. ``now`` is the time of day, in seconds of the Unix epoch."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    async def write(
        self,
        action: str,
        target: str = "",
        detail: Mapping[str, Any] | None = None,
        *,
        owner: str = "",
        actor: str = "",
    ) -> AuditEntry:
        """Write down that something was done. Nothing secret belongs in ``detail``.

        Raises:
            StoreError: the database failed.
        """
        said = _encode(detail or {}).decode()
        values = {"at": self._now(), "owner": owner, "actor": actor, "action": action, "target": target, "detail": said}
        return await self._database.run(lambda connection: _append(connection, values))

    async def read(
        self, wanted: AuditFilter | None = None, *, before: int | None = None, limit: int = 50
    ) -> list[AuditEntry]:
        """Up to ``limit`` entries older than number ``before``, the newest first.

        Raises:
            StoreError: the database failed.
        """
        query = _filtered(select(audit), wanted or AuditFilter())
        if before is not None:
            query = query.where(audit.c.seq < before)
        query = query.order_by(audit.c.seq.desc()).limit(limit)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return list(map(_entry, rows))

    async def verify(self, kept: str = "") -> Verdict:
        """Look whether the log is whole, and has the entry of which the hash was ``kept`` elsewhere, if any.

        Raises:
            StoreError: the database failed.
        """
        seq, last, found = 0, BEGINNING, not kept
        while chunk := await self._after(seq):
            for entry in chunk:
                if reason := _objection(entry, seq, last):
                    return Verdict(seq, last, seq + 1, reason)
                seq, last = entry.seq, entry.hash
                found = found or entry.hash == kept
        end = await self._database.read(_end)
        if end != (seq, last):
            return Verdict(seq, last, seq + 1, f"{max(end[0] - seq, 0)} entries are missing at the end")
        if not found:
            return Verdict(seq, last, seq + 1, "no entry has the hash that was kept: the log was written anew")
        return Verdict(seq, last)

    async def _after(self, seq: int) -> list[AuditEntry]:
        query = select(audit).where(audit.c.seq > seq).order_by(audit.c.seq).limit(_CHUNK)
        if seq == 0:
            # Whatever has a number below the first does not belong there.
            query = select(audit).order_by(audit.c.seq).limit(_CHUNK)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return list(map(_entry, rows))


def as_csv(entries: Iterable[AuditEntry]) -> str:
    """Entries for spreadsheets. A text that one would take for a formula gets an apostrophe before it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = AuditEntry.__struct_fields__
    writer.writerow(names)
    for entry in entries:
        row = {**msgspec.structs.asdict(entry), "at": datetime.fromtimestamp(entry.at, UTC).isoformat()}
        writer.writerow([_harmless(row[name]) for name in names])
    return text.getvalue()


def digest(entry: AuditEntry) -> str:
    """The hash of an entry: of all that it says, and of the hash before."""
    said = [entry.seq, repr(entry.at), entry.owner, entry.actor, entry.action, entry.target, entry.detail]
    return hashlib.sha256(msgspec.json.encode([*said, entry.previous])).hexdigest()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _append(connection: Connection, values: Mapping[str, Any]) -> AuditEntry:
    seq, last = _end(connection)
    # What is not in the end's row is there all the same, where somebody took that row away.
    highest = connection.execute(select(func.max(audit.c.seq))).scalar_one() or 0
    draft = AuditEntry(seq=max(seq, highest) + 1, previous=last, hash="", **values)
    entry = msgspec.structs.replace(draft, hash=digest(draft))
    connection.execute(insert(audit).values(**msgspec.structs.asdict(entry)))
    end = {"seq": entry.seq, "hash": entry.hash}
    connection.execute(upsert(audit_end).values(id=1, **end).on_conflict_do_update(["id"], set_=end))
    return entry


def _end(connection: Connection) -> tuple[int, str]:
    row = connection.execute(select(audit_end)).first()
    return (row.seq, row.hash) if row else (0, BEGINNING)


def _objection(entry: AuditEntry, seq: int, last: str) -> str:
    """What is wrong with an entry that follows number ``seq``, whose hash is ``last``; empty for nothing."""
    if entry.seq != seq + 1:
        return "it is missing" if entry.seq > seq else f"entry {entry.seq} does not belong there"
    if entry.previous != last:
        return "it does not follow the entry before"
    return "" if digest(entry) == entry.hash else "what it says was changed"


def _filtered(query: Select[Any], wanted: AuditFilter) -> Select[Any]:
    if wanted.action:
        query = query.where(audit.c.action.startswith(wanted.action, autoescape=True))
    if wanted.text:
        columns = (audit.c.owner, audit.c.actor, audit.c.action, audit.c.target, audit.c.detail)
        query = query.where(or_(*(column.icontains(wanted.text, autoescape=True) for column in columns)))
    return query


def _entry(row: Row[Any]) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in AuditEntry.__struct_fields__})
