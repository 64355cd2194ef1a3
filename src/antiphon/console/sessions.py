"""The list of sessions: those that run, and a search through those that are over; and how one is forgotten."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_args
from urllib.parse import quote

from msgspec import Struct
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.calls.recording import FLUSH_SECONDS, forget
from antiphon.calls.watching import Running
from antiphon.console import people, trace_figures
from antiphon.console import sessions_found as found
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.store.listing import Choices, Page, Search, Trait
from antiphon.store.records import Entry

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 500
LONGEST_TEXT: Final = 200
DAY: Final = 86_400.0
TRAITS: Final[tuple[Trait, ...]] = get_args(Trait)
OUTCOMES: Final = ("", "ok", "error")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Sessions(Struct, frozen=True):
    """What the page shows. ``problem`` says which field of the search was wrong, and what would be right."""

    running: list[Running]
    page: Page
    choices: Choices
    problem: str = ""
    deleted: str = ""


class Forgotten(Struct, frozen=True):
    """What was deleted: connections from the database, files of sound."""

    session_id: str
    connections: int
    files: int


class WrongSearch(ValueError):
    """A search cannot be understood; the message names the field and the remedy."""


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the list."""

    async def page(request: Request, viewer: Viewer) -> Response:
        asked = request.query_params
        model = await _sessions(desk, viewer, asked)
        status = 400 if model.problem else 200
        if wants_json(request):
            return json(model, status)
        return renderer.page(request, viewer, "sessions.html", _context(model, asked), status)

    async def live_part(request: Request, viewer: Viewer) -> Response:
        context = {"model": Sessions(found.running(desk, viewer), Page((), None), Choices((), (), ()))}
        return renderer.page(request, viewer, "sessions_running.html", context)

    async def confirm(request: Request, viewer: Viewer) -> Response:
        entries = await _deletable(desk, viewer, request.path_params["session_id"])
        model = {"session_id": entries[0].record.session_id, "figures": trace_figures.figures(entries)}
        return renderer.respond(request, viewer, "sessions_delete.html", model)

    async def delete(request: Request, viewer: Viewer) -> Response:
        entries = await _deletable(desk, viewer, request.path_params["session_id"])
        session_id = entries[0].record.session_id
        gone = await _forget(desk, session_id, entries[-1].began + entries[-1].record.seconds)
        detail = {"connections": gone.connections, "files": gone.files}
        await people.note(desk, viewer, "session.delete", session_id, detail)
        if wants_json(request):
            return json(gone)
        return RedirectResponse(f"{PAGES_PATH}/sessions?deleted={quote(session_id)}", 303)

    return [
        Route("/sessions", guard.page("sessions", page), methods=["GET"]),
        Route("/sessions/running", guard.page("sessions", live_part), methods=["GET"]),
        Route("/sessions/{session_id}/delete", guard.page("sessions", confirm), methods=["GET"]),
        Route("/sessions/{session_id}/delete", guard.page("sessions", delete), methods=["POST"]),
    ]


async def _sessions(desk: Desk, viewer: Viewer, asked: QueryParams) -> Sessions:
    """What a request searches for; nothing, and why, where that cannot be understood."""
    records = desk.memory.records
    page, problem, before = Page((), None), "", None
    try:
        search, before, limit = wanted(asked, viewer)
        page = await records.search(search, limit, before)
    except WrongSearch as error:
        problem = str(error)
    running = [] if before is not None else found.running(desk, viewer)
    return Sessions(running, page, await records.choices(_whose(viewer)), problem, asked.get("deleted", "")[:64])


