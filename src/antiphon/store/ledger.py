"""What calls cost, row by row: written once, never changed, never deleted.

A row is one of three kinds:

- ``generation``: what one upstream was used for by a generation that ended, or that the owner's hardware answered it.
  ``number`` counts the upstreams; the first row also has what the client was told.
- ``late``: what an upstream told of a generation after it had been charged.
- ``window``: thirty seconds (or the rest) of an open call, and what the generation that was under way had used by then,
  provisionally. ``generation`` is 0 where none was.

A provisional row counts until its generation has a row of its own, and only the newest of a generation does: sums come
out the same in whatever order rows arrive, and however often. So what a crash can lose is what happened since the last
window.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select
from sqlalchemy.dialects.sqlite import insert

from antiphon.live.tokens import Usage
from antiphon.store.database import Database
from antiphon.store.tables import charges

Kind = Literal["generation", "late", "window"]
Result = TypeVar("Result")

GENERATION: Kind = "generation"
LATE: Kind = "late"
WINDOW: Kind = "window"

_CHUNK = 1000
_SPLIT = 10**9
"""Amounts are summed in two parts: 64 bits hold nine million dollars in picodollars, and no more."""


class Entry(Struct, frozen=True, kw_only=True):
    """One row. ``at`` is in seconds of the Unix epoch, ``amount`` in picodollars, the part of it that has a price.

    ``owner`` names the key, ``model`` is the one that the client asked for, ``engine`` answered it; ``provider`` and
    ``billed`` (its model) are billed for it, empty for the owner's hardware. ``usage`` is the upstream's, with
    ``seconds`` where those are billed; ``told`` what the client was told of the generation, in its first row only.
    ``open_seconds`` is for how long of the window the call was open. ``unknown`` says which part has no price.
    ``estimated``: it was counted here, not told by the upstream.
    """

    call: str
    session_id: str
    generation: int
    kind: Kind
    window: int = 0
    number: int = 0
    process: str = ""
    at: float
    owner: str = ""
    model: str = ""
    engine: str = ""
    provider: str = ""
    billed: str = ""
    usage: Usage = Usage()
    told: Usage = Usage()
    seconds: float = 0.0
    open_seconds: float = 0.0
    amount: int = 0
    currency: str = "USD"
    unknown: str = ""
    price_version: str = ""
    estimated: bool = False

    @property
    def key(self) -> tuple[str, int, Kind, int, int]:
        """What makes it the same row, however often it is delivered."""
        return self.call, self.generation, self.kind, self.window, self.number


class Row(Struct, frozen=True):
    """An entry as it is read. Its usage and money count unless it is provisional and something newer is known."""

    entry: Entry
    counts: bool


class Scope(Struct, frozen=True):
    """Some of the money: that of a key or of a session, since a moment of the Unix epoch; without one process or call.

    None is any.
    """

    owner: str | None = None
    session_id: str | None = None
    since: float = 0.0
    but_process: str | None = None
    but_call: str | None = None


class Spent(Struct, frozen=True):
    """A sum: picodollars that are known, and how many rows have a part that is not."""

    amount: int = 0
    unknown: int = 0


class Ledger:
    """The rows of every process that shares ``database``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entries: Sequence[Entry], scopes: Sequence[Scope] = ()) -> list[Spent]:
        """Write ``entries``, all or none; those that are there already are left as they are. Then sum up ``scopes``.

        Raises:
            StoreError: the database failed.
        """
        if not entries:
            return await self.spent(scopes)
        rows = [_packed(entry) for entry in entries]

        def work(connection: Connection) -> list[Spent]:
            connection.execute(insert(charges).on_conflict_do_nothing(), rows)
            return [_spent(connection, scope) for scope in scopes]

        return await self._database.run(work)

    async def spent(self, scopes: Sequence[Scope]) -> list[Spent]:
        """What was spent in each of ``scopes``.

        Raises:
            StoreError: the database failed.
        """
        if not scopes:
            return []
        return await self._database.read(lambda connection: [_spent(connection, scope) for scope in scopes])

    async def read(
        self, summarise: Callable[[Iterator[Row]], Result], since: float = 0.0, until: float | None = None
    ) -> Result:
        """What ``summarise`` makes of all rows from ``since`` to before ``until``, in the order of time.

        It runs in the thread of the database, on rows that are not all held at once.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(charges, _counts().label("counts")).where(charges.c.at >= since)
        wanted = wanted.order_by(charges.c.at, *charges.primary_key).execution_options(yield_per=_CHUNK)
        if until is not None:
            wanted = wanted.where(charges.c.at < until)
        return await self._database.read(lambda connection: summarise(map(_row, connection.execute(wanted))))


_NOTHING = Usage()
_COLUMNS = (*charges.c.keys(), "counts")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Usage).decode


def _packed(entry: Entry) -> dict[str, Any]:
    return {**asdict(entry), "usage": _compact(entry.usage), "told": _compact(entry.told)}


def _compact(usage: Usage) -> str:
    """JSON without zeros: most of a usage is."""
    if usage == _NOTHING:
        return "{}"
    values = asdict(usage)
    for name, value in values.items():
        if isinstance(value, Struct):
            values[name] = {modality: count for modality, count in asdict(value).items() if count}
    return _encode({name: value for name, value in values.items() if value}).decode()


def _row(row: Any) -> Row:
    values = dict(zip(_COLUMNS, row, strict=True))
    counts = values.pop("counts")
    return Row(
        Entry(**{**values, "usage": _expanded(values["usage"]), "told": _expanded(values["told"])}), bool(counts)
    )


def _expanded(usage: str) -> Usage:
    return _NOTHING if usage == "{}" else _decode(usage)


def _counts() -> ColumnElement[bool]:
    """Whether a row is not provisional, or the last that is known of its generation."""
    other = charges.alias("other")
    newer = exists().where(
        other.c.call == charges.c.call,
        other.c.generation == charges.c.generation,
        or_(other.c.kind == GENERATION, and_(other.c.kind == WINDOW, other.c.window > charges.c.window)),
    )
    return or_(charges.c.kind != WINDOW, ~newer)


def _spent(connection: Connection, scope: Scope) -> Spent:
    where = [or_(charges.c.amount > 0, charges.c.unknown != ""), _counts(), charges.c.at >= scope.since]
    for column, value in ((charges.c.owner, scope.owner), (charges.c.session_id, scope.session_id)):
        if value is not None:
            where.append(column == value)
    for column, value in ((charges.c.process, scope.but_process), (charges.c.call, scope.but_call)):
        if value is not None:
            where.append(column != value)
    dollars, rest = func.sum(charges.c.amount // _SPLIT), func.sum(charges.c.amount % _SPLIT)
    unknown = func.count().filter(charges.c.unknown != "")
    row = connection.execute(select(dollars, rest, unknown).where(*where)).one()
    return Spent(int(row[0] or 0) * _SPLIT + int(row[1] or 0), row[2])
