"""What an owner can set, from a TOML file and the command line."""

import ipaddress
import math
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct, field, structs
from platformdirs import user_data_path

from antiphon.audio.watermark import DEFAULT_KEY
from antiphon.calls.recording import RecordingConfig
from antiphon.engines.cascade.brain.language_model.config import LanguageModelConfig
from antiphon.engines.settings import (
    EmbeddedConfig,
    EngineConfig,
    SearchConfig,
    SettingError,
    read,
    read_engines,
)
from antiphon.live.policy import Policy
from antiphon.meter.budgets import BudgetConfig
from antiphon.meter.prices import OwnPrice, Prices
from antiphon.routing.route import Route
from antiphon.server.route_config import read_routes
from antiphon.server.telemetry_config import TelemetryConfig

__all__ = ["Config", "ConfigError", "SearchConfig", "is_loopback", "load_config"]

RELOADED: Final = frozenset(
    ("engines", "routes", "language_model", "script", "search", "recognisers", "recogniser_wait", "discovery")
)
"""Settings that a running server takes from its file; all others need a restart."""


class ConfigError(Exception):
    """A setting is wrong; the message names it and the remedy."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """One server. Sizes in bytes, times in seconds; port 0 takes a free one, ``tls_port`` None serves no TLS.

    ``engines`` are those beside the one on board, and ``routes`` say which models they answer. ``script``,
    ``language_model``, ``recognisers``, ``recogniser_wait`` and ``search`` are of the engine on board. ``discovery``
    looks for a language model for it on this computer, where neither of the first two nor any engine is set.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    tls_port: int | None = 8443
    tls_names: tuple[str, ...] = ()
    data_dir: Path = field(default_factory=lambda: user_data_path("antiphon"))
    keys: tuple[str, ...] = ()
    admin_keys: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    script: Path | None = None
    recognisers: int = 2
    recogniser_wait: float = 10.0
    max_sessions: int = 1000
    max_message_bytes: int = 16 << 20
    compression: bool = False
    write_timeout: float = 20.0
    drain: float = 10.0
    watermark: bool = True
    watermark_key: str = DEFAULT_KEY
    resumption_ttl: float = 7200.0
    record_ttl: float = 2_592_000.0
    search: SearchConfig = SearchConfig()
    session: Policy = Policy()
    discovery: bool = True
    language_model: LanguageModelConfig | None = None
    prices: dict[str, OwnPrice] = {}
    budget: BudgetConfig = BudgetConfig()
    telemetry: TelemetryConfig = TelemetryConfig()
    recording: RecordingConfig = RecordingConfig()
    engines: dict[str, EngineConfig] = {}
    routes: dict[str, Route] = field(default_factory=lambda: read_routes(None, {}))

    def __post_init__(self) -> None:
        positive = (
            *("recognisers", "max_sessions", "max_message_bytes", "write_timeout"),
            *("resumption_ttl", "record_ttl"),
        )
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")
        Prices(self.prices)
        if not self.watermark_key:
            raise ValueError("watermark_key must not be empty; watermark = false turns the mark off")
        for name in ("recogniser_wait", "drain"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must not be negative")
        for name in ("port", "tls_port"):
            if not 0 <= (getattr(self, name) or 0) <= 65_535:
                raise ValueError(f"{name} must be 0 to 65535")

    @property
    def any_key(self) -> str:
        """A key that opens the Live API, for this server's own use; empty on one that is open."""
        return next(iter((*self.keys, *self.admin_keys)), "")

    @property
    def embedded(self) -> EngineConfig:
        """The engine on board."""
        script = str(self.script) if self.script else ""
        model = None if script else self.language_model
        settings = EmbeddedConfig(script, self.recognisers, self.recogniser_wait, self.search, model)
        return EngineConfig("embedded", settings)

    @property
    def discovers(self) -> bool:
        """Whether the engine on board may take a language model that happens to run on this computer."""
        return self.discovery and not (self.script or self.language_model or self.engines)

    def needing_restart(self, new: "Config") -> list[str]:
        """The settings in which ``new`` differs and that a running server cannot take."""
        names = (name for name in self.__struct_fields__ if name not in RELOADED)
        return [name for name in names if getattr(self, name) != getattr(new, name)]

    def check_exposure(self) -> None:
        """See that no stranger can come in.

        Raises:
            ConfigError: the server would listen beyond this machine without any key.
        """
        if not self.keys and not self.admin_keys and not is_loopback(self.host):
            raise ConfigError(
                f"host {self.host} is reachable from other machines, and no key is set: "
                "add --key SECRET (or keys = [...] in the configuration), or use --host 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_config(path: Path | None, overrides: dict[str, Any]) -> Config:
    """The settings of a TOML file, if any, with what the command line says on top (None there means unset).

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown or has the wrong type or value.
    """
    settings = _read(path) if path else {}
    settings = _merged(settings, overrides)
    where = f"{path}: " if path else ""
    try:
        parts = _parts(settings)
        return structs.replace(msgspec.convert(settings, Config, dec_hook=_path), **parts)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}{str(error).replace('`', '')}") from error
    except SettingError as error:
        raise ConfigError(f"{where}{error}") from error


def _parts(settings: dict[str, Any]) -> dict[str, Any]:
    """Engines and routes, which are taken out of ``settings``: what is wrong with them is said with its whole path."""
    engines = read_engines(settings.pop("engines", {}))
    parts: dict[str, Any] = {"engines": engines, "routes": read_routes(settings.pop("routes", None), engines)}
    if "language_model" in settings:
        table = settings.pop("language_model")
        parts["language_model"] = read(LanguageModelConfig, table, "language_model")
    return parts


def _merged(settings: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """``settings`` with what ``overrides`` say on top, table by table."""
    merged = dict(settings)
    for name, value in overrides.items():
        if isinstance(value, dict):
            below = merged.get(name, {})
            merged[name] = _merged(below, value) if isinstance(below, dict) else below
        elif value not in (None, (), []):
            merged[name] = value
    return merged


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML ({error})") from error


def _path(kind: type, value: Any) -> Any:
    if kind is not Path:
        raise NotImplementedError(f"cannot read {kind.__name__}")
    if not isinstance(value, str | Path):
        raise ValueError(f"Expected a path, got {type(value).__name__}")
    return Path(value).expanduser()
