"""What an upstream's frames say, as events of an engine that takes turns.

The service leaves out, repeats and misplaces things; a session is told each thing once and in order:

1. A generation begins with the first thing that the model makes after a turn ended: sound, words, or function calls.
   Words and search results alone may also be the late end of the answer before, so they wait for the sound they
   belong to, for :data:`WORDS_AHEAD` seconds.
2. ``interrupted`` counts once, and only while an answer is being given. What is made after it, and after
   ``generationComplete``, begins a new generation, and ends the old one where its ``turnComplete`` is missing; late
   words do not.
3. ``generationComplete`` right after function calls is no end (Vertex AI), and is made up where it is missing.
4. ``turnComplete`` with no answer before it is an empty answer: somebody waits for it.
5. A call is told once, by its id. Search results that only repeat what was told are dropped; each query counts once.

A frame goes on as it came where the client may know all of it and the session is told all of it by its events.
"""

from collections.abc import Callable
from enum import Enum, auto

from msgspec.structs import replace

from antiphon.engines.relay.billing import Bill
from antiphon.engines.relay.frames import SpeechFrame
from antiphon.live.events import (
    OUTPUT_RATE,
    ActivityEnded,
    ActivityStarted,
    CallsCancelled,
    GenerationComplete,
    GenerationStarted,
    Grounding,
    Interrupted,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Relayed,
    RelayedSpeech,
    Speech,
    ToolCalls,
    TurnComplete,
    Used,
    UserWords,
)
from antiphon.live.grounding import GroundedSearch, Source, Support
from antiphon.live.history import FunctionCall
from antiphon.live.setup import Setup
from antiphon.live.tokens import UpstreamUsage, Usage
from antiphon.wire.gemini import client, server

WORDS_AHEAD = 2.0
"""Seconds by which words and search results may run ahead of the sound they belong to."""

_BYTES_PER_SECOND = 2 * OUTPUT_RATE


class State(Enum):
    """Where the present turn is."""

    IDLE = auto()
    MAKING = auto()
    COMPLETE = auto()
    """All of the answer is there; it is being heard."""
    INTERRUPTED = auto()


