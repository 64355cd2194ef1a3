"""The floor: the least that a Python server can do with the sound of live sessions.

Frames of uvicorn's WebSocket transport, one typed parse, base64, and the voice activity model over all sessions in
batches every 16 ms. It checks nothing, limits nothing, knows one spelling of one message and never answers. What
Antiphon adds to this is its protocol.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pybase64
import soxr
import uvicorn
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE
from antiphon.audio.vad import Vad, load_vad

TICK = 0.016
BATCH = 64


class _Blob(Struct, gc=False):
    data: str


class _Input(Struct, gc=False):
    audio: _Blob


class _Frame(Struct, rename="camel", gc=False):
    realtime_input: _Input


_parse = msgspec.json.Decoder(_Frame).decode


class FloorSession:
    """One session: a buffer and the model's memory of it."""

    __slots__ = ("buffer", "resampler", "state", "voiced")

    def __init__(self, state: object, rate: int = RATE) -> None:
        self.buffer = bytearray()
        self.state = state
        self.voiced = 0
        self.resampler: Any = None
        if rate != RATE:
            self.resampler = soxr.ResampleStream(rate, RATE, 1, dtype="int16", quality="LQ")

    def take(self, frame: str | bytes) -> None:
        """Read one message."""
        pcm = pybase64.b64decode(_parse(frame).realtime_input.audio.data, validate=True)
        if self.resampler is not None:
            pcm = self.resampler.resample_chunk(np.frombuffer(pcm, np.int16)).tobytes()
        self.buffer += pcm


def hear(vad: Vad[Any], sessions: Iterable[FloorSession]) -> int:
    """One frame of every session that has one, in batches; how many had."""
    ready = [session for session in sessions if len(session.buffer) >= FRAME_BYTES]
    for start in range(0, len(ready), BATCH):
        hear_batch(vad, ready[start : start + BATCH])
    return len(ready)


def hear_batch(vad: Vad[Any], batch: list[FloorSession]) -> None:
    """One frame of each of these sessions."""
    sound = b"".join(bytes(session.buffer[:FRAME_BYTES]) for session in batch)
    frames = np.frombuffer(sound, "<i2").reshape(-1, FRAME_SAMPLES)
    probabilities = vad.probabilities([session.state for session in batch], frames).tolist()
    for session, probability in zip(batch, probabilities, strict=True):
        del session.buffer[:FRAME_BYTES]
        session.voiced += probability > 0.5


class FloorServer:
    """The floor behind a socket."""

    def __init__(self) -> None:
        self.port = 0
        self._vad = load_vad().vad
        self._sessions: set[FloorSession] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._uvicorn: uvicorn.Server

    async def start(self) -> None:
        """Serve on a free port of this machine."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            self._serve,
            interface="asgi3",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = uvicorn.Server(config)
        serving = asyncio.create_task(self._uvicorn.serve(sockets=[listener]))
        self._tasks = [serving, asyncio.create_task(self._listen())]

    async def stop(self) -> None:
        """End it."""
        self._uvicorn.should_exit = True
        serving, listening = self._tasks
        await serving
        listening.cancel()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        await send({"type": "websocket.send", "bytes": b'{"setupComplete":{}}'})
        session = FloorSession(self._vad.state())
        self._sessions.add(session)
        while (event := await receive())["type"] != "websocket.disconnect":
            session.take(event.get("text") or event["bytes"])
        self._sessions.discard(session)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due += TICK
            await asyncio.sleep(max(0.0, due - loop.time()))
            ready = [session for session in self._sessions if len(session.buffer) >= FRAME_BYTES]
            for start in range(0, len(ready), BATCH):
                hear_batch(self._vad, ready[start : start + BATCH])
                await asyncio.sleep(0)
