"""How numbers and moments read on pages."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from antiphon.meter.money import from_picodollars, show


def money(amount: Decimal | None) -> str:
    """Dollars, as exact as they need be; None is unknown."""
    return "unknown" if amount is None else show(amount)


def picodollars(amount: int) -> str:
    """Dollars, of what the ledger has."""
    return show(from_picodollars(amount))


def duration(seconds: float | None) -> str:
    """``850 ms``, ``12.4 s``, ``3:07 min``, ``1:02:03 h``."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def moment(epoch: float | None) -> str:
    """A moment of the Unix epoch in UTC, to the second."""
    return "–" if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M:%S}"


def iso(epoch: float) -> str:
    """A moment as machines read it."""
    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"


def count(number: int | float) -> str:
    """A whole number with thin spaces between thousands."""
    return f"{number:,.0f}".replace(",", "\u202f")


FILTERS: Final[dict[str, Callable[[Any], str]]] = {
    "money": money,
    "picodollars": picodollars,
    "duration": duration,
    "moment": moment,
    "iso": iso,
    "count": count,
}
