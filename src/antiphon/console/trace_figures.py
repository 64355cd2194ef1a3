"""What the timelines of a session add up to, and how each of their entries reads."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from antiphon.console.filters import count, duration, money
from antiphon.live.timeline import Activity, Gap, Money, Remark, Stage, Timeline, ToolUse, Turn, Words
from antiphon.live.timeline import Entry as Happened
from antiphon.live.tokens import Usage
from antiphon.store.listing import GOOD_CLOSES
from antiphon.store.records import Entry

CLOSES: Final = {1000: "normal", 1001: "going away"}


class Figures(Struct, frozen=True):
    """One session in numbers. Times are in seconds, latencies of those turns of which one is known.

    ``cost`` is None where nothing was charged. ``unheard`` seconds of the user reached no engine, ``unsent`` seconds of
    the model were dropped because the client read too slowly.
    """

    connections: int
    seconds: float
    turns: int
    interruptions: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cost: Money | None
    latency_p50: float | None
    latency_p95: float | None
    gaps: int
    gap_seconds: float
    unheard: float
    unsent: float
    left_out: int


class TurnRow(Struct, frozen=True):
    """One answer, with what was asked. ``anchor`` is its place in the page."""

    connection: int
    anchor: str
    turn: Turn
    asked: tuple[Words, ...]
    tools: tuple[ToolUse, ...]


class Line(Struct, frozen=True):
    """An entry as people read it: ``what`` happened, and more of it. ``lasted`` is in seconds, None for a moment."""

    entry: int
    at: float
    kind: str
    what: str
    more: str
    lasted: float | None = None


def figures(entries: Sequence[Entry]) -> Figures:
    """The numbers of a session with these connections; a connection without a timeline gives what its record has."""
    kept = [entry.timeline or _bare(entry) for entry in entries]
    happened = [each for timeline in kept for each in timeline.entries]
    latencies = [each.latency for each in happened if isinstance(each, Turn) and each.latency is not None]
    gaps = [each for each in happened if isinstance(each, Gap)]
    costs = [timeline.cost for timeline in kept if timeline.cost is not None]
    usage = sum((timeline.usage for timeline in kept), Usage())
    return Figures(
        connections=len(entries),
        seconds=sum(entry.record.seconds for entry in entries),
        turns=sum(timeline.turns for timeline in kept),
        interruptions=sum(timeline.interruptions for timeline in kept),
        tool_calls=sum(timeline.tool_calls for timeline in kept),
        input_tokens=read(usage),
        output_tokens=made(usage),
        cost=sum(costs, Money()) if costs else None,
        latency_p50=percentile(latencies, 50),
        latency_p95=percentile(latencies, 95),
        gaps=len(gaps),
        gap_seconds=sum(gap.seconds for gap in gaps),
        unheard=sum(timeline.unheard for timeline in kept),
        unsent=sum(timeline.unsent for timeline in kept),
        left_out=sum(timeline.left_out for timeline in kept),
    )


def read(usage: Usage) -> int:
    """Tokens that were read."""
    return usage.prompt.total + usage.tool_prompt.total


def made(usage: Usage) -> int:
    """Tokens that were made, thoughts too."""
    return usage.response.total + usage.thoughts


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The least value that ``percent`` of all do not exceed; None where there are none."""
    ordered = sorted(values)
    return ordered[math.ceil(len(ordered) * percent / 100) - 1] if ordered else None


def anchor(connection: int, name: str) -> str:
    """Where something is in the page of a session: by its name alone in the first connection."""
    return name if connection == 1 else f"c{connection}-{name}"


def turns(entries: Sequence[Entry]) -> list[TurnRow]:
    """All answers of a session, in order."""
    found: list[TurnRow] = []
    for number, entry in enumerate(entries, 1):
        if entry.timeline is not None:
            found += _turns(number, entry.timeline.entries)
    return found


def lines(entries: Sequence[Happened]) -> list[Line]:
    """Everything that happened in a connection."""
    return [_line(number, entry) for number, entry in enumerate(entries)]


def shown(cost: Money | None) -> str:
    """Dollars; what is not known stays unknown."""
    if cost is None:
        return "–"
    known = money(cost.known)
    if cost.unknown:
        known = f"{known} + unknown" if cost.known else "unknown"
    return f"{known}, provisional" if cost.provisional else known


def close(code: int | None, reason: str) -> str:
    """How a connection closed."""
    if code is None:
        return "the client left"
    name = CLOSES.get(code, "error")
    return f"{code} {name}" if code in GOOD_CLOSES or not reason else f"{code}: {reason}"


def _bare(entry: Entry) -> Timeline:
    record = entry.record
    return Timeline(
        usage=record.usage,
        turns=record.turns,
        interruptions=record.interruptions,
        tool_calls=record.tool_calls,
    )


def _turns(connection: int, entries: Sequence[Happened]) -> Iterator[TurnRow]:
    asked: list[Words] = []
    tools = [entry for entry in entries if isinstance(entry, ToolUse)]
    for entry in entries:
        if isinstance(entry, Words):
            asked.append(entry)
        elif isinstance(entry, Turn):
            own = tuple(tool for tool in tools if tool.turn == entry.number)
            yield TurnRow(connection, anchor(connection, f"turn-{entry.number}"), entry, tuple(asked), own)
            asked = []


def _line(number: int, entry: Happened) -> Line:
    match entry:
        case Activity():
            more = f"from {entry.offset:.2f} s of the sound{'' if entry.detected else ', as the client says'}"
            lasted = None if entry.end_offset is None else entry.end_offset - entry.offset
            return Line(number, entry.at, "user", "User speaks", more, lasted)
        case Words():
            return Line(number, entry.at, "user", f"User {entry.how}", entry.text or f"{entry.characters} characters")
        case Turn():
            lasted = None if entry.ended is None else entry.ended - entry.at
            return Line(number, entry.at, "model", f"Turn {entry.number}", "; ".join(_turn(entry)), lasted)
        case ToolUse():
            lasted = None if entry.ended is None else entry.ended - entry.at
            more = f"{entry.outcome or 'waits'}, turn {entry.turn}"
            return Line(number, entry.at, "tool", f"Tool {entry.name}", more, lasted)
        case Stage():
            more = f"{entry.engine}: {entry.reason}" if entry.reason else entry.engine
            return Line(number, entry.at, "engine", f"Engine {entry.what}", more)
        case Gap():
            after = f"{entry.next} went on" if entry.next else "nobody took over"
            more = f"without {entry.lost} ({entry.reason}), {after}"
            return Line(number, entry.at, "gap", f"{entry.where.capitalize()} gap", more, entry.seconds)
        case Remark():
            return Line(number, entry.at, "remark", entry.about.capitalize(), entry.text)


def _turn(turn: Turn) -> Iterator[str]:
    yield f"{'said by the server, ' if turn.announced else ''}{turn.outcome or 'goes on'}"
    if turn.latency is not None:
        yield f"first output after {duration(turn.latency)}"
    if turn.spoken:
        cut = turn.outcome == "interrupted" and turn.heard is not None
        yield f"{turn.spoken:.1f} s of speech" + (f", {turn.heard:.1f} s heard" if cut else "")
    if turn.usage.total:
        yield f"{count(turn.usage.total)} tokens"
    if turn.cost is not None:
        yield shown(turn.cost)
