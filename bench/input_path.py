"""What a message of 20 ms of sound costs between the socket and the decision about it, in one process, no sockets.

Frames go through the product's own path: decode and base64, session, call, conversation, resampler, ears with the
voice activity model in batches. The floor does the same work bare: one typed parse, base64, soxr, the model. The path
is also cut off after each step; the differences are what the steps cost.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.frames import RATE
from antiphon.audio.vad import Vad, load_vad
from antiphon.calls.call import Call
from antiphon.calls.clock import LoopClock
from antiphon.calls.plan import always
from antiphon.engines.base import NOTHING, Abilities, Conversation
from antiphon.engines.cascade.conversation import CascadeConversation
from antiphon.engines.cascade.ears import Ear, Ears, OnFrame, OnSkip
from antiphon.engines.cascade.parts import RecognitionContext
from antiphon.live.events import ModelEvent, UserEvent
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.wire.gemini.decode import decode_client
from bench.floor import FloorSession, hear
from bench.load import chunks, message, noise, setup
from bench.parts import DeafRecogniser, MuteVoice, ShortBrain
from bench.report import Sizes, Table

CHUNK_MS = 20
SESSIONS = 300
SECONDS = 2.0
ROUNDS = 5
RATES = (RATE, 48_000)
_UNLIMITED = Policy(messages_per_second=1e9)
_IDLE_TURNS = 4
_TICK_STEPS, _PHASES = 4, 5  # phases of 4 ms: a round of the ears every 16 ms

Open = Callable[[Setup], Conversation]


class CountingVad:
    """The model, and how many frames it judged."""

    def __init__(self, vad: Vad[Any]) -> None:
        self._vad = vad
        self.state = vad.state
        self.frames = 0

    def probabilities(self, states: Sequence[Any], frames: NDArray[np.int16]) -> NDArray[np.float32]:
        """What the model says."""
        self.frames += len(states)
        return self._vad.probabilities(states, frames)


class _Engine:
    """Opens whatever conversation it was made with."""

    abilities = Abilities("bench")

    def __init__(self, opens: Open) -> None:
        self._open = opens

    async def start(self) -> None: ...

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Conversation:
        return self._open(setup)

    async def aclose(self) -> None: ...


class _NoConversation:
    """Takes everything, does nothing."""

    def send(self, event: UserEvent) -> None: ...

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        await asyncio.Event().wait()
        yield cast("ModelEvent", None)

    async def aclose(self) -> None: ...


class _DeafEars:
    """Ears that hear nothing: the path ends where sound is handed to them."""

    def attach(self, on_frame: OnFrame, on_skip: OnSkip | None = None) -> Ear:
        ear = Ear(None, on_frame, on_skip, lambda _: None, 0)
        ear.close()
        return ear


def _cascade(ears: Ears) -> Open:
    parts = DeafRecogniser(), ShortBrain(), MuteVoice(), RecognitionContext()
    return lambda wanted: CascadeConversation(wanted, ears, *parts)


async def _calls(opens: Open, count: int) -> list[Call]:
    clock = LoopClock()
    calls = [Call(str(number), always(_Engine(opens)), _UNLIMITED, clock) for number in range(count)]
    for call in calls:
        call.receive(setup())
    for call in calls:
        await call.outbox.get()  # setupComplete
    return calls


async def _end(calls: Sequence[Call]) -> None:
    for call in calls:
        call.receive(ClientLeft())
    await asyncio.gather(*(call.ended() for call in calls))


class Stream:
    """Sound for many sessions, spread over phases as it is in life, and the time to take it all."""

    def __init__(self, rate: int, sessions: int, seconds: float) -> None:
        self.frames = [message(pcm, rate) for pcm in chunks(noise(seconds, rate), CHUNK_MS, rate)]
        self.rate = rate
        self.sessions = sessions
        self.messages = len(self.frames) * sessions

    async def cost(self, take: Callable[[int, str], object], hear_all: Callable[[], Awaitable[None]]) -> float:
        """Microseconds of processor time per message. ``hear_all`` is called once for every 16 ms of sound."""
        begin, step = time.process_time(), 0
        for frame in self.frames:
            for phase in range(_PHASES):
                for number in range(phase, self.sessions, _PHASES):
                    take(number, frame)
                step += 1
                if step % _TICK_STEPS == 0:
                    await hear_all()
        await hear_all()
        return (time.process_time() - begin) / self.messages * 1e6


async def _nothing() -> None: ...


async def decode_cost(stream: Stream) -> float:
    """Decode and base64 alone."""
    return await stream.cost(lambda _, frame: decode_client(frame), _nothing)


async def call_cost(stream: Stream, opens: Open) -> float:
    """Decode, then the session, its call and the conversation that ``opens`` makes."""
    calls = await _calls(opens, stream.sessions)

    def take(number: int, frame: str) -> None:
        calls[number].receive(decode_client(frame)[0])

    try:
        return await stream.cost(take, _nothing)
    finally:
        await _end(calls)


async def session_cost(stream: Stream) -> float:
    """Decode, then the session alone."""
    calls = await _calls(lambda _: _NoConversation(), stream.sessions)
    now = time.monotonic

    def take(number: int, frame: str) -> None:
        calls[number].session.receive(decode_client(frame)[0], now())

    try:
        return await stream.cost(take, _nothing)
    finally:
        await _end(calls)


async def whole_cost(stream: Stream, vad: Vad[Any]) -> float:
    """Everything."""
    counting = CountingVad(vad)
    ears = Ears(counting, tick=0)
    calls = await _calls(_cascade(ears), stream.sessions)

    def take(number: int, frame: str) -> None:
        calls[number].receive(decode_client(frame)[0])

    async def hear_all() -> None:
        # A batch takes one turn of the event loop; after some turns without any, nothing is waiting.
        heard = -1
        while heard != counting.frames:
            heard = counting.frames
            for _ in range(_IDLE_TURNS):
                await asyncio.sleep(0)

    try:
        return await stream.cost(take, hear_all)
    finally:
        await _end(calls)
        await ears.aclose()


async def floor_cost(stream: Stream, vad: Vad[Any]) -> float:
    """The floor."""
    sessions = [FloorSession(vad.state(), stream.rate) for _ in range(stream.sessions)]

    async def hear_all() -> None:
        while hear(vad, sessions):
            pass

    return await stream.cost(lambda number, frame: sessions[number].take(frame), hear_all)


async def measure(stream: Stream, vad: Vad[Any], rounds: int) -> list[float]:
    """The path up to the end of each step, the whole, and the floor; the best of some rounds each."""
    steps: list[Callable[[], Awaitable[float]]] = [
        lambda: decode_cost(stream),
        lambda: session_cost(stream),
        lambda: call_cost(stream, lambda _: _NoConversation()),
        lambda: call_cost(stream, _cascade(cast("Ears", _DeafEars()))),
        lambda: whole_cost(stream, vad),
        lambda: floor_cost(stream, vad),
    ]
    costs = [[await step() for step in steps] for _ in range(rounds)]
    return [min(each) for each in zip(*costs, strict=True)]


async def run(sizes: Sizes) -> Table:
    """Both, and the steps, at each rate."""
    columns = ("rate", "decode", "session", "call", "conversation", "ears", "in all", "floor", "ratio")
    table = Table("Input path: us of CPU per message of 20 ms", columns)
    vad = load_vad().vad
    for rate in RATES:
        stream = Stream(rate, sizes.sessions or SESSIONS, sizes.seconds or SECONDS)
        *path, floor = await measure(stream, vad, sizes.rounds or ROUNDS)
        split = [after - before for before, after in pairwise([0.0, *path])]
        table.rows.append((f"{rate / 1000:g} kHz", *split, path[-1], floor, path[-1] / floor))
    table.notes.append("each step is the path up to its end less the path up to the step before; best of the rounds")
    return table
