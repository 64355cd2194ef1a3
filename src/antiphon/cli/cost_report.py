"""What calls would cost, written down: for people, as JSON, as CSV, and as lines of a plot."""

import csv
import io
from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.cli.costing import Quote
from antiphon.cli.plot import Line, terminal
from antiphon.meter.forecast import Part, Saving
from antiphon.meter.money import plain, show
from antiphon.meter.simulation import Call

TITLES: dict[Part, str] = {
    "history": "history, read again",
    "setup": "instruction and tools",
    "input": "new input",
    "silence": "silence",
    "answers": "answers",
    "thinking": "thinking",
    "transcripts": "transcripts",
    "searches": "searches",
    "time": "time",
    "requests": "other charges",
}
"""What each part of a bill is called, in order."""

WIDEST = 160
"""Columns that a line may have, whatever the terminal has."""

_BAR = 24


def render(quotes: Sequence[Quote], console: Console, plotted: bool = True) -> None:
    """Print what was asked, what it costs, of what that is made up, and what could be done otherwise."""
    console.width = max(console.width, WIDEST)
    _say(console, _described(quotes[0].forecast.session.call))
    console.print()
    if len(quotes) == 1:
        _render_one(quotes[0], console)
    else:
        console.print(_side_by_side(quotes))
        _render_notes(quotes, console)
    lines = plot_lines(quotes)
    if plotted and lines:
        console.print()
        console.print(terminal(lines))


def plot_lines(quotes: Sequence[Quote]) -> list[Line]:
    """The bills as they grow; those that are not known, or nothing, have no line."""
    return [
        Line(
            label=quote.label,
            end=show(quote.forecast.total),
            points=tuple((point.at / 60, float(point.cost)) for point in quote.forecast.points),
        )
        for quote in quotes
        if quote.forecast.total
    ]


def as_json(quotes: Sequence[Quote]) -> str:
    """All of it, for scripts; dollars are strings, exact."""
    call = quotes[0].forecast.session.call
    return msgspec.json.encode({"call": call, "quotes": [_flat(quote) for quote in quotes]}).decode()


