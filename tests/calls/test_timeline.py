"""Timelines: what they say of calls that go well, and what always holds, whatever happens."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from tests.live.test_following_walk import Walk as FollowingWalk
from tests.live.test_invariants import Walk as LeadingWalk

from antiphon.calls.caller import Caller
from antiphon.calls.observer import Ending
from antiphon.calls.timeline import Chronicle
from antiphon.live import events
from antiphon.live.history import FunctionCall
from antiphon.live.inputs import Begin, ClientLeft, EngineLost, EngineOpened, Refused
from antiphon.live.policy import Policy
from antiphon.live.record import Record
from antiphon.live.session import Session
from antiphon.live.timeline import MAX_ENTRIES, MAX_TEXT, Activity, Gap, Money, Remark, Stage, Timeline, ToolUse, Turn
from antiphon.live.tokens import Usage
from antiphon.store import ledger
from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal

SETUP = client.Setup(
    model="gemini-3.8-live", tools=[client.Tool(function_declarations=[client.FunctionDeclaration(name="f")])]
)
TEXT = client.RealtimeInput(text="what is it?")
SECOND = bytes(48_000)


class Listener:
    """Keeps what an audience is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Any]] = []

    def opened(self, model: str) -> None:
        self.told.append(("opened", model, None))

    def turned(self, model: str, turn: Turn) -> None:
        self.told.append(("turned", model, turn))

    def called(self, model: str, tool: ToolUse) -> None:
        self.told.append(("called", model, tool))

    def paid(self, model: str, money: Money) -> None:
        self.told.append(("paid", model, money))

    def closed(self, session: Session, caller: Caller, record: Record, timeline: Timeline) -> None:
        self.told.append(("closed", record.session_id, timeline))

    def of(self, what: str) -> list[Any]:
        return [each for kind, _, each in self.told if kind == what]


class Watched:
    """A session with its chronicle. ``now`` moves when told to."""

    def __init__(self, *, content: bool = False, policy: Policy | None = None) -> None:
        self.now = 50.0
        self.listener = Listener()
        self.session = Session(policy or Policy(), self.now, "s1")
        self.chronicle = Chronicle(self.session, Caller(traceparent="00-a"), self.now, [self.listener], content=content)

    def step(self, *happened: Any, after: float = 0.0) -> "Watched":
        self.now += after
        for event in happened:
            effects = self.session.receive(event, self.now)
            self.chronicle.saw(event, effects, self.now)
        return self

    def open(self) -> "Watched":
        return self.step(Begin(SETUP), EngineOpened())

    def finish(self, gaps: list[Gap] | None = None) -> Timeline:
        self.step(ClientLeft())
        told = self.chronicle.finish(Ending(self.session.record(self.now), gaps or [], [(50.0, "a was chosen")]))
        assert told is not None
        return told


def of(timeline: Timeline, kind: type) -> list[Any]:
    return [entry for entry in timeline.entries if type(entry) is kind]


def sound(seconds: float) -> client.RealtimeInput:
    return client.RealtimeInput(audio=client.Blob(mime_type="audio/pcm;rate=16000", data=bytes(int(32_000 * seconds))))


