"""The door of the Gemini Live API: WebSocket frames to typed messages and back."""

import asyncio
import logging
import re
from functools import partial

from msgspec import Struct
from msgspec.structs import replace
from starlette.types import Message, Receive, Scope, Send

from antiphon.calls.call import Call
from antiphon.calls.outbox import Hangup, Outgoing
from antiphon.calls.switchboard import Switchboard
from antiphon.live.effects import SendFrame, SendSpeech
from antiphon.live.events import Failure
from antiphon.live.inputs import ClientLeft, FrameSkipped, Refused, Unread
from antiphon.server.auth import Gate
from antiphon.server.pictures import PictureCheck
from antiphon.server.socket import ABORT, STRAIGHT, SocketProtocol
from antiphon.wire.gemini.client import Message as ClientMessage
from antiphon.wire.gemini.client import RealtimeInput, Setup
from antiphon.wire.gemini.decode import Frame, decode_audio, decode_client
from antiphon.wire.gemini.dialect import Dialect, dialect_of
from antiphon.wire.gemini.encode import FrameTooLargeError, encode_audio, encode_server
from antiphon.wire.refusal import CloseCode, Refusal, close_reason

log = logging.getLogger("antiphon.server")

_GEMINI = r"google\.ai\.generativelanguage\.v\w+\.GenerativeService\.BidiGenerateContent(?:Constrained)?"
_VERTEX = r"google\.cloud\.aiplatform\.v\w+\.LlmBidiService/BidiGenerateContent"
_PATHS: dict[Dialect, re.Pattern[str]] = {
    "gemini": re.compile(rf"(?:/.*)?/ws/{_GEMINI}/?"),
    "vertex": re.compile(rf"(?:/.*)?/ws/{_VERTEX}/?"),
}
_OTHER_METHOD = re.compile(r"(?:/.*)?/ws/google\..*")
MAX_TRACEPARENT = 55
"""Characters of a ``traceparent`` that mean something to us: its version 00."""

_REMEDY = "dial /ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"


class Route(Struct):
    """How a client dialled. ``dialect`` is None until the setup tells it.

    Clients in Vertex mode that are given nothing but an address dial its own path, whatever that is, and so does
    nobody else: a setup on such a path must be theirs, except on the root, which is anybody's.
    """

    dialect: Dialect | None = None
    anybody: bool = True


def route_of(path: str) -> Route:
    """What the path of a connection tells: any version, any prefix, either dialect, or an address of its own.

    Raises:
        Refusal: it is a method of the API that this server does not have.
    """
    for dialect, pattern in _PATHS.items():
        if pattern.fullmatch(path):
            return Route(dialect)
    if _OTHER_METHOD.fullmatch(path):
        raise _not_live()
    return Route(anybody=not path.strip("/"))


