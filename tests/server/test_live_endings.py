"""Clients that vanish, stop reading or linger, and a server that stops: everything ends, and nobody else notices.

Transports belong to the event loop, so every test of this file runs on asyncio's own and on uvloop.
"""

import asyncio
import contextlib
import gc
import math
import socket
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from antiphon.live import events
from antiphon.live.policy import Policy
from antiphon.server import socket as transport
from antiphon.testing.clock import VirtualClock

SECOND = bytes(48_000)


class Deaf:
    """A raw client with a small receive buffer, which reads only when told to."""

    def __init__(self, server: Any) -> None:
        self._protocol = ClientProtocol(parse_uri(server.url.replace("http", "ws") + "/"), max_size=None)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)
        self._address = ("127.0.0.1", server.port)

    async def open(self) -> "Deaf":
        """Through the handshake and the setup."""
        await asyncio.get_running_loop().sock_connect(self._socket, self._address)
        self._protocol.send_request(self._protocol.connect())
        await self._flush()
        await self._frames(1)
        await self.send('{"setup":{"model":"gemini-3.8-live"}}')
        assert b"setupComplete" in (await self._frames(1))[0].data
        return self

    async def send(self, text: str) -> None:
        self._protocol.send_text(text.encode())
        await self._flush()

    async def read(self, enough: float = math.inf) -> int:
        """Read until there is enough or the connection is gone; how many bytes came."""
        count = 0
        with contextlib.suppress(ConnectionResetError):
            while count < enough and (data := await asyncio.get_running_loop().sock_recv(self._socket, 1 << 16)):
                count += len(data)
        return count

    def close(self) -> None:
        self._socket.close()

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def _frames(self, count: int) -> list[Frame]:
        received: list[Any] = []
        while len(received) < count:
            self._protocol.receive_data(await asyncio.get_running_loop().sock_recv(self._socket, 1 << 16))
            received += self._protocol.events_received()
        return received


@pytest.fixture
async def deaf(server: Any) -> AsyncIterator[Deaf]:
    client = Deaf(server)
    yield await client.open()
    client.close()


def descriptors() -> int:
    """Connections that this process has open, on either side."""
    return len(psutil.Process().net_connections("tcp"))


class TestVanishing:
    @pytest.mark.parametrize("moment", ["connected", "set up", "in a turn", "calling"])
    async def test_a_client_that_vanishes_leaves_nothing(
        self, server: Any, dial: Any, puppet: Any, until: Any, moment: str
    ) -> None:
        connections = descriptors()
        client = await dial(server)
        puppet.answers = False
        if moment != "connected":
            await client.setup()
        if moment in ("in a turn", "calling"):
            await client.text("hi")
            await puppet.latest.told(events.Respond)
            puppet.latest.emit(events.Speech(1, SECOND))
            await client.receive()
        if moment == "calling":
            puppet.latest.emit(events.ToolCalls(1, ()))
        client.vanish()
        await until(lambda: server.sessions == 0 and descriptors() == connections)
        assert not puppet.living

    async def test_others_go_on(self, server: Any, dial: Any, until: Any) -> None:
        stays, goes = await dial(server), await dial(server)
        await stays.setup()
        await goes.setup()
        await goes.text("hi")
        goes.vanish()
        await stays.text("hi")
        assert await stays.turn()
        await until(lambda: server.sessions == 1)

    async def test_a_client_that_vanishes_before_it_is_let_in_leaves_nothing(
        self, serve: Any, dial: Any, until: Any
    ) -> None:
        server, connections = await serve(keys=("k",)), descriptors()
        (await dial(server)).vanish()
        await until(lambda: descriptors() == connections)


