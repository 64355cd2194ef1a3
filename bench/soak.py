"""Whether anything stays behind when many people talk to a server for a long time.

A server process, and visitors who come and go: each sends sound at the pace of a microphone, mostly faint noise, says
a sentence now and then (into an answer, if there is one), answers function calls or forgets to, and after a while
moves to a new connection, leaves politely, or is cut off. What the server's process holds is counted all along. After
a small crowd has warmed everything up and left, and again after the last visitor left, it should hold the same.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import cycle, islice

from msgspec import Struct
from msgspec.structs import asdict

from antiphon.testing import SPOKEN
from antiphon.wire.gemini import client
from bench.child import Census, Holdings, ServerProcess, serving
from bench.load import Caller, chunks, faint, framed, message, setup
from bench.report import Cell, Sizes, Table

SESSIONS = 20
SECONDS = 60.0
SAMPLES = 12
CHUNKS_MS = (20, 40, 40, 100, 100, 100, 100, 100, 100, 100)
"""How visitors cut their sound, one after the other."""
SLACK = {"sessions": 0, "tasks": 0, "descriptors": 8, "sockets": 0, "threads": 8, "children": 0}
"""By how much a server may hold more than before: pools of threads and of database connections fill up once."""
MORE_OBJECTS = 0.05
"""By what share there may be more Python objects than before."""
_WARM_UP = 10
_SILENCE_MS = 300
_SETTLE = 20.0
_TOOL_SECONDS = 0.3
_FORGETS = 0.2
_FEW = 2_000
"""Bytes that a message has which is not sound."""

Seconds = tuple[float, float]


class Manners(Struct, frozen=True):
    """How long visitors stay, and how long they are silent between sentences: from so many seconds to so many."""

    stay: Seconds
    silence: Seconds


def manners(seconds: float) -> Manners:
    """Such that there are several visits in so many seconds, with a turn in most of them."""
    stay, silence = max(4.0, min(60.0, seconds / 3)), max(2.0, min(14.0, seconds / 10))
    return Manners((stay / 3, stay), (min(1.0, silence / 4), silence))


class Visitor:
    """Somebody who talks to the server until told to stop; what happened is added to ``events``."""

    def __init__(self, server: ServerProcess, number: int, manners: Manners, events: Counter[str]) -> None:
        self._server = server
        self._chunk_ms = CHUNKS_MS[number % len(CHUNKS_MS)]
        self._manners = manners
        self._events = events
        self._random = random.Random(number)
        self._handle = ""
        self._caller: Caller

    async def stay(self, until: float) -> None:
        """Visit again and again."""
        await asyncio.sleep(self._random.random())
        await self._enter()
        while time.monotonic() < until:
            await self._talk(min(until, time.monotonic() + self._random.uniform(*self._manners.stay)))
            await self._leave(again=time.monotonic() < until)
        if not self._caller.gone:
            await self._caller.close()

    async def _enter(self) -> None:
        """Connect, to go on with the last session if there is a handle to it."""
        handle, self._handle = self._handle, ""
        try:
            await self._connect(handle)
        except ConnectionError as error:
            self._events[f"closed by the server: {error}"] += 1
            await self._connect("")

    async def _connect(self, handle: str) -> None:
        self._caller = caller = Caller(self._server.url, _wanted(handle), lambda text, _: self._read(caller, text))
        await caller.connect(self._server.port)
        self._events["resumed" if handle else "new sessions"] += 1

    async def _leave(self, again: bool) -> None:
        """End the visit, most often without a word, and begin another."""
        old, way = self._caller, self._random.random()
        if old.gone:
            self._events[f"closed by the server: {old.close_reason}"] += 1
            self._handle = ""
        elif way < 0.4:
            # A new connection takes over, while the old one is still there.
            await self._enter()
            self._events["moves"] += 1
            if not old.gone:
                await old.close()
            return
        elif way < 0.7:
            old.transport.abort()
            self._events["drops"] += 1
        else:
            await old.close()
            self._handle = ""
        if again:
            await self._enter()

    async def _talk(self, until: float) -> None:
        """Send sound until it is time to leave."""
        due, sound = time.monotonic(), self._sound()
        while due < until and not self._caller.gone:
            self._caller.transport.write(next(sound))
            due += self._chunk_ms / 1000
            await asyncio.sleep(due - time.monotonic())

    def _sound(self) -> Iterator[bytes]:
        """Silence and sentences, frame by frame."""
        while True:
            silent = self._random.uniform(*self._manners.silence)
            yield from islice(cycle(_noise(self._chunk_ms)), round(1000 * silent / self._chunk_ms))
            yield from _sentence(self._chunk_ms)
            self._events["sentences"] += 1

    def _read(self, caller: Caller, text: bytes) -> None:
        if len(text) > _FEW:
            self._events["sound"] += 1
            return
        told = json.loads(text)
        content = told.get("serverContent", {})
        self._events["turns"] += content.get("turnComplete", False)
        self._events["interruptions"] += content.get("interrupted", False)
        update = told.get("sessionResumptionUpdate", {})
        self._handle = update.get("newHandle") or self._handle
        for call in told.get("toolCall", {}).get("functionCalls", []):
            self._events["calls"] += 1
            if self._random.random() >= _FORGETS:
                asyncio.get_running_loop().call_later(_TOOL_SECONDS, self._answer, caller, call)

    def _answer(self, caller: Caller, call: dict[str, str]) -> None:
        if not caller.gone:
            answer = {"id": call["id"], "name": call["name"], "response": {"output": "done"}}
            caller.transport.write(framed(json.dumps({"toolResponse": {"functionResponses": [answer]}})))


@cache
def _noise(chunk_ms: int) -> list[bytes]:
    return faint(chunk_ms)


@cache
def _sentence(chunk_ms: int) -> list[bytes]:
    return [framed(message(pcm)) for pcm in chunks(SPOKEN["turn_on_the_kitchen_lights"].pcm, chunk_ms)]


def _wanted(handle: str) -> client.Setup:
    wanted = setup(_SILENCE_MS, client.Modality.AUDIO)
    wanted.output_audio_transcription = client.AudioTranscriptionConfig()
    wanted.session_resumption = client.SessionResumptionConfig(handle=handle)
    wanted.tools = [client.Tool(function_declarations=[client.FunctionDeclaration(name="set_lights")])]
    return wanted


class Sample(Struct, frozen=True):
    """What a server held ``at`` so many seconds."""

    at: float
    census: Census
    holdings: Holdings
    cpu: float
    """Processor seconds it used so far, without its children's."""

    def count(self, what: str) -> int:
        """One of the numbers of :data:`SLACK`, or ``objects``."""
        return int((asdict(self.census) | asdict(self.holdings))[what])

    def left_behind(self, before: "Sample") -> list[str]:
        """What there is more of than before, in words."""
        counts = {what: (before.count(what), self.count(what)) for what in SLACK}
        left = [f"{what}: {was} before, {now} after" for what, (was, now) in counts.items() if now > was + SLACK[what]]
        was, now = before.census.objects, self.census.objects
        return left + ([f"objects: {was:,} before, {now:,} after"] if now > was * (1 + MORE_OBJECTS) else [])