class LiveDoor:
    """An ASGI application for WebSocket connections."""

    def __init__(
        self,
        switchboard: Switchboard,
        gate: Gate,
        max_message_bytes: int,
        write_timeout: float,
        allowed_origins: frozenset[str] = frozenset(),
    ) -> None:
        self._switchboard = switchboard
        self._gate = gate
        self._allowed_origins = allowed_origins
        self._max_message_bytes = max_message_bytes
        self._write_timeout = write_timeout
        self._pictures = PictureCheck()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        It is accepted before it is judged: clients show a close frame's reason to their users, but neither the
        status nor the body of a refused upgrade.
        """
        await receive()
        await send({"type": "websocket.accept"})
        try:
            route = route_of(scope["path"])
            self._check_origin(scope)
            caller = await self._gate.admit(scope, "live")
            traceparent = _header(scope, b"traceparent")[:MAX_TRACEPARENT]
            call = self._switchboard.place(replace(caller, traceparent=traceparent))
        except Refusal as refusal:
            log.info("refused: %s", refusal)
            await send(_close(refusal.code, str(refusal)))
            return
        socket = scope.get("extensions", {}).get(STRAIGHT)
        if socket is not None:
            call.outbox.straight = partial(self._write_straight, route, socket)
        writer = asyncio.create_task(self._write(call, route, send, scope))
        try:
            await self._read(call, route, receive, socket)
        finally:
            if socket is not None:
                socket.taker = None
            call.receive(ClientLeft())
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._switchboard.finish(call)

    def _check_origin(self, scope: Scope) -> None:
        origin = _header(scope, b"origin")
        if self._allowed_origins and origin and origin not in self._allowed_origins:
            raise Refusal("origin", f"{origin[:60]} is not allowed", "see allowed_origins", CloseCode.POLICY)

    async def _read(self, call: Call, route: Route, receive: Receive, socket: SocketProtocol | None) -> None:
        """Hand the client's frames to the call, in order, until the connection is closed, by either side."""
        take = partial(self._take_sound, call)
        while True:
            if socket is not None:
                socket.taker = take
            event = await receive()
            if socket is not None:
                # What comes while this message is looked at waits for that.
                socket.taker = None
            if event["type"] == "websocket.disconnect":
                return
            await self._hand_over(call, route, event.get("text") or event.get("bytes") or b"")

    async def _hand_over(self, call: Call, route: Route, frame: Frame) -> None:
        if call.session.closed:
            return
        message = self._decode(call, route, frame)
        if message is None or call.session.closed:
            return
        if isinstance(message, RealtimeInput) and message.audio is not None and _is_sound(message):
            call.receive(message)
        else:
            await self._take(call, message, route, frame)

    def _take_sound(self, call: Call, frame: bytes) -> bool:
        """Hand a chunk of sound to the call, past everything that other messages need; whether it was one."""
        if len(frame) > self._max_message_bytes:
            return False
        if call.session.closed:
            return True
        message = decode_audio(frame)
        if message is None:
            return False
        call.hear(message)
        return True

    def _decode(self, call: Call, route: Route, frame: Frame) -> ClientMessage | None:
        """The message in a frame; None if it was refused."""
        try:
            if (size := _size(frame)) > self._max_message_bytes:
                reason = f"{size} bytes exceed the {self._max_message_bytes} of this server"
                raise Refusal("message", reason, "send smaller chunks", CloseCode.TOO_BIG)
            message, ignored = decode_client(frame)
            if isinstance(message, Setup):
                _settle(route, message)
        except Refusal as refusal:
            call.receive(Refused(refusal))
            return None
        if ignored:
            call.receive(Unread(ignored))
        return message

    async def _take(self, call: Call, message: ClientMessage, route: Route, frame: Frame) -> None:
        """Hand over a message that something must be looked up for, or looked at. The next one waits."""
        if isinstance(message, Setup):
            await call.begin(message, route.dialect or "gemini")
        elif _is_frame(message) and not call.wants_frame:
            call.receive(FrameSkipped())
        else:
            try:
                await self._pictures.check(message)
            except Refusal as refusal:
                call.receive(Refused(refusal))
            else:
                call.receive(message, frame if isinstance(frame, bytes) else frame.encode())

    async def _write(self, call: Call, route: Route, send: Send, scope: Scope) -> None:
        """Write what the call sends until it hangs up, the client leaves or stops reading."""
        try:
            while True:
                frame = self._frame(await call.outbox.get(), call, route.dialect or "gemini")
                async with asyncio.timeout(self._write_timeout):
                    await send(frame)
                if frame["type"] == "websocket.close":
                    return
        except TimeoutError:
            reason = f"the client read nothing for {self._write_timeout:g} s"
            call.receive(Failure(reason, CloseCode.POLICY))
            scope.get("extensions", {}).get(ABORT, lambda: None)()
        except OSError:
            # The client is gone; the reading side learns of it as well, and ends the call.
            pass

    @staticmethod
    def _write_straight(route: Route, socket: SocketProtocol, item: Outgoing) -> bool:
        """Write speech at once, where that can be done and the client keeps up; whether it was."""
        if type(item) is SendFrame:
            return socket.write(item.frame)
        if type(item) is not SendSpeech:
            return False
        try:
            return socket.writable.is_set() and socket.write(encode_audio(item.pcm, route.dialect or "gemini"))
        except FrameTooLargeError:
            return False

    def _frame(self, item: Outgoing, call: Call, dialect: Dialect) -> Message:
        if isinstance(item, Hangup):
            return _close(item.code, item.reason)
        if isinstance(item, SendFrame):
            return {"type": "websocket.send", "bytes": item.frame}
        try:
            frame = encode_audio(item.pcm, dialect) if isinstance(item, SendSpeech) else encode_server(item, dialect)
            return {"type": "websocket.send", "bytes": frame}
        except FrameTooLargeError as error:
            reason = str(error)
        except Exception:
            # An engine may hand over what JSON cannot carry: in the arguments of a function, say.
            log.exception("%s: a message could not be encoded", call.id)
            reason = "internal error; the log of the server has it"
        call.receive(Failure(reason))
        return _close(CloseCode.INTERNAL, reason)


def _header(scope: Scope, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _is_sound(message: RealtimeInput) -> bool:
    return message.video is None and not message.media_chunks


def _is_frame(message: ClientMessage) -> bool:
    """Whether the message is a frame of video and nothing else."""
    if not isinstance(message, RealtimeInput) or message.video is None:
        return False
    return message == RealtimeInput(video=message.video)


def _settle(route: Route, setup: Setup) -> None:
    """Learn the client's dialect from its setup, where the path did not tell it."""
    if route.dialect is None:
        route.dialect = dialect_of(setup.model)
    if not route.anybody and route.dialect != "vertex":
        raise _not_live()


def _not_live() -> Refusal:
    return Refusal("path", "not the Live API", _REMEDY, CloseCode.POLICY)


def _size(frame: Frame) -> int:
    """Bytes of a frame as they travelled; nearly all text is ASCII, which need not be encoded to know."""
    return len(frame if isinstance(frame, bytes) or frame.isascii() else frame.encode())


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": int(code), "reason": close_reason(reason)}
