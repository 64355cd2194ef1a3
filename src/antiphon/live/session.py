"""A conversation as a pure state machine: the only writer of its state.

:meth:`Session.receive` takes what the client sent, what the engine did, or what else happened, each with the time
it happened, and returns the effects to perform, in order. It does no I/O and has no clock, so a whole conversation
can be tested or replayed without a socket and faster than real time. The states and their transitions are listed
in :mod:`antiphon.live.machine`; here is the life of the connection, in :mod:`antiphon.live.dialogue` what is said.
"""

from collections.abc import Callable
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from antiphon.live import agreement
from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.context import Context
from antiphon.live.dialogue import Dialogue
from antiphon.live.effects import Charge, Close, Effect, Note, Open, Save, Send, SendFrame, SendSpeech, Tell, Unheard
from antiphon.live.following import Following
from antiphon.live.history import Picture
from antiphon.live.inputs import (
    Begin,
    ClientLeft,
    Dismiss,
    Drain,
    EngineLost,
    EngineOpened,
    Evicted,
    FrameSkipped,
    Input,
    Refused,
    Saved,
    Tick,
    Unread,
)
from antiphon.live.leading import Leading
from antiphon.live.limits import Limits
from antiphon.live.machine import CONNECTION, Connection, Line, Machine, Trigger, User
from antiphon.live.policy import Policy
from antiphon.live.record import Record
from antiphon.live.setup import Setup
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Usage
from antiphon.wire.gemini import client, server
from antiphon.wire.gemini.media import audio_rate
from antiphon.wire.refusal import CloseCode, Refusal

MAX_REMEMBERED = 100
"""Ignored fields, and notes, that the record of a session names at most."""

Event = client.Message | engine.ModelEvent | Input

_TELLS = (Send, SendSpeech)