def wanted(asked: QueryParams, viewer: Viewer) -> tuple[Search, int | None, int]:
    """What a request searches for, the number below which the list goes on, and how many it wants.

    Raises:
        WrongSearch: a field says what cannot be.
    """
    until = _day(asked, "to")
    search = Search(
        text=asked.get("q", "")[:LONGEST_TEXT],
        model=asked.get("model", ""),
        engine=asked.get("engine", ""),
        owner=asked.get("owner") or None if viewer.may("admin") else viewer.caller.owner,
        since=_seconds(_day(asked, "from")),
        # Sessions of the last day too.
        until=until.timestamp() + DAY if until else None,
        outcome=_one_of(asked.get("outcome", ""), "outcome", OUTCOMES),
        has=tuple(_one_of(each, "has", TRAITS) for each in dict.fromkeys(asked.getlist("has"))),
    )
    before = _number(asked, "before")
    return search, before, min(_number(asked, "limit") or PAGE_SIZE, MAX_PAGE_SIZE)


def _whose(viewer: Viewer) -> str | None:
    return None if viewer.may("admin") else viewer.caller.owner


def _one_of(value: str, field: str, values: tuple[Any, ...]) -> Any:
    if value not in values:
        raise WrongSearch(f'{field}: "{value[:40]}" is none of them; use {", ".join(filter(None, values))}')
    return value


def _day(asked: QueryParams, field: str) -> datetime | None:
    text = asked.get(field, "")
    try:
        if not text or _DAY.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        pass
    raise WrongSearch(f'{field}: "{text[:40]}" is no day; write it like 2026-01-31')


def _seconds(day: datetime | None) -> float | None:
    return None if day is None else day.timestamp()


def _number(asked: QueryParams, field: str) -> int | None:
    text = asked.get(field, "")
    if text and not (text.isascii() and text.isdigit() and 0 < len(text) < 16):
        raise WrongSearch(f'{field}: "{text[:40]}" is no number; leave it out to begin with the newest')
    return int(text) if text else None


def _context(model: Sessions, asked: QueryParams) -> dict[str, Any]:
    """What the template needs besides: the search as it was typed, and where the list goes on."""
    kept = [(name, value) for name, value in asked.multi_items() if name not in ("before", "deleted") and value]
    older = "" if model.page.older is None else str(QueryParams([*kept, ("before", str(model.page.older))]))
    narrowed = any(name not in ("limit", "format") for name, _ in kept)
    fields: Mapping[str, str] = {name: asked.get(name, "") for name in _FIELDS}
    return {
        "model": model,
        "fields": fields,
        "has": asked.getlist("has"),
        "older": older,
        "newest": str(QueryParams(kept)),
        "is_further": bool(asked.get("before")),
        "narrowed": narrowed,
        "shown": trace_figures.shown,
        "close": trace_figures.close,
    }


_FIELDS: Final = ("q", "model", "engine", "owner", "from", "to", "outcome")


async def _deletable(desk: Desk, viewer: Viewer, session_id: str) -> list[Entry]:
    """The connections of a session that can be deleted.

    Raises:
        HTTPException: there is none, or it runs.
    """
    entries = await found.entries_of(desk, viewer, session_id)
    if found.running_one(desk, viewer, session_id) or (entries and found.holds(desk, session_id)):
        raise HTTPException(409, f"Session {session_id} runs now. End the call first; then it can be deleted.")
    return entries or found.unknown(session_id)


async def _forget(desk: Desk, session_id: str, ended: float) -> Forgotten:
    """Delete everything of a session but what it cost. ``ended`` is in seconds of the Unix epoch."""
    if (fresh := ended + 3 * FLUSH_SECONDS - desk.now()) > 0:
        # The last sound of a call is written a moment after its record.
        await asyncio.sleep(min(fresh, 3 * FLUSH_SECONDS))
    connections = await desk.memory.records.delete(session_id)
    try:
        files = await asyncio.to_thread(forget, desk.installation.data_dir, session_id)
    except OSError as error:
        raise HTTPException(
            500, f"The recordings of session {session_id} cannot be deleted ({error.strerror}); everything else is."
        ) from error
    return Forgotten(session_id, connections, files)
