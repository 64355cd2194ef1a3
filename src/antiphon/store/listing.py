"""What lists of sessions are made of: one line for each session, found by what it was and by what was said in it."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select

from antiphon.live.record import Record
from antiphon.live.timeline import Money, Timeline, Turn, Words
from antiphon.store.tables import sessions, summaries, timelines

GOOD_CLOSES: Final = (1000, 1001)
"""Besides those where the client left, which have no code."""

MAX_WORDS: Final = 20_000
"""Characters of one connection that can be searched."""

MAX_TERMS: Final = 8

Trait = Literal["interruptions", "tools", "recording"]


class Search(Struct, frozen=True, kw_only=True):
    """Which sessions are wanted: all that fit everything that is set.

    All words of ``text`` are somewhere in what they are named by and in what was said. ``since`` and ``until``, in
    seconds of the Unix epoch, are about when they began, ``until`` not included. ``owner`` is None for any.
    """

    text: str = ""
    model: str = ""
    engine: str = ""
    owner: str | None = None
    since: float | None = None
    until: float | None = None
    outcome: Literal["", "ok", "error"] = ""
    has: tuple[Trait, ...] = ()


class Listed(Struct, frozen=True):
    """One session: sums over its ``connections``, and the close of the last.

    ``began`` is when the first did, in seconds of the Unix epoch. ``number`` grows with the time of
    their end; ``cost`` is None where nothing was charged.
    """

    number: int
    session_id: str
    owner: str
    began: float
    seconds: float
    connections: int
    model: str
    engine: str
    turns: int
    interruptions: int
    tool_calls: int
    cost: Money | None
    close_code: int | None
    close_reason: str
    recorded: bool

    @property
    def failed(self) -> bool:
        """Whether it closed with an error."""
        return self.close_code is not None and self.close_code not in GOOD_CLOSES


class Page(Struct, frozen=True):
    """Some of a list, the newest first. ``older`` is the number below which it goes on; None at its end."""

    sessions: tuple[Listed, ...]
    older: int | None


class Choices(Struct, frozen=True):
    """What there is to choose from, in order."""

    models: tuple[str, ...]
    engines: tuple[str, ...]
    owners: tuple[str, ...]


def summarise(connection: Connection, number: int, record: Record | None, timeline: Timeline | None) -> None:
    """Write the summary of record ``number``; of one that nobody can read, that there is nothing to see."""
    connection.execute(insert(summaries).values(session=number, **_summary(record, timeline)))


def missing(connection: Connection, limit: int) -> Sequence[Row[Any]]:
    """Records without a summary, with their timelines: an older server wrote them."""
    return connection.execute(
        select(sessions, timelines.c.timeline)
        .outerjoin(timelines, timelines.c.session == sessions.c.number)
        .outerjoin(summaries, summaries.c.session == sessions.c.number)
        .where(summaries.c.session.is_(None))
        .limit(limit)
    ).all()


def page(connection: Connection, search: Search, limit: int, before: int | None) -> Page:
    """At most ``limit`` sessions that fit, from those whose number is below ``before``."""
    last = func.max(sessions.c.number)
    found = (
        select(sessions.c.id, last.label("last"))
        .join(summaries, summaries.c.session == sessions.c.number)
        .where(*_conditions(search))
        .group_by(sessions.c.id)
        .order_by(last.desc())
        .limit(limit + 1)
    )
    if before is not None:
        found = found.having(last < before)
    rows = connection.execute(found).all()
    listed = _listed(connection, [row.id for row in rows[:limit]])
    whole = tuple(msgspec.structs.replace(listed[row.id], number=row.last) for row in rows[:limit])
    return Page(whole, whole[-1].number if len(rows) > limit else None)


def choices(connection: Connection, owner: str | None) -> Choices:
    """What the sessions of ``owner`` have, or those of all."""
    whose = [] if owner is None else [sessions.c.owner == owner]

    def distinct(column: ColumnElement[str]) -> tuple[str, ...]:
        joined = select(column).distinct().join_from(sessions, summaries, summaries.c.session == sessions.c.number)
        return tuple(sorted(connection.execute(joined.where(summaries.c.model != "", *whose)).scalars()))

    return Choices(distinct(summaries.c.model), distinct(summaries.c.engine), distinct(sessions.c.owner))


def _summary(record: Record | None, timeline: Timeline | None) -> dict[str, Any]:
    kept = timeline or Timeline()
    told = record or Record("", "", "", 0.0, 0, kept.usage, None, "")
    return {
        "model": told.model,
        "engine": told.engine,
        "seconds": told.seconds,
        # The record's are those of the session so far, connections before this one included.
        "turns": kept.turns if timeline else told.turns,
        "interruptions": kept.interruptions if timeline else told.interruptions,
        "tool_calls": kept.tool_calls if timeline else told.tool_calls,
        "close_code": told.close_code,
        "close_reason": told.close_reason,
        "recorded": bool(kept.recording and kept.recording.files),
        "cost": None if kept.cost is None else msgspec.json.encode(kept.cost).decode(),
        "words": _words(told, kept),
    }


def _words(record: Record, timeline: Timeline) -> str:
    """All that a search looks through, folded as it folds what it looks for."""
    names = [record.session_id, record.model, record.engine, record.close_reason]
    said = [entry.text for entry in timeline.entries if isinstance(entry, Words | Turn) and entry.text]
    return "\n".join((*names, *said)).casefold()[:MAX_WORDS]


def _conditions(search: Search) -> Iterable[ColumnElement[bool]]:
    # Nothing of a record that nobody can read is listed.
    yield summaries.c.model != ""
    for column, wanted in ((summaries.c.model, search.model), (summaries.c.engine, search.engine)):
        if wanted:
            yield column == wanted
    if search.owner is not None:
        yield sessions.c.owner == search.owner
    if search.since is not None:
        yield sessions.c.began >= search.since
    if search.until is not None:
        yield sessions.c.began < search.until
    good = or_(summaries.c.close_code.is_(None), summaries.c.close_code.in_(GOOD_CLOSES))
    if search.outcome:
        yield good if search.outcome == "ok" else ~good
    for trait in search.has:
        yield _TRAITS[trait]
    if terms := search.text.casefold().split()[:MAX_TERMS]:
        yield and_(*(summaries.c.words.contains(term, autoescape=True) for term in terms))


_TRAITS: Final[dict[Trait, ColumnElement[bool]]] = {
    "interruptions": summaries.c.interruptions > 0,
    "tools": summaries.c.tool_calls > 0,
    "recording": summaries.c.recorded.is_(True),
}

_LINE: Final = (
    sessions.c.number,
    sessions.c.id,
    sessions.c.owner,
    sessions.c.began,
    *(column for column in summaries.c if column.name not in ("session", "words")),
)


def _listed(connection: Connection, ids: list[str]) -> dict[str, Listed]:
    rows = connection.execute(
        select(*_LINE)
        .join_from(sessions, summaries, summaries.c.session == sessions.c.number)
        .where(sessions.c.id.in_(ids), summaries.c.model != "")
        .order_by(sessions.c.number)
    ).all()
    of: dict[str, list[Row[Any]]] = {}
    for row in rows:
        of.setdefault(row.id, []).append(row)
    return {session_id: _whole(connections) for session_id, connections in of.items()}


def _whole(rows: list[Row[Any]]) -> Listed:
    first, last = rows[0], rows[-1]
    costs = [msgspec.json.decode(row.cost, type=Money) for row in rows if row.cost]
    return Listed(
        number=last.number,
        session_id=last.id,
        owner=last.owner,
        began=first.began,
        seconds=sum(row.seconds for row in rows),
        connections=len(rows),
        model=last.model,
        engine=last.engine,
        turns=sum(row.turns for row in rows),
        interruptions=sum(row.interruptions for row in rows),
        tool_calls=sum(row.tool_calls for row in rows),
        cost=sum(costs, Money()) if costs else None,
        close_code=last.close_code,
        close_reason=last.close_reason,
        recorded=any(row.recorded for row in rows),
    )
