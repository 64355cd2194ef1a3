"""A puppet for an engine, servers on real ports, and a client that speaks JSON and nothing more."""

import asyncio
import base64
import json
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.calls.clock import Clock
from antiphon.engines.base import NOTHING, Abilities, EngineUnavailable
from antiphon.live import events
from antiphon.live.policy import Policy
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.server.config import Config
from antiphon.server.running import Server
from antiphon.store.database import Database

MODEL = "models/gemini-3.8-live"
PATH = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
CHUNK = bytes(12_000)
"""250 ms of model speech."""
PATIENCE = 20.0
"""Seconds until a test that waits for something that does not come fails."""


class Puppet:
    """One conversation: answers as its engine says, and does whatever else a test emits."""

    def __init__(self, engine: "PuppetEngine", setup: Setup) -> None:
        self.setup = setup
        self.sent: list[events.UserEvent] = []
        self._engine = engine
        self._events: asyncio.Queue[events.ModelEvent] = asyncio.Queue()

    def emit(self, *said: events.ModelEvent) -> None:
        """Do something, now."""
        for event in said:
            self._events.put_nowait(event)

    def send(self, event: events.UserEvent) -> None:
        self.sent.append(event)
        self._engine.news.set()
        self.emit(*self._engine.react(self, event))

    async def told(self, kind: type, count: int = 1) -> list[Any]:
        """The user events of ``kind``, once there are ``count``."""
        while len(found := [event for event in self.sent if isinstance(event, kind)]) < count:
            self._engine.news.clear()
            async with asyncio.timeout(PATIENCE):
                await self._engine.news.wait()
        return found

    async def __aiter__(self) -> AsyncIterator[events.ModelEvent]:
        while True:
            yield await self._events.get()

    async def aclose(self) -> None:
        self._engine.living.discard(self)


class PuppetEngine:
    """Answers at once, and with what the user said last: ``chunks`` of silence and the words.

    ``hears`` is what it makes of the next audio. ``answers`` False lets a test make the answer itself.
    """

    abilities = Abilities("puppet")

    def __init__(self) -> None:
        self.chunks: Sequence[bytes] = [CHUNK] * 3
        self.answers = True
        self.hears: list[events.ModelEvent] = []
        self.unavailable = ""
        self.living: set[Puppet] = set()
        self.opened = 0
        self.latest: Puppet
        self.started = self.closed = 0
        self.news = asyncio.Event()

    async def start(self) -> None:
        self.started += 1

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Puppet:
        if self.unavailable:
            raise EngineUnavailable(self.unavailable)
        self.latest = Puppet(self, setup)
        self.living.add(self.latest)
        self.opened += 1
        return self.latest

    async def aclose(self) -> None:
        self.closed += 1

    def react(self, puppet: Puppet, event: events.UserEvent) -> list[events.ModelEvent]:
        """What the engine does about a user event."""
        match event:
            case events.Audio():
                heard, self.hears = self.hears, []
                return heard
            case events.Respond(number, history) if self.answers:
                asked = next((turn.text for turn in reversed(history) if turn.role == "user" and turn.text), "")
                return self._answer(puppet, number, asked)
            case events.ToolResults(number, results) if self.answers:
                return self._answer(puppet, number, str(results[0].response))
        return []

    def _answer(self, puppet: Puppet, number: int, words: str) -> list[events.ModelEvent]:
        complete = events.GenerationComplete(number)
        if puppet.setup.modality == "text":
            return [events.ModelText(number, words), complete]
        speech = [events.Speech(number, chunk) for chunk in self.chunks]
        return [*speech, events.OutputTranscript(number, words, 0.0), complete]


