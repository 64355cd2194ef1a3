"""What a benchmark is asked and what it answers: sizes in, tables out."""

import math
from collections.abc import Sequence

from msgspec import Struct
from rich.console import Console
from rich.table import Table as RichTable

Cell = str | float


class Sizes(Struct, frozen=True):
    """How much to measure; None leaves a benchmark its own default."""

    sessions: int | None = None
    seconds: float | None = None
    rounds: int | None = None
    chunks_ms: tuple[int, ...] = (20, 40, 100)
    loop: str = "uvloop"


class Table(Struct):
    """Rows under columns; what one must know to read them stands in ``notes``. Not ``ok``: something must be mended."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]] = []
    notes: list[str] = []
    ok: bool = True

    def show(self, console: Console) -> None:
        """Print it."""
        table = RichTable(title=self.title, title_justify="left", title_style="bold")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="right" if number else "left")
        for row in self.rows:
            table.add_row(*(cell if isinstance(cell, str) else figure(cell) for cell in row))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", style="dim", highlight=False)
        console.print()


def figure(value: float) -> str:
    """A number with three significant digits, or whole."""
    if not math.isfinite(value):
        return "-"
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}" if value else "0"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that ``percent`` of all are not above (nearest rank); not a number without any."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
