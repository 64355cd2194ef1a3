"""An OpenAI Realtime upstream that does what a script says, on a real socket: for tests of what a relay makes of it.

It speaks the released dialect, or the beta's, checks what it is sent as the hosted service does (unknown members, ids
that are too long or unknown, an answer asked for while one is being made, too little sound, more cut than there is),
and says what it used in ``response.done``::

    answers = [Answer(Say(0.5, "Good morning.")), Answer(Call("weather"))]
    async with ScriptedRealtime(answers) as upstream:
        ...                                     # dial upstream.url
        assert upstream.billed == [...]         # what it said it used

Each ``response.create``, and each turn that it finds in the sound (louder than :data:`QUIET`, ended by the silence that
the session asks for), gets the next answer of the script; an answer that calls functions is done with the calls.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pybase64
from msgspec import Struct
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from antiphon.audio.pcm import peak
from antiphon.testing.realtime_checks import BETA, Refused, check_item, check_session

OUTPUT_RATE: Final = 24_000
FRAME_SECONDS: Final = 0.2
QUIET: Final = 300
PREFIX_SECONDS: Final = 0.1
"""Speech needed before it counts as such."""


class Say(Struct, frozen=True):
    """Model speech: ``seconds`` of it in frames of 0.2, with ``words``, of which the first half comes before it and the
    rest after. ``whole`` words come in one piece, in the ``done`` event alone.
    """

    seconds: float = 0.4
    words: str = ""
    whole: bool = False


class Write(Struct, frozen=True):
    """A written answer."""

    text: str


class Call(Struct, frozen=True):
    """A function is called; several of them in one answer run in parallel."""

    name: str
    arguments: str = "{}"


class Pause(Struct, frozen=True):
    """Nothing for so many seconds; an answer may be interrupted meanwhile."""

    seconds: float


class Fail(Struct, frozen=True):
    """The answer fails."""

    code: str = "server_error"
    message: str = "The server had an error while processing your request."


class Filter(Struct, frozen=True):
    """The answer is cut off by a filter."""


class Report(Struct, frozen=True):
    """An error event that belongs to no event of the client's."""

    code: str
    type: str = "server_error"
    message: str = "something went wrong"


class Event(Struct, frozen=True):
    """Any event, as it is."""

    event: dict[str, Any]


class Close(Struct, frozen=True):
    """The connection is closed."""

    code: int
    reason: str = ""


class Cut(Struct, frozen=True):
    """The connection ends without a word (1006 on the other side)."""


class Stall(Struct, frozen=True):
    """Nothing more comes on this connection."""


Step = Say | Write | Call | Pause | Fail | Filter | Report | Event | Close | Cut | Stall


