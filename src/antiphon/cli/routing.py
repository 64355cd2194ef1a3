"""Engines and routes in words: what ``antiphon serve`` announces and ``antiphon config`` checks and explains."""

from collections.abc import Iterable, Mapping, Sequence

from antiphon.calls.routes import find_route
from antiphon.calls.station import EngineStatus
from antiphon.engines.assembly import Assembly
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.settings import EMBEDDED, EngineConfig, quoted
from antiphon.routing.route import REFUSE, Route, Target
from antiphon.server.config import Config, ConfigError
from antiphon.server.explanation import kind


def is_plain(config: Config) -> bool:
    """Whether there is nothing but the engine on board, for every model."""
    return config.routes == Config().routes


def first_engine(config: Config, model: str) -> str:
    """The engine that answers a model as long as all are well; empty where none does."""
    name = find_route(config.routes, model)
    return config.routes[name].engines[0] if name is not None else ""


def summary(config: Config, statuses: Iterable[EngineStatus]) -> list[str]:
    """One line on the engines, and one on the routes."""
    engines = ", ".join(_engine(config, status) for status in statuses)
    routes = "; ".join(f"{model}: {_way(route)}" for model, route in config.routes.items())
    return [f"Engines: {engines}.", f"Routes: {routes}."]


def check(config: Config) -> str:
    """Make every engine, without starting any; what there is, in one line.

    Raises:
        ConfigError: an engine that is not optional cannot be made; the message has the path and the remedy.
    """
    assembly, missing = Assembly(), ""
    for name, engine in _named(config).items():
        try:
            assembly.build(engine.settings, engine.gates)
        except EngineUnavailable as error:
            said = f"engines.{quoted(name)}: {error}" if name != EMBEDDED else str(error)
            if not engine.optional:
                raise ConfigError(said) from error
            missing += f"; would be served without: {said}"
    unused = [name for name in config.engines if not any(name in route.engines for route in config.routes.values())]
    told = f"; not started, for no route names it: {', '.join(unused)}" if unused else ""
    return (
        f"{_count(config.engines, 'engine')} beside the one on board, {_count(config.routes, 'route')}{told}{missing}"
    )


def _way(route: Route) -> str:
    by_priority: dict[int, list[Target]] = {}
    for target in route.ordered:
        by_priority.setdefault(target.priority, []).append(target)
    steps = [_shares(targets) for targets in by_priority.values()]
    steps += [] if route.when_exhausted == REFUSE else [route.when_exhausted]
    return ", then ".join(steps)


def _shares(targets: Sequence[Target]) -> str:
    names = " and ".join(target.engine for target in targets)
    return names if len(targets) == 1 else f"{names} ({':'.join(str(target.weight) for target in targets)})"


def _engine(config: Config, status: EngineStatus) -> str:
    told = kind(config, status.name)
    return f"{status.name} ({told}; {status.state}: {status.detail})" if status.detail else f"{status.name} ({told})"


def _named(config: Config) -> dict[str, EngineConfig]:
    return {**config.engines, EMBEDDED: config.embedded}


def _count(things: Mapping[str, object], noun: str) -> str:
    return f"{len(things) or 'no'} {noun}{'' if len(things) == 1 else 's'}"
