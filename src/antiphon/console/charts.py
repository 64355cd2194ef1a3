"""The geometry of charts that templates draw as SVG: numbers only, so that no page needs a script for them."""

import math
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

Unit = Literal["dollars", "minutes", "tokens"]

WIDTH: Final = 720.0
HEIGHT: Final = 220.0
LEFT: Final = 56.0
TOP: Final = 10.0
BOTTOM: Final = 26.0
ROW: Final = 26.0
TICKS: Final = 4
LABELS: Final = 8
"""Days that have a label at most."""

LEAST: Final = 1e-12
"""A picodollar: less is nothing."""


class Series(Struct, frozen=True):
    """One colour of a chart: a name, and a value for each day."""

    name: str
    values: Sequence[float]


class Rect(Struct, frozen=True):
    """A bar; ``series`` is 1 to 6, ``title`` says what it stands for."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


class Label(Struct, frozen=True):
    """A text; ``at`` is along the axis that it belongs to."""

    at: float
    text: str


class Stacked(Struct, frozen=True):
    """Bars of days, stacked by series. ``summary`` says in words what is to be seen."""

    width: float
    height: float
    left: float
    base: float
    rects: list[Rect]
    ticks: list[Label]
    labels: list[Label]
    legend: list[str]
    summary: str


class Bars(Struct, frozen=True):
    """Horizontal bars: a name, a bar, and what it stands for."""

    width: float
    height: float
    rows: list[tuple[Label, Rect, Label]]
    summary: str


def stacked(days: Sequence[str], series: Sequence[Series], unit: Unit) -> Stacked:
    """A bar for each day; at most six series."""
    sums = [sum(each.values[number] for each in series) for number in range(len(days))]
    top = _round_up(max(sums, default=0.0))
    base, inner = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    step = (WIDTH - LEFT) / max(len(days), 1)
    rects: list[Rect] = []
    for number, day in enumerate(days):
        y = base
        for index, each in enumerate(series, 1):
            value = each.values[number]
            height = inner * value / top
            if height > 0:
                y -= height
                title = f"{day}, {each.name}: {amount(value, unit)}"
                x = LEFT + number * step + step * 0.12
                rects.append(Rect(_r(x), _r(y), _r(step * 0.76), _r(max(height, 0.5)), min(index, 6), title))
    ticks = [Label(_r(base - inner * part / TICKS), amount(top * part / TICKS, unit)) for part in range(TICKS + 1)]
    every = max(1, math.ceil(len(days) / LABELS))
    labels = [Label(_r(LEFT + (at + 0.5) * step), days[at][5:]) for at in range(0, len(days), every)]
    legend, told = [each.name for each in series], _told(days, sums, unit)
    return Stacked(WIDTH, HEIGHT, LEFT, base, rects, ticks, labels, legend, told)


def bars(values: Sequence[tuple[str, float]], unit: Unit) -> Bars:
    """A bar for each name, in the order given."""
    longest = max((value for _, value in values), default=0.0) or 1.0
    begin, room = 200.0, WIDTH - 200.0 - 90.0
    rows = []
    for number, (name, value) in enumerate(values):
        y = number * ROW + 4
        width = max(room * value / longest, 1.0)
        rect = Rect(begin, y, _r(width), ROW - 10, 1, f"{name}: {amount(value, unit)}")
        middle = y + (ROW - 10) / 2
        rows.append((Label(middle, _short(name)), rect, Label(_r(begin + width + 6), amount(value, unit))))
    most = f"{values[0][0]} has most: {amount(values[0][1], unit)}." if values else "There is nothing."
    return Bars(WIDTH, len(values) * ROW + 4, rows, most)


def amount(value: float, unit: Unit) -> str:
    """A value of an axis, short."""
    if unit == "dollars":
        digits = 2 if value >= 0.1 or value == 0 else min(6, 1 - math.floor(math.log10(value)))
        return f"${value:,.{digits}f}"
    digits = 0 if value >= 10 or value == 0 else 1
    return f"{value:,.{digits}f} {'min' if unit == 'minutes' else unit}"


def _told(days: Sequence[str], sums: Sequence[float], unit: Unit) -> str:
    if not any(sums):
        return "There is nothing in these days."
    most = max(range(len(days)), key=lambda number: sums[number])
    return f"{amount(sum(sums), unit)} from {days[0]} to {days[-1]}; most on {days[most]}: {amount(sums[most], unit)}."


def _round_up(value: float) -> float:
    """The least round number that is no less, for an axis; 1 where there is nothing to draw."""
    if value < LEAST:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10, 20) if step * power >= value)


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"


def _r(value: float) -> float:
    return round(value, 2)