class TestNotReading:
    @pytest.fixture
    async def server(self, serve: Any) -> Any:
        return await serve(write_timeout=0.5)

    async def test_the_session_ends_and_its_memory_is_free_while_others_are_answered(
        self, server: Any, deaf: Deaf, dial: Any, puppet: Any, until: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        connections, tasks = descriptors(), len(asyncio.all_tasks())
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        try:
            await self._speak(deaf, puppet, minutes=4)
            other = await dial(server)
            puppet.chunks = [SECOND]
            await other.setup()
            await other.text("hi")
            assert await other.turn()
            other.vanish()
            await until(lambda: server.sessions == 0 and len(asyncio.all_tasks()) < tasks)
            gc.collect()
            after, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert descriptors() < connections, "the server's side is closed although the client's is not"
        assert "the client read nothing for 0.5 s" in caplog.text
        assert "bytes of speech were dropped: the client read too slowly" in caplog.text
        assert peak - before > 3_000_000, "the speech did wait"
        assert after - before < 500_000, "and does no more"

    @staticmethod
    async def _speak(deaf: Deaf, puppet: Any, minutes: int) -> None:
        # One second a chunk, each a copy: the outbox holds two minutes of it and drops the rest.
        puppet.chunks = [bytearray(48_000) for _ in range(60 * minutes)]
        conversation = puppet.latest
        await deaf.send('{"realtimeInput":{"text":"tell me a story"}}')
        await conversation.told(events.Respond)
        puppet.chunks = []

    async def test_what_was_not_read_is_lost_and_no_close_frame_is_promised(
        self, server: Any, deaf: Deaf, puppet: Any, until: Any
    ) -> None:
        await self._speak(deaf, puppet, minutes=4)
        await until(lambda: server.sessions == 0)
        assert 0 < await deaf.read() < 8_000_000

    async def test_a_slow_client_is_not_a_deaf_one(self, server: Any, deaf: Deaf, puppet: Any, until: Any) -> None:
        await self._speak(deaf, puppet, minutes=1)
        # Everything that was said, in base64.
        said = 60 * 48_000 * 4 / 3
        async with asyncio.timeout(20):
            assert await deaf.read(said) >= said


class TestLingering:
    """A session that is over does not keep its connection because the client does not take what was written."""

    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "LINGER", 0.2)

    async def _fill(self, server: Any, deaf: Deaf, puppet: Any, settle: Any) -> None:
        """Let the server write more than the system takes, but too little to make it wait."""
        puppet.answers = False
        await deaf.send('{"realtimeInput":{"text":"hi"}}')
        await puppet.latest.told(events.Respond)
        (connection,) = server._serving[0][0].server_state.connections
        while not connection.transport.get_write_buffer_size():
            puppet.latest.emit(events.Speech(1, bytes(12_000)))
            await settle()

    async def test_after_a_refusal(self, server: Any, deaf: Deaf, puppet: Any, until: Any, settle: Any) -> None:
        connections = descriptors()
        await self._fill(server, deaf, puppet, settle)
        await deaf.send("{")
        await until(lambda: server.sessions == 0 and descriptors() == connections - 1)

    async def test_a_client_that_answers_no_close_is_dropped(self, server: Any, deaf: Deaf, until: Any) -> None:
        connections = descriptors()
        await deaf.send("{")
        await until(lambda: server.sessions == 0 and descriptors() == connections - 1)

    async def test_a_client_that_answers_is_not_dropped_early(self, client: Any) -> None:
        await client.setup()
        await client.send("{")
        assert (await client.closed())[0] == 1007


class TestStopping:
    async def test_a_turn_may_finish(self, serve: Any, dial: Any, puppet: Any, kinds: Any) -> None:
        puppet.answers = False
        server = await serve(drain=60.0)
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        await puppet.latest.told(events.Respond)
        puppet.latest.emit(events.Speech(1, SECOND))
        stopping = asyncio.create_task(server.stop())
        messages = [await client.receive()]
        while "goAway" not in messages[-1]:
            messages.append(await client.receive())
        assert messages[-1] == {"goAway": {"timeLeft": "60s"}}
        puppet.latest.emit(events.Speech(1, SECOND), events.GenerationComplete(1))
        turn = await client.turn()
        assert kinds(turn)[-2:] == ["generationComplete", "turnComplete"]
        assert await client.closed() == (1001, "the server is stopping; connect again")
        await stopping
        assert server.sessions == 0
        assert not puppet.living
        assert puppet.closed == 1

    async def test_nobody_comes_in_any_more_and_readiness_says_so(
        self, serve: Any, dial: Any, puppet: Any, get: Any
    ) -> None:
        puppet.answers = False
        server = await serve(drain=60.0)
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        await puppet.latest.told(events.Respond)
        stopping = asyncio.create_task(server.stop())
        assert "goAway" in await client.receive()
        assert (await get(server.url + "/readyz")).status_code == 503
        assert (await get(server.url + "/healthz")).status_code == 200
        assert await (await dial(server)).closed() == (1001, "the server is stopping; connect again")
        puppet.latest.emit(events.GenerationComplete(1))
        await client.closed()
        await stopping
        with pytest.raises(OSError, match="Connect"):
            await dial(server)

    async def test_a_turn_that_does_not_finish_is_cut(self, serve: Any, dial: Any, puppet: Any) -> None:
        puppet.answers = False
        server = await serve(drain=0.1)
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        await puppet.latest.told(events.Respond)
        stopping = asyncio.create_task(server.stop())
        assert (await client.closed())[0] == 1001
        await stopping
        assert not puppet.living

    async def test_idle_and_unfinished_clients_are_let_go_at_once(self, serve: Any, dial: Any) -> None:
        server = await serve(drain=3600.0)
        idle, fresh = await dial(server), await dial(server)
        await idle.setup()
        stopping = asyncio.create_task(server.stop())
        assert [(await each.closed())[0] for each in (idle, fresh)] == [1001, 1001]
        async with asyncio.timeout(20):
            await stopping

    async def test_speech_that_plays_holds_the_stop_back_only_while_it_plays(self, serve: Any, dial: Any) -> None:
        clock = VirtualClock()
        server = await serve(clock, drain=3600.0, session=Policy())
        client = await dial(server)
        await client.setup()
        await client.text("hi")
        for _ in range(3):
            await client.receive()
        stopping = asyncio.create_task(server.stop())
        assert "goAway" in await client.receive()
        clock.advance(0.75)
        assert [next(iter((await client.receive())["serverContent"])) for _ in range(2)] == [
            "generationComplete",
            "turnComplete",
        ]
        assert (await client.closed())[0] == 1001
        await stopping

    async def test_to_stop_twice_is_to_stop_once(self, serve: Any) -> None:
        server = await serve()
        await server.stop()
        await server.stop()

    async def test_a_client_that_never_reads_does_not_hold_the_stop_back(self, serve: Any, puppet: Any) -> None:
        server = await serve(write_timeout=0.2)
        deaf = await Deaf(server).open()
        await TestNotReading._speak(deaf, puppet, minutes=4)
        async with asyncio.timeout(20):
            await server.stop()
        deaf.close()
