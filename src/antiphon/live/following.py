"""A dialogue in which the engine decides when the model answers, and the session follows.

Rules:

1. A generation begins when the engine says so. What the user said until then was their turn; its words may come late,
   and are put into the history with the answer.
2. The engine interrupts itself. Nothing of the generation follows but its ``turnComplete``: the engine's own, if it
   paces, or one of the session's after :data:`LAST_WORD`.
3. What the client writes goes to the engine as it came, and the engine's frames to the client as they came, unless
   something in them must not be known, or must be known by another name.
4. An engine that took over knows nothing of the calls of the one before: their results are told in words.
"""

from typing import Any

from msgspec.structs import replace

from antiphon.live import agreement
from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.context import turn_tokens
from antiphon.live.dialogue import Dialogue
from antiphon.live.effects import Abandon, Effect, Note, SendFrame
from antiphon.live.functions import Calling
from antiphon.live.generation import CANCELLED
from antiphon.live.history import RUNNING, FunctionResult, Part, Turn, Words
from antiphon.live.machine import Line, Model, Trigger, User
from antiphon.live.policy import Policy
from antiphon.live.setup import Setup
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Tokens, Usage, audio_tokens
from antiphon.live.tools import Outcome, PendingCall
from antiphon.wire.gemini import client, server
from antiphon.wire.gemini.encode import encode_client

LAST_WORD = 2.0
"""Seconds that an engine that paces has for the ``turnComplete`` of an answer it interrupted."""

_NO_ANSWER: dict[str, Any] = {"error": "no answer in time"}


