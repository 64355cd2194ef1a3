"""Parts of a cascade that cost nothing, and an engine that remembers when it said what."""

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from msgspec import Struct

from antiphon.engines.base import NOTHING, Conversation, Engine
from antiphon.engines.cascade.parts import Call, Hypothesis, Prompt, RecognitionContext, Say, SpeechChunk, Thought
from antiphon.live.abilities import Abilities
from antiphon.live.events import ModelEvent
from antiphon.live.history import FunctionCall, FunctionResult
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup, Tool

HEARD = "a probe"
_SENTENCE = "This is sentence number {} of an answer that goes on until somebody interrupts it. "
_SENTENCES = 60
_LONG_SENTENCES = 8


class DeafUtterance:
    """Takes sound and forgets it; its transcript is always the same and ready at once."""

    def feed(self, pcm: bytes) -> None:
        """Take sound."""

    async def finish(self) -> Hypothesis:
        """The transcript."""
        return Hypothesis(HEARD)

    async def partial(self) -> Hypothesis:
        """The transcript so far."""
        return Hypothesis(HEARD)

    async def aclose(self) -> None:
        """Nothing to free."""


class DeafRecogniser:
    """A recogniser that needs no model, no process and no time."""

    async def start(self) -> None:
        """Nothing to load."""

    def context(
        self, system_instruction: str, tools: Sequence[Tool], phrases: Sequence[str], language: str = ""
    ) -> RecognitionContext:
        """No context."""
        return RecognitionContext()

    def utterance(self, context: RecognitionContext) -> DeafUtterance:
        """Begin an utterance."""
        return DeafUtterance()

    async def aclose(self) -> None:
        """Nothing to free."""


class ShortBrain:
    """Answers with one word."""

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """One word."""
        yield Say("Yes.")

    def phrases(self) -> Sequence[str]:
        """Nothing is expected."""
        return ()


class EndlessBrain(ShortBrain):
    """Answers for minutes."""

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """Some five minutes of speech."""
        for number in range(_SENTENCES):
            yield Say(_SENTENCE.format(number))


class BusyBrain(ShortBrain):
    """A word, a function call and a long answer, in turns; the results of functions are acknowledged."""

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """What comes next."""
        asked = sum(turn.role == "user" and bool(turn.text) for turn in prompt.history)
        if isinstance(prompt.history[-1].parts[-1], FunctionResult):
            yield Say("That is done.")
        elif prompt.tools and asked % 3 == 1:
            yield Call((FunctionCall(f"call_{secrets.token_hex(4)}", prompt.tools[0].name, {"number": asked}),))
        else:
            for number in range(1 if asked % 3 else _LONG_SENTENCES):
                yield Say(_SENTENCE.format(number))


class MuteVoice:
    """Says nothing, for text sessions."""

    async def start(self) -> None:
        """Nothing to load."""

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        """Silence."""
        return
        yield

    async def aclose(self) -> None:
        """Nothing to free."""


class Mark(Struct):
    """An event of the engine, and when it was handed to the session (seconds of the system's steady clock)."""

    event: str
    time: float


class TimedEngine:
    """Another engine, with the time of every event of its conversations in ``marks``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.marks: list[Mark] = []

    @property
    def abilities(self) -> Abilities:
        """The other engine's."""
        return self._engine.abilities

    def pop_marks(self) -> list[Mark]:
        """The marks since the last time."""
        marks = self.marks[:]
        self.marks.clear()
        return marks

    async def start(self) -> None:
        """Start the other engine."""
        await self._engine.start()

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Conversation:
        """Begin a conversation."""
        return _TimedConversation(await self._engine.open(setup, seed), self.marks)

    async def aclose(self) -> None:
        """Close the other engine."""
        await self._engine.aclose()


class _TimedConversation:
    def __init__(self, conversation: Conversation, marks: list[Mark]) -> None:
        self._conversation = conversation
        self._marks = marks
        self.send = conversation.send  # bound once: sound passes here, and this is not what is measured

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        async for event in self._conversation:
            self._marks.append(Mark(type(event).__name__, time.monotonic()))
            yield event

    async def aclose(self) -> None:
        await self._conversation.aclose()
