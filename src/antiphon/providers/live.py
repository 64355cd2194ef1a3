"""A client of the Gemini Live API: for this server's own check of itself, for ``antiphon talk``, for tests."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from antiphon.wire.gemini.client import Message, Setup
from antiphon.wire.gemini.decode import decode_server
from antiphon.wire.gemini.encode import encode_client
from antiphon.wire.gemini.server import ServerMessage

PATH = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"


class LiveError(Exception):
    """A server could not be reached or ended the session; ``code`` is its close code, if it sent one."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class LiveConnection:
    """One open session: typed messages both ways."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            LiveError: the server ended the session.
        """
        try:
            await self._socket.send(encode_client(message).decode("ascii"))
        except ConnectionClosed as error:
            raise _ended(error) from error

    async def receive(self) -> ServerMessage:
        """The next message.

        Raises:
            LiveError: the server ended the session.
        """
        try:
            message, _ = decode_server(await self._socket.recv())
        except ConnectionClosed as error:
            raise _ended(error) from error
        return message

    async def messages(self) -> AsyncIterator[ServerMessage]:
        """Messages until the session ends, which raises :class:`LiveError`."""
        while True:
            yield await self.receive()


@asynccontextmanager
async def open_session(
    base_url: str, setup: Setup, key: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[LiveConnection]:
    """A session with the server at ``base_url`` (``http`` or ``https``), set up and ready.

    Raises:
        LiveError: the server cannot be reached, or refuses the setup.
    """
    url = base_url.rstrip("/").replace("http", "ws", 1) + PATH
    headers = {"x-goog-api-key": key} if key else None
    try:
        socket = await connect(
            url, additional_headers=headers, ssl=tls, compression=None, max_size=16 << 20, proxy=None
        )
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise LiveError(f"{base_url} does not answer: {error}; is `antiphon serve` running there?") from error
    async with socket:
        connection = LiveConnection(socket)
        await connection.send(setup)
        await connection.receive()
        yield connection


def _ended(error: ConnectionClosed) -> LiveError:
    if error.rcvd is None:
        return LiveError("the connection was lost")
    return LiveError(f"closed {error.rcvd.code}: {error.rcvd.reason}", error.rcvd.code)
