"""One session: what happened in it, as a document with every number and as an instrument over its sound."""

import asyncio
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import sessions_found as found
from antiphon.console import trace_figures, trace_words
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.console.trace_sound import MAX_POINTS, SIDES, Side, peaks, seconds, track
from antiphon.live.record import Record
from antiphon.live.timeline import Entry as Happened
from antiphon.live.timeline import Gap, Remark, Stage, Timeline, ToolUse
from antiphon.store.records import Entry

POINTS: Final = 2000
"""Peaks of a track, unless a request wants more or fewer."""


class Sound(Struct, frozen=True):
    """Where one side of a connection can be heard and seen, and its length in seconds."""

    url: str
    peaks: str
    seconds: float


class Connection(Struct, frozen=True):
    """One connection: what is stored of it, and what follows from that.

    ``lines`` has the words with estimates of their times, ``speech`` when somebody spoke by places in the timeline,
    ``sound`` the recordings by side.
    """

    began: float
    owner: str
    record: Record
    timeline: Timeline | None
    lines: list[trace_words.Line]
    speech: dict[int, trace_words.Stretch]
    sound: dict[Side, Sound]


class Trace(Struct, frozen=True):
    """A session, all of it. ``running``: it goes on in another connection."""

    session_id: str
    running: bool
    figures: trace_figures.Figures
    connections: list[Connection]


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of one session."""

    async def page(request: Request, viewer: Viewer) -> Response:
        session_id = request.path_params["session_id"]
        entries = await found.entries_of(desk, viewer, session_id)
        runs = found.running_one(desk, viewer, session_id) is not None
        if not entries:
            if not runs:
                found.unknown(session_id)
            if not wants_json(request):
                return RedirectResponse(f"{PAGES_PATH}/sessions/{session_id}/live", 303)
        model = await asyncio.to_thread(_trace, desk, session_id, entries, runs)
        if wants_json(request):
            return json(model)
        return renderer.page(request, viewer, "trace.html", _context(desk, model, entries))

    async def live(request: Request, viewer: Viewer) -> Response:
        session_id = request.path_params["session_id"]
        call = found.running_one(desk, viewer, session_id)
        if call is None:
            await found.kept(desk, viewer, session_id)
            return RedirectResponse(f"{PAGES_PATH}/sessions/{session_id}", 303)
        return renderer.respond(request, viewer, "watch.html", call)

    async def audio(request: Request, viewer: Viewer) -> Response:
        path, _ = await _track(desk, viewer, request)
        # Named, so that nothing on the way packs it: parts of it are asked for by their bytes.
        return FileResponse(path, media_type="audio/wav", headers={"Content-Encoding": "identity"})

    async def audio_peaks(request: Request, viewer: Viewer) -> Response:
        path, side = await _track(desk, viewer, request)
        points, begins, ends = _range(request)
        try:
            return json(await asyncio.to_thread(peaks, path, side, points, begins, ends))
        except OSError:
            raise _silent() from None

    place = "/sessions/{session_id}"
    return [
        Route(place, guard.page("sessions", page), methods=["GET"]),
        Route(f"{place}/live", guard.page("sessions", live), methods=["GET"]),
        Route(f"{place}/audio/{{connection}}/{{side}}.wav", guard.page("sessions", audio), methods=["GET"]),
        Route(
            f"{place}/audio/{{connection}}/{{side}}.peaks.json",
            guard.page("sessions", audio_peaks),
            methods=["GET"],
        ),
    ]


def _trace(desk: Desk, session_id: str, entries: list[Entry], runs: bool) -> Trace:
    connections = [_connection(desk, number, entry) for number, entry in enumerate(entries, 1)]
    return Trace(session_id, runs, trace_figures.figures(entries), connections)


def _connection(desk: Desk, number: int, entry: Entry) -> Connection:
    happened = entry.timeline.entries if entry.timeline else ()
    base = f"{PAGES_PATH}/sessions/{entry.record.session_id}/audio/{number}"
    sound: dict[Side, Sound] = {}
    for side in SIDES:
        if (path := track(desk.installation.data_dir, entry, side)) is not None:
            sound[side] = Sound(f"{base}/{side}.wav", f"{base}/{side}.peaks.json", seconds(path, side))
    return Connection(
        entry.began,
        entry.owner,
        entry.record,
        entry.timeline,
        trace_words.lines(happened),
        trace_words.speech(happened),
        sound,
    )


def _context(desk: Desk, model: Trace, entries: list[Entry]) -> dict[str, Any]:
    """What the template needs besides the model."""
    happened = [(number, each) for number, one in enumerate(model.connections, 1) for each in _happened(one.timeline)]
    return {
        "model": model,
        "figures": model.figures,
        "turns": trace_figures.turns(entries),
        "tools": [(number, each) for number, each in happened if isinstance(each, ToolUse)],
        "remarks": [(number, each) for number, each in happened if isinstance(each, Gap | Remark | Stage)],
        "lines": [trace_figures.lines(_happened(one.timeline)) for one in model.connections],
        "has_sound": any(one.sound for one in model.connections),
        "has_words": any(line.words for one in model.connections for line in one.lines),
        "installation": desk.installation,
        "shown": trace_figures.shown,
        "close": trace_figures.close,
        "read": trace_figures.read,
        "made": trace_figures.made,
        "anchor": trace_figures.anchor,
    }


def _happened(timeline: Timeline | None) -> tuple[Happened, ...]:
    return timeline.entries if timeline else ()


async def _track(desk: Desk, viewer: Viewer, request: Request) -> tuple[Path, Side]:
    """The file of one side of one connection, and which side.

    Raises:
        HTTPException: there is none.
    """
    entries = await found.kept(desk, viewer, request.path_params["session_id"])
    numbered = {str(number): entry for number, entry in enumerate(entries, 1)}
    entry, side = numbered.get(request.path_params["connection"]), request.path_params["side"]
    if side in SIDES and entry is not None:
        path = await asyncio.to_thread(track, desk.installation.data_dir, entry, side)
        if path is not None:
            return path, side
    raise _silent()


def _silent() -> HTTPException:
    return HTTPException(404, "There is no recording of this: it was not recorded, or it was too old and is deleted.")


def _range(request: Request) -> tuple[int, float, float | None]:
    """How many points of which seconds a request wants.

    Raises:
        HTTPException: that is not to be understood.
    """
    asked = request.query_params
    try:
        points = int(asked.get("points", POINTS))
        begins, ends = float(asked.get("from", 0.0)), float(asked["to"]) if "to" in asked else None
    except ValueError:
        raise HTTPException(400, "points, from, to: write a whole number, and seconds such as 12.5") from None
    if not 0 < points <= MAX_POINTS:
        raise HTTPException(400, f"points: {points} are not possible; ask for 1 to {MAX_POINTS}")
    if not (begins >= 0 and (ends is None or ends > begins)):
        raise HTTPException(400, "from, to: from must be 0 or more, and to more than from")
    return points, begins, ends
