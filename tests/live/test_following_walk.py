"""A random walk over calls whose engines come and go: relays that take turns, and engines that are led.

The engine of the walk is careless: it completes turns twice, goes on with generations that are dead, leaves out
``generationComplete``, and is lost at any moment. Whatever happens, the client sees a whole conversation.
"""

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.effects import Abandon, Announce, Charge, Close, Open, Save, Send, SendFrame, SendSpeech, Spend, Tell
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, model, user
from antiphon.live.inputs import Begin, ClientLeft, Dismiss, Drain, EngineLost, EngineOpened, Saved, Tick
from antiphon.live.machine import Line, Model
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.live.snapshot import KeptTurn, Snapshot
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.wire.gemini import client, server
from antiphon.wire.gemini.decode import convert, decode_server
from antiphon.wire.gemini.encode import encode_audio, encode_server

KINDS = {
    "paces": Abilities("paces", takes_turns=True, paces=True, relays=True),
    "realtime": Abilities("realtime", takes_turns=True),
    "led": Abilities("led", continues=True),
}
TOOLS = [{"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}, {"name": "g", "behavior": "NON_BLOCKING"}]}]
MANUAL = {"automaticActivityDetection": {"disabled": True}}
SLIDING = {"triggerTokens": 60, "slidingWindow": {"targetTokens": 20}}
KEPT = (KeptTurn(user("before"), Tokens(text=2)), KeptTurn(model("yes"), Tokens(text=1)))
SNAPSHOT = Snapshot("s", "gemini-3.8-live", KEPT, Usage(), next_generation=4)
SOUND = {"audio": {"data": "AAAAAA==", "mimeType": "audio/pcm;rate=16000"}}
USED = UpstreamUsage("google", "m", Usage(prompt=Tokens(text=3), response=Tokens(audio=5)))


class Eyes:
    """What the client saw, checked as it comes."""

    def __init__(self) -> None:
        self.turns_complete = 0
        self.open_turn = self.interrupted = self.complete = False
        self.calls: dict[str, str] = {}
        self.setups = 0

    def see(self, message: server.ServerMessage) -> None:
        if message.setup_complete is not None:
            self.setups += 1
            assert self.setups == 1
        if message.tool_call is not None:
            assert not self.interrupted
            self.open_turn = True
            for call in message.tool_call.function_calls:
                assert call.id not in self.calls, "a call is made once"
                self.calls[call.id] = "made"
        if message.tool_call_cancellation is not None:
            for call_id in message.tool_call_cancellation.ids:
                assert self.calls[call_id] == "made"
                self.calls[call_id] = "cancelled"
        if message.server_content is not None:
            self.look(message.server_content)

    def look(self, content: server.ServerContent) -> None:
        if content.model_turn is not None or content.output_transcription is not None:
            self.hear()
        if content.generation_complete:
            assert not self.interrupted
            assert not self.complete
            self.complete = True
        if content.interrupted:
            assert not self.interrupted, "once"
            self.interrupted = True
        if content.turn_complete:
            assert self.complete or self.interrupted
            self.turns_complete += 1
            self.open_turn = self.interrupted = self.complete = False

    def hear(self) -> None:
        assert not self.interrupted, "nothing follows what was interrupted"
        assert not self.complete
        self.open_turn = True


class Walk(RuleBasedStateMachine):
    """Drives a session whose engines change."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.offset = 0.0
        self.eyes = Eyes()
        self.charged: list[int] = []
        self.spent = Usage()
        self.reported = Usage()
        self.opening: Open | None = None
        self.kind = self.abilities = KINDS["paces"]
        self.number = 0
        self.running = self.speaking = False
        self.waits: list[str] = []
        self.responded: list[engine.Respond | engine.ToolResults | engine.Continue] = []
        self.answered: list[str] = []
        self.told_results: list[str] = []
        self.finals = 0
        self.made = 0
        self.more = False
        self.closed = False
        self.announced = 0
        self.manual = self.asked = False
        self.saved: Snapshot | None = None

    @initialize(
        kind=st.sampled_from(sorted(KINDS)),
        pace=st.booleans(),
        transcripts=st.booleans(),
        resumable=st.booleans(),
        resumed=st.booleans(),
        manual=st.booleans(),
        bounds=st.booleans(),
    )
    def begin(
        self, kind: str, pace: bool, transcripts: bool, resumable: bool, resumed: bool, manual: bool, bounds: bool
    ) -> None:
        self.manual = manual
        policy = Policy(pace_turns=pace, idle_timeout=1e6, tool_timeout=20.0, messages_per_second=1e6, filler_delay=0.3)
        self.session = Session(policy, self.now, "s", KINDS[kind])
        setup = {
            "model": "gemini-3.8-live",
            "tools": TOOLS,
            "inputAudioTranscription": {} if transcripts else None,
            "outputAudioTranscription": {} if transcripts else None,
            "sessionResumption": {} if resumable else None,
            "realtimeInputConfig": MANUAL if manual else None,
            "contextWindowCompression": SLIDING if bounds else None,
            "generationConfig": {"maxOutputTokens": 60} if bounds else None,
        }
        message, _ = convert(client.Setup, setup, "setup")
        self.step(Begin(message, SNAPSHOT if resumed else None))
        self.engine_opens(kind)

    # --- the world ---

    def step(self, event: Any, frame: bytes = b"") -> None:
        for effect in self.session.receive(event, self.now, frame):
            self.perform(effect)

    def client(self, name: str, value: Any) -> None:
        message, _ = convert(client.MEMBERS[name], value, name)
        self.step(message, b"the frame of the client")

    def perform(self, effect: Any) -> None:
        assert not self.closed, "the close is the last"
        match effect:
            case Send(message):
                self.eyes.see(message)
            case SendSpeech():
                self.eyes.hear()
            case SendFrame(_, frame):
                self.eyes.see(decode_server(frame)[0])
            case Open():
                assert self.opening is None
                self.opening = effect
            case Charge(generation, _, upstream):
                self.charged.append(generation)
                self.spent = sum((each.usage for each in upstream), self.spent)
            case Spend(_, upstream):
                self.spent += upstream.usage
            case Tell(event):
                self.told(event)
            case Announce(generation, _, _):
                self.announced = generation
                self.opening = None
            case Close():
                self.closed = True
            case Abandon():
                self.lost()
            case Save(snapshot):
                self.saved = snapshot

    def told(self, event: engine.UserEvent) -> None:
        leads = not self.abilities.takes_turns
        self.asked |= isinstance(event, engine.Respond | engine.ToolResults | engine.Content)
        match event:
            case engine.Respond() | engine.Continue() | engine.ToolResults() if leads:
                self.responded.append(event)
                self.number, self.running = event.generation, True
            case engine.ToolResults(_, results, _, frame):
                assert frame, "a relay gets a frame"
                self.told_results += [result.id for result in results if not self.more]
                for call_id in self.told_results:
                    assert self.told_results.count(call_id) <= self.waits.count(call_id), "no result is told twice"
            case engine.Content():
                assert self.abilities.takes_turns
            case engine.ActivityEnd() if leads:
                self.finals += 1

    def lost(self) -> None:
        self.running = self.speaking = False
        self.waits, self.told_results, self.finals = [], [], 0
        self.step(EngineLost("gone"))

    # --- engines come and go ---

    @precondition(lambda self: self.opening is not None and not self.closed)
    @rule(kind=st.sampled_from(sorted(KINDS)))
    def engine_opens(self, kind: str) -> None:
        assert self.opening is not None
        effect, self.opening = self.opening, None
        self.abilities = KINDS[kind]
        if self.abilities.takes_turns:
            self.number = effect.seed.generation - 1
        self.asked = False
        self.step(EngineOpened(self.abilities))
        if not self.closed and self.session.dialogue.model.state is Model.GENERATING:
            assert self.asked, "who takes over is told what to answer"

    @property
    def up(self) -> bool:
        return not self.closed and self.opening is None and self.session.dialogue.line.state is Line.UP

    @precondition(lambda self: self.up)
    @rule()
    def engine_is_lost(self) -> None:
        self.lost()

    @precondition(lambda self: self.up and not self.manual)
    @rule(seconds=st.sampled_from([0.0, 0.5]))
    def engine_hears(self, seconds: float) -> None:
        if self.speaking:
            self.step(engine.ActivityEnded(self.offset + seconds))
            self.finals += 1
        else:
            self.step(engine.ActivityStarted(self.offset))
        self.speaking = not self.speaking

    @precondition(lambda self: self.up)
    @rule(text=st.sampled_from(["", "hello ", "mm-hm"]), raw=st.booleans())
    def words(self, text: str, raw: bool) -> None:
        if self.abilities.takes_turns:
            heard = server.ServerContent(input_transcription=server.Transcription(text=text))
            self.say(engine.UserWords(text), heard, raw)
        elif self.finals:
            self.finals -= 1
            self.step(engine.InputTranscript(text, final=True))

    def say(self, event: engine.ModelEvent, content: server.ServerContent, raw: bool) -> None:
        """Raw or not, as a relay would."""
        if raw and self.abilities.relays:
            self.step(engine.Relayed(encode_server(server.ServerMessage(server_content=content)), (event,)))
        else:
            self.step(event)

    # --- what engines do ---

    @precondition(lambda self: self.up and self.abilities.takes_turns)
    @rule()
    def starts(self) -> None:
        self.number += 1
        self.running = True
        self.step(engine.GenerationStarted(self.number))

    numbers = st.sampled_from([0, 0, 0, 0, 1])
    seldom = st.sampled_from([False, False, False, True])

    @precondition(lambda self: self.up)
    @rule(old=numbers, seconds=st.sampled_from([0.1, 3.0]), raw=st.booleans())
    def speaks(self, old: int, seconds: float, raw: bool) -> None:
        pcm = bytes(2 * int(seconds * 24_000))
        if raw and self.abilities.relays:
            self.step(engine.RelayedSpeech(self.number - old, encode_audio(pcm), seconds))
        else:
            self.step(engine.Speech(self.number - old, pcm))
        self.step(engine.OutputTranscript(self.number - old, "word ", 0.0))

    @precondition(lambda self: self.up)
    @rule(old=numbers, raw=st.booleans())
    def completes(self, old: int, raw: bool) -> None:
        self.say(engine.GenerationComplete(self.number - old), server.ServerContent(generation_complete=True), raw)

    @precondition(lambda self: self.up and self.abilities.paces)
    @rule(old=numbers, raw=st.booleans())
    def turn_is_over(self, old: int, raw: bool) -> None:
        self.say(engine.TurnComplete(self.number - old), server.ServerContent(turn_complete=True), raw)

    @precondition(lambda self: self.up and self.abilities.takes_turns)
    @rule(old=numbers, raw=st.booleans(), again=st.booleans())
    def is_interrupted(self, old: int, raw: bool, again: bool) -> None:
        self.say(engine.Interrupted(self.number - old, again), server.ServerContent(interrupted=True), raw)

    @precondition(lambda self: self.up)
    @rule(names=st.lists(st.sampled_from("fg"), min_size=1, max_size=2), same=st.booleans(), raw=st.booleans())
    def calls(self, names: list[str], same: bool, raw: bool) -> None:
        made = []
        for name in names:
            self.made += 1
            made.append(FunctionCall("same" if same else f"c{self.made}", name, {}))
        self.waits += [call.id for call in made]
        event = engine.ToolCalls(self.number, tuple(made))
        if raw and self.abilities.relays:
            wire = [client.FunctionCall(id=c.id, name=c.name, args={}) for c in made]
            frame = encode_server(server.ServerMessage(tool_call=server.ToolCall(function_calls=wire)))
            self.step(engine.Relayed(frame, (event,)))
        else:
            self.step(event)

    @precondition(lambda self: self.up and self.abilities.takes_turns)
    @rule()
    def cancels(self) -> None:
        self.step(engine.CallsCancelled(self.number, ("same", "c1", "c2")))

    @precondition(lambda self: self.up)
    @rule(old=numbers)
    def uses(self, old: int) -> None:
        self.reported += USED.usage
        self.step(engine.Used(self.number - old, USED))

    # --- the client, and time ---

    @rule(what=st.sampled_from(["audio", "text", "blank", "ask", "add", "picture", "pause", "update"]))
    def client_sends(self, what: str) -> None:
        messages: dict[str, tuple[str, Any]] = {
            "audio": ("realtimeInput", SOUND),
            "text": ("realtimeInput", {"text": "hi"}),
            "blank": ("realtimeInput", {"text": " "}),
            "ask": ("clientContent", {"turns": [{"role": "user", "parts": [{"text": "a"}]}], "turnComplete": True}),
            "add": ("clientContent", {"turns": [{"role": "user", "parts": [{"text": "b"}]}]}),
            "pause": ("realtimeInput", {"audioStreamEnd": True}),
            "update": ("contextUpdate", {"systemInstruction": {"parts": [{"text": "Be brief."}]}}),
            "picture": ("realtimeInput", {"video": {"data": "iVBORw0KGgo=", "mimeType": "image/png"}}),
        }
        self.client(*messages[what])

    @precondition(lambda self: self.manual)
    @rule(mark=st.sampled_from(["activityStart", "activityEnd"]))
    def client_marks(self, mark: str) -> None:
        self.client("realtimeInput", {mark: {}})

    @precondition(lambda self: self.saved)
    @rule()
    def is_saved(self) -> None:
        assert self.saved is not None
        self.step(Saved("handle", self.saved.next_generation))

    @precondition(lambda self: self.eyes.calls)
    @rule(data=st.data(), more=st.booleans())
    def client_answers(self, data: st.DataObject, more: bool) -> None:
        ids = data.draw(st.lists(st.sampled_from(sorted(self.eyes.calls)), min_size=1, max_size=3))
        self.answered += ids
        self.more = more
        responses = [{"id": i, "name": "f", "response": {"output": 1}, "willContinue": more} for i in ids]
        self.client("toolResponse", {"functionResponses": responses})
        self.more = False

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0, 25.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.now + seconds
        while not self.closed and (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.step(Tick())
        self.now = end

    @precondition(lambda self: not self.closed)
    @rule(now=seldom)
    def drains(self, now: bool) -> None:
        if now:
            self.step(Drain(10.0))

    @precondition(lambda self: not self.closed)
    @rule(now=seldom, farewell=st.sampled_from(["", "Goodbye."]))
    def is_dismissed(self, now: bool, farewell: str) -> None:
        if now:
            self.step(Dismiss("budget: spent", farewell))

    @precondition(lambda self: self.announced and not self.closed)
    @rule()
    def the_farewell_is_said(self) -> None:
        self.step(engine.Speech(self.announced, bytes(4800)))
        self.step(engine.GenerationComplete(self.announced))
        self.announced = 0

    # --- what always holds ---

    @invariant()
    def generations_are_charged_once_and_in_order(self) -> None:
        assert self.charged == sorted(set(self.charged))

    @invariant()
    def the_client_saw_a_turn_for_each_charge(self) -> None:
        if not self.closed and hasattr(self, "session"):
            assert self.eyes.turns_complete == len(self.charged)

    @invariant()
    def nothing_that_was_reported_is_lost(self) -> None:
        if not hasattr(self, "session") or self.session.setup is None:
            return
        dialogue = self.session.dialogue
        pending = Usage()
        if not dialogue.idle and not self.closed:
            pending = sum((each.usage for each in dialogue._generation.upstream), Usage())
        assert self.spent + pending == self.reported

    def teardown(self) -> None:
        if not hasattr(self, "session"):
            return
        self.opening = None
        self.time_passes(5000.0)
        pending = set(self.session.dialogue.calls.pending)
        assert not pending, "no call waits for ever"
        dialogue = self.session.dialogue
        if not self.closed:
            assert dialogue.model.state is not Model.INTERRUPTED, "a turn that was interrupted ends"
            if dialogue.model.state is Model.PLAYING:
                assert dialogue._paced, "what nobody paces ends by itself"
            self.step(ClientLeft())
        assert self.session.closed
        parts = [part for turn in dialogue.context.history for part in turn.parts]
        ended = [part for part in parts if isinstance(part, FunctionResult) and part.response != RUNNING]
        results = [part.id for part in ended if part.name == "f"]
        assert len(results) == len(set(results)), "nobody reads twice what a function came to"
        assert set(results) <= set(self.eyes.calls)


TestWalk = Walk.TestCase
TestWalk.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
