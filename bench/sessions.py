"""How many sessions one core can listen to, and what a crowd costs each of them in delay.

A server process pinned to one core listens to real-time sessions; this process, on another core, is their clients.
Most of them send faint noise. A few, the *probes*, say a sentence over and over, and the delay is theirs: from
sending the chunk of sound that lets the server decide that a turn is over (known beforehand: the same model runs
here on the same frames) to the arrival of the answer. Recogniser, brain and voice take no time, so this is socket,
protocol, voice activity and event loop, there and back. The floor is :mod:`bench.floor` under the same sound.
"""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct

from antiphon.audio.activity import ActivityDetector, SpeechEnded
from antiphon.audio.frames import FRAME_SAMPLES, RATE
from antiphon.audio.vad import load_vad
from antiphon.engines.cascade.ears import activity_config
from antiphon.live.setup import ActivityDetection
from antiphon.testing import SPOKEN
from bench.child import FLOOR, ServerProcess, serving
from bench.load import Caller, Crowd, chunks, connect, disconnect, faint, framed, message, noise, setup
from bench.report import Cell, Sizes, Table, percentile

SESSIONS = 300
SECONDS = 15.0
PROBES = 30
SILENCE_MS = 300
_SETTLE = 2.0
_PAUSE = 0.7


class Cost(Struct):
    """Processor time of a server under a crowd, and the delays of its probes in seconds."""

    chunk_ms: int
    sessions: int
    cpu_us: float
    """Microseconds of processor time per second of one session."""
    delays: list[float]
    unanswered: int
    lateness: float
    """The longest delay of the clients themselves, in seconds."""
    waited: float
    """Share of the time that the server waited for its core, because others had it."""

    @property
    def per_core(self) -> float:
        """Sessions that would keep one core busy all the time."""
        # The system counts in hundredths of a second: it may have counted none of a short measurement.
        return 1e6 / self.cpu_us if self.cpu_us else math.nan


class Probe:
    """A client that says the same sentence over and over and times the answers."""

    def __init__(self, url: str, sound: "ProbeSound") -> None:
        self.caller = Caller(url, setup(SILENCE_MS), self._on_message)
        self.sound = sound
        self._sent: dict[int, float] = {}
        self._answers: list[float] = []

    def on_sent(self, index: int, now: float) -> None:
        """Chunk ``index`` is being sent."""
        if index in self.sound.deciding:
            self._sent[index] = now

    def _on_message(self, text: bytes, now: float) -> None:
        if b'"modelTurn"' in text:
            self._answers.append(now)

    def delays(self) -> list[float]:
        """From every deciding chunk to the first answer before the next one."""
        times = [*self._sent.values(), math.inf]
        firsts = ((t, next((a for a in self._answers if t <= a < after), None)) for t, after in pairwise(times))
        return [answer - sent for sent, answer in firsts if answer is not None]

    @property
    def unanswered(self) -> int:
        """Turns without an answer."""
        return len(self._sent) - len(self.delays())


class ProbeSound:
    """A sentence and a pause, repeated; ``deciding`` are the chunks that complete a turn."""

    def __init__(self, chunk_ms: int, seconds: float) -> None:
        sentence = SPOKEN["what_is_two_plus_three"].pcm
        period = sentence + noise(_PAUSE)
        period = period[: len(period) // (2 * RATE // 10) * (2 * RATE // 10)]  # whole chunks of any of the sizes
        self.frames = [framed(message(pcm)) for pcm in chunks(period, chunk_ms)]
        repeats = math.ceil(seconds / (len(period) / 2 / RATE))
        samples = RATE * chunk_ms // 1000
        self.deciding = {math.ceil(at / samples) - 1 for at in _decisions(period * repeats)}


def _decisions(pcm: bytes) -> Iterator[int]:
    """Where a server decides that turns are over, in samples."""
    vad = load_vad().vad
    states = [vad.state()]
    detector = ActivityDetector(activity_config(ActivityDetection(silence_ms=SILENCE_MS)))
    sound = np.frombuffer(pcm, "<i2")
    for frame in sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, 1, FRAME_SAMPLES):
        event = detector.feed(float(vad.probabilities(states, frame)[0]))
        if isinstance(event, SpeechEnded):
            yield event.decided_sample


def cores() -> tuple[int | None, int | None]:
    """A core for the server and one for its clients, where the system lets us choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """This process on one core, for a while."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def cost(kind: str, chunk_ms: int, sizes: Sizes, sessions: int | None = None) -> Cost:
    """What ``sessions`` (by default as many as asked for) cost a server of ``kind``."""
    count = sessions or sizes.sessions or SESSIONS
    server_core, our_core = cores()
    with pinned(our_core):
        async with serving(kind, core=server_core, loop=sizes.loop) as server:
            return await _measure(server, kind, chunk_ms, count, sizes.seconds or SECONDS)


