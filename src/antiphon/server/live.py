"""The door of the Gemini Live API: WebSocket frames to typed messages and back."""

import asyncio
import logging
import re

from starlette.types import Message, Receive, Scope, Send

from antiphon.calls.call import Call
from antiphon.calls.outbox import Hangup, Outgoing
from antiphon.calls.switchboard import Switchboard
from antiphon.live.effects import SendSpeech
from antiphon.live.events import Failure
from antiphon.live.inputs import ClientLeft, Refused, Unread
from antiphon.server.auth import Keys
from antiphon.server.socket import ABORT
from antiphon.wire.gemini.decode import Frame, decode_client
from antiphon.wire.gemini.encode import FrameTooLargeError, encode_audio, encode_server
from antiphon.wire.refusal import CloseCode, Refusal, close_reason

log = logging.getLogger("antiphon.server")

_GEMINI = r"google\.ai\.generativelanguage\.v\w+\.GenerativeService\.BidiGenerateContent(?:Constrained)?"
_VERTEX = r"google\.cloud\.aiplatform\.v\w+\.LlmBidiService/BidiGenerateContent"
_PATH = re.compile(rf"(?:/.*)?/ws/(?:{_GEMINI}|{_VERTEX})/?|/*")


def serves(path: str) -> bool:
    """Whether a path is one of those that clients dial: any version, any prefix, Vertex, or the bare root."""
    return _PATH.fullmatch(path) is not None


class LiveDoor:
    """An ASGI application for WebSocket connections."""

    def __init__(
        self,
        switchboard: Switchboard,
        keys: Keys,
        max_message_bytes: int,
        write_timeout: float,
        allowed_origins: frozenset[str] = frozenset(),
    ) -> None:
        self._switchboard = switchboard
        self._keys = keys
        self._allowed_origins = allowed_origins
        self._max_message_bytes = max_message_bytes
        self._write_timeout = write_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection.

        It is accepted before it is judged: clients show a close frame's reason to their users, but neither the
        status nor the body of a refused upgrade.
        """
        await receive()
        await send({"type": "websocket.accept"})
        try:
            self._admit(scope)
            call = self._switchboard.place()
        except Refusal as refusal:
            log.info("refused: %s", refusal)
            await send(_close(refusal.code, str(refusal)))
            return
        writer = asyncio.create_task(self._write(call, send, scope))
        try:
            await self._read(call, receive)
        finally:
            call.receive(ClientLeft())
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await self._switchboard.finish(call)

    def _admit(self, scope: Scope) -> None:
        if not serves(scope["path"]):
            remedy = "dial /ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
            raise Refusal("path", "not the Live API", remedy, CloseCode.POLICY)
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), "")
        if self._allowed_origins and origin and origin not in self._allowed_origins:
            raise Refusal("origin", f"{origin[:60]} is not allowed", "see allowed_origins", CloseCode.POLICY)
        self._keys.check(scope)

    async def _read(self, call: Call, receive: Receive) -> None:
        """Hand the client's frames to the call until the connection is closed, by either side."""
        while (event := await receive())["type"] != "websocket.disconnect":
            if not call.session.closed:
                self._take(call, event.get("text") or event.get("bytes") or b"")

    def _take(self, call: Call, frame: Frame) -> None:
        try:
            if (size := _size(frame)) > self._max_message_bytes:
                reason = f"{size} bytes exceed the {self._max_message_bytes} of this server"
                raise Refusal("message", reason, "send smaller chunks", CloseCode.TOO_BIG)
            message, ignored = decode_client(frame)
        except Refusal as refusal:
            call.receive(Refused(refusal))
            return
        if ignored:
            call.receive(Unread(ignored))
        call.receive(message)

    async def _write(self, call: Call, send: Send, scope: Scope) -> None:
        """Write what the call sends until it hangs up, the client leaves or stops reading."""
        try:
            while True:
                frame = self._frame(await call.outbox.get(), call)
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

    def _frame(self, item: Outgoing, call: Call) -> Message:
        if isinstance(item, Hangup):
            return _close(item.code, item.reason)
        try:
            frame = encode_audio(item.pcm) if isinstance(item, SendSpeech) else encode_server(item)
            return {"type": "websocket.send", "bytes": frame}
        except FrameTooLargeError as error:
            reason = str(error)
        except Exception:
            # An engine may hand over what JSON cannot carry: in the arguments of a function, say.
            log.exception("%s: a message could not be encoded", call.id)
            reason = "internal error; the log of the server has it"
        call.receive(Failure(reason))
        return _close(CloseCode.INTERNAL, reason)


def _size(frame: Frame) -> int:
    """Bytes of a frame as they travelled; nearly all text is ASCII, which need not be encoded to know."""
    return len(frame if isinstance(frame, bytes) or frame.isascii() else frame.encode())


def _close(code: int, reason: str) -> Message:
    return {"type": "websocket.close", "code": int(code), "reason": close_reason(reason)}
