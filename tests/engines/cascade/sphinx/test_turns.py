"""Turns of real speech: the voice activity model, the recogniser and the words decide together when one is over."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from antiphon.audio.frames import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES, RATE
from antiphon.audio.silero import load_silero
from antiphon.engines.cascade.endpointing import EXTENSION_MS
from antiphon.engines.cascade.listening import Listener
from antiphon.engines.cascade.parts import Hypothesis
from antiphon.engines.cascade.sphinx.decoders import Decoders
from antiphon.engines.cascade.sphinx.phrases import context_phrases
from antiphon.live.events import ActivityEnded, ActivityStarted, Audio, InputTranscript
from antiphon.live.setup import ActivityDetection

Speak = Callable[[str], bytes]

HOME = context_phrases("You are the voice assistant of a smart home and book tables in restaurants.", ()).phrases


class HeardHere:
    """An utterance whose decoders are in this process: what they say is there when it is asked for."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        decoders.begin(HOME)

    def feed(self, pcm: bytes) -> None:
        self._decoders.feed(pcm)

    async def finish(self) -> Hypothesis:
        return Hypothesis(self._decoders.read())

    async def partial(self) -> Hypothesis:
        return Hypothesis(self._decoders.glimpse())

    async def aclose(self) -> None:
        self._decoders.end()


class RealEars:
    """One ear with the voice activity model, without a pump."""

    dropped_ms = 0

    def attach(self, on_frame: Callable[[float, bytes], None], on_skip: object = None) -> "RealEars":
        self._vad, self._on_frame = load_silero(), on_frame
        self._state = self._vad.state()
        return self

    def feed(self, pcm: bytes) -> None:
        frame = np.frombuffer(pcm, "<i2").reshape(1, FRAME_SAMPLES)
        self._on_frame(float(self._vad.probabilities([self._state], frame)[0]), pcm)

    def close(self) -> None:
        pass


def room(seconds: float) -> bytes:
    return np.random.default_rng(2).integers(-3, 4, round(seconds * RATE)).astype("<i2").tobytes()


def spoken(speak: Speak, *parts: str, pause: float = 1.0) -> bytes:
    """Parts of a sentence with so many seconds of silence between their audible sounds."""
    sounds = []
    for part in parts:
        samples = np.frombuffer(speak(part), "<i2")
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
        sounds.append(samples[loud[0] : loud[-1] + 1].tobytes())
    return room(0.5) + room(pause).join(sounds) + room(2.5)


async def listen(decoders: Decoders, pcm: bytes, **detection: Any) -> tuple[list[Any], list[float]]:
    """What a listener reports, and when (seconds of sound) it decided that turns were over."""
    events: list[Any] = []
    agreed = ActivityDetection(**detection)
    listener = Listener(agreed, RealEars(), lambda: HeardHere(decoders), events.append, interim=True)  # type: ignore[arg-type]
    decided: list[float] = []
    for number in range(len(pcm) // FRAME_BYTES):
        listener.hear(Audio(pcm[number * FRAME_BYTES : (number + 1) * FRAME_BYTES], RATE))
        for _ in range(8):
            await asyncio.sleep(0)
        ended = sum(isinstance(event, ActivityEnded) for event in events)
        decided += [(number + 1) * FRAME_MS / 1000] * (ended - len(decided))
    await listener.aclose()
    return events, decided


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("i would like to book a table for", "four people"),
        ("send a message to", "michael"),
        ("my name is", "alice"),
        ("set a timer for", "ten minutes"),
        ("turn on the", "lights in the kitchen"),
    ],
)
@pytest.mark.parametrize("sensitivity", ["high", "low"])
async def test_a_second_within_a_sentence_does_not_end_the_turn(
    decoders: Decoders, speak: Speak, begins: str, ends: str, sensitivity: str
) -> None:
    events, decided = await listen(decoders, spoken(speak, begins, ends), end_sensitivity=sensitivity)
    finals = [event.text for event in events if isinstance(event, InputTranscript) and event.final]
    assert len(decided) == 1
    assert finals == [f"{begins} {ends}"]


@pytest.mark.parametrize(
    "question",
    ["what is my name", "turn on the lights in the kitchen", "what time is it", "stop", "my name is alice"],
)
async def test_a_complete_sentence_is_over_as_soon_as_with_a_window_of_the_clients(
    decoders: Decoders, speak: Speak, question: str
) -> None:
    pcm = spoken(speak, question)
    patient, decided = await listen(decoders, pcm)
    exact, decided_exactly = await listen(decoders, pcm, silence_ms=500)
    assert decided == decided_exactly
    assert patient == exact
    assert patient[-1] == InputTranscript(question, final=True)


async def test_the_clients_silence_ends_an_unfinished_sentence(decoders: Decoders, speak: Speak) -> None:
    _, decided = await listen(decoders, spoken(speak, "send a message to", "michael"), silence_ms=500)
    assert len(decided) == 2


async def test_an_unfinished_sentence_that_stays_so_ends_in_the_end(decoders: Decoders, speak: Speak) -> None:
    events, decided = await listen(decoders, spoken(speak, "send a message to"))
    (ended,) = [event.offset for event in events if isinstance(event, ActivityEnded)]
    assert decided == [pytest.approx(ended + (500 + EXTENSION_MS) / 1000, abs=2 * FRAME_MS / 1000)]


async def test_words_are_seen_while_a_sentence_is_spoken(decoders: Decoders, speak: Speak) -> None:
    events, _ = await listen(decoders, spoken(speak, "turn on the lights in the kitchen"))
    kinds = [type(event) for event in events]
    texts = [event.text for event in events if isinstance(event, InputTranscript)]
    assert kinds[0] is ActivityStarted
    assert kinds[-2:] == [ActivityEnded, InputTranscript]
    assert len(texts) >= 3
    assert texts[0].startswith("turn")
    assert texts[-1] == "turn on the lights in the kitchen"


async def test_a_cough_is_no_activity(decoders: Decoders) -> None:
    """A burst of noise of a quarter of a second, as loud as speech."""
    generator = np.random.default_rng(3)
    samples = generator.normal(0, 1, 4_000) * np.exp(-np.arange(4_000) / 1_300)
    cough = (samples / np.abs(samples).max() * 12_000).astype("<i2").tobytes()
    events, _ = await listen(decoders, room(0.5) + cough + room(2.0))
    assert events == []
