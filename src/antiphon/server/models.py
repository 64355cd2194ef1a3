"""``GET /{version}/models``: which models a client may ask for."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.live import profiles
from antiphon.live.agreement import MAX_TEMPERATURE
from antiphon.live.profiles import Profile
from antiphon.server.auth import Gate
from antiphon.wire.refusal import CloseCode, Refusal

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(gate: Gate) -> list[Route]:
    """The routes of this door, for any version and below any prefix, as clients build their URLs."""
    return [
        Route(f"{prefix}/{{version}}/models{suffix}", guarded(gate, endpoint))
        for suffix, endpoint in (("", _list), ("/{model}", _get))
        for prefix in ("", "/{prefix:path}")
    ]


def guarded(gate: Gate, endpoint: Endpoint) -> Endpoint:
    """``endpoint`` for those who show a key of this server."""

    async def check(request: Request) -> Response:
        try:
            await gate.admit(request.scope)
        except Refusal as refusal:
            return refused(refusal)
        return await endpoint(request)

    return check


def refused(refusal: Refusal) -> JSONResponse:
    """What those are told who may not come in, or who cannot be let in now."""
    if refusal.code == CloseCode.INTERNAL:
        return error(503, str(refusal), "UNAVAILABLE")
    return error(401, str(refusal), "UNAUTHENTICATED")


def error(code: int, message: str, status: str) -> JSONResponse:
    """An error as the REST API of Gemini shapes it."""
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code)


def not_found(name: str) -> JSONResponse:
    """What is said of a model that this server does not have."""
    known = ", ".join(profiles.PROFILES)
    return error(404, f"models/{name} is not found; this server has {known}", "NOT_FOUND")


async def _list(_: Request) -> Response:
    return JSONResponse({"models": [_record(profile) for profile in profiles.PROFILES.values()]})


async def _get(request: Request) -> Response:
    name = request.path_params["model"]
    profile, alias = profiles.find(name), profiles.alias(name)
    if profile is None:
        return not_found(name)
    return JSONResponse(_record(profile, f" Stands in for {name}: {alias.why}." if alias else ""))


def _record(profile: Profile, remark: str = "") -> dict[str, object]:
    told = f"{profile.display_name}, answered by this server.{remark}{_lifecycle(profile)}{_thinking(profile)}"
    return {
        "name": f"models/{profile.id}",
        "displayName": profile.display_name,
        "description": told,
        "version": ".".join(map(str, profile.generation)),
        "inputTokenLimit": profile.input_token_limit,
        "outputTokenLimit": profile.output_token_limit,
        "supportedGenerationMethods": ["bidiGenerateContent", "countTokens"],
        "maxTemperature": MAX_TEMPERATURE,
        "thinking": profile.thinking,
    }


def _lifecycle(profile: Profile) -> str:
    return f" {profile.status.capitalize()}: move to {profile.successor}." if profile.successor else ""


def _thinking(profile: Profile) -> str:
    if profile.thinking_control == "budget":
        return " Takes a thinkingBudget: 0 for none, -1 for its own choice."
    if profile.thinking_control == "none":
        return " Takes no thinkingConfig."
    levels = ", ".join(profile.thinking_levels)
    return f" Takes a thinkingLevel: {levels}; {profile.default_thinking_level} by default."
