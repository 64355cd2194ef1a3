"""Lines over time: in the terminal, in dots of Braille, and as SVG for light and dark pages."""

import math
from collections.abc import Iterator, Sequence
from html import escape

from msgspec import Struct
from rich.text import Text

_COLORS = ("cyan", "yellow", "magenta", "green", "blue", "red", "bright_cyan", "bright_yellow")
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a character: four rows of two."""

WIDTH, HEIGHT = 760, 400
LEFT, TOP, BOTTOM = 64, 48, 44
_LABEL_HEIGHT = 18
_CHARACTER_WIDTH = 7.0
"""Of the labels, on average, in pixels; their font is the reader's own."""
_DASHES = ("", "7 4", "2 4", "10 3 2 3")
"""Lines differ by their dashes too, for who does not see their colours."""

_LIGHT = ("#0072b2", "#b34700", "#007a5a", "#8e4585", "#8a6d00", "#444444")
_DARK = ("#56b4e9", "#f0a04b", "#3cc99c", "#dd9ad0", "#f0e442", "#cccccc")


class Line(Struct, frozen=True):
    """What a line is called, its last word ``end``, and its points: minutes and dollars, from the left to the right."""

    label: str
    end: str
    points: tuple[tuple[float, float], ...]


def ticks(highest: float, count: int = 4) -> list[float]:
    """Round numbers from 0 up to at least ``highest``, about ``count`` steps apart."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(size for size in (1, 2, 2.5, 5, 10) if size * power >= rough * (1 - 1e-9))
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)]


def dollars(value: float, step: float) -> str:
    """An amount on an axis, with as many places as its steps need."""
    places = 0 if step >= 1 and float(step).is_integer() else max(2, -math.floor(math.log10(step)) + 1)
    text = f"{value:.{places}f}"
    return f"${text[:-1]}" if places > 2 and text.endswith("0") else f"${text}"


def _extent(lines: Sequence[Line]) -> tuple[float, float]:
    """The last minute and the largest amount."""
    return (
        max(x for line in lines for x, _ in line.points),
        max(y for line in lines for _, y in line.points),
    )


def terminal(lines: Sequence[Line], columns: int = 64, rows: int = 12) -> Text:
    """A plot of ``rows`` rows of ``columns`` characters, with axes and a legend."""
    minutes, most = _extent(lines)
    scale = ticks(most)
    top, step = scale[-1], scale[1]
    cells = _cells(lines, columns, rows, minutes, top)
    margin = max(len(dollars(value, step)) for value in scale)
    marks = {rows - 1 - round(value / top * (rows - 1)): dollars(value, step) for value in scale}
    text = Text()
    for row in range(rows):
        text.append(f"{marks.get(row, ''):>{margin}} ┤", style="dim")
        for column in range(columns):
            character, color = cells.get((row, column), (" ", ""))
            text.append(character, style=color)
        text.append("\n")
    end = f"{minutes:g} min"
    text.append(f"{'':>{margin}} └{'─' * columns}\n{'':>{margin}}  0{end:>{columns - 1}}\n", style="dim")
    for number, line in enumerate(lines):
        text.append(f"{'':>{margin}}  {_letter(number)} {line.label}  {line.end}\n", style=_color(number))
    return text


def _letter(number: int) -> str:
    return chr(ord("A") + number % 26)


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]


def _cells(
    lines: Sequence[Line], columns: int, rows: int, minutes: float, top: float
) -> dict[tuple[int, int], tuple[str, str]]:
    """The characters of the plot with their colours. Where lines share one, the later is seen; letters end them."""
    dots: dict[tuple[int, int], int] = {}
    colors: dict[tuple[int, int], str] = {}
    ends: dict[tuple[int, int], tuple[str, str]] = {}
    for number, line in enumerate(lines):
        last = (0, 0)
        for x, y in _dots(line, 2 * columns, 4 * rows, minutes, top):
            last = row, column = y // 4, x // 2
            dots[last] = dots.get((row, column), 0) | _BRAILLE[y % 4][x % 2]
            colors[last] = _color(number)
        # Letters of lines that end at the same height stand beside each other.
        while last in ends:
            last = last[0], last[1] - 1
        ends[last] = _letter(number), _color(number)
    return {place: (chr(0x2800 + bits), colors[place]) for place, bits in dots.items()} | ends


def _dots(line: Line, width: int, height: int, minutes: float, top: float) -> Iterator[tuple[int, int]]:
    """One dot for each column, from the top left, and those between two that are far apart."""
    before = height - 1
    for x in range(width):
        y = height - 1 - round(_at(line, x / (width - 1) * minutes) / top * (height - 1))
        for between in range(min(before, y), max(before, y) + 1):
            yield x, between
        before = y


def _at(line: Line, minute: float) -> float:
    """The height of the line at ``minute``, straight between its points."""
    left = (0.0, 0.0)
    for right in line.points:
        if right[0] >= minute:
            span = right[0] - left[0]
            return right[1] if span <= 0 else left[1] + (right[1] - left[1]) * (minute - left[0]) / span
        left = right
    return left[1]


class _Area(Struct, frozen=True):
    """Where the lines are drawn: up to ``minutes`` and ``top`` dollars, with ``right`` pixels beside for the labels."""

    minutes: float
    top: float
    right: float

    def x(self, minute: float) -> float:
        return LEFT + minute / self.minutes * (WIDTH - LEFT - self.right)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM)


def svg(lines: Sequence[Line], title: str) -> str:
    """The same as a drawing, readable on light and on dark pages."""
    minutes, most = _extent(lines)
    scale, times = ticks(most), [time for time in ticks(minutes, 6) if time <= minutes * (1 + 1e-9)]
    longest = max(len(_words(line)) for line in lines)
    area = _Area(minutes, scale[-1], min(WIDTH / 2, 40 + longest * _CHARACTER_WIDTH))
    return "\n".join([*_frame(title), *_axes(scale, times, area), *_drawn(lines, area), "</svg>", ""])


def _words(line: Line) -> str:
    return f"{line.end} {line.label}"


def _frame(title: str) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    yield f"<title>{escape(title)}</title>"
    yield "<style>"
    yield "text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-weight: 600 }"
    yield ".page { fill: #ffffff } .grid { stroke: #d0d7de } .line { fill: none; stroke-width: 2.5 }"
    yield from (f".s{number} {{ stroke: {color} }}" for number, color in enumerate(_LIGHT))
    yield "@media (prefers-color-scheme: dark) {"
    yield "text { fill: #e6edf3 } .page { fill: #0d1117 } .grid { stroke: #30363d }"
    yield from (f".s{number} {{ stroke: {color} }}" for number, color in enumerate(_DARK))
    yield "}"
    yield "</style>"
    yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
    yield f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>'


def _axes(scale: list[float], times: list[float], area: _Area) -> Iterator[str]:
    for value in scale:
        y = area.y(value)
        yield f'<line class="grid" x1="{LEFT}" x2="{area.x(area.minutes):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{dollars(value, scale[1])}</text>'
    for time in times:
        unit = " min" if time == times[-1] else ""
        yield f'<text x="{area.x(time):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{time:g}{unit}</text>'


def _drawn(lines: Sequence[Line], area: _Area) -> Iterator[str]:
    heights = _apart([area.y(line.points[-1][1]) for line in lines])
    for number, (line, height) in enumerate(zip(lines, heights, strict=True)):
        points = " ".join(f"{area.x(x):.1f},{area.y(y):.1f}" for x, y in ((0.0, 0.0), *line.points))
        style = f'class="line s{number % len(_LIGHT)}" stroke-dasharray="{_DASHES[number % len(_DASHES)]}"'
        yield f'<polyline {style} points="{points}"/>'
        x, y = area.x(line.points[-1][0]), area.y(line.points[-1][1])
        yield f'<path {style} d="M{x + 4:.1f} {y:.1f} L{x + 14:.1f} {height:.1f} h8"/>'
        yield f'<text x="{x + 26:.1f}" y="{height + 4:.1f}">{escape(_words(line))}</text>'


def _apart(heights: list[float]) -> list[float]:
    """The heights of labels, moved until none covers another, and none leaves the drawing below."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    moved = list(heights)
    for above, number in zip([None, *order], order, strict=False):
        if above is not None:
            moved[number] = max(moved[number], moved[above] + _LABEL_HEIGHT)
    over = max([0.0, *(height - (HEIGHT - BOTTOM) for height in moved)])
    return [height - over for height in moved]
