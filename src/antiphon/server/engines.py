"""The engines that a server's settings ask for, from its start to its end."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from antiphon.calls.clock import Clock
from antiphon.calls.fleet import Change, Fleet
from antiphon.calls.line import Announcer
from antiphon.calls.routes import Routes
from antiphon.calls.station import EngineStatus, Wanted
from antiphon.engines.assembly import Assembly
from antiphon.engines.base import Engine, EngineUnavailable
from antiphon.engines.bills import bills
from antiphon.engines.cascade.announcer import VoiceAnnouncer
from antiphon.engines.cascade.voices.config import VoiceConfig
from antiphon.engines.settings import EMBEDDED, EngineConfig, quoted
from antiphon.engines.sharing import SharedVoice
from antiphon.server.config import Config

log = logging.getLogger("antiphon.server")


class Engines:
    """The engines of a server, and the voice that says what no engine made.

    ``embedded`` stands in for the engine on board; with it nothing is announced but by ``announcer``.
    """

    def __init__(self, embedded: Engine | None = None, announcer: Announcer | None = None) -> None:
        self.announcer = announcer
        self._embedded = embedded
        self._assembly = Assembly()
        self.voice: SharedVoice | None = None
        """The voice on board, where it says what no engine made."""
        self._fleet: Fleet | None = None

    @property
    def routes(self) -> Routes:
        """The routes to them."""
        assert self._fleet is not None, "start() first"
        return self._fleet.routes

    @property
    def status(self) -> list[EngineStatus]:
        """How those do that a route names, and those that were replaced but have calls yet."""
        return self._fleet.status() if self._fleet else []

    @property
    def running(self) -> dict[str, Engine]:
        """Those that run and that a route names."""
        stations = self.routes.board.stations.values()
        return {station.name: station.engine for station in stations if not station.health.down}

    async def start(self, config: Config, clock: Clock) -> None:
        """Start those that a route names.

        Raises:
            EngineUnavailable: one that is not optional misses something.
        """
        self._fleet = Fleet(clock)
        await self.change(config)
        if self.announcer is None and self._embedded is None:
            await self._find_voice()

    async def change(self, config: Config) -> Change:
        """Let calls that begin from now on have the engines and routes of ``config``. All of it happens, or nothing.

        Raises:
            EngineUnavailable: one that is not optional cannot start.
        """
        assert self._fleet is not None, "start() first"
        return await self._fleet.change(wanted(config, self._assembly, self._embedded), config.routes)

    async def aclose(self) -> None:
        """Close all of them. Idempotent."""
        if self.voice is not None:
            await self.voice.aclose()
        if self._fleet is not None:
            await self._fleet.aclose()
        elif self._embedded is not None:
            await self._embedded.aclose()

    async def _find_voice(self) -> None:
        """The voice on board, which an engine may have already. A server whose engines run serves without."""
        voice = self._assembly.voice(VoiceConfig())
        try:
            await voice.start()
        except EngineUnavailable as error:
            log.warning("nothing will be announced: %s", error)
            return
        self.voice, self.announcer = voice, VoiceAnnouncer(voice)


def wanted(config: Config, assembly: Assembly, embedded: Engine | None = None) -> dict[str, Wanted]:
    """Every engine of a configuration by its name; ``embedded`` stands in for the one on board."""
    engines = {name: _wanted(name, engine, assembly) for name, engine in config.engines.items()}
    if embedded is not None:
        return {**engines, EMBEDDED: Wanted(None, lambda: embedded)}
    return {**engines, EMBEDDED: _wanted("", config.embedded, assembly)}


def _wanted(name: str, engine: EngineConfig, assembly: Assembly) -> Wanted:
    where = f"engines.{quoted(name)}" if name else ""
    settings = (engine.kind, engine.settings, engine.gates, _version(engine.settings))
    return Wanted(settings, _maker(engine, assembly), engine.optional, where, bills(engine.settings))


def _maker(engine: EngineConfig, assembly: Assembly) -> Callable[[], Engine]:
    return lambda: assembly.build(engine.settings, engine.gates)


def _version(settings: Any) -> tuple[int, int] | None:
    """What tells one version of a script from the next: another one is another engine."""
    script = getattr(settings, "script", "")
    try:
        stat = Path(script).expanduser().stat() if script else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat else None
