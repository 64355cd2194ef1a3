"""A thousand calls over an upstream that dies at random moments: what the clients see of it, and what it costs.

Every call is a relay to a scripted Gemini Live upstream on a real socket, with the embedded engine to fall back on. The
upstream cuts connections, closes them with 1011, stalls, goes away, forgets sessions and calls functions; each client
types three turns, answers functions, and keeps account of what it was told.
"""

import asyncio
import itertools
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from antiphon.calls.clock import LoopClock
from antiphon.calls.line import Gap
from antiphon.calls.metering import Metering
from antiphon.calls.outbox import Hangup
from antiphon.calls.routes import ANY, Board, Routes
from antiphon.calls.station import Station, Wanted
from antiphon.calls.switchboard import Switchboard
from antiphon.engines.base import Engine
from antiphon.engines.cascade.assembly import assemble
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.gemini import relay
from antiphon.live.effects import SendFrame, SendSpeech
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.meter.prices import Prices
from antiphon.routing.breaker import BreakerConfig
from antiphon.routing.health import Health
from antiphon.routing.route import Route, Target
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.ledger import Ledger, Row
from antiphon.testing import upstream as script
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import decode_server
from antiphon.wire.gemini.server import ServerMessage
from bench.report import Sizes, Table, percentile

CALLS = 1000
AT_ONCE = 25
TURNS = 3
DEATH = 0.25
"""How likely an answer is to be the last of its connection."""

FORGETS = 0.3
"""Seconds during which the upstream knows its sessions, and then does not."""

PATIENCE = 60.0
MODEL = "gemini-3.8-live"


class Seen(Struct):
    """What one client was told."""

    turns: int = 0
    answered: int = 0
    interrupted: list[int] = field(default_factory=list)
    functions: Counter[str] = field(default_factory=Counter)
    closed: str = ""
    forgotten: int = 0
    gaps: list[Gap] = field(default_factory=list)
    resumed: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def answers(rng: random.Random) -> Iterator[script.Answer]:
    """Answers without end; some die."""
    for number in itertools.count():
        steps: list[script.Step] = []
        if rng.random() < 0.3:
            steps.append(script.Call((f"f{number}",)))
        steps += [script.Say(rng.choice([0.2, 0.6, 1.4]), f"answer {number}. "), script.End()]
        if rng.random() < DEATH:
            steps.insert(rng.randrange(len(steps) + 1), death(rng))
        yield script.Answer(*steps)


def death(rng: random.Random) -> script.Step:
    """One way to go."""
    return rng.choice(
        [
            script.Cut(),
            script.Close(1011, "Internal error encountered."),
            script.Stall(),
            script.GoAway(0.2),
            script.Close(1008, "Requested entity was not found."),
        ]
    )


class Caller:
    """A client that types and answers functions."""

    def __init__(self, board: Switchboard) -> None:
        self.seen = Seen()
        self._call = board.place()
        self._over = asyncio.Event()
        self._said: list[str] = []
        self._heard: list[str] = []

    async def talk(self, board: Switchboard) -> Seen:
        """The whole call."""
        reading = asyncio.create_task(self._read())
        setup = client.Setup(model=MODEL, output_audio_transcription=client.AudioTranscriptionConfig())
        await self._call.begin(setup)
        for turn in range(TURNS):
            await self._ask(f"question {turn}")
        self._call.receive(ClientLeft())
        known = "".join(turn.text for turn in self._call.session.context.history)
        self.seen.forgotten = sum(each not in known for each in (*self._said, *self._heard))
        self.seen.gaps = self._call.line.gaps
        await board.finish(self._call)
        reading.cancel()
        return self.seen

    async def _ask(self, words: str) -> None:
        began = time.perf_counter()
        self.seen.turns += 1
        self.seen.interrupted.append(0)
        self._said.append(words)
        self._over.clear()
        self._call.receive(client.RealtimeInput(text=words))
        try:
            async with asyncio.timeout(PATIENCE):
                await self._over.wait()
                self.seen.answered += not self.seen.closed
        except TimeoutError:
            pass
        self.seen.waits.append(time.perf_counter() - began)

    async def _read(self) -> None:
        cut, words = False, ""
        while True:
            item = await self._call.outbox.get()
            if isinstance(item, Hangup):
                self.seen.closed = f"{item.code} {item.reason}"
                self._over.set()
                return
            if isinstance(item, SendSpeech):
                continue
            message = decode_server(item.frame)[0] if isinstance(item, SendFrame) else item
            self._answer(message)
            content = message.server_content
            if content is not None and content.output_transcription is not None:
                words += content.output_transcription.text
            if content is not None and content.interrupted:
                cut = True
                self.seen.interrupted[-1] += 1
            if content is not None and content.turn_complete:
                # A turn that was cut is followed by another one with the same answer.
                if not cut:
                    self._heard.append(words)
                    self._over.set()
                cut, words = False, ""

    def _answer(self, message: ServerMessage) -> None:
        calls = message.tool_call.function_calls if message.tool_call else []
        for each in calls:
            self.seen.functions[each.name] += 1
            response = client.FunctionResponse(id=each.id, name=each.name, response={"output": "done"})
            self._call.receive(client.ToolResponse(function_responses=[response]))


async def run(sizes: Sizes) -> Table:
    """Run the calls, and compare."""
    logging.getLogger("antiphon").setLevel(logging.CRITICAL)
    rng = random.Random(sizes.rounds or 1)
    count = sizes.sessions or CALLS
    with tempfile.TemporaryDirectory() as folder:
        async with script.ScriptedUpstream(answers(rng)) as upstream:  # type: ignore[arg-type]
            return await _run(upstream, Path(folder), count)