class TestOneCall:
    def test_a_spoken_turn(self) -> None:
        watched = Watched().open()
        watched.step(sound(1.0), after=1.0).step(events.ActivityStarted(0.3))
        watched.step(sound(1.0), after=1.0).step(events.ActivityEnded(1.5), events.InputTranscript("hello", final=True))
        watched.step(events.Speech(1, SECOND), after=0.25).step(events.OutputTranscript(1, "hi", 0.0))
        watched.step(events.Speech(1, SECOND), events.GenerationComplete(1), after=0.5)
        watched.step(*[], after=2.0)
        timeline = watched.finish()
        (activity,) = of(timeline, Activity)
        assert (activity.at, activity.ended, activity.offset, activity.end_offset) == (1.0, 2.0, 0.3, 1.5)
        (turn,) = of(timeline, Turn)
        assert (turn.at, turn.first, turn.complete, turn.outcome) == (2.0, 2.25, 2.75, "closed")
        # Half a second of the sound was silence, when the end was decided; a quarter more until the first sound.
        assert turn.latency == pytest.approx(0.75)
        assert turn.spoken == 2.0
        assert (turn.text, turn.characters) == ("", 2)

    def test_an_interrupted_turn_was_heard_in_part(self) -> None:
        watched = Watched().open().step(TEXT)
        watched.step(events.Speech(1, 5 * SECOND), after=0.2).step(TEXT, after=1.5)
        first, second = of(watched.finish(), Turn)
        assert (first.outcome, first.spoken, first.heard) == ("interrupted", 5.0, pytest.approx(1.5))
        assert first.interrupted == first.ended == second.at
        assert second.outcome == "closed"

    def test_functions(self) -> None:
        watched = Watched().open().step(TEXT)
        watched.step(events.ToolCalls(1, (FunctionCall("a", "f", {"x": 1}), FunctionCall("b", "f", {}))))
        answer = client.ToolResponse(function_responses=[client.FunctionResponse(id="a", name="f", response={"y": 2})])
        watched.step(answer, after=1.5)
        one, other = of(watched.finish(), ToolUse)
        assert (one.name, one.turn, one.outcome, one.ended - one.at, one.arguments) == ("f", 1, "answered", 1.5, "")
        assert other.outcome == "cancelled"
        assert [tool.id for tool in watched.listener.of("called")] == ["a", "b"]

    def test_content_is_kept_where_it_is_asked_for(self) -> None:
        watched = Watched(content=True).open().step(TEXT)
        watched.step(events.OutputTranscript(1, "it is ", 0.0), events.OutputTranscript(1, "five", 0.0))
        watched.step(events.ToolCalls(1, (FunctionCall("a", "f", {"x": 1}),)))
        watched.step(client.ToolResponse(function_responses=[client.FunctionResponse(id="a", response={"y": 2})]))
        timeline = watched.finish()
        (tool,), (turn,) = of(timeline, ToolUse), of(timeline, Turn)
        assert (tool.arguments, tool.result, turn.text) == ('{"x":1}', '{"y":2}', "it is five")
        assert "what is it?" in str(timeline.entries)

    def test_words_are_marked_where_they_are_in_the_speech(self) -> None:
        watched = Watched(content=True).open().step(TEXT)
        watched.step(events.Speech(1, SECOND), events.OutputTranscript(1, "it is ", 0.0))
        watched.step(events.Speech(1, SECOND), events.OutputTranscript(1, "five", 1.2504))
        (turn,) = of(watched.finish(), Turn)
        assert turn.marks == ((0, 0.0), (6, 1.25))
        assert [turn.text[at:] for at, _ in turn.marks] == ["it is five", "five"]

    def test_as_many_words_are_marked_as_are_kept(self) -> None:
        watched = Watched(content=True).open().step(TEXT)
        for number in range(MAX_TEXT):
            watched.step(events.OutputTranscript(1, "word ", number / 4))
        (turn,) = of(watched.finish(), Turn)
        assert (len(turn.text), turn.characters) == (MAX_TEXT, 5 * MAX_TEXT)
        assert len(turn.marks) == MAX_TEXT / 5

    def test_text_that_is_not_spoken_has_no_marks(self) -> None:
        timeline = Watched(content=True).open().step(TEXT, events.ModelText(1, "five")).finish()
        assert of(timeline, Turn)[0].marks == ()

    def test_nothing_that_was_said_is_kept_else(self) -> None:
        watched = Watched().open().step(TEXT, events.OutputTranscript(1, "secret", 0.0))
        timeline = watched.step(events.ToolCalls(1, (FunctionCall("a", "f", {"x": "secret"}),))).finish()
        assert "secret" not in str(timeline)
        assert of(timeline, Turn)[0].marks == ()
        assert "what is it" not in str(timeline)

    def test_engines_gaps_and_decisions(self) -> None:
        watched = Watched().open().step(EngineLost("gone"), after=1.0).step(EngineOpened(), after=0.5)
        timeline = watched.finish([Gap(at=51.0, where="engine", seconds=0.5, reason="gone", lost="a", next="b")])
        assert [(stage.what, stage.at) for stage in of(timeline, Stage)] == [
            ("opened", 0),
            ("lost", 1),
            ("opened", 1.5),
        ]
        (gap,) = of(timeline, Gap)
        assert (gap.at, gap.next) == (1.0, "b")
        assert Remark(at=0.0, about="route", text="a was chosen") in timeline.entries

    def test_fields_set_in_vain_refusals_and_the_close(self) -> None:
        watched = Watched().step(Begin(client.Setup(model="gemini-3.8-live", labels={"a": "b"})))
        remarks = {(each.about, each.text) for each in of(watched.finish(), Remark)}
        assert ("note", "ignored, not supported: setup.labels") in remarks
        assert ("close", "the client left") in remarks

    def test_what_is_refused_before_the_setup_has_a_timeline_and_no_session(self) -> None:
        watched = Watched().step(Refused(Refusal("message", "is no JSON", "send JSON")))
        assert [each.about for each in of(watched.finish(), Remark)] == ["refused", "close", "route"]
        assert watched.listener.told == []

    def test_it_is_bounded_and_counts_on(self) -> None:
        watched = Watched(policy=Policy(messages_per_second=1e9)).open()
        for _ in range(MAX_ENTRIES):
            watched.step(TEXT, after=0.1)
        timeline = watched.finish()
        assert len(timeline.entries) == MAX_ENTRIES
        assert timeline.left_out > 0
        assert timeline.turns == watched.session.record(0.0).turns == MAX_ENTRIES
        assert timeline.usage == watched.session.usage

    def test_who_looks_on_never_harms_a_call(self, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
        watched = Watched().open()
        monkeypatch.setattr(watched.chronicle, "_follow_user", lambda: 1 / 0)
        watched.step(TEXT, TEXT)
        assert caplog.text.count("its timeline ends here") == 1
        assert not watched.session.closed


def row(generation: int, kind: ledger.Kind, amount: int, unknown: str = "") -> ledger.Entry:
    named = {"provider": "google", "billed": "m", "amount": amount, "unknown": unknown}
    return ledger.Entry(call="c", session_id="s1", generation=generation, kind=kind, at=0.0, **named)


class TestMoney:
    def test_what_a_turn_cost(self) -> None:
        watched = Watched().open().step(TEXT)
        watched.chronicle.priced([row(1, ledger.GENERATION, 2 * 10**9), row(1, ledger.GENERATION, 10**9)])
        watched.chronicle.priced([row(1, ledger.LATE, 10**9)])
        timeline = watched.finish()
        (turn,) = of(timeline, Turn)
        assert turn.cost == timeline.cost == Money(Decimal("0.004"))
        assert turn.billed == ("google/m",)

    def test_what_is_unknown_stays_unknown(self) -> None:
        watched = Watched().open().step(TEXT)
        watched.chronicle.priced([row(1, ledger.GENERATION, 5, "no price is known")])
        watched.chronicle.priced([row(2, ledger.GENERATION, 7)])
        timeline = watched.finish()
        assert timeline.cost is not None
        assert timeline.cost.amount is None
        assert timeline.cost.unknown == ("no price is known",)

    def test_what_was_provisional_is_replaced_or_counts_at_the_end(self) -> None:
        watched = Watched().open().step(TEXT)
        watched.chronicle.priced([row(1, ledger.WINDOW, 10)])
        watched.chronicle.priced([row(1, ledger.GENERATION, 30)])
        watched.chronicle.priced([row(2, ledger.WINDOW, 100)])
        assert [money.known for money in watched.listener.of("paid")] == [Decimal(30).scaleb(-12)]
        timeline = watched.finish()
        assert timeline.cost == Money(Decimal(130).scaleb(-12), provisional=True)

    def test_without_metering_there_is_no_cost(self) -> None:
        assert Watched().open().step(TEXT).finish().cost is None


def check(timeline: Timeline, session: Session, used_before: Usage, ended: float) -> None:
    """What holds of every timeline."""
    record = session.record(ended)
    assert timeline.usage + used_before == record.usage
    assert timeline.interruptions == record.interruptions
    assert timeline.tool_calls == record.tool_calls
    assert [entry.at for entry in timeline.entries] == sorted(entry.at for entry in timeline.entries)
    turns, tools = of(timeline, Turn), of(timeline, ToolUse)
    assert not timeline.left_out
    charged = [turn for turn in turns if turn.outcome != "abandoned"]
    assert len(charged) == timeline.turns
    assert sum((turn.usage for turn in turns), Usage()) == timeline.usage
    assert len(tools) == timeline.tool_calls
    assert Counter(turn.outcome for turn in turns)["interrupted"] == timeline.interruptions
    for before, after in pairwise(charged):
        assert before.ended <= after.at
        assert before.number < after.number
    for turn in turns:
        times = [turn.at, *(t for t in (turn.first, turn.complete) if t is not None), turn.ended]
        assert all(turn.at <= time <= turn.ended for time in times)
        assert turn.interrupted is None or turn.at <= turn.interrupted <= turn.ended
        assert turn.heard is None or 0 <= turn.heard <= turn.spoken + 1e-9
        assert turn.latency is None or turn.latency >= 0
    for tool in tools:
        assert tool.outcome is not None, "every call ends"
        assert tool.at <= tool.ended
        assert any(turn.number == tool.turn and turn.at <= tool.at <= turn.ended for turn in turns)
    for activity in of(timeline, Activity):
        assert activity.at <= activity.ended
        assert activity.offset <= activity.end_offset


class WatchedLeading(LeadingWalk):
    """The walk of the led session, with somebody looking on."""

    def connect(self) -> None:
        super().connect()
        self.chronicle: Chronicle | None = None

    def step(self, event: Any) -> None:
        session = self.session
        if self.chronicle is None:
            self.chronicle = Chronicle(session, Caller(), self.now)
        chronicle, receive = self.chronicle, session.receive

        def watched(event: Any, now: float, frame: bytes = b"") -> list[Any]:
            effects = receive(event, now, frame)
            chronicle.saw(event, effects, now)
            return effects

        session.receive = watched  # type: ignore[method-assign]
        try:
            super().step(event)
        finally:
            session.receive = receive  # type: ignore[method-assign]
        assert not chronicle._failed
        if session.closed and session.setup is not None:
            timeline = chronicle.finish(Ending(session.record(self.now)))
            assert timeline is not None
            check(timeline, session, self.used_before, self.now)


class WatchedFollowing(FollowingWalk):
    """The walk of sessions whose engines change, with somebody looking on."""

    def step(self, event: Any, frame: bytes = b"") -> None:
        if not hasattr(self, "chronicle"):
            self.chronicle = Chronicle(self.session, Caller(), 0.0)
        effects = self.session.receive(event, self.now, frame)
        self.chronicle.saw(event, effects, self.now)
        assert not self.chronicle._failed
        for effect in effects:
            self.perform(effect)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "session"):
            timeline = self.chronicle.finish(Ending(self.session.record(self.now)))
            assert timeline is not None
            check(timeline, self.session, Usage(), self.now)


_BRIEF = settings(max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestWalkOfALedSession = WatchedLeading.TestCase
TestWalkOfALedSession.settings = _BRIEF
TestWalkOfChangingEngines = WatchedFollowing.TestCase
TestWalkOfChangingEngines.settings = _BRIEF
