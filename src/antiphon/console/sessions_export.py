"""Sessions to take away: as a trace for other tools, and as a transcript for people."""

from collections.abc import Iterator, Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls import spans
from antiphon.calls.desk import Desk
from antiphon.console import sessions_found as found
from antiphon.console import trace_figures
from antiphon.console.filters import duration, moment
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer
from antiphon.live.timeline import Entry as Happened
from antiphon.live.timeline import Remark, ToolUse, Turn, Words
from antiphon.store.records import Entry


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of exports."""

    async def otlp(request: Request, viewer: Viewer) -> Response:
        entries = await found.kept(desk, viewer, request.path_params["session_id"])
        told = [(entry, entry.timeline) for entry in entries if entry.timeline is not None]
        if not told:
            raise HTTPException(404, "There is no timeline of this session: an older server wrote its record.")
        body = spans.otlp([spans.spans(entry.record, kept, entry.began) for entry, kept in told])
        return _file(msgspec.json.encode(body), "application/json", f"{_name(entries)}.otlp.json")

    async def markdown(request: Request, viewer: Viewer) -> Response:
        entries = await found.kept(desk, viewer, request.path_params["session_id"])
        return _file(transcript(entries).encode(), "text/markdown; charset=utf-8", f"{_name(entries)}.md")

    place = "/sessions/{session_id}"
    return [
        Route(f"{place}/otlp.json", guard.page("sessions", otlp), methods=["GET"]),
        Route(f"{place}/markdown", guard.page("sessions", markdown), methods=["GET"]),
    ]


def transcript(entries: Sequence[Entry]) -> str:
    """A session as Markdown: what was said, what was called, what it came to."""
    figures = trace_figures.figures(entries)
    record = entries[-1].record
    head = [
        f"# Session {record.session_id}",
        "",
        f"- began: {moment(entries[0].began)} UTC",
        f"- model: {_plain(record.model)}; engine: {_plain(record.engine)}",
        f"- length: {duration(figures.seconds)}; turns: {figures.turns}; interruptions: {figures.interruptions}",
        f"- latency: p50 {duration(figures.latency_p50)}, p95 {duration(figures.latency_p95)}",
        f"- cost: {trace_figures.shown(figures.cost)}",
        f"- close: {_plain(trace_figures.close(record.close_code, record.close_reason))}",
    ]
    return "\n".join([*head, *_connections(entries), ""])


def _connections(entries: Sequence[Entry]) -> Iterator[str]:
    for number, entry in enumerate(entries, 1):
        if len(entries) > 1:
            yield from ("", f"## Connection {number}")
        if entry.timeline is None:
            yield from ("", "No timeline was kept.")
            continue
        for happened in entry.timeline.entries:
            if line := _line(happened):
                yield from ("", f"**{_clock(happened.at)}** {line}")


def _line(entry: Happened) -> str:
    match entry:
        case Words():
            return f"User ({entry.how}): {_said(entry.text, entry.characters)}"
        case Turn():
            how = "" if entry.outcome == "complete" else f", {entry.outcome or 'goes on'}"
            return f"Model (turn {entry.number}{how}): {_said(entry.text, entry.characters)}"
        case ToolUse():
            answer = f" → `{_code(entry.result)}`" if entry.result else ""
            return f"Function `{_code(entry.name)}({_code(entry.arguments)})`{answer}, {entry.outcome or 'waits'}"
        case Remark(about="refused" | "budget" | "dismissed"):
            return f"{entry.about.capitalize()}: {_plain(entry.text)}"
    return ""


def _said(text: str, characters: int) -> str:
    return _plain(text) if text else f"*{characters} characters, not kept*"


def _plain(text: str) -> str:
    """Text on one line in which nothing means anything to Markdown."""
    return "".join(f"\\{each}" if each in r"\`*_{}[]<>#|!" else each for each in " ".join(text.split()))


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _name(entries: Sequence[Entry]) -> str:
    return f"antiphon-{entries[0].record.session_id}"


def _file(body: bytes, media_type: str, name: str) -> Response:
    return Response(body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})
