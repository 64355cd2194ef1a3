"""``python -m bench [NAME ...]``: run benchmarks and print their tables."""

import argparse
import asyncio
import os
import platform
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from rich.console import Console

from bench import chaos, gates, input_path, interruption, latency, memory, metering, observing, relay, sessions, soak
from bench.child import run_in
from bench.report import Sizes, Table

Run = Callable[[Sizes], Awaitable[Table]]

MEASURES: dict[str, tuple[str, Run]] = {
    "input_path": ("a message from frame to voice activity, by steps, beside the floor", input_path.run),
    "sessions": ("listening sessions per core and the delay they cause", sessions.run),
    "floor": ("the bare server that sessions are compared with", sessions.run_floor),
    "latency": ("end of speech to first audio, by parts", latency.run),
    "interruption": ("how fast an answer stops", interruption.run),
    "chaos": ("calls over an upstream that dies at random", chaos.run),
    "gates": ("what the gates hold back of recorded calls, and save", gates.run),
    "metering": ("what keeping account of a call costs it", metering.run),
    "observing": ("what timelines, metrics and recordings cost a message of sound", observing.run),
    "relay": ("what a relay costs per pair of frames and adds in delay, beside two bare sockets", relay.run),
    "memory": ("memory of idle and of listening sessions", memory.run),
    "soak": ("whether anything stays behind when many come and go", soak.run),
}
SCRIPTS = {
    "wire": "reading and writing frames, beside the standard library",
    "ears": "voice activity of many sessions, beside the bare model",
    "recogniser": "word error rates, cost and latency of the embedded recogniser",
    "voice": "first sound and cost of the embedded voice",
    "native": "a full-duplex model and its sessions (needs moshi)",
    "console": "the console's first page in a new browser: when it can be used, what it weighs (needs Chromium)",
    "watermark": "how often the mark is found, and where there is none; what it changes and costs",
}
"""Benchmarks with a command line of their own: ``python -m bench.NAME --help``."""

_WIDTH = 132


def main() -> None:
    """Run what the command line names."""
    options = _parser().parse_args()
    unknown = [name for name in options.names if name not in {**MEASURES, **SCRIPTS}]
    if unknown:
        sys.exit(f"no benchmark {', '.join(unknown)}; there are {', '.join([*MEASURES, *SCRIPTS])}")
    if options.list:
        for name, about in [*((name, about) for name, (about, _) in MEASURES.items()), *SCRIPTS.items()]:
            print(f"{name:14}{about}")
        return
    chunks = tuple(options.chunks or Sizes().chunks_ms)
    seconds = options.seconds or (options.minutes and 60 * options.minutes)
    sizes = Sizes(options.sessions, seconds, options.rounds, chunks, options.loop)
    run_in(options.loop, _run(options.names or [*MEASURES, *SCRIPTS], sizes, options.json))


async def _run(names: list[str], sizes: Sizes, as_json: bool) -> None:
    console = Console(stderr=as_json)
    console.width = max(console.width, _WIDTH)
    console.print(machine(), style="dim", highlight=False)
    tables: dict[str, Table] = {}
    for name in names:
        if name in SCRIPTS:
            await _run_script(name, as_json)
            continue
        tables[name] = await MEASURES[name][1](sizes)
        tables[name].show(console)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode({"machine": machine(), "tables": tables}), indent=1).decode())
    if bad := [name for name, table in tables.items() if not table.ok]:
        sys.exit(f"not as it should be: {', '.join(bad)}")


async def _run_script(name: str, as_json: bool) -> None:
    print(f"-- {name}: {SCRIPTS[name]}", file=sys.stderr, flush=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"bench.{name}", stdout=sys.stderr if as_json else None, cwd=Path(__file__).parent.parent
    )
    if await process.wait():
        sys.exit(f"{name} failed")


def machine() -> str:
    """Where this runs, and how busy it is."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} CPUs{load}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Antiphon. See docs/performance.md.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benchmarks to run (default: all)")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--sessions", type=int, metavar="N", help="how many sessions (latency: how many sentences)")
    parser.add_argument("--seconds", type=float, metavar="S", help="how long to measure")
    parser.add_argument("--minutes", type=float, metavar="M", help="the same, in minutes")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often to repeat")
    parser.add_argument("--chunks", type=int, nargs="*", metavar="MS", help="sessions, floor: 20 40 100 by default")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop", help="event loop of the servers")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


if __name__ == "__main__":
    main()