def as_csv(quotes: Sequence[Quote]) -> str:
    """One row for each generation: what it reads and makes in tokens, what it costs, and the bill so far in dollars."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ("model", "turn", "seconds", "setup", "history", "fresh", "silence", "made", "transcripts", "cost", "so_far")
    )
    for quote in quotes:
        writer.writerows(_rows(quote))
    return text.getvalue()


def _rows(quote: Quote) -> Iterator[tuple[object, ...]]:
    generations, points = quote.forecast.session.generations, quote.forecast.points
    before = Decimal(0)
    for number, each in enumerate(generations):
        counts = (each.setup, each.history.total, each.fresh.total, each.silence, each.made.total, each.transcripts)
        money = ("", "")
        if points:
            money = plain(points[number].cost - before), plain(points[number].cost)
            before = points[number].cost
        yield quote.label, each.turn, f"{each.at:g}", *counts, *money


def _say(console: Console, text: str) -> None:
    """Print a line of markup, which the terminal may wrap."""
    console.print(text, highlight=False, soft_wrap=True)


def _described(call: Call) -> str:
    """The call in a sentence."""
    quiet = max(0.0, call.length - call.user - call.model)
    words = [
        f"{call.seconds / 60:g} min in {call.turns} turns of {call.length:.3g} s: {call.user:.3g} s of the user, "
        f"{call.model:.3g} s of the model" + (f", {quiet:.3g} s of silence" if quiet > 0.05 else ""),
        f"{call.setup:,} tokens of instruction and tools",
        f"video at {call.frames_per_second:g} frame/s" if call.frames_per_second else "",
        f"a function in every {_nth(call.tool_every)}turn" if call.tool_every else "",
        f"a search in every {_nth(call.search_every)}turn" if call.search_every else "",
        "transcripts" if call.user_transcript or call.model_transcript else "",
        f"{call.thoughts} tokens of thought an answer" if call.thoughts else "",
    ]
    return "; ".join(filter(None, words))


def _nth(number: int) -> str:
    if number == 1:
        return ""
    return f"{number}{ {2: 'nd', 3: 'rd'}.get(number, 'th') } "


def _render_one(quote: Quote, console: Console) -> None:
    made = quote.forecast
    console.print(
        f"[bold]{escape(quote.label)}[/]  [bold green]{_total(quote)}[/]{_each_minute(quote)}", highlight=False
    )
    if made.parts:
        console.print(_parts(quote))
    for line in (*_memory(quote), *_ending(quote), *quote.notes):
        _say(console, f"  {escape(line)}")
    if quote.savings:
        console.print("\n[bold]What a change would make of it[/]")
        console.print(_savings(quote.savings))


def _total(quote: Quote) -> str:
    total = quote.forecast.total
    return "unknown" if total is None else show(total)


def _each_minute(quote: Quote) -> str:
    each = quote.forecast.per_minute
    return "" if each is None else f"  {show(each)} a minute"


def _parts(quote: Quote) -> Table:
    made = quote.forecast
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 0, 0, 2))
    for justify in ("left", "right", "right", "left"):
        table.add_column(justify=justify)
    for part, title in TITLES.items():
        if (amount := made.parts.get(part)) is not None and made.total:
            share = amount / made.total
            table.add_row(title, show(amount), f"{share:.0%}", f"[cyan]{'█' * round(share * _BAR)}[/]")
    if made.video:
        table.add_row("of all that, video", show(made.video), "", "")
    return table


def _memory(quote: Quote) -> Iterator[str]:
    """What the model remembers, how full its context becomes, and when the session would end."""
    if not quote.tells_context:
        return
    session = quote.forecast.session
    if session.slides:
        often = "once" if session.slides == 1 else f"{session.slides} times"
        yield f"the window slides {often}, first at {_clock(session.fills)}; at most {session.peak:,} tokens are read"
        yield f"the model remembers the last {session.memory:.0f} s then"
    else:
        most = f"{session.peak:,} tokens are read, of {session.rules.window:,} that fit"
        yield f"the model remembers the whole call; at most {most}"
        what = "slide" if session.rules.compression else "be full"
        if session.fills is not None:
            yield f"at this pace the window would {what} at {_clock(session.fills)}"


def _ending(quote: Quote) -> Iterator[str]:
    ending = quote.forecast.session.ending
    if ending and quote.tells_context:
        spent = f", {show(quote.forecast.cost_at(ending.at))} by then" if quote.forecast.points else ""
        yield f"the session ends at {_clock(ending.at)}{spent}: {ending.why}"


def _savings(savings: Sequence[Saving]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 0, 0, 2))
    for saving in savings:
        amount = show(abs(saving.saved))
        table.add_row(
            f"with {saving.change.options}",
            show(saving.total),
            f"saves {amount}" if saving.saved > 0 else f"costs {amount} more",
            f"{saving.change.what}; remembers {_remembered(saving)}",
        )
    return table


def _remembered(saving: Saving) -> str:
    return "all" if saving.memory >= saving.change.call.seconds else f"the last {saving.memory:.0f} s"


def _side_by_side(quotes: Sequence[Quote]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    parts = [part for part in TITLES if any(part in quote.forecast.parts for quote in quotes)]
    table.add_column("model", no_wrap=True)
    for name in ("total", "a minute", *parts, "remembers", "reads at most"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ends", no_wrap=True)
    for quote in quotes:
        table.add_row(*map(escape, _row(quote, parts)))
    return table


def _row(quote: Quote, parts: Sequence[Part]) -> Iterator[str]:
    made, session = quote.forecast, quote.forecast.session
    yield quote.label
    yield _total(quote)
    yield "" if made.per_minute is None else show(made.per_minute)
    for part in parts:
        yield show(made.parts[part]) if part in made.parts else ""
    yield ("all" if not session.slides else f"{session.memory:.0f} s") if quote.tells_context else ""
    yield f"{session.peak:,}" if quote.tells_context else ""
    yield _clock(session.ending.at) if session.ending and quote.tells_context else ""


def _render_notes(quotes: Sequence[Quote], console: Console) -> None:
    """What is to be known of each; what several have in common is said once."""
    notes: dict[str, list[str]] = {}
    for quote in quotes:
        for note in (*_ending(quote), *quote.notes):
            notes.setdefault(note, []).append(quote.label)
    if notes:
        console.print()
    for note, labels in notes.items():
        whose = "all" if len(labels) == len(quotes) else "; ".join(labels)
        _say(console, f"  [dim]{escape(whose)}:[/] {escape(note)}")


def _clock(seconds: float | None) -> str:
    minutes, rest = divmod(round(seconds or 0.0), 60)
    return f"{minutes}:{rest:02}"


def _flat(quote: Quote) -> dict[str, object]:
    made, session = quote.forecast, quote.forecast.session
    context = {
        "peak_tokens": session.peak,
        "window_tokens": session.rules.window,
        "memory_seconds": session.memory,
        "slides": session.slides,
        "fills_at_seconds": session.fills,
        "ending": session.ending,
    }
    return {
        "label": quote.label,
        "provider": quote.service.provider,
        "model": quote.service.model,
        "total": None if made.total is None else plain(made.total),
        "per_minute": None if made.per_minute is None else plain(made.per_minute),
        "parts": {part: plain(amount) for part, amount in made.parts.items()},
        "video": plain(made.video),
        "usage": session.usage,
        "prices": made.price.version,
        "context": context if quote.tells_context else None,
        "changes": [_flat_saving(saving) for saving in quote.savings],
        "notes": quote.notes,
        "bill": [{"seconds": point.at, "dollars": plain(point.cost)} for point in made.points],
    }


def _flat_saving(saving: Saving) -> dict[str, object]:
    return {
        "options": saving.change.options,
        "total": plain(saving.total),
        "saved": plain(saving.saved),
        "memory_seconds": saving.memory,
    }
