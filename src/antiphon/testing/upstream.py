"""A Gemini Live upstream that does what a script says, on a real socket: for tests of what a relay makes of it.

It speaks the dialect of the hosted service, in binary frames, and fails in every way that one is known to::

    answers = [Answer(Say(0.5, "Good morning."), End()), Answer(Say(0.2), Cut())]
    async with ScriptedUpstream(answers) as upstream:
        ...                                     # dial upstream.url
        assert upstream.told == [...]           # what it said it used

Each turn of the user gets the next answer: complete content, typed text, the end of an activity or of the stream, and
speech in the sound (louder than :data:`QUIET`) that is followed by :data:`SILENCE` seconds without. As with the hosted
service, a resumed session knows what its handle stood for and nothing since; handles come after the setup and after
every turn.
"""

import asyncio
import itertools
import json
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import pybase64
from msgspec import Struct
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from antiphon.audio.pcm import peak
from antiphon.wire import base64

RATE: Final = 24_000
FRAME_SECONDS: Final = 0.2
SILENCE: Final = 0.2
QUIET: Final = 300


class Say(Struct, frozen=True):
    """Model speech: ``seconds`` of it in frames of 0.2, with ``words``. ``late`` words come after the sound, words
    that are ``beside`` come in the frame of the first sound, and all others before it. ``usage`` rides on every frame.
    """

    seconds: float = 0.4
    words: str = ""
    late: bool = False
    beside: bool = False
    usage: bool = False


class Think(Struct, frozen=True):
    """A thought, in a frame of its own."""

    text: str


class Ground(Struct, frozen=True):
    """Search results; told ``times`` times."""

    queries: tuple[str, ...]
    times: int = 1


class Call(Struct, frozen=True):
    """Functions are called, all in one message; the answer goes on when all have results, unless it does ``not_wait``.

    ``usage`` rides on the frame. Vertex AI's ``generation_complete`` follows, although the generation goes on.
    """

    names: tuple[str, ...]
    not_wait: bool = False
    usage: bool = True
    generation_complete: bool = False


class CancelCalls(Struct, frozen=True):
    """The functions called last are cancelled."""


class Bill(Struct, frozen=True):
    """What was used so far, alone in a frame, ``times`` times; after an end, what was told then."""

    times: int = 1


class Frame(Struct, frozen=True):
    """Any message, as it is."""

    message: dict[str, Any]


class Pause(Struct, frozen=True):
    """Nothing for so many seconds."""

    seconds: float


class End(Struct, frozen=True):
    """The end of an answer: ``generationComplete``, unless it is left out, and ``turnComplete`` with what was used.

    ``usage`` is ``beside`` the ``turnComplete``, ``after`` it, or ``none``. ``extra`` members are beside it, too.
    """

    complete: bool = True
    usage: str = "beside"
    extra: dict[str, Any] = {}


class Interrupt(Struct, frozen=True):
    """The answer is interrupted, which is told ``times`` times, and over."""

    times: int = 1


class GoAway(Struct, frozen=True):
    """The connection will end in ``seconds``; and does, if it ``closes``."""

    seconds: float
    closes: bool = True


class Close(Struct, frozen=True):
    """The connection is closed."""

    code: int
    reason: str = ""


class Cut(Struct, frozen=True):
    """The connection ends without a word (1006 on the other side)."""


class Stall(Struct, frozen=True):
    """Nothing more comes on this connection."""


Step = Say | Think | Ground | Call | CancelCalls | Bill | Frame | Pause | End | Interrupt | GoAway | Close | Cut | Stall