class Client:
    """A client of the Live API that shows what is on the wire."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, message: dict[str, Any] | str | bytes) -> None:
        # That the server has closed is for closed() to show.
        with suppress(ConnectionClosed):
            await self.socket.send(json.dumps(message) if isinstance(message, dict) else message)

    async def receive(self) -> dict[str, Any]:
        """The next message. Frames are binary and ASCII, whatever they hold."""
        async with asyncio.timeout(PATIENCE):
            frame = await self.socket.recv()
        assert isinstance(frame, bytes)
        message = json.loads(frame.decode("ascii"))
        assert isinstance(message, dict)
        return message

    async def setup(self, **setup: Any) -> dict[str, Any]:
        await self.send({"setup": {"model": MODEL, **setup}})
        return await self.receive()

    async def text(self, text: str) -> None:
        await self.send({"realtimeInput": {"text": text}})

    async def audio(self, pcm: bytes = bytes(640), mime_type: str = "audio/pcm;rate=16000") -> None:
        data = base64.b64encode(pcm).decode()
        await self.send({"realtimeInput": {"audio": {"data": data, "mimeType": mime_type}}})

    async def turn(self) -> list[dict[str, Any]]:
        """Messages up to and with ``turnComplete``."""
        messages = []
        while not messages or "turnComplete" not in messages[-1].get("serverContent", {}):
            messages.append(await self.receive())
        return messages

    async def closed(self) -> tuple[int, str]:
        """The code and the reason of the server's close, after whatever else it sent."""
        with suppress(ConnectionClosed):
            while True:
                await self.receive()
        frame = self.socket.protocol.close_rcvd
        assert frame is not None, "the connection was lost without a close frame"
        return frame.code, frame.reason

    def vanish(self) -> None:
        """Be gone without a close frame."""
        self.socket.transport.abort()


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """What messages are, in words."""
    return [key for message in messages for key in (message.get("serverContent") or message)]


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Runs on both event loops what depends on how their transports buffer and drop."""
    own: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if item.path.name != "test_live_endings.py" or sys.platform == "win32":
        return own
    import uvloop

    return {**own, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def puppet() -> PuppetEngine:
    return PuppetEngine()


@pytest.fixture
def make_puppet() -> type[PuppetEngine]:
    """For servers on a loop of their own."""
    return PuppetEngine


@pytest.fixture(name="kinds")
def kinds_fixture() -> Callable[[list[dict[str, Any]]], list[str]]:
    return kinds


class _Brisk:
    """asyncio for uvicorn, which looks every tenth of a second whether it shall stop, and whether it has stopped."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, delay: float) -> None:
        await asyncio.sleep(delay / 20)


@pytest.fixture(scope="module", autouse=True)
def _brisk_stops() -> Iterator[None]:
    """Servers end in a twentieth of the time: hundreds of tests end one or more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("uvicorn.server.asyncio", _Brisk())
        yield


Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database of the test's own."""
    database = Database(tmp_path / "store.sqlite")
    await database.open()
    yield database
    await database.aclose()


@pytest.fixture
async def serve(puppet: PuppetEngine, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts servers with the puppet; all of them, and whatever they began, have ended after the test."""
    before = asyncio.all_tasks()
    servers: list[Server] = []

    async def start(clock: Clock | None = None, **settings: Any) -> Server:
        # The puppet's sounds are compared to the sample.
        defaults = {"port": 0, "tls_port": None, "data_dir": tmp_path, "drain": 0.0, "watermark": False}
        session = settings.pop("session", Policy(pace_turns=False))
        server = Server(Config(**{**defaults, **settings}, session=session), puppet, clock)
        await server.start()
        servers.append(server)
        return server

    yield start
    await asyncio.gather(*(server.stop() for server in servers))
    left = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    assert not left, left
    assert not puppet.living, "every conversation ends with its session"


@pytest.fixture
async def server(serve: Serve) -> Server:
    """A server without keys."""
    return await serve()


Dial = Callable[..., Awaitable[Client]]


@pytest.fixture
async def dial(serve: Serve) -> AsyncIterator[Dial]:
    """Connects clients to a server; they are gone before it is."""
    clients: list[Client] = []

    async def dial(server: Server, path: str = PATH, tls: ssl.SSLContext | None = None, **options: Any) -> Client:
        base = (server.tls_url if tls else server.url) or ""
        settings: dict[str, Any] = {"compression": None, "proxy": None, "ssl": tls, "max_size": 1 << 20, **options}
        client = Client(await connect(base.replace("http", "ws", 1) + path, **settings))
        clients.append(client)
        return client

    yield dial
    for client in clients:
        client.vanish()
    await asyncio.gather(*(client.socket.wait_closed() for client in clients))


@pytest.fixture
async def client(server: Server, dial: Dial) -> Client:
    """A client of :func:`server` that has sent nothing yet."""
    return await dial(server)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (nothing announces it)
            await asyncio.sleep(0.005)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Awaitable[None]]:
    """Waits for a condition that nothing announces."""
    return _until


@pytest.fixture
async def get(serve: Serve) -> AsyncIterator[Callable[..., Awaitable[httpx.Response]]]:
    """Requests without a client library of the API."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:

        async def get(url: str, method: str = "GET", **options: Any) -> httpx.Response:
            return await http.request(method, url, **options)

        yield get


async def _settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def settle() -> Callable[[], Awaitable[None]]:
    """Lets every task do what it can do now."""
    return _settle