class Answer:
    """What the upstream does about one turn."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps


class Dialled(Struct):
    """One connection: how it was dialled, and its session as it is configured."""

    path: str
    headers: dict[str, str]
    session: dict[str, Any] = {}


class ScriptedRealtime:
    """An async context manager; :attr:`url` is where to dial.

    ``key`` must be sent where it is not empty: else the upgrade is refused with 401. ``refuses`` is reported instead of
    ``session.updated``. ``greets``, ``confirms``, ``acknowledges``, ``ids``: says ``session.created`` and
    ``session.updated``, tells of items that were added, names responses and items at all. ``bills``: says what it used.
    ``detects`` finds turns, ``interrupts`` stops its answer when one begins, ``cancels`` when it is told to. ``rate``
    is that of the sound it takes. ``expires_at`` is told of the session; ``hears`` are the words of the user's turns,
    and ``transcript_usage`` what writing them down used, where it is not counted.
    """

    def __init__(
        self,
        answers: Sequence[Answer] = (),
        *,
        beta: bool = False,
        key: str = "",
        refuses: Report | None = None,
        greets: bool = True,
        confirms: bool = True,
        acknowledges: bool = True,
        ids: bool = True,
        bills: bool = True,
        detects: bool = True,
        interrupts: bool = True,
        cancels: bool = True,
        rate: int = 24_000,
        expires_at: float | None = None,
        hears: Sequence[str] = ("hello there",),
        transcript_usage: dict[str, Any] | None = None,
    ) -> None:
        self.received: list[dict[str, Any]] = []
        self.connections: list[Dialled] = []
        self.billed: list[dict[str, Any]] = []
        """The usage of every response, as far as it was sent."""
        self.transcribed: list[dict[str, Any]] = []
        """The usage of every transcription, as far as it was sent."""
        self.refused: list[str] = []
        """The codes of all errors that events of the client were answered with."""
        self.items: list[dict[str, Any]] = []
        """The conversation of the session that was used last: items, spoken ones with ``audio_ms``."""
        self.spoken = bytearray()
        """All model speech that was sent."""
        self.answered = 0
        self.beta = beta
        self.key = key
        self.refuses = refuses
        self.greets, self.confirms, self.acknowledges, self.ids = greets, confirms, acknowledges, ids
        self.bills, self.detects, self.interrupts, self.cancels = bills, detects, interrupts, cancels
        self.rate = rate
        self.expires_at = expires_at
        self.hears = itertools.cycle(hears)
        self.transcript_usage = transcript_usage
        self.url = ""
        self._answers = iter(answers)
        self._open: set[_Session] = set()
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            compression=None,
            ping_interval=None,
            max_size=16 << 20,
            close_timeout=0.5,
            process_request=self._admit,
        )
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        for session in tuple(self._open):
            session.stop()
        self._server.close()
        await self._server.wait_closed()

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Everything received of one type, in order."""
        return [each for each in self.received if each["type"] == kind]

    def heard(self) -> bytes:
        """All sound received, in order."""
        return b"".join(pybase64.b64decode(each["audio"]) for each in self.events("input_audio_buffer.append"))

    async def hang_up(self, code: int, reason: str = "") -> None:
        """Close every connection."""
        for session in tuple(self._open):
            await session.close(code, reason)

    def _admit(self, socket: ServerConnection, request: Any) -> Any:
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        sent = headers.get("api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and sent != self.key:
            error = {"message": f"Incorrect API key provided: {sent}.", "code": "invalid_api_key"}
            return socket.respond(401, json.dumps({"error": error}))
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
        dialled = Dialled(socket.request.path, headers)
        self.connections.append(dialled)
        session = _Session(self, socket, dialled)
        self._open.add(session)
        try:
            await session.run()
        except ConnectionClosed:
            pass
        finally:
            self._open.discard(session)
            session.stop()

    def next_answer(self) -> Answer | None:
        """The next answer of the script, if there is one."""
        answer = next(self._answers, None)
        self.answered += answer is not None
        return answer


class _Response(Struct):
    """An answer under way, and what it made so far."""

    id: str
    status: str = "in_progress"
    reason: str = ""
    output: list[dict[str, Any]] = []
    audio: float = 0.0
    characters: int = 0
    error: dict[str, str] | None = None


class _Session:
    """One connection and what it knows."""

    def __init__(self, owner: ScriptedRealtime, socket: ServerConnection, dialled: Dialled) -> None:
        self._owner = owner
        self._socket = socket
        self._dialled = dialled
        self._numbers = itertools.count(1)
        self._items: list[dict[str, Any]] = []
        owner.items = self._items
        self._detection: dict[str, Any] | None = {"type": "server_vad"} if owner.detects else None
        self._response: _Response | None = None
        self._answering: asyncio.Task[None] | None = None
        self._buffered = self._clock = self._loud = self._silent = 0.0
        self._speaking = False
        self._read = 0.0
        self._stalled = False

    # --- the client -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the connection until it ends."""
        if self._owner.greets:
            session = {"id": "sess_1", "object": "realtime.session", "expires_at": self._owner.expires_at}
            await self._send({"type": "session.created", "session": session})
        async for frame in self._socket:
            event = json.loads(frame)
            self._owner.received.append(event)
            try:
                await self._take(event)
            except Refused as refused:
                await self._refuse(refused, event.get("event_id"))

    def stop(self) -> None:
        """End whatever is under way."""
        if self._answering is not None:
            self._answering.cancel()

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""
        await self._socket.close(code, reason)

    async def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.update":
                await self._configure(event["session"])
            case "input_audio_buffer.append":
                await self._hear(pybase64.b64decode(event["audio"], validate=True))
            case "input_audio_buffer.commit":
                await self._commit()
            case "input_audio_buffer.clear":
                self._buffered = 0.0
            case "conversation.item.create":
                await self._add(event["item"])
            case "conversation.item.truncate":
                await self._truncate(event)
            case "response.create":
                await self._create()
            case "response.cancel":
                await self._cancel(event.get("response_id"))
            case other:
                raise Refused("unknown_event", f"Invalid value: '{other}'.", "type")

    async def _configure(self, session: dict[str, Any]) -> None:
        owner = self._owner
        check_session(session, beta=owner.beta)
        if owner.refuses is not None:
            raise Refused(owner.refuses.code, owner.refuses.message, "session", owner.refuses.type)
        self._dialled.session = _merged(self._dialled.session, session)
        held = session if owner.beta else session.get("audio", {}).get("input", {})
        if "turn_detection" in held:
            self._detection = held["turn_detection"]
        if owner.confirms:
            await self._send({"type": "session.updated", "session": {"expires_at": owner.expires_at}})

    async def _add(self, item: dict[str, Any]) -> None:
        known = {each.get("call_id") for each in self._items if each["type"] == "function_call"}
        check_item(item, known, beta=self._owner.beta)
        item = {"id": self._new("item"), **item}
        self._items.append(item)
        if self._owner.acknowledges:
            await self._send({"type": "conversation.item.added", "item": item})

    async def _truncate(self, event: dict[str, Any]) -> None:
        found = next((each for each in self._items if each.get("id") == event["item_id"]), None)
        if found is None:
            raise Refused("item_truncate_invalid_item_id", "no such item", "item_id")
        if "audio_ms" not in found:
            raise Refused("invalid_value", "Only model output audio messages can be truncated", "item_id")
        if event["audio_end_ms"] > found["audio_ms"]:
            said = f"Audio content of {found['audio_ms']}ms is already shorter than {event['audio_end_ms']}ms"
            raise Refused("invalid_value", said, "audio_end_ms")
        found["audio_ms"], found["transcript"] = event["audio_end_ms"], ""
        await self._send(
            {
                "type": "conversation.item.truncated",
                "item_id": found["id"],
                "content_index": 0,
                "audio_end_ms": event["audio_end_ms"],
            }
        )

    # --- the user's sound -----------------------------------------------------------------------------------

    async def _hear(self, pcm: bytes) -> None:
        step = 2 * self._owner.rate // 50
        for start in range(0, len(pcm), step):
            await self._hear_some(pcm[start : start + step])

    async def _hear_some(self, pcm: bytes) -> None:
        seconds = len(pcm) / (2 * self._owner.rate)
        self._clock += seconds
        self._buffered += seconds
        if self._detection is None:
            return
        loud = peak(pcm) > QUIET
        self._loud = self._loud + seconds if loud else 0.0
        self._silent = 0.0 if loud else self._silent + seconds
        if not self._speaking and self._loud >= PREFIX_SECONDS:
            await self._speech_started()
        elif self._speaking and self._silent >= self._detection.get("silence_duration_ms", 500) / 1000:
            await self._speech_stopped()

    async def _speech_started(self) -> None:
        assert self._detection is not None
        self._speaking = True
        began = max(0.0, self._clock - self._loud)
        self._buffered = self._clock - began
        await self._send({"type": "input_audio_buffer.speech_started", "audio_start_ms": round(began * 1000)})
        stops = self._owner.interrupts and self._detection.get("interrupt_response", True)
        if stops and self._response is not None:
            await self._stop("turn_detected")

    async def _speech_stopped(self) -> None:
        assert self._detection is not None
        self._speaking = False
        ended = self._clock - self._silent
        await self._send({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": round(ended * 1000)})
        await self._commit()
        if not self._detection.get("create_response", True):
            return
        if self._response is None:
            await self._begin()
        else:
            await self._refuse(_active(self._response.id), None)

    async def _commit(self) -> None:
        if self._buffered < 0.1:
            said = f"Error committing input audio buffer: buffer too small. It has {self._buffered * 1000:.2f}ms."
            raise Refused("input_audio_buffer_commit_empty", said)
        seconds, self._buffered = self._buffered, 0.0
        self._read += seconds
        item = {"id": self._new("item"), "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        self._items.append(item)
        await self._send({"type": "input_audio_buffer.committed", "item_id": item["id"]})
        if self._owner.acknowledges:
            await self._send({"type": "conversation.item.added", "item": item})
        if self._listens:
            await self._transcribe(item, seconds)

    @property
    def _listens(self) -> bool:
        session = self._dialled.session
        asked = session if self._owner.beta else session.get("audio", {}).get("input", {})
        return bool(asked.get("input_audio_transcription" if self._owner.beta else "transcription"))

    async def _transcribe(self, item: dict[str, Any], seconds: float) -> None:
        text = next(self._owner.hears)
        kind = "conversation.item.input_audio_transcription"
        half = len(text) // 2
        for piece in (text[:half], text[half:]):
            await self._send({"type": f"{kind}.delta", "item_id": item["id"], "content_index": 0, "delta": piece})
        tokens = {"audio_tokens": round(seconds * 10), "text_tokens": 2}
        usage = self._owner.transcript_usage or {
            "type": "tokens",
            "input_tokens": sum(tokens.values()),
            "input_token_details": tokens,
            "output_tokens": len(text) // 4,
            "total_tokens": sum(tokens.values()) + len(text) // 4,
        }
        self._owner.transcribed.append(usage)
        await self._send(
            {
                "type": f"{kind}.completed",
                "item_id": item["id"],
                "content_index": 0,
                "transcript": text,
                "usage": usage,
            }
        )

    # --- answers --------------------------------------------------------------------------------------------

    async def _create(self) -> None:
        if self._response is not None:
            raise _active(self._response.id)
        await self._begin()

    async def _cancel(self, response_id: str | None) -> None:
        if not self._owner.cancels:
            raise Refused("unknown_event", "Invalid value: 'response.cancel'.", "type")
        if self._response is None or response_id not in (None, self._response.id):
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        await self._stop("client_cancelled")

    async def _stop(self, reason: str) -> None:
        """Stop the response under way."""
        response, answering = self._response, self._answering
        assert response is not None
        assert answering is not None
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering
        if self._response is response:
            response.status, response.reason = "cancelled", reason
            await self._done(response)

    async def _begin(self) -> None:
        answer = self._owner.next_answer()
        if answer is None:
            return
        response = self._response = _Response(self._new("resp"))
        described = {"object": "realtime.response", "status": "in_progress", **self._id(response)}
        await self._send({"type": "response.created", "response": described})
        self._answering = asyncio.get_running_loop().create_task(self._answer(answer, response))

    async def _answer(self, answer: Answer, response: _Response) -> None:
        with contextlib.suppress(ConnectionClosed):
            for step in answer.steps:
                await self._do(step, response)
                if response.status != "in_progress":
                    break
            else:
                response.status = "completed"
            await self._done(response)

    async def _do(self, step: Step, response: _Response) -> None:
        match step:
            case Say():
                await self._say(step, response)
            case Write(text):
                await self._write(text, response)
            case Call(name, arguments):
                await self._call(name, arguments, response)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Fail(code, message):
                response.status, response.error = "failed", {"type": code, "code": code, "message": message}
            case Filter():
                response.status, response.reason = "incomplete", "content_filter"
            case Report():
                await self._send(
                    {"type": "error", "error": {"code": step.code, "type": step.type, "message": step.message}}
                )
            case Event(event):
                await self._send(event)
            case Close(code, reason):
                await self.close(code, reason)
            case Cut():
                self._socket.transport.abort()
                raise asyncio.CancelledError
            case Stall():
                self._stalled = True
                await asyncio.Event().wait()

    async def _say(self, step: Say, response: _Response) -> None:
        item: dict[str, Any] = {"type": "message", "role": "assistant", "audio_ms": 0, "transcript": step.words}
        await self._open_item(item, response)
        at = {"item_id": item["id"], "output_index": len(response.output) - 1, "content_index": 0}
        half = len(step.words) // 2
        if step.words and not step.whole:
            await self._delta("response.output_audio_transcript.delta", response, at, step.words[:half])
        frames = round(step.seconds / FRAME_SECONDS)
        for number in range(frames):
            pcm = _tone(number)
            self._owner.spoken += pcm
            response.audio += FRAME_SECONDS
            item["audio_ms"] += round(FRAME_SECONDS * 1000)
            await self._delta("response.output_audio.delta", response, at, pybase64.b64encode(pcm).decode())
        if step.words and not step.whole:
            await self._delta("response.output_audio_transcript.delta", response, at, step.words[half:])
        response.characters += len(step.words)
        done = {"type": "response.output_audio_transcript.done", "transcript": step.words, **at}
        await self._send({**done, **self._of(response)})
        await self._close_item(item, response)

    async def _write(self, text: str, response: _Response) -> None:
        item: dict[str, Any] = {"type": "message", "role": "assistant", "text": text}
        await self._open_item(item, response)
        at = {"item_id": item["id"], "output_index": len(response.output) - 1, "content_index": 0}
        for start in range(0, len(text), 5):
            await self._delta("response.output_text.delta", response, at, text[start : start + 5])
        response.characters += len(text)
        await self._send({"type": "response.output_text.done", "text": text, **at, **self._of(response)})
        await self._close_item(item, response)

    async def _call(self, name: str, arguments: str, response: _Response) -> None:
        item: dict[str, Any] = {"type": "function_call", "call_id": self._new("call"), "name": name, "arguments": ""}
        await self._open_item(item, response)
        item["arguments"] = arguments
        response.characters += len(name) + len(arguments)
        done = {"item_id": item["id"], "call_id": item["call_id"], "arguments": arguments}
        named = {} if self._owner.beta else {"name": name}
        kind = "response.function_call_arguments.done"
        await self._send({"type": kind, **done, **named, **self._of(response)})
        await self._close_item(item, response)

    async def _open_item(self, item: dict[str, Any], response: _Response) -> None:
        item["id"] = self._new("item")
        self._items.append(item)
        response.output.append(item)
        shown = {**_shown(item), "status": "in_progress"}
        await self._send({"type": "response.output_item.added", "item": shown, **self._of(response)})

    async def _close_item(self, item: dict[str, Any], response: _Response) -> None:
        shown = {**_shown(item), "status": "completed"}
        await self._send({"type": "response.output_item.done", "item": shown, **self._of(response)})

    async def _delta(self, kind: str, response: _Response, at: dict[str, Any], delta: str) -> None:
        await self._send({"type": kind, "delta": delta, **at, **self._of(response)})
        await asyncio.sleep(0)

    async def _done(self, response: _Response) -> None:
        self._response = None
        usage = self._usage(response) if self._owner.bills and response.status != "failed" else None
        details = {"type": response.status, "reason": response.reason or None, "error": response.error}
        described = {
            "object": "realtime.response",
            "status": response.status,
            "status_details": details if response.status != "completed" else None,
            "output": [_shown(item) for item in response.output],
            "usage": usage,
        }
        await self._send({"type": "response.done", "response": {**described, **self._id(response)}})
        if usage is not None and not self._stalled:
            self._owner.billed.append(usage)

    def _usage(self, response: _Response) -> dict[str, Any]:
        """The whole conversation read again, some of it from a cache, and what was made."""
        text = 10 + 7 * len(self._items)
        audio = round(10 * self._read)
        made_audio, made_text = round(20 * response.audio), response.characters // 4
        cached = {"text_tokens": 10, "audio_tokens": audio // 2, "image_tokens": 0}
        self._read += response.audio
        return {
            "input_tokens": text + audio,
            "output_tokens": made_audio + made_text,
            "total_tokens": text + audio + made_audio + made_text,
            "input_token_details": {
                "text_tokens": text,
                "audio_tokens": audio,
                "image_tokens": 0,
                "cached_tokens": sum(cached.values()),
                "cached_tokens_details": cached,
            },
            "output_token_details": {"text_tokens": made_text, "audio_tokens": made_audio},
        }

    # --- down -----------------------------------------------------------------------------------------------

    async def _send(self, event: dict[str, Any]) -> None:
        if self._stalled:
            return
        name = BETA.get(event["type"], event["type"]) if self._owner.beta else event["type"]
        event = {"event_id": self._new("event"), **event, "type": name}
        if not self._owner.ids:
            event.pop("item_id", None)
        await self._socket.send(json.dumps(event))

    async def _refuse(self, refused: Refused, event_id: str | None) -> None:
        self._owner.refused.append(refused.code)
        error = {"type": refused.kind, "code": refused.code, "message": str(refused), "param": refused.param}
        await self._send({"type": "error", "error": {**error, "event_id": event_id}})

    def _new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"

    def _of(self, response: _Response) -> dict[str, str]:
        return {"response_id": response.id} if self._owner.ids else {}

    def _id(self, response: _Response) -> dict[str, str]:
        return {"id": response.id} if self._owner.ids else {}


def _active(response_id: str) -> Refused:
    said = f"Conversation already has an active response in progress: {response_id}."
    return Refused("conversation_already_has_active_response", said)


def _shown(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("audio_ms", "transcript", "text")}


def _tone(number: int) -> bytes:
    """A frame of a low tone, different for each ``number``, so that what comes out can be told from silence."""
    samples = np.arange(round(FRAME_SECONDS * OUTPUT_RATE))
    pcm: bytes = (4_000 * np.sin(samples * (0.05 + 0.001 * (number % 50)))).astype("<i2").tobytes()
    return pcm


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: _merged(below[name], above[name])
        for name in below.keys() & above.keys()
        if _are_dicts(below[name], above[name])
    }
    return below | above | both


def _are_dicts(one: Any, other: Any) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)
