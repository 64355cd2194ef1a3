"""A real HTTP server on the loopback that answers as a test says, byte by byte, and sees who hangs up."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any


class Exchange:
    """One request and the answer to it."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter):
        self.method, self.path, self.headers, self.body = method, path, headers, body
        self.gone = asyncio.Event()
        """Set when the client has hung up."""
        self._writer = writer

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    async def answer(self, status: int, body: Any, **headers: str) -> None:
        """A whole answer; ``body`` is bytes, or becomes JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        self._writer.write(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode() + data)
        await self._writer.drain()

    async def begin(self, content_type: str = "text/event-stream") -> None:
        """The head of a stream, of events unless said otherwise."""
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self._writer.write(head.encode())
        await self._writer.drain()

    async def send(self, data: bytes) -> None:
        """Bytes of the stream, as one piece."""
        if data:
            self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await self._writer.drain()

    async def event(self, value: Any) -> None:
        """One event."""
        text = value if isinstance(value, str) else json.dumps(value)
        await self.send(f"data: {text}\n\n".encode())

    async def end(self) -> None:
        """The end of the stream."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def stream(self, *events: Any) -> None:
        """A whole stream."""
        await self.begin()
        for event in events:
            await self.event(event)
        await self.end()

    def die(self) -> None:
        """Break the connection off."""
        self._writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]


class Upstream:
    """The server: where it is, and what it was asked."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.url = ""
        self.port = 0
        self.asked: list[Exchange] = []
        self.connections = 0
        self.behaviour = behaviour

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (exchange := await self._read(reader, writer)) is not None:
                self.asked.append(exchange)
                answering = asyncio.ensure_future(self.behaviour(exchange))
                listening = asyncio.ensure_future(reader.read(1))
                # Clients ask for nothing before they have the answer: whatever comes now is the end.
                await asyncio.wait({answering, listening}, return_when=asyncio.FIRST_COMPLETED)
                if listening.done() and not answering.done():
                    exchange.gone.set()
                    await asyncio.gather(answering, return_exceptions=True)
                    return
                await answering
                first = await listening
                if not first:
                    exchange.gone.set()
                    return
                reader.feed_data(b"")
                reader._buffer[:0] = first  # type: ignore[attr-defined]
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return None
        request, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, path, _ = request.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Exchange(method, path, headers, body, writer)


@asynccontextmanager
async def upstream(behaviour: Behaviour) -> AsyncIterator[Upstream]:
    """A server that answers every request so."""
    peer = Upstream(behaviour)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    peer.port = server.sockets[0].getsockname()[1]
    peer.url = f"http://127.0.0.1:{peer.port}"
    try:
        yield peer
    finally:
        server.close()
        await asyncio.sleep(0)


def said(*texts: str, finish: str = "stop", usage: Any = None) -> list[Any]:
    """The events of an answer in OpenAI's dialect."""
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    if usage is not None:
        chunks.append({"choices": [], "usage": usage})
    return [*chunks, "[DONE]"]