class Following(Calling):
    """The dialogue with an engine that takes turns itself.

    ``anew`` tells that what was sent since it was last set to False is not what the engine's own frame says.
    """

    def __init__(
        self,
        setup: Setup,
        policy: Policy,
        abilities: Abilities,
        out: list[Effect],
        snapshot: Snapshot | None = None,
        *,
        earlier: Dialogue | None = None,
    ) -> None:
        self.anew = False
        self._words: list[str] = []
        self._turn_began = self._answered_from = 0.0
        self._answers_writing = self._awaits_successor = False
        self._asked_at: float | None = None
        self._cut_at = self._heard_at_cut = 0.0
        self._names: dict[str, str] = {}
        super().__init__(setup, policy, abilities, out, snapshot, earlier=earlier)
        if isinstance(earlier, Following):
            self._turn_began, self._answered_from = earlier._turn_began, earlier._answered_from
        elif earlier is not None:
            self._turn_began = self._hears_from

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` has something to do, unless something else happens first."""
        # Asked for after every message, as that of the session.
        deadline = super().deadline
        for other in (self._last_word_at, self._overdue_at):
            if other is not None and (deadline is None or other < deadline):
                deadline = other
        return deadline

    def tick(self, now: float) -> None:
        """Time passed."""
        if self._last_word_at is not None and now >= self._last_word_at:
            self._end_turn(self._heard(now), now)
        if self._overdue_at is not None and now >= self._overdue_at:
            self._asked_at = None
            self._due = True
            self._out.append(Abandon(f"no answer within {self._policy.stall_timeout:g} s"))
        super().tick(now)

    # --- what the user does ---------------------------------------------------------------------------------

    def start_activity(self, offset: float, now: float, *, detected: bool) -> None:
        """The user begins to speak."""
        if not self.user.may(Trigger.ACTIVITY_START):
            return
        self.user.move(Trigger.ACTIVITY_START)
        self._activity_began = offset
        self.frames.started(now)
        if detected:
            self._tell_voice_activity(server.ActivityType.START, offset)

    def end_activity(self, offset: float, *, detected: bool) -> None:
        """The user stops speaking."""
        if not self.user.may(Trigger.ACTIVITY_END):
            return
        self.user.move(Trigger.ACTIVITY_END)
        if detected:
            self._tell_voice_activity(server.ActivityType.END, offset)

    def hear(self, event: engine.InputTranscript, now: float) -> None:
        """Words of the user became known, all at once."""
        if event.final:
            self.hear_words(engine.UserWords(event.text, finished=True), now)

    def hear_words(self, event: engine.UserWords, now: float) -> None:
        """More words of the user became known."""
        self._words.append(event.text)
        if not self.setup.transcribe_input:
            self.anew = True
            return
        heard = server.Transcription(text=event.text, finished=event.finished)
        self._send(server_content=server.ServerContent(input_transcription=heard))
        if self.idle:
            self._transcribed += len(event.text)
        else:
            self._generation.transcribed(event.text)

    def say(self, text: str, now: float, frame: bytes = b"") -> None:
        """The user types."""
        turn = Turn("user", (Words(text),))
        if text.strip():
            self._append_user(Turn("user", (*self.frames.take(), Words(text))))
            self._ask(now)
        self._pass_on(engine.Content((turn,), complete=True, realtime=True, frame=frame))

    def add(self, turns: list[Turn], complete: bool, now: float, frame: bytes = b"") -> None:
        """The client adds content."""
        if not turns and not complete:
            return
        for turn in turns:
            self._append_user(turn)
        if complete and not self._collecting:
            self._ask(now)
        self._collecting = self._collecting and not complete
        self._pass_on(engine.Content(tuple(turns), complete, frame=frame))

    def answer_calls(self, responses: list[client.FunctionResponse], now: float, frame: bytes = b"") -> None:
        """The client answers function calls. What nobody waits for is noted, and changes nothing.

        Raises:
            Refusal: the scheduling of an answer is none.
        """
        mine: list[tuple[client.FunctionResponse, FunctionResult]] = []
        for number, response in enumerate(responses):
            field = f"toolResponse.functionResponses[{number}]"
            agreement.scheduling_of(response, field, self.setup.profile, self._policy.strict)
            pending = self.calls.find(response.id, response.name)
            if pending is None:
                self._out.append(Note(f"{field}: ignored, {self.calls.why_not(response.id, response.name)}"))
            else:
                result = self._finish_call(pending, response, now)
                if pending.call.id not in self._orphans:
                    mine.append((response, result))
        self._pass_results(mine, frame if len(mine) == len(responses) else b"")
        self._resume_if_answered(now)
        self._tell_results(now)

    def _finish_call(self, pending: PendingCall, response: client.FunctionResponse, now: float) -> FunctionResult:
        """Put the result of a call where it belongs, and end the call unless more will follow."""
        waited_for = self._is_waited_for(pending.call.id)
        if response.will_continue and not pending.blocking:
            self.calls.postpone(pending.call.id, now + self._policy.background_tool_timeout)
        else:
            self.calls.end(pending.call.id, Outcome.ANSWERED)
        value = response.response
        output = value if isinstance(value, dict) else {"output": value}
        result = FunctionResult(pending.call.id, pending.call.name, output)
        self._keep_result(result, waited_for=waited_for)
        return result

    def _keep_result(self, result: FunctionResult, *, waited_for: bool) -> None:
        if waited_for:
            self._generation.answer(result)
        elif result.id in self._orphans:
            self._untold.append(result)
        else:
            self._append_user(Turn("user", (result,)))

    def _pass_results(self, mine: list[tuple[client.FunctionResponse, FunctionResult]], frame: bytes) -> None:
        if not mine:
            return
        if not frame or any(response.id != self._names.get(result.id, result.id) for response, result in mine):
            responses = [replace(each, id=self._names.get(result.id, result.id)) for each, result in mine]
            frame = encode_client(client.ToolResponse(function_responses=responses))
        named = tuple(FunctionResult(self._names.get(r.id, r.id), r.name, r.response) for _, r in mine)
        number = self.next_number if self.idle else self._generation.number
        self._tell(engine.ToolResults(number, named, (), frame))

    def _ask(self, now: float) -> None:
        """An answer is owed."""
        self._due, self._asked_at = True, now

    def _pass_on(self, content: engine.Content) -> None:
        """Tell the engine; when there is none, the next one finds the turns in the history."""
        self._tell(content)

    # --- what the engine does -------------------------------------------------------------------------------

    def started(self, event: engine.GenerationStarted, now: float) -> None:
        """The engine begins to answer."""
        if self.draining or event.generation < self.next_number:
            return
        if not self.idle and event.generation == self._generation.number:
            # What the engine before had begun to answer.
            self._due, self._again, self._asked_at = False, False, None
            return
        if self._awaits_successor and not self.idle:
            self._awaits_successor = False
            self._generation.number = event.generation
            self._go_on()
            return
        if not self.idle:
            self._round_off(now)
        # What was written is known, whatever sound came beside it.
        self._answers_writing = self._due
        self._due, self._again, self._asked_at = False, False, None
        self._answered_from, self._turn_began = self._turn_began, self.input_seconds
        self.next_number = event.generation
        self._begin(self.context.tokens, now)

    def interrupted(self, event: engine.Interrupted, now: float) -> None:
        """The engine stopped by itself."""
        if event.again and self._failed and self._is_of_answer(event.generation):
            # Nobody is interrupted twice for what they did not do: the next answer goes on behind this one.
            self.anew = self._awaits_successor = True
        elif self._is_of_answer(event.generation):
            self._failed = event.again
            if event.again:
                self._owe(now)
            self._cut_off(now)
            self._tell(engine.Interrupt(event.generation + 1, self._heard_at_cut))
            if not self._paced:
                self.anew = True
                self._end_turn(self._heard_at_cut, now)
        else:
            self.anew = True

    def _owe(self, now: float) -> None:
        """The answer that is cut begins anew: by this engine, or by the next one that knows the words or hears them."""
        if self._is_answer_to_unknown_words:
            self._turn_began = self._answered_from
        else:
            self._again = True
            self._ask(now)

    def turn_complete(self, event: engine.TurnComplete, now: float) -> None:
        """The engine says that the turn is over in the user's ear."""
        if self.idle or event.generation != self._generation.number or self._awaits_successor:
            self.anew = True
            return
        if self.model.state in (Model.GENERATING, Model.AWAITING_TOOLS):
            # Engines are known to leave it out. No function that is waited for wedges the turn either.
            self.anew = True
            self._go_on()
            self._complete(now)
        generation = self._generation
        generation.reason, generation.waiting = event.reason, event.waiting
        if self.model.state is Model.PLAYING:
            self.model.move(Trigger.PLAYED)
            self._end_turn(generation.clock.sent, now)
        else:
            self.model.move(Trigger.PLAYED)
            self._end_turn(self._heard_at_cut, now)

    def cancelled(self, event: engine.CallsCancelled, now: float) -> None:
        """The engine wants no answers to these calls any more."""
        ours = {theirs: mine for mine, theirs in self._names.items()}
        ids = [ours.get(each, each) for each in event.ids]
        waiting = [each for each in ids if each in self.calls.pending]
        self.anew |= waiting != list(event.ids)
        for call_id in waiting:
            result = FunctionResult(call_id, self.calls.pending[call_id].call.name, CANCELLED)
            if self._is_waited_for(call_id):
                self._generation.answer(result)
            else:
                # The history has it running.
                self._append_user(Turn("user", (result,)))
        self.calls.cancel(waiting)
        if waiting:
            self._send(tool_call_cancellation=server.ToolCallCancellation(ids=waiting))

    def speak_frame(self, event: engine.RelayedSpeech, now: float) -> None:
        """The model speaks, in a frame that nobody needs to read."""
        if self._is_current(event.generation, now):
            self._generation.spoke_for(event.seconds, now)
            self._out.append(SendFrame(event.generation, event.frame))
            self._cut_at_limit(now)

    def call(self, event: engine.ToolCalls, now: float) -> None:
        """The engine calls functions."""
        before = self.calls.made
        ids = [call.id for call in event.calls]
        super().call(event, now)
        if self.calls.made == before:
            return
        self._filler_at = None
        made = list(self.calls.pending)[-len(ids) :]
        renamed = {mine: theirs for mine, theirs in zip(made, ids, strict=True) if mine != theirs}
        self._names |= renamed
        self.anew |= bool(renamed)

    def _send_transcript(self, fragment: engine.OutputTranscript | None) -> None:
        """Send the fragment at once: the engine says itself which is the last."""
        self.anew |= fragment is not None and not self.setup.transcribe_output
        if fragment is not None and self.setup.transcribe_output:
            self._send(
                server_content=server.ServerContent(output_transcription=server.Transcription(text=fragment.text))
            )
            self._generation.transcribed(fragment.text)

    def _is_current(self, number: int, now: float) -> bool:
        """Whether something of generation ``number`` is still wanted; an engine need not wait for its functions."""
        if self.model.state is Model.AWAITING_TOOLS and number == self._generation.number:
            self._go_on()
        current = super()._is_current(number, now)
        self.anew |= not current
        return current

    def _is_waited_for(self, call_id: str) -> bool:
        """Whether what a call comes to belongs to the answer that made it, which may have been interrupted since."""
        waits = self.model.state in (Model.AWAITING_TOOLS, Model.INTERRUPTED)
        return waits and self._generation.waits_for(call_id)

    def _is_of_answer(self, number: int) -> bool:
        return self.model.state not in (Model.IDLE, Model.INTERRUPTED) and number == self._generation.number

    def _go_on(self) -> None:
        """The engine goes on, whatever it called."""
        if self.model.state is Model.AWAITING_TOOLS:
            self._filler_at = None
            self._mark_all_running()
            self._generation.resume()
            self.model.move(Trigger.TOOLS_DONE)

    def _mark_all_running(self) -> None:
        """The engine waits for no function any more, whatever was declared; it cancels those that it gives up."""
        for call_id in self._generation.unanswered:
            if call_id in self.calls.pending:
                name = self.calls.pending[call_id].call.name
                self._generation.answer(FunctionResult(call_id, name, RUNNING))

    def _complete(self, now: float) -> None:
        super()._complete(now)
        if self._paced:
            self._tell_complete()

    # --- ends -----------------------------------------------------------------------------------------------

    def _cut_off(self, now: float) -> None:
        """Tell the client that the answer is interrupted; its ``turnComplete`` comes next."""
        self._heard_at_cut, self._cut_at = self._generation.clock.heard(now), now
        self.model.move(Trigger.CUT)
        self.interruptions += 1
        self._send(server_content=server.ServerContent(interrupted=True))

    def _cut(self, now: float) -> None:
        self.anew = True
        if self.model.state is not Model.INTERRUPTED:
            self._finish_if_heard(now)
        if self.idle:
            return
        if self.model.state is not Model.INTERRUPTED:
            self._mark_running()
            cancelled = self._generation.unanswered
            self.calls.cancel(cancelled)
            if cancelled:
                self._send(tool_call_cancellation=server.ToolCallCancellation(ids=cancelled))
            self._cut_off(now)
            self._tell(engine.Interrupt(self._generation.number + 1, self._heard_at_cut))
        self._end_turn(self._heard_at_cut, now)

    def _round_off(self, now: float) -> None:
        """End an answer because the next one begins: as complete if it was, else as interrupted."""
        self.anew = True
        if self.model.state is Model.PLAYING:
            self.model.move(Trigger.PLAYED)
            self._tell_complete()
            self._end_turn(self._generation.clock.heard(now), now)
        else:
            self._cut(now)

    def _end_turn(self, heard: float, now: float) -> None:
        if self.model.state is Model.INTERRUPTED:
            self.model.move(Trigger.PLAYED)
        self._mark_all_running()
        super()._end_turn(heard, now)

    def _ended(self) -> None:
        self._filler_at, self._awaits_successor = None, False

    def _turn_over(self, now: float) -> None:
        self._tell_results(now)

    def _heard(self, now: float) -> float:
        return self._heard_at_cut if self.model.state is Model.INTERRUPTED else super()._heard(now)

    def _record(self, heard: float) -> None:
        self._record_user()
        super()._record(heard)

    def _record_user(self) -> None:
        """Put what the user said into the history: what was answered, as far as its words are known."""
        words, self._words = "".join(self._words), []
        frames = self.frames.take()
        if not words and not frames:
            return
        seconds = max(0.0, self._turn_began - self._answered_from)
        pictures = turn_tokens(Turn("user", frames), self.setup.media_resolution)
        parts: tuple[Part, ...] = (*frames, Words(words)) if words else frames
        self._append(Turn("user", parts), pictures + Tokens(audio=audio_tokens(seconds)))

    @property
    def _usage(self) -> Usage:
        """What the engine said it used, where it said so."""
        told = self._generation.upstream
        return sum((each.usage for each in told), Usage()) if told else self._generation.usage

    @property
    def _last_word_at(self) -> float | None:
        return self._cut_at + LAST_WORD if self.model.state is Model.INTERRUPTED else None

    @property
    def _overdue_at(self) -> float | None:
        """When an answer that is owed will be overdue."""
        timeout = self._policy.stall_timeout
        if self._asked_at is None or not timeout or not self.idle or self.line.state is Line.DOWN:
            return None
        return self._asked_at + timeout

    # --- the engine comes and goes --------------------------------------------------------------------------

    def lose(self, now: float) -> float | None:
        """The engine is gone; from where in the input the next one must hear again."""
        if self.model.state is Model.INTERRUPTED:
            self._end_turn(self._heard_at_cut, now)
        elif self.model.state is Model.AWAITING_TOOLS and not self._generation.unanswered:
            # It had all it needs to go on: whoever takes over goes on instead.
            self._go_on()
        self._asked_at, self._awaits_successor = None, False
        self._names.clear()
        return super().lose(now)

    def _forget_hearing(self) -> float | None:
        if self.setup.detection.automatic and self.user.state is User.ACTIVE:
            self.end_activity(self.input_seconds, detected=True)
        if self.idle:
            # It is heard, and transcribed, anew.
            self._words.clear()
        elif self._is_answer_to_unknown_words:
            self._forget_answer()
            return self._since(self._answered_from)
        else:
            self._record_user()
        return self._since(self._turn_began)

    @property
    def _is_answer_to_unknown_words(self) -> bool:
        """Whether the present answer can only be given again by who hears again what the user said."""
        if self.model.state is not Model.GENERATING or self._generation.called_functions or self._answers_writing:
            return False
        return not "".join(self._words) and self._turn_began > self._answered_from

    def _forget_answer(self) -> None:
        """Drop an answer of which nothing was heard; one in the middle will be cut, and nobody asked for another."""
        self._turn_began, self._rehears = self._answered_from, True
        if self._generation.pristine:
            self.model.move(Trigger.INTERRUPT)

    def _since(self, offset: float) -> float | None:
        if not self.setup.detection.automatic and self.user.state is User.ACTIVE:
            return self._before(min(offset, self._activity_began))
        return self._before(offset) if self.input_seconds > offset else None

    def _resume(self, now: float) -> None:
        written = tuple(turn for turn, _ in self._waiting)
        if self.model.state is Model.AWAITING_TOOLS:
            self._mark_running()
            self._resume_if_answered(now)
            if written:
                self._pass_on(engine.Content(written, self._due))
            return
        turns = self._unseen() + written
        complete = self._asks_again
        if turns or complete:
            self._pass_on(engine.Content(turns, complete))
        if complete:
            self._asked_at = now
        self._tell_results(now)

    def _unseen(self) -> tuple[Turn, ...]:
        """The turns that the engine does not know."""
        history = self.context.history
        if self.model.state is Model.GENERATING:
            history += tuple(turn for turn, _ in self._generation.turns(self._generation.clock.sent))
        return _without_trailing_answer(history[self._seeded :]) if self._again else history[self._seeded :]

    # --- functions ------------------------------------------------------------------------------------------

    def _talk_on(self, now: float) -> None:
        self._filler_at = None

    def _resume_if_answered(self, now: float) -> None:
        """Have an engine that took over go on with an answer of the one before, once its calls have results."""
        if self.model.state is not Model.AWAITING_TOOLS or self._generation.unanswered or self.line.state is Line.DOWN:
            return
        if self._orphans.isdisjoint(self._generation.last_calls):
            # The engine that made the calls goes on by itself.
            return
        self._heard_of = now
        self._generation.resume()
        self.model.move(Trigger.TOOLS_DONE)
        self._pass_on(engine.Content(self._unseen(), complete=True))

    def _tell_results(self, now: float, *, urgent: bool = False) -> None:
        """Tell an engine that took over what the calls of the one before came to, once nobody speaks."""
        if not self._untold or not self.idle:
            return
        turn = Turn("user", tuple(self._untold))
        self._untold = []
        self._append(turn)
        self._ask(now)
        self._pass_on(engine.Content((turn,), complete=True))

    def _give_up(self, pending: PendingCall) -> None:
        if pending.call.id in self._orphans:
            super()._give_up(pending)
            return
        # The engine waits for its functions until it is told that they failed.
        response = client.FunctionResponse(id=pending.call.id, name=pending.call.name, response=_NO_ANSWER)
        result = FunctionResult(pending.call.id, pending.call.name, _NO_ANSWER)
        self._keep_result(result, waited_for=self._is_waited_for(result.id))
        self._pass_results([(response, result)], b"")


def _without_trailing_answer(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    end = len(turns)
    while end and turns[end - 1].role == "model":
        end -= 1
    return turns[:end]
