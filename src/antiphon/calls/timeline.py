"""Writes the timeline of a call while it happens.

The state of the session is the truth: whether the user speaks, which functions wait, how often the model was
interrupted is read there after each event; events and effects say where and how much. Sound costs a comparison or two:
a chunk is neither kept nor listed.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET

from antiphon.calls.bill import Bill
from antiphon.calls.caller import Caller
from antiphon.calls.observer import Audience, Ending
from antiphon.calls.watching import End, Watch, Watching, stir
from antiphon.live import events as engine
from antiphon.live.effects import (
    Abandon,
    Announce,
    Charge,
    Close,
    Effect,
    Note,
    SendFrame,
    SendSpeech,
    Tell,
)
from antiphon.live.events import OUTPUT_RATE, Audio, Relayed, RelayedSpeech, Speech
from antiphon.live.history import FunctionCall
from antiphon.live.inputs import Begin, Dismiss, EngineLost, EngineOpened, Refused
from antiphon.live.machine import User
from antiphon.live.session import Event, Session
from antiphon.live.timeline import (
    MAX_ENTRIES,
    MAX_TEXT,
    Activity,
    Entry,
    Money,
    Recording,
    Remark,
    Stage,
    Timeline,
    ToolUse,
    Turn,
    Words,
)
from antiphon.live.tokens import Usage
from antiphon.meter.money import from_picodollars
from antiphon.store import ledger
from antiphon.wire.gemini import client

log = logging.getLogger("antiphon.calls")

BYTES_PER_SECOND: Final = 2 * OUTPUT_RATE


class Recorder(Protocol):
    """Takes the sound of one call. Times are seconds since the call began."""

    def hear(self, pcm: bytes, rate: int, now: float) -> None:
        """Sound of the user arrived."""

    def speak(self, pcm: bytes, now: float) -> None:
        """Speech of the model was sent: 24 kHz."""

    def speak_frame(self, frame: bytes, seconds: float, now: float) -> None:
        """Speech of the model was sent, in a frame of the Gemini dialect."""

    def cut(self, now: float) -> None:
        """What was not heard until now never will be."""

    def finish(self, now: float) -> Recording:
        """The call is over."""
        ...


Record = Callable[[str, dict[str, str]], Recorder | None]
"""The recorder of a session, by its id and the labels of its setup; None where it is not recorded."""


class Chronicle:
    """The :class:`~antiphon.calls.observer.Observer` that keeps a timeline, and tells ``audience`` of it.

    ``began`` is when the call did, by its clock. ``content``: keep words, arguments and results too. Who looks on now
    does so by ``watching``.
    """

    def __init__(
        self,
        session: Session,
        caller: Caller,
        began: float,
        audience: Sequence[Audience] = (),
        *,
        content: bool = False,
        record: Record = lambda session_id, labels: None,
        watching: Watching | None = None,
    ) -> None:
        self.session = session
        self.caller = caller
        self.began = began
        self._audience = audience
        self.content = content
        self.bill = Bill()
        self.watches: set[Watch] = set()
        self._watching = watching
        self._record = record
        self._recorder: Recorder | None = None
        self.entries: list[Entry] = []
        self._left_out = 0
        self._now = 0.0
        self._model = ""
        self._opened = self._failed = False
        self._activity: Activity | None = None
        self._asked: float | None = None
        self.turn: Turn | None = None
        self._speaks = 0
        """The number of the turn whose speech needs no look: it began to speak, and may go on."""
        self._open: dict[int, Turn] = {}
        self._turns: dict[int, Turn] = {}
        self._tools: dict[str, ToolUse] = {}
        self._made = self._interruptions = 0
        self._counts = {"turns": 0, "interruptions": 0, "tool_calls": 0}
        self.usage = Usage()
        self._settled: Money | None = None
        self._provisional: dict[int, Money] = {}

    # --- what passes ----------------------------------------------------------------------------------------

    def saw(self, event: Event, effects: Sequence[Effect], now: float) -> None:
        """The session took ``event`` at ``now``, and wants ``effects``."""
        if type(event) is client.RealtimeInput:
            # Nearly all messages: sound, which is passed on and changes nothing.
            if len(effects) == 1 and event.text is UNSET:
                only = effects[0]
                if type(only) is Tell and type(only.event) is Audio:
                    if self._recorder is not None:
                        self._recorder.hear(only.event.pcm, only.event.rate, now - self.began)
                    return
        elif (
            (type(event) is Speech or type(event) is RelayedSpeech)
            and event.generation == self._speaks
            and effects
            and type(effects[-1]) in _SPEECH
        ):
            turn, recorder = self.turn, self._recorder
            assert turn is not None
            if type(event) is Speech:
                turn.spoken += len(event.pcm) / BYTES_PER_SECOND
                if recorder is not None:
                    recorder.speak(event.pcm, now - self.began)
            elif type(event) is RelayedSpeech:
                turn.spoken += event.seconds
                if recorder is not None:
                    recorder.speak_frame(event.frame, event.seconds, now - self.began)
            return
        if self._failed:
            return
        try:
            self._look(event, effects, max(self._now, now - self.began))
        except Exception:
            # Whoever looks on must never harm the call.
            self._failed = True
            log.exception("%s: its timeline ends here", self.session.id)

    def _look(self, event: Event, effects: Sequence[Effect], now: float) -> None:
        self._now = now
        if self.session.setup is None:
            self._note_all(event, effects)
            return
        if not self._opened:
            self._open_story(event)
        self._note_interruption()
        events = event.events if type(event) is Relayed else (event,)
        for each in events:
            if (handler := _EVENTS.get(type(each))) is not None:
                handler(self, each, effects)
        self._follow_user()
        self._follow_tools(events)
        for effect in effects:
            if (act := _EFFECTS.get(type(effect))) is not None:
                act(self, effect, event)
        if type(event) is Relayed and any(type(each) is SendFrame and not each.generation for each in effects):
            self._hear_relayed(event.events)
        self._note_interruption()
        self._speaks = self.turn.number if self.turn and self.turn.first is not None and self._is_on else 0
        if self.watches:
            stir(self, [self.turn, *self._open.values()])

    @property
    def _is_on(self) -> bool:
        """Whether the latest turn may go on speaking."""
        turn = self.turn
        return turn is not None and turn.ended is None and turn.interrupted is None

    def _note_all(self, event: Event, effects: Sequence[Effect]) -> None:
        """There is no session yet, and there may never be one."""
        if type(event) is Refused:
            self._on_refused(event, effects)
        for effect in effects:
            if type(effect) is Note or type(effect) is Close:
                _EFFECTS[type(effect)](self, effect, event)

    def _open_story(self, event: Event) -> None:
        setup = self.session.setup
        assert setup is not None
        self._opened, self._model = True, setup.profile.id
        for each in self._audience:
            each.opened(self._model)
        if self._watching is not None:
            self._watching.begin(self)
        labels = event.setup.labels if isinstance(event, Begin) else {}
        self._recorder = self._record(self.session.id, labels)

    # --- the user -------------------------------------------------------------------------------------------

    def _on_activity_started(self, event: engine.ActivityStarted, effects: Sequence[Effect]) -> None:
        if self._activity is None:
            self._start_activity(event.offset, detected=True)

    def _on_activity_ended(self, event: engine.ActivityEnded, effects: Sequence[Effect]) -> None:
        if self._activity is not None:
            self._end_activity(event.offset)

    def _follow_user(self) -> None:
        """What the client marks, and what ends because an engine was lost, no event of an engine tells."""
        active = self.session.dialogue.user.state is User.ACTIVE
        if active and self._activity is None:
            detected = self.session.dialogue.setup.detection.automatic
            self._start_activity(self.session.input_seconds, detected=detected)
        elif not active and self._activity is not None:
            self._end_activity(self.session.input_seconds)

    def _start_activity(self, offset: float, *, detected: bool) -> None:
        self._activity = Activity(at=self._now, offset=offset, detected=detected)
        self._asked = None
        self._add(self._activity)

    def _end_activity(self, offset: float) -> None:
        activity = self._activity
        assert activity is not None
        self._activity = None
        activity.ended, activity.end_offset = self._now, max(offset, activity.offset)
        # The sound that came since was silence, and came in its time.
        silence = max(0.0, self.session.input_seconds - activity.end_offset)
        self._asked = max(activity.at, self._now - silence)
        if self.watches:
            stir(self, [activity])

    def _on_transcript(self, event: engine.InputTranscript, effects: Sequence[Effect]) -> None:
        if event.final and event.text:
            self._add_words("heard", event.text)

    def _on_user_words(self, event: engine.UserWords, effects: Sequence[Effect]) -> None:
        if event.text.strip():
            self._add_words("heard", event.text)

    def _on_realtime_input(self, event: client.RealtimeInput, effects: Sequence[Effect]) -> None:
        if isinstance(event.text, str) and event.text.strip():
            self._add_words("typed", event.text)
            self._asked = self._now

    def _on_client_content(self, event: client.ClientContent, effects: Sequence[Effect]) -> None:
        texts = [part.text for turn in event.turns for part in turn.parts if isinstance(part.text, str)]
        if texts:
            self._add_words("written", "".join(texts))
        if event.turn_complete:
            self._asked = self._now

    def _add_words(self, how: Any, text: str) -> None:
        self._add(Words(at=self._now, how=how, characters=len(text), text=self._kept(text)))

    # --- the model ------------------------------------------------------------------------------------------

    def _on_generation_started(self, event: engine.GenerationStarted, effects: Sequence[Effect]) -> None:
        dialogue = self.session.dialogue
        is_on = not dialogue.idle and dialogue.next_number == event.generation
        if is_on or any(type(effect) is Charge and effect.generation == event.generation for effect in effects):
            self._begin_turn(event.generation)

    def _begin_turn(self, number: int, *, asked: bool = True, announced: bool = False) -> Turn:
        if (turn := self._open.get(number)) is not None:
            return turn
        turn = Turn(at=self._now, number=number, announced=announced)
        if not asked:
            self._asked = None
        self._open[number] = self.turn = turn
        if self._add(turn):
            self._turns[number] = turn
        return turn

    def _on_text(self, event: engine.ModelText, effects: Sequence[Effect]) -> None:
        turn = self._open.get(event.generation)
        if turn is not None and turn.interrupted is None and not event.thought:
            self._begin_output(turn)
            self._say(turn, event.text, None)

    def _on_output_transcript(self, event: engine.OutputTranscript, effects: Sequence[Effect]) -> None:
        turn = self._open.get(event.generation)
        if turn is not None and turn.interrupted is None:
            self._say(turn, event.text, event.offset)

    def _say(self, turn: Turn, text: str, offset: float | None) -> None:
        """``offset``: where in the speech the text begins, in seconds; None for text that is not spoken."""
        if self.content and len(turn.text) < MAX_TEXT:
            if offset is not None:
                turn.marks = (*turn.marks, (turn.characters, round(offset, 3)))
            turn.text = (turn.text + text)[:MAX_TEXT]
        turn.characters += len(text)

    def _on_complete(self, event: engine.GenerationComplete, effects: Sequence[Effect]) -> None:
        turn = self._open.get(event.generation)
        if turn is not None and turn.interrupted is None and turn.complete is None:
            turn.complete = self._now

    def _begin_output(self, turn: Turn) -> None:
        if turn.first is not None:
            return
        turn.first = self._now
        if self._asked is not None:
            turn.latency = max(0.0, self._now - self._asked)
        self._asked = None

    def _note_interruption(self) -> None:
        """The latest turn was interrupted, if one was since we looked."""
        if self.session.dialogue.interruptions == self._interruptions:
            return
        turn = self.turn
        if turn is None or turn.ended is not None or turn.interrupted is not None:
            return
        self._interruptions += 1
        self._counts["interruptions"] += 1
        turn.interrupted = self._now
        turn.heard = 0.0 if turn.first is None else min(turn.spoken, self._now - turn.first)
        if self._recorder is not None:
            self._recorder.cut(self._now)

    def _on_speech(self, effect: SendSpeech, event: Event) -> None:
        turn = self._open.get(effect.generation)
        if turn is not None:
            self._begin_output(turn)
            turn.spoken += len(effect.pcm) / BYTES_PER_SECOND
            if self._recorder is not None:
                self._recorder.speak(effect.pcm, self._now)

    def _on_frame(self, effect: SendFrame, event: Event) -> None:
        turn = self._open.get(effect.generation)
        if turn is not None:
            events = event.events if isinstance(event, Relayed) else (event,)
            seconds = sum(e.seconds for e in events if type(e) is RelayedSpeech and e.frame == effect.frame)
            self._begin_output(turn)
            turn.spoken += seconds
            if self._recorder is not None:
                self._recorder.speak_frame(effect.frame, seconds, self._now)

    def _hear_relayed(self, events: Iterable[Event]) -> None:
        """Speech that was sent within a frame that says more."""
        for event in events:
            if type(event) is Speech and (turn := self._turns.get(event.generation) or self.turn) is not None:
                self._begin_output(turn)
                turn.spoken += len(event.pcm) / BYTES_PER_SECOND
                if self._recorder is not None:
                    self._recorder.speak(event.pcm, self._now)

    def _on_tell(self, effect: Tell, event: Event) -> None:
        told = effect.event
        if isinstance(told, engine.Respond):
            self._begin_turn(told.generation)
        elif isinstance(told, engine.Continue):
            self._begin_turn(told.generation, asked=False)
        elif isinstance(told, Audio) and self._recorder is not None:
            self._recorder.hear(told.pcm, told.rate, self._now)

    def _on_announce(self, effect: Announce, event: Event) -> None:
        self._begin_turn(effect.generation, asked=False, announced=True)

    def _on_charge(self, effect: Charge, event: Event) -> None:
        turn = self._begin_turn(effect.generation)
        del self._open[effect.generation]
        turn.ended, turn.usage = self._now, effect.usage
        if turn.interrupted is not None:
            turn.outcome = "interrupted"
        else:
            turn.outcome = "closed" if self.session.closed else "complete"
            turn.heard = turn.spoken if turn.outcome == "complete" else None
        self._counts["turns"] += 1
        self.usage += effect.usage
        self.bill.count(effect.usage)
        for each in self._audience:
            each.turned(self._model, turn)
        if self.watches:
            stir(self, [turn])

    # --- functions ------------------------------------------------------------------------------------------

    def _follow_tools(self, events: Iterable[Event]) -> None:
        calls = self.session.dialogue.calls
        if calls.made != self._made:
            self._note_calls([call for each in events if type(each) is engine.ToolCalls for call in each.calls])
        for call_id in [each for each in self._tools if each not in calls.pending]:
            tool = self._tools.pop(call_id)
            tool.ended = self._now
            if (outcome := calls.outcome(call_id)) is not None:
                tool.outcome = outcome.value
            for each in self._audience:
                each.called(self._model, tool)
            if self.watches:
                stir(self, [tool])

    def _note_calls(self, told: list[FunctionCall]) -> None:
        """Calls were made, as ``told`` but perhaps by other names; some may have ended already."""
        calls = self.session.dialogue.calls
        count, self._made = calls.made - self._made, calls.made
        for call_id, call in zip(calls.latest(count), told[:count], strict=False):
            number = self.turn.number if self.turn is not None else 0
            arguments = self._kept(_json(call.args)) if self.content else ""
            tool = ToolUse(at=self._now, id=call_id, name=call.name, turn=number, arguments=arguments)
            self._tools[call_id] = tool
            self._counts["tool_calls"] += 1
            self._add(tool)

    def _on_tool_response(self, event: client.ToolResponse, effects: Sequence[Effect]) -> None:
        if self.content:
            for response in event.function_responses:
                if (tool := self._tools.get(response.id)) is not None:
                    tool.result = self._kept(_json(response.response))
                    stir(self, [tool])

    # --- engines, budgets, the end --------------------------------------------------------------------------

    def _on_engine_opened(self, event: EngineOpened, effects: Sequence[Effect]) -> None:
        name = event.abilities.name if event.abilities else self.session.dialogue.abilities.name
        self._add(Stage(at=self._now, what="opened", engine=name))

    def _on_engine_lost(self, event: EngineLost, effects: Sequence[Effect]) -> None:
        name = self.session.dialogue.abilities.name
        self._add(Stage(at=self._now, what="lost", engine=name, reason=event.reason))

    def _on_refused(self, event: Refused, effects: Sequence[Effect]) -> None:
        self._remark("refused", str(event.refusal))

    def _on_dismiss(self, event: Dismiss, effects: Sequence[Effect]) -> None:
        self._remark("dismissed", event.reason)

    def _on_abandon(self, effect: Abandon, event: Event) -> None:
        name = self.session.dialogue.abilities.name
        self._add(Stage(at=self._now, what="abandoned", engine=name, reason=effect.reason))

    def _on_note(self, effect: Note, event: Event) -> None:
        self._remark("note", effect.text)

    def _on_close(self, effect: Close, event: Event) -> None:
        code = "the client left" if effect.code is None else f"{int(effect.code)}: {effect.reason}"
        self._remark("close", code)

    def _remark(self, about: Any, text: str) -> None:
        self._add(Remark(at=self._now, about=about, text=text[:MAX_TEXT]))

    def priced(self, entries: Sequence[ledger.Entry]) -> None:
        """A generation was charged, or what it was charged changed."""
        try:
            for (generation, kind), rows in groupby(entries, lambda row: (row.generation, row.kind)):
                self._price(generation, kind, list(rows))
        except Exception:
            log.exception("%s: its costs are not told", self.session.id)

    def _price(self, generation: int, kind: ledger.Kind, rows: Sequence[ledger.Entry]) -> None:
        provisional = kind == ledger.WINDOW
        if self._watching is not None:
            self.bill.charge(generation, rows, self._watching.prices, provisional=provisional)
        money = sum((_money(row, provisional=provisional) for row in rows), Money())
        if provisional:
            self._provisional[generation] = money
        else:
            self._provisional.pop(generation, None)
            self._settle(money)
        if (turn := self._turns.get(generation)) is not None:
            turn.cost = turn.cost + money if kind == ledger.LATE and turn.cost else money
            paid = (f"{row.provider}/{row.billed}" for row in rows if row.provider)
            turn.billed = tuple(dict.fromkeys((*turn.billed, *paid)))
        if self.watches:
            stir(self, [turn])

    def _settle(self, money: Money) -> None:
        self._settled = money if self._settled is None else self._settled + money
        for each in self._audience:
            each.paid(self._model, money)

    def warned(self, reason: str) -> None:
        """A budget has something to say."""
        self._remark("budget", reason)

    def finish(self, ending: Ending) -> Timeline | None:
        """The call is over. None where the client never said what it wants."""
        try:
            return self._finish(ending)
        finally:
            if self._watching is not None and self._opened:
                record = ending.record
                end = End(record.close_code, record.close_reason) if record else End(None, "")
                self._watching.finish(self, end)

    def _finish(self, ending: Ending) -> Timeline | None:
        if not self._opened and ending.record is None:
            return None
        for turn in self._open.values():
            turn.outcome, turn.ended = "abandoned", self._now
        if self.watches:
            stir(self, list(self._open.values()))
        if self._activity is not None:
            self._end_activity(self.session.input_seconds)
        for gap in ending.gaps:
            gap.at = max(0.0, gap.at - self.began)
            self._add(gap)
        for at, decision in ending.decisions:
            self._add(Remark(at=max(0.0, at - self.began), about="route", text=decision[:MAX_TEXT]))
        timeline = self._tell(ending)
        if self._opened and ending.record is not None:
            for each in self._audience:
                each.closed(self.session, self.caller, ending.record, timeline)
        return timeline

    def _tell(self, ending: Ending) -> Timeline:
        owed = list(self._provisional.values())
        self._provisional.clear()
        for money in owed:
            self._settle(money)
        return Timeline(
            entries=tuple(sorted(self.entries, key=lambda entry: entry.at)),
            left_out=self._left_out,
            usage=self.usage,
            cost=self._settled,
            trace=self.caller.traceparent,
            unheard=ending.unheard,
            unsent=ending.unsent,
            recording=self._recorder.finish(self._now) if self._recorder is not None else None,
            **self._counts,
        )

    # --- what is to be seen of it ---------------------------------------------------------------------------

    @property
    def turns(self) -> int:
        """How many ended."""
        return self._counts["turns"]

    @property
    def money(self) -> Money | None:
        """What was charged until now, the provisional too; None without metering."""
        owed = list(self._provisional.values())
        return sum(owed, self._settled or Money()) if owed else self._settled

    # --- small things ---------------------------------------------------------------------------------------

    def _add(self, entry: Entry) -> bool:
        """Keep an entry, if there is room."""
        if len(self.entries) >= MAX_ENTRIES:
            self._left_out += 1
            return False
        self.entries.append(entry)
        if self.watches:
            stir(self, [entry])
        return True

    def _kept(self, text: str) -> str:
        return text[:MAX_TEXT] if self.content else ""


def _money(row: ledger.Entry, *, provisional: bool) -> Money:
    return Money(from_picodollars(row.amount), (row.unknown,) if row.unknown else (), provisional)


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except TypeError:
        return repr(value)


_SPEECH: Final = (SendSpeech, SendFrame)

_EVENTS: dict[type, Callable[[Chronicle, Any, Sequence[Effect]], None]] = {
    engine.ActivityStarted: Chronicle._on_activity_started,
    engine.ActivityEnded: Chronicle._on_activity_ended,
    engine.InputTranscript: Chronicle._on_transcript,
    engine.UserWords: Chronicle._on_user_words,
    engine.GenerationStarted: Chronicle._on_generation_started,
    engine.ModelText: Chronicle._on_text,
    engine.OutputTranscript: Chronicle._on_output_transcript,
    engine.GenerationComplete: Chronicle._on_complete,
    client.RealtimeInput: Chronicle._on_realtime_input,
    client.ClientContent: Chronicle._on_client_content,
    client.ToolResponse: Chronicle._on_tool_response,
    EngineOpened: Chronicle._on_engine_opened,
    EngineLost: Chronicle._on_engine_lost,
    Refused: Chronicle._on_refused,
    Dismiss: Chronicle._on_dismiss,
}

_EFFECTS: dict[type, Callable[[Chronicle, Any, Event], None]] = {
    SendSpeech: Chronicle._on_speech,
    SendFrame: Chronicle._on_frame,
    Tell: Chronicle._on_tell,
    Announce: Chronicle._on_announce,
    Charge: Chronicle._on_charge,
    Abandon: Chronicle._on_abandon,
    Note: Chronicle._on_note,
    Close: Chronicle._on_close,
}
