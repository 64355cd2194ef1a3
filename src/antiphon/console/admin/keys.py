"""Keys: a list with what each costs, and forms to make, change, replace and revoke them."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from antiphon.calls import keyform
from antiphon.calls.desk import PAGES_PATH, Desk
from antiphon.calls.keyform import KeyForm, KeyFormError
from antiphon.calls.keywatch import objection_to
from antiphon.calls.routes import served_models
from antiphon.console import forms, people
from antiphon.console.admin.once import Once
from antiphon.console.guard import Guard, Viewer, cookie
from antiphon.console.render import Renderer, json, wants_json
from antiphon.meter.money import from_picodollars, plain
from antiphon.store.keys import GRACE, State, StoredKey
from antiphon.store.ledger import Scope, Spent

PATH: Final = "/admin/keys"
GRACES: Final[Mapping[str, str]] = {"0s": "not at all: end it now", "1h": "an hour", "24h": "a day", "7d": "a week"}


class Listed(Struct, frozen=True):
    """A key of the list. ``today`` and ``month`` are what it spent in both, of UTC."""

    key: StoredKey
    state: State
    today: Spent
    month: Spent
    running: int


class Configured(Struct, frozen=True):
    """A key of the configuration."""

    owner: str
    permissions: tuple[str, ...]
    today: Spent
    month: Spent


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the pages."""
    pages = KeyPages(desk, renderer)
    table = (
        ("", pages.index, "GET"),
        ("", pages.create, "POST"),
        ("/new", pages.new, "GET"),
        ("/{id}", pages.show, "GET"),
        ("/{id}", pages.change, "POST"),
        ("/{id}/rotate", pages.ask_rotate, "GET"),
        ("/{id}/rotate", pages.rotate, "POST"),
        ("/{id}/revoke", pages.ask_revoke, "GET"),
        ("/{id}/revoke", pages.revoke, "POST"),
    )
    return [Route(PATH + path, guard.page("admin", page), methods=[method]) for path, page, method in table]


