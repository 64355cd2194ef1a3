"""The socket of a Gemini Live upstream, against real ones that misbehave."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from antiphon.providers.errors import (
    AuthenticationFailed,
    Broken,
    NotFound,
    Overloaded,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TimedOut,
    Unreachable,
)
from antiphon.providers.gemini_live import ABNORMAL, ClientsFault, ResumptionRefused, dial, ended, live_url

KEY = {"x-goog-api-key": "s3cret-key"}


class Ear:
    """Remembers what a socket told."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed: list[tuple[int, str]] = []
        self.writable = 0
        self.news = asyncio.Event()

    def on_frame(self, frame: bytes) -> None:
        self.frames.append(frame)
        self.news.set()

    def on_writable(self) -> None:
        self.writable += 1
        self.news.set()

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
        self.news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(3):
            while not condition():
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def peer(behaviour: Callable[[ServerConnection], Awaitable[None]], **settings: object) -> AsyncIterator[str]:
    async with serve(behaviour, "127.0.0.1", 0, **settings) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/live"


async def echo(socket: ServerConnection) -> None:
    async for frame in socket:
        await socket.send(frame.encode() if isinstance(frame, str) else frame)


async def test_frames_go_out_as_text_and_come_in_as_bytes() -> None:
    seen = []

    async def behaviour(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append((socket.request.path, socket.request.headers["x-goog-api-key"]))
        seen.append(socket.request.headers.get("Sec-WebSocket-Extensions"))
        async for frame in socket:
            seen.append(frame)
            await socket.send("text")
            await socket.send(b"binary")
            await socket.send([b"in ", b"three ", b"pieces"])

    async with peer(behaviour) as url:
        ear = Ear()
        socket = await dial(url, KEY, ear)
        socket.send(b'{"setup":{}}')
        await ear.until(lambda: len(ear.frames) == 3)
        assert seen == [("/live", "s3cret-key"), None, '{"setup":{}}']
        assert ear.frames == [b"text", b"binary", b"in three pieces"]
        await socket.aclose()
        assert ear.closed == []


async def test_pings_are_answered_and_none_are_sent() -> None:
    async def behaviour(socket: ServerConnection) -> None:
        await asyncio.wait_for(await socket.ping(), 2)
        await socket.send(b"ponged")
        await socket.wait_closed()

    async with peer(behaviour, ping_interval=None) as url:
        ear = Ear()
        socket = await dial(url, {}, ear)
        await ear.until(lambda: bool(ear.frames))
        await socket.aclose()


@pytest.mark.parametrize("reason", ["", "API key not valid. Please pass a valid API key.", "é" * 61])
async def test_the_code_and_the_reason_of_an_end(reason: str) -> None:
    async def behaviour(socket: ServerConnection) -> None:
        await socket.send(b"last")
        await socket.close(1007, reason)

    async with peer(behaviour) as url:
        ear = Ear()
        await dial(url, {}, ear)
        await ear.until(lambda: bool(ear.closed))
        assert (ear.frames, ear.closed) == ([b"last"], [(1007, reason)])


async def test_an_end_without_a_word() -> None:
    async def behaviour(socket: ServerConnection) -> None:
        socket.transport.abort()

    async with peer(behaviour) as url:
        ear = Ear()
        socket = await dial(url, {}, ear)
        await ear.until(lambda: bool(ear.closed))
        assert ear.closed == [(ABNORMAL, "")]
        socket.send(b"into the void")


async def test_reading_can_wait_and_writing_is_told_when_it_must() -> None:
    gate = asyncio.Event()

    async def behaviour(socket: ServerConnection) -> None:
        await socket.send(b"one")
        await gate.wait()
        async for _ in socket:
            pass

    async with peer(behaviour, max_size=None) as url:
        ear = Ear()
        socket = await dial(url, {}, ear)
        await ear.until(lambda: bool(ear.frames))
        socket.pause()
        socket.resume()
        while socket.writable:
            socket.send(bytes(1 << 20))
        gate.set()
        await ear.until(lambda: ear.writable > 0)
        assert socket.writable
        socket.abort()
        assert ear.closed == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationFailed),
        (403, AuthenticationFailed),
        (404, NotFound),
        (429, RateLimited),
        (503, Overloaded),
    ],
)
async def test_a_refused_upgrade(status: int, kind: type[ProviderError]) -> None:
    body = b'{"error":{"message":"key s3cret-key is no good","status":"X"}}'

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d No\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(kind) as caught:
            await dial(url, KEY, Ear())
    assert "s3cret" not in str(caught.value)
    assert "is no good" in str(caught.value)


