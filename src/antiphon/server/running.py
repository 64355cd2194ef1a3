"""A server in the running event loop: engines, application, one plain port and one with TLS."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from msgspec import structs

from antiphon import __version__
from antiphon.calls.admission import Admission
from antiphon.calls.clock import Clock, LoopClock, time_of_day
from antiphon.calls.desk import Desk, Installation, Pages
from antiphon.calls.keywatch import LOOK_SECONDS, KeyWatch
from antiphon.calls.line import Announcer
from antiphon.calls.marking import Marker
from antiphon.calls.memory import Memory
from antiphon.calls.metering import Metering
from antiphon.calls.periodic import Periodic
from antiphon.calls.station import EngineStatus
from antiphon.calls.switchboard import Switchboard
from antiphon.calls.watching import Watching
from antiphon.engines.base import Engine
from antiphon.engines.cascade.parts import Voice
from antiphon.meter.prices import Prices
from antiphon.server.app import App
from antiphon.server.auth import Gate
from antiphon.server.config import RELOADED, Config, ConfigError
from antiphon.server.engines import Engines
from antiphon.server.explanation import explain
from antiphon.server.socket import SocketProtocol
from antiphon.server.tls import TlsError, TlsFiles, ensure_tls
from antiphon.store.database import StoreError
from antiphon.store.ledger import Ledger

if TYPE_CHECKING:
    from antiphon.server.telemetry import Telemetry


class Server:
    """One server: :meth:`start` it, use its addresses, :meth:`stop` it.

    Its engines and its routes are those of the configuration. ``engine`` stands in for the engine on board, which
    answers every model where there are no routes; the server starts and closes it. ``announcer`` says what no engine
    made; without one the voice on board does, unless an ``engine`` stands in. ``pages`` makes what it shows of itself.
    """

    def __init__(
        self,
        config: Config,
        engine: Engine | None = None,
        clock: Clock | None = None,
        *,
        announcer: Announcer | None = None,
        pages: Pages | None = None,
    ) -> None:
        config.check_exposure()
        self.config = config
        self.tls: TlsFiles | None = None
        self.port = 0
        self.tls_port: int | None = None
        self._clock = clock
        self._pages = pages
        self._now = time.time if clock is None else time_of_day(clock)
        self._memory = Memory(config.data_dir, config.resumption_ttl, config.record_ttl, self._now)
        self._metering: Metering | None = None
        self._telemetry: Telemetry | None = None
        self._watching: Watching
        self._keywatch: Periodic | None = None
        self._engines = Engines(engine, announcer)
        self._switchboard: Switchboard
        self._serving: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    @property
    def url(self) -> str:
        """The base URL without TLS."""
        return f"http://{_url_host(self.config.host)}:{self.port}"

    @property
    def tls_url(self) -> str | None:
        """The base URL with TLS; Python clients need it."""
        return f"https://{_url_host(self.config.host)}:{self.tls_port}" if self.tls_port else None

    @property
    def sessions(self) -> int:
        """How many sessions run."""
        return len(self._switchboard)

    @property
    def clock(self) -> Clock:
        """The time of the server's limits. In a running event loop."""
        self._clock = self._clock or LoopClock()
        return self._clock

    @property
    def engines(self) -> list[EngineStatus]:
        """How the engines do that a route names, and those that were replaced but have calls yet."""
        return self._engines.status

    @property
    def running(self) -> Mapping[str, Engine]:
        """The engines that run and that a route names."""
        return self._engines.running

    @property
    def voice(self) -> Voice | None:
        """The voice on board, where the server has it for announcements."""
        return self._engines.voice

    async def start(self) -> None:
        """Warm the engines, then open the ports.

        Raises:
            ConfigError: a port is taken, or the data directory cannot be used.
            EngineUnavailable: an engine misses something.
        """
        plain = _bind(self.config.host, self.config.port, "port")
        self.port = plain.getsockname()[1]
        sockets = [plain]
        try:
            if self.config.tls_port is not None:
                sockets.append(_bind(self.config.host, self.config.tls_port, "tls_port"))
                self.tls_port = sockets[1].getsockname()[1]
                self.tls = self._ensure_tls()
            await self._open_memory()
            await self._engines.start(self.config, self.clock)
            prices = Prices(self.config.prices)
            self._watching = Watching(prices, self._now, self.clock.now)
            self._telemetry = await self._start_telemetry()
        except BaseException:
            for each in sockets:
                each.close()
            await self._memory.aclose()
            await self._engines.aclose()
            raise
        ledger = Ledger(self._memory.database)
        self._metering = self._meter(ledger, prices)
        self._switchboard = self._connect(self._metering, self._telemetry)
        self._memory.attend(lambda: self._switchboard.calls, self.clock)
        watch = KeyWatch(self._memory.keys, lambda: self._switchboard.calls, self._metering)
        self._keywatch = Periodic(watch.look, LOOK_SECONDS, self.clock)
        app = self._app(ledger, prices, self._metering, self._telemetry)
        for each, tls in zip(sockets, (None, self.tls), strict=False):
            await self._serve(app, each, tls)

    async def stop(self) -> None:
        """Let turns finish within ``config.drain``, close every session, port and model."""
        if self._serving:
            await self._switchboard.drain(self.config.drain)
            self._watching.close()
        for server, _ in self._serving:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._serving))
        self._serving = []
        if self._keywatch is not None:
            await self._keywatch.aclose()
        if self._metering is not None:
            await self._metering.aclose()
        if self._telemetry is not None:
            await self._telemetry.aclose()
        await self._memory.aclose()
        await self._engines.aclose()

    async def apply(self, config: Config) -> str:
        """Let calls that begin from now on have the engines and routes of another configuration; what that did.

        All of it happens, or nothing. Calls that run keep their engine. Settings that need a restart are named.

        Raises:
            EngineUnavailable: an engine that is not optional cannot start.
        """
        change = await self._engines.change(config)
        restart = self.config.needing_restart(config)
        self.config = structs.replace(self.config, **{name: getattr(config, name) for name in RELOADED})
        return f"{change}; only a restart changes {', '.join(restart)}" if restart else str(change)

    def _meter(self, ledger: Ledger, prices: Prices) -> Metering:
        config, bills = self.config, self._engines.routes.bills
        return Metering(ledger, prices, self.clock, budget=config.budget, now=self._now, bills=bills)

    def _connect(self, metering: Metering, telemetry: "Telemetry") -> Switchboard:
        config = self.config
        return Switchboard(
            self._engines.routes,
            config.session,
            self.clock,
            config.max_sessions,
            admission=Admission(self._memory.grants, self._memory.resumptions),
            memory=self._memory,
            metering=metering,
            make_marker=(lambda: Marker(self.config.watermark_key)) if config.watermark else None,
            announcer=self._engines.announcer,
            observe=telemetry.observe,
        )

    def _app(self, ledger: Ledger, prices: Prices, metering: Metering, telemetry: "Telemetry") -> App:
        config, memory = self.config, self._memory
        gate = Gate(
            config.keys,
            memory.grants,
            admin_keys=config.admin_keys,
            strict=config.session.strict,
            stored=memory.keys,
        )
        pages = self._pages(self._desk(gate, ledger, prices, metering)) if self._pages else None
        switchboard, metrics = self._switchboard, telemetry.metrics
        return App(config, switchboard, memory.grants, lambda: self.config.routes, gate, metrics, pages)

    def _desk(self, gate: Gate, ledger: Ledger, prices: Prices, metering: Metering) -> Desk:
        config = self.config
        installation = Installation(
            version=__version__,
            host=config.host,
            port=self.port,
            tls_port=self.tls_port,
            names=config.tls_names,
            ca=self.tls.ca if self.tls else None,
            data_dir=config.data_dir,
            keeps_content=config.telemetry.content,
            recording=config.recording,
        )
        return Desk(
            installation=installation,
            doorkeeper=gate,
            switchboard=self._switchboard,
            memory=self._memory,
            ledger=ledger,
            prices=prices,
            budget=config.budget,
            budgets=metering.budgets,
            watching=self._watching,
            policy=config.session,
            clock=self.clock,
            now=self._now,
            engines=lambda: self.engines,
            routes=lambda: self.config.routes,
            explain=lambda: tuple(explain(self.config)),
            max_sessions=config.max_sessions,
            prospect=self._engines.routes.prospect,
        )

    async def _start_telemetry(self) -> "Telemetry":
        # Not with the module: the command line needs neither Prometheus nor OpenTelemetry to print its help.
        from antiphon.server.telemetry import Telemetry

        telemetry = Telemetry(
            self.config, self.clock, self._now, lambda: self.sessions, lambda: self.engines, self._watching
        )
        await telemetry.start()
        return telemetry

    async def _open_memory(self) -> None:
        try:
            await self._memory.open()
        except StoreError as error:
            raise ConfigError(f"data_dir {self.config.data_dir}: {error}") from error

    def _ensure_tls(self) -> TlsFiles:
        try:
            return ensure_tls(Path(self.config.data_dir) / "tls", self.config.tls_names)
        except (TlsError, OSError) as error:
            raise ConfigError(f"data_dir {self.config.data_dir}: {error}") from error

    async def _serve(self, app: App, listener: socket.socket, tls: TlsFiles | None) -> None:
        server = _Uvicorn(
            uvicorn.Config(
                app,
                http="httptools",
                ws=SocketProtocol,
                # Ours is checked first, with a close that explains itself.
                ws_max_size=2 * self.config.max_message_bytes,
                # Off by default: it costs more than it saves on base64 of speech, and every client does without.
                ws_per_message_deflate=self.config.compression,
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=3,
                ssl_certfile=tls.certificate if tls else None,
                ssl_keyfile=tls.key if tls else None,
            )
        )
        task = asyncio.create_task(server.serve(sockets=[listener]))
        self._serving.append((server, task))
        await server.accepts.wait()


class _Uvicorn(uvicorn.Server):
    """One of several in a process: signals are their owner's, and it tells when it accepts connections."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepts = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.accepts.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bind(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        option = setting.replace("_", "-")
        raise ConfigError(f"{setting} {port} on {host}: {error.strerror}; choose another with --{option}") from error
    return listener


def _url_host(host: str) -> str:
    if host in ("0.0.0.0", "::", "127.0.0.1"):
        return "localhost"
    return f"[{host}]" if ":" in host else host
