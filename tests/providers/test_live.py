"""The client of the Live API, against servers that do as the test says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from antiphon.providers.live import PATH, LiveError, open_session
from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerMessage, SetupComplete

SETUP = client.Setup(model="gemini-3.8-live")
READY = b'{"setupComplete":{"sessionId":"s1"}}'

Behaviour = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def peer(behaviour: Behaviour, prefix: str = "") -> AsyncIterator[str]:
    """The base URL of a server that treats every connection so."""
    async with serve(behaviour, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}{prefix}"


async def echo(socket: ServerConnection) -> None:
    """Opens a session, then sends every message back as the words of an answer."""
    await socket.recv()
    await socket.send(READY)
    async for frame in socket:
        said = {"serverContent": {"outputTranscription": {"text": frame}}}
        await socket.send(json.dumps(said).encode())


class TestOpening:
    async def test_the_setup_is_sent_first_to_the_right_place_with_the_key(self) -> None:
        seen: list[Any] = []

        async def look(socket: ServerConnection) -> None:
            assert socket.request is not None
            seen.extend([socket.request.path, socket.request.headers.get("x-goog-api-key"), await socket.recv()])
            await socket.send(READY)

        async with peer(look, "/gemini/") as url, open_session(url, SETUP, "s3cret"):
            assert seen == ["/gemini" + PATH, "s3cret", '{"setup":{"model":"gemini-3.8-live"}}']

    async def test_without_a_key_none_is_sent(self) -> None:
        seen: list[str | None] = []

        async def look(socket: ServerConnection) -> None:
            assert socket.request is not None
            seen.append(socket.request.headers.get("x-goog-api-key"))
            await echo(socket)

        async with peer(look) as url, open_session(url, SETUP):
            assert seen == [None]

    async def test_a_refusal_comes_with_its_code_and_reason(self) -> None:
        async def refuse(socket: ServerConnection) -> None:
            await socket.recv()
            await socket.close(1008, "setup.model: x is not found")

        async with peer(refuse) as url:
            with pytest.raises(LiveError, match=r"^closed 1008: setup.model: x is not found$") as refused:
                async with open_session(url, SETUP):
                    pass
        assert refused.value.code == 1008

    async def test_a_refusal_at_the_door_comes_with_its_reason(self) -> None:
        async def refuse(socket: ServerConnection) -> None:
            await socket.close(1007, "API key not valid.")

        async with peer(refuse) as url:
            with pytest.raises(LiveError, match="closed 1007: API key not valid"):
                async with open_session(url, SETUP):
                    pass

    async def test_a_server_that_is_not_there_is_named(self) -> None:
        async with peer(echo) as url:
            pass
        with pytest.raises(LiveError, match=f"^{url} does not answer: ") as missing:
            async with open_session(url, SETUP):
                pass
        assert missing.value.code is None

    async def test_a_server_that_speaks_something_else_is_named(self) -> None:
        async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(hello, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(LiveError, match=r"does not answer: .*HTTP 404"):
                async with open_session(url, SETUP):
                    pass

    @pytest.mark.parametrize("url", ["ftp://x", "localhost", "http://"])
    async def test_what_is_no_address_is_told_so(self, url: str) -> None:
        with pytest.raises(LiveError, match="does not answer"):
            async with open_session(url, SETUP):
                pass


class TestTalking:
    async def test_messages_go_and_come_typed(self) -> None:
        async with peer(echo) as url, open_session(url, SETUP) as session:
            await session.send(client.RealtimeInput(text="grüß dich"))
            content = (await session.receive()).server_content
            assert content is not None
            assert content.output_transcription is not None
            assert json.loads(content.output_transcription.text) == {"realtimeInput": {"text": "grüß dich"}}

    async def test_frames_are_ascii_text(self) -> None:
        seen: list[Any] = []

        async def look(socket: ServerConnection) -> None:
            await socket.recv()
            await socket.send(READY)
            seen.append(await socket.recv())
            await socket.send(READY)

        async with peer(look) as url, open_session(url, SETUP) as session:
            await session.send(client.RealtimeInput(text="ü"))
            await session.receive()
        assert seen == ['{"realtimeInput":{"text":"\\u00fc"}}']

    async def test_messages_are_all_that_come_until_the_end(self) -> None:
        async def count(socket: ServerConnection) -> None:
            await socket.recv()
            for number in range(4):
                await socket.send(json.dumps({"setupComplete": {"sessionId": str(number)}}))
            await socket.close(1001, "the server is stopping")

        async with peer(count) as url, open_session(url, SETUP) as session:
            messages = session.messages()
            for number in (1, 2, 3):
                assert await anext(messages) == ServerMessage(setup_complete=SetupComplete(session_id=str(number)))
            with pytest.raises(LiveError, match="1001: the server is stopping"):
                await anext(messages)

    async def test_a_lost_connection_is_told_from_a_closed_one(self) -> None:
        async def vanish(socket: ServerConnection) -> None:
            await socket.recv()
            await socket.send(READY)
            await socket.recv()
            socket.transport.abort()

        async with peer(vanish) as url, open_session(url, SETUP) as session:
            await session.send(client.RealtimeInput(text="hi"))
            with pytest.raises(LiveError, match=r"^the connection was lost$") as lost:
                await session.receive()
        assert lost.value.code is None

    async def test_sending_after_the_end_tells_why(self) -> None:
        async def end(socket: ServerConnection) -> None:
            await socket.recv()
            await socket.send(READY)
            await socket.close(1008, "idle")

        async with peer(end) as url, open_session(url, SETUP) as session:
            with pytest.raises(LiveError, match="closed 1008: idle"):
                await session.receive()
            with pytest.raises(LiveError, match="closed 1008: idle") as ended:
                await session.send(client.RealtimeInput(text="hi"))
        assert ended.value.code == 1008

    async def test_leaving_closes_the_session(self) -> None:
        ended: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        async def watch(socket: ServerConnection) -> None:
            await echo(socket)
            ended.set_result(socket.close_code)

        async with peer(watch) as url:
            async with open_session(url, SETUP):
                pass
            assert await asyncio.wait_for(ended, 10) == 1000