async def _measure(server: ServerProcess, kind: str, chunk_ms: int, count: int, seconds: float) -> Cost:
    settle = min(_SETTLE, seconds)
    sound = ProbeSound(chunk_ms, settle + seconds)
    probes = [Probe(server.url, sound) for _ in range(min(PROBES, count))]
    listeners = [Caller(server.url, setup()) for _ in range(count - len(probes))]
    callers = _mixed([probe.caller for probe in probes], listeners)
    by_number = {callers.index(probe.caller): probe for probe in probes}
    frames = [sound.frames if number in by_number else faint(chunk_ms) for number in range(count)]

    def on_sent(number: int, index: int, now: float) -> None:
        if number in by_number:
            by_number[number].on_sent(index, now)

    await connect(callers, server.port)
    crowd = Crowd(callers, frames, chunk_ms, on_sent)
    spent = asyncio.create_task(_cpu_between(server, settle, settle + seconds))
    await crowd.send(settle + seconds)
    cpu, waited = await spent
    await asyncio.sleep(0.2)  # the last answers are on their way
    await disconnect(callers)
    heard = probes if kind != FLOOR else []
    return Cost(
        chunk_ms=chunk_ms,
        sessions=count,
        cpu_us=cpu / count * 1e6,
        delays=[delay for probe in heard for delay in probe.delays()],
        unanswered=sum(probe.unanswered for probe in heard),
        lateness=crowd.lateness,
        waited=waited,
    )


async def _cpu_between(server: ServerProcess, begin: float, end: float) -> tuple[float, float]:
    """Seconds of processor, and of waiting for it, per second of a stretch of the next seconds."""
    await asyncio.sleep(begin)
    cpu, waited, began = server.cpu_seconds(), server.waiting_seconds(), time.monotonic()
    await asyncio.sleep(0.95 * (end - begin))
    passed = time.monotonic() - began
    return (server.cpu_seconds() - cpu) / passed, (server.waiting_seconds() - waited) / passed


def _mixed(few: Sequence[Caller], many: Sequence[Caller]) -> list[Caller]:
    """Both, the few spread evenly among the many, so that their phases are."""
    total = len(few) + len(many)
    places = {number * total // len(few) for number in range(len(few))}
    first, second = iter(few), iter(many)
    return [next(first) if place in places else next(second) for place in range(total)]


async def run(sizes: Sizes) -> Table:
    """Antiphon and the floor, side by side."""
    columns = (
        "chunks",
        "sessions",
        "us/session s",
        "floor",
        "ratio",
        "per core",
        "delay p50",
        "p99",
        "max",
        "lost",
    )
    table = Table("Listening sessions on one core (delays in ms, answer included)", columns)
    alone = await cost("listening", sizes.chunks_ms[0], sizes, sessions=1)
    table.rows.append(_row(f"alone, {sizes.chunks_ms[0]} ms", alone, None))
    for chunk_ms in sizes.chunks_ms:
        floor = await cost(FLOOR, chunk_ms, sizes)
        ours = await cost("listening", chunk_ms, sizes)
        table.rows.append(_row(f"{chunk_ms} ms", ours, floor))
        table.notes.append(
            f"{chunk_ms} ms: clients were late by up to {ours.lateness * 1000:.1f} ms themselves; the server waited "
            f"for a core that others had {ours.waited:.0%} of the time, the floor {floor.waited:.0%}"
        )
    return table


def _row(name: str, ours: Cost, floor: Cost | None) -> tuple[Cell, ...]:
    delays = [delay * 1000 for delay in ours.delays]
    return (
        name,
        ours.sessions,
        ours.cpu_us,
        floor.cpu_us if floor else "",
        ours.cpu_us / floor.cpu_us if floor else "",
        ours.per_core if floor else "",
        *(percentile(delays, p) for p in (50, 99, 100)),
        f"{ours.unanswered} of {len(delays) + ours.unanswered}",
    )


async def run_floor(sizes: Sizes) -> Table:
    """The floor alone."""
    table = Table("Floor: a bare server with voice activity", ("chunks", "sessions", "us/session s", "per core"))
    for chunk_ms in sizes.chunks_ms:
        floor = await cost(FLOOR, chunk_ms, sizes)
        table.rows.append((f"{chunk_ms} ms", floor.sessions, floor.cpu_us, floor.per_core))
    return table
