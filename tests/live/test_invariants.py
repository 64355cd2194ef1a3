"""A random walk over everything that can happen to a session, in any order, that tries to break its promises.

The engine of the walk keeps its own contract (an activity ends after it began, finals come in order) but is slow
and stubborn: it goes on with generations that are dead, and answers late. The store of the walk is slow too. A client
may resume the session on another connection at any time, with any handle it was ever given; the old connection is
evicted then.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.effects import Charge, Close, Open, Save, Send, SendSpeech, Tell
from antiphon.live.generation import CANCELLED
from antiphon.live.history import FunctionCall, FunctionResult
from antiphon.live.inputs import Begin, ClientLeft, Drain, EngineOpened, Evicted, Refused, Saved, Tick
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Usage
from antiphon.wire.gemini.client import MEMBERS, Setup
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal

SPEECH = {"data": "AAA=", "mimeType": "audio/pcm"}
CLIENT: dict[str, tuple[str, Any]] = {
    "text": ("realtimeInput", {"text": "hi"}),
    "blank": ("realtimeInput", {"text": " "}),
    "audio": ("realtimeInput", {"audio": SPEECH}),
    "no audio": ("realtimeInput", {"audio": {"data": "", "mimeType": "audio/pcm"}}),
    "activity start": ("realtimeInput", {"activityStart": {}}),
    "activity end": ("realtimeInput", {"activityEnd": {}}),
    "stream end": ("realtimeInput", {"audioStreamEnd": True}),
    "picture": ("realtimeInput", {"video": {"data": "iVBORw0KGgo=", "mimeType": "image/png"}}),
    "user": ("clientContent", {"turns": [{"role": "user", "parts": [{"text": "hi"}]}]}),
    "model": ("clientContent", {"turns": [{"role": "model", "parts": [{"text": "yo"}]}], "turnComplete": True}),
    "ask": ("clientContent", {"turns": [{"parts": [{"text": "well"}]}], "turnComplete": True}),
    "go": ("clientContent", {"turns": [], "turnComplete": True}),
    "nothing": ("clientContent", {"turns": []}),
    "update": ("contextUpdate", {"systemInstruction": {"parts": [{"text": "Be kind."}]}}),
    "clear": ("contextUpdate", {"tools": {"tools": []}}),
}
LIKELY = st.sampled_from([True] * 4 + [False])
UNLIKELY = st.sampled_from([False] * 4 + [True])
TOOLS = [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}, {"name": "g", "behavior": "NON_BLOCKING"}]}]
COMPRESSION = {"triggerTokens": "200", "slidingWindow": {"targetTokens": "100"}}


class Walk(RuleBasedStateMachine):
    """Drives a session and checks every effect as it comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.kept: list[Snapshot] = []
        self.connect()

    def connect(self) -> None:
        """What is known of one connection."""
        self.effects: list[Any] = []
        self.responded: list[int] = []
        self.completed: set[int] = set()
        self.interrupted: set[int] = set()
        self.charged: set[int] = set()
        self.told_interrupted: list[int] = []
        self.told_complete: list[int] = []
        self.turns: list[int] = []
        self.tool_ids: dict[str, int] = {}
        self.background: set[str] = set()
        self.ended_tools: set[str] = set()
        self.answered: set[str] = set()
        self.paused: set[int] = set()
        self.saving: list[Snapshot] = []
        self.speaking = self.opening = self.is_open = self.stuck = False
        self.declared = True
        self.awaited = 0
        self.offset = 0.0
        self.sent_seconds: dict[int, float] = {}
        self.used_before = Usage()

    calls_made = 0

    @initialize(
        interrupts=LIKELY,
        manual=UNLIKELY,
        text=UNLIKELY,
        history=UNLIKELY,
        compressed=st.booleans(),
        resumable=LIKELY,
        coverage=st.sampled_from(["TURN_INCLUDES_ONLY_ACTIVITY", "TURN_INCLUDES_ALL_INPUT"]),
        policy=st.builds(
            Policy,
            pace_turns=st.booleans(),
            resume_false_interruptions=LIKELY,
            interruption_delay=st.sampled_from([0.0, 0.0, 0.0, 0.5]),
            session_caps=UNLIKELY,
            video_cap=st.just(400.0),
            tool_timeout=st.just(20.0),
            background_tool_timeout=st.just(40.0),
            filler_delay=st.sampled_from([0.0, 0.3, 50.0]),
            idle_timeout=st.just(300.0),
            messages_per_second=st.just(50.0),
        ),
        continues=LIKELY,
        expires=st.sampled_from([None, None, None, 200.0]),
        patient=st.sampled_from([True] * 29 + [False]),
        slow=UNLIKELY,
    )
    def begin(self, **chosen: Any) -> None:
        self.manual, self.expires = chosen["manual"], chosen["expires"]
        self.abilities = Abilities("walk", continues=chosen["continues"])
        self.policy = chosen["policy"]
        self.session = Session(self.policy, self.now, "s", self.abilities)
        self.setup = {
            "model": "gemini-3.8-live",
            "generationConfig": {"responseModalities": ["TEXT" if chosen["text"] else "AUDIO"]},
            "realtimeInputConfig": {
                "activityHandling": "START_OF_ACTIVITY_INTERRUPTS" if chosen["interrupts"] else "NO_INTERRUPTION",
                "automaticActivityDetection": {"disabled": self.manual},
                "turnCoverage": chosen["coverage"],
            },
            "tools": TOOLS,
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "historyConfig": {"initialHistoryInClientContent": chosen["history"]},
            "contextWindowCompression": COMPRESSION if chosen["compressed"] else None,
            "sessionResumption": {} if chosen["resumable"] else None,
        }
        self.slow = chosen["slow"]
        if chosen["patient"]:
            self.client("setup", self.setup)
            self.open_at_once()

    # --- the client ---

    @rule(name=st.sampled_from(sorted(CLIENT)))
    def client_sends(self, name: str) -> None:
        member, value = CLIENT[name]
        if self.manual or not name.startswith("activity"):
            self.client(member, value)
            # A function that is not declared any more blocks.
            self.declared &= name != "clear"

    @rule(
        data=st.data(),
        scheduling=st.sampled_from([None, "SILENT", "WHEN_IDLE", "INTERRUPT"]),
        more=st.booleans(),
    )
    def answer_tools(self, data: st.DataObject, scheduling: str | None, more: bool) -> None:
        ids = data.draw(st.lists(st.sampled_from([*self.tool_ids, "unknown"]), max_size=3))
        responses = [
            {"id": i, "name": "f", "response": {"output": 1}, "scheduling": scheduling, "willContinue": more}
            for i in ids
        ]
        final = {i for i in ids if i in self.tool_ids and not (more and i in self.background)}
        self.answered |= final
        self.ended_tools |= final & self.background
        self.client("toolResponse", {"functionResponses": responses})

    # --- the engine ---

    @precondition(lambda self: self.opening)
    @rule()
    def engine_opens(self) -> None:
        self.opening = False
        self.step(EngineOpened())

    @precondition(lambda self: self.is_open and not self.manual and not self.speaking)
    @rule()
    def user_starts(self) -> None:
        self.speaking = True
        self.step(engine.ActivityStarted(self.offset))

    @precondition(lambda self: self.is_open and not self.manual and self.speaking)
    @rule(seconds=st.floats(0, 5))
    def user_stops(self, seconds: float) -> None:
        self.speaking = False
        self.offset += seconds
        self.awaited += 1
        self.step(engine.ActivityEnded(self.offset))

    @precondition(lambda self: self.awaited)
    @rule(text=st.sampled_from(["", "hello", "mm-hm"]))
    def transcript(self, text: str) -> None:
        self.awaited -= 1
        self.step(engine.InputTranscript(text, final=True))

    @precondition(lambda self: self.speaking)
    @rule(text=st.sampled_from(["hm", "hello"]))
    def partial(self, text: str) -> None:
        self.step(engine.InputTranscript(text, final=False))

    @precondition(lambda self: self.responded)
    @rule(data=st.data(), seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def speak(self, data: st.DataObject, seconds: float) -> None:
        self.engine_speaks(data.draw(self.generations), seconds)

    def engine_speaks(self, number: int, seconds: float) -> None:
        if number in self.completed or self.waits_for_tools(number):
            return
        self.step(engine.Speech(number, bytes(2 * int(24_000 * seconds))))
        position = self.sent_seconds.get(number, 0.0)
        self.step(engine.OutputTranscript(number, f" w{number}", position))
        self.sent_seconds[number] = position + seconds

    @precondition(lambda self: self.responded)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        number = data.draw(self.generations)
        if number not in self.completed and not self.waits_for_tools(number):
            self.completed.add(number)
            self.step(engine.GenerationComplete(number))

    @precondition(lambda self: self.responded)
    @rule(data=st.data(), names=st.lists(st.sampled_from("fg"), min_size=1, max_size=2))
    def call_tools(self, data: st.DataObject, names: list[str]) -> None:
        self.engine_calls(data.draw(self.generations), names)

    def engine_calls(self, number: int, names: list[str]) -> None:
        if number in self.completed or self.waits_for_tools(number):
            return
        calls = tuple(FunctionCall(f"c{self.calls_made + n}", name, {}) for n, name in enumerate(names))
        self.calls_made += len(calls)
        self.called = dict.fromkeys((call.id for call in calls), number)
        self.called_in_background = {call.id for call in calls if call.name == "g" and self.declared}
        self.step(engine.ToolCalls(number, calls))

    # --- what happens often, and rarely by chance ---

    @precondition(lambda self: self.answering and not self.manual and not self.speaking and not self.awaited)
    @rule(text=st.sampled_from(["", "mm-hm", "hello"]), wait=st.sampled_from([0.0, 0.1, 1.0]))
    def talk_over(self, text: str, wait: float) -> None:
        self.user_starts()
        self.time_passes(wait)
        self.user_stops(0.4)
        self.transcript(text)

    @precondition(lambda self: self.is_open and not self.answering and not self.speaking)
    @rule(seconds=st.sampled_from([0.5, 10.0]), completes=st.booleans(), wait=st.sampled_from([0.1, 2.0]))
    def ask(self, seconds: float, completes: bool, wait: float) -> None:
        self.client("realtimeInput", {"text": "go on"})
        if self.answering:
            number = self.responded[-1]
            self.engine_speaks(number, seconds)
            if completes:
                self.completed.add(number)
                self.step(engine.GenerationComplete(number))
            self.time_passes(wait)

    @precondition(lambda self: self.is_open and not self.answering and not self.speaking)
    @rule(names=st.lists(st.sampled_from("fg"), min_size=1, max_size=2), filler=st.booleans())
    def ask_for_a_function(self, names: list[str], filler: bool) -> None:
        before = len(self.responded)
        self.client("realtimeInput", {"text": "do it"})
        if len(self.responded) > before:
            if filler:
                self.engine_speaks(self.responded[-1], 1.0)
            self.engine_calls(self.responded[-1], names)

    # --- the rest of the world ---

    @rule(seconds=st.sampled_from([0.01, 0.01, 0.5, 0.5, 3.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            assert deadline > self.now or not self.stuck, "a tick at its deadline must change something"
            self.stuck = deadline <= self.now
            self.now = max(self.now, deadline)
            self.step(Tick())
        self.stuck = False
        self.now = end

    @rule(kind=st.sampled_from(["left", "refused", "drain", "failure"]), chance=st.integers(0, 59))
    def end(self, kind: str, chance: int) -> None:
        if chance:
            return
        events = {
            "left": ClientLeft(),
            "refused": Refused(Refusal("message", "bad")),
            "drain": Drain(5.0),
            "failure": engine.Failure("broken"),
        }
        self.step(events[kind])

    @precondition(lambda self: self.saving)
    @rule(works=st.sampled_from([True] * 5 + [False]))
    def snapshot_is_safe(self, works: bool) -> None:
        snapshot = self.saving.pop(0)
        if works:
            self.kept.append(snapshot)
        self.step(Saved("h" if works else "", snapshot.next_generation))

    @precondition(lambda self: self.kept)
    @rule(data=st.data(), chance=st.integers(0, 3))
    def resume_elsewhere(self, data: st.DataObject, chance: int) -> None:
        if chance and not self.session.closed:
            return
        snapshot = data.draw(st.sampled_from(self.kept))
        self.step(Evicted())
        assert self.session.closed
        self.the_books_agree()
        self.connect()
        self.used_before = snapshot.usage
        self.session = Session(self.policy, self.now, "other", self.abilities)
        setup, _ = convert(Setup, self.setup, "setup")
        self.step(Begin(setup, snapshot))
        assert self.session.closed or self.session.id == "s"
        self.open_at_once()

    def open_at_once(self) -> None:
        if self.opening and not self.slow:
            self.engine_opens()

    def client(self, name: str, value: Any) -> None:
        message, _ = convert(MEMBERS[name], value, name)
        self.step(Begin(message, expires_in=self.expires) if name == "setup" else message)

    def waits_for_tools(self, number: int) -> bool:
        return number in self.paused

    def step(self, event: Any) -> None:
        effects = self.session.receive(event, self.now)
        for effect in effects:
            self.check(effect)
            self.effects.append(effect)

    @property
    def generations(self) -> st.SearchStrategy[int]:
        """Mostly the newest."""
        return st.sampled_from([*self.responded, *self.responded[-1:] * 5 * len(self.responded)])

    @property
    def answering(self) -> bool:
        return bool(self.responded) and not self.session.closed and self.responded[-1] not in self.charged

    # --- the promises ---

    def check(self, effect: Any) -> None:
        assert not any(isinstance(e, Close) for e in self.effects), "nothing follows a close"
        match effect:
            case Open():
                self.opening = True
            case Send(message):
                self.check_message(message)
            case SendSpeech(number, _):
                assert number == self.responded[-1]
                assert number not in self.interrupted, "3: no sound after interrupted"
            case Tell(engine.Respond(number, history)):
                assert not self.responded or number > self.responded[-1]
                assert set(self.responded) == self.charged, "a generation begins when the last one ended"
                self.responded.append(number)
                self.check_history(history)
            case Tell(engine.ToolResults(number, results, history)):
                assert number == self.responded[-1]
                assert all(isinstance(result, FunctionResult) for result in results)
                assert all(result.response != CANCELLED for result in results), "only what ended is told"
                self.ended_tools |= {result.id for result in results} - self.background
                self.paused.discard(number)
                self.check_history(history)
            case Tell(engine.Continue(number, interrupted, heard, history)):
                assert interrupted in self.interrupted
                assert heard <= self.sent_seconds.get(interrupted, 0.0) + 1e-6
                assert number > self.responded[-1]
                assert set(self.responded) == self.charged, "a generation begins when the last one ended"
                self.responded.append(number)
                self.check_history(history)
            case Save(snapshot):
                assert not self.waits_for_any(), "nothing is resumed in the middle of a call"
                assert set(self.responded) == self.charged
                self.saving.append(snapshot)
            case Tell(engine.Interrupt(number)):
                assert number == self.responded[-1] + 1
                self.interrupted.add(number - 1)
                dead = {i for i, n in self.tool_ids.items() if n < number}
                self.ended_tools |= dead - self.background
            case Tell(engine.ActivityStart()):
                self.speaking = True
            case Tell(engine.ActivityEnd()):
                self.speaking = False
                self.awaited += 1
            case Charge(number, _):
                assert number not in self.charged, "5: charged once"
                self.charged.add(number)

    def check_message(self, message: Any) -> None:
        sent = [e.message for e in self.effects if isinstance(e, Send)]
        assert bool(message.setup_complete) == (not sent), "1: setupComplete is first, and once"
        if message.setup_complete:
            self.is_open = True
        if message.tool_call:
            self.tool_ids |= self.called
            self.paused |= set(self.called.values())
            self.background |= self.called_in_background
        if message.tool_call_cancellation:
            self.ended_tools |= set(message.tool_call_cancellation.ids)
        update = message.session_resumption_update
        if update is not None and update.resumable:
            assert set(self.responded) == self.charged, "resumable only between turns"
            assert not self.waits_for_any()
        content = message.server_content
        if content is None:
            return
        if content.interrupted:
            assert content == type(content)(interrupted=True), "interrupted travels alone"
            self.told_interrupted.append(self.responded[-1])
            assert len(self.told_interrupted) == len(set(self.told_interrupted)), "the client is told once"
        if content.generation_complete:
            assert self.responded[-1] not in self.interrupted, "2: never on an interrupted turn"
            self.told_complete.append(self.responded[-1])
        if content.turn_complete:
            number = self.responded[-1]
            assert number not in self.turns, "2: one turnComplete"
            assert (number in self.told_complete) != (number in self.told_interrupted)
            assert message.usage_metadata is not None
            self.turns.append(number)
        if content.model_turn or content.output_transcription:
            assert self.responded[-1] not in self.told_interrupted, "3: nothing after interrupted"

    def check_history(self, history: Any) -> None:
        """7: a generation's words in the history are only words it said, in order."""
        for turn in history:
            spoken = turn.text.split() if turn.role == "model" and turn.text != "yo" else []
            assert len(set(spoken)) <= 1, "turns of different generations are not mixed"

    def waits_for_any(self) -> bool:
        return bool(set(self.tool_ids) - self.ended_tools - self.answered)

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "session"):
            return
        charges = [effect.usage for effect in self.effects if isinstance(effect, Charge)]
        assert self.session.usage == sum(charges, self.used_before), "5: the sum equals the ledger"
        record = self.session.record(self.now)
        assert record.usage == self.session.usage
        if self.session.closed:
            assert set(self.responded) == self.charged
            assert self.session.deadline is None
        else:
            assert self.charged <= set(self.turns)

    @invariant()
    def no_tool_call_wedges_the_session(self) -> None:
        if not hasattr(self, "session") or self.session.closed:
            return
        waiting = set(self.tool_ids) - self.ended_tools - self.answered
        if waiting:
            patience = 40 if waiting <= self.background else 20
            assert self.session.deadline is not None
            assert self.session.deadline <= self.now + patience, "4: every call ends"


TestWalk = pytest.mark.slow(Walk.TestCase)
TestWalk.settings = settings(
    max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
