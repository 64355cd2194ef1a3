"""What calls used and cost: by key, model, engine, provider or day, as charts with their tables, JSON and CSV."""

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct, field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls.desk import Desk
from antiphon.console import charts, people
from antiphon.console.charts import Bars, Series, Stacked
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.meter import summary
from antiphon.meter.money import from_picodollars
from antiphon.meter.summary import By, Line, Pile, Report, UsageError
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.ledger import Ledger, Row

PATH: Final = "/admin/usage"
DAYS: Final = 30
MOST_DAYS: Final = 370
SERIES: Final = 5
"""Names that a chart tells apart; the sixth colour is all others."""

MOST_LINES: Final = 200
CHOICES: Final = (By.KEY, By.MODEL, By.ENGINE, By.BILLED, By.SESSION, By.DAY)


class Figures(Struct):
    """One pass over the ledger: sums by what was asked for, by day, and by both."""

    by: By
    pile: Pile
    days: Pile
    cells: dict[tuple[str, str], Line] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """One row more."""
        self.pile.add(row)
        self.days.add(row)
        place = summary.name_of(row.entry, By.DAY), summary.name_of(row.entry, self.by)
        if place not in self.cells:
            self.cells[place] = Line("")
        self.cells[place].add(row, row.entry.told)


class Range(Struct, frozen=True):
    """From the beginning of one day to the end of another, of UTC."""

    since: datetime
    until: datetime

    @property
    def days(self) -> list[str]:
        """Every day of it."""
        count = (self.until - self.since).days
        return [f"{self.since + timedelta(days=number):%Y-%m-%d}" for number in range(count)]


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page."""

    async def page(request: Request, viewer: Viewer) -> Response:
        asked = request.query_params
        now = datetime.fromtimestamp(desk.now(), UTC)
        by, (range_, problems) = _by(asked.get("by", "")), _range(asked.get("since", ""), asked.get("until", ""), now)
        figures = await _figures(desk, by, range_)
        report, days = figures.pile.report(), figures.days.report()
        if asked.get("format") == "csv":
            return _csv(report)
        if wants_json(request):
            if problems:
                return json({"error": {"code": 400, "message": next(iter(problems.values())), "fields": problems}}, 400)
            return Response(summary.as_json(report), media_type="application/json")
        names = await people.names(desk)
        context = {
            **_charts(figures, report, range_, names),
            "report": report,
            "days": days,
            "rows": report.lines[:MOST_LINES],
            "left_out": max(0, len(report.lines) - MOST_LINES),
            "name": names.of if by is By.KEY else str,
            "name_of_day": str,
            "by": by,
            "choices": CHOICES,
            "since": asked.get("since") or f"{range_.since:%Y-%m-%d}",
            "until": asked.get("until") or f"{range_.until - timedelta(days=1):%Y-%m-%d}",
            "problems": problems,
        }
        return renderer.page(request, viewer, "admin/usage.html", context, 400 if problems else 200)

    return [Route(PATH, guard.page("admin", page), methods=["GET"])]


async def _figures(desk: Desk, by: By, range_: Range) -> Figures:
    """Read by a connection of its own: calls do not wait for a report."""

    def work(rows: Iterator[Row]) -> Figures:
        figures = Figures(by, Pile(by), Pile(By.DAY))
        for row in rows:
            figures.add(row)
        return figures

    database = Database(desk.installation.data_dir / FILE_NAME)
    try:
        await database.open()
        return await Ledger(database).read(work, range_.since.timestamp(), range_.until.timestamp())
    finally:
        await database.aclose()


def _charts(figures: Figures, report: Report, range_: Range, names: people.Names) -> dict[str, Any]:
    """By money, or by the time that calls were open where nothing cost anything."""
    in_dollars = report.total.picodollars > 0
    called = names.of if figures.by is By.KEY else str

    def value(line: Line) -> float:
        return float(_dollars(line)) if in_dollars else line.open_seconds / 60

    lines = [line for line in report.lines if value(line) > 0]
    stacked, bars = None, None
    if lines and figures.by is not By.DAY:
        bars = _bars(lines, value, called, in_dollars)
    if lines and figures.by is not By.SESSION:
        stacked = _stacked(figures, [line.name for line in lines], range_, value, called, in_dollars)
    return {"in_dollars": in_dollars, "stacked": stacked, "bars": bars}


def _stacked(figures: Figures, names: list[str], range_: Range, value: Any, called: Any, in_dollars: bool) -> Stacked:
    if figures.by is By.DAY:
        names = ["all"]
    days, shown = range_.days, names[:SERIES]
    series = {name: [0.0] * len(days) for name in (*shown, *(["others"] if len(names) > SERIES else []))}
    place = {day: number for number, day in enumerate(days)}
    for (day, name), line in figures.cells.items():
        column = "all" if figures.by is By.DAY else name if name in series else "others"
        if day in place and column in series:
            series[column][place[day]] += value(line)
    plain_names = ("all", "others")
    told = [Series(name if name in plain_names else called(name), values) for name, values in series.items()]
    return charts.stacked(days, told, "dollars" if in_dollars else "minutes")


def _bars(lines: list[Line], value: Any, called: Any, in_dollars: bool) -> Bars:
    shown = [(called(line.name), value(line)) for line in lines[:10]]
    return charts.bars(shown, "dollars" if in_dollars else "minutes")


def _dollars(line: Line) -> Decimal:
    return from_picodollars(line.picodollars)


def _by(text: str) -> By:
    return By(text) if text in [*By] else By.MODEL


def _range(since: str, until: str, now: datetime) -> tuple[Range, dict[str, str]]:
    """The days that were asked for, else the last thirty; and what is wrong with what was asked for."""
    problems: dict[str, str] = {}
    end = _day(until, now, "until", problems) or now
    begin = _day(since, now, "since", problems) or end - timedelta(days=DAYS - 1)
    range_ = Range(_midnight(begin), _midnight(end) + timedelta(days=1))
    if range_.until <= range_.since:
        problems["until"] = "the last day lies before the first; exchange them"
    elif (range_.until - range_.since).days > MOST_DAYS:
        problems["since"] = f"ask for at most {MOST_DAYS} days at once"
    if problems:
        return Range(_midnight(now) - timedelta(days=DAYS - 1), _midnight(now) + timedelta(days=1)), problems
    return range_, problems


def _day(text: str, now: datetime, name: str, problems: dict[str, str]) -> datetime | None:
    if not text:
        return None
    try:
        day = datetime.fromtimestamp(summary.moment(text, now), UTC)
        # A year beside it there are days as well.
        if MINYEAR + 1 < day.year < MAXYEAR - 1:
            return day
        raise UsageError(f"{text}: is too far away")
    except (UsageError, OverflowError, ValueError, OSError):
        problems[name] = "write a day, such as 2026-11-24, or how long ago, such as 7d"
        return None


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _csv(report: Report) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="usage-by-{report.by}.csv"'}
    return Response(summary.as_csv(report), media_type="text/csv", headers=headers)
