"""Real servers for tests: in this process, on free ports, with TLS, with answers from a script."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from antiphon.console import pages as console_pages
from antiphon.engines.cascade import search as searches
from antiphon.engines.cascade.announcer import VoiceAnnouncer
from antiphon.engines.cascade.brain import BuiltinBrain, ScriptBrain
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.parts import Brain
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser
from antiphon.server.config import load_config
from antiphon.server.loop import new_event_loop
from antiphon.server.running import Server
from antiphon.testing.clock import VirtualClock

Result = TypeVar("Result")


class RunningServer:
    """A server that runs. Made by :meth:`Servers.start`."""

    def __init__(self, server: Server, clock: VirtualClock | None) -> None:
        self._server = server
        self.url = server.url
        """Base URL without TLS, for JavaScript and raw sockets."""
        self.tls_url = server.tls_url or ""
        """Base URL with TLS, for Python."""
        assert server.tls is not None
        self.ca_bundle = server.tls.bundle
        """The certificates to trust: the usual ones and this server's authority."""
        self.ca = server.tls.ca
        self._clock = clock

    @property
    def clock(self) -> VirtualClock:
        """The time of the server's limits; only with ``virtual_time=True``."""
        assert self._clock is not None, "start the server with virtual_time=True"
        return self._clock

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return self._server.sessions

    @property
    def environment(self) -> dict[str, str]:
        """The environment that points unmodified google-genai clients here, past any proxy."""
        spared = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        no_proxy = ",".join(filter(None, ("localhost", spared)))
        return {
            "GOOGLE_GEMINI_BASE_URL": self.tls_url,
            "SSL_CERT_FILE": str(self.ca_bundle),
            "NODE_EXTRA_CA_CERTS": str(self.ca),
            "GOOGLE_API_KEY": self._server.config.any_key or "local",
            "NO_PROXY": no_proxy,
            "no_proxy": no_proxy,
        }


class Servers:
    """Servers that share one recogniser and one voice, in a thread of their own; each starts in milliseconds.

    Use as a context manager. The models are loaded by the first :meth:`start`.
    """

    def __init__(self, recognisers: int = 1) -> None:
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="antiphon", daemon=True)
        self._folder = tempfile.TemporaryDirectory(prefix="antiphon-")
        self._recogniser = SphinxRecogniser(recognisers)
        self._voice = EspeakVoice()
        self._warm = False
        self._running: dict[RunningServer, Server] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for running in tuple(self._running):
            self.stop(running)
        self._run(self._recogniser.aclose())
        self._run(self._voice.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    def start(
        self,
        script: Path | str | None = None,
        *,
        pace_turns: bool = True,
        virtual_time: bool = False,
        session: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> RunningServer:
        """Start a server.

        ``script`` is a YAML file, or its text, that says what to answer; without it the built-in brain answers.
        ``pace_turns=False`` ends turns at once instead of when their speech has played out. ``virtual_time`` lets
        ``server.clock.advance(seconds)`` reach the server's limits, the end of a turn among them. ``session`` and
        ``settings`` are those of a configuration file.

        Raises:
            ScriptError: the script is wrong; the message names the line.
            ConfigError: a setting is unknown or wrong.
            EngineUnavailable: the search that the settings ask for cannot be used.
        """
        ours = {"port": 0, "tls_port": 0, "data_dir": Path(self._folder.name), "drain": 0.0}
        config = load_config(None, {**ours, **settings, "session": {"pace_turns": pace_turns, **(session or {})}})
        search = searches.configured(config.search.folder, config.search.searxng)
        engine = CascadeEngine(self._recogniser, self._brain(script), self._voice, search=search, borrows_models=True)
        clock = VirtualClock(self._loop) if virtual_time else None
        server = Server(config, engine, clock, announcer=VoiceAnnouncer(self._voice), pages=console_pages)
        self._run(self._start(server))
        running = RunningServer(server, clock)
        self._running[running] = server
        return running

    def stop(self, running: RunningServer) -> None:
        """End a server and all its sessions. Idempotent."""
        if (server := self._running.pop(running, None)) is not None:
            self._run(server.stop())

    async def _start(self, server: Server) -> None:
        if not self._warm:
            await asyncio.gather(self._recogniser.start(), self._voice.start())
            self._warm = True
        await server.start()

    def _brain(self, script: Path | str | None) -> Brain:
        if script is None:
            return BuiltinBrain()
        if isinstance(script, str) and "\n" in script:
            path = Path(self._folder.name) / "script.yaml"
            path.write_text(script, encoding="utf-8")
            script = path
        return ScriptBrain.from_file(script)

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)
