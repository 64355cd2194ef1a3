"""What holds for everybody and for each key: budgets and what is spent of them, sessions at once, times."""

import json as plain_json
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls.desk import Desk
from antiphon.calls.metering import own_limits
from antiphon.console.admin.keys import scopes
from antiphon.console.guard import Guard, Viewer
from antiphon.console.people import names
from antiphon.console.render import Renderer, json, wants_json
from antiphon.live.policy import Policy
from antiphon.meter.money import from_picodollars, plain
from antiphon.store.ledger import Spent

PATH: Final = "/admin/limits"

MEANINGS: Final = {
    "session": "one session",
    "key_day": "all that one key spends in a day (UTC)",
    "key_month": "all that one key spends in a month (UTC)",
}


class Used(Struct, frozen=True):
    """What is used of a limit. Dollars; ``limit`` None is none, ``own``: it is that of the key alone."""

    spent: Decimal
    unknown: int
    limit: Decimal | None
    own: bool

    @property
    def share(self) -> float:
        """The part that is used, 1 at most."""
        return float(min(self.spent / self.limit, Decimal(1))) if self.limit else 0.0


class Holder(Struct, frozen=True):
    """What a key uses by now. ``key_id`` is empty for one of the configuration, which has no limits of its own."""

    owner: str
    name: str
    key_id: str
    today: Used
    month: Used
    session: Decimal | None
    running: int
    concurrent: int | None


class Setting(Struct, frozen=True):
    """A setting: where it stands in the configuration, and whether it is another than the default."""

    name: str
    value: str
    changed: bool


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the page."""

    async def page(request: Request, viewer: Viewer) -> Response:
        holders, running = await _holders(desk), len(desk.switchboard)
        if wants_json(request):
            return json(_told(desk, holders, running))
        context = {
            "holders": holders,
            "running": running,
            "max_sessions": desk.max_sessions,
            "budget": desk.budget,
            "meanings": MEANINGS,
            "settings": settings(desk.policy),
        }
        return renderer.page(request, viewer, "admin/limits.html", context)

    return [Route(PATH, guard.page("admin", page), methods=["GET"])]


def settings(policy: Policy) -> list[Setting]:
    """The settings of sessions, as one would write them."""
    default = Policy()
    values = ((name, getattr(policy, name), getattr(default, name)) for name in Policy.__struct_fields__)
    return [Setting(name, plain_json.dumps(value), value != usual) for name, value, usual in values]


async def _holders(desk: Desk) -> list[Holder]:
    """Every key that is in force."""
    now, known = desk.now(), await names(desk)
    stored = {key.id: key for key in await desk.memory.keys.all() if key.state(now) == "active"}
    owners = [*desk.doorkeeper.configured, *([""] if desk.doorkeeper.open else []), *stored]
    sums = iter(await desk.ledger.spent([scope for owner in owners for scope in scopes(owner, desk)]))
    running = [call.caller.owner for call in desk.switchboard.calls]
    found = []
    for owner in owners:
        key = stored.get(owner)
        own = own_limits(owner, key.terms.limits) or {} if key else {}
        limits = {kind: own.get(kind) for kind in ("session", "key_day", "key_month")}
        holder = Holder(
            owner=owner,
            name=known.of(owner),
            key_id=owner if key else "",
            today=_used(next(sums), limits["key_day"], desk.budget.key_day),
            month=_used(next(sums), limits["key_month"], desk.budget.key_month),
            session=_lower(limits["session"], desk.budget.session)[0],
            running=running.count(owner),
            concurrent=key.terms.limits.concurrent if key else None,
        )
        found.append(holder)
    return found


def _used(spent: Spent, own: Decimal | None, common: Decimal | None) -> Used:
    return Used(from_picodollars(spent.amount), spent.unknown, *_lower(own, common))


def _lower(own: Decimal | None, common: Decimal | None) -> tuple[Decimal | None, bool]:
    """The limit that holds, and whether it is the key's own."""
    if own is None or (common is not None and common < own):
        return common, False
    return own, True


def _told(desk: Desk, holders: list[Holder], running: int) -> dict[str, Any]:
    budget = {name: getattr(desk.budget, name) for name in ("session", "key_day", "key_month", "soft", "unknown")}
    return {
        "budget": {name: plain(value) if isinstance(value, Decimal) else value for name, value in budget.items()},
        "sessions": {"running": running, "max": desk.max_sessions},
        "keys": [_flat(holder) for holder in holders],
        "session": msgspec.to_builtins(desk.policy),
    }


def _flat(holder: Holder) -> dict[str, Any]:
    told: dict[str, Any] = {"owner": holder.owner, "name": holder.name, "running": holder.running}
    for name, used in (("today", holder.today), ("month", holder.month)):
        limit = None if used.limit is None else plain(used.limit)
        told[name] = {"dollars": plain(used.spent), "unknown": used.unknown, "limit": limit, "own": used.own}
    session = None if holder.session is None else plain(holder.session)
    return {**told, "session_limit": session, "concurrent": holder.concurrent}
