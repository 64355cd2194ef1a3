"""The short way past ASGI: however the bytes of a client are cut, its messages arrive once each and in order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from antiphon.server.socket import STRAIGHT, SocketProtocol

_REQUEST = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
LIMIT = 70_000


class Transport:
    """Remembers what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.closing = False

    def get_extra_info(self, name: str) -> None:
        """Nothing is known."""

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def pause_reading(self) -> None:
        """Nothing is read anyway."""

    abort = close
    resume_reading = pause_reading


class Connection:
    """A connection and an application that takes what begins with ``s`` straight, and the rest in its time."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.taken: list[bytes] = []
        config = uvicorn.Config(self._serve, interface="asgi3", ws_max_size=LIMIT, lifespan="off", log_config=None)
        config.load()
        self.protocol = SocketProtocol(config, ServerState(), {})
        transport: Any = Transport()
        self.transport: Transport = transport
        self.protocol.connection_made(transport)

    async def open(self) -> None:
        self.protocol.data_received(_REQUEST)
        for _ in range(3):
            await asyncio.sleep(0)
        assert self.transport.written.startswith(b"HTTP/1.1 101")
        self.transport.written = b""

    async def close(self) -> None:
        self.protocol.connection_lost(None)
        await asyncio.gather(*self.protocol.tasks)

    async def _serve(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        protocol = scope["extensions"][STRAIGHT]
        while True:
            protocol.taker = self._take
            event = await receive()
            protocol.taker = None
            if event["type"] == "websocket.disconnect":
                return
            # What has to be looked up takes its time.
            await asyncio.sleep(0)
            text = event.get("text")
            self.messages.append(event["bytes"] if text is None else text.encode())

    def _take(self, message: bytes) -> bool:
        if message.startswith(b"s"):
            self.taken.append(message)
            self.messages.append(message)
        return message.startswith(b"s")


def framed(message: bytes, *, text: bool = True, pieces: int = 1) -> bytes:
    """A message of a client in so many fragments."""
    size = max(1, -(-len(message) // pieces))
    parts = [message[at : at + size] for at in range(0, max(1, len(message)), size)]
    first = Opcode.TEXT if text else Opcode.BINARY
    frames = (
        Frame(first if not number else Opcode.CONT, part, fin=number == len(parts) - 1)
        for number, part in enumerate(parts)
    )
    return b"".join(frame.serialize(mask=True) for frame in frames)


sizes = st.sampled_from([0, 1, 5, 124, 125, 126, 127, 1300, 65_534, 65_535, 65_536])
said = st.builds(lambda kind, size: kind + b"." * size, st.sampled_from([b"s", b"s", b"t"]), sizes)
sent = st.tuples(said, st.booleans(), st.sampled_from([1, 1, 1, 2, 3]))
cuts = st.lists(st.tuples(st.integers(1, 3000), st.booleans()), min_size=1, max_size=8)


@given(st.lists(sent, max_size=8), cuts)
@settings(deadline=None, max_examples=60)
def test_messages_arrive_once_and_in_order(messages: list[tuple[bytes, bool, int]], cuts: list[Any]) -> None:
    asyncio.run(walk(messages, cuts))


async def walk(messages: list[tuple[bytes, bool, int]], cuts: list[tuple[int, bool]]) -> None:
    connection = Connection()
    await connection.open()
    stream = b"".join(framed(message, text=text, pieces=pieces) for message, text, pieces in messages)
    number = 0
    while stream:
        size, rests = cuts[number % len(cuts)]
        # Small pieces everywhere would take long; the first bytes are where headers are.
        size = size if number < 40 else 40_000
        connection.protocol.data_received(stream[:size])
        stream, number = stream[size:], number + 1
        if rests:
            await asyncio.sleep(0)
    for _ in range(4 * len(messages) + 4):
        await asyncio.sleep(0)
    await connection.close()
    assert connection.messages == [message for message, _, _ in messages]


async def test_sound_is_taken_at_once() -> None:
    connection = Connection()
    await connection.open()
    connection.protocol.data_received(framed(b"s1") + framed(b"s2", text=False) + framed(b"t") + framed(b"s3"))
    assert connection.taken == [b"s1", b"s2"], "what follows something else waits for it"
    for _ in range(5):
        await asyncio.sleep(0)
    connection.protocol.data_received(framed(b"s4"))
    assert connection.messages == [b"s1", b"s2", b"t", b"s3", b"s4"]
    assert connection.taken == [b"s1", b"s2", b"s4"]
    await connection.close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Frame(Opcode.TEXT, b"s").serialize(mask=False), 1002),
        (b"\xc1" + framed(b"s")[1:], 1002),
        (Frame(Opcode.CONT, b"s").serialize(mask=True), 1002),
        (Frame(Opcode.TEXT, b"s", fin=False).serialize(mask=True) + framed(b"s"), 1002),
        (framed(b"t" + bytes(LIMIT)), 1009),
    ],
    ids=["unmasked", "reserved bit", "continues nothing", "inside another", "too large"],
)
async def test_what_the_protocol_forbids_is_refused(wrong: bytes, code: int) -> None:
    connection = Connection()
    await connection.open()
    connection.protocol.data_received(framed(b"s1") + wrong)
    assert connection.messages == [b"s1"]
    assert code.to_bytes(2) in connection.transport.written[:4]
    await connection.close()


async def test_nothing_is_taken_after_a_close_frame() -> None:
    connection = Connection()
    await connection.open()
    connection.protocol.data_received(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True) + framed(b"s"))
    assert not connection.messages
    await connection.close()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
async def test_it_writes_frames_as_the_protocol_would(size: int) -> None:
    connection = Connection()
    await connection.open()
    assert connection.protocol.write(bytes(size))
    assert connection.transport.written == Frame(Opcode.BINARY, bytes(size)).serialize(mask=False)
    await connection.close()


async def test_it_writes_while_the_client_keeps_up_and_the_connection_is_open() -> None:
    connection = Connection()
    await connection.open()
    assert connection.protocol.write(b"abc")
    assert connection.transport.written == b"\x82\x03abc"
    connection.protocol.pause_writing()
    assert not connection.protocol.write(b"abc")
    connection.protocol.resume_writing()
    connection.protocol.data_received(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
    assert not connection.protocol.write(b"abc")
    await connection.close()
