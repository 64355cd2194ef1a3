"""A random walk over everything that can happen to a session, in any order, that tries to break its promises.

The engine of the walk keeps its own contract (an activity ends after it began, finals come in order) but is slow
and stubborn: it goes on with generations that are dead, and answers late.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.live import events as engine
from antiphon.live.effects import Charge, Close, Open, Send, SendSpeech, Tell
from antiphon.live.history import FunctionCall, FunctionResult
from antiphon.live.inputs import ClientLeft, Drain, EngineOpened, Refused, Tick
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.live.tokens import Usage
from antiphon.wire.gemini.client import MEMBERS
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal

CONTENT = {
    "user": {"turns": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "model": {"turns": [{"role": "model", "parts": [{"text": "yo"}]}], "turnComplete": True},
    "ask": {"turns": [{"parts": [{"text": "well"}]}], "turnComplete": True},
    "go": {"turns": [], "turnComplete": True},
    "nothing": {"turns": []},
}


class Walk(RuleBasedStateMachine):
    """Drives a session and checks every effect as it comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.effects: list[Any] = []
        self.responded: list[int] = []
        self.completed: set[int] = set()
        self.tool_ids: dict[str, int] = {}
        self.ended_tools: set[str] = set()
        self.calls_made = 0
        self.speaking = False
        self.awaited = 0
        self.offset = 0.0
        self.sent_seconds: dict[int, float] = {}

    @initialize(
        interrupts=st.booleans(),
        manual=st.booleans(),
        text=st.booleans(),
        history=st.booleans(),
        paced=st.booleans(),
        patient=st.sampled_from([True] * 9 + [False]),
    )
    def begin(self, interrupts: bool, manual: bool, text: bool, history: bool, paced: bool, patient: bool) -> None:
        self.manual = manual
        policy = Policy(pace_turns=paced, tool_timeout=20, idle_timeout=300, messages_per_second=50)
        self.session = Session(policy, self.now)
        handling = "START_OF_ACTIVITY_INTERRUPTS" if interrupts else "NO_INTERRUPTION"
        self.setup = {
            "model": "gemini-3.8-live",
            "generationConfig": {"responseModalities": ["TEXT" if text else "AUDIO"]},
            "realtimeInputConfig": {
                "activityHandling": handling,
                "automaticActivityDetection": {"disabled": manual},
            },
            "inputAudioTranscription": {},
            "outputAudioTranscription": {},
            "historyConfig": {"initialHistoryInClientContent": history},
        }
        if patient:
            self.client("setup", self.setup)

    # --- the client ---

    @rule(chance=st.integers(0, 29))
    def send_another_setup(self, chance: int) -> None:
        if not chance:
            self.client("setup", self.setup)

    @rule(text=st.sampled_from(["hi", " ", ""]))
    def send_text(self, text: str) -> None:
        self.client("realtimeInput", {"text": text})

    @rule(data=st.sampled_from(["", "AAA=", "AAA=", "AAA=", "AAAAAAAA"]))
    def send_audio(self, data: str) -> None:
        self.client("realtimeInput", {"audio": {"data": data, "mimeType": "audio/pcm"}})

    @rule(member=st.sampled_from(["activityStart", "activityEnd"]))
    def mark_activity(self, member: str) -> None:
        if self.manual:
            self.client("realtimeInput", {member: {}})

    @rule()
    def end_stream(self) -> None:
        self.client("realtimeInput", {"audioStreamEnd": True})

    @rule(kind=st.sampled_from(sorted(CONTENT)))
    def send_content(self, kind: str) -> None:
        self.client("clientContent", CONTENT[kind])

    @rule(data=st.data())
    def answer_tools(self, data: st.DataObject) -> None:
        ids = data.draw(st.lists(st.sampled_from([*self.tool_ids, "unknown"]), max_size=3))
        responses = [{"id": call_id, "name": "f", "response": {"output": 1}} for call_id in ids]
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
    @rule(text=st.sampled_from(["", "hello"]))
    def transcript(self, text: str) -> None:
        self.awaited -= 1
        self.step(engine.InputTranscript(text, final=True))

    @precondition(lambda self: self.responded)
    @rule(data=st.data(), seconds=st.sampled_from([0.1, 1.0, 10.0]))
    def speak(self, data: st.DataObject, seconds: float) -> None:
        number = data.draw(st.sampled_from(self.responded))
        if number not in self.completed:
            self.step(engine.Speech(number, bytes(2 * int(24_000 * seconds))))
            position = self.sent_seconds.get(number, 0.0)
            self.step(engine.OutputTranscript(number, f" w{number}", position))
            self.sent_seconds[number] = position + seconds

    @precondition(lambda self: self.responded)
    @rule(data=st.data())
    def complete(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.responded))
        if number not in self.completed:
            self.completed.add(number)
            self.step(engine.GenerationComplete(number))

    @precondition(lambda self: self.responded)
    @rule(data=st.data(), count=st.integers(1, 2))
    def call_tools(self, data: st.DataObject, count: int) -> None:
        number = data.draw(st.sampled_from(self.responded))
        if number in self.completed or self.waits_for_tools(number):
            return
        ids = [f"c{self.calls_made + n}" for n in range(count)]
        self.calls_made += count
        before = len(self.effects)
        self.step(engine.ToolCalls(number, tuple(FunctionCall(i, "f", {}) for i in ids)))
        if any(isinstance(e, Send) and e.message.tool_call for e in self.effects[before:]):
            self.tool_ids |= dict.fromkeys(ids, number)

    # --- the rest of the world ---

    @rule(seconds=st.sampled_from([0.01, 0.5, 3.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            assert deadline > self.now or not self.stuck, "a tick at its deadline must change something"
            self.stuck = deadline <= self.now
            self.now = max(self.now, deadline)
            self.step(Tick())
        self.stuck = False
        self.now = end

    @rule(kind=st.sampled_from(["left", "refused", "drain", "failure"]), chance=st.integers(0, 29))
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

    opening = is_open = stuck = False

    def client(self, name: str, value: Any) -> None:
        message, _ = convert(MEMBERS[name], value, name)
        self.step(message)

    def waits_for_tools(self, number: int) -> bool:
        return any(n == number and i not in self.ended_tools for i, n in self.tool_ids.items())

    def step(self, event: Any) -> None:
        effects = self.session.receive(event, self.now)
        for effect in effects:
            self.check(effect)
            self.effects.append(effect)

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
                self.ended_tools |= {result.id for result in results}
                self.check_history(history)
            case Tell(engine.Interrupt(number)):
                assert number == self.responded[-1] + 1
                self.interrupted.add(number - 1)
                self.ended_tools |= {i for i, n in self.tool_ids.items() if n < number}
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

    @invariant()
    def the_books_agree(self) -> None:
        if not hasattr(self, "session"):
            return
        charges = [effect.usage for effect in self.effects if isinstance(effect, Charge)]
        assert self.session.usage == sum(charges, Usage()), "5: the sum equals the ledger"
        if self.session.closed:
            assert set(self.responded) == self.charged
            assert self.session.deadline is None
        else:
            assert self.charged <= set(self.turns)

    @invariant()
    def no_tool_call_wedges_the_session(self) -> None:
        if not hasattr(self, "session") or self.session.closed or not self.responded:
            return
        if self.waits_for_tools(self.responded[-1]):
            assert self.session.deadline is not None
            assert self.session.deadline <= self.now + 20, "4: every call ends"

    def __getattr__(self, name: str) -> Any:
        defaults = {
            "interrupted": set,
            "charged": set,
            "told_interrupted": list,
            "told_complete": list,
            "turns": list,
        }
        if name not in defaults:
            raise AttributeError(name)
        value = self.__dict__[name] = defaults[name]()
        return value


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=300, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