async def _run(upstream: script.ScriptedUpstream, folder: Path, count: int) -> Table:
    clock = LoopClock()
    database = Database(folder / FILE_NAME)
    await database.open()
    ledger = Ledger(database)
    metering = Metering(ledger, Prices(), clock)
    config = GeminiRelayConfig(MODEL, upstream.url, provider="google", stall_seconds=0.5, resume_seconds=2.0)
    stations = [_station("hosted", relay(config), clock), _station("embedded", assemble(), clock)]
    for station in stations:
        await station.start()
    route = Route((Target("hosted"), Target("embedded", priority=1)), when_exhausted="embedded")
    board = Switchboard(
        Routes(Board({station.name: station for station in stations}, {ANY: route}), clock),
        Policy(pace_turns=False, stall_timeout=2.0),
        clock,
        count,
        metering=metering,
    )
    began, forgetting = time.perf_counter(), asyncio.create_task(_forget(upstream))
    seen = await _everybody(board, count)
    forgetting.cancel()
    seconds = time.perf_counter() - began
    await metering.aclose()
    for station in stations:
        await station.aclose()
    table = await _account(seen, upstream, ledger)
    table.notes.append(f"{count} calls, {AT_ONCE} at once, in {seconds:.0f} s; {len(upstream.connections)} connections")
    await database.aclose()
    return table


async def _forget(upstream: script.ScriptedUpstream) -> None:
    """Let the upstream forget its sessions half of the time."""
    refusal = script.Close(1008, "BidiGenerateContent session not found")
    while True:
        upstream.refuses_resumption = None if upstream.refuses_resumption else refusal
        await asyncio.sleep(FORGETS)


def _station(name: str, engine: Engine, clock: LoopClock) -> Station:
    station = Station(name, Wanted(name, lambda: engine), clock)
    # However often it fails, it is tried again: what is measured is what its failures do.
    station.health = Health(BreakerConfig(failures=1_000_000, calls=1_000_000))
    return station


async def _everybody(board: Switchboard, count: int) -> list[Seen]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one() -> Seen:
        async with room:
            return await Caller(board).talk(board)

    return list(await asyncio.gather(*(one() for _ in range(count))))


async def _account(seen: list[Seen], upstream: script.ScriptedUpstream, ledger: Ledger) -> Table:
    turns, answered = sum(each.turns for each in seen), sum(each.answered for each in seen)
    doubled = [name for each in seen for name, times in each.functions.items() if times > 1]
    twice = sum(number > 1 for each in seen for number in each.interrupted)
    gaps = [gap.seconds for each in seen for gap in each.gaps]
    told, unread = (Counter(u["totalTokenCount"] for u in each) for each in (upstream.told, upstream.unread))
    billed, counted = await _billed(ledger)
    ends = Counter(dialled.ended for dialled in upstream.connections)
    table = Table("Chaos: an upstream that dies at random", ("what", "seen", "should be"))
    table.rows = [
        ("turns that were asked", turns, turns),
        ("turns that were answered", answered, turns),
        ("questions and whole answers that the history lacks", sum(each.forgotten for each in seen), 0),
        ("sessions that were closed", sum(bool(each.closed) for each in seen), 0),
        ("functions called", sum(sum(each.functions.values()) for each in seen), "-"),
        ("functions called twice", len(doubled), 0),
        ("turns interrupted more than once", twice, 0),
        ("answers the upstream charged for", told.total(), told.total()),
        ("of those, told as the connection ended: perhaps unread", unread.total(), "-"),
        ("in the ledger, as it told", (billed & told).total(), f"{(told - unread).total():,} or more"),
        ("read, and not in the ledger", (told - billed - unread).total(), 0),
        ("in the ledger, and not told", (billed - told).total(), 0),
        ("tokens it did not tell, counted here and marked", counted, "-"),
        ("times another engine took over", len(gaps), "-"),
        ("without an engine, p50 / p95 / most, ms", _spread(gaps), "p95 < 1,000"),
        ("turn, p50 / p95 / most, ms", _spread([wait for each in seen for wait in each.waits]), "-"),
    ]
    table.notes.append("connections ended: " + ", ".join(f"{n} x {why}" for why, n in ends.most_common(6)))
    failed = [each.closed for each in seen if each.closed]
    table.notes += [f"closed: {why}" for why in sorted(set(failed))]
    wrong = sum(each.forgotten for each in seen) + (told - billed - unread).total() + (billed - told).total()
    table.ok = (answered, len(doubled), twice, wrong) == (turns, 0, 0, 0)
    table.ok &= not gaps or percentile(gaps, 95) < 1.0
    return table


async def _billed(ledger: Ledger) -> tuple[Counter[int], int]:
    """Answers of the hosted model in the ledger by their tokens, as told; and the tokens that were counted instead."""

    def total(rows: Iterator[Row]) -> tuple[Counter[int], int]:
        hosted = [row.entry for row in rows if row.counts and row.entry.provider == "google"]
        told = Counter(entry.usage.total for entry in hosted if not entry.estimated)
        return told, sum(entry.usage.total for entry in hosted if entry.estimated)

    return await ledger.read(total)


def _spread(seconds: list[float]) -> str:
    each = (percentile(seconds, percent) * 1000 for percent in (50, 95, 100))
    return " / ".join(f"{value:,.0f}" for value in each)
