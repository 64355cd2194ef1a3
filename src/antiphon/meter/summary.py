"""What calls used and cost, summed up by key, model, engine, session or day."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from antiphon.live.tokens import Tokens, Usage
from antiphon.meter.money import from_picodollars, plain, show
from antiphon.store.ledger import WINDOW, Entry, Row

_NOTHING = Usage()
_AGO = re.compile(r"(\d+)([hd])")


class UsageError(Exception):
    """There is nothing to show, or a time cannot be read; the message says why."""


class By(StrEnum):
    """What rows are summed up by."""

    KEY = "key"
    MODEL = "model"
    ENGINE = "engine"
    BILLED = "billed"
    SESSION = "session"
    DAY = "day"


class Line(Struct):
    """What one key, model, session or day used. ``picodollars`` are those that are known.

    ``unknown`` rows have a part without a price; ``provisional`` ones are of generations that did not end, or whose
    provider has not told; ``estimated`` ones were counted here.
    """

    name: str
    calls: set[str] = msgspec.field(default_factory=set)
    generations: set[tuple[str, int]] = msgspec.field(default_factory=set)
    open_seconds: float = 0.0
    usage: Usage = Usage()
    picodollars: int = 0
    unknown: int = 0
    provisional: int = 0
    estimated: int = 0
    reasons: dict[str, None] = msgspec.field(default_factory=dict)

    def add(self, row: Row, usage: Usage) -> None:
        """One row more, of which ``usage`` is counted."""
        entry = row.entry
        self.calls.add(entry.call)
        self.open_seconds += entry.open_seconds
        if not row.counts:
            return
        if entry.generation:
            self.generations.add((entry.call, entry.generation))
        if usage != _NOTHING:
            self.usage += usage
        self.picodollars += entry.amount
        self.provisional += entry.kind == WINDOW and bool(entry.generation)
        self.estimated += entry.estimated
        if entry.unknown:
            self.unknown += 1
            self.reasons[entry.unknown] = None

    def __iadd__(self, other: "Line") -> "Line":
        """All that ``other`` has, too."""
        self.calls |= other.calls
        self.generations |= other.generations
        self.open_seconds += other.open_seconds
        self.usage += other.usage
        self.picodollars += other.picodollars
        self.unknown += other.unknown
        self.provisional += other.provisional
        self.estimated += other.estimated
        self.reasons |= other.reasons
        return self

    @property
    def dollars(self) -> str:
        """The known part, for programs: every digit."""
        return plain(from_picodollars(self.picodollars))

    @property
    def cost(self) -> str:
        """The cost for people."""
        known = show(from_picodollars(self.picodollars))
        if not self.unknown:
            return known
        return f"{known} + {self.unknown} unknown" if self.picodollars else f"{self.unknown} unknown"


class Report(Struct):
    """Everything, in the order that is shown; ``total`` has all lines."""

    by: By
    lines: list[Line]
    total: Line


def moment(text: str, now: datetime, *, end: bool = False) -> float:
    """A time of the Unix epoch, of ``2026-11-24T12:00``, ``7d`` or ``24h`` (ago), or ``2026-11-24``.

    Times without a zone are of UTC. A day as an ``end`` is included.

    Raises:
        UsageError: it is none of these.
    """
    if ago := _AGO.fullmatch(text):
        unit = timedelta(days=1) if ago[2] == "d" else timedelta(hours=1)
        return (now - int(ago[1]) * unit).timestamp()
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text}: is no time; write 2026-11-24, 2026-11-24T12:00, 7d or 24h") from error
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    whole_day = end and re.fullmatch(r"\d{4}-?\d\d-?\d\d", text)
    return (time + timedelta(days=1 if whole_day else 0)).timestamp()


class Pile:
    """Rows, summed up as they come."""

    def __init__(self, by: By) -> None:
        self._by = by
        self._lines: dict[str, Line] = {}

    def add(self, row: Row) -> None:
        """One row more."""
        usage = row.entry.told
        if self._by is By.BILLED:
            if not row.entry.generation:
                # Nobody is billed for a call that waits, as far as anybody told.
                return
            usage = row.entry.usage if row.entry.provider else row.entry.told
        name = name_of(row.entry, self._by)
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line(name)
        line.add(row, usage)

    def report(self) -> Report:
        """The sums: days in order, all else by cost."""
        total, lines = Line("total"), list(self._lines.values())
        for line in lines:
            total += line
        if self._by is By.DAY:
            return Report(self._by, sorted(lines, key=lambda line: line.name), total)
        dearest = sorted(lines, key=lambda line: (-line.picodollars, -line.open_seconds, line.name))
        return Report(self._by, dearest, total)


def summarise(rows: Iterable[Row], by: By) -> Report:
    """``rows`` summed up: days in order, all else by cost."""
    pile = Pile(by)
    for row in rows:
        pile.add(row)
    return pile.report()


def name_of(entry: Entry, by: By) -> str:
    """The name under which a row is summed up."""
    return _NAMES[by](entry)


def as_json(report: Report) -> str:
    """The same for scripts: dollars as text, with every digit."""
    lines = [flat(report.by, line) for line in report.lines]
    return msgspec.json.encode(
        {"by": report.by, "currency": "USD", "rows": lines, "total": flat("", report.total)}
    ).decode()


def as_csv(report: Report) -> str:
    """The same for spreadsheets: a header, a line for each row, no total."""
    text = io.StringIO()
    rows = [{**(row := flat(report.by, line)), report.by: _harmless(row[report.by])} for line in report.lines]
    writer = csv.DictWriter(text, list(flat(report.by, report.total)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _harmless(name: str) -> str:
    """A name, with an apostrophe before it where a spreadsheet would take it for a formula."""
    return f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name


def _day(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d")


_NAMES: dict[By, Callable[[Entry], str]] = {
    By.KEY: lambda entry: entry.owner or "no key",
    By.MODEL: lambda entry: entry.model,
    By.ENGINE: lambda entry: entry.engine,
    By.BILLED: lambda entry: f"{entry.provider}/{entry.billed}" if entry.provider else "own hardware",
    By.SESSION: lambda entry: entry.session_id,
    By.DAY: _day,
}


def flat(by: str, line: Line) -> dict[str, Any]:
    """A line as programs read it, under the name of what it is summed up ``by``; times are in seconds."""
    usage = line.usage
    tokens = {
        f"{name}_{modality}": getattr(counts, modality)
        for name, counts in (("prompt", usage.prompt), ("tool", usage.tool_prompt), ("response", usage.response))
        for modality in Tokens.__struct_fields__
    }
    return {
        by or "name": line.name,
        "calls": len(line.calls),
        "open_seconds": round(line.open_seconds, 3),
        "generations": len(line.generations),
        **tokens,
        "thoughts": usage.thoughts,
        "searches": usage.searches,
        "dollars": line.dollars,
        "unknown": line.unknown,
        "provisional": line.provisional,
        "estimated": line.estimated,
        "reasons": "; ".join(line.reasons),
    }
