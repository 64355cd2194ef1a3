"""``antiphon usage``: what calls used and cost, by key, model, session or day."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.cli.kept import WIDEST, kept
from antiphon.meter.summary import By, Line, Report, UsageError, summarise
from antiphon.store.ledger import Ledger

BAR = 30
"""Columns of the longest bar."""

REASONS = 5
"""How many reasons for unknown costs are listed."""

_EIGHTHS = " ▏▎▍▌▋▊▉"


async def report(data_dir: Path, by: By, since: float = 0.0, until: float | None = None) -> Report:
    """The sums of the ledger of ``data_dir``, which a running server may go on writing.

    Raises:
        UsageError: no server has run with ``data_dir``.
        StoreError: its database cannot be read.
    """
    async with kept(data_dir, UsageError) as database:
        return await Ledger(database).read(lambda rows: summarise(rows, by), since, until)


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


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
