"""Many clients in one process: raw WebSockets whose frames of sound are made once and written over and over."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import cast

import numpy as np
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

from antiphon.audio.frames import RATE
from antiphon.providers.live import PATH
from antiphon.wire.gemini import client
from antiphon.wire.gemini.encode import encode_client

OnMessage = Callable[[bytes, float], None]
"""Takes a message of the server and when it arrived."""

_CONNECTING_AT_ONCE = 20
_TIMEOUT = 60.0
_DIFFERENT_CHUNKS = 50


def setup(silence_ms: int | None = None, modality: client.Modality = client.Modality.TEXT) -> client.Setup:
    """What the clients of benchmarks ask for."""
    detection = client.AutomaticActivityDetection(silence_duration_ms=silence_ms)
    return client.Setup(
        model="models/gemini-3.8-live",
        generation_config=client.GenerationConfig(response_modalities=[modality]),
        realtime_input_config=client.RealtimeInputConfig(automatic_activity_detection=detection),
        input_audio_transcription=client.AudioTranscriptionConfig(),
    )


def message(pcm: bytes, rate: int = RATE) -> str:
    """One chunk of sound as JavaScript clients send it."""
    data = base64.b64encode(pcm).decode()
    return json.dumps({"realtimeInput": {"audio": {"data": data, "mimeType": f"audio/pcm;rate={rate}"}}})


def framed(text: str) -> bytes:
    """A message as the bytes of a client's WebSocket frame."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=True)


def chunks(pcm: bytes, chunk_ms: int, rate: int = RATE) -> list[bytes]:
    """Sound in pieces of ``chunk_ms``; a shorter rest is left out."""
    size = 2 * rate * chunk_ms // 1000
    return [pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size)]


def noise(seconds: float, rate: int = RATE) -> bytes:
    """Faint noise: what a microphone hears most of the time."""
    return np.random.default_rng(0).normal(0, 30, int(seconds * rate)).astype("<i2").tobytes()


class Caller(asyncio.Protocol):
    """One session."""

    def __init__(self, url: str, wanted: client.Setup, on_message: OnMessage | None = None) -> None:
        self._socket = ClientProtocol(parse_uri(url.replace("http", "ws", 1) + PATH), max_size=None)
        self._setup = encode_client(wanted)
        self._on_message = on_message
        loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = loop.create_future()
        self._lost: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport

    @property
    def gone(self) -> bool:
        """Whether the connection is."""
        return self._lost.done()

    @property
    def close_reason(self) -> str:
        """Why the server closed the session; empty if it did not."""
        received = self._socket.close_rcvd
        return f"{received.code} {received.reason}".strip() if received else ""

    async def connect(self, port: int) -> None:
        """Open the session; it is ready afterwards."""
        async with asyncio.timeout(_TIMEOUT):
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
            await self._ready

    async def close(self) -> None:
        """Leave as a polite client does, unless the server closes already."""
        if self._socket.state is State.OPEN:
            self._socket.send_close(1000)
            self._flush()
        async with asyncio.timeout(_TIMEOUT):
            await self._lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server accepted."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._socket.send_request(self._socket.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        """The server sent something."""
        now = time.monotonic()
        self._socket.receive_data(data)
        for event in self._socket.events_received():
            if isinstance(event, Response):
                self._begin()
            elif isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self._take(bytes(event.data), now)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if not self._ready.done():
            self._ready.set_exception(error or ConnectionError(f"refused: {self._socket.close_reason}"))
        self._lost.set_result(None)

    def _begin(self) -> None:
        if self._socket.handshake_exc is not None:
            self._ready.set_exception(self._socket.handshake_exc)
            return
        self._socket.send_text(self._setup)

    def _take(self, text: bytes, now: float) -> None:
        if not self._ready.done():
            self._ready.set_result(None)
        elif self._on_message is not None:
            self._on_message(text, now)

    def _flush(self) -> None:
        for data in self._socket.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.close()


class Crowd:
    """Clients that send sound at the pace of a microphone, their phases spread evenly.

    ``frames`` of the sound are repeated forever; ``on_sent`` is told the caller's number, how many frames it had
    sent before, and when.
    """

    def __init__(
        self,
        callers: Sequence[Caller],
        frames: Sequence[Sequence[bytes]],
        chunk_ms: int,
        on_sent: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self._callers = callers
        self._streams = [cycle(sound) for sound in frames]
        self._period = chunk_ms / 1000
        self._on_sent = on_sent
        self.lateness = 0.0
        """The longest that a frame was written after its time, in seconds."""

    async def send(self, seconds: float) -> None:
        """Send sound for ``seconds``."""
        count = len(self._callers)
        begin, sent, total = time.monotonic(), 0, round(seconds / self._period) * count
        while sent < total:
            now = time.monotonic()
            due = min(total, int((now - begin) / self._period * count) + 1)
            if sent < due:
                self.lateness = max(self.lateness, now - begin - sent / count * self._period)
            for number in range(sent, due):
                self._send_one(number % count, number // count)
            sent = due
            await asyncio.sleep(0.001)

    def _send_one(self, number: int, index: int) -> None:
        if self._on_sent is not None:
            self._on_sent(number, index, time.monotonic())
        self._callers[number].transport.write(next(self._streams[number]))


def faint(chunk_ms: int) -> list[bytes]:
    """Frames of faint noise."""
    return [framed(message(pcm)) for pcm in chunks(noise(_DIFFERENT_CHUNKS * chunk_ms / 1000), chunk_ms)]


async def connect(callers: Sequence[Caller], port: int) -> None:
    """Open all sessions, a few at a time."""
    gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)

    async def one(caller: Caller) -> None:
        async with gate:
            await caller.connect(port)

    await asyncio.gather(*(one(caller) for caller in callers))


async def disconnect(callers: Sequence[Caller]) -> None:
    """Close all sessions."""
    await asyncio.gather(*(caller.close() for caller in callers))
