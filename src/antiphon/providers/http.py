"""Requests to upstreams: one pool of connections, answers as they come, failures by whose fault they are.

Of the clients measured, aiohttp costs a third to an eighth of httpx per streamed piece and grows no slower under load.
Nothing is decided here but what must be: a request is repeated only while nothing of its answer has come, and a
connection whose answer was not read to its end is closed, so that the upstream stops working.

aiohttp itself is imported by the first request: that takes a tenth of a second, and most commands make none.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from random import uniform
from typing import TYPE_CHECKING, Any, Final

import certifi
from msgspec import Struct
from yarl import URL

from antiphon.providers.errors import Broken, ProviderError, TimedOut, Unreachable
from antiphon.providers.refusals import refusal
from antiphon.providers.sse import Events, EventTooLarge

if TYPE_CHECKING:
    import aiohttp

MAX_ERROR_BYTES: Final = 64 << 10
MAX_BODY_BYTES: Final = 8 << 20
SENTINEL: Final = b"[DONE]"
KEPT_OPEN: Final = 75.0
"""Seconds a connection waits for the next request: people think between two turns."""
READ_OUT: Final = 0.2
"""Seconds to wait for the end of an answer whose last event has come, so that its connection can be used again."""
JSON: Final = {"Content-Type": "application/json"}


class Timeouts(Struct, frozen=True):
    """Seconds to wait: for a connection, for the first byte of an answer (models read long prompts), for the next.

    ``attempts`` is how often a request is made in all, while nothing of an answer has come and its failure may pass by
    itself; ``patience`` is the longest pause between them, also where the upstream asks for a longer one.
    """

    connect: float = 5.0
    first: float = 60.0
    next: float = 30.0
    attempts: int = 2
    patience: float = 2.0


class Http:
    """An upstream at the address ``url``, asked with ``headers``; ``secret`` is struck out of whatever it says.

    Made anywhere, used in one event loop.

    Raises:
        ValueError: ``url`` is no http or https address.
    """

    def __init__(
        self, url: str, headers: Mapping[str, str] | None = None, secret: str = "", timeouts: Timeouts | None = None
    ) -> None:
        self.base = _base(url)
        self.timeouts = timeouts or Timeouts()
        self._headers = dict(headers or {})
        self._secret = secret
        self._session: aiohttp.ClientSession | None = None

    def __str__(self) -> str:
        return str(self.base.origin()) + self.base.path.rstrip("/")

    async def events(self, path: str, body: bytes, query: str = "") -> AsyncGenerator[bytes, None]:
        """Send ``body`` and yield the data of each server-sent event of the answer.

        Closing the generator early closes the connection. The sentinel ``[DONE]`` is yielded, and is the last.

        Raises:
            ProviderError: of every kind; once something was yielded only ``Broken``, ``TimedOut`` and
                ``Unreachable``, and then nothing is repeated.
        """
        async with self._answered("POST", path, body, query) as (response, first):
            events = Events()
            async for piece in self._pieces(response, first):
                for event in self._fed(events, piece):
                    if event == SENTINEL:
                        await _read_out(response)
                    yield event
                    if event == SENTINEL:
                        return
            for event in events.flush():
                yield event

    @asynccontextmanager
    async def content(self, path: str, body: bytes) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """Send ``body``; the media type of the answer, and the answer as it comes.

        Leaving the context early closes the connection.

        Raises:
            ProviderError: of every kind on entering; while the answer comes only ``Broken`` and ``TimedOut``, and then
                nothing is repeated.
        """
        async with self._answered("POST", path, body, "") as (response, first):
            yield response.headers.get("Content-Type", ""), self._pieces(response, first)

    async def get(self, path: str) -> bytes:
        """What a ``GET`` answers, at most :data:`MAX_BODY_BYTES`.

        Raises:
            ProviderError: of every kind.
        """
        return await self._whole("GET", path, None)

    async def post(self, path: str, body: bytes) -> bytes:
        """What a ``POST`` of JSON answers, at most :data:`MAX_BODY_BYTES`.

        Raises:
            ProviderError: of every kind.
        """
        return await self._whole("POST", path, body)

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _whole(self, method: str, path: str, body: bytes | None) -> bytes:
        whole = bytearray()
        async with self._answered(method, path, body, "") as (response, first):
            async for piece in self._pieces(response, first):
                whole += piece
                if len(whole) > MAX_BODY_BYTES:
                    raise Broken(f"{self} answered more than {MAX_BODY_BYTES >> 20} MiB")
        return bytes(whole)

    # --- one answer -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _answered(
        self, method: str, path: str, body: bytes | None, query: str
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, bytes]]:
        """A good answer and its first piece. What was not read to its end then is no connection to use again."""
        response, first = await self._ask_repeatedly(method, path, body, query)
        try:
            yield response, first
        finally:
            response.close() if not response.content.at_eof() else response.release()

    async def _ask_repeatedly(
        self, method: str, path: str, body: bytes | None, query: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        for attempt in range(1, self.timeouts.attempts + 1):
            try:
                return await self._ask(method, path, body, query)
            except ProviderError as error:
                pause = uniform(0.1, 0.3) * attempt if error.retry_after is None else error.retry_after
                if not error.again or attempt == self.timeouts.attempts or pause > self.timeouts.patience:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("attempts must be positive")

    async def _ask(
        self, method: str, path: str, body: bytes | None, query: str
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        session = self._open_session()
        # The path may hold a colon (":streamGenerateContent"), which a URL that is joined would take for a scheme.
        url = URL(f"{str(self.base).rstrip('/')}/{path}{query}", encoded=True)
        headers = self._headers if body is None else {**JSON, **self._headers}
        with self._named():
            async with asyncio.timeout(self.timeouts.first):
                response = await session.request(method, url, data=body, headers=headers, allow_redirects=False)
                try:
                    if response.status != 200:
                        said = await response.content.read(MAX_ERROR_BYTES)
                        raise refusal(str(self), response.status, response.headers, said, self._secret)
                    return response, await response.content.readany()
                except BaseException:
                    response.close()
                    raise

    async def _pieces(self, response: aiohttp.ClientResponse, first: bytes) -> AsyncIterator[bytes]:
        piece = first
        while piece:
            yield piece
            with self._named(started=True):
                async with asyncio.timeout(self.timeouts.next):
                    piece = await response.content.readany()

    def _fed(self, events: Events, piece: bytes) -> list[bytes]:
        try:
            return list(events.feed(piece))
        except EventTooLarge as error:
            raise Broken(f"{self}: {error}") from None

    def _named(self, *, started: bool = False) -> _Named:
        return _Named(self, started=started)

    def _open_session(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=KEPT_OPEN, ssl=_tls() if self.base.scheme == "https" else True
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect),
                # A proxy of the environment is for the world outside.
                trust_env=not is_local(self.base.host or ""),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
            )
        return self._session


async def _read_out(response: aiohttp.ClientResponse) -> None:
    import aiohttp

    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(READ_OUT):
            while await response.content.readany():
                pass


class _Named:
    """Turns what the client raises into the errors of this room."""

    def __init__(self, http: Http, *, started: bool) -> None:
        self._http = http
        self._started = started

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None:
            return
        import aiohttp

        where, waited = self._http, self._http.timeouts
        match error:
            case aiohttp.ConnectionTimeoutError():
                raise Unreachable(f"{where} took no connection within {waited.connect:g} s") from None
            case TimeoutError():
                seconds = waited.next if self._started else waited.first
                raise TimedOut(f"{where} sent nothing for {seconds:g} s") from None
            case aiohttp.ClientConnectorError():
                raise Unreachable(f"{where} cannot be reached: {_reason(error)}") from None
            case aiohttp.ClientError() | OSError() if self._started:
                raise Broken(f"{where} broke off its answer ({type(error).__name__})") from None
            case aiohttp.ClientError() | OSError():
                raise Unreachable(f"{where} hung up before it answered ({type(error).__name__})") from None


def _reason(error: aiohttp.ClientConnectorError) -> str:
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    return error.os_error.strerror or type(error.os_error).__name__


def _base(url: str) -> URL:
    try:
        base = URL(url)
    except ValueError:
        raise ValueError("url is no address") from None
    if base.scheme not in ("http", "https") or not base.host:
        raise ValueError("url must begin with http:// or https://")
    if base.user or base.password:
        raise ValueError("url must hold no name or password: set the key instead")
    return base.with_query(None).with_fragment(None)


def is_local(host: str) -> bool:
    """Whether a host is this machine or one of the same private network."""
    if host == "localhost" or host.endswith((".local", ".localhost", ".internal")):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return address.is_loopback or address.is_private or address.is_link_local


_context: ssl.SSLContext | None = None


def _tls() -> ssl.SSLContext:
    """The roots of the system and those of certifi: some Pythons have none of their own. Made once."""
    global _context
    if _context is None:
        _context = ssl.create_default_context()
        _context.load_verify_locations(certifi.where())
    return _context