class Session:
    """One conversation, from its first message to its close. Times are seconds of any steady clock."""

    def __init__(self, policy: Policy, now: float, session_id: str = "", abilities: Abilities | None = None) -> None:
        self.policy = policy
        self.id = session_id
        self.connection = Machine(CONNECTION, Connection.AWAITING_SETUP)
        self._abilities = abilities or Abilities("engine")
        self._began = self._last_message = now
        self._effects: list[Effect] = []
        self._early: list[client.Message] = []
        self._allowance = 10 * policy.messages_per_second
        self._drain_deadline: float | None = None
        self._dismissal: Dismiss | None = None
        self._farewell_said = False
        self._frame = b""
        self._unheard = 0.0
        self._engines: dict[str, None] = {}
        self._resumed: Snapshot | None = None
        self._messages = 0
        self._saved_number = 0
        self._saved_messages = 0
        self._close_effect: Close | None = None
        self._ignored: dict[str, None] = {}
        self._notes: dict[str, None] = {}
        self._blind = False
        self._dialogue: Dialogue | None = None
        self._limits: Limits

    @property
    def dialogue(self) -> Dialogue:
        """What is said; there is none before the setup was agreed."""
        assert self._dialogue is not None
        return self._dialogue

    @property
    def setup(self) -> Setup | None:
        """What was agreed, once it was."""
        return self._dialogue.setup if self._dialogue else None

    @property
    def context(self) -> Context:
        """What the model reads: every turn that ended."""
        return self.dialogue.context

    @property
    def usage(self) -> Usage:
        """What all generations used."""
        return self._dialogue.usage if self._dialogue else Usage()

    @property
    def input_seconds(self) -> float:
        """How much sound the client sent, in seconds, counted in samples."""
        return self._dialogue.input_seconds if self._dialogue else 0.0

    @property
    def accrued(self) -> Charge | None:
        """What the generation under way would be charged if it ended now; None while there is none."""
        return self._dialogue.accrued if self._dialogue else None

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
        # Asked for after every message: no lists, no generators.
        deadline = self._last_message + self.policy.idle_timeout
        for other in (self.dialogue.deadline, self._limits.deadline, self._drain_deadline):
            if other is not None and other < deadline:
                deadline = other
        return deadline

    def receive(self, event: Event, now: float, frame: bytes = b"") -> list[Effect]:
        """What to do about ``event``, which happened at ``now``. Nothing happens after the session is closed.

        ``frame`` is the client's message as it came, for engines that can pass it on.
        """
        if self.closed:
            return []
        self._frame = frame
        try:
            _HANDLERS[type(event)](self, event, now)
            dialogue = self._dialogue
            if dialogue is not None and (dialogue.draining or self._saved_number != dialogue.next_number):
                self._settle(now)
        except Refusal as refusal:
            self._close(refusal.code, str(refusal), now)
        # In place: the dialogue writes to the same list.
        effects = self._effects.copy()
        self._effects.clear()
        if self._close_effect is not None:
            del effects[effects.index(self._close_effect) + 1 :]
        self._remember(effects)
        return effects

    def wants_frame(self, now: float) -> bool:
        """Whether a frame of video that comes now would be kept."""
        return self.connection.state is not Connection.OPEN or self.dialogue.frames.wants(now)

    def agree(self, begin: Begin) -> tuple[Setup, list[str]]:
        """What the session would be with this setup, and the fields that were set in vain; changes nothing.

        Raises:
            Refusal: there can be no such session.
        """
        setup, ignored = agreement.agree(begin.setup, self.policy, begin.abilities or self._abilities)
        if begin.snapshot is not None and setup.profile.id != begin.snapshot.model:
            raise Refusal("setup.model", "cannot change on resumption", f"use models/{begin.snapshot.model}")
        return replace(setup, dialect=begin.dialect), ignored

    def record(self, now: float) -> Record:
        """What is remembered of the session; complete once it is closed."""
        close = self._close_effect or Close(None, "")
        dialogue = self._dialogue
        return Record(
            session_id=self.id,
            model=dialogue.setup.profile.id if dialogue else "",
            engine=", ".join(self._engines) or self._abilities.name,
            seconds=now - self._began,
            turns=dialogue.next_number - 1 if dialogue else 0,
            usage=self.usage,
            close_code=close.code,
            close_reason=close.reason,
            ignored=tuple(self._ignored),
            notes=tuple(self._notes),
            interruptions=dialogue.interruptions if dialogue else 0,
            tool_calls=dialogue.calls.made if dialogue else 0,
            dropped_frames=dialogue.frames.dropped if dialogue else 0,
        )

    # --- the connection -------------------------------------------------------------------------------------

    def _on_setup(self, message: client.Setup, now: float) -> None:
        self._on_begin(Begin(message), now)

    def _on_begin(self, begin: Begin, now: float) -> None:
        if not self.connection.may(Trigger.SETUP):
            raise Refusal("setup", "was sent twice", "open a new connection to change it")
        setup, ignored = self.agree(begin)
        snapshot = begin.snapshot
        if snapshot is not None:
            self.id, self._resumed = snapshot.session_id, snapshot
        self.connection.move(Trigger.SETUP)
        self._last_message = now
        self._abilities = begin.abilities or self._abilities
        kind = Following if self._abilities.takes_turns else Leading
        self._dialogue = kind(setup, self.policy, self._abilities, self._effects, snapshot)
        elapsed = snapshot.seconds if snapshot else 0.0
        self._limits = Limits(self.policy, setup, self._began, elapsed, begin.expires_in)
        if snapshot is not None and snapshot.has_video:
            self._limits.saw_picture()
        self._note_ignored(ignored)
        self._effects.append(Open(setup, self._dialogue.make_seed()))

    def _on_engine_opened(self, event: EngineOpened, now: float) -> None:
        self._engage(event.abilities or self._abilities)
        if self.connection.state is Connection.OPEN:
            self.dialogue.opened(now)
            return
        self.connection.move(Trigger.ENGINE_OPENED)
        self.dialogue.line.move(Trigger.ENGINE_OPENED)
        self._send(setup_complete=server.SetupComplete(session_id=self.id))
        self._enforce_limits(now)
        self._settle(now)
        early, self._early = self._early, []
        for message in early:
            _HANDLERS[type(message)](self, message, now)

    def _engage(self, abilities: Abilities) -> None:
        """Go on with an engine of these abilities."""
        self._engines[abilities.name] = None
        dialogue, self._abilities = self.dialogue, abilities
        kind = Following if abilities.takes_turns else Leading
        if abilities is not dialogue.abilities:
            self._dialogue = kind(dialogue.setup, self.policy, abilities, self._effects, earlier=dialogue)

    def _on_engine_lost(self, event: EngineLost, now: float) -> None:
        if self.connection.state is not Connection.OPEN or self.dialogue.line.state is Line.DOWN:
            return
        self._effects.append(Note(f"the engine was lost: {event.reason}"))
        replay_from = self.dialogue.lose(now)
        if self._dismissal is None:
            self._effects.append(Open(self.dialogue.setup, self.dialogue.make_seed(), replay_from))

    def _admit(self, message: client.Message, now: float) -> bool:
        """Whether a message may be acted on now; early ones wait for the engine."""
        state = self.connection.state
        if state is Connection.OPEN:
            self._limit_rate(now)
            self._messages += 1
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
        if self.policy.strict:
            raise Refusal(event.fields[0], "is no field of this message", "remove it")
        self._note_ignored(list(event.fields))

    def _on_failure(self, event: engine.Failure, now: float) -> None:
        if event.detail:
            self._effects.append(Note(event.detail))
        self._close(event.code, event.reason, now)

    def _on_client_left(self, _: ClientLeft, now: float) -> None:
        self._close(None, "the client left", now)

    def _on_evicted(self, _: Evicted, now: float) -> None:
        self._close(CloseCode.NORMAL, "session: it was resumed on another connection", now)

    def _on_drain(self, event: Drain, now: float) -> None:
        if self.connection.state is not Connection.OPEN:
            self._close(CloseCode.GOING_AWAY, "the server is stopping; connect again", now)
            return
        self._drain_deadline = now + event.seconds
        self.dialogue.draining = True
        self._send(go_away=server.GoAway(time_left=f"{event.seconds:g}s"))

    def _on_dismiss(self, event: Dismiss, now: float) -> None:
        """Let the turn finish, bid farewell, close."""
        if self.connection.state is not Connection.OPEN:
            self._close(event.code, event.reason, now)
        elif self._dismissal is None:
            self._dismissal = event
            self._drain_deadline = now + event.patience
            self.dialogue.draining = True
            self._send(go_away=server.GoAway(time_left=f"{event.patience:g}s"))

    def _bid_farewell(self, now: float) -> None:
        """Say the farewell, unless it was said: then close."""
        dismissal = self._dismissal
        assert dismissal is not None
        if dismissal.farewell and not self._farewell_said:
            self._farewell_said = True
            self._drain_deadline = now + dismissal.patience
            self.dialogue.announce(dismissal.farewell, now)
        else:
            self._close(dismissal.code, dismissal.reason, now)

    def _on_tick(self, _: Tick, now: float) -> None:
        if self.connection.state is not Connection.OPEN:
            if now >= self._began + self.policy.setup_timeout:
                reason = f"setup: was not complete within {self.policy.setup_timeout:g} s"
                self._close(CloseCode.POLICY, reason, now)
            return
        self.dialogue.tick(now)
        self._enforce_limits(now)
        if now >= self._last_message + self.policy.idle_timeout:
            reason = f"idle: nothing was received for {self.policy.idle_timeout:g} s"
            self._close(CloseCode.POLICY, reason, now)
        elif self._drain_deadline is not None and now >= self._drain_deadline:
            self._end_patience(now)

    def _end_patience(self, now: float) -> None:
        """What was to finish by itself did not."""
        if self._dismissal is None:
            self._close(CloseCode.GOING_AWAY, "the server is stopping; connect again", now)
        elif self._farewell_said:
            self._close(self._dismissal.code, self._dismissal.reason, now)
        else:
            self.dialogue.silence(now)
            if self.dialogue.idle and not self._farewell_said:
                self._bid_farewell(now)

    def _enforce_limits(self, now: float) -> None:
        end = self._limits.end
        if end is None or self.connection.state is not Connection.OPEN:
            return
        if now >= end.at:
            self._close(end.code, end.reason, now)
        elif not self._limits.announced and now >= end.at - self.policy.go_away_lead:
            self._limits.announced = True
            self._send(go_away=server.GoAway(time_left=f"{end.at - now:.3f}s"))

    def _close(self, code: int | None, reason: str, now: float) -> None:
        if self.closed:
            return
        if self._dialogue is not None:
            self._dialogue.end(now)
        self.connection.move(Trigger.CLOSE)
        self._close_effect = Close(code, reason)
        self._effects.append(self._close_effect)

    # --- between turns --------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Do what waits for the end of a turn."""
        if self.connection.state is not Connection.OPEN or not self.dialogue.idle:
            return
        if self._dismissal is not None:
            self._bid_farewell(now)
        elif self._drain_deadline is not None:
            self._close(CloseCode.GOING_AWAY, "the server is stopping; connect again", now)
        elif self.dialogue.settled:
            self._save(now)

    def _save(self, now: float) -> None:
        dialogue = self.dialogue
        if not dialogue.setup.resumable:
            return
        self._saved_number, self._saved_messages = dialogue.next_number, self._messages
        earlier = self._resumed
        snapshot = Snapshot(
            session_id=self.id,
            model=dialogue.setup.profile.id,
            turns=dialogue.context.kept,
            usage=dialogue.usage,
            next_generation=dialogue.next_number,
            input_seconds=self.input_seconds + (earlier.input_seconds if earlier else 0.0),
            seconds=now - self._began + (earlier.seconds if earlier else 0.0),
            has_video=self._limits.has_video,
        )
        self._effects.append(Save(snapshot))

    def _on_saved(self, event: Saved, now: float) -> None:
        """Tell the client its handle, unless the next turn has begun: then it would promise too much."""
        if not event.handle:
            self._effects.append(Note("the session could not be saved: it cannot be resumed from here"))
        current = event.generation == self._saved_number == self.dialogue.next_number
        if event.handle and current and self.dialogue.settled:
            index = self._saved_messages if self.dialogue.setup.transparent else None
            update = server.SessionResumptionUpdate(
                new_handle=event.handle, resumable=True, last_consumed_client_message_index=index
            )
            self._send(session_resumption_update=update)

    # --- what the client sends ------------------------------------------------------------------------------

    def _on_realtime_input(self, message: client.RealtimeInput, now: float) -> None:
        if not self._admit(message, now):
            return
        if message.activity_start is not None:
            self._on_activity_start(now)
        if message.audio is not None:
            self._on_audio(message.audio, "realtimeInput.audio")
        for number, chunk in enumerate(message.media_chunks):
            self._on_media(chunk, f"realtimeInput.mediaChunks[{number}]", now)
        if message.video is not None:
            self._on_image(message.video, "realtimeInput.video", now)
        if message.text is not UNSET:
            self.dialogue.say(message.text, now, self._frame if _is_text(message) else b"")
        if message.activity_end is not None:
            self._on_activity_end()
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
        dialogue = self.dialogue
        seconds = len(pcm) / (2 * rate)
        dialogue.input_seconds += seconds
        # Outside a manual activity there is no turn that the sound could belong to.
        if self._detects_activity or dialogue.user.state is User.ACTIVE:
            self._effects.append(Tell(engine.Audio(pcm, rate)))
        else:
            self._unheard += seconds

    def _on_media(self, blob: client.Blob, field: str, now: float) -> None:
        if blob.mime_type.startswith("image/"):
            self._on_image(blob, field, now)
        else:
            self._on_audio(blob, field)

    def _on_image(self, blob: client.Blob, field: str, now: float) -> None:
        if not blob.mime_type.startswith("image/"):
            raise Refusal(f"{field}.mimeType", f"{blob.mime_type[:40]!r} is no image", "send image/jpeg")
        self._limits.saw_picture()
        self._enforce_limits(now)
        if not self._abilities.images and not self._blind:
            self._blind = True
            self._effects.append(Note(f"{field}: {self._abilities.name} cannot see; pictures stay in the history"))
        self.dialogue.show(Picture(blob.mime_type, blob.data, frame=True), now)

    def _on_frame_skipped(self, _: FrameSkipped, now: float) -> None:
        self._limit_rate(now)
        self._messages += 1
        self.dialogue.frames.dropped += 1

    def _on_activity_start(self, now: float) -> None:
        self._require_manual("activityStart")
        if not self.dialogue.user.may(Trigger.ACTIVITY_START):
            self._effects.append(Note("realtimeInput.activityStart: ignored, the activity has begun already"))
            return
        self.dialogue.start_activity(self.input_seconds, now, detected=False)
        if self._unheard:
            self._effects.append(Unheard(self._unheard))
            self._unheard = 0.0
        self._effects.append(Tell(engine.ActivityStart()))

    def _on_activity_end(self) -> None:
        self._require_manual("activityEnd")
        if not self.dialogue.user.may(Trigger.ACTIVITY_END):
            self._effects.append(Note("realtimeInput.activityEnd: ignored, no activity has begun"))
            return
        self.dialogue.end_activity(self.input_seconds, detected=False)
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
        strict = self.policy.strict and self.dialogue.setup.profile.roles_required
        for number, content in enumerate(message.turns):
            turn, ignored = agreement.turn(content, f"clientContent.turns[{number}]", strict=strict)
            self._note_ignored(ignored)
            turns.append(turn)
        self.dialogue.add(turns, message.turn_complete, now, self._frame)

    def _on_tool_response(self, message: client.ToolResponse, now: float) -> None:
        if not self._admit(message, now):
            return
        self.dialogue.answer_calls(message.function_responses, now, self._frame)

    def _on_context_update(self, message: client.ContextUpdate, now: float) -> None:
        if not self._admit(message, now):
            return
        setup, ignored = agreement.update(self.dialogue.setup, message, self.policy, self._abilities)
        self._note_ignored(ignored)
        self.dialogue.change(setup)

    # --- what engines do that take turns themselves ---------------------------------------------------------

    def _on_relayed(self, event: engine.Relayed, now: float) -> None:
        """Take everything that a frame says; if that is what the client may know, it gets the frame as it is."""
        following = self.dialogue
        if not isinstance(following, Following):
            return
        before, following.anew = len(self._effects), False
        for each in event.events:
            _HANDLERS[type(each)](self, each, now)
            if type(each) is engine.GenerationStarted:
                before, following.anew = len(self._effects), False
        told = [number for number in range(before, len(self._effects)) if type(self._effects[number]) in _TELLS]
        if told and not following.anew:
            self._effects[told[0]] = SendFrame(0, event.frame)
            for number in reversed(told[1:]):
                del self._effects[number]

    # --- small things ---------------------------------------------------------------------------------------

    @property
    def _detects_activity(self) -> bool:
        return self.dialogue.setup.detection.automatic

    def _send(self, **members: Any) -> None:
        self._effects.append(Send(server.ServerMessage(**members)))

    def _note_ignored(self, fields: list[str]) -> None:
        if fields:
            self._effects.append(Note(f"ignored, not supported: {', '.join(fields)}"))
            self._ignored.update(dict.fromkeys(fields[: MAX_REMEMBERED - len(self._ignored)]))

    def _remember(self, effects: list[Effect]) -> None:
        for effect in effects:
            if type(effect) is Note and len(self._notes) < MAX_REMEMBERED:
                self._notes[effect.text] = None


