"""The tables ``[engines.NAME]`` of a configuration: every kind of engine and what can be set about it.

``kind`` says which engine it is, ``optional`` that the server starts without it where it cannot start, and the table
``gates`` what it need not hear and see; everything else is the kind's own. A wrong setting is refused with its whole
path and what to do about it.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct, structs

from antiphon.engines.cascade.brain.language_model.config import LanguageModelConfig
from antiphon.engines.cascade.recognisers.config import RecogniserConfig
from antiphon.engines.cascade.voices.config import VoiceConfig
from antiphon.engines.gates.config import GateConfig
from antiphon.engines.native.config import MoshiConfig, OmniConfig, RemoteOmniConfig
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig

EMBEDDED: Final = "embedded"
"""The name of the engine on board. It is always there for routes, and needs no table."""


class SettingError(Exception):
    """A setting is wrong; the message has its path and the remedy."""


class SearchConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What answers may rest on: the documents of ``folder``, or the service at the address ``searxng``; one or none."""

    folder: str = ""
    searxng: str = ""


class EmbeddedConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The engine on board. It answers from ``script``, else with ``language_model``, else by itself."""

    script: str = ""
    recognisers: int = 2
    recogniser_wait: float = 10.0
    search: SearchConfig = SearchConfig()
    language_model: LanguageModelConfig | None = None


class CascadeConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An engine that listens, thinks and speaks; what is not said is what is on board.

    It thinks with ``language_model``, or answers as the YAML file ``script`` says.
    """

    recogniser: RecogniserConfig = RecogniserConfig()
    language_model: LanguageModelConfig | None = None
    script: str = ""
    voice: VoiceConfig = VoiceConfig()
    search: SearchConfig = SearchConfig()

    def __post_init__(self) -> None:
        if self.script and self.language_model is not None:
            raise ValueError("script and language_model are both set; set one of them")


class HearingConfig(Struct, frozen=True):
    """A model that hears, and the parts beside it: ``recogniser`` for what it does not read, ``voice`` to speak."""

    model: OmniConfig | RemoteOmniConfig
    recogniser: RecogniserConfig = RecogniserConfig()
    voice: VoiceConfig = VoiceConfig()


Settings = EmbeddedConfig | CascadeConfig | MoshiConfig | HearingConfig | GeminiRelayConfig | OpenAIRealtimeConfig

KINDS: Final[dict[str, type[Struct]]] = {
    "cascade": CascadeConfig,
    "gemini-live": GeminiRelayConfig,
    "openai-realtime": OpenAIRealtimeConfig,
    "moshi": MoshiConfig,
    "omni": OmniConfig,
    "remote-omni": RemoteOmniConfig,
}
"""Every kind of engine that a table may name, and its settings."""

_PARTS: Final[dict[str, type[Struct]]] = {"recogniser": RecogniserConfig, "voice": VoiceConfig}
"""Tables that an omni model may have beside its own settings."""


class EngineConfig(Struct, frozen=True):
    """One engine: its kind, its settings, whether the server starts without it where it cannot start, and its gates."""

    kind: str
    settings: Any
    optional: bool = False
    gates: GateConfig = GateConfig()


def read_engines(tables: Any) -> dict[str, EngineConfig]:
    """The engines of ``[engines.NAME]`` tables.

    Raises:
        SettingError: something is wrong; the message names the setting and the remedy.
    """
    if not isinstance(tables, Mapping):
        raise SettingError("engines: must be tables; write [engines.NAME] and its settings below")
    return {name: _read_engine(name, table) for name, table in tables.items()}


def read(kind: type[Struct], table: Any, where: str) -> Any:
    """The settings of one table, whose path is ``where``.

    Raises:
        SettingError: something is wrong; the message names the setting and the remedy.
    """
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        said, path = _parted(str(error))
        raise SettingError(_told(said, path, where, kind)) from error


def _read_engine(name: str, table: Any) -> EngineConfig:
    where = f"engines.{quoted(name)}"
    if name == EMBEDDED:
        raise SettingError(f"{where}: is the engine on board, which needs no table; choose another name")
    if not isinstance(table, Mapping):
        raise SettingError(f"{where}: must be a table; write [{where}] and its settings below")
    known = ", ".join(KINDS)
    kind, optional = table.get("kind"), table.get("optional", False)
    if kind is None:
        raise SettingError(f"{where}.kind: is missing; set it to one of {known}")
    if not isinstance(kind, str) or kind not in KINDS:
        raise SettingError(f"{where}.kind: {kind!r} is no kind of engine; set it to one of {known}")
    if not isinstance(optional, bool):
        raise SettingError(f"{where}.optional: must be true or false")
    gates = read(GateConfig, table.get("gates", {}), f"{where}.gates")
    rest = {key: value for key, value in table.items() if key not in ("kind", "optional", "gates")}
    return EngineConfig(kind, _read_settings(kind, rest, name, where), optional, gates)


def _read_settings(kind: str, table: dict[str, Any], name: str, where: str) -> Any:
    if kind in ("omni", "remote-omni"):
        # The voice of a remote model is a name, that of the cascade a table.
        beside = {part: table.pop(part) for part in _PARTS if isinstance(table.get(part), Mapping)}
        parts = {part: read(_PARTS[part], value, f"{where}.{part}") for part, value in beside.items()}
        return HearingConfig(read(KINDS[kind], table, where), **parts)
    settings = read(KINDS[kind], table, where)
    if isinstance(settings, GeminiRelayConfig | OpenAIRealtimeConfig) and "name" not in table:
        return structs.replace(settings, name=name)
    return settings


# --- messages -----------------------------------------------------------------------------------------------


def quoted(name: str) -> str:
    """A key as TOML writes it."""
    return name if re.fullmatch(r"[\w-]+", name, re.ASCII) else f'"{name}"'


def _parted(message: str) -> tuple[str, str]:
    """What msgspec says, and the path where it says it: ``("Expected ...", ".targets[0].weight")``."""
    said, _, path = message.replace("`", "").partition(" - at $")
    return said, path


def _told(said: str, path: str, where: str, kind: type[Struct]) -> str:
    at = f"{where}{path}"
    unknown = re.fullmatch(r"Object contains unknown field (.*)", said, re.DOTALL)
    missing = re.fullmatch(r"Object missing required field (.*)", said)
    if unknown:
        return f"{at}.{quoted(unknown[1])}: is no setting; {_alternatives(unknown[1], _struct_at(kind, path))}"
    if missing:
        return f"{at}.{missing[1]}: is missing; set it"
    return f"{at}: {said}"


def _alternatives(name: str, kind: type[Struct] | None) -> str:
    names = list(kind.__struct_fields__) if kind else []
    near = difflib.get_close_matches(name, names, 1)
    if near:
        return f"did you mean {near[0]}?"
    return f"there are {', '.join(names)}" if names else "leave it out"


def _struct_at(kind: type[Struct], path: str) -> type[Struct] | None:
    """The struct that a path below ``kind`` leads to."""
    found: Any = kind
    for name in re.findall(r"\.(\w+)|\[[^]]*\]", path):
        if name:
            fields = {field.encode_name: field.type for field in structs.fields(found)}
            found = _struct_in(fields.get(name))
        if found is None:
            return None
    return found  # type: ignore[no-any-return]


def _struct_in(annotation: Any) -> type[Struct] | None:
    """The one struct that an annotation may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        return annotation
    return next((found for part in get_args(annotation) if (found := _struct_in(part))), None)
