"""What a relay's conversation costs per pair of frames, beside a socket that only copies.

An upstream in a process of its own answers every 20 ms of sound with 20 ms of speech. This process is the other side,
three times under the same pacing: with nothing but the timers, with bare sockets that send a frame made beforehand and
forget what comes, and with conversations of :mod:`antiphon.engines.relay` from event to event. Not in it: the client's
socket and the session.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.frames import audio_frame
from antiphon.engines.relay.gemini import relay
from antiphon.live.events import Audio, RelayedSpeech
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup
from antiphon.providers.gemini_live import dial, live_url
from antiphon.wire.gemini.encode import encode_audio
from bench.report import Sizes, Table, percentile

SESSIONS = 20
SECONDS = 5.0
PERIOD = 0.02
MODEL = "gemini-3.1-flash-live-preview"
_PCM = bytes(640)
_SPEECH = encode_audio(bytes(960))

Send = Callable[[], None]
Arrived = Callable[[], None]
Side = Callable[[str, Arrived], Awaitable[tuple[Send, Callable[[], Awaitable[None]]]]]
"""Opens one session; ``Arrived`` is called for each piece of speech. Returns how to send sound, and how to close."""


async def run(sizes: Sizes) -> Table:
    """The table of all three."""
    sessions, seconds = sizes.sessions or SESSIONS, sizes.seconds or SECONDS
    title = (
        f"Relay of {sessions} sessions, {len(audio_frame(_PCM, 16_000))} bytes up and {len(_SPEECH)} down each 20 ms"
    )
    table = Table(title, ("", "CPU µs per pair", "there and back p50, ms", "p99, ms"))
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.relay", stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    url = f"http://127.0.0.1:{int(await process.stdout.readline())}"
    try:
        for name, side in (("timers alone", _nothing), ("bare sockets", _bare), ("relay", _relay)):
            cpu, delays = await _measure(side, url, sessions, seconds)
            milliseconds = [1_000 * delay for delay in delays]
            table.rows.append((name, cpu, percentile(milliseconds, 50), percentile(milliseconds, 99)))
    finally:
        process.terminate()
        await process.wait()
    costs = [float(row[1]) for row in table.rows]
    table.notes.append(f"the relay adds {costs[2] - costs[1]:.1f} µs to the {costs[1] - costs[0]:.1f} of bare sockets")
    return table


async def _measure(side: Side, url: str, sessions: int, seconds: float) -> tuple[float, list[float]]:
    """Microseconds of processor time per pair, and the delays."""
    callers = [_Caller() for _ in range(sessions)]
    opened = [await side(url, caller.arrived) for caller in callers]
    for caller, (send, _) in zip(callers, opened, strict=True):
        caller.send = send
    began = time.process_time()
    await asyncio.gather(*(caller.talk(seconds, number / sessions) for number, caller in enumerate(callers)))
    used = time.process_time() - began
    await asyncio.gather(*(close() for _, close in opened))
    sent = sum(caller.sent for caller in callers)
    return 1e6 * used / sent, [delay for caller in callers for delay in caller.delays]


class _Caller:
    """Sends sound every 20 ms, and times what comes back."""

    def __init__(self) -> None:
        self.send: Send = lambda: None
        self.sent = 0
        self.delays: list[float] = []
        self._sent_at = 0.0

    def arrived(self) -> None:
        """Speech came."""
        self.delays.append(time.perf_counter() - self._sent_at)

    async def talk(self, seconds: float, phase: float) -> None:
        """Send for so long; ``phase`` is where in the period."""
        loop = asyncio.get_running_loop()
        start = loop.time() + PERIOD * phase
        for number in range(round(seconds / PERIOD)):
            await asyncio.sleep(start + number * PERIOD - loop.time())
            self._sent_at = time.perf_counter()
            self.send()
            self.sent += 1
        await asyncio.sleep(PERIOD)


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


class _Upstream(WSListener):
    """Completes the setup, and answers sound with speech."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message of the client."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.get_payload_as_bytes().startswith(b'{"setup"'):
            transport.send(WSMsgType.BINARY, b'{"setupComplete":{}}')
        else:
            transport.send(WSMsgType.BINARY, _SPEECH)


async def _serve() -> None:
    server = await ws_create_server(lambda _: _Upstream(), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
