"""The conversation of an open session: who speaks, what is answered, what was said.

Rules, beside the tables of :mod:`antiphon.live.machine`:

1. The model answers when the user is quiet and the words of all their activities are known.
2. Activity of the user interrupts an answer at its onset. If the words then turn out to be no more than a listener's
   "mm-hm", or nothing, the interruption was false: the engine goes on with the answer where it was cut, as a new
   generation. Where nothing is heard of an answer, because the model waits for a function, or where the owner set a
   delay, the interruption is held until the words, or the delay, prove it.
3. Whatever the user says while the model answers is put into the history after the answer.
4. A function the model waits for keeps its generation open. Any other does so for a moment only, then it gets the
   result "running" and the model talks on; what it comes to later is said when its answer asks for it: when the model
   is idle, at once, or never.
"""

from collections import deque
from typing import Any

from msgspec import Struct

from antiphon.live import agreement
from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.backchannel import is_backchannel
from antiphon.live.context import Context, turn_tokens
from antiphon.live.effects import Charge, Effect, Note, Send, SendSpeech, Spend, Tell
from antiphon.live.generation import Generation
from antiphon.live.grounding import metadata
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Picture, Turn, Words
from antiphon.live.machine import MODEL, USER, Machine, Model, Trigger, User
from antiphon.live.policy import Policy
from antiphon.live.setup import Setup
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Tokens, Usage, audio_tokens
from antiphon.live.tools import Outcome, PendingCall, ToolLedger
from antiphon.live.video import FrameKeeper
from antiphon.wire.gemini import client, server
from antiphon.wire.refusal import Refusal

NEARLY_HEARD = 1.0
"""An answer with no more than these seconds left is over for the user: what they say then is their turn."""

MAX_SPEECH_BYTES = 12_000
"""Model speech a frame carries at most: 250 ms, as the hosted service sends it."""


class _Activity(Struct, frozen=True):
    """An activity that ended: how long it was, the input it is charged for, and what it was spoken over.

    Times are seconds; ``over`` is the number of a generation, 0 for none.
    """

    spoken: float
    charged: float
    over: int


class _Suspended(Struct, frozen=True):
    """An interrupted generation that may go on. ``asked``: the last that was heard of it was a question."""

    number: int
    heard: float
    asked: bool


