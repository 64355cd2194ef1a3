"""What both kinds of dialogue share: the answer that is being given, what was said, what it used.

A session has one dialogue at a time. In a :class:`~antiphon.live.leading.Leading` one it decides when the model
answers; in a :class:`~antiphon.live.following.Following` one the engine does. When an engine is lost in the middle of a
call, the dialogue of the next one takes over what is here, whatever kind either is.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.context import Context
from antiphon.live.effects import Abandon, Announce, Charge, Effect, Note, Send, SendSpeech, Spend, Tell
from antiphon.live.generation import Generation
from antiphon.live.grounding import metadata
from antiphon.live.history import FunctionResult, History, Picture, Turn
from antiphon.live.machine import LINE, MODEL, USER, Line, Machine, Model, Trigger, User
from antiphon.live.policy import Policy
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Tokens, Usage
from antiphon.live.tools import ToolLedger
from antiphon.live.video import FrameKeeper
from antiphon.wire.gemini import client, server

MAX_SPEECH_BYTES = 12_000
"""Model speech a frame carries at most: 250 ms, as the hosted service sends it."""

PREROLL = 0.5
"""Seconds of sound before speech that an engine hears again which takes over while somebody speaks."""

ROUNDING = 0.001
"""Seconds by which two sums of the same sounds may differ."""


class Dialogue(ABC):
    """What is said in one session. Effects go to ``out``, in order.

    ``earlier`` is the dialogue of the engine before, from which this one takes over.
    """

    _CARRIED: ClassVar = (
        *("context", "usage", "calls", "frames", "user", "model", "line", "draining", "next_number", "interruptions"),
        *(
            "input_seconds",
            "_generation",
            "_due",
            "_unanswered",
            "_again",
            "_failed",
            "_seeded",
            "_opened_with",
            "_transcribed",
        ),
        *("_activity_began", "_covered", "_collecting", "_untold", "_waiting", "_orphans"),
        "_hears_from",
    )

    def __init__(
        self,
        setup: Setup,
        policy: Policy,
        abilities: Abilities,
        out: list[Effect],
        snapshot: Snapshot | None = None,
        *,
        earlier: "Dialogue | None" = None,
    ) -> None:
        self.setup = setup
        self.user = Machine(USER, User.QUIET)
        self.model = Machine(MODEL, Model.IDLE)
        self.line = Machine(LINE, Line.DOWN)
        self.usage = snapshot.usage if snapshot else Usage()
        self.context = Context(setup, snapshot.turns if snapshot else ())
        self.calls = ToolLedger()
        self.frames = FrameKeeper(setup.coverage)
        self.draining = False
        self.next_number = snapshot.next_generation if snapshot else 1
        self.interruptions = 0
        self.input_seconds = 0.0
        self._policy = policy
        self.abilities = abilities
        self._out = out
        self._collecting = setup.initial_history and snapshot is None
        self._due = False
        self._unanswered = False
        self._again = self._rehears = self._failed = False
        self._seeded = 0
        self._opened_with = setup
        self._activity_began = 0.0
        self._covered = 0.0
        self._transcribed = 0
        self._heard_of = 0.0
        self._hears_from = 0.0
        self._filler_at: float | None = None
        self._untold: list[FunctionResult] = []
        self._waiting: list[tuple[Turn, Tokens | None]] = []
        self._orphans: set[str] = set()
        self._held_fragment: engine.OutputTranscript | None = None
        self._generation: Generation
        if earlier is not None:
            self._take_over(earlier)

    def _take_over(self, earlier: "Dialogue") -> None:
        for name in self._CARRIED:
            if hasattr(earlier, name):
                setattr(self, name, getattr(earlier, name))

    @property
    def idle(self) -> bool:
        """Whether no answer is being given."""
        return self.model.state is Model.IDLE

    @property
    def accrued(self) -> Charge | None:
        """What the answer that is being given would be charged if it ended now; None while none is."""
        if self.idle:
            return None
        return Charge(self._generation.number, self._usage, tuple(self._generation.upstream))

    @property
    def settled(self) -> bool:
        """Whether nothing is under way: no answer, no function, nothing to be told."""
        return self.idle and not self._due and not self.calls.pending

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` has something to do, unless something else happens first."""
        deadline = self._generation.clock.ends if self.model.state is Model.PLAYING and not self._paced else None
        for other in (self.calls.deadline, self._filler_at, self._stalls_at):
            if other is not None and (deadline is None or other < deadline):
                deadline = other
        return deadline

    def tick(self, now: float) -> None:
        """Time passed."""
        self._finish_if_heard(now)
        if self._filler_at is not None and now >= self._filler_at:
            self._talk_on(now)
        self._expire_calls(now)
        if self._stalls_at is not None and now >= self._stalls_at:
            self._heard_of = now
            self._out.append(Abandon(f"silent for {self._policy.stall_timeout:g} s in the middle of an answer"))

    def end(self, now: float) -> None:
        """The session ends: what was heard is recorded, what was used is charged."""
        if not self.idle:
            self._record(self._heard(now))
            self._charge()
            self.next_number = self._generation.number + 1
        self.calls.cancel(tuple(self.calls.pending))

    # --- what the user does ---------------------------------------------------------------------------------

    @abstractmethod
    def start_activity(self, offset: float, now: float, *, detected: bool) -> None:
        """The user begins to speak, as the engine ``detected`` or as the client says."""

    @abstractmethod
    def end_activity(self, offset: float, *, detected: bool) -> None:
        """The user stops speaking."""

    @abstractmethod
    def hear(self, event: engine.InputTranscript, now: float) -> None:
        """Words of the user became known."""

    @abstractmethod
    def say(self, text: str, now: float, frame: bytes = b"") -> None:
        """The user types, in the midst of everything; ``frame`` is the client's message."""

    @abstractmethod
    def add(self, turns: list[Turn], complete: bool, now: float, frame: bytes = b"") -> None:
        """The client adds content, to be answered if it is ``complete``; ``frame`` is the client's message."""

    @abstractmethod
    def answer_calls(self, responses: list[client.FunctionResponse], now: float, frame: bytes = b"") -> None:
        """The client answers function calls; ``frame`` is its message.

        Raises:
            Refusal: the scheduling of an answer is none.
        """

    def show(self, picture: Picture, now: float) -> bool:
        """The user shows something; returns whether the picture was kept."""
        kept = self.frames.offer(picture, now, self.user.state is User.ACTIVE)
        if kept and self.abilities.images:
            self._out.append(Tell(engine.Image(picture.mime_type, picture.data)))
        return kept

    def change(self, setup: Setup) -> None:
        """The instruction or the tools change, from the next answer on."""
        self.setup = setup
        self.context.update(setup)
        self._opened_with = setup if self.line.state is Line.UP else self._opened_with
        self._tell(engine.Update(setup))

    # --- the engine comes and goes --------------------------------------------------------------------------

    def make_seed(self) -> Seed:
        """What the conversation of a new engine begins with: what nobody has to answer any more."""
        history = self.context.history
        if self._collecting and self.next_number == 1:
            # More of it is to come, and whoever collects it collects all of it.
            history = ()
        elif self.model.state is Model.PLAYING:
            history += tuple(turn for turn, _ in self._generation.turns(self._generation.clock.sent))
        elif self._asks_again:
            history = _settled_part(history)
        self._seeded = len(history)
        self._opened_with = self.setup
        # What is complete plays out under its number; any other answer goes on under its own.
        number = self.next_number if self.idle else self._generation.number
        return Seed(history, number + (self.model.state is Model.PLAYING))

    @property
    def _asks_again(self) -> bool:
        """Whether the next engine is asked what the history ends with; what functions came to asks by itself."""
        return (self._due and not self._untold) or self.model.state is Model.GENERATING

    def lose(self, now: float) -> float | None:
        """The engine is gone. Returns from where in the input, in seconds, the next one must hear again; None: nowhere.

        An answer of which nothing was heard yet will be given by the next engine, as if nothing had happened; one in
        the middle is cut, and begins anew. One that begins anew already is not cut again: the next engine's is added.
        What is complete plays out, and functions go on.
        """
        self.line.move(Trigger.ENGINE_LOST)
        # Of the calls that ended only those matter that the present answer rests on.
        self._orphans &= set() if self.idle else self._generation.last_calls
        self._orphans |= set(self.calls.pending)
        if not self.idle:
            self._generation.orphaned = self.model.state is Model.PLAYING
            # Whatever becomes of the answer, this much of it was not the next engine's.
            self._out += [Spend(self._generation.number, each) for each in self._generation.upstream]
            self._generation.upstream.clear()
        replay_from = self._forget_hearing()
        self._hears_from = self.input_seconds if replay_from is None else replay_from
        if self.model.state is Model.GENERATING and not self._generation.pristine:
            if not self._failed or self._rehears:
                self._cut(now)
                self._due = self._unanswered = not self._rehears
            self._failed, self._again = True, not self._rehears
        self._rehears = False
        return replay_from

    def opened(self, now: float) -> None:
        """An engine is there: the first, or the next one after :meth:`lose`, which is told what is owed."""
        self.line.move(Trigger.ENGINE_OPENED)
        self._heard_of = now
        if self.setup is not self._opened_with:
            self._tell(engine.Update(self.setup))
        self._resume(now)
        self._again = False

    @abstractmethod
    def _forget_hearing(self) -> float | None:
        """What the lost engine was hearing it hears no more; from where in the input the next one must."""

    def _before(self, offset: float) -> float:
        """From where to hear again what began at ``offset``; there is nothing before a mark of the client's."""
        return max(0.0, offset - (PREROLL if self.setup.detection.automatic else ROUNDING))

    @abstractmethod
    def _cut(self, now: float) -> None:
        """End the present generation in the middle, and tell the client once."""

    @abstractmethod
    def _resume(self, now: float) -> None:
        """Tell the new engine what there is to answer."""

    def announce(self, text: str, now: float) -> None:
        """Say ``text``, which no engine made: the last thing that is said. No engine may be there any more."""
        if self.line.state is Line.UP:
            self.line.move(Trigger.ENGINE_LOST)
        self._begin(Tokens(), now)
        self._out.append(Announce(self._generation.number, text, self.setup))

    def silence(self, now: float) -> None:
        """End the present answer, whatever it is, to say something else."""
        if not self.idle:
            self._cut(now)

    @property
    def _stalls_at(self) -> float | None:
        """When an engine that was heard of last at ``_heard_of`` is given up."""
        timeout = self._policy.stall_timeout
        if not timeout or self.line.state is Line.DOWN or self.model.state is not Model.GENERATING:
            return None
        return max(self._heard_of, self._generation.clock.ends) + timeout

    def _tell(self, event: engine.UserEvent) -> None:
        """Tell the engine, if there is one; what the next one must know it is told when it opens."""
        if self.line.state is Line.UP:
            self._out.append(Tell(event))

    # --- what the model does --------------------------------------------------------------------------------

    def speak(self, event: engine.Speech, now: float) -> None:
        """The model speaks."""
        if not self._is_current(event.generation, now):
            return
        self._generation.speech(event.pcm, now)
        for start in range(0, len(event.pcm), MAX_SPEECH_BYTES):
            self._out.append(SendSpeech(event.generation, event.pcm[start : start + MAX_SPEECH_BYTES]))
        self._cut_at_limit(now)

    def speak_words(self, event: engine.OutputTranscript, now: float) -> None:
        """The words of the speech became known."""
        if self._is_current(event.generation, now):
            self._generation.spoke(event)
            self._send_transcript(event)

    def write(self, event: engine.ModelText, now: float) -> None:
        """The model writes, or thinks."""
        if not self._is_current(event.generation, now):
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
        if self._is_current(event.generation, now):
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
        if not self._is_current(event.generation, now):
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

    def _is_current(self, number: int, now: float) -> bool:
        """Whether something of generation ``number`` is still wanted."""
        self._heard_of = now
        return self.model.state is Model.GENERATING and number == self._generation.number

    # --- generations ----------------------------------------------------------------------------------------

    @property
    def _paced(self) -> bool:
        """Whether the engine says when a turn is over in the user's ear."""
        return self.abilities.paces and self.line.state is Line.UP and not self._generation.orphaned

    def _heard(self, now: float) -> float:
        """Seconds of the present answer that were heard."""
        return self._generation.clock.heard(now)

    def _begin(self, prompt: Tokens, now: float) -> None:
        self.model.move(Trigger.RESPOND)
        self._generation = Generation(self.next_number, prompt, self._transcribed)
        self._heard_of = now
        self._transcribed = 0
        if self.setup.resumable:
            # Until the turn is over the session cannot be resumed from where it is.
            self._send(session_resumption_update=server.SessionResumptionUpdate())

    def _finish_if_heard(self, now: float) -> None:
        """End a complete generation once its sound has played out."""
        if self.model.state is not Model.PLAYING:
            return
        if self._paced or (self._policy.pace_turns and now < self._generation.clock.ends):
            return
        self.model.move(Trigger.PLAYED)
        if self._generation.cut_short:
            self._tell(engine.Interrupt(self._generation.number + 1))
        self._tell_complete()
        self._end_turn(self._generation.clock.sent, now)

    def _tell_complete(self) -> None:
        self._failed = False
        if not self._generation.told_complete:
            self._generation.told_complete = True
            self._send(server_content=server.ServerContent(generation_complete=True))

    def _end_turn(self, heard: float, now: float) -> None:
        generation = self._generation
        content = server.ServerContent(
            turn_complete=True,
            turn_complete_reason=generation.reason,
            waiting_for_input=generation.waiting,
            interaction_status=self._interaction_status,
        )
        self._send(server_content=content, usage_metadata=self._usage.metadata())
        self._ended()
        self._record(heard)
        self._charge()
        self.next_number = generation.number + 1
        waiting, self._waiting = self._waiting, []
        for turn, tokens in waiting:
            self._append(turn, tokens)
        self._turn_over(now)

    @abstractmethod
    def _ended(self) -> None:
        """A generation ended, however."""

    @abstractmethod
    def _turn_over(self, now: float) -> None:
        """A turn is over, and all that was said is in the history."""

    @property
    def _usage(self) -> Usage:
        """What the present generation used so far, as the client is told."""
        return self._generation.usage

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
        usage = self._usage
        self.usage += usage
        self._out.append(Charge(self._generation.number, usage, tuple(self._generation.upstream)))

    # --- functions ------------------------------------------------------------------------------------------

    @abstractmethod
    def call(self, event: engine.ToolCalls, now: float) -> None:
        """The model calls functions."""

    @abstractmethod
    def _talk_on(self, now: float) -> None:
        """Wait no longer for those functions that need not be waited for."""

    @abstractmethod
    def _expire_calls(self, now: float) -> None:
        """Give up what took too long."""

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

    def _tell_voice_activity(self, kind: server.ActivityType, offset: float) -> None:
        if self._policy.voice_activity:
            self._send(voice_activity=server.VoiceActivity(type=kind, audio_offset=f"{offset:.3f}s"))
        if self.setup.vad_signal:
            signal = server.VadSignal.START if kind is server.ActivityType.START else server.VadSignal.END
            self._send(voice_activity_detection_signal=server.VoiceActivityDetectionSignal(vad_signal_type=signal))

    def _send(self, **members: Any) -> None:
        self._out.append(Send(server.ServerMessage(**members)))


def _settled_part(history: History) -> History:
    """The history without what is still to be answered, and without what was said of an answer that begins anew."""
    end = len(history)
    while end and history[end - 1].role == "model":
        end -= 1
    while end and history[end - 1].role == "user":
        end -= 1
    return history[:end]