class KeyPages:
    """The pages of one server."""

    def __init__(self, desk: Desk, renderer: Renderer) -> None:
        self._desk = desk
        self._keys = desk.memory.keys
        self._renderer = renderer
        self._once = Once(desk.now)

    async def index(self, request: Request, viewer: Viewer) -> Response:
        """Every key, the newest first."""
        listed, configured = await self._listed()
        if wants_json(request):
            keys = [_told(each, self._desk.now()) for each in listed]
            return json({"keys": keys, "configured": [_spending(each) for each in configured]})
        context = {"keys": listed, "configured": configured, "open": self._desk.doorkeeper.open}
        return self._renderer.page(request, viewer, "admin/keys.html", context)

    async def new(self, request: Request, viewer: Viewer) -> Response:
        """An empty form."""
        return self._form(request, viewer, KeyForm(permissions=("live",)))

    async def create(self, request: Request, viewer: Viewer) -> Response:
        """Make a key. A page shows its secret once; a program gets it with the answer."""
        form = _read(await forms.read(request))
        try:
            terms = keyform.read(form, self._desk.now(), served_models(self._desk.routes()))
        except KeyFormError as error:
            return self._form(request, viewer, form, error.problems)
        key, secret = await self._keys.create(terms, people.actor(self._desk, viewer))
        await self._note(viewer, "key.create", key.id, keyform.told(terms))
        return self._show_once(request, viewer, key, secret, 201)

    async def show(self, request: Request, viewer: Viewer) -> Response:
        """One key, and the form to change it."""
        key = await self._key(request)
        if wants_json(request):
            (listed,) = await self._figures([key])
            return json(_told(listed, self._desk.now()))
        # Looking whether the page is there is not looking at it.
        secret = self._once.take(request, viewer, key.id) if request.method == "GET" else ""
        return await self._page(request, viewer, key, KeyForm.of(key.terms), secret=secret)

    async def change(self, request: Request, viewer: Viewer) -> Response:
        """Change what a key may do. Programs may leave out what stays."""
        key = await self._key(request)
        fields = await forms.read(request)
        form = _merged(KeyForm.of(key.terms), fields) if _is_json(request) else _read(fields)
        known = (*served_models(self._desk.routes()), *key.terms.models)
        try:
            terms = keyform.read(form, self._desk.now(), known, key.terms.expires)
            if "admin" not in terms.permissions and await self._is_last(key):
                raise KeyFormError(
                    {"permissions": "no other key may manage this server; give admin to another one first"}
                )
        except KeyFormError as error:
            if wants_json(request):
                return _refused(error.problems)
            return await self._page(request, viewer, key, form, error.problems)
        changed = await self._keys.update(key.id, terms)
        if differences := keyform.differences(key.terms, terms):
            await self._note(viewer, "key.change", key.id, differences)
        if wants_json(request):
            return json(keyform.flat(changed or key, self._desk.now()))
        return _to(f"/{key.id}?done=changed")

    async def ask_rotate(self, request: Request, viewer: Viewer) -> Response:
        """How long the old secret shall stay good."""
        context = {"key": await self._key(request), "graces": GRACES, "problem": ""}
        return self._renderer.page(request, viewer, "admin/key_rotate.html", context)

    async def rotate(self, request: Request, viewer: Viewer) -> Response:
        """Give a key a new secret."""
        key = await self._key(request)
        text = forms.one(await forms.read(request), "grace", f"{GRACE / 3600:g}h")
        grace = keyform.duration(text)
        if grace is None:
            problem = "write how long, such as 24h, 7d or 0s"
            if wants_json(request):
                return _refused({"grace": problem})
            context = {"key": key, "graces": GRACES, "problem": problem}
            return self._renderer.page(request, viewer, "admin/key_rotate.html", context, 400)
        rotated = await self._keys.rotate(key.id, grace)
        if rotated is None:
            raise HTTPException(409, "this key is revoked; make another one")
        # Logins that the old secret began end with it; who replaces their own key goes on.
        await self._desk.memory.logins.end_soon(key.id, grace, cookie(request))
        await self._note(viewer, "key.rotate", key.id, {"grace": grace})
        return self._show_once(request, viewer, *rotated)

    async def ask_revoke(self, request: Request, viewer: Viewer) -> Response:
        """Whether that is meant."""
        key = await self._key(request)
        (listed,) = await self._figures([key])
        context = {"listed": listed, "is_own": key.id == viewer.caller.owner, "is_last": await self._is_last(key)}
        return self._renderer.page(request, viewer, "admin/key_revoke.html", context)

    async def revoke(self, request: Request, viewer: Viewer) -> Response:
        """Make a key worthless, its tokens and its sessions with it."""
        key = await self._keys.revoke((await self._key(request)).id)
        assert key is not None
        objection = objection_to(key, self._desk.now())
        assert objection is not None
        ended = self._desk.switchboard.dismiss(lambda call: call.caller.owner == key.id, objection)
        await self._desk.memory.grants.revoke_all(key.id)
        await self._note(viewer, "key.revoke", key.id, {"sessions_ended": ended})
        return json(keyform.flat(key, self._desk.now())) if wants_json(request) else _to(f"/{key.id}?done=revoked")

    # --- parts ----------------------------------------------------------------------------------------------

    def _form(
        self, request: Request, viewer: Viewer, form: KeyForm, problems: Mapping[str, str] | None = None
    ) -> Response:
        if problems and wants_json(request):
            return _refused(problems)
        context = self._choices(form, problems or {})
        return self._renderer.page(request, viewer, "admin/key_new.html", context, 400 if problems else 200)

    async def _page(
        self,
        request: Request,
        viewer: Viewer,
        key: StoredKey,
        form: KeyForm,
        problems: Mapping[str, str] | None = None,
        secret: str = "",
    ) -> Response:
        (listed,) = await self._figures([key])
        context = {**self._choices(form, problems or {}), "listed": listed, "secret": secret}
        context["done"] = request.query_params.get("done", "")
        return self._renderer.page(request, viewer, "admin/key.html", context, 400 if problems else 200)

    def _choices(self, form: KeyForm, problems: Mapping[str, str]) -> dict[str, Any]:
        models = dict.fromkeys((*served_models(self._desk.routes()), *form.models))
        return {"form": form, "problems": problems, "permissions": keyform.PERMISSIONS, "models": list(models)}

    def _show_once(self, request: Request, viewer: Viewer, key: StoredKey, secret: str, status: int = 200) -> Response:
        if wants_json(request):
            return json({**keyform.flat(key, self._desk.now()), "secret": secret}, status)
        self._once.put(request, viewer, key.id, secret)
        return _to(f"/{key.id}")

    async def _key(self, request: Request) -> StoredKey:
        key = await self._keys.get(request.path_params["id"])
        if key is None:
            raise HTTPException(404, "There is no such key.")
        return key

    async def _is_last(self, key: StoredKey) -> bool:
        """Whether nobody could manage the server without this key."""
        keeper, now = self._desk.doorkeeper, self._desk.now()
        managing = [each.id for each in await self._keys.all() if _manages(each, now)]
        return (
            managing == [key.id] and not keeper.open and not any("admin" in may for may in keeper.configured.values())
        )

    async def _listed(self) -> tuple[list[Listed], list[Configured]]:
        listed = await self._figures(await self._keys.all())
        configured = self._desk.doorkeeper.configured
        spent = await self._spent([*configured])
        return listed, [
            Configured(owner, tuple(sorted(permissions)), *spent[owner]) for owner, permissions in configured.items()
        ]

    async def _figures(self, keys: Collection[StoredKey]) -> list[Listed]:
        spent = await self._spent([key.id for key in keys])
        running = [call.caller.owner for call in self._desk.switchboard.calls]
        now = self._desk.now()
        return [Listed(key, key.state(now), *spent[key.id], running.count(key.id)) for key in keys]

    async def _spent(self, owners: Collection[str]) -> dict[str, tuple[Spent, Spent]]:
        """What owners spent today and this month."""
        sums = iter(await self._desk.ledger.spent([scope for owner in owners for scope in scopes(owner, self._desk)]))
        return {owner: (next(sums), next(sums)) for owner in owners}

    async def _note(self, viewer: Viewer, action: str, target: str, detail: dict[str, Any]) -> None:
        await people.note(self._desk, viewer, action, target, detail)


