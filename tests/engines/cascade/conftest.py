"""Parts of a cascade that do as they are told."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any

import pytest

from antiphon.audio.frames import FRAME_BYTES
from antiphon.engines.cascade.parts import Hypothesis, Prompt, RecogniserBusy, SpeechChunk, SpokenWord, Thought


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
        self.text: str | None = None

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    async def finish(self) -> Hypothesis:
        self.finishes += 1
        text = self.text if self.text is not None else f"{len(self.fed) // FRAME_BYTES} frames"
        await self.gate.wait()
        if self.busy:
            raise RecogniserBusy("all busy")
        return Hypothesis(text)

    async def aclose(self) -> None:
        self.closed = True


class FakeRecogniser:
    """Makes utterances and keeps them."""

    def __init__(self) -> None:
        self.utterances: list[FakeUtterance] = []

    def utterance(self, context: Any = None) -> FakeUtterance:
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
    """Speaks a tenth of a second for each word."""

    def __init__(self) -> None:
        self.spoken: list[tuple[str, str, str]] = []
        self.closed = 0

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        self.spoken.append((text, voice, language))
        try:
            for number, word in enumerate(text.split(" ")):
                begins = "" if number == 0 else " "
                yield SpeechChunk(bytes(4_800), (SpokenWord(begins + word, number / 10),))
        finally:
            self.closed += 1


@pytest.fixture
def ears() -> FakeEars:
    return FakeEars()


@pytest.fixture
def recogniser() -> FakeRecogniser:
    return FakeRecogniser()


@pytest.fixture
def voice() -> FakeVoice:
    return FakeVoice()


@pytest.fixture
def new_brain() -> type[FakeBrain]:
    return FakeBrain
