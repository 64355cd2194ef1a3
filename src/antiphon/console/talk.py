"""The pages where one talks, and what they need of the server: a token like any browser client."""

from typing import Final

from msgspec import Struct, to_builtins
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.calls.caller import Caller
from antiphon.calls.desk import Desk
from antiphon.calls.routes import served_models
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer, json
from antiphon.live.profiles import Profile
from antiphon.live.tokens import PICTURE_TOKENS
from antiphon.store.grants import GrantLimitError, StoredGrant

TOKEN_SECONDS: Final = 30 * 60.0
START_SECONDS: Final = 60.0
"""A token begins one session within a minute, and lets it be resumed for half an hour."""


class ModelChoice(Struct, frozen=True):
    """A model that one may talk to. ``status`` is how far its life has come: ``stable``, ``legacy``, ``deprecated``."""

    id: str
    name: str
    status: str


class EngineState(Struct, frozen=True):
    """An engine, and why it answers nobody now; ``detail`` is empty for one that is ready."""

    name: str
    ready: bool
    detail: str


class Start(Struct, frozen=True):
    """What a page must know before a call. ``tls_port`` is where the same pages are served with TLS, None for nowhere.

    ``recording`` is the server's mode, kept for ``recording_days``; ``keeps_content``: timelines hold what was said.
    ``picture_tokens`` is what one frame of video costs by ``mediaResolution``, "" for the default.
    """

    version: str
    models: tuple[ModelChoice, ...]
    engines: tuple[EngineState, ...]
    tls_port: int | None
    recording: str
    recording_days: float
    keeps_content: bool
    may_see_sessions: bool
    picture_tokens: dict[str, int]


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of both pages."""

    async def talk(request: Request, viewer: Viewer) -> Response:
        return renderer.page(request, viewer, "talk.html", {"data": to_builtins(start(desk, viewer))})

    async def side_by_side(request: Request, viewer: Viewer) -> Response:
        return renderer.page(request, viewer, "side_by_side.html", {"data": to_builtins(start(desk, viewer))})

    async def again(request: Request, viewer: Viewer) -> Response:
        return json(start(desk, viewer))

    async def token(request: Request, viewer: Viewer) -> Response:
        return JSONResponse({"name": f"auth_tokens/{await make_token(desk, viewer.caller)}"})

    return [
        Route("/", guard.page("live", talk), methods=["GET"]),
        Route("/side-by-side", guard.page("live", side_by_side), methods=["GET"]),
        Route("/api/start", guard.page("live", again), methods=["GET"]),
        Route("/api/token", guard.page("live", token), methods=["POST"]),
    ]


def start(desk: Desk, viewer: Viewer) -> Start:
    """What ``viewer`` must know before a call, as it is now."""
    installation = desk.installation
    return Start(
        version=installation.version,
        models=models(desk, viewer.caller),
        engines=tuple(EngineState(each.name, each.state == "ready", each.detail) for each in desk.engines()),
        tls_port=installation.tls_port,
        recording=installation.recording.mode,
        recording_days=installation.recording.days,
        keeps_content=installation.keeps_content,
        may_see_sessions=viewer.may("sessions"),
        picture_tokens={str(resolution): tokens for resolution, tokens in PICTURE_TOKENS.items()},
    )


def models(desk: Desk, caller: Caller) -> tuple[ModelChoice, ...]:
    """The models that ``caller`` may talk to: the newest first, then those of the owner's own."""
    served = served_models(desk.routes()).items()
    return tuple(_choice(name, profile) for name, profile in served if caller.may_ask_for(name))


def _choice(name: str, profile: Profile) -> ModelChoice:
    """A name of the owner's own is as good as new, however old the model is whose rules it has."""
    is_own = name != profile.id
    return ModelChoice(name, name, "stable") if is_own else ModelChoice(name, profile.display_name, profile.status)


async def make_token(desk: Desk, caller: Caller) -> str:
    """A secret with which a browser begins one session of ``caller``.

    Raises:
        HTTPException: too many are alive.
        StoreError: the database failed.
    """
    grants = desk.memory.grants
    now = grants.now()
    grant = StoredGrant(caller.owner, None, (), 1, now + TOKEN_SECONDS, now + START_SECONDS)
    try:
        return await grants.create(grant)
    except GrantLimitError as error:
        reason = f"all {grants.per_owner} ephemeral tokens of this key are alive"
        raise HTTPException(429, f"{reason}; end some under Tokens, or wait half an hour") from error