class Reader:
    """Reads one upstream, over all its connections. ``number`` is that of the last generation.

    ``heard`` says how many seconds of the user's sound were sent, ``clock`` the time. ``base`` is how many of those
    seconds the present connection did not hear.
    """

    def __init__(
        self,
        setup: Setup,
        number: int,
        payer: UpstreamUsage,
        *,
        vertex: bool,
        heard: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self.setup = setup
        self.number = number
        self.state = State.IDLE
        self.seconds = 0.0
        """Speech of the present generation so far."""
        self.pending: dict[str, FunctionCall] = {}
        """Calls that the upstream made and that were neither answered nor cancelled, by id."""
        self.base = 0.0
        self._payer = payer
        self._vertex = vertex
        self._heard = heard
        self._clock = clock
        self._bill = Bill(speaks=setup.modality == "audio")
        self._called: set[str] = set()
        self._nameless = 0
        self._just_called = False
        self._early: list[tuple[str | GroundedSearch, float]] = []
        self._queries: set[str] = set()
        self._grounding: GroundedSearch | None = None
        self._searches = 0
        self._active = False
        self._settled = False
        self._out: list[ModelEvent] = []
        self._begins: int | None = None
        self._whole = True

    # --- what the conversation asks for ---------------------------------------------------------------------

    @property
    def silent(self) -> bool:
        """Whether the model has called functions, and made nothing since."""
        return self.state is State.MAKING and self._just_called

    def speech(self, speech: SpeechFrame) -> list[ModelEvent]:
        """The events of a frame of speech alone."""
        self._start_frame()
        self._make()
        self.seconds += speech.seconds
        self._out.append(RelayedSpeech(self.number, speech.frame, speech.seconds))
        return self._out

    def read(self, message: server.ServerMessage, frame: bytes) -> list[ModelEvent]:
        """The events of any other frame."""
        self._start_frame()
        # Vertex AI has names of its own for what was made, and clients of the other dialect do not read them.
        self._whole = not (self._vertex and message.usage_metadata is not None)
        self._whole &= not (message.go_away or message.session_resumption_update)
        self._read_activity(message)
        content = message.server_content
        unreadable = content is not None and self._read_content(content)
        if message.tool_call_cancellation is not None:
            self._cancel(message.tool_call_cancellation.ids)
        if message.tool_call is not None:
            self._call(message.tool_call.function_calls)
        if content is not None and content.turn_complete and self.state is State.IDLE and not self._settled:
            self._begin()
        if message.usage_metadata is not None:
            final = content is not None and content.turn_complete
            self._charge(self._bill.told(message.usage_metadata, final=final))
        if message.tool_call is not None and self.silent:
            self._charge(self._bill.over(called=True))
        if content is not None:
            self._read_ends(content)
        return self._wrapped(frame, unreadable=unreadable)

    def asked(self) -> None:
        """The client wrote something, or marked an activity: words of before belong to the answer of before."""
        self._early.clear()

    def answered(self, ids: list[str]) -> None:
        """Functions were answered."""
        for each in ids:
            self.pending.pop(each, None)
        self._bill.answered()

    def settle(self, *, late: bool = False) -> list[ModelEvent]:
        """End the present turn for an upstream that will not; ``late``: it may do so yet, which will mean nothing."""
        self._start_frame()
        if self.state is State.MAKING:
            self._out.append(Interrupted(self.number, again=not late))
        self._charge(self._bill.over())
        if not late:
            self._bill.gone()
        if self.state is not State.IDLE:
            self._out.append(TurnComplete(self.number))
            self.state, self._settled = State.IDLE, late
        return self._out

    def last_words(self) -> list[ModelEvent]:
        """What is still to be charged when a connection ends."""
        self._start_frame()
        self._charge(self._bill.over())
        self._bill.gone()
        return self._out

    # --- one frame ------------------------------------------------------------------------------------------

    def _start_frame(self) -> None:
        self._out, self._begins, self._whole = [], None, True

    def _wrapped(self, frame: bytes, *, unreadable: bool) -> list[ModelEvent]:
        if not self._whole:
            return self._out
        if self._begins is not None:
            said = tuple(self._out[self._begins :])
            return [*self._out[: self._begins], Relayed(frame, said)]
        if unreadable and self.state is State.MAKING:
            # Nothing of it is an event, such as code that the model ran: the client gets it, the session need not.
            self._out.append(RelayedSpeech(self.number, frame, 0.0))
        return self._out

    def _tell(self, event: ModelEvent) -> None:
        """Something the frame says."""
        if self._begins is None:
            self._begins = len(self._out)
        self._out.append(event)

    def _add(self, event: ModelEvent) -> None:
        """Something the frame does not say, but must have been said before what comes next."""
        self._whole &= self._begins is None
        self._out.append(event)

    # --- the user -------------------------------------------------------------------------------------------

    def _read_activity(self, message: server.ServerMessage) -> None:
        if message.voice_activity_detection_signal is not None:
            self._whole &= self.setup.vad_signal
            starts = message.voice_activity_detection_signal.vad_signal_type is server.VadSignal.START
            self._activity(starts, self._heard())
        if message.voice_activity is not None:
            starts = message.voice_activity.type is server.ActivityType.START
            self._activity(starts, self._offset(message.voice_activity.audio_offset))

    def _activity(self, starts: bool, offset: float) -> None:
        # Some upstreams tell it in both ways.
        if starts is self._active:
            self._whole = False
            return
        self._active = starts
        self._tell(ActivityStarted(offset) if starts else ActivityEnded(offset))

    def _offset(self, duration: str) -> float:
        """A place in the connection's sound (``"1.5s"``) as one in the call's; that of now where there is none."""
        seconds = duration_seconds(duration)
        return self._heard() if seconds is None else min(self.base + seconds, self._heard())

    # --- the model ------------------------------------------------------------------------------------------

    def _read_content(self, content: server.ServerContent) -> bool:
        """Returns whether there was something that no event tells."""
        unreadable = content.url_context_metadata is not None
        if (heard := content.input_transcription) is not None and (heard.text or heard.finished):
            self._whole &= self.setup.transcribe_input
            self._tell(UserWords(heard.text, heard.finished))
        said = content.output_transcription
        parts = content.model_turn.parts if content.model_turn is not None else []
        if said is not None and said.text:
            self._words(said.text, with_sound=any(part.inline_data for part in parts))
        for part in parts:
            unreadable |= not self._part(part)
        if content.grounding_metadata is not None:
            self._ground(content.grounding_metadata)
        return unreadable

    def _words(self, text: str, *, with_sound: bool) -> None:
        self._whole &= self.setup.transcribe_output
        if not with_sound and self.state in (State.IDLE, State.INTERRUPTED):
            self._whole = False
            if self.state is State.IDLE:
                self._early.append((text, self._clock()))
            return
        if with_sound:
            self._make()
        self._tell(OutputTranscript(self.number, text, self.seconds))

    def _part(self, part: client.Part) -> bool:
        """Take a part of an answer; returns whether there is an event for it."""
        blob = part.inline_data
        if blob is not None and blob.mime_type.startswith("audio/"):
            self._make()
            self.seconds += len(blob.data) / _BYTES_PER_SECOND
            self._tell(Speech(self.number, blob.data))
        elif part.text:
            self._whole &= not part.thought or self.setup.thinking.include_thoughts
            self._make()
            self._tell(ModelText(self.number, part.text, part.thought))
        else:
            return not (blob or part.executable_code or part.code_execution_result or part.file_data)
        return True

    def _ground(self, metadata: server.GroundingMetadata) -> None:
        found = grounded(metadata)
        if self.state is State.IDLE:
            self._whole = False
            self._early.append((found, self._clock()))
        elif (event := self._news_of(found)) is not None:
            self._tell(event)
        else:
            self._whole = False

    def _news_of(self, found: GroundedSearch) -> Grounding | None:
        """What is new in search results; each query counts once."""
        new = tuple(query for query in dict.fromkeys(found.queries) if query not in self._queries)
        last, self._grounding = self._grounding, found
        if not new and last is not None and (last.sources, last.supports) == (found.sources, found.supports):
            return None
        self._queries.update(new)
        self._searches += len(new)
        return Grounding(self.number, replace(found, queries=new))

    def _call(self, wanted: list[client.FunctionCall]) -> None:
        calls = tuple(self._named(call) for call in wanted if not call.id or call.id not in self._called)
        self._whole &= len(calls) == len(wanted) and all(call.id for call in wanted)
        if not calls:
            return
        self._make()
        self._called.update(call.id for call in calls)
        self.pending |= {call.id: call for call in calls}
        self._just_called = True
        self._tell(ToolCalls(self.number, calls))

    def _named(self, call: client.FunctionCall) -> FunctionCall:
        """A call with an id: on Vertex AI it may have none."""
        if not call.id:
            self._nameless += 1
        args = call.args if isinstance(call.args, dict) else {}
        return FunctionCall(call.id or f"{NAMELESS}{self._nameless}", call.name, args)

    def _cancel(self, ids: list[str]) -> None:
        waiting = tuple(each for each in ids if each in self.pending)
        self._whole &= len(waiting) == len(ids)
        for each in waiting:
            del self.pending[each]
        if waiting:
            self._tell(CallsCancelled(self.number, waiting))

    # --- turns ----------------------------------------------------------------------------------------------

    def _make(self) -> None:
        """The model makes something: begin a generation if there is none."""
        self._just_called = False
        if self.state is State.MAKING:
            self._bill.content()
            return
        if self.state is not State.IDLE:
            self._charge(self._bill.over())
            self._add(TurnComplete(self.number))
        self._begin()

    def _begin(self) -> None:
        self._bill.content()
        self.number += 1
        self.state, self.seconds, self._settled, self._just_called = State.MAKING, 0.0, False, False
        self._queries.clear()
        self._grounding = None
        self._add(GenerationStarted(self.number))
        early, self._early = self._early, []
        for said, when in early:
            if self._clock() - when > WORDS_AHEAD:
                continue
            event = OutputTranscript(self.number, said, 0.0) if isinstance(said, str) else self._news_of(said)
            if event is not None:
                self._add(event)

    def _read_ends(self, content: server.ServerContent) -> None:
        if content.generation_complete:
            self._complete(content)
        if content.interrupted:
            self._interrupt()
        if content.turn_complete:
            self._end_turn(content)

    def _complete(self, content: server.ServerContent) -> None:
        if self.state is State.IDLE and self._early and not content.turn_complete:
            self._begin()
        if self.state is State.MAKING and not self._just_called:
            self.state = State.COMPLETE
            self._tell(GenerationComplete(self.number, content.waiting_for_input, content.turn_complete_reason))
        else:
            self._whole = False

    def _interrupt(self) -> None:
        if self.state in (State.MAKING, State.COMPLETE):
            self.state = State.INTERRUPTED
            self._tell(Interrupted(self.number))
        else:
            self._whole = False

    def _end_turn(self, content: server.ServerContent) -> None:
        waiting, reason = content.waiting_for_input, content.turn_complete_reason
        if self.state is State.IDLE:
            self._settled, self._whole = False, False
            return
        if self.state is State.MAKING:
            self._add(GenerationComplete(self.number, waiting, reason))
        self._charge(self._bill.over())
        self._tell(TurnComplete(self.number, reason, waiting))
        self.state = State.IDLE

    def _charge(self, used: Usage | None) -> None:
        if used is None:
            return
        searches, self._searches = self._searches, 0
        payer = replace(self._payer, usage=replace(used, searches=searches))
        self._out.append(Used(self.number, payer))


NAMELESS = "upstream-call-"
"""How calls begin that came without an id; the upstream is answered without one."""


def grounded(metadata: server.GroundingMetadata) -> GroundedSearch:
    """Search results as the session keeps them."""
    pages = [chunk.web for chunk in metadata.grounding_chunks if chunk.web is not None]
    return GroundedSearch(
        tuple(metadata.web_search_queries),
        tuple(Source(page.uri, page.title) for page in pages),
        tuple(
            Support(
                each.segment.text, each.segment.start_index, each.segment.end_index, tuple(each.grounding_chunk_indices)
            )
            for each in metadata.grounding_supports
            if each.segment is not None
        ),
    )


def duration_seconds(text: str) -> float | None:
    """A duration of protobuf's JSON (``"12.3s"``) in seconds."""
    try:
        return float(text.removesuffix("s"))
    except ValueError:
        return None
