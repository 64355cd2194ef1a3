"""What the speaker of a page played, sample by sample.

A page is heard when it was opened with them::

    page = new_page(scripts=(EARS,))
    page.goto(...)
    ears(page)["rms"]
"""

from typing import Any, TypedDict, cast

EARS = "ears.js"


class Heard(TypedDict):
    """What was heard in an interval, from its first audible sample to its last one; louder than -54 dB is audible."""

    rms: float
    gaps: int
    """Runs of exact zeros longer than 5 ms."""
    first: float | None
    last: float | None
    """When the first and the last audible sample were rendered, by ``performance.now()``; None for silence."""
    latency: float
    """Milliseconds from there to the ear, as the browser states them; a headless one knows some 40."""
    peakHz: float
    """The strongest frequency up to 8 kHz."""
    seconds: float
    top: float
    step: float
    """The largest sample, and the largest difference of two neighbours: a click shows there."""


def ears(page: Any, *, since: float | None = None, until: float | None = None, which: int | None = None) -> Heard:
    """What was heard between two moments of ``performance.now()``.

    ``which`` counts the lines to a speaker in the order in which the page made them; without it the
    loudest one is told.
    """
    wanted = {"from": since, "to": until, "which": which}
    known = {name: value for name, value in wanted.items() if value is not None}
    return cast("Heard", page.evaluate("wanted => __ears.report(wanted)", known))


def deaf_until_now(page: Any) -> None:
    """Forget what was heard so far."""
    page.evaluate("__ears.forget()")
