"""One connection to an OpenAI Realtime upstream, from its session to its end."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Protocol

from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.providers.errors import Broken, ProviderError, TimedOut
from antiphon.providers.gemini_live import LiveSocket, dial
from antiphon.providers.openai_realtime import Payer, ended, is_azure, realtime_url, reported
from antiphon.wire.openai import realtime as wire


class Owner(Protocol):
    """Whose connection it is."""

    def on_event(self, event: wire.ServerEvent) -> None:
        """The upstream said something."""

    def on_writable(self) -> None:
        """There is room for more."""

    def on_lost(self, error: ProviderError) -> None:
        """The connection ended."""


class Place:
    """Where an upstream is, and how it is dialled. One serves all conversations.

    Raises:
        ValueError: the configured address is none.
    """

    def __init__(self, config: OpenAIRealtimeConfig, tls: ssl.SSLContext | None = None) -> None:
        azure = is_azure(config.base)
        self.url = realtime_url(config.base, config.model, api_version=config.api_version)
        self.host = self.url.split("/")[2]
        self.payer = Payer(config.key, azure=azure)
        self.dialect = config.speaks
        self.names = wire.BETA_NAMES | self.dialect.names
        self.tls = tls
        self.seconds = config.dial_seconds
        beta = {"OpenAI-Beta": "realtime=v1"} if self.dialect.beta and not azure else {}
        self._headers = beta | config.headers

    async def headers(self) -> dict[str, str]:
        """The headers to dial with.

        Raises:
            AuthenticationFailed: the variable that the key is in is not set.
        """
        return await self.payer.headers(self._headers)


class Link:
    """One connection. Events wait until :meth:`adopt`."""

    def __init__(self, place: Place, owner: Owner) -> None:
        self.unread = 0
        """Frames that no event could be made of."""
        self.session = wire.SessionInfo()
        self._place = place
        self._owner = owner
        self._socket: LiveSocket | None = None
        self._awaited: tuple[type[wire.ServerEvent], asyncio.Future[None]] | None = None
        self._early: list[wire.ServerEvent] = []
        self._adopted = False
        self._error: ProviderError | None = None

    @property
    def writable(self) -> bool:
        """Whether the upstream keeps up with what it is sent."""
        return self._socket is not None and self._socket.writable

    async def open(self, first: Sequence[bytes]) -> None:
        """Dial, send the session and whatever follows it, and wait until the session is configured.

        Raises:
            ProviderError: the upstream could not be reached, or refused.
        """
        place, dialect = self._place, self._place.dialect
        try:
            async with asyncio.timeout(place.seconds):
                headers = await place.headers()
                greeted = self._await(wire.SessionCreated) if dialect.greets else None
                self._socket = await dial(place.url, headers, self, tls=place.tls, seconds=place.seconds)
                if greeted is not None:
                    await greeted
                configured = self._await(wire.SessionUpdated) if dialect.confirms else None
                for frame in first:
                    self._socket.send(frame)
                if configured is not None:
                    await configured
        except TimeoutError:
            self.abort()
            raise TimedOut(f"{place.host} did not set the session up within {place.seconds:g} s") from None
        except BaseException:
            self.abort()
            raise

    def adopt(self) -> None:
        """Hand over what came, and from now on what comes."""
        self._adopted = True
        early, self._early = self._early, []
        for event in early:
            self._owner.on_event(event)
        if self._error is not None:
            self._owner.on_lost(self._error)

    def send(self, frame: bytes) -> None:
        """Send an event."""
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

    def _await(self, kind: type[wire.ServerEvent]) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited = (kind, future)
        return future

    def _resolve(self, error: ProviderError | None = None) -> None:
        awaited, self._awaited = self._awaited, None
        if awaited is None or awaited[1].done():
            return
        if error is None:
            awaited[1].set_result(None)
        else:
            awaited[1].set_exception(error)
            # Whoever opens it may have given up already.
            awaited[1].exception()

    # --- the socket's listener ------------------------------------------------------------------------------

    def on_frame(self, frame: bytes) -> None:
        """A frame came."""
        event = wire.decode(frame, self._place.names)
        if isinstance(event, wire.SessionCreated | wire.SessionUpdated):
            self.session = event.session
        if self._awaited is not None and self._is_answer(event):
            return
        if isinstance(event, wire.Unknown) and event.type not in wire.NEEDLESS:
            self.unread += 1
        if self._adopted:
            self._owner.on_event(event)
        else:
            self._early.append(event)

    def _is_answer(self, event: wire.ServerEvent) -> bool:
        """Whether the event is what the connection waits for to be open."""
        assert self._awaited is not None
        place = self._place
        if isinstance(event, self._awaited[0]):
            self._resolve()
        elif isinstance(event, wire.Error):
            self._resolve(reported(place.host, event.error, place.payer.secret))
        elif isinstance(event, wire.Unknown) and not event.type:
            self._resolve(Broken(f"{place.host} does not speak the Realtime API"))
        else:
            return False
        return True

    def on_writable(self) -> None:
        """There is room for more."""
        self._owner.on_writable()

    def on_closed(self, code: int, reason: str) -> None:
        """The connection ended."""
        error = ended(self._place.host, code, reason, self._place.payer.secret)
        self._error = error
        if self._awaited is not None:
            self._resolve(error)
        elif self._adopted:
            self._owner.on_lost(error)
