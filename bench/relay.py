"""What a relay to a hosted model costs per pair of frames of 20 ms, one up and one down, and what delay it adds.

A server on a core of its own, an upstream (:mod:`bench.relay_upstream`) and real-time clients on the other. In each
round, and for each number of sessions, the same clients talk to the upstream itself, over two sockets that only copy
(:mod:`bench.relay_copy`), and over a whole server of Antiphon with its route, meter, ledger and watermark. Given the
command of a LiteLLM proxy in the environment variable ``BENCH_LITELLM``, over that as well, in the protocol it takes.

Processor time is that of the server and all its children; delays are from writing a frame to the arrival of its
answer at the client. Of several rounds, the medians are told.
"""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from msgspec import Struct

from bench import relay_conversation
from bench.child import COPY, RELAY, serving
from bench.relay_clients import GEMINI, OPENAI, Client, Dialect, talk
from bench.relay_peer import KEY, litellm
from bench.relay_upstream import upstream
from bench.report import Cell, Sizes, Table, percentile
from bench.sessions import cores, pinned

SESSIONS = (1, 10, 30)
SECONDS = 6.0
ROUNDS = 5

DIRECT, FLOOR, ANTIPHON = "the upstream itself", "two sockets", "Antiphon"


class Side(Struct):
    """Something that clients talk to. ``cpu`` tells the processor seconds that it used so far."""

    name: str
    url: str
    dialect: Dialect
    cpu: Callable[[], float]
    waited: Callable[[], float] = lambda: 0.0
    key: str = ""


class Reading(Struct):
    """One side under so many sessions: processor time per pair in microseconds, delays in milliseconds."""

    cpu: float
    p50: float
    p99: float
    waited: float = 0.0


async def run(sizes: Sizes) -> Table:
    """The table of all sides."""
    counts = (sizes.sessions,) if sizes.sessions else SESSIONS
    seconds, rounds = sizes.seconds or SECONDS, sizes.rounds or ROUNDS
    columns = ("sessions", "over", "CPU µs per pair", "floor", "ratio", "p50 ms", "p99", "p50 added", "p99 added")
    table = Table("Relays, per pair of 20 ms frames (metering on)", columns)
    server_core, our_core = cores()
    with pinned(our_core):
        async with upstream(our_core) as url, _sides(url, server_core, sizes.loop) as sides:
            found = await _rounds(sides, counts, seconds, rounds)
            bare, added = await relay_conversation.alone(url)
    for count in counts:
        table.rows += _rows(count, [side.name for side in sides], found)
    table.notes.append(f"the relay's conversation alone adds {added:.1f} µs to the {bare:.1f} of bare sockets")
    table.notes.append(f"medians of {rounds} rounds of {seconds:g} s, taken in turns; {_load()}")
    return table


async def _rounds(
    sides: list[Side], counts: tuple[int, ...], seconds: float, rounds: int
) -> dict[tuple[str, int], list[Reading]]:
    found: dict[tuple[str, int], list[Reading]] = {(side.name, count): [] for side in sides for count in counts}
    for number in range(rounds):
        for count in counts:
            # Each round begins with another side, for what is busy now may not be later.
            for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
                found[side.name, count].append(await _measure(side, count, seconds))
    return found


async def _measure(side: Side, count: int, seconds: float) -> Reading:
    clients = [Client(side.dialect, side.key) for _ in range(count)]
    await asyncio.gather(*(client.connect(side.url) for client in clients))
    await talk(clients, 0.5)
    for client in clients:
        client.delays.clear()
    cpu, waited = side.cpu(), side.waited()
    await talk(clients, seconds)
    cpu, waited = side.cpu() - cpu, side.waited() - waited
    await asyncio.gather(*(client.close() for client in clients))
    delays = [1_000 * delay for client in clients for delay in client.delays]
    return Reading(1e6 * cpu / len(delays), percentile(delays, 50), percentile(delays, 99), waited / seconds)


def _rows(count: int, names: list[str], found: dict[tuple[str, int], list[Reading]]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    direct, floor = found[DIRECT, count], found[FLOOR, count]
    for name in names:
        readings = found[name, count]
        ratio = _median([mine.cpu / theirs.cpu for mine, theirs in zip(readings, floor, strict=True)])
        added = [
            _median([getattr(mine, p) - getattr(theirs, p) for mine, theirs in zip(readings, direct, strict=True)])
            for p in ("p50", "p99")
        ]
        through = name != DIRECT
        rows.append(
            (
                count,
                name,
                _median([each.cpu for each in readings]) if through else "",
                _median([each.cpu for each in floor]) if through else "",
                ratio if through else "",
                _median([each.p50 for each in readings]),
                _median([each.p99 for each in readings]),
                *(added if through else ("", "")),
            )
        )
    return rows


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _load() -> str:
    return f"load of the machine at the end {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


@asynccontextmanager
async def _sides(url: str, core: int | None, loop: str) -> AsyncIterator[list[Side]]:
    """All sides, their servers running."""
    sides = [Side(DIRECT, url, GEMINI, lambda: 0.0)]
    async with AsyncExitStack() as stack:
        for name, kind in ((FLOOR, COPY), (ANTIPHON, RELAY)):
            server = await stack.enter_async_context(serving(kind, core=core, loop=loop, upstream=url))
            sides.append(Side(name, server.url, GEMINI, server.tree_seconds, server.waiting_seconds))
        if command := os.environ.get("BENCH_LITELLM"):
            peer = await stack.enter_async_context(litellm(command, url, core))
            sides.append(Side("LiteLLM", peer.url, OPENAI, peer.tree_seconds, key=KEY))
        yield sides