def _is_text(message: client.RealtimeInput) -> bool:
    """Whether the message is typed text and nothing else."""
    return message == client.RealtimeInput(text=message.text)


def _following(method: Callable[[Following, Any, float], None]) -> Callable[[Session, Any, float], None]:
    """A handler of what only engines do that take turns; from any other it means nothing."""

    def handle(session: Session, event: Any, now: float) -> None:
        if isinstance(session.dialogue, Following):
            method(session.dialogue, event, now)

    return handle


def _dialogue(method: Callable[[Dialogue, Any, float], None]) -> Callable[[Session, Any, float], None]:
    return lambda session, event, now: method(session.dialogue, event, now)


def _activity_started(dialogue: Dialogue, event: engine.ActivityStarted, now: float) -> None:
    dialogue.start_activity(event.offset, now, detected=True)


def _activity_ended(dialogue: Dialogue, event: engine.ActivityEnded, now: float) -> None:
    dialogue.end_activity(event.offset, detected=True)


_HANDLERS: dict[type, Callable[[Session, Any, float], None]] = {
    client.Setup: Session._on_setup,
    client.RealtimeInput: Session._on_realtime_input,
    client.ClientContent: Session._on_client_content,
    client.ToolResponse: Session._on_tool_response,
    client.ContextUpdate: Session._on_context_update,
    Begin: Session._on_begin,
    EngineOpened: Session._on_engine_opened,
    EngineLost: Session._on_engine_lost,
    Refused: Session._on_refused,
    Unread: Session._on_unread,
    FrameSkipped: Session._on_frame_skipped,
    ClientLeft: Session._on_client_left,
    Evicted: Session._on_evicted,
    Drain: Session._on_drain,
    Dismiss: Session._on_dismiss,
    Saved: Session._on_saved,
    Tick: Session._on_tick,
    engine.ActivityStarted: _dialogue(_activity_started),
    engine.ActivityEnded: _dialogue(_activity_ended),
    engine.InputTranscript: _dialogue(lambda dialogue, event, now: dialogue.hear(event, now)),
    engine.UserWords: _following(Following.hear_words),
    engine.GenerationStarted: _following(Following.started),
    engine.Interrupted: _following(Following.interrupted),
    engine.TurnComplete: _following(Following.turn_complete),
    engine.CallsCancelled: _following(Following.cancelled),
    engine.RelayedSpeech: _following(Following.speak_frame),
    engine.Relayed: Session._on_relayed,
    engine.Speech: _dialogue(Dialogue.speak),
    engine.OutputTranscript: _dialogue(Dialogue.speak_words),
    engine.ModelText: _dialogue(Dialogue.write),
    engine.ToolCalls: _dialogue(lambda dialogue, event, now: dialogue.call(event, now)),
    engine.Grounding: _dialogue(Dialogue.ground),
    engine.GenerationComplete: _dialogue(Dialogue.complete),
    engine.Used: _dialogue(Dialogue.used),
    engine.Failure: Session._on_failure,
}
