"""Two hours of one conversation at virtual time: nothing may grow, and the books agree.

The user speaks, types, shows pictures and video, interrupts, coughs; functions are answered, forgotten and cancelled.
"""

import base64
import gc
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from itertools import cycle
from types import FunctionType, ModuleType
from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.effects import Charge, Close, Send, SendSpeech, Tell
from antiphon.live.history import FunctionCall
from antiphon.live.policy import Policy
from antiphon.live.tokens import Tokens, Usage
from antiphon.wire.gemini.client import MEMBERS
from antiphon.wire.gemini.decode import convert

HOURS = 2
CHUNK_SECONDS = 0.1
TRIGGER, TARGET = 20_000, 8_000
TURN = 3_000
"""Tokens that one turn and its answer may add before the window slides again."""
SETUP: dict[str, Any] = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "tools": [{"functionDeclarations": [{"name": "look", "behavior": "BLOCKING"}]}],
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "contextWindowCompression": {"triggerTokens": TRIGGER, "slidingWindow": {"targetTokens": TARGET}},
    "realtimeInputConfig": {"turnCoverage": "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"},
}
JPEG = base64.b64encode(b"\xff\xd8" + bytes(2_000)).decode()


def message(name: str, value: Any) -> Any:
    return convert(MEMBERS[name], value, name)[0]


SOUND = message("realtimeInput", {"audio": {"data": base64.b64encode(bytes(3_200)).decode(), "mimeType": "audio/pcm"}})
FRAME = message("realtimeInput", {"video": {"data": JPEG, "mimeType": "image/jpeg"}})
PICTURE = message(
    "clientContent",
    {
        "turns": [{"role": "user", "parts": [{"inlineData": {"data": JPEG, "mimeType": "image/jpeg"}}]}],
        "turnComplete": True,
    },
)
HALF_A_SECOND = bytes(engine.OUTPUT_RATE)


