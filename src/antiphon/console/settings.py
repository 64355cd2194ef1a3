"""What settings ask the server: which fields and models there are, and what it makes of a setup."""

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from antiphon.calls.caller import Caller
from antiphon.calls.desk import Desk
from antiphon.calls.routes import served_models
from antiphon.console import setup_check
from antiphon.console.fields import groups
from antiphon.console.guard import Guard, Viewer
from antiphon.console.reading import read_object
from antiphon.console.render import Renderer, json
from antiphon.console.setup_check import Check, Examiner, FieldView
from antiphon.live import profiles
from antiphon.live.profiles import Profile
from antiphon.wire.refusal import Refusal


class Model(Struct, frozen=True, rename="camel"):
    """A model that may be asked for. ``rules`` is the model whose profile holds."""

    name: str
    display_name: str
    rules: str
    status: str
    successor: str
    aliases: tuple[str, ...]


class Facts(Struct, frozen=True, rename="camel"):
    """What is known of a model that was asked for. ``problem`` says why there can be no session with it."""

    asked: str
    id: str
    display_name: str
    status: str
    successor: str
    engine: str
    notes: tuple[str, ...]
    problem: str = ""


class Fields(Struct, frozen=True, rename="camel"):
    """The settings as one model has them."""

    model: Facts
    groups: tuple[str, ...]
    fields: tuple[FieldView, ...]


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of this module."""
    examiner = Examiner(desk.prospect, desk.policy)

    async def models(request: Request, viewer: Viewer) -> Response:
        return json({"models": [_model(*each) for each in _allowed(desk, viewer.caller).items()]})

    async def fields(request: Request, viewer: Viewer) -> Response:
        model = request.query_params.get("model") or f"models/{next(iter(_allowed(desk, viewer.caller)), '')}"
        return json(_fields(desk, examiner, model, viewer.caller))

    async def check(request: Request, viewer: Viewer) -> Response:
        body = await read_object(request)
        if "setup" not in body:
            raise HTTPException(400, 'setup is missing: send {"setup": {"model": "models/…"}}')
        checked = examiner.check(body["setup"])
        if checked.ok and not viewer.caller.may_ask_for(body["setup"]["model"]):
            return json(Check(False, refused=setup_check.Refused("setup.model", *_forbidden(viewer.caller))))
        return json(checked)

    return [
        Route("/api/models", guard.page("live", models), methods=["GET"]),
        Route("/api/fields", guard.page("live", fields), methods=["GET"]),
        Route("/api/check", guard.page("live", check), methods=["POST"]),
    ]


def _allowed(desk: Desk, caller: Caller) -> dict[str, Profile]:
    """The models of the server that ``caller`` may ask for, with their profiles."""
    return {name: profile for name, profile in served_models(desk.routes()).items() if caller.may_ask_for(name)}


def _forbidden(caller: Caller) -> tuple[str, str]:
    """Why it may not ask for a model, and which it may."""
    return "is not allowed for this key", f"it may have {', '.join(caller.models)}"


def _model(name: str, profile: Profile) -> Model:
    is_own = name != profile.id
    aliases = () if is_own else tuple(other for other, alias in profiles.ALIASES.items() if alias.model == name)
    shown = name if is_own else profile.display_name
    return Model(f"models/{name}", shown, profile.id, profile.status, profile.successor, aliases)


def _fields(desk: Desk, examiner: Examiner, model: str, caller: Caller) -> Fields:
    try:
        if not caller.may_ask_for(model):
            raise Refusal("model", *_forbidden(caller))
        prospect = desk.prospect(model)
        views = examiner.fields(model)
    except Refusal as refusal:
        nothing = Facts(model[:200], "", "", "", "", "", (f"{refusal}.",), str(refusal))
        return Fields(nothing, groups(), ())
    profile = profiles.PROFILES[prospect.model]
    notes = tuple(setup_check.about(model, prospect))
    facts = Facts(model, profile.id, profile.display_name, profile.status, profile.successor, prospect.engine, notes)
    return Fields(facts, groups(), views)
