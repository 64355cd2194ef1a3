"""A conversation as a pure state machine: the only writer of its state.

:meth:`Session.receive` takes what the client sent, what the engine did, or what else happened, each with the time
it happened, and returns the effects to perform, in order. It does no I/O and has no clock, so a whole conversation
can be tested or replayed without a socket and faster than real time. The states and their transitions are listed
in :mod:`antiphon.live.machine`.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from antiphon.live import agreement
from antiphon.live import events as engine
from antiphon.live.context import Context
from antiphon.live.effects import Charge, Close, Effect, Note, Open, Send, SendSpeech, Tell
from antiphon.live.generation import Generation
from antiphon.live.history import FunctionResult, Turn, Words
from antiphon.live.inputs import ClientLeft, Drain, EngineOpened, Input, Refused, Tick, Unread
from antiphon.live.machine import CONNECTION, MODEL, USER, Connection, Machine, Model, Trigger, User
from antiphon.live.policy import Policy
from antiphon.live.setup import Setup
from antiphon.live.tokens import Tokens, Usage, audio_tokens
from antiphon.wire.gemini import client, server
from antiphon.wire.gemini.media import audio_rate
from antiphon.wire.refusal import CloseCode, Refusal

MAX_SPEECH_BYTES = 12_000
"""Model speech a frame carries at most: 250 ms, as the hosted service sends it."""

Event = client.Message | engine.ModelEvent | Input


class Session:
    """One conversation, from its first message to its close. Times are seconds of any steady clock."""

    def __init__(self, policy: Policy, now: float, session_id: str = "") -> None:
        self.policy = policy
        self.id = session_id
        self.connection = Machine(CONNECTION, Connection.AWAITING_SETUP)
        self.user = Machine(USER, User.QUIET)
        self.model = Machine(MODEL, Model.IDLE)
        self.setup: Setup | None = None
        self.usage = Usage()
        self.input_seconds = 0.0
        self._began = self._last_message = now
        self._effects: list[Effect] = []
        self._early: list[client.Message] = []
        self._allowance = 10 * policy.messages_per_second
        self._drain_deadline: float | None = None
        self._next_number = 1
        self._activity_began = 0.0
        self._collecting = False
        self._due = False
        self._unanswered = False
        self._awaited_activities: deque[float] = deque()
        self._waiting: list[tuple[Turn, Tokens | None]] = []
        self._held_fragment: engine.OutputTranscript | None = None
        self._generation: Generation
        self._context: Context

    @property
    def context(self) -> Context:
        """What the model reads: every turn that ended."""
        return self._context

    @property
    def closed(self) -> bool:
        """Whether the session ended."""
        return self.connection.state is Connection.CLOSED

    @property
    def deadline(self) -> float | None:
        """When the session wants a :class:`Tick`, unless something else happens first; None once it is closed."""
        state = self.connection.state
        if state is Connection.CLOSED:
            return None
        if state is not Connection.OPEN:
            return self._began + self.policy.setup_timeout
        deadline = self._last_message + self.policy.idle_timeout
        if self.model.state is Model.PLAYING:
            deadline = min(deadline, self._generation.clock.ends)
        elif self.model.state is Model.AWAITING_TOOLS and self._generation.tools_deadline is not None:
            deadline = min(deadline, self._generation.tools_deadline)
        return deadline if self._drain_deadline is None else min(deadline, self._drain_deadline)

    def receive(self, event: Event, now: float) -> list[Effect]:
        """What to do about ``event``, which happened at ``now``. Nothing happens after the session is closed."""
        if self.closed:
            return []
        try:
            _HANDLERS[type(event)](self, event, now)
        except Refusal as refusal:
            self._close(refusal.code, str(refusal), now)
        effects, self._effects = self._effects, []
        if self.closed:
            last = next(n for n, effect in enumerate(effects) if type(effect) is Close)
            del effects[last + 1 :]
        return effects

    # --- the connection -------------------------------------------------------------------------------------

    def _on_setup(self, message: client.Setup, now: float) -> None:
        if not self.connection.may(Trigger.SETUP):
            raise Refusal("setup", "was sent twice", "open a new connection to change it")
        self.setup, ignored = agreement.agree(message)
        self.connection.move(Trigger.SETUP)
        self._context = Context(self.setup)
        self._collecting = self.setup.initial_history
        self._last_message = now
        self._note_ignored(ignored)
        self._effects.append(Open(self.setup))

    def _on_engine_opened(self, _: EngineOpened, now: float) -> None:
        self.connection.move(Trigger.ENGINE_OPENED)
        self._send(setup_complete=server.SetupComplete(session_id=self.id))
        early, self._early = self._early, []
        for message in early:
            _HANDLERS[type(message)](self, message, now)

    def _admit(self, message: client.Message, now: float) -> bool:
        """Whether a message may be acted on now; early ones wait for the engine."""
        state = self.connection.state
        if state is Connection.OPEN:
            self._limit_rate(now)
            return True
        if state is Connection.AWAITING_SETUP:
            name = next(name for name, kind in client.MEMBERS.items() if isinstance(message, kind))
            raise Refusal("setup", f"must be the first message, got {name}", "send setup once, first")
        if len(self._early) >= self.policy.max_early_messages:
            raise Refusal("setup", "too many messages before setupComplete", "wait for it", CloseCode.POLICY)
        self._early.append(message)
        return False

    def _limit_rate(self, now: float) -> None:
        """Count the message against the allowance, which grows with time and never past ten seconds' worth."""
        rate = self.policy.messages_per_second
        earned = (now - self._last_message) * rate
        self._allowance = min(self._allowance + earned, 10 * rate) - 1
        self._last_message = now
        if self._allowance < 0:
            reason = f"more than {rate:g} a second"
            raise Refusal("messages", reason, "send audio in chunks of 20 to 100 ms", CloseCode.POLICY)

    def _on_refused(self, event: Refused, now: float) -> None:
        raise event.refusal

    def _on_unread(self, event: Unread, now: float) -> None:
        self._note_ignored(list(event.fields))

    def _on_failure(self, event: engine.Failure, now: float) -> None:
        if event.detail:
            self._effects.append(Note(event.detail))
        self._close(event.code, event.reason, now)

    def _on_client_left(self, _: ClientLeft, now: float) -> None:
        self._close(None, "the client left", now)

    def _on_drain(self, event: Drain, now: float) -> None:
        if self.connection.state is not Connection.OPEN:
            self._close(CloseCode.GOING_AWAY, "the server is stopping; connect again", now)
            return
        self._drain_deadline = now + event.seconds
        self._send(go_away=server.GoAway(time_left=f"{event.seconds:g}s"))
        self._close_if_drained(now)

    def _close_if_drained(self, now: float) -> None:
        if self._drain_deadline is None or self.connection.state is not Connection.OPEN:
            return
        if self.model.state is Model.IDLE or now >= self._drain_deadline:
            self._close(CloseCode.GOING_AWAY, "the server is stopping; connect again", now)

    def _close(self, code: int | None, reason: str, now: float) -> None:
        if self.model.state is not Model.IDLE:
            self._record(self._generation.clock.heard(now))
            self._charge()
        self.connection.move(Trigger.CLOSE)
        self._effects.append(Close(code, reason))

    def _on_tick(self, _: Tick, now: float) -> None:
        if self.connection.state is not Connection.OPEN:
            if now >= self._began + self.policy.setup_timeout:
                reason = f"setup: was not complete within {self.policy.setup_timeout:g} s"
                self._close(CloseCode.POLICY, reason, now)
            return
        self._finish_if_heard(now)
        if self.model.state is Model.AWAITING_TOOLS:
            self._expire_tools(now)
        if now >= self._last_message + self.policy.idle_timeout:
            reason = f"idle: nothing was received for {self.policy.idle_timeout:g} s"
            self._close(CloseCode.POLICY, reason, now)
        self._close_if_drained(now)

    # --- what the client sends ------------------------------------------------------------------------------

    def _on_realtime_input(self, message: client.RealtimeInput, now: float) -> None:
        if not self._admit(message, now):
            return
        if message.activity_start is not None:
            self._on_activity_start(now)
        if message.audio is not None:
            self._on_audio(message.audio, "realtimeInput.audio")
        for number, chunk in enumerate(message.media_chunks):
            self._on_media(chunk, f"realtimeInput.mediaChunks[{number}]")
        if message.video is not None:
            self._on_image(message.video, "realtimeInput.video")
        if message.text is not UNSET:
            self._on_text(message.text, now)
        if message.activity_end is not None:
            self._on_activity_end(now)
        if message.audio_stream_end:
            self._on_stream_end()

    def _on_audio(self, blob: client.Blob, field: str) -> None:
        pcm = blob.data
        try:
            rate = audio_rate(blob.mime_type)
        except Refusal as refusal:
            raise refusal.under(field) from None
        if len(pcm) % 2:
            reason = f"{len(pcm)} bytes are not whole 16-bit samples"
            raise Refusal(f"{field}.data", reason, "send an even number of bytes")
        self.input_seconds += len(pcm) / (2 * rate)
        # Outside a manual activity there is no turn that the sound could belong to.
        if self.user.state is User.ACTIVE or self._detects_activity:
            self._effects.append(Tell(engine.Audio(pcm, rate)))

    def _on_media(self, blob: client.Blob, field: str) -> None:
        if blob.mime_type.startswith("image/"):
            self._on_image(blob, field)
        else:
            self._on_audio(blob, field)

    def _on_image(self, blob: client.Blob, field: str) -> None:
        if not blob.mime_type.startswith("image/"):
            raise Refusal(f"{field}.mimeType", f"{blob.mime_type[:40]!r} is no image", "send image/jpeg")
        self._effects.append(Tell(engine.Image(blob.mime_type, blob.data)))

    def _on_text(self, text: str, now: float) -> None:
        if not text.strip():
            # Some clients send a blank text to make the model speak about content it has not answered yet.
            if self._unanswered:
                self._answer(now)
            return
        if self._interruptible:
            self._interrupt(now)
        self._append_user(Turn("user", (Words(text),)))
        self._due = True
        if self._detects_activity or self.user.state is User.QUIET:
            self._answer(now)

    def _on_activity_start(self, now: float) -> None:
        self._require_manual("activityStart")
        if not self.user.may(Trigger.ACTIVITY_START):
            self._effects.append(Note("realtimeInput.activityStart: ignored, the activity has begun already"))
            return
        self.user.move(Trigger.ACTIVITY_START)
        self._activity_began = self.input_seconds
        if self._interruptible:
            self._interrupt(now)
        self._effects.append(Tell(engine.ActivityStart()))

    def _on_activity_end(self, now: float) -> None:
        self._require_manual("activityEnd")
        if not self.user.may(Trigger.ACTIVITY_END):
            self._effects.append(Note("realtimeInput.activityEnd: ignored, no activity has begun"))
            return
        self.user.move(Trigger.ACTIVITY_END)
        self._awaited_activities.append(self.input_seconds - self._activity_began)
        self._effects.append(Tell(engine.ActivityEnd()))

    def _require_manual(self, member: str) -> None:
        if self._detects_activity:
            reason = "not allowed with automatic activity detection"
            raise Refusal(f"realtimeInput.{member}", reason, "set automaticActivityDetection.disabled")

    def _on_stream_end(self) -> None:
        if self._detects_activity:
            self._effects.append(Tell(engine.StreamEnd()))

    def _on_client_content(self, message: client.ClientContent, now: float) -> None:
        if not self._admit(message, now):
            return
        turns = []
        for number, content in enumerate(message.turns):
            turn, ignored = agreement.turn(content, f"clientContent.turns[{number}]")
            self._note_ignored(ignored)
            turns.append(turn)
        if not turns and not message.turn_complete:
            return
        self._interrupt(now)
        for turn in turns:
            self._append(turn)
        if message.turn_complete and self._collecting:
            self._collecting = False
        elif message.turn_complete:
            self._answer(now)

    def _on_tool_response(self, message: client.ToolResponse, now: float) -> None:
        if not self._admit(message, now):
            return
        for number, response in enumerate(message.function_responses):
            self._on_function_response(response, f"toolResponse.functionResponses[{number}]")
        if self.model.state is Model.AWAITING_TOOLS and not self._generation.unanswered:
            self._resume_generation()

    def _on_function_response(self, response: client.FunctionResponse, field: str) -> None:
        call_id = response.id or self._only_call_named(response.name)
        waiting = self._generation.unanswered if self.model.state is Model.AWAITING_TOOLS else []
        if call_id not in waiting:
            self._effects.append(Note(f"{field}: ignored, no call {call_id or response.name!r} awaits an answer"))
            return
        value = response.response
        answer = value if isinstance(value, dict) else {"output": value}
        self._generation.answer(FunctionResult(call_id, self._generation.calls[call_id].name, answer))

    def _only_call_named(self, name: str) -> str:
        if self.model.state is not Model.AWAITING_TOOLS:
            return ""
        calls = self._generation.calls
        ids = [call_id for call_id in self._generation.unanswered if calls[call_id].name == name]
        return ids[0] if len(ids) == 1 else ""

    def _on_context_update(self, message: client.ContextUpdate, now: float) -> None:
        if self._admit(message, now):
            self._effects.append(Note("contextUpdate: ignored, this server does not support it yet"))

    # --- what the engine does -------------------------------------------------------------------------------

    def _on_activity_started(self, event: engine.ActivityStarted, now: float) -> None:
        self.user.move(Trigger.ACTIVITY_START)
        self._activity_began = event.offset
        if self._interruptible:
            self._interrupt(now)

    def _on_activity_ended(self, event: engine.ActivityEnded, now: float) -> None:
        self.user.move(Trigger.ACTIVITY_END)
        self._awaited_activities.append(event.offset - self._activity_began)

    def _on_input_transcript(self, event: engine.InputTranscript, now: float) -> None:
        if not event.final:
            return
        seconds = self._awaited_activities.popleft()
        if event.text and self._setup.transcribe_input:
            heard = server.Transcription(text=event.text, finished=True)
            self._send(server_content=server.ServerContent(input_transcription=heard))
        if event.text or not self._unanswered:
            self._append_user(Turn("user", (Words(event.text),)), Tokens(audio=audio_tokens(seconds)))
        self._due = True
        self._answer_if_due(now)

    def _on_speech(self, event: engine.Speech, now: float) -> None:
        if not self._is_current(event.generation):
            return
        self._generation.speech(event.pcm, now)
        for start in range(0, len(event.pcm), MAX_SPEECH_BYTES):
            piece = event.pcm[start : start + MAX_SPEECH_BYTES]
            self._effects.append(SendSpeech(event.generation, piece))

    def _on_output_transcript(self, event: engine.OutputTranscript, now: float) -> None:
        if self._is_current(event.generation):
            self._generation.spoke(event)
            self._send_transcript(event)

    def _on_model_text(self, event: engine.ModelText, now: float) -> None:
        if not self._is_current(event.generation):
            return
        if not event.thought:
            self._generation.wrote(event.text)
        part = client.Part(text=event.text, thought=event.thought)
        turn = client.Content(role="model", parts=[part])
        self._send(server_content=server.ServerContent(model_turn=turn))

    def _on_tool_calls(self, event: engine.ToolCalls, now: float) -> None:
        if not self._is_current(event.generation):
            return
        self._send_transcript(None)
        self.model.move(Trigger.CALL_TOOLS)
        self._generation.called(event.calls, now + self.policy.tool_timeout)
        calls = [client.FunctionCall(id=call.id, name=call.name, args=call.args) for call in event.calls]
        self._send(tool_call=server.ToolCall(function_calls=calls))

    def _on_generation_complete(self, event: engine.GenerationComplete, now: float) -> None:
        if not self._is_current(event.generation):
            return
        self._send_transcript(None)
        self.model.move(Trigger.COMPLETE)
        self._finish_if_heard(now)

    def _is_current(self, number: int) -> bool:
        """Whether something of generation ``number`` is still wanted."""
        return self.model.state is Model.GENERATING and number == self._generation.number

    # --- generations ----------------------------------------------------------------------------------------

    def _answer_if_due(self, now: float) -> None:
        if self._due and self.user.state is User.QUIET and not self._awaited_activities:
            self._answer(now)

    def _answer(self, now: float) -> None:
        """Begin a generation, or remember to begin it when the present one ended."""
        self._due = self._unanswered = True
        if self.model.state is not Model.IDLE:
            return
        self._due = self._unanswered = self._collecting = False
        self.model.move(Trigger.RESPOND)
        self._generation = Generation(self._next_number, self._context.tokens)
        self._effects.append(Tell(engine.Respond(self._generation.number, self._context.history)))

    def _resume_generation(self) -> None:
        results = self._generation.resume()
        self.model.move(Trigger.TOOLS_DONE)
        said = tuple(turn for turn, _ in self._generation.turns(self._generation.clock.sent))
        history = self._context.history + said
        self._effects.append(Tell(engine.ToolResults(self._generation.number, results, history)))

    def _expire_tools(self, now: float) -> None:
        deadline = self._generation.tools_deadline
        if deadline is None or now < deadline:
            return
        expired = self._generation.unanswered
        error = {"error": f"no answer within {self.policy.tool_timeout:g} s"}
        for call_id in expired:
            call = self._generation.calls[call_id]
            self._generation.answer(FunctionResult(call_id, call.name, error))
        self._effects.append(Note(f"toolCall: {', '.join(expired)} expired"))
        self._send(tool_call_cancellation=server.ToolCallCancellation(ids=expired))
        self._resume_generation()

    def _interrupt(self, now: float) -> None:
        """End the present generation, if there is one, and tell the client once."""
        self._finish_if_heard(now)
        if self.model.state is Model.IDLE:
            return
        cancelled = self._generation.unanswered
        self.model.move(Trigger.INTERRUPT)
        self._effects.append(Tell(engine.Interrupt(self._generation.number + 1)))
        if self._held_fragment is not None and self._held_fragment.offset < self._generation.clock.heard(now):
            self._send_transcript(None)
        self._held_fragment = None
        if cancelled:
            self._send(tool_call_cancellation=server.ToolCallCancellation(ids=cancelled))
        self._send(server_content=server.ServerContent(interrupted=True))
        self._end_turn(self._generation.clock.heard(now), now)

    def _finish_if_heard(self, now: float) -> None:
        """End a complete generation once its sound has played out."""
        if self.model.state is not Model.PLAYING:
            return
        if self.policy.pace_turns and now < self._generation.clock.ends:
            return
        self.model.move(Trigger.PLAYED)
        self._send(server_content=server.ServerContent(generation_complete=True))
        self._end_turn(self._generation.clock.sent, now)

    def _end_turn(self, heard: float, now: float) -> None:
        usage = self._generation.usage.metadata()
        self._send(server_content=server.ServerContent(turn_complete=True), usage_metadata=usage)
        self._record(heard)
        self._charge()
        self._next_number = self._generation.number + 1
        waiting, self._waiting = self._waiting, []
        for turn, tokens in waiting:
            self._append(turn, tokens)
        self._close_if_drained(now)
        if self.connection.state is Connection.OPEN:
            self._answer_if_due(now)

    def _record(self, heard: float) -> None:
        for turn, tokens in self._generation.turns(heard):
            self._context.append(turn, tokens)

    def _charge(self) -> None:
        usage = self._generation.usage
        self.usage += usage
        self._effects.append(Charge(self._generation.number, usage))

    # --- small things ---------------------------------------------------------------------------------------

    @property
    def _setup(self) -> Setup:
        assert self.setup is not None
        return self.setup

    @property
    def _detects_activity(self) -> bool:
        return self._setup.detection.automatic

    @property
    def _interruptible(self) -> bool:
        return self._setup.interruptible

    def _append_user(self, turn: Turn, tokens: Tokens | None = None) -> None:
        """Add what the user said, after the answer that is being given."""
        if self.model.state is Model.IDLE:
            self._append(turn, tokens)
        else:
            self._waiting.append((turn, tokens))

    def _append(self, turn: Turn, tokens: Tokens | None = None) -> None:
        self._context.append(turn, tokens)
        self._unanswered = turn.role == "user"

    def _send_transcript(self, fragment: engine.OutputTranscript | None) -> None:
        """Send the fragment before this one: only when the next is known is it clear which is the last."""
        held, self._held_fragment = self._held_fragment, fragment
        if held is not None and self._setup.transcribe_output:
            said = server.Transcription(text=held.text, finished=fragment is None)
            self._send(server_content=server.ServerContent(output_transcription=said))

    def _send(self, **members: Any) -> None:
        self._effects.append(Send(server.ServerMessage(**members)))

    def _note_ignored(self, fields: list[str]) -> None:
        if fields:
            self._effects.append(Note(f"ignored, not supported: {', '.join(fields)}"))


_HANDLERS: dict[type, Callable[[Session, Any, float], None]] = {
    client.Setup: Session._on_setup,
    client.RealtimeInput: Session._on_realtime_input,
    client.ClientContent: Session._on_client_content,
    client.ToolResponse: Session._on_tool_response,
    client.ContextUpdate: Session._on_context_update,
    EngineOpened: Session._on_engine_opened,
    Refused: Session._on_refused,
    Unread: Session._on_unread,
    ClientLeft: Session._on_client_left,
    Drain: Session._on_drain,
    Tick: Session._on_tick,
    engine.ActivityStarted: Session._on_activity_started,
    engine.ActivityEnded: Session._on_activity_ended,
    engine.InputTranscript: Session._on_input_transcript,
    engine.Speech: Session._on_speech,
    engine.OutputTranscript: Session._on_output_transcript,
    engine.ModelText: Session._on_model_text,
    engine.ToolCalls: Session._on_tool_calls,
    engine.GenerationComplete: Session._on_generation_complete,
    engine.Failure: Session._on_failure,
}