async def test_nobody_there() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:9 cannot be reached"):
        await dial("ws://127.0.0.1:9/", KEY, Ear())


async def test_somebody_who_does_not_answer() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        with pytest.raises(TimedOut, match=r"within 0.1 s"):
            await dial(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", KEY, Ear(), seconds=0.1)


async def test_whoever_gives_up_while_dialling_leaves_nothing_open() -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def behaviour(socket: ServerConnection) -> None:
        await socket.wait_closed()
        gone.set()

    async def slowly(*_: object) -> None:
        arrived.set()
        await asyncio.sleep(0.05)

    async with peer(behaviour, process_request=slowly) as url:
        task = asyncio.create_task(dial(url, {}, Ear()))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 2)


async def test_certificates_are_verified() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with peer(echo, ssl=context) as url:
        secure = url.replace("ws:", "wss:")
        with pytest.raises(Unreachable, match="trusted here"):
            await dial(secure, {}, Ear())
        ear = Ear()
        socket = await dial(secure, {}, ear, tls=trusting)
        socket.send(b"hello")
        await ear.until(lambda: ear.frames == [b"hello"])
        await socket.aclose()


async def test_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    logging.getLogger().setLevel(1)
    async with peer(echo) as url:
        socket = await dial(url, KEY, Ear())
        await socket.aclose()
    assert not any(
        "s3cret" in str(record.args) for record in caplog.records if not record.name.startswith("websockets")
    )


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1006, "", Unreachable),
        (1007, "Request contains an invalid argument.", ClientsFault),
        (1007, "Invalid JSON payload received. Unknown name \"x\" at 'setup': Cannot find field.", ClientsFault),
        (1007, "API key not valid. Please pass a valid API key.", AuthenticationFailed),
        (1007, "API key expired. Please renew the API key.", AuthenticationFailed),
        (1007, "User location is not supported for the API use.", AuthenticationFailed),
        (1007, "Invalid session handle", ResumptionRefused),
        (1008, "Requested entity was not found.", ResumptionRefused),
        (1008, "BidiGenerateContent session not found", ResumptionRefused),
        (1008, "models/X is not found for API version v1alpha, or is not supported for bidiGener", NotFound),
        (1008, "Publisher model projects/p/models/X was not found", NotFound),
        (1008, "Operation is not implemented, or supported, or enabled.", Overloaded),
        (
            1008,
            "Method doesn't allow unregistered callers (callers without established identity).",
            AuthenticationFailed,
        ),
        (1009, "", ClientsFault),
        (1011, "Internal error encountered.", Overloaded),
        (1011, "The service is currently unavailable.", Overloaded),
        (1011, "Deadline expired before operation could complete.", Overloaded),
        (1011, "You exceeded your current quota, please check your plan and billing details.", QuotaExceeded),
        (1000, "The operation was cancelled.", Overloaded),
        (1002, "", Broken),
    ],
)
def test_what_an_end_means(code: int, reason: str, kind: type[ProviderError]) -> None:
    error = ended("host", code, reason)
    assert type(error) is kind
    assert reason in str(error)


def test_a_key_in_a_reason_is_struck_out() -> None:
    assert "s3cret" not in str(ended("host", 1007, "API key s3cret not found", "s3cret"))


@pytest.mark.parametrize(
    ("base", "settings", "url"),
    [
        (
            "https://generativelanguage.googleapis.com",
            {},
            "wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        ),
        (
            "http://h:8080/",
            {"version": "v1"},
            "ws://h:8080/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent",
        ),
        (
            "wss://h/a",
            {"vertex": True},
            "wss://h/a/ws/google.cloud.aiplatform.v1beta1.LlmBidiService/BidiGenerateContent",
        ),
        ("ws://h/own/BidiGenerateContentConstrained", {}, "ws://h/own/BidiGenerateContentConstrained"),
    ],
)
def test_addresses(base: str, settings: dict, url: str) -> None:
    assert live_url(base, **settings) == url


@pytest.mark.parametrize("base", ["ftp://h", "h:80", "", "https://h?key=s3cret", "https://user:s3cret@h"])
def test_addresses_that_are_none(base: str) -> None:
    with pytest.raises(ValueError, match="address") as caught:
        live_url(base)
    assert "s3cret" not in str(caught.value)


async def test_a_proxy_of_the_environment_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n")).split()[:2])
        writer.close()

    server = await asyncio.start_server(proxy, "127.0.0.1", 0)
    async with server:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with pytest.raises(Unreachable):
            await dial("wss://upstream.example/live", KEY, Ear())
        assert asked == [[b"CONNECT", b"upstream.example:443"]]
        async with peer(echo) as url:
            await (await dial(url, {}, Ear())).aclose()
