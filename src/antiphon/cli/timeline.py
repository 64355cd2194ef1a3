"""What happened in a call, as lines for people."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.live.timeline import Activity, Entry, Gap, Money, Remark, Stage, Timeline, ToolUse, Turn, Words
from antiphon.meter.money import show


def render(timeline: Timeline, console: Console) -> None:
    """Print a timeline: when, what, and what is known of it."""
    console.print("  [bold]timeline[/]", highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 0, 0, 2))
    table.add_column("at", justify="right", no_wrap=True)
    table.add_column("what", no_wrap=True)
    table.add_column("more", overflow="fold")
    for entry in timeline.entries:
        what, more = _line(entry)
        table.add_row(f"  {_clock(entry.at)}", escape(what), escape(more))
    console.print(table)
    for fact in _facts(timeline):
        console.print(f"  {escape(fact)}", highlight=False, soft_wrap=True)


def money(cost: Money) -> str:
    """Dollars, and what has no price."""
    known = show(cost.known)
    if cost.unknown:
        known = f"{known} and more of unknown price"
    return f"{known}, provisionally" if cost.provisional else known


def _facts(timeline: Timeline) -> Iterator[str]:
    if timeline.left_out:
        yield f"{timeline.left_out} entries more were too many to keep"
    if timeline.cost is not None:
        yield f"cost: {money(timeline.cost)}"
    if timeline.unheard:
        yield f"{timeline.unheard:.1f} s of the user's sound reached no engine"
    if timeline.unsent:
        yield f"{timeline.unsent:.1f} s of speech were dropped: the client read too slowly"
    if timeline.recording is not None:
        why = "with consent" if timeline.recording.why == "consented" else "as all calls are"
        yield f"recorded {why}: {', '.join(timeline.recording.files) or 'no sound'}"
        if timeline.recording.dropped:
            yield f"{timeline.recording.dropped:.1f} s could not be recorded in time"


def _line(entry: Entry) -> tuple[str, str]:
    match entry:
        case Activity():
            end = entry.offset if entry.end_offset is None else entry.end_offset
            marked = "" if entry.detected else ", as the client says"
            return "user speaks", f"{end - entry.offset:.2f} s, from {entry.offset:.2f} s of the sound{marked}"
        case Words():
            return f"user {entry.how}", entry.text or f"{entry.characters} characters"
        case Turn():
            return f"turn {entry.number}", "; ".join(_turn(entry))
        case ToolUse():
            return f"tool {entry.name}", "; ".join(_tool(entry))
        case Stage():
            return f"engine {entry.what}", f"{entry.engine}: {entry.reason}" if entry.reason else entry.engine
        case Gap():
            after = f", {entry.next} went on" if entry.next else ", nobody took over"
            return f"{entry.where} gap", f"{1000 * entry.seconds:.0f} ms without {entry.lost} ({entry.reason}){after}"
        case Remark():
            return entry.about, entry.text


def _turn(turn: Turn) -> Iterator[str]:
    outcome = turn.outcome or "goes on"
    yield f"said by the server, {outcome}" if turn.announced else outcome
    if turn.latency is not None:
        yield f"first output after {1000 * turn.latency:.0f} ms"
    if turn.spoken:
        heard = f", {turn.heard:.1f} s heard" if turn.outcome == "interrupted" and turn.heard is not None else ""
        yield f"{turn.spoken:.1f} s of speech{heard}"
    if turn.usage.total:
        yield f"{turn.usage.total} tokens"
    if turn.cost is not None and turn.billed:
        yield money(turn.cost)
    if turn.text:
        yield turn.text


def _tool(tool: ToolUse) -> Iterator[str]:
    ended = tool.at if tool.ended is None else tool.ended
    yield f"{tool.outcome or 'waits'} after {1000 * (ended - tool.at):.0f} ms"
    yield f"turn {tool.turn}"
    if tool.arguments:
        yield tool.arguments
    if tool.result:
        yield f"-> {tool.result}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:06.3f}"