class Conversation:
    """A user, an engine and the session between them. ``driver`` is the fixture's."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.generation = self.calls = 0
        self.charges: list[Usage] = []
        self.told_tokens = self.turns_told = self.interruptions = self.cancelled = self.spoken_bytes = 0
        self.closes: list[Close] = []
        driver.open(**SETUP)
        self.read()

    @property
    def session(self) -> Any:
        return self.driver.session

    def read(self) -> None:
        """Take note of what the session did, and forget it."""
        for effect in self.driver.effects:
            match effect:
                case Tell(engine.Respond(number)):
                    self.generation = number
                case Charge(_, usage):
                    self.charges.append(usage)
                case SendSpeech(_, pcm):
                    self.spoken_bytes += len(pcm)
                case Send(sent):
                    self._read_message(sent)
                case Close():
                    self.closes.append(effect)
        self.driver.effects.clear()

    def _read_message(self, sent: Any) -> None:
        self.cancelled += len(sent.tool_call_cancellation.ids) if sent.tool_call_cancellation else 0
        if sent.usage_metadata is not None:
            self.told_tokens += sent.usage_metadata.total_token_count
        if sent.server_content is not None:
            self.interruptions += sent.server_content.interrupted
            self.turns_told += sent.server_content.turn_complete

    def happens(self, event: Any) -> None:
        self.driver.event(event)
        self.read()

    def passes(self, seconds: float, frames: bool = False) -> None:
        """Time, with the microphone open and perhaps the camera."""
        for number in range(round(seconds / CHUNK_SECONDS)):
            self.driver.later(CHUNK_SECONDS)
            self.happens(SOUND)
            if frames and number % 10 == 0:
                self.happens(FRAME)

    # --- the user ---

    def says(self, text: str, seconds: float = 2.0, frames: bool = False) -> None:
        self.happens(engine.ActivityStarted(self.session.input_seconds))
        self.passes(seconds, frames)
        self.happens(engine.ActivityEnded(self.session.input_seconds))
        self.passes(0.3)
        self.happens(engine.InputTranscript(text, final=True))

    def types(self, text: str) -> None:
        self.happens(message("realtimeInput", {"text": text}))

    def answers_call(self, number: int) -> None:
        answer = {"id": f"c{number}", "name": "look", "response": {"output": "something " * 20}}
        self.happens(message("toolResponse", {"functionResponses": [answer]}))

    # --- the engine ---

    def speaks(self, seconds: float, begins: float = 0.0) -> None:
        for number in range(round(2 * seconds)):
            self.happens(engine.Speech(self.generation, HALF_A_SECOND))
            self.happens(engine.OutputTranscript(self.generation, " word", begins + number / 2))
        self.happens(engine.GenerationComplete(self.generation))

    def makes_calls(self, count: int) -> list[int]:
        numbers = list(range(self.calls, self.calls + count))
        self.calls += count
        calls = tuple(FunctionCall(f"c{number}", "look", {"where": "there"}) for number in numbers)
        self.happens(engine.ToolCalls(self.generation, calls))
        return numbers


def plain(talk: Conversation) -> None:
    talk.says("tell me more")
    talk.speaks(5)
    talk.passes(6)


def interrupted(talk: Conversation) -> None:
    talk.says("tell me everything")
    talk.speaks(20)
    talk.passes(3)
    talk.says("that will do")
    talk.speaks(1)
    talk.passes(2)


def coughed(talk: Conversation) -> None:
    talk.says("")
    talk.speaks(1)
    talk.passes(2)


def typed(talk: Conversation) -> None:
    talk.types("and in writing?")
    talk.speaks(3)
    talk.passes(4)


def shown_a_picture(talk: Conversation) -> None:
    talk.happens(PICTURE)
    talk.speaks(3)
    talk.passes(4)


def filmed(talk: Conversation) -> None:
    talk.passes(2, frames=True)
    talk.says("what is this", seconds=4, frames=True)
    talk.speaks(3)
    talk.passes(4)


def called(talk: Conversation) -> None:
    talk.says("look it up")
    for call in talk.makes_calls(2):
        talk.passes(1)
        talk.answers_call(call)
    talk.speaks(3)
    talk.passes(4)


def forgot_to_answer(talk: Conversation) -> None:
    talk.says("look it up and forget it")
    (call,) = talk.makes_calls(1)
    talk.passes(61)
    talk.answers_call(call)
    talk.speaks(3)
    talk.passes(4)


def interrupted_a_call(talk: Conversation) -> None:
    talk.says("look it up")
    (call,) = talk.makes_calls(1)
    talk.passes(1)
    talk.says("never mind")
    talk.answers_call(call)
    talk.speaks(2)
    talk.passes(3)


ROUND: list[Callable[[Conversation], None]] = [
    plain,
    interrupted,
    coughed,
    typed,
    shown_a_picture,
    filmed,
    called,
    forgot_to_answer,
    interrupted_a_call,
]


def fill(talk: Conversation) -> None:
    """Fill what is remembered up to a bound: calls that ended, answers that came too late."""
    for _ in range(25):
        talk.types("look up everything")
        for call in 2 * talk.makes_calls(50):
            talk.answers_call(call)
        talk.speaks(1)
        talk.passes(2)


def reachable(root: object, *without: object) -> Iterator[Any]:
    """Every object that ``root`` holds on to, classes and code left out."""
    seen = {id(each) for each in without}
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type | ModuleType | FunctionType):
            continue
        seen.add(id(each))
        yield each
        waiting += gc.get_referents(each)


def size(root: object, *without: object) -> int:
    """Items of all containers and bytes of all buffers that ``root`` holds on to."""
    sized = (list, tuple, dict, set, deque, bytes, bytearray)
    return sum(len(each) for each in reachable(root, *without) if isinstance(each, sized))


class Soaked:
    """A conversation of two hours, and what it held on to after every round."""

    def __init__(self, driver: Any) -> None:
        self.talk = Conversation(driver)
        fill(self.talk)
        self.talk.interruptions = self.talk.cancelled = 0
        self.sizes: list[int] = []
        self.tokens: list[Tokens] = []
        end = driver.now + HOURS * 3600
        for turn in cycle(ROUND):
            turn(self.talk)
            if turn is ROUND[-1]:
                self.tokens.append(self.talk.session.context.tokens)
                # The turns are the window's matter, and counted there.
                self.sizes.append(size(self.talk.session, self.talk.session.context))
                if driver.now >= end:
                    break


@cache
def soak(driver_class: Callable[[Policy], Any]) -> Soaked:
    return Soaked(driver_class(Policy()))


@pytest.fixture
def soaked(new_driver: Callable[[Policy], Any]) -> Soaked:
    """The same two hours for every test."""
    return soak(new_driver)


class TestTwoHours:
    def test_everything_happened(self, soaked: Soaked) -> None:
        talk = soaked.talk
        rounds = len(soaked.sizes)
        assert rounds > 30
        assert talk.closes == []
        assert talk.interruptions == 2 * rounds
        assert talk.cancelled == 2 * rounds, "one expired and one was cancelled, each round"
        assert talk.spoken_bytes > rounds * 30 * len(HALF_A_SECOND)

    def test_the_books_agree(self, soaked: Soaked) -> None:
        talk = soaked.talk
        assert talk.session.usage == sum(talk.charges, Usage())
        assert talk.session.usage.total == talk.told_tokens
        assert len(talk.charges) == talk.turns_told

    def test_nothing_but_the_turns_grows(self, soaked: Soaked) -> None:
        assert len(set(soaked.sizes[1:])) == 1, soaked.sizes

    def test_the_window_does_not_grow_past_its_trigger(self, soaked: Soaked) -> None:
        assert max(tokens.total for tokens in soaked.tokens) <= TRIGGER + TURN
        assert len(soaked.talk.session.context.history) < 200


def test_what_is_held_on_to_is_found() -> None:
    """The measure itself: everything that could grow is seen, wherever it hangs."""

    class Holder:
        def __init__(self) -> None:
            self.inner = {"queue": deque([[bytes(10)]])}

    holder = Holder()
    before = size(holder)
    holder.inner["queue"][0].append(bytes(5))
    assert size(holder) == before + 1 + 5
    assert size(holder, holder.inner) < 5