def scopes(owner: str, desk: Desk) -> tuple[Scope, Scope]:
    """Today and this month of an owner, of UTC."""
    day = datetime.fromtimestamp(desk.now(), UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Scope(owner=owner, since=day.timestamp()), Scope(owner=owner, since=day.replace(day=1).timestamp())


def _manages(key: StoredKey, now: float) -> bool:
    return "admin" in key.terms.permissions and key.state(now) == "active"


def _read(fields: forms.Fields) -> KeyForm:
    return KeyForm(
        name=forms.one(fields, "name"),
        permissions=forms.many(fields, "permissions"),
        models=forms.many(fields, "models"),
        **{name: forms.one(fields, name) for name in ("expires", "session", "day", "month", "concurrent")},
    )


def _merged(form: KeyForm, fields: forms.Fields) -> KeyForm:
    """A form with those fields that were sent."""
    sent = _read(fields)
    return replace(form, **{name: getattr(sent, name) for name in KeyForm.__struct_fields__ if name in fields})


def _told(listed: Listed, now: float) -> dict[str, Any]:
    return {**keyform.flat(listed.key, now), **_spending(listed), "running": listed.running}


def _spending(listed: Listed | Configured) -> dict[str, Any]:
    spent = {"today": listed.today, "this_month": listed.month}
    told: dict[str, Any] = {}
    if isinstance(listed, Configured):
        told = {"owner": listed.owner, "permissions": listed.permissions}
    for name, each in spent.items():
        told |= {f"{name}_dollars": plain(from_picodollars(each.amount)), f"{name}_unknown": each.unknown}
    return told


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/json")


def _refused(problems: Mapping[str, str]) -> Response:
    message = "; ".join(f"{field}: {problem}" for field, problem in problems.items())
    return json({"error": {"code": 400, "message": message, "fields": problems}}, 400)


def _to(path: str) -> Response:
    return RedirectResponse(f"{PAGES_PATH}{PATH}{path}", 303)
