"""The floor of a relay: a socket of uvicorn and a socket of picows, and whatever comes from one goes to the other.

It reads nothing, counts nothing and limits nothing. What Antiphon adds to this is everything it does.
"""

import asyncio
import socket

import uvicorn
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect
from starlette.types import Receive, Scope, Send


class _Down(WSListener):
    """What the upstream says, to whoever waits for it."""

    def __init__(self) -> None:
        self.frames: asyncio.Queue[bytes] = asyncio.Queue()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message of the upstream."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            self.frames.put_nowait(frame.get_payload_as_bytes())


class CopyServer:
    """Copies between its clients and ``upstream``, the base URL of a server."""

    def __init__(self, upstream: str) -> None:
        self.port = 0
        self._upstream = upstream.replace("http", "ws", 1)
        self._uvicorn: uvicorn.Server
        self._serving: asyncio.Task[None]

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
        self._serving = asyncio.create_task(self._uvicorn.serve(sockets=[listener]))

    async def stop(self) -> None:
        """End it."""
        self._uvicorn.should_exit = True
        await self._serving

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        transport, down = await ws_connect(_Down, self._upstream + scope["path"])
        assert isinstance(down, _Down)
        writer = asyncio.create_task(self._copy_down(down, send))
        while (event := await receive())["type"] != "websocket.disconnect":
            text = event.get("text")
            transport.send(WSMsgType.TEXT, event["bytes"] if text is None else text.encode())
        writer.cancel()
        transport.disconnect()

    async def _copy_down(self, down: _Down, send: Send) -> None:
        while True:
            await send({"type": "websocket.send", "bytes": await down.frames.get()})