class Answer:
    """What the upstream does about one turn of the user. An answer that does not end is a scripted failure."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps

    def __repr__(self) -> str:
        return f"Answer({', '.join(map(repr, self.steps))})"


class Received(Struct, frozen=True):
    """A message of the client, and the number of the connection it came on (from 0)."""

    connection: int
    message: dict[str, Any]


class Dialled(Struct):
    """One connection: how it was dialled, its setup, and what ended it (None while it is open)."""

    path: str
    headers: dict[str, str]
    setup: dict[str, Any] = {}
    ended: str | None = None


class ScriptedUpstream:
    """An async context manager; :attr:`url` is where to dial.

    ``key`` must be sent where it is not empty: else the connection is closed with 1007 after it was accepted.
    ``refuses_resumption`` is how a handle is refused. ``exclusive``: a session that is still connected elsewhere is not
    resumed (1011). ``silent`` never answers the setup. ``handles``: gives handles at all. ``spaced`` writes JSON as the
    hosted service does, over several lines. ``vertex`` speaks the dialect of Vertex AI.
    """

    def __init__(
        self,
        answers: Sequence[Answer] = (),
        *,
        key: str = "",
        refuses_resumption: Close | None = None,
        exclusive: bool = False,
        silent: bool = False,
        handles: bool = True,
        spaced: bool = True,
        vertex: bool = False,
        transcribes: bool = True,
    ) -> None:
        self.received: list[Received] = []
        self.connections: list[Dialled] = []
        self.told: list[dict[str, Any]] = []
        """Every generation's last ``usageMetadata``, as far as it was sent: what the key's owner is charged for."""
        self.unread: list[dict[str, Any]] = []
        """Of :attr:`told`, what was sent on connections that ended before it is known that the other side read it."""
        self.spoken = bytearray()
        """All model speech that was sent."""
        self.answered = 0
        """How many answers were begun."""
        self.context: list[str] = []
        """What the session that was used last knows: the turns of both sides."""
        self.key = key
        self.refuses_resumption = refuses_resumption
        self.exclusive = exclusive
        self.silent = silent
        self.handles = handles
        self.spaced = spaced
        self.vertex = vertex
        self.transcribes = transcribes
        self._answers = iter(answers)
        self._kept: dict[str, list[str]] = {}
        self._numbers = itertools.count(1)
        self._open: set[_Session] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, compression=None, ping_interval=None, max_size=16 << 20, close_timeout=0.5
        )
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
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

    @property
    def busy(self) -> bool:
        """Whether an answer is being given."""
        return any(session.busy for session in self._open)

    def messages(self, kind: str) -> list[Any]:
        """Everything received of one kind (``clientContent``, ``toolResponse``, ...), in order."""
        return [each.message[kind] for each in self.received if kind in each.message]

    def heard(self) -> bytes:
        """All sound received, in order."""
        blobs = [each["audio"]["data"] for each in self.messages("realtimeInput") if "audio" in each]
        return b"".join(map(base64.decode, blobs))

    async def _serve(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        headers = {name.lower(): value for name, value in socket.request.headers.raw_items()}
        dialled = Dialled(socket.request.path, headers)
        self.connections.append(dialled)
        session = _Session(self, socket, dialled, len(self.connections) - 1)
        self._open.add(session)
        try:
            await session.run()
        except ConnectionClosed as error:
            dialled.ended = dialled.ended or str(error)
        finally:
            self._open.discard(session)
            session.stop()

    def _ask(self, socket: ServerConnection, usage: dict[str, Any]) -> None:
        """Find out whether ``usage``, which is sent now, was read: a pong comes after everything of before."""

        async def ask() -> None:
            await asyncio.sleep(0)
            try:
                await (await socket.ping())
            except ConnectionClosed:
                self.unread.append(usage)

        task = asyncio.create_task(ask())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _next_answer(self) -> Answer | None:
        answer = next(self._answers, None)
        self.answered += answer is not None
        return answer


class _Session:
    """One connection and what it knows."""

    def __init__(self, owner: ScriptedUpstream, socket: ServerConnection, dialled: Dialled, number: int) -> None:
        self._owner = owner
        self._socket = socket
        self._dialled = dialled
        self._number = number
        self._context: list[str] = []
        self._handle = ""
        self._collecting = False
        self._answering: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._waiting: dict[str, str] = {}
        self._results = asyncio.Event()
        self._speaking = False
        self._quiet = 0.0
        self._made = 0
        self._words = ""
        self._unfinished: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None

    # --- the client -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the connection until it ends."""
        first = json.loads(await self._socket.recv())
        self._owner.received.append(Received(self._number, first))
        self._dialled.setup = first["setup"]
        if not await self._admit(first["setup"]):
            return
        self._collecting = bool(first["setup"].get("historyConfig", {}).get("initialHistoryInClientContent"))
        await self._send({"setupComplete": {"sessionId": "s"} if self._owner.vertex else {}})
        await self._give_handle()
        async for frame in self._socket:
            message = json.loads(frame)
            self._owner.received.append(Received(self._number, message))
            await self._take(message)

    @property
    def busy(self) -> bool:
        """Whether an answer is being given."""
        return self._answering is not None and not self._answering.done()

    def stop(self) -> None:
        """End whatever is under way."""
        self._bill_unfinished()
        for task in (self._answering, self._ending):
            if task is not None:
                task.cancel()

    async def _admit(self, setup: dict[str, Any]) -> bool:
        owner = self._owner
        sent = self._dialled.headers.get("x-goog-api-key") or self._dialled.headers.get("authorization", "")
        if owner.key and sent.removeprefix("Bearer ") != owner.key:
            await self._close(Close(1007, "API key not valid. Please pass a valid API key."))
            return False
        if owner.silent:
            await self._socket.wait_closed()
            return False
        handle = setup.get("sessionResumption", {}).get("handle")
        if handle:
            return await self._resume(handle)
        return True

    async def _resume(self, handle: str) -> bool:
        owner = self._owner
        refusal = owner.refuses_resumption
        if handle not in owner._kept:
            refusal = refusal or Close(1008, "BidiGenerateContent session not found")
        if refusal is None and owner.exclusive and any(other is not self for other in owner._open):
            refusal = Close(1011, "Internal error encountered.")
        if refusal is not None:
            await self._close(refusal)
            return False
        self._context = list(owner._kept[handle])
        owner.context = self._context
        return True

    async def _take(self, message: dict[str, Any]) -> None:
        if (content := message.get("clientContent")) is not None:
            await self._read(content)
        elif (results := message.get("toolResponse")) is not None:
            self._take_results(results["functionResponses"])
        elif (live := message.get("realtimeInput") or message.get("realtime_input")) is not None:
            await self._hear(live)

    async def _read(self, content: dict[str, Any]) -> None:
        await self._barge_in()
        for turn in content.get("turns", ()):
            words = "".join(part.get("text", "") for part in turn.get("parts", ()))
            self._context.append(f"{turn.get('role') or 'user'}: {words}")
        complete = content.get("turnComplete") or content.get("turn_complete")
        if complete and not self._collecting:
            self._answer()
        self._collecting = self._collecting and not complete

    def _take_results(self, responses: list[dict[str, Any]]) -> None:
        for response in responses:
            call = response.get("id") or next((i for i, n in self._waiting.items() if n == response["name"]), "")
            if self._waiting.pop(call, None) is not None:
                self._context.append(f"result of {response['name']}: {json.dumps(response['response'])}")
        if not self._waiting:
            self._results.set()

    async def _hear(self, live: dict[str, Any]) -> None:
        if "audio" in live:
            await self._listen(base64.decode(live["audio"]["data"]))
        if live.get("text", "").strip():
            await self._barge_in()
            self._context.append(f"user: {live['text']}")
            self._answer()
        if "activityStart" in live:
            await self._barge_in()
        if "activityEnd" in live or live.get("audioStreamEnd"):
            await self._heard()

    async def _listen(self, pcm: bytes) -> None:
        if peak(pcm) >= QUIET:
            if not self._speaking:
                await self._barge_in()
            self._speaking, self._quiet = True, 0.0
        elif self._speaking:
            self._quiet += len(pcm) / 32_000
            if self._quiet >= SILENCE:
                await self._heard()

    async def _heard(self) -> None:
        self._speaking = False
        if self._owner.transcribes and "inputAudioTranscription" in self._dialled.setup:
            await self._send({"serverContent": {"inputTranscription": {"text": "(spoken)"}}})
        self._context.append("user: (spoken)")
        self._answer()

    # --- the model ------------------------------------------------------------------------------------------

    def _answer(self) -> None:
        answer = self._owner._next_answer()
        if answer is not None:
            self._owner.context = self._context
            self._answering = asyncio.create_task(self._perform(answer))

    async def _barge_in(self) -> None:
        """The user interrupts what is being answered."""
        if self._answering is None or self._answering.done():
            return
        self._answering.cancel()
        with suppress(asyncio.CancelledError):
            await self._answering
        if self._waiting:
            await self._send({"toolCallCancellation": {"ids": list(self._waiting)}})
            self._waiting.clear()
        await self._step(Interrupt())

    async def _perform(self, answer: Answer) -> None:
        self._bill_unfinished()
        self._made, self._words, self._last = 0, "", None
        with suppress(ConnectionClosed):
            for step in answer.steps:
                await self._step(step)

    async def _step(self, step: Step) -> None:
        match step:
            case Say():
                await self._say(step)
            case Think(text):
                self._last = None
                await self._content(modelTurn={"parts": [{"text": text, "thought": True}]})
            case Ground(queries, times):
                for _ in range(times):
                    await self._content(groundingMetadata=_grounding(queries))
            case Call():
                await self._call(step)
            case CancelCalls():
                await self._send({"toolCallCancellation": {"ids": list(self._waiting)}})
                self._waiting.clear()
            case Bill(times):
                for _ in range(times):
                    await self._send({"usageMetadata": self._interim()})
            case Frame(message):
                await self._send(message)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case End():
                await self._end(step)
            case Interrupt(times):
                for _ in range(times):
                    await self._content(interrupted=True)
                await self._end(End(complete=False))
            case GoAway():
                await self._go_away(step)
            case Close():
                await self._close(step)
            case Cut():
                self._dialled.ended = "cut"
                # What was sent before gets there: it was told.
                self._socket.transport.close()
                await asyncio.Future()
            case Stall():
                await asyncio.Future()

    async def _say(self, step: Say) -> None:
        if step.words and not step.late and not step.beside:
            await self._content(outputTranscription={"text": step.words})
        words = step.words if step.beside else ""
        for _ in range(max(1, round(step.seconds / FRAME_SECONDS))):
            pcm = self._sound()
            extra = {"outputTranscription": {"text": words}} if words else {}
            beside = {"usageMetadata": self._interim()} if step.usage else {}
            words = ""
            await self._send({"serverContent": {"modelTurn": _speech(pcm, self._owner.vertex)} | extra} | beside)
        if step.words and step.late:
            await self._content(outputTranscription={"text": step.words})
        self._words += step.words

    def _sound(self) -> bytes:
        """Speech that is different in every frame."""
        number = next(self._owner._numbers)
        samples = np.full(round(RATE * FRAME_SECONDS), number % 20_000 + 1_000, "<i2")
        pcm: bytes = samples.tobytes()
        self._owner.spoken += pcm
        self._made += round(25 * FRAME_SECONDS)
        self._last = None
        return pcm

    async def _call(self, step: Call) -> None:
        self._waiting = {f"call_{next(self._owner._numbers)}": name for name in step.names}
        calls: list[dict[str, Any]] = [{"id": i, "name": name, "args": {"n": 1}} for i, name in self._waiting.items()]
        self._results.clear()
        if self._owner.vertex:
            calls = [{"name": call["name"], "args": call["args"]} for call in calls]
        self._made += 10 * len(calls)
        beside = {"usageMetadata": self._bill()} if step.usage else {}
        self._bill_unfinished()
        self._made = 0
        await self._send({"toolCall": {"functionCalls": calls}} | beside)
        if step.generation_complete:
            await self._content(generationComplete=True)
        if not step.not_wait:
            await self._results.wait()

    async def _end(self, step: End) -> None:
        if step.complete:
            await self._content(generationComplete=True)
        usage = {"usageMetadata": self._bill()} if step.usage != "none" else {}
        beside = usage if step.usage == "beside" else {}
        await self._send({"serverContent": {"turnComplete": True, **step.extra}} | beside)
        if step.usage == "after":
            await self._send(usage)
        self._context.append(f"model: {self._words}")
        self._made, self._words = 0, ""
        await self._give_handle()

    def _bill(self) -> dict[str, Any]:
        self._unfinished = None
        self._last = self._usage()
        self._owner.told.append(self._last)
        self._owner._ask(self._socket, self._last)
        return self._last

    def _interim(self) -> dict[str, Any]:
        if self._last is not None:
            # Nothing was made since the last generation ended.
            return self._last
        self._unfinished = self._usage()
        return self._unfinished

    def _bill_unfinished(self) -> None:
        """A generation that never got to its end is charged all the same."""
        if self._unfinished is not None:
            self._owner.told.append(self._unfinished)
            self._unfinished = None

    def _usage(self) -> dict[str, Any]:
        """What the generation used so far, in the dialect's own names."""
        prompt = 10 * len(self._context) + 5
        made = "candidates" if self._owner.vertex else "response"
        return {
            "promptTokenCount": prompt,
            f"{made}TokenCount": self._made,
            "totalTokenCount": prompt + self._made,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": prompt}],
            f"{made}TokensDetails": [{"modality": "AUDIO", "tokenCount": self._made}],
        }

    async def _go_away(self, step: GoAway) -> None:
        await self._send({"goAway": {"timeLeft": f"{step.seconds:g}s"}})
        if step.closes:
            self._ending = asyncio.create_task(self._close_in(step.seconds))

    async def _close_in(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._close(Close(1011, "Deadline expired before operation could complete."))

    async def _close(self, step: Close) -> None:
        self._dialled.ended = f"{step.code} {step.reason}".strip()
        await self._socket.close(step.code, step.reason)

    async def _give_handle(self) -> None:
        if not self._owner.handles or "sessionResumption" not in self._dialled.setup:
            return
        self._handle = f"handle-{next(self._owner._numbers)}"
        self._owner._kept[self._handle] = list(self._context)
        await self._send({"sessionResumptionUpdate": {"newHandle": self._handle, "resumable": True}})

    async def _content(self, **members: Any) -> None:
        await self._send({"serverContent": members})

    async def _send(self, message: dict[str, Any]) -> None:
        text = (
            json.dumps(message, indent=2) + "\n" if self._owner.spaced else json.dumps(message, separators=(",", ":"))
        )
        await self._socket.send(text.encode())


def _speech(pcm: bytes, vertex: bool) -> dict[str, Any]:
    mime_type = "audio/pcm" if vertex else "audio/pcm;rate=24000"
    blob = {"mimeType": mime_type, "data": pybase64.b64encode(pcm).decode()}
    return {"parts": [{"inlineData": blob}]} | ({"role": "model"} if vertex else {})


def _grounding(queries: tuple[str, ...]) -> dict[str, Any]:
    pages = [{"web": {"uri": f"https://example.org/{query}", "title": query}} for query in queries]
    return {"webSearchQueries": list(queries), "groundingChunks": pages}
