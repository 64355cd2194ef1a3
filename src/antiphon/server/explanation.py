"""The configuration in effect in words, without its secrets, and what its routes do."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from antiphon.engines.settings import EMBEDDED, EngineConfig, HearingConfig, quoted
from antiphon.routing.route import REFUSE, Route, Target
from antiphon.server.config import Config

HIDDEN: Final = "…"

_SECRETS: Final = frozenset(("key", "keys", "admin_keys", "token", "watermark_key"))
_SECRET_TABLES: Final = frozenset(("headers", "extra", "setup", "session"))
"""Tables of engines whose members may be secret, whatever they are called."""

_USER_INFO: Final = re.compile(r"(?<=://)[^/@\s]+@")


def explain(config: Config) -> Iterator[str]:
    """The configuration in effect, as TOML with every secret left out, and below it, as comments, what routes do."""
    settings = msgspec.to_builtins(config, enc_hook=str)
    del settings["engines"], settings["routes"]
    yield from _assignments("", _masked(settings, top=True))
    for name, engine in config.engines.items():
        yield from _assignments(f"engines.{quoted(name)}", _engine_settings(engine))
    for model, route in config.routes.items():
        yield from _assignments(f"routes.{quoted(model)}", msgspec.to_builtins(route))
    yield ""
    for model, route in config.routes.items():
        yield from (f"# {line}".rstrip() for line in _steps(config, model, route))


def as_json(config: Config) -> str:
    """The same for programs: settings without secrets, and the engines of every route in their order."""
    settings = _masked(msgspec.to_builtins(config, enc_hook=str), top=True)
    settings["engines"] = {name: _engine_settings(engine) for name, engine in config.engines.items()}
    order = {model: route.engines for model, route in config.routes.items()}
    return msgspec.json.encode({"settings": settings, "order": order}).decode()


def _steps(config: Config, model: str, route: Route) -> list[str]:
    rules = f" (rules of {route.profile})" if route.profile else ""
    lines = [f"{model}{rules}:"]
    for number, target in enumerate(route.ordered, 1):
        lines.append(f"  {number}. {target.engine} ({kind(config, target.engine)}): {_place(target, route)}")
    if route.when_exhausted == REFUSE:
        lines.append("  then: the call is refused, or ends, with 1011 and may be tried again")
    else:
        lines.append(f"  then: {route.when_exhausted}, once, whatever its health is")
    times = "" if route.retries == 1 else f" {route.retries} times"
    lines.append(f"  one that failed in a call is retried{times} in it" if route.retries else "  none is retried")
    return lines


def _place(target: Target, route: Route) -> str:
    beside = [other for other in route.targets if other.priority == target.priority]
    share = f", {target.weight} of {sum(other.weight for other in beside)} calls" if len(beside) > 1 else ""
    cap = f", while it has fewer than {target.max_calls} calls" if target.max_calls else ""
    return f"priority {target.priority}{share}{cap}"


def kind(config: Config, name: str) -> str:
    """What kind of engine a name stands for."""
    return "on board" if name == EMBEDDED else config.engines[name].kind


# --- settings without secrets -------------------------------------------------------------------------------


def _engine_settings(engine: EngineConfig) -> dict[str, Any]:
    """The table of an engine, as its owner would write it in full."""
    settings = engine.settings
    parts: dict[str, Any] = {}
    if isinstance(settings, HearingConfig):
        parts = {"recogniser": settings.recogniser, "voice": settings.voice}
        settings = settings.model
    table = {**msgspec.to_builtins(settings), **msgspec.to_builtins(parts)}
    table.pop("engine", None)
    gates = msgspec.to_builtins(engine.gates)
    return {"kind": engine.kind, "optional": engine.optional, "gates": gates, **_masked(table)}


def _masked(value: Any, *, top: bool = False) -> Any:
    if isinstance(value, Mapping):
        return {name: _mask(name, each, top=top) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each) for each in value]
    return _USER_INFO.sub(f"{HIDDEN}@", value) if isinstance(value, str) else value


def _mask(name: str, value: Any, *, top: bool) -> Any:
    if name in _SECRETS:
        return [HIDDEN for _ in value] if isinstance(value, list | tuple) else _secret(value)
    if name in _SECRET_TABLES and not top and isinstance(value, Mapping):
        return dict.fromkeys(value, HIDDEN)
    return _masked(value)


def _secret(value: Any) -> Any:
    """Where a secret is may be told; not what it is."""
    return value if not value or (isinstance(value, str) and value.startswith("env:")) else HIDDEN


def _assignments(path: str, value: Any) -> Iterator[str]:
    """``path = value`` as TOML, one line for each value that is no table."""
    if isinstance(value, Mapping) and (value or not path):
        for name, each in value.items():
            yield from _assignments(f"{path}.{quoted(name)}" if path else quoted(name), each)
    elif value is None:
        # Of a price what is not said is looked up: a line for each would be noise.
        yield from () if path.startswith("prices.") else (f"# {path} is not set",)
    else:
        yield f"{path} = {_inline(value)}"


def _inline(value: Any) -> str:
    if isinstance(value, Struct):
        value = msgspec.to_builtins(value)
    if isinstance(value, Mapping):
        pairs = (f"{quoted(name)} = {_inline(each)}" for name, each in value.items() if each is not None)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_inline(each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)
