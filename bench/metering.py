"""What metering costs a call: by the frame of sound, by the generation and by the window of thirty seconds.

Two calls in this process, one with a ledger and one without, take the same events in turns; each figure is the best of
several rounds, so the difference holds on a busy machine where the microseconds do not. The engine does nothing. The
database is written in another thread, and measured apart.
"""

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from msgspec.structs import replace

from antiphon.calls.call import Call
from antiphon.calls.metering import WINDOW_SECONDS, Metering
from antiphon.calls.plan import always
from antiphon.live import events
from antiphon.live.abilities import Abilities
from antiphon.live.policy import Policy
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.prices import Prices
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.ledger import Entry, Ledger
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client
from bench.report import Sizes, Table

ROUNDS = 7
FRAMES = 2000
GENERATIONS = 200
WINDOWS = 200
ROWS = 5000

_USED = UpstreamUsage("google", "gemini-3.8-live", Usage(Tokens(2000, 7500), Tokens(0, 250)))
_FRAME = client.RealtimeInput(audio=client.Blob(data=bytes(640), mime_type="audio/pcm;rate=16000"))
_TEXT = client.RealtimeInput(text="hi")


class _Silence:
    """An engine, and its conversation: hears nothing and says nothing by itself."""

    abilities = Abilities("silence")

    async def start(self) -> None:
        """Nothing to load."""

    async def open(self, setup: Setup, seed: Seed = Seed()) -> "_Silence":  # noqa: B008 (it is frozen)
        """The conversation."""
        return self

    def send(self, event: events.UserEvent) -> None:
        """Take what the user does."""

    async def __aiter__(self) -> AsyncIterator[events.ModelEvent]:
        await asyncio.Event().wait()
        yield events.GenerationComplete(0)

    async def aclose(self) -> None:
        """Nothing to free."""


class _Side:
    """A call, with a ledger or without."""

    def __init__(self, metering: Metering | None, clock: VirtualClock) -> None:
        policy = Policy(pace_turns=False, idle_timeout=1e9, messages_per_second=1e9)
        self.clock = clock
        self.call = Call("bench", always(_Silence()), policy, clock, metering=metering)
        self.numbers = itertools.count(1)

    async def open(self) -> None:
        await self.call.begin(client.Setup(model="gemini-3.8-live"))
        await asyncio.sleep(0.01)

    def frame(self) -> None:
        self.call.receive(_FRAME)

    def generation(self) -> None:
        number = next(self.numbers)
        self.call.receive(_TEXT)
        self.call.receive(events.Used(number, _USED))
        self.call.receive(events.GenerationComplete(number))

    def window(self) -> None:
        self.clock.advance(WINDOW_SECONDS)


async def run(sizes: Sizes) -> Table:
    """A frame, a generation, a window; then the database."""
    rounds = sizes.rounds or ROUNDS
    share = sizes.seconds or 1.0
    table = Table("Metering, microseconds each", ("what", "without", "with", "difference", "of one core, 1,000 calls"))
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / FILE_NAME)
        await database.open()
        await _measure(table, database, rounds, share)
        await database.aclose()
        await _write(table, Path(folder) / "rows.sqlite", max(100, int(ROWS * share)))
    return table


async def _measure(table: Table, database: Database, rounds: int, share: float) -> None:
    clocks = VirtualClock(), VirtualClock()
    metering = Metering(Ledger(database), Prices(), clocks[1])
    await metering.warm()
    sides = _Side(None, clocks[0]), _Side(metering, clocks[1])
    for side in sides:
        await side.open()
    for name, count, per_second, work in (
        ("frame of 20 ms", FRAMES, 50.0, _Side.frame),
        ("generation", GENERATIONS, 1 / 20, _Side.generation),
        ("window", WINDOWS, 1 / WINDOW_SECONDS, _Side.window),
    ):
        best = [float("inf")] * 2
        for _ in range(rounds):
            for number, side in enumerate(sides):
                best[number] = min(best[number], _time(side, work, max(10, int(count * share))))
                # What the writer does meanwhile is not part of it.
                await metering.spool.ask([])
        more = best[1] - best[0]
        table.rows.append((name, best[0], best[1], more, f"{max(0.0, more) * per_second * 1000 / 1e4:.2g} %"))
    for side in sides:
        assert not side.call.session.closed
        side.call.receive(events.Failure("the end"))
        await side.call.ended()
    await metering.aclose()
    table.notes.append("a call: 50 frames a second, a generation every 20 s, a window every 30 s")


def _time(side: _Side, work: Callable[[_Side], None], count: int) -> float:
    """Microseconds each."""
    began = time.perf_counter()
    for _ in range(count):
        work(side)
    return (time.perf_counter() - began) / count * 1e6


async def _write(table: Table, path: Path, count: int) -> None:
    """Rows a second in batches of a hundred, and how large they are."""
    database = Database(path)
    await database.open()
    ledger, empty = Ledger(database), _size(path)
    row = Entry(
        call="0" * 16,
        session_id="0" * 16,
        process="0" * 16,
        generation=0,
        kind="generation",
        at=time.time(),
        owner="a1b2",
        model="gemini-3.8-live",
        engine="relay",
        provider="google",
        billed="gemini-3.8-live",
        usage=_USED.usage,
        told=_USED.usage,
        amount=10**10,
        price_version="overlay 2026-11-24 over genai-prices 0.2.3",
    )
    began = time.perf_counter()
    for start in range(0, count, 100):
        batch = [replace(row, generation=number) for number in range(start, min(count, start + 100))]
        await ledger.add(batch)
    seconds = time.perf_counter() - began
    await database.aclose()
    size = (_size(path) - empty) / count
    table.notes.append(f"the database takes {count / seconds:,.0f} rows a second, {size:,.0f} bytes each with indexes")


def _size(path: Path) -> int:
    return path.stat().st_size
