"""``GET /{version}/models``: which models a client may ask for."""

from collections.abc import Awaitable, Callable, Mapping

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.calls.caller import Caller, Permission
from antiphon.calls.routes import ANY, find_route
from antiphon.live import profiles
from antiphon.live.agreement import MAX_TEMPERATURE
from antiphon.live.profiles import Profile
from antiphon.routing.route import Route as EngineRoute
from antiphon.server.auth import Forbidden, Gate
from antiphon.wire.refusal import CloseCode, Refusal

Endpoint = Callable[[Request], Awaitable[Response]]


class Models:
    """The models that a client may ask for: those that ``routes`` lead from now, by the names that clients use."""

    def __init__(self, routes: Callable[[], Mapping[str, EngineRoute]]) -> None:
        self._routes = routes

    def all(self) -> dict[str, Profile]:
        """Every model by its name: those that are known, then those of the owner's own."""
        routes = self._routes()
        known = {name: profile for name, profile in profiles.PROFILES.items() if find_route(routes, name)}
        own = {name: route.profile for name, route in routes.items() if route.profile and name != ANY}
        return known | {name: _named(name, profile) for name, profile in own.items()}

    def find(self, name: str) -> Profile | None:
        """The model of a name as clients send it, as far as it is served."""
        bare, profile = name.rsplit("/", 1)[-1], profiles.find(name)
        if profile is None:
            return self.all().get(bare)
        return profile if find_route(self._routes(), name) else None

    def rules(self, name: str) -> str:
        """The id of the profile that holds for a model; empty where it is not served."""
        own = self._routes().get(name.rsplit("/", 1)[-1])
        profile = self.find(name)
        return own.profile if own and own.profile else profile.id if profile else ""

    def not_found(self, name: str, caller: Caller) -> JSONResponse:
        """What is said of a model that this server does not have for ``caller``."""
        message = f"models/{name} is not found; this server has {', '.join(filter(caller.may_ask_for, self.all()))}"
        return error(404, message, "NOT_FOUND")


def routes(gate: Gate, models: Models) -> list[Route]:
    """The routes of this door, for any version and below any prefix, as clients build their URLs."""

    async def _list(request: Request) -> Response:
        caller: Caller = request.state.caller
        named = [profile for name, profile in models.all().items() if caller.may_ask_for(name)]
        return JSONResponse({"models": [_record(profile) for profile in named]})

    async def _get(request: Request) -> Response:
        name = request.path_params["model"]
        profile, alias = models.find(name), profiles.alias(name)
        if profile is None or not request.state.caller.may_ask_for(name):
            return models.not_found(name, request.state.caller)
        return JSONResponse(_record(profile, f" Stands in for {name}: {alias.why}." if alias else ""))

    return [
        Route(f"{prefix}/{{version}}/models{suffix}", guarded(gate, endpoint))
        for suffix, endpoint in (("", _list), ("/{model}", _get))
        for prefix in ("", "/{prefix:path}")
    ]


def guarded(gate: Gate, endpoint: Endpoint, permission: Permission = "live") -> Endpoint:
    """``endpoint`` for those who show a key of this server that has ``permission``; who, its request's state says."""

    async def check(request: Request) -> Response:
        try:
            request.state.caller = await gate.admit(request.scope, permission)
        except Refusal as refusal:
            return refused(refusal)
        return await endpoint(request)

    return check


def refused(refusal: Refusal) -> JSONResponse:
    """What those are told who may not come in, or who cannot be let in now."""
    if refusal.code == CloseCode.INTERNAL:
        return error(503, str(refusal), "UNAVAILABLE")
    if isinstance(refusal, Forbidden):
        return error(403, str(refusal), "PERMISSION_DENIED")
    return error(401, str(refusal), "UNAUTHENTICATED")


def error(code: int, message: str, status: str) -> JSONResponse:
    """An error as the REST API of Gemini shapes it."""
    return JSONResponse({"error": {"code": code, "message": message, "status": status}}, code)


def _named(name: str, profile: str) -> Profile:
    """A profile by a name of the owner's."""
    return replace(profiles.PROFILES[profile], id=name, display_name=name, status="stable", successor="")


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
