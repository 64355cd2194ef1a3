"""Two sessions side by side: their numbers with what lies between them, and their turns by number."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import sessions_found as found
from antiphon.console import trace_figures
from antiphon.console.filters import count, duration, money
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.console.trace_figures import Figures, TurnRow
from antiphon.live.timeline import Money
from antiphon.store.records import Entry


class Difference(Struct, frozen=True):
    """One number of both, as people read it. ``delta`` is from ``a`` to ``b``, None where one of them is not known.

    ``verdict`` says whether ``b`` is better, where less is: ``better``, ``worse`` or nothing.
    """

    name: str
    a: str
    b: str
    delta: str | None = None
    verdict: str = ""


class Pair(Struct, frozen=True):
    """Turns of the same place in both, None where one has no more. ``latency`` and ``cost`` are from ``a`` to ``b``."""

    place: int
    a: TurnRow | None
    b: TurnRow | None
    latency: str | None
    cost: str | None


class Side(Struct, frozen=True):
    """One of both."""

    session_id: str
    began: float
    model: str
    engine: str
    close: str
    figures: Figures


class Comparison(Struct, frozen=True):
    """What the page shows."""

    a: Side
    b: Side
    differences: list[Difference]
    turns: list[Pair]


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The route of the comparison."""

    async def page(request: Request, viewer: Viewer) -> Response:
        ids = _chosen(request)
        if "s" in request.query_params:
            wanted = {"a": ids[0], "b": ids[1], **_format(request)}
            return RedirectResponse(f"{PAGES_PATH}/sessions/compare?{urlencode(wanted)}", 303)
        first, second = [await found.kept(desk, viewer, each) for each in ids]
        model = compare(first, second)
        if wants_json(request):
            return json(model)
        context = {"model": model, "shown": trace_figures.shown}
        return renderer.page(request, viewer, "sessions_compare.html", context)

    return [Route("/sessions/compare", guard.page("sessions", page), methods=["GET"])]


def compare(first: Sequence[Entry], second: Sequence[Entry]) -> Comparison:
    """Two sessions, each by its connections."""
    a, b = _side(first), _side(second)
    pairs = zip_longest(trace_figures.turns(first), trace_figures.turns(second))
    turns = [_pair(place, one, other) for place, (one, other) in enumerate(pairs, 1)]
    return Comparison(a, b, list(_differences(a, b)), turns)


def _chosen(request: Request) -> tuple[str, str]:
    """The two that a request wants.

    Raises:
        HTTPException: they are not two.
    """
    asked = request.query_params
    ids = asked.getlist("s") if "s" in asked else [asked[name] for name in ("a", "b") if asked.get(name)]
    if len(ids) != 2:
        raise HTTPException(400, f"Two sessions can be compared, not {len(ids)}: choose two in the list of sessions.")
    return ids[0], ids[1]


def _format(request: Request) -> dict[str, str]:
    return {"format": request.query_params["format"]} if "format" in request.query_params else {}


def _side(entries: Sequence[Entry]) -> Side:
    first, last = entries[0], entries[-1].record
    close = trace_figures.close(last.close_code, last.close_reason)
    return Side(last.session_id, first.began, last.model, last.engine, close, trace_figures.figures(entries))


def _differences(a: Side, b: Side) -> Iterator[Difference]:
    one, other = a.figures, b.figures
    for name in ("model", "engine", "close"):
        yield Difference(name.capitalize(), getattr(a, name), getattr(b, name))
    yield _seconds("Length", one.seconds, other.seconds)
    for name, field in (("Connections", "connections"), ("Turns", "turns"), ("Function calls", "tool_calls")):
        yield _number(name, getattr(one, field), getattr(other, field))
    yield _number("Interruptions", one.interruptions, other.interruptions)
    yield _seconds("Latency, p50", one.latency_p50, other.latency_p50, judged=True)
    yield _seconds("Latency, p95", one.latency_p95, other.latency_p95, judged=True)
    yield _number("Tokens read", one.input_tokens, other.input_tokens)
    yield _number("Tokens made", one.output_tokens, other.output_tokens)
    yield _money("Cost", one.cost, other.cost)
    yield _number("Gaps", one.gaps, other.gaps, judged=True)
    yield _seconds("Time in gaps", one.gap_seconds, other.gap_seconds, judged=True)


def _number(name: str, a: int, b: int, *, judged: bool = False) -> Difference:
    return Difference(name, count(a), count(b), _signed(b - a, count), _verdict(b - a) if judged else "")


def _seconds(name: str, a: float | None, b: float | None, *, judged: bool = False) -> Difference:
    if a is None or b is None:
        return Difference(name, duration(a), duration(b))
    return Difference(name, duration(a), duration(b), _signed(b - a, duration), _verdict(b - a) if judged else "")


def _money(name: str, a: Money | None, b: Money | None) -> Difference:
    delta = _apart(a, b)
    shown = None if delta is None else _signed(delta, money)
    return Difference(name, trace_figures.shown(a), trace_figures.shown(b), shown, _verdict(delta or 0))


def _apart(a: Money | None, b: Money | None) -> Decimal | None:
    """How much more ``b`` is; None where either is not wholly known."""
    one, other = a.amount if a else None, b.amount if b else None
    return None if one is None or other is None else other - one


def _pair(place: int, a: TurnRow | None, b: TurnRow | None) -> Pair:
    if a is None or b is None:
        return Pair(place, a, b, None, None)
    one, other, cost = a.turn.latency, b.turn.latency, _apart(a.turn.cost, b.turn.cost)
    latency = None if one is None or other is None else _signed(other - one, duration)
    return Pair(place, a, b, latency, None if cost is None else _signed(cost, money))


def _signed(value: Any, shown: Any) -> str:
    if not value:
        return "="
    return f"{'+' if value > 0 else '−'}{shown(abs(value))}"


def _verdict(delta: float | Decimal) -> str:
    return "" if not delta else "worse" if delta > 0 else "better"
