"""The log of changes: page by page, filtered, as CSV; and whether it is whole."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls.desk import Desk
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.store.audit import AuditFilter, Verdict, as_csv

PATH: Final = "/admin/audit"
PAGE: Final = 50
MOST: Final = 10_000
"""Entries of a CSV file."""

ACTIONS: Final = {
    "": "everything",
    "key.": "keys",
    "token.": "tokens",
    "login": "logins",
    "login.failed": "failed logins",
    "session.": "sessions",
}


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page."""
    log = desk.memory.audit

    async def page(request: Request, viewer: Viewer) -> Response:
        return await _page(request, viewer, None)

    async def verify(request: Request, viewer: Viewer) -> Response:
        verdict = await log.verify()
        return json(verdict) if wants_json(request) else await _page(request, viewer, verdict)

    async def _page(request: Request, viewer: Viewer, verdict: Verdict | None) -> Response:
        asked = request.query_params
        wanted = AuditFilter(asked.get("action", ""), asked.get("text", "").strip())
        if asked.get("format") == "csv":
            headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
            return Response(as_csv(await log.read(wanted, limit=MOST)), media_type="text/csv", headers=headers)
        entries = await log.read(wanted, before=_number(asked.get("before", "")), limit=PAGE + 1)
        older = entries[PAGE - 1].seq if len(entries) > PAGE else None
        if wants_json(request):
            return json({"entries": entries[:PAGE], "before": older})
        context = {
            "entries": entries[:PAGE],
            "older": older,
            "verdict": verdict,
            "wanted": wanted,
            "actions": ACTIONS,
            "further": "before" in asked,
        }
        return renderer.page(request, viewer, "admin/audit.html", context)

    return [
        Route(PATH, guard.page("admin", page), methods=["GET"]),
        Route(f"{PATH}/verify", guard.page("admin", verify), methods=["GET"]),
    ]


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit():
        raise HTTPException(400, "before: write the number of an entry")
    return int(text[:18])
