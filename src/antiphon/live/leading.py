"""A dialogue in which the session decides when the model answers.

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

from msgspec import Struct

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.backchannel import is_backchannel
from antiphon.live.context import turn_tokens
from antiphon.live.dialogue import Dialogue
from antiphon.live.effects import Effect, Note
from antiphon.live.functions import Calling
from antiphon.live.history import History, Turn, Words
from antiphon.live.machine import Line, Model, Trigger, User
from antiphon.live.policy import Policy
from antiphon.live.setup import Setup
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Tokens, audio_tokens
from antiphon.wire.gemini import client, server
from antiphon.wire.refusal import Refusal

NEARLY_HEARD = 1.0
"""An answer with no more than these seconds left is over for the user: what they say then is their turn."""

UNDECIDED = 30.0
"""Seconds of sound at most that an engine may have heard without saying yet whether somebody speaks in it."""


class _Activity(Struct, frozen=True):
    """An activity that ended: when it began and how long it was, the input it is charged for, what it was spoken over.

    Times are seconds of the input; ``over`` is the number of a generation, 0 for none.
    """

    began: float
    spoken: float
    charged: float
    over: int


class _Suspended(Struct, frozen=True):
    """An interrupted generation that may go on. ``asked``: the last that was heard of it was a question."""

    number: int
    heard: float
    asked: bool


class Leading(Calling):
    """The dialogue with an engine that answers when it is told to."""

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
        super().__init__(setup, policy, abilities, out, snapshot, earlier=earlier)
        self._over = 0
        self._awaited: deque[_Activity] = deque()
        self._held = False
        self._hold_until: float | None = None
        self._suspended: _Suspended | None = None
        self._decided = self._hears_from
        self._unknown_from: float | None = None
        if isinstance(earlier, Leading):
            self._awaited, self._unknown_from = earlier._awaited, earlier._unknown_from
        elif earlier is not None:
            # What was marked before, and not answered, is known only to who kept it.
            self._unknown_from = self._hears_from

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` has something to do, unless something else happens first."""
        deadline, hold = super().deadline, self._hold_until
        return hold if deadline is None or (hold is not None and hold < deadline) else deadline

    def tick(self, now: float) -> None:
        """Time passed."""
        if self._hold_until is not None and now >= self._hold_until:
            self._hold_until = None
            if self.user.state is User.ACTIVE:
                self._interrupt_for_now(now)
        super().tick(now)

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
        self._awaited.append(_Activity(self._activity_began, offset - self._activity_began, offset - began, self._over))
        self._covered, self._over = offset, 0
        self._decided = max(self._decided, offset)
        if detected:
            self._tell_voice_activity(server.ActivityType.END, offset)

    def hear(self, event: engine.InputTranscript, now: float) -> None:
        """Words of the user became known."""
        if not event.final:
            self._hear_partial(event.text, now)
            return
        self._unknown_from = None
        # What an engine hears that took over may belong to no activity that is known here.
        activity = self._awaited.popleft() if self._awaited else _Activity(self.input_seconds, 0.0, 0.0, 0)
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

    def say(self, text: str, now: float, frame: bytes = b"") -> None:
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

    def add(self, turns: list[Turn], complete: bool, now: float, frame: bytes = b"") -> None:
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

    def answer_calls(self, responses: list[client.FunctionResponse], now: float, frame: bytes = b"") -> None:
        """The client answers function calls. What nobody waits for is noted, and changes nothing.

        Raises:
            Refusal: the scheduling of an answer is none.
        """
        urgent = False
        for number, response in enumerate(responses):
            scheduling = self._take_answer(response, f"toolResponse.functionResponses[{number}]", now)
            urgent |= scheduling is client.Scheduling.INTERRUPT
        self._resume_if_answered(now)
        self._tell_results(now, urgent=urgent)

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
        self._failed = False
        self.interruptions += 1
        self._tell(engine.Interrupt(generation.number + 1))
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
        suspended = self._suspend(now) if self.abilities.continues else None
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
            self._continue(self._suspended, now)
        else:
            self._resume_if_answered(now)

    def _continue(self, suspended: _Suspended, now: float) -> None:
        # Nothing is read again, so nothing is charged for reading.
        self._begin(Tokens(), now)
        number, history = self._generation.number, self.context.history
        self._tell(engine.Continue(number, suspended.number, suspended.heard, history))

    # --- the engine comes and goes --------------------------------------------------------------------------

    def _forget_hearing(self) -> float | None:
        begins = [activity.began for activity in self._awaited]
        if self.user.state is User.ACTIVE:
            begins.append(self._activity_began)
        if not self.setup.detection.automatic:
            begins += [] if self._unknown_from is None else [self._unknown_from]
        else:
            # The next engine hears all of it anew, and finds the activities itself.
            self._awaited.clear()
            if self.user.state is User.ACTIVE:
                self.user.move(Trigger.ACTIVITY_END)
                self._tell_voice_activity(server.ActivityType.END, self.input_seconds)
        self._held, self._hold_until, self._suspended, self._over = False, None, None, 0
        return self._before(min(begins)) if begins else self._undecided()

    def _undecided(self) -> float | None:
        """Where the sound begins in which nobody has found anything yet; what took over may not have heard it all."""
        if not self.setup.detection.automatic:
            return None
        self._decided = max(self._decided, self.input_seconds - UNDECIDED)
        return self._decided if self._decided < self.input_seconds else None

    def _cut(self, now: float) -> None:
        self.interrupt(now)

    def _resume(self, now: float) -> None:
        if self.model.state is Model.GENERATING:
            said = tuple(turn for turn, _ in self._generation.turns(self._generation.clock.sent))
            self._tell(engine.Respond(self._generation.number, self._asked(self.context.history + said)))
        elif self.model.state is Model.AWAITING_TOOLS:
            self._filler_at = now + self._policy.filler_delay
            self._resume_if_answered(now)
        else:
            self._answer_if_due(now)

    def _asked(self, history: History) -> History:
        """What is to be answered: for an answer that begins anew, without what was said of it before."""
        end = len(history)
        while self._again and end and history[end - 1].role == "model":
            end -= 1
        return history[:end]

    # --- functions ------------------------------------------------------------------------------------------

    def _talk_on(self, now: float) -> None:
        """Wait no longer for those functions that need not be waited for."""
        self._mark_running()
        self._resume_if_answered(now)

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

    def _resume_if_answered(self, now: float) -> None:
        """Go on with a generation once every call it waits for has a result, and the user lets it."""
        if self.model.state is not Model.AWAITING_TOOLS or self._generation.unanswered or self._held:
            return
        self._filler_at = None
        self._heard_of = now
        results = self._generation.resume()
        self.model.move(Trigger.TOOLS_DONE)
        said = tuple(turn for turn, _ in self._generation.turns(self._generation.clock.sent))
        history = self.context.history + said
        self._tell(engine.ToolResults(self._generation.number, results, history))

    # --- answers --------------------------------------------------------------------------------------------

    def _answer_if_due(self, now: float) -> None:
        if self._due and self.user.state is User.QUIET and not self._awaited:
            self._answer(now)

    def _answer(self, now: float) -> None:
        """Begin a generation, or remember to begin it when the present one ended."""
        self._due = self._unanswered = True
        if not self.idle or self.draining or self.line.state is Line.DOWN:
            return
        if self._untold:
            # In one turn: engines tell what the last turn came to.
            self._append(Turn("user", tuple(self._untold)))
            self._untold = []
        self._fit_context()
        self._due = self._unanswered = self._collecting = False
        self._begin(self.context.tokens, now)
        self._tell(engine.Respond(self._generation.number, self._asked(self.context.history)))

    def _fit_context(self) -> None:
        dropped = self.context.compress()
        if dropped:
            self._out.append(Note(f"the context was compressed: {dropped} turns were dropped"))
        if self.context.exhausted:
            used, limit = self.context.tokens.total, self.setup.profile.input_token_limit
            raise Refusal("context", f"{used} tokens are over the {limit} of the model", "set contextWindowCompression")

    def _begin(self, prompt: Tokens, now: float) -> None:
        self._suspended = None
        super()._begin(prompt, now)

    def _ended(self) -> None:
        self._held, self._hold_until = False, None

    def _turn_over(self, now: float) -> None:
        self._answer_if_due(now)
