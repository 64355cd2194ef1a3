"""A server in a process of its own, so that its processor time and memory are nobody else's.

``python -m bench.child KIND`` serves until its standard input ends; ``marks`` on a line there asks for the times of
the engine's events so far, ``census`` for what the process holds. :class:`ServerProcess` is the other side of that.
"""

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]
from msgspec import Struct

from antiphon.engines.base import Engine
from antiphon.engines.cascade.assembly import assemble
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.settings import EngineConfig
from antiphon.routing.route import Route, Target
from antiphon.server.config import Config
from antiphon.server.running import Server
from bench.floor import FloorServer
from bench.parts import BusyBrain, DeafRecogniser, EndlessBrain, Mark, MuteVoice, ShortBrain, TimedEngine
from bench.relay_copy import CopyServer

ENGINES: dict[str, Callable[[], Engine]] = {
    "default": lambda: assemble(recognisers=1),
    "listening": lambda: CascadeEngine(DeafRecogniser(), ShortBrain(), MuteVoice()),
    "talking": lambda: CascadeEngine(DeafRecogniser(), EndlessBrain(), EspeakVoice()),
    "busy": lambda: CascadeEngine(DeafRecogniser(), BusyBrain(), EspeakVoice()),
}
"""What can answer: the default engine, for one speaker at a time; one that only listens; one that talks on and on; one
that does a bit of everything."""

FLOOR, COPY, RELAY = "floor", "copy", "relay"
"""What else a child may be: :mod:`bench.floor`, :mod:`bench.relay_copy`, or a server that relays to an upstream."""

_START_TIMEOUT = 60.0


class Census(Struct, frozen=True):
    """What a server's process holds: sessions, asyncio tasks, and objects that the garbage collector knows."""

    sessions: int
    tasks: int
    objects: int


class Holdings(Struct, frozen=True):
    """What the system holds for a server's process. ``memory`` in bytes; ``children`` are all processes below it."""

    memory: int
    descriptors: int
    sockets: int
    threads: int
    children: int


class ServerProcess:
    """A running child. Made by :func:`serving`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self._statistics = psutil.Process(process.pid)
        self.port = port

    @property
    def url(self) -> str:
        """Base URL without TLS."""
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """Processor time the process used so far, its own children left out."""
        times = self._statistics.cpu_times()
        return float(times.user + times.system)

    def tree_seconds(self) -> float:
        """Processor time the process and its children used so far."""
        return tree_seconds(self._statistics)

    def waiting_seconds(self) -> float:
        """Time the process could have run but its core was taken by others; 0 where the system does not tell."""
        try:
            return int(Path(f"/proc/{self._process.pid}/schedstat").read_text("ascii").split()[1]) / 1e9
        except OSError:
            return 0.0

    def memory(self) -> int:
        """Resident bytes of the process, its children left out."""
        return int(self._statistics.memory_info().rss)

    def holdings(self) -> Holdings:
        """What the system holds for the process."""
        with self._statistics.oneshot():
            return Holdings(
                memory=self.memory(),
                descriptors=self._statistics.num_fds(),
                sockets=len(self._statistics.net_connections(kind="all")),
                threads=self._statistics.num_threads(),
                children=len(self._statistics.children(recursive=True)),
            )

    async def marks(self) -> list[Mark]:
        """The engine's events since the last time they, or a census, were asked for."""
        return msgspec.json.decode(await self._ask("marks"), type=list[Mark])

    async def census(self) -> Census:
        """What the process holds, after a collection."""
        return msgspec.json.decode(await self._ask("census"), type=Census)

    async def _ask(self, what: str) -> bytes:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        return await _line(self._process)


def tree_seconds(process: psutil.Process) -> float:
    """Processor time a process and its children used so far; to the nanosecond, where the system tells."""
    return sum(map(_precise_seconds, (process, *process.children(recursive=True))))


def _precise_seconds(process: psutil.Process) -> float:
    try:
        # The sum of user and system time that everybody reads comes in ticks of 10 ms.
        tasks = Path(f"/proc/{process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text("ascii").split()[0]) for task in tasks) / 1e9
    except OSError:
        times = process.cpu_times()
        return float(times.user + times.system)


@asynccontextmanager
async def serving(
    kind: str, *, core: int | None = None, loop: str = "uvloop", upstream: str = ""
) -> AsyncIterator[ServerProcess]:
    """A server of one of :data:`ENGINES`, or of another kind, pinned to a core if one is named.

    ``upstream`` is the base URL of what a relay relays to.
    """
    command = [sys.executable, "-m", "bench.child", kind, "--loop", loop]
    command += ["--upstream", upstream] if upstream else []
    command += [] if core is None else ["--core", str(core)]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, limit=1 << 26, cwd=Path(__file__).parent.parent
    )
    try:
        async with asyncio.timeout(_START_TIMEOUT):
            ready = json.loads(await _line(process))
        yield ServerProcess(process, ready["port"])
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


async def _line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError(f"the server ended with status {await process.wait()}")
    return line


# --- the child's side ---------------------------------------------------------------------------------------------


async def _serve(kind: str, upstream: str) -> None:
    if kind in (FLOOR, COPY):
        floor = CopyServer(upstream) if kind == COPY else FloorServer()
        await floor.start()
        await _obey(floor.port, {})
        await floor.stop()
        return
    if kind == RELAY:
        await _serve_relay(upstream)
        return
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        engine = TimedEngine(ENGINES[kind]())
        config = Config(port=0, tls_port=None, data_dir=Path(folder), drain=0.0, max_sessions=100_000)
        server = Server(config, engine)
        await server.start()
        await _obey(server.port, {"marks": engine.pop_marks, "census": lambda: _census(server, engine)})
        await server.stop()


async def _serve_relay(upstream: str) -> None:
    """A server as its users configure it: a relay, and a route to it."""
    with tempfile.TemporaryDirectory(prefix="antiphon-bench-") as folder:
        settings = GeminiRelayConfig("gemini-3.1-flash-live-preview", upstream, provider="google")
        relay = EngineConfig("gemini-live", settings)
        server = Server(
            Config(
                port=0,
                tls_port=None,
                data_dir=Path(folder),
                drain=0.0,
                engines={"hosted": relay},
                routes={"*": Route((Target("hosted"),))},
            )
        )
        await server.start()
        await _obey(server.port, {})
        await server.stop()


def _census(server: Server, engine: TimedEngine) -> Census:
    engine.pop_marks()
    gc.collect()
    return Census(server.sessions, len(asyncio.all_tasks()), len(gc.get_objects()))


async def _obey(port: int, answers: Mapping[str, Callable[[], object]]) -> None:
    """Say where the server is; then answer requests until there can be none."""
    print(json.dumps({"port": port}), flush=True)
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    while request := (await requests.readline()).decode().strip():
        print(msgspec.json.encode(answers[request]()).decode(), flush=True)


def run_in(loop: str, work: Coroutine[Any, Any, None]) -> None:
    """Run ``work`` in the named kind of event loop."""
    factory = None
    if loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*ENGINES, FLOOR, COPY, RELAY])
    parser.add_argument("--core", type=int)
    parser.add_argument("--loop", default="uvloop", choices=["uvloop", "asyncio"])
    parser.add_argument("--upstream", default="", help="base URL of what a relay relays to")
    options = parser.parse_args()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    run_in(options.loop, _serve(options.kind, options.upstream))


if __name__ == "__main__":
    main()
