"""Parts of a cascade that do as they are told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

import numpy as np
import pytest

from antiphon.audio.frames import FRAME_BYTES
from antiphon.engines.cascade.parts import (
    Hypothesis,
    Prompt,
    RecogniserBusy,
    RecognitionContext,
    SpeechChunk,
    SpokenWord,
    Thought,
)


class FakeEar:
    """Hands each frame on at once; the first byte of a frame is the probability of speech in percent."""

    def __init__(self, on_frame: Callable[[float, bytes], None]) -> None:
        self._on_frame = on_frame
        self._rest = b""
        self.closed = False
        self.dropped_ms = 0

    def feed(self, pcm: bytes) -> None:
        self._rest += pcm
        while len(self._rest) >= FRAME_BYTES:
            frame, self._rest = self._rest[:FRAME_BYTES], self._rest[FRAME_BYTES:]
            self._on_frame(frame[0] / 100, frame)

    def close(self) -> None:
        self.closed = True


class FakeEars:
    """Ears without a model."""

    def __init__(self) -> None:
        self.attached: list[FakeEar] = []

    def attach(self, on_frame: Any, on_skip: Any = None) -> FakeEar:
        self.attached.append(FakeEar(on_frame))
        return self.attached[-1]


class FakeUtterance:
    """Remembers what it was fed; its hypothesis says how many frames that was, or what the test decided."""

    def __init__(self) -> None:
        self.fed = b""
        self.finishes = 0
        self.closed = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.busy = False
        self.failure: Exception | None = None
        self.used: Any = None
        self.text: str | None = None
        self.partials: list[str] = []
        self.looks = 0

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    async def finish(self) -> Hypothesis:
        self.finishes += 1
        text = self.text if self.text is not None else f"{len(self.fed) // FRAME_BYTES} frames"
        await self.gate.wait()
        if self.busy:
            raise RecogniserBusy("all busy")
        if self.failure is not None:
            raise self.failure
        return Hypothesis(text, self.used)

    async def partial(self) -> Hypothesis:
        self.looks += 1
        await self.gate.wait()
        return Hypothesis(self.partials.pop(0) if self.partials else "")

    async def aclose(self) -> None:
        self.closed = True


class FakeRecogniser:
    """Makes utterances and keeps them."""

    def __init__(self) -> None:
        self.utterances: list[FakeUtterance] = []
        self.contexts: list[RecognitionContext | None] = []

    def context(
        self, instruction: str, tools: Iterable[Any], phrases: Iterable[str], language: str = ""
    ) -> RecognitionContext:
        return RecognitionContext((instruction, *(tool.name for tool in tools), *phrases), language)

    def utterance(self, context: RecognitionContext | None = None) -> FakeUtterance:
        self.contexts.append(context)
        self.utterances.append(FakeUtterance())
        return self.utterances[-1]


class FakeBrain:
    """Thinks the thoughts it was given, for every prompt the same."""

    def __init__(self, *thoughts: Thought | Exception) -> None:
        self.thoughts = thoughts
        self.prompts: list[Prompt] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = 0

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        self.prompts.append(prompt)
        try:
            for thought in self.thoughts:
                if isinstance(thought, Exception):
                    raise thought
                yield thought
                await self.gate.wait()
        finally:
            self.closed += 1

    def phrases(self) -> Iterable[str]:
        return ()


class FakeVoice:
    """Speaks a tenth of a second for each word; its samples count, so that each is like no other nearby.

    A word written ``(so)`` is silent.
    """

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str, str]] = []
        self.closed = 0
        self._samples = 0

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        self.spoken.append((text, voice, language))
        try:
            for number, word in enumerate(text.split(" ")):
                begins = "" if number == 0 else " "
                yield SpeechChunk(self._sound(word), (SpokenWord(begins + word, number / 10),))
        finally:
            self.closed += 1

    def _sound(self, word: str) -> bytes:
        numbers = np.arange(self._samples, self._samples + 2_400) % 30_000 + 300
        self._samples += 2_400
        return bytes(4_800) if word.startswith("(") else numbers.astype("<i2").tobytes()


class LoopClock:
    """The time of the running event loop, which moves when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        asyncio.get_running_loop().time = lambda: self.now  # type: ignore[method-assign]

    async def advance(self, seconds: float) -> None:
        """Let time pass, and everything happen that was due."""
        self.now += seconds
        for _ in range(50):
            await asyncio.sleep(0)


@pytest.fixture
async def loop_clock() -> LoopClock:
    return LoopClock()


@pytest.fixture
def ears() -> FakeEars:
    return FakeEars()


@pytest.fixture
def recogniser() -> FakeRecogniser:
    return FakeRecogniser()


@pytest.fixture(scope="session")
def new_ears() -> type[FakeEars]:
    return FakeEars


@pytest.fixture(scope="session")
def new_recogniser() -> type[FakeRecogniser]:
    return FakeRecogniser


@pytest.fixture
def voice() -> FakeVoice:
    return FakeVoice()


@pytest.fixture(scope="session")
def new_voice() -> type[FakeVoice]:
    return FakeVoice


@pytest.fixture(scope="session")
def new_brain() -> type[FakeBrain]:
    return FakeBrain
