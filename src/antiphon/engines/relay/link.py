"""One connection to an upstream, from its setup to its end."""

import asyncio
import ssl
from typing import Protocol

from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.live.setup import Setup
from antiphon.providers.errors import Broken, ProviderError, TimedOut
from antiphon.providers.gemini_live import LiveSocket, dial, ended, live_url
from antiphon.providers.google_credentials import ApplicationDefault, Credentials, Fixed
from antiphon.wire.gemini.decode import decode_server
from antiphon.wire.refusal import Refusal


class Owner(Protocol):
    """Whose connection it is."""

    def on_frame(self, link: "Link", frame: bytes) -> None:
        """A frame came."""

    def on_writable(self, link: "Link") -> None:
        """There is room for more."""

    def on_lost(self, link: "Link", error: ProviderError) -> None:
        """The connection ended."""


class Line:
    """Where an upstream is, and how it is dialled. One serves all conversations.

    Raises:
        ValueError: the configured address is none.
    """

    def __init__(self, config: GeminiRelayConfig, tls: ssl.SSLContext | None = None) -> None:
        self.url = live_url(config.base, vertex=config.vertex is not None, version=config.version)
        self.host = self.url.split("/")[2]
        self.credentials = credentials(config)
        self.tls = tls
        self.seconds = config.dial_seconds


def credentials(config: GeminiRelayConfig) -> Credentials:
    """Who pays for what ``config`` describes."""
    if config.vertex is None or config.key:
        return Fixed(config.key)
    if config.vertex.token:
        return Fixed(config.vertex.token, "Authorization", "Bearer ", "vertex.token")
    return ApplicationDefault()


class Link:
    """One connection. Frames wait until :meth:`adopt`."""

    def __init__(self, line: Line, owner: Owner, setup: Setup) -> None:
        self.setup = setup
        """The session it was set up for."""
        self._line = line
        self._owner = owner
        self._socket: LiveSocket | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._early: list[bytes] = []
        self._adopted = False
        self._error: ProviderError | None = None

    @property
    def writable(self) -> bool:
        """Whether the upstream keeps up with what it is sent."""
        return self._socket is not None and self._socket.writable

    async def open(self, setup: bytes) -> None:
        """Dial, send the setup, and wait until it is complete.

        Raises:
            ProviderError: the upstream could not be reached, or refused.
        """
        line = self._line
        try:
            async with asyncio.timeout(line.seconds):
                headers = await line.credentials.headers()
                self._socket = await dial(line.url, headers, self, tls=line.tls, seconds=line.seconds)
                self._socket.send(setup)
                await self._ready
        except TimeoutError:
            self.abort()
            raise TimedOut(f"{line.host} did not complete the setup within {line.seconds:g} s") from None
        except BaseException:
            self.abort()
            raise

    def adopt(self) -> None:
        """Hand over what came, and from now on what comes."""
        self._adopted = True
        early, self._early = self._early, []
        for frame in early:
            self._owner.on_frame(self, frame)
        if self._error is not None:
            self._owner.on_lost(self, self._error)

    def send(self, frame: bytes) -> None:
        """Send a message."""
        if self._socket is not None:
            self._socket.send(frame)

    def pause(self) -> None:
        """Read nothing more for now."""
        if self._socket is not None:
            self._socket.pause()

    def resume(self) -> None:
        """Read again."""
        if self._socket is not None:
            self._socket.resume()

    def abort(self) -> None:
        """End the connection at once; the owner hears nothing more."""
        if self._socket is not None:
            self._socket.abort()

    async def aclose(self) -> None:
        """End the connection properly; the owner hears nothing more."""
        if self._socket is not None:
            await self._socket.aclose()

    # --- the socket's listener ------------------------------------------------------------------------------

    def on_frame(self, frame: bytes) -> None:
        """A frame came."""
        if not self._ready.done():
            self._begin(frame)
        elif self._adopted:
            self._owner.on_frame(self, frame)
        else:
            self._early.append(frame)

    def on_writable(self) -> None:
        """There is room for more."""
        self._owner.on_writable(self)

    def on_closed(self, code: int, reason: str) -> None:
        """The connection ended."""
        error = ended(self._line.host, code, reason, self._line.credentials.secret)
        if not self._ready.done():
            self._ready.set_exception(error)
            # Whoever opens it may have given up already.
            self._ready.exception()
        elif self._adopted:
            self._owner.on_lost(self, error)
        else:
            self._error = error

    def _begin(self, frame: bytes) -> None:
        try:
            message, _ = decode_server(frame)
        except Refusal as refusal:
            self._ready.set_exception(Broken(f"{self._line.host} does not speak the Live API: {refusal}"))
            return
        if message.setup_complete is not None:
            self._ready.set_result(None)
        elif frame.strip() != b"{}":
            self._ready.set_exception(Broken(f"{self._line.host} answered the setup with something else"))
