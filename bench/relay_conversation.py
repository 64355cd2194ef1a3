"""What a relay's conversation costs per pair of frames, beside a socket that only copies.

An upstream in a process of its own (:mod:`bench.relay_upstream`) answers every 20 ms of sound with 20 ms of speech.
This process is the other side, three times under the same pacing: with nothing but the timers, with bare sockets that
send a frame made beforehand and forget what comes, and with conversations of :mod:`antiphon.engines.relay` from event
to event. Not in it: the client's socket and the session. Those are in :mod:`bench.relay`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.frames import audio_frame
from antiphon.engines.relay.gemini import relay
from antiphon.live.events import Audio, RelayedSpeech
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup
from antiphon.providers.gemini_live import dial, live_url

SESSIONS = 20
SECONDS = 5.0
PERIOD = 0.02
MODEL = "gemini-3.1-flash-live-preview"
_PCM = bytes(640)

Send = Callable[[], None]
Arrived = Callable[[], None]
Side = Callable[[str, Arrived], Awaitable[tuple[Send, Callable[[], Awaitable[None]]]]]
"""Opens one session; ``Arrived`` is called for each piece of speech. Returns how to send sound, and how to close."""


async def alone(url: str, sessions: int = SESSIONS, seconds: float = SECONDS) -> tuple[float, float]:
    """Microseconds of processor per pair of frames: of bare sockets, timers left out; and what the relay adds."""
    timers, bare, relayed = [await _measure(side, url, sessions, seconds) for side in (_nothing, _bare, _relay)]
    return bare - timers, relayed - bare


async def _measure(side: Side, url: str, sessions: int, seconds: float) -> float:
    """Microseconds of processor time per pair."""
    callers = [_Caller() for _ in range(sessions)]
    opened = [await side(url, caller.arrived) for caller in callers]
    for caller, (send, _) in zip(callers, opened, strict=True):
        caller.send = send
    began = time.process_time()
    await asyncio.gather(*(caller.talk(seconds, number / sessions) for number, caller in enumerate(callers)))
    used = time.process_time() - began
    await asyncio.gather(*(close() for _, close in opened))
    sent, came = sum(caller.sent for caller in callers), sum(caller.came for caller in callers)
    if side is not _nothing and came != sent:
        raise RuntimeError(f"{sent} pieces of sound were sent, and {came} came back")
    return 1e6 * used / sent


class _Caller:
    """Sends sound every 20 ms, and counts what comes back."""

    def __init__(self) -> None:
        self.send: Send = lambda: None
        self.sent = self.came = 0

    def arrived(self) -> None:
        """Speech came."""
        self.came += 1

    async def talk(self, seconds: float, phase: float) -> None:
        """Send for so long; ``phase`` is where in the period."""
        loop = asyncio.get_running_loop()
        start = loop.time() + PERIOD * phase
        for number in range(round(seconds / PERIOD)):
            await asyncio.sleep(start + number * PERIOD - loop.time())
            self.send()
            self.sent += 1
        await asyncio.sleep(5 * PERIOD)


async def _nothing(url: str, arrived: Arrived) -> tuple[Send, Callable[[], Awaitable[None]]]:
    async def close() -> None:
        pass

    return lambda: None, close


class _Ear:
    def __init__(self, arrived: Arrived) -> None:
        self._arrived = arrived

    def on_frame(self, frame: bytes) -> None:
        if len(frame) > 1_000:
            self._arrived()

    def on_writable(self) -> None:
        pass

    def on_closed(self, code: int, reason: str) -> None:
        pass


async def _bare(url: str, arrived: Arrived) -> tuple[Send, Callable[[], Awaitable[None]]]:
    socket = await dial(live_url(url), {}, _Ear(arrived))
    frame = audio_frame(_PCM, 16_000)
    return lambda: socket.send(frame), socket.aclose


async def _relay(url: str, arrived: Arrived) -> tuple[Send, Callable[[], Awaitable[None]]]:
    conversation = await relay(GeminiRelayConfig(MODEL, url)).open(Setup(PROFILES[MODEL]))

    async def listen() -> None:
        async for event in conversation:
            if type(event) is RelayedSpeech:
                arrived()

    task = asyncio.create_task(listen())

    async def close() -> None:
        await conversation.aclose()
        await task

    return lambda: conversation.send(Audio(_PCM, 16_000)), close
