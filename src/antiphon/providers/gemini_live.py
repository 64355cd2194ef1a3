"""The socket of a Gemini Live upstream: where it is, how it is dialled, and what its ends mean.

picows is the client: in one process with ten sessions of 50 frames a second each way, it took half the CPU time per
pair of frames that ``websockets`` took. Everything else sees :class:`LiveSocket` and :class:`Listener` only.

No compression is offered (base64 of speech does not shrink, and it costs more than the rest of a relay), and no ping is
sent: pongs of the hosted service take 8 to 30 seconds.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Mapping
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)
from python_socks import ProxyError

from antiphon.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    Broken,
    NotFound,
    Overloaded,
    ProviderError,
    QuotaExceeded,
    TimedOut,
    Unreachable,
)
from antiphon.providers.refusals import refusal

GEMINI_PATH: Final = "/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
VERTEX_PATH: Final = "/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent"
MAX_FRAME_BYTES: Final = 16 << 20
CLOSE_SECONDS: Final = 1.0
"""How long the other side has to answer a close frame before the connection is cut."""

ABNORMAL: Final = 1006
"""What a connection that ended without a close frame is said to have been closed with."""

_log = logging.getLogger("antiphon.relay.socket")
# At its lowest level, the client writes requests with their headers, and so keys.
_log.setLevel(logging.WARNING)

_HANDLE = re.compile(r"session handle|session not found|requested entity was not found", re.IGNORECASE)
_MODEL = re.compile(r"\bmodels?\b.*not found|not found for api version", re.IGNORECASE)
_KEY = re.compile(
    r"api[ _]?key|unregistered callers|credential|permission|unauthenticated|user location", re.IGNORECASE
)
_QUOTA = re.compile(r"quota|billing", re.IGNORECASE)


class ResumptionRefused(NotFound):
    """The upstream does not know the session it was to go on with."""


class ClientsFault(BadRequest):
    """The upstream refused what it was sent; ``code`` is its close code, ``reason`` its own words in full."""

    def __init__(self, message: str, code: int, reason: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class Listener(Protocol):
    """Who reads a socket. Called in the event loop, never at the same time; must not raise."""

    def on_frame(self, frame: bytes) -> None:
        """A whole frame came, text or binary."""

    def on_writable(self) -> None:
        """What was sent has been taken: there is room for more."""

    def on_closed(self, code: int, reason: str) -> None:
        """The connection ended; :data:`ABNORMAL` where nobody said why. Once, and nothing comes after it."""


def live_url(base: str, *, vertex: bool = False, version: str = "") -> str:
    """The address of the Live method at ``base`` (http, https, ws or wss); one that names the method stays as it is.

    Raises:
        ValueError: ``base`` is no such address, or holds a query, where keys end up in logs.
    """
    parts = urlsplit(base)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme, "")
    if not scheme or not parts.hostname:
        raise ValueError(f"{parts.scheme or base[:40]!r} is no address of a server; use https://host or ws://host:port")
    if parts.query or parts.username:
        raise ValueError("the address must hold neither a query nor a user; give the key as `key`")
    path = parts.path.rstrip("/")
    if "BidiGenerateContent" not in path:
        method = VERTEX_PATH if vertex else GEMINI_PATH
        path += method.format(version=version or ("v1beta1" if vertex else "v1beta"))
    return urlunsplit((scheme, parts.netloc, path, "", ""))


class LiveSocket:
    """One open connection. Frames go out as text and come in as bytes."""

    def __init__(self, transport: WSTransport, listener: "_Frames") -> None:
        self._transport = transport
        self._listener = listener

    @property
    def writable(self) -> bool:
        """Whether the other side keeps up with what it is sent."""
        return self._listener.writable

    def send(self, frame: bytes) -> None:
        """Send a text frame; nothing happens on a connection that has ended."""
        self._transport.send(WSMsgType.TEXT, frame)

    def pause(self) -> None:
        """Read nothing more for now: the other side has to wait."""
        self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._transport.underlying_transport.resume_reading()

    def abort(self) -> None:
        """End the connection at once; the listener hears nothing more."""
        self._listener.mute()
        self._transport.disconnect(False)

    async def aclose(self) -> None:
        """Say goodbye and end the connection; the listener hears nothing more."""
        self._listener.mute()
        self._transport.send_close(WSCloseCode.OK)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._transport.wait_disconnected()
        except TimeoutError:
            self._transport.disconnect(False)


async def dial(
    url: str,
    headers: Mapping[str, str],
    listener: Listener,
    *,
    tls: ssl.SSLContext | None = None,
    seconds: float = 10.0,
) -> LiveSocket:
    """Open a connection. ``url`` as :func:`live_url` has it; TLS is verified, with ``tls`` where given.

    Raises:
        ProviderError: it could not be opened, by whose fault; no message holds a header.
    """
    host, frames = urlsplit(url).netloc, _Frames(listener)
    try:
        async with asyncio.timeout(seconds):
            transport, _ = await ws_connect(
                lambda: frames,
                url,
                ssl_context=tls,
                websocket_handshake_timeout=seconds,
                max_frame_size=MAX_FRAME_BYTES,
                max_redirects=0,
                logger_name=_log,
                extra_headers=dict(headers),
                proxy=_proxy(url),
            )
    except WSHandshakeError as error:
        raise _refused(host, error, headers) from None
    except TimeoutError:
        raise TimedOut(f"{host} did not answer within {seconds:g} s") from None
    except ssl.SSLError as error:
        raise Unreachable(f"{host}: TLS failed: {error.reason or error}; is its certificate trusted here?") from error
    except (OSError, WSError, ProxyError) as error:
        raise Unreachable(f"{host} cannot be reached: {error}") from error
    except asyncio.CancelledError:
        frames.abandon()
        raise
    return LiveSocket(transport, frames)


def ended(host: str, code: int, reason: str, secret: str = "") -> ProviderError:
    """What the end of a connection means, by its close code and reason (Live API reference, section on errors).

    The service uses one code for many things, so its words decide first.
    """
    said = " ".join((reason.replace(secret, "…") if secret else reason).split())
    message = f"{host} closed {code}" + (f": {said}" if said else "")
    if code == ABNORMAL:
        return Unreachable(f"{host}: the connection was lost")
    if code in (1007, 1008):
        return _refusal(message, code, said)
    if code == 1009:
        return ClientsFault(message, code, said or "a message was too large for the model")
    if code == 1011 and _QUOTA.search(said):
        return QuotaExceeded(message)
    if code in (1000, 1001, 1005, 1011, 1012, 1013):
        return Overloaded(message)
    return Broken(message)


def _refusal(message: str, code: int, said: str) -> ProviderError:
    if _KEY.search(said):
        return AuthenticationFailed(message)
    if _HANDLE.search(said):
        return ResumptionRefused(message)
    if _MODEL.search(said):
        return NotFound(message)
    if "not implemented" in said:
        # Known of 2.5 with functions, on and off: another connection may do better.
        return Overloaded(message)
    return ClientsFault(message, code, said)


def _refused(host: str, error: WSHandshakeError, headers: Mapping[str, str]) -> ProviderError:
    if error.response is None:
        return Broken(f"{host} does not speak WebSocket: {error}")
    secret = next((value.removeprefix("Bearer ") for value in headers.values()), "")
    return refusal(host, int(error.response.status), {}, bytes(error.raw_body or b""), secret)


def _proxy(url: str) -> str | None:
    """The proxy that the environment wants for ``url``, as other clients understand it."""
    parts = urlsplit(url)
    if proxy_bypass(parts.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get("https" if parts.scheme == "wss" else "http") or proxies.get("all")


class _Frames(WSListener):
    """Puts frames together and says how a connection ended."""

    def __init__(self, listener: Listener) -> None:
        self.writable = True
        self._listener: Listener | None = listener
        self._transport: WSTransport | None = None
        self._abandoned = False
        self._parts = bytearray()
        self._ended = (ABNORMAL, "")

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The connection is open; whoever wanted it may have given up."""
        self._transport = transport
        if self._abandoned:
            transport.disconnect(False)

    def abandon(self) -> None:
        """End the connection, now or as soon as it is open."""
        self._listener, self._abandoned = None, True
        if self._transport is not None:
            self._transport.disconnect(False)

    def mute(self) -> None:
        """Say nothing more."""
        self._listener = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Part of a message, or a control frame."""
        kind = frame.msg_type
        if kind in (WSMsgType.BINARY, WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._take(transport, frame)
        elif kind == WSMsgType.CLOSE:
            self._ended = _goodbye(bytes(frame.get_payload_as_memoryview()))
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def _take(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.fin and not self._parts:
            whole = frame.get_payload_as_bytes()
        else:
            self._parts += frame.get_payload_as_memoryview()
            if len(self._parts) > MAX_FRAME_BYTES:
                self._ended = (1009, "a message was too large")
                transport.disconnect(False)
                return
            if not frame.fin:
                return
            whole, self._parts = bytes(self._parts), bytearray()
        if self._listener is not None:
            self._listener.on_frame(whole)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.on_closed(*self._ended)

    def pause_writing(self) -> None:
        """The other side does not keep up."""
        self.writable = False

    def resume_writing(self) -> None:
        """It does again."""
        self.writable = True
        if self._listener is not None:
            self._listener.on_writable()


def _goodbye(payload: bytes) -> tuple[int, str]:
    """The code and the reason in a close frame; 1005 where it is empty (RFC 6455, section 7.1.5)."""
    if len(payload) < 2:
        return 1005, ""
    return int.from_bytes(payload[:2]), payload[2:].decode(errors="replace")