class Soak:
    """One run against one server."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._began = time.monotonic()

    async def sample(self) -> Sample:
        """Count now."""
        census = await self._server.census()
        return Sample(time.monotonic() - self._began, census, self._server.holdings(), self._server.cpu_seconds())

    async def crowd(self, count: int, seconds: float) -> tuple[list[Sample], Counter[str]]:
        """Let visitors come for ``seconds``; what was counted meanwhile, and what happened."""
        events: Counter[str] = Counter()
        until = time.monotonic() + seconds
        visitors = [Visitor(self._server, number, manners(seconds), events) for number in range(count)]
        async with asyncio.TaskGroup() as tasks:
            for visitor in visitors:
                tasks.create_task(visitor.stay(until))
            samples = [await self._sample_in(seconds / SAMPLES) for _ in range(SAMPLES - 1)]
        return samples, events

    async def _sample_in(self, seconds: float) -> Sample:
        await asyncio.sleep(seconds)
        return await self.sample()

    async def settled(self, before: Sample | None = None) -> Sample:
        """The first sample without sessions, or without anything left behind; the last one if there is none."""
        patience = time.monotonic() + _SETTLE
        while True:
            sample = await self._sample_in(0.5)
            at_rest = not sample.left_behind(before) if before else not sample.census.sessions
            if at_rest or time.monotonic() > patience:
                return sample


async def run(sizes: Sizes) -> Table:
    """A small crowd to warm up, then the real one."""
    count, seconds = sizes.sessions or SESSIONS, sizes.seconds or SECONDS
    async with serving("busy", loop=sizes.loop) as server:
        soak = Soak(server)
        await soak.crowd(min(_WARM_UP, count), min(15.0, seconds / 2))
        before = await soak.settled()
        samples, events = await soak.crowd(count, seconds)
        after = await soak.settled(before)
    return _table(before, samples, after, events)


def _table(before: Sample, samples: Sequence[Sample], after: Sample, events: Counter[str]) -> Table:
    columns = ("moment", "sessions", "resident MB", "objects", *(each for each in SLACK if each != "sessions"), "CPU")
    table = Table("A soak: what the server's process holds", columns)
    table.rows.append(_row("before", before, None))
    for previous, sample in zip([before, *samples], samples, strict=False):
        minutes, seconds = divmod(round(sample.at - before.at), 60)
        table.rows.append(_row(f"{minutes}:{seconds:02}", sample, previous))
    table.rows.append(_row("after", after, None))
    left = after.left_behind(before)
    table.ok = not left and not any(event.startswith("closed by the server") for event in events)
    happened = ", ".join(f"{number:,} {event}" for event, number in sorted(events.items()))
    table.notes = [happened, f"left behind: {'; '.join(left)}" if left else "nothing left behind", _slack()]
    return table


def _row(moment: str, sample: Sample, previous: Sample | None) -> tuple[Cell, ...]:
    used: Cell = ""
    if previous is not None:
        used = f"{(sample.cpu - previous.cpu) / (sample.at - previous.at):.0%}"
    counts = (sample.count(what) for what in SLACK if what != "sessions")
    memory = sample.holdings.memory / 1e6
    return moment, sample.census.sessions, memory, sample.census.objects, *counts, used


def _slack() -> str:
    pools = " and ".join(f"{more} more {what}" for what, more in SLACK.items() if more)
    return f"pools may have filled by up to {pools}, caches by {MORE_OBJECTS:.0%} more objects; memory is not judged"
