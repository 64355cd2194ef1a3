"""Ephemeral tokens that live: whose they are and what they allow, never what they are; and how they are ended."""

from typing import Any, Final

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls.call import Call
from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.console import forms, people
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json, wants_json
from antiphon.store.grants import StoredGrant
from antiphon.wire.refusal import CloseCode, Refusal

PATH: Final = "/admin/tokens"
MOST: Final = 500
"""Tokens that a page shows of each owner."""

REVOKED: Final = Refusal("", "this ephemeral token was revoked", "make another one", CloseCode.POLICY)


class Token(Struct, frozen=True):
    """A token that lives. ``id`` is the digest it is kept under, times are seconds of the Unix epoch.

    ``locked`` are the fields of the setup that its holder cannot choose, None for all that the constraint has.
    """

    id: str
    model: str
    uses_left: int | None
    expires: float
    new_session_expires: float
    constrained: bool
    locked: tuple[str, ...]
    running: int


class Holder(Struct, frozen=True):
    """The tokens of one owner; ``count`` of them live, and not more than :data:`MOST` are listed."""

    owner: str
    name: str
    count: int
    tokens: list[Token]


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page."""

    async def page(request: Request, viewer: Viewer) -> Response:
        holders = await living(desk)
        if wants_json(request):
            return json({"owners": holders})
        context = {"holders": holders, "now": desk.now(), "done": request.query_params.get("done", ""), "most": MOST}
        return renderer.page(request, viewer, "admin/tokens.html", context)

    async def revoke(request: Request, viewer: Viewer) -> Response:
        grant_id = request.path_params["id"]
        stored = await desk.memory.grants.revoke(grant_id)
        if stored is None:
            raise HTTPException(404, "There is no such token; it may have expired.")

        def holds(call: Call) -> bool:
            return call.caller.grant is not None and call.caller.grant.id == grant_id

        ended = desk.switchboard.dismiss(holds, REVOKED)
        detail = {"owner": stored.owner, "sessions_ended": ended}
        await people.note(desk, viewer, "token.revoke", grant_id[:8], detail)
        return _done(request, {"revoked": 1, "sessions_ended": ended})

    async def ask(request: Request, viewer: Viewer) -> Response:
        owner = request.query_params.get("owner", "")
        holder = next((each for each in await living(desk) if each.owner == owner), None)
        if holder is None:
            raise HTTPException(404, "There is no living token of this owner.")
        return renderer.page(request, viewer, "admin/tokens_revoke.html", {"holder": holder})

    async def revoke_all(request: Request, viewer: Viewer) -> Response:
        fields = await forms.read(request)
        if "owner" not in fields:
            raise HTTPException(400, "owner: say whose tokens, by the owner that the list shows")
        owner = forms.one(fields, "owner")
        count = await desk.memory.grants.revoke_all(owner)
        ended = desk.switchboard.dismiss(lambda call: bool(call.caller.grant) and call.caller.owner == owner, REVOKED)
        await people.note(desk, viewer, "token.revoke_all", owner, {"tokens": count, "sessions_ended": ended})
        return _done(request, {"revoked": count, "sessions_ended": ended})

    return [
        Route(PATH, guard.page("admin", page), methods=["GET"]),
        Route(f"{PATH}/revoke", guard.page("admin", ask), methods=["GET"]),
        Route(f"{PATH}/revoke", guard.page("admin", revoke_all), methods=["POST"]),
        Route(f"{PATH}/{{id}}/revoke", guard.page("admin", revoke), methods=["POST"]),
    ]


async def living(desk: Desk) -> list[Holder]:
    """All tokens that live, by owner.

    Raises:
        StoreError: the database failed.
    """
    names = await people.names(desk)
    running = [call.caller.grant.id for call in desk.switchboard.calls if call.caller.grant]
    by_owner: dict[str, list[Token]] = {}
    for grant_id, stored in await desk.memory.grants.living():
        by_owner.setdefault(stored.owner, []).append(_token(grant_id, stored, running.count(grant_id)))
    holders = [Holder(owner, names.of(owner), len(tokens), tokens[:MOST]) for owner, tokens in by_owner.items()]
    return sorted(holders, key=lambda holder: holder.name)


def _token(grant_id: str, stored: StoredGrant, running: int) -> Token:
    setup = stored.setup or {}
    return Token(
        id=grant_id,
        model=str(setup.get("model", "")).rsplit("/", 1)[-1],
        uses_left=stored.uses_left,
        expires=stored.expires,
        new_session_expires=stored.new_session_expires,
        constrained=stored.setup is not None,
        locked=stored.field_mask,
        running=running,
    )


def _done(request: Request, done: dict[str, Any]) -> Response:
    if wants_json(request):
        return json(done)
    return RedirectResponse(f"{PAGES_PATH}{PATH}?done={done['revoked']}", 303)
