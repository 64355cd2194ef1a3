"""``GET /{version}/models``: which models a client may ask for."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.live import profiles
from antiphon.live.profiles import Profile
from antiphon.server.auth import Keys
from antiphon.wire.refusal import Refusal

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(keys: Keys) -> list[Route]:
    """The routes of this door, for any version and below any prefix, as clients build their URLs."""
    return [
        Route(f"{prefix}/{{version}}/models{suffix}", guarded(keys, endpoint))
        for suffix, endpoint in (("", _list), ("/{model}", _get))
        for prefix in ("", "/{prefix:path}")
    ]


def guarded(keys: Keys, endpoint: Endpoint) -> Endpoint:
    """``endpoint`` for those who show a key of this server."""

    async def check(request: Request) -> Response:
        try:
            keys.check(request.scope)
        except Refusal as refusal:
            return error(401, str(refusal), "UNAUTHENTICATED")
        return await endpoint(request)

    return check


def error(code: int, message: str, status: str) -> JSONResponse:
    """An error as the REST API of Gemini shapes it."""
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code)


async def _list(_: Request) -> Response:
    return JSONResponse({"models": [_record(profile) for profile in profiles.PROFILES.values()]})


async def _get(request: Request) -> Response:
    name = request.path_params["model"]
    profile = profiles.find(name)
    if profile is None:
        known = ", ".join(profiles.PROFILES)
        return error(404, f"models/{name} is not found; this server has {known}", "NOT_FOUND")
    return JSONResponse(_record(profile))


def _record(profile: Profile) -> dict[str, object]:
    return {
        "name": f"models/{profile.id}",
        "displayName": profile.display_name,
        "description": f"{profile.display_name}, answered by this server",
        "version": ".".join(map(str, profile.generation)),
        "inputTokenLimit": profile.input_token_limit,
        "outputTokenLimit": profile.output_token_limit,
        "supportedGenerationMethods": ["bidiGenerateContent"],
        "thinking": profile.thinking,
    }
