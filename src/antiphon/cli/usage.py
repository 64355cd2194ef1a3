"""``antiphon usage``: what calls used and cost, by key, model, session or day."""

import csv
import io
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.live.tokens import Tokens, Usage
from antiphon.meter.money import from_picodollars, plain, show
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.ledger import WINDOW, Entry, Ledger, Row

WIDEST = 200
"""Columns that a line may have, whatever the terminal has."""

BAR = 30
"""Columns of the longest bar."""

REASONS = 5
"""How many reasons for unknown costs are listed."""

_NOTHING = Usage()
_EIGHTHS = " ▏▎▍▌▋▊▉"
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


async def report(data_dir: Path, by: By, since: float = 0.0, until: float | None = None) -> Report:
    """The sums of the ledger of ``data_dir``, which a running server may go on writing.

    Raises:
        UsageError: no server has run with ``data_dir``.
        StoreError: its database cannot be read.
    """
    path = data_dir / FILE_NAME
    if not path.exists():
        raise UsageError(
            f"{path} does not exist: no server has run with this data directory; name another with --data-dir"
        )
    database = Database(path)
    try:
        await database.open()
        return await Ledger(database).read(lambda rows: summarise(rows, by), since, until)
    finally:
        await database.aclose()


def summarise(rows: Iterable[Row], by: By) -> Report:
    """``rows`` summed up: days in order, all else by cost."""
    lines: dict[str, Line] = {}
    total = Line("total")
    for row in rows:
        usage = row.entry.told
        if by is By.BILLED:
            if not row.entry.generation:
                # Nobody is billed for a call that waits, as far as anybody told.
                continue
            usage = row.entry.usage if row.entry.provider else row.entry.told
        name = _NAMES[by](row.entry)
        if name not in lines:
            lines[name] = Line(name)
        lines[name].add(row, usage)
    for line in lines.values():
        total += line
    if by is By.DAY:
        return Report(by, sorted(lines.values(), key=lambda line: line.name), total)
    dearest = sorted(lines.values(), key=lambda line: (-line.picodollars, -line.open_seconds, line.name))
    return Report(by, dearest, total)


def render(report: Report, console: Console) -> None:
    """Print it as a table, and what one must know to read it."""
    if not report.lines:
        console.print("Nothing was used in this time.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    for name, cell in zip(_columns(report), _cells(report, report.total), strict=True):
        footer = "" if name == "" else escape(cell)
        table.add_column(name, justify="left" if name in (report.by, "") else "right", no_wrap=True, footer=footer)
    for line in report.lines:
        table.add_row(*map(escape, _cells(report, line)))
    console.width = max(console.width, WIDEST)
    console.print(table)
    for note in _notes(report):
        console.print(escape(note), style="dim", highlight=False, soft_wrap=True)


def as_json(report: Report) -> str:
    """The same for scripts: dollars as text, with every digit."""
    lines = [_flat(report.by, line) for line in report.lines]
    return msgspec.json.encode(
        {"by": report.by, "currency": "USD", "rows": lines, "total": _flat("", report.total)}
    ).decode()


def as_csv(report: Report) -> str:
    """The same for spreadsheets: a header, a line for each row, no total."""
    text = io.StringIO()
    rows = [_flat(report.by, line) for line in report.lines]
    writer = csv.DictWriter(text, list(_flat(report.by, report.total)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


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


def _columns(report: Report) -> list[str]:
    columns = [str(report.by), "calls", "open", "answers", "text in", "audio in", "video in", "text out", "audio out"]
    if report.by is By.BILLED:
        columns.remove("open")
    return [*columns, "searches", "cost", *([""] if report.by is By.DAY else [])]


def _cells(report: Report, line: Line) -> list[str]:
    usage = line.usage
    read = usage.prompt + usage.tool_prompt
    numbers = (
        *(read.text, read.audio, read.image + read.video),
        *(usage.response.text + usage.thoughts, usage.response.audio, usage.searches),
    )
    cells = [line.name, str(len(line.calls)), _duration(line.open_seconds), str(len(line.generations))]
    if report.by is By.BILLED:
        del cells[2]
    cells += [f"{number:,}" for number in numbers]
    return [*cells, line.cost, *([_bar(report, line)] if report.by is By.DAY else [])]


def _bar(report: Report, line: Line) -> str:
    """A bar as long as the day was dear; as long as its calls were, where none cost anything."""
    amounts = [each.picodollars for each in report.lines]
    share = line.picodollars / max(amounts) if any(amounts) else 0.0
    longest = max(each.open_seconds for each in report.lines)
    if not any(amounts) and longest:
        share = line.open_seconds / longest
    full, eighths = divmod(round(min(1.0, share) * BAR * 8), 8)
    return "█" * full + (_EIGHTHS[eighths] if eighths else "")


def _notes(report: Report) -> list[str]:
    total = report.total
    notes = ["Days are of UTC." if report.by is By.DAY else ""]
    notes.append("What runs on your own hardware costs $0.00." if not total.picodollars and not total.unknown else "")
    if report.by is not By.BILLED:
        notes.append("Time is written every 30 s: of calls that run, up to 30 s are missing.")
    if total.provisional:
        notes.append(
            f"{total.provisional} provisional: of answers under way, of answers that a crash cut, or whose provider "
            "has not told."
        )
    if total.estimated:
        notes.append(f"{total.estimated} estimated: counted here, not told by the provider.")
    notes += [f"unknown: {reason}" for reason in [*total.reasons][:REASONS]]
    if len(total.reasons) > REASONS:
        notes.append(f"unknown: {len(total.reasons) - REASONS} other reasons; --json has all")
    return [note for note in notes if note]


def _flat(by: str, line: Line) -> dict[str, Any]:
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


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
