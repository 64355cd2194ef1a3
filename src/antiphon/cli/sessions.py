"""``antiphon sessions``: what is remembered of sessions that are over, and how it is forgotten."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from antiphon.calls import spans
from antiphon.calls.recording import forget
from antiphon.cli import timeline
from antiphon.cli.kept import WIDEST, kept
from antiphon.live.record import Record
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.records import Entry, Records

Found = TypeVar("Found")

COLUMNS = ("began", "session", "model", "engine", "lasted", "turns", "tokens", "close", "ignored")

_NUMBERS = frozenset(("lasted", "turns", "tokens", "ignored"))


class SessionsError(Exception):
    """There is nothing to show; the message says why."""


async def latest(data_dir: Path, limit: int) -> list[Entry]:
    """The newest entries, the newest first.

    Raises:
        SessionsError: no server has run with ``data_dir``.
        StoreError: its database cannot be read.
    """
    return await _read(data_dir, lambda records: records.latest(limit))


async def of(data_dir: Path, session_id: str) -> list[Entry]:
    """The entries of one session, one for each of its connections.

    Raises:
        SessionsError: nothing is known of it.
        StoreError: the database cannot be read.
    """
    entries = await _read(data_dir, lambda records: records.of(session_id))
    if not entries:
        raise SessionsError(f"session {session_id}: nothing is known of it; antiphon sessions lists those that are")
    return entries


def render_list(entries: list[Entry], console: Console) -> None:
    """Print a line for each."""
    if not entries:
        console.print("No session has ended yet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in COLUMNS:
        table.add_column(name, justify="right" if name in _NUMBERS else "left", no_wrap=True)
    for entry in entries:
        table.add_row(*map(escape, _line(entry)))
    # Narrow terminals wrap lines themselves; a session whose name was cut could not be asked for.
    console.width = max(console.width, WIDEST)
    console.print(table)


def render(entries: list[Entry], console: Console) -> None:
    """Print everything about one session."""
    for entry in entries:
        record = entry.record
        console.print(f"[bold]{escape(record.session_id)}[/]  {_local(entry.began)}", highlight=False)
        for name, value in _facts(entry):
            console.print(f"  {name:<16}{escape(value)}", highlight=False, soft_wrap=True)
        console.print(_usage(record.usage))
        for title, lines in (("ignored fields", record.ignored), ("notes", record.notes)):
            console.print(f"  [bold]{title}[/]" if lines else f"  {title}: none", highlight=False)
            for line in lines:
                console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
        if entry.timeline is not None:
            timeline.render(entry.timeline, console)


def as_json(entries: list[Entry]) -> str:
    """The same for scripts."""
    return msgspec.json.encode({"sessions": [_flat(entry) for entry in entries]}).decode()


def write_otlp(entries: list[Entry], file: Path) -> int:
    """Write the traces of a session as OTLP JSON, as a collector would get them; how many spans there are.

    Raises:
        SessionsError: nothing was kept of what happened in it, or the file cannot be written.
    """
    told = [(entry, entry.timeline) for entry in entries if entry.timeline is not None]
    if not told:
        raise SessionsError("there is no timeline of this session: an older server wrote its record")
    traces = [spans.spans(entry.record, kept, entry.began) for entry, kept in told]
    try:
        file.write_bytes(msgspec.json.encode(spans.otlp(traces)))
    except OSError as error:
        raise SessionsError(f"{file}: cannot be written ({error.strerror})") from error
    return sum(map(len, traces))


async def delete(data_dir: Path, session_id: str) -> tuple[int, int]:
    """Delete everything of a session but what it cost: how many connections it had, how many files of recordings.

    Raises:
        SessionsError: nothing is known of it, or its recordings cannot be deleted.
        StoreError: the database cannot be written.
    """
    connections = await _read(data_dir, lambda records: records.delete(session_id))
    try:
        files = forget(data_dir, session_id)
    except OSError as error:
        raise SessionsError(f"{error.filename}: cannot be deleted ({error.strerror})") from error
    if not connections and not files:
        raise SessionsError(f"session {session_id}: nothing is known of it; antiphon sessions lists those that are")
    return connections, files


async def _read(data_dir: Path, wanted: Callable[[Records], Awaitable[Found]]) -> Found:
    async with kept(data_dir, SessionsError) as database:
        return await wanted(Records(database))


def _line(entry: Entry) -> tuple[str, ...]:
    record = entry.record
    return (
        _local(entry.began),
        record.session_id,
        record.model,
        record.engine,
        _duration(record.seconds),
        str(record.turns),
        str(record.usage.total),
        _close(record),
        str(len(record.ignored)),
    )


def _facts(entry: Entry) -> list[tuple[str, str]]:
    record = entry.record
    return [
        ("model", record.model),
        ("engine", record.engine),
        ("key", entry.owner or "none"),
        ("lasted", _duration(record.seconds)),
        ("close", f"{_close(record)}: {record.close_reason}" if record.close_reason else _close(record)),
        ("turns", f"{record.turns}, {record.interruptions} interrupted"),
        ("tool calls", str(record.tool_calls)),
        ("searches", str(record.usage.searches)),
        ("dropped frames", str(record.dropped_frames)),
    ]


def _usage(usage: Usage) -> Table:
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="bold")
    table.add_column("tokens")
    for name in ("prompt", "tool results", "answers"):
        table.add_column(name, justify="right")
    columns = (usage.prompt, usage.tool_prompt, usage.response)
    for modality in Tokens.__struct_fields__:
        counts = [getattr(tokens, modality) for tokens in columns]
        if any(counts):
            table.add_row(modality, *map(str, counts))
    table.add_row("thoughts", "", "", str(usage.thoughts))
    table.add_row("total", *(str(tokens.total) for tokens in columns))
    return table


def _flat(entry: Entry) -> dict[str, object]:
    """An entry as one object, its time readable."""
    began = datetime.fromtimestamp(entry.began, UTC).isoformat(timespec="milliseconds")
    flat = {"began": began, "owner": entry.owner, **msgspec.structs.asdict(entry.record)}
    return flat if entry.timeline is None else {**flat, "timeline": entry.timeline}


def _local(began: float) -> str:
    return datetime.fromtimestamp(began).astimezone().strftime("%Y-%m-%d %H:%M")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _close(record: Record) -> str:
    return "left" if record.close_code is None else str(record.close_code)
