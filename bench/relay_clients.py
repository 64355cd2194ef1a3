"""Clients of a relay: 20 ms of sound every 20 ms, and how long each piece takes to be answered."""

import asyncio
import base64
import json
import time
from collections import deque
from collections.abc import Sequence

from msgspec import Struct
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from antiphon.providers.live import PATH

PERIOD = 0.02
PATIENCE = 5.0
"""Seconds that the last answers may take."""


class Dialect(Struct, frozen=True):
    """What clients of one kind dial, send first, send always, and take for readiness and for speech."""

    path: str
    setup: bytes
    ready: bytes
    sound: bytes
    speech: bytes


def _json(value: object) -> bytes:
    # With the spaces that json.dumps of the official Python clients leaves in.
    return json.dumps(value).encode()


_MODEL = "gemini-3.1-flash-live-preview"
_SETUP = {"model": f"models/{_MODEL}", "generationConfig": {"responseModalities": ["AUDIO"]}}
_AUDIO = {"data": base64.urlsafe_b64encode(bytes(640)).decode(), "mime_type": "audio/pcm;rate=16000"}

GEMINI = Dialect(
    path=PATH,
    setup=_json({"setup": _SETUP}),
    ready=b'"setupComplete"',
    sound=_json({"realtime_input": {"audio": _AUDIO}}),
    speech=b'"inlineData"',
)
"""The Live API as google-genai writes it."""

OPENAI = Dialect(
    path="/v1/realtime?model=relay",
    setup=_json({"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio"]}}),
    ready=b'"session.updated"',
    sound=_json({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(960)).decode()}),
    speech=b'audio.delta"',
)
"""OpenAI Realtime, for relays that take nothing else."""


class Client(WSListener):
    """One session."""

    def __init__(self, dialect: Dialect, key: str = "") -> None:
        self.delays: list[float] = []
        """Seconds from writing a piece of sound to the arrival of its answer."""
        self._dialect = dialect
        self._key = key
        self._sent: deque[float] = deque()
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport: WSTransport

    @property
    def waits(self) -> int:
        """How many pieces were not answered yet."""
        return len(self._sent)

    async def connect(self, url: str) -> None:
        """Open the session; it is ready afterwards."""
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        address = url.replace("http", "ws", 1) + self._dialect.path
        transport, _ = await ws_connect(lambda: self, address, extra_headers=headers)
        self._transport = transport
        self._transport.send(WSMsgType.TEXT, self._dialect.setup)
        async with asyncio.timeout(4 * PATIENCE):
            await self._ready

    async def close(self) -> None:
        """Leave."""
        self._transport.send_close(WSCloseCode.OK)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._transport.wait_disconnected()
        except TimeoutError:
            self._transport.disconnect(False)

    def speak(self) -> None:
        """Send a piece of sound."""
        self._sent.append(time.perf_counter())
        self._transport.send(WSMsgType.TEXT, self._dialect.sound)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message came; pieces are answered in order."""
        message = frame.get_payload_as_bytes()
        if self._dialect.speech in message:
            self.delays.append(time.perf_counter() - self._sent.popleft())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(message)
        elif not self._ready.done() and self._dialect.ready in message:
            self._ready.set_result(None)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        if not self._ready.done():
            self._ready.set_exception(ConnectionError("closed before it was ready"))


async def talk(clients: Sequence[Client], seconds: float) -> None:
    """Send sound for so long, the clients' phases spread evenly, and wait for all answers.

    Raises:
        RuntimeError: some never came.
    """
    loop = asyncio.get_running_loop()
    begin, pieces = loop.time() + PERIOD, round(seconds / PERIOD)
    await asyncio.gather(
        *(_talk(client, begin + PERIOD * number / len(clients), pieces) for number, client in enumerate(clients))
    )
    for _ in range(round(PATIENCE / PERIOD)):
        await asyncio.sleep(PERIOD)
        missing = sum(client.waits for client in clients)
        if not missing:
            break
    else:
        raise RuntimeError(f"{missing} of {pieces * len(clients)} pieces of sound were never answered")


async def _talk(client: Client, begin: float, pieces: int) -> None:
    loop = asyncio.get_running_loop()
    for number in range(pieces):
        await asyncio.sleep(begin + number * PERIOD - loop.time())
        client.speak()
