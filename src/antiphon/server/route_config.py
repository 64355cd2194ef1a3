"""The tables ``[routes.MODEL]`` of a configuration."""

import difflib
from collections.abc import Collection, Mapping
from typing import Any, Final

from antiphon.calls.routes import ANY
from antiphon.engines.settings import EMBEDDED, SettingError, quoted, read
from antiphon.live import profiles
from antiphon.routing.route import REFUSE, Route, Target

_ON_BOARD: Final = Route((Target(EMBEDDED),), retries=0)
"""Without any table: the engine on board answers, and where it fails nobody does better."""


def read_routes(tables: Any, engines: Collection[str]) -> dict[str, Route]:
    """The routes of ``[routes.MODEL]`` tables; None for no table at all.

    Without one the only engine answers every model, or else the one on board.

    Raises:
        SettingError: something is wrong; the message names the setting and the remedy.
    """
    if tables is None:
        return {ANY: _default(engines)}
    if not isinstance(tables, Mapping) or not tables:
        raise SettingError(f'routes: must be tables; write [routes."{ANY}"] and its targets below')
    routes = {model: read(Route, table, _where(model)) for model, table in tables.items()}
    for model, route in routes.items():
        _check_engines(route, _where(model), engines)
        _check_profile(model, route, _where(model))
    return routes


def _default(engines: Collection[str]) -> Route:
    if not engines:
        return _ON_BOARD
    if len(engines) > 1:
        remedy = f'[routes."{ANY}"] with targets = [{{engine = "{next(iter(engines))}"}}]'
        raise SettingError(f"routes: are missing, and there are {len(engines)} engines; say who answers: {remedy}")
    return Route((Target(next(iter(engines))),))


def _check_engines(route: Route, where: str, engines: Collection[str]) -> None:
    known = (*engines, EMBEDDED)
    for number, target in enumerate(route.targets):
        if target.engine not in known:
            raise SettingError(f"{where}.targets[{number}].engine: {_no_engine(target.engine, known)}")
    if route.when_exhausted not in (*known, REFUSE):
        raise SettingError(f"{where}.when_exhausted: {_no_engine(route.when_exhausted, (*known, REFUSE))}")


def _no_engine(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    remedy = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return f"{name} is no engine; {remedy}"


def _check_profile(model: str, route: Route, where: str) -> None:
    """See that every session of a route has rules."""
    of_models = ", ".join(profiles.PROFILES)
    if route.profile and route.profile not in profiles.PROFILES:
        raise SettingError(f"{where}.profile: {route.profile} is unknown; use one of {of_models}")
    if "/" in model:
        raise SettingError(f"{where}: names a path; use what follows its last slash: {model.rsplit('/', 1)[-1]}")
    is_known = profiles.find(model) is not None
    if is_known and route.profile:
        raise SettingError(f"{where}.profile: {model} has rules of its own; leave it out")
    if model != ANY and not is_known and not route.profile:
        remedy = f"set profile to the model whose rules hold, one of {of_models}"
        raise SettingError(f"{where}.profile: is missing, for nothing is known of {model}; {remedy}")


def _where(model: str) -> str:
    return f"routes.{quoted(model)}"