class Dialogue:
    """What is said in one session. Effects go to ``out``, in order."""

    def __init__(
        self, setup: Setup, policy: Policy, abilities: Abilities, out: list[Effect], snapshot: Snapshot | None = None
    ) -> None:
        self.setup = setup
        self.user = Machine(USER, User.QUIET)
        self.model = Machine(MODEL, Model.IDLE)
        self.usage = snapshot.usage if snapshot else Usage()
        self.context = Context(setup, snapshot.turns if snapshot else ())
        self.calls = ToolLedger()
        self.frames = FrameKeeper(setup.coverage)
        self.draining = False
        self.next_number = snapshot.next_generation if snapshot else 1
        self.interruptions = 0
        self._policy = policy
        self._abilities = abilities
        self._out = out
        self._collecting = setup.initial_history and snapshot is None
        self._due = False
        self._unanswered = False
        self._activity_began = 0.0
        self._covered = 0.0
        self._transcribed = 0
        self._over = 0
        self._awaited: deque[_Activity] = deque()
        self._held = False
        self._hold_until: float | None = None
        self._suspended: _Suspended | None = None
        self._filler_at: float | None = None
        self._untold: list[FunctionResult] = []
        self._waiting: list[tuple[Turn, Tokens | None]] = []
        self._held_fragment: engine.OutputTranscript | None = None
        self._generation: Generation

    @property
    def idle(self) -> bool:
        """Whether no answer is being given."""
        return self.model.state is Model.IDLE

    @property
    def settled(self) -> bool:
        """Whether nothing is under way: no answer, no function, nothing to be told."""
        return self.idle and not self._due and not self.calls.pending

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` has something to do, unless something else happens first."""
        deadline = self._generation.clock.ends if self.model.state is Model.PLAYING else None
        for other in (self.calls.deadline, self._hold_until, self._filler_at):
            if other is not None and (deadline is None or other < deadline):
                deadline = other
        return deadline

    def tick(self, now: float) -> None:
        """Time passed."""
        self._finish_if_heard(now)
        if self._hold_until is not None and now >= self._hold_until:
            self._hold_until = None
            if self.user.state is User.ACTIVE:
                self._interrupt_for_now(now)
        if self._filler_at is not None and now >= self._filler_at:
            self._talk_on()
        self._expire_calls(now)

    def end(self, now: float) -> None:
        """The session ends: what was heard is recorded, what was used is charged."""
        if not self.idle:
            self._record(self._generation.clock.heard(now))
            self._charge()
            self.next_number = self._generation.number + 1
        self.calls.cancel(tuple(self.calls.pending))

    # --- what the user does ---------------------------------------------------------------------------------

    def start_activity(self, offset: float, now: float, *, detected: bool) -> None:
        """The user begins to speak, as the engine ``detected`` or as the client says."""
        self.user.move(Trigger.ACTIVITY_START)
        self._finish_if_heard(now)
        self._activity_began = offset
        self.frames.started(now)
        if detected:
            self._over = self._spoken_over
            self._tell_voice_activity(server.ActivityType.START, offset)
        if not self.setup.interruptible or self.idle:
            return
        if detected and self._holds(now):
            self._held = True
            if self.model.state is not Model.AWAITING_TOOLS:
                self._hold_until = now + self._policy.interruption_delay
        elif detected:
            self._interrupt_for_now(now)
        else:
            self.interrupt(now)

    def end_activity(self, offset: float, *, detected: bool) -> None:
        """The user stops speaking. What they said is known later."""
        self.user.move(Trigger.ACTIVITY_END)
        began = self._covered if self.setup.coverage == "all_input" else self._activity_began
        self._awaited.append(_Activity(offset - self._activity_began, offset - began, self._over))
        self._covered, self._over = offset, 0
        if detected:
            self._tell_voice_activity(server.ActivityType.END, offset)

    def hear(self, event: engine.InputTranscript, now: float) -> None:
        """Words of the user became known."""
        if not event.final:
            self._hear_partial(event.text, now)
            return
        activity = self._awaited.popleft()
        if event.text and self.setup.transcribe_input:
            heard = server.Transcription(text=event.text, finished=True)
            self._send(server_content=server.ServerContent(input_transcription=heard))
            if self.idle:
                self._transcribed += len(event.text)
            else:
                self._generation.transcribed(event.text)
        if self._is_false_interruption(activity, event.text):
            self._disregard(now)
        else:
            self._listen(event.text, activity.charged, now)

    def say(self, text: str, now: float) -> None:
        """The user types: that interrupts, and is answered at once."""
        if not text.strip():
            # Some clients send a blank text to make the model speak about content it has not answered yet.
            if self._unanswered:
                self._answer(now)
            return
        if self.setup.interruptible:
            self.interrupt(now)
        self.frames.started(now)
        self._append_user(Turn("user", (*self.frames.take(), Words(text))))
        self._due = True
        if self.setup.detection.automatic or self.user.state is User.QUIET:
            self._answer(now)

    def show(self, picture: Picture, now: float) -> bool:
        """The user shows something; returns whether the picture was kept."""
        kept = self.frames.offer(picture, now, self.user.state is User.ACTIVE)
        if kept and self._abilities.images:
            self._out.append(Tell(engine.Image(picture.mime_type, picture.data)))
        return kept

    def add(self, turns: list[Turn], complete: bool, now: float) -> None:
        """The client adds content: that interrupts, and is answered if it is ``complete``."""
        if not turns and not complete:
            return
        self.interrupt(now)
        self._suspended = None
        for turn in turns:
            self._append(turn)
        if complete and self._collecting:
            self._collecting = False
        elif complete:
            self._answer(now)

    def change(self, setup: Setup) -> None:
        """The instruction or the tools change, from the next answer on."""
        self.setup = setup
        self.context.update(setup)
        self._out.append(Tell(engine.Update(setup)))

    @property
    def _spoken_over(self) -> int:
        """The generation that speech of now would be spoken over."""
        if not self.idle:
            return self._generation.number
        return self._suspended.number if self._suspended else 0

    def _hear_partial(self, text: str, now: float) -> None:
        if text and self.setup.transcribe_input:
            heard = server.Transcription(text=text)
            self._send(server_content=server.ServerContent(interim_input_transcription=heard))
        if self._held and text and not is_backchannel(text, 0.0):
            self._interrupt_for_now(now)

    def _listen(self, text: str, seconds: float, now: float) -> None:
        """Take what the user said for their turn, or more of it."""
        self._suspended = None
        if self._held:
            self.interrupt(now)
        if text or not self._unanswered:
            frames = self.frames.take()
            tokens = turn_tokens(Turn("user", frames), self.setup.media_resolution)
            self._append_user(Turn("user", (*frames, Words(text))), tokens + Tokens(audio=audio_tokens(seconds)))
        self._due = True
        self._answer_if_due(now)

    def _tell_voice_activity(self, kind: server.ActivityType, offset: float) -> None:
        if self._policy.voice_activity:
            self._send(voice_activity=server.VoiceActivity(type=kind, audio_offset=f"{offset:.3f}s"))
        if self.setup.vad_signal:
            signal = server.VadSignal.START if kind is server.ActivityType.START else server.VadSignal.END
            self._send(voice_activity_detection_signal=server.VoiceActivityDetectionSignal(vad_signal_type=signal))

    # --- interruptions, true and false ----------------------------------------------------------------------

    def interrupt(self, now: float) -> None:
        """End the present generation, if there is one, and tell the client once."""
        self._finish_if_heard(now)
        if self.idle:
            return
        generation, heard = self._generation, self._generation.clock.heard(now)
        self._mark_running()
        cancelled = generation.unanswered
        self.model.move(Trigger.INTERRUPT)
        self.interruptions += 1
        self._out.append(Tell(engine.Interrupt(generation.number + 1)))
        if self._held_fragment is not None and self._held_fragment.offset < heard:
            self._send_transcript(None)
        self._held_fragment = None
        self.calls.cancel(cancelled)
        if cancelled:
            self._send(tool_call_cancellation=server.ToolCallCancellation(ids=cancelled))
        self._send(server_content=server.ServerContent(interrupted=True))
        self._end_turn(heard, now)

    def _interrupt_for_now(self, now: float) -> None:
        """Interrupt for what the user begins to say, and go on if it comes to nothing."""
        self._finish_if_heard(now)
        if self.idle:
            return
        suspended = self._suspend(now) if self._abilities.continues else None
        self.interrupt(now)
        self._suspended = suspended

    def _suspend(self, now: float) -> _Suspended | None:
        """The present generation, if there is anything left of it to go on with."""
        generation = self._generation
        heard = generation.clock.heard(now)
        nearly_heard = self.model.state is Model.PLAYING and generation.clock.sent - heard <= NEARLY_HEARD
        if nearly_heard or self.model.state is Model.AWAITING_TOOLS:
            return None
        said = "".join(turn.text for turn, _ in generation.turns(heard))
        return _Suspended(generation.number, heard, said.rstrip().endswith("?"))

    def _holds(self, now: float) -> bool:
        """Whether the interruption can wait for proof."""
        if self._policy.interruption_delay > 0:
            return True
        unheard = self.model.state is Model.AWAITING_TOOLS and self._generation.clock.ends <= now
        return unheard and self._policy.resume_false_interruptions

    def _is_false_interruption(self, activity: _Activity, text: str) -> bool:
        if not activity.over or not self._policy.resume_false_interruptions:
            return False
        if self.idle and not self._suspended:
            return False
        asked = self._suspended is not None and self._suspended.asked
        return is_backchannel(text, activity.spoken, asked=asked)

    def _disregard(self, now: float) -> None:
        """The user did not mean to interrupt. More may be on its way; else everything goes on as if unsaid."""
        if self.user.state is User.ACTIVE or self._awaited:
            return
        self._held, self._hold_until = False, None
        if self._due:
            self._answer_if_due(now)
        elif self._suspended is not None and self.idle and not self.draining:
            self._continue(self._suspended)
        else:
            self._resume_if_answered()

    def _continue(self, suspended: _Suspended) -> None:
        # Nothing is read again, so nothing is charged for reading.
        self._begin(Tokens())
        number, history = self._generation.number, self.context.history
        self._out.append(Tell(engine.Continue(number, suspended.number, suspended.heard, history)))

    # --- what the model does --------------------------------------------------------------------------------

    def speak(self, event: engine.Speech, now: float) -> None:
        """The model speaks."""
        if not self._is_current(event.generation):
            return
        self._generation.speech(event.pcm, now)
        for start in range(0, len(event.pcm), MAX_SPEECH_BYTES):
            self._out.append(SendSpeech(event.generation, event.pcm[start : start + MAX_SPEECH_BYTES]))
        self._cut_at_limit(now)

    def speak_words(self, event: engine.OutputTranscript, now: float) -> None:
        """The words of the speech became known."""
        if self._is_current(event.generation):
            self._generation.spoke(event)
            self._send_transcript(event)

    def write(self, event: engine.ModelText, now: float) -> None:
        """The model writes, or thinks."""
        if not self._is_current(event.generation):
            return
        if event.thought:
            self._generation.thought(event.text)
            if not self.setup.thinking.include_thoughts:
                return
        else:
            self._generation.wrote(event.text)
        part = client.Part(text=event.text, thought=event.thought)
        turn = client.Content(role="model", parts=[part])
        self._send(server_content=server.ServerContent(model_turn=turn))
        self._cut_at_limit(now)

    def ground(self, event: engine.Grounding, now: float) -> None:
        """What the answer rests on became known."""
        if self._is_current(event.generation):
            self._generation.searched(0 if event.repeated else len(event.grounding.queries))
            self._send(server_content=server.ServerContent(grounding_metadata=metadata(event.grounding)))

    def used(self, event: engine.Used, now: float) -> None:
        """An upstream told what it used; of a generation that was charged already, it is charged on top."""
        if not self.idle and event.generation == self._generation.number:
            self._generation.upstream.append(event.upstream)
        else:
            self._out.append(Spend(event.generation, event.upstream))

    def complete(self, event: engine.GenerationComplete, now: float) -> None:
        """The model made all it wanted to say."""
        if not self._is_current(event.generation):
            return
        self._generation.waiting, self._generation.reason = event.waiting, event.reason
        self._complete(now)

    def _complete(self, now: float) -> None:
        self._send_transcript(None)
        self.model.move(Trigger.COMPLETE)
        self._finish_if_heard(now)

    def _cut_at_limit(self, now: float) -> None:
        limit = self.setup.max_output_tokens
        if limit is None or self._generation.made.total < limit:
            return
        self._out.append(Note(f"an answer was cut at maxOutputTokens, {limit}"))
        self._generation.cut_short = True
        self._complete(now)

    def _is_current(self, number: int) -> bool:
        """Whether something of generation ``number`` is still wanted."""
        return self.model.state is Model.GENERATING and number == self._generation.number

    # --- functions ------------------------------------------------------------------------------------------

    def call(self, event: engine.ToolCalls, now: float) -> None:
        """The model calls functions."""
        if not self._is_current(event.generation):
            return
        self._send_transcript(None)
        self.model.move(Trigger.CALL_TOOLS)
        made = tuple(FunctionCall(self.calls.unique(call.id), call.name, call.args) for call in event.calls)
        self._generation.called(made)
        for call in made:
            self._add_call(call, now)
        calls = [client.FunctionCall(id=call.id, name=call.name, args=call.args) for call in made]
        self._send(tool_call=server.ToolCall(function_calls=calls))
        self._filler_at = now + self._policy.filler_delay
        if self._policy.filler_delay == 0:
            self._talk_on()

    def _add_call(self, call: FunctionCall, now: float) -> None:
        blocking = all(tool.blocking for tool in self.setup.tools if tool.name == call.name)
        seconds = self._policy.tool_timeout if blocking else self._policy.background_tool_timeout
        self.calls.add(call, blocking=blocking, deadline=now + seconds)

    def _talk_on(self) -> None:
        """Wait no longer for those functions that need not be waited for."""
        self._mark_running()
        self._resume_if_answered()

    def _mark_running(self) -> None:
        self._filler_at = None
        for call_id in self._generation.unanswered:
            pending = self.calls.pending[call_id]
            if not pending.blocking:
                self._generation.answer(FunctionResult(call_id, pending.call.name, RUNNING))

    def answer_calls(self, responses: list[client.FunctionResponse], now: float) -> None:
        """The client answers function calls. What nobody waits for is noted, and changes nothing.

        Raises:
            Refusal: the scheduling of an answer is none.
        """
        urgent = False
        for number, response in enumerate(responses):
            scheduling = self._take_answer(response, f"toolResponse.functionResponses[{number}]", now)
            urgent |= scheduling is client.Scheduling.INTERRUPT
        self._resume_if_answered()
        self._tell_results(now, urgent=urgent)

    def _take_answer(self, response: client.FunctionResponse, field: str, now: float) -> client.Scheduling | None:
        """Put an answer where it belongs; returns when it is to be told, if it is one that nobody waited for."""
        scheduling = agreement.scheduling_of(response, field, self.setup.profile, self._policy.strict)
        pending = self.calls.find(response.id, response.name)
        if pending is None:
            self._out.append(Note(f"{field}: ignored, {self.calls.why_not(response.id, response.name)}"))
            return None
        value = response.response
        output = value if isinstance(value, dict) else {"output": value}
        result = FunctionResult(pending.call.id, pending.call.name, output)
        if pending.blocking:
            self.calls.end(pending.call.id, Outcome.ANSWERED)
            self._generation.answer(result)
            return None
        if response.will_continue:
            self.calls.postpone(pending.call.id, now + self._policy.background_tool_timeout)
        else:
            self.calls.end(pending.call.id, Outcome.ANSWERED)
        if self._is_waited_for(result.id):
            self._generation.answer(result)
            return None
        if scheduling is client.Scheduling.SILENT:
            self._append_user(Turn("user", (result,)))
        else:
            self._untold.append(result)
        return scheduling or client.Scheduling.WHEN_IDLE

    def _is_waited_for(self, call_id: str) -> bool:
        """Whether the generation that made the call has not gone on yet."""
        return self.model.state is Model.AWAITING_TOOLS and self._generation.waits_for(call_id)

    def _tell_results(self, now: float, *, urgent: bool = False) -> None:
        """Have the model tell what functions came to that it did not wait for: now, or once it may."""
        if not self._untold:
            return
        if urgent and (self.user.state is User.QUIET or not self.setup.profile.interrupt_waits_for_user):
            self.interrupt(now)
            if self._untold:
                self._answer(now)
        else:
            self._due = True
            self._answer_if_due(now)

    def _resume_if_answered(self) -> None:
        """Go on with a generation once every call it waits for has a result, and the user lets it."""
        if self.model.state is not Model.AWAITING_TOOLS or self._generation.unanswered or self._held:
            return
        self._filler_at = None
        results = self._generation.resume()
        self.model.move(Trigger.TOOLS_DONE)
        said = tuple(turn for turn, _ in self._generation.turns(self._generation.clock.sent))
        history = self.context.history + said
        self._out.append(Tell(engine.ToolResults(self._generation.number, results, history)))

    def _expire_calls(self, now: float) -> None:
        expired = self.calls.expire(now)
        if not expired:
            return
        ids = [pending.call.id for pending in expired]
        self._out.append(Note(f"toolCall: {', '.join(ids)} expired"))
        self._send(tool_call_cancellation=server.ToolCallCancellation(ids=ids))
        for pending in expired:
            self._give_up(pending)
        self._resume_if_answered()
        self._tell_results(now)

    def _give_up(self, pending: PendingCall) -> None:
        policy = self._policy
        seconds = policy.tool_timeout if pending.blocking else policy.background_tool_timeout
        error = {"error": f"no answer within {seconds:g} s"}
        result = FunctionResult(pending.call.id, pending.call.name, error)
        if self._is_waited_for(result.id):
            self._generation.answer(result)
        else:
            self._untold.append(result)

    # --- generations ----------------------------------------------------------------------------------------

    def _answer_if_due(self, now: float) -> None:
        if self._due and self.user.state is User.QUIET and not self._awaited:
            self._answer(now)

    def _answer(self, now: float) -> None:
        """Begin a generation, or remember to begin it when the present one ended."""
        self._due = self._unanswered = True
        if not self.idle or self.draining:
            return
        if self._untold:
            # In one turn: engines tell what the last turn came to.
            self._append(Turn("user", tuple(self._untold)))
            self._untold = []
        self._fit_context()
        self._due = self._unanswered = self._collecting = False
        self._begin(self.context.tokens)
        self._out.append(Tell(engine.Respond(self._generation.number, self.context.history)))

    def _begin(self, prompt: Tokens) -> None:
        self._suspended = None
        self.model.move(Trigger.RESPOND)
        self._generation = Generation(self.next_number, prompt, self._transcribed)
        self._transcribed = 0
        if self.setup.resumable:
            # Until the turn is over the session cannot be resumed from where it is.
            self._send(session_resumption_update=server.SessionResumptionUpdate())

    def _fit_context(self) -> None:
        dropped = self.context.compress()
        if dropped:
            self._out.append(Note(f"the context was compressed: {dropped} turns were dropped"))
        if self.context.exhausted:
            used, limit = self.context.tokens.total, self.setup.profile.input_token_limit
            raise Refusal("context", f"{used} tokens are over the {limit} of the model", "set contextWindowCompression")

    def _finish_if_heard(self, now: float) -> None:
        """End a complete generation once its sound has played out."""
        if self.model.state is not Model.PLAYING:
            return
        if self._policy.pace_turns and now < self._generation.clock.ends:
            return
        self.model.move(Trigger.PLAYED)
        if self._generation.cut_short:
            self._out.append(Tell(engine.Interrupt(self._generation.number + 1)))
        self._send(server_content=server.ServerContent(generation_complete=True))
        self._end_turn(self._generation.clock.sent, now)

    def _end_turn(self, heard: float, now: float) -> None:
        generation = self._generation
        content = server.ServerContent(
            turn_complete=True,
            turn_complete_reason=generation.reason,
            waiting_for_input=generation.waiting,
            interaction_status=self._interaction_status,
        )
        self._send(server_content=content, usage_metadata=generation.usage.metadata())
        self._held, self._hold_until = False, None
        self._record(heard)
        self._charge()
        self.next_number = generation.number + 1
        waiting, self._waiting = self._waiting, []
        for turn, tokens in waiting:
            self._append(turn, tokens)
        self._answer_if_due(now)

    @property
    def _interaction_status(self) -> str:
        """Whether the model will speak again without being asked; told by the models that have it."""
        if not self.setup.profile.interaction_status:
            return ""
        return "IN_PROGRESS" if self.calls.pending or self._due else "IDLE"

    def _record(self, heard: float) -> None:
        for turn, tokens in self._generation.turns(heard):
            self.context.append(turn, tokens)

    def _charge(self) -> None:
        usage = self._generation.usage
        self.usage += usage
        self._out.append(Charge(self._generation.number, usage, tuple(self._generation.upstream)))

    # --- small things ---------------------------------------------------------------------------------------

    def _append_user(self, turn: Turn, tokens: Tokens | None = None) -> None:
        """Add what the user said, after the answer that is being given."""
        if self.idle:
            self._append(turn, tokens)
        else:
            self._waiting.append((turn, tokens))

    def _append(self, turn: Turn, tokens: Tokens | None = None) -> None:
        self.context.append(turn, tokens)
        if not all(isinstance(part, FunctionResult) for part in turn.parts):
            self._unanswered = turn.role == "user"

    def _send_transcript(self, fragment: engine.OutputTranscript | None) -> None:
        """Send the fragment before this one: only when the next is known is it clear which is the last."""
        held, self._held_fragment = self._held_fragment, fragment
        if held is not None and self.setup.transcribe_output:
            said = server.Transcription(text=held.text, finished=fragment is None)
            self._send(server_content=server.ServerContent(output_transcription=said))
            self._generation.transcribed(held.text)

    def _send(self, **members: Any) -> None:
        self._out.append(Send(server.ServerMessage(**members)))
