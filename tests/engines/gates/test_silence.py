"""The silence gate: what it saves, and that nothing anybody said stays behind."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES
from antiphon.audio.resample import resample
from antiphon.audio.silero import load_silero
from antiphon.audio.webrtc import WebRtcVad
from antiphon.engines.gates.silence import SilenceGate, hangover_for
from antiphon.live.events import Audio
from antiphon.testing import SPOKEN

NAMES = sorted(SPOKEN)
SPEECH = 0.5


def gate(preroll: float = 0.5, hangover: float = 1.5) -> SilenceGate:
    return SilenceGate(WebRtcVad(1), preroll, hangover)


def noise(seconds: float, level: int, seed: int = 1) -> bytes:
    samples = (
        np.random.default_rng(seed).normal(0, level, int(seconds * 16_000))
        if level
        else np.zeros(int(seconds * 16_000))
    )
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


def feed(it: SilenceGate, pcm: bytes, rate: int = 16_000, ms: int = 20) -> list[bytes]:
    size = 2 * rate * ms // 1000
    return [part.pcm for at in range(0, len(pcm), size) for part in it.feed(Audio(pcm[at : at + size], rate))]


def call(parts: list[tuple[str, float]], level: int) -> bytes:
    """A recorded call: sentences and the pauses after them, in the noise of a room."""
    clean = b"".join(SPOKEN[name].pcm + bytes(2 * int(pause * 16_000)) for name, pause in parts)
    room = noise(len(clean) / 32_000 + 1, level)
    mixed = np.frombuffer(clean, "<i2").astype(np.int32) + np.frombuffer(room, "<i2")[: len(clean) // 2]
    return mixed.clip(-32768, 32767).astype("<i2").tobytes()


def speech_frames(pcm: bytes) -> list[int]:
    """Numbers of the 32 ms frames that Silero VAD calls speech."""
    vad = load_silero()
    state, found = vad.state(), []
    for number in range(len(pcm) // FRAME_BYTES):
        frame = np.frombuffer(pcm, "<i2", FRAME_SAMPLES, number * FRAME_BYTES)[None]
        if vad.probabilities([state], frame)[0] >= SPEECH:
            found.append(number)
    return found


def passed_frames(pcm: bytes) -> set[int]:
    """Numbers of the frames all of which passed: every chunk is marked by where it comes from."""
    it, passed = gate(), set()
    chunks = [Audio(pcm[at : at + FRAME_BYTES], 16_000) for at in range(0, len(pcm), FRAME_BYTES)]
    numbers = {id(chunk): number for number, chunk in enumerate(chunks)}
    for chunk in chunks:
        passed |= {numbers[id(each)] for each in it.feed(chunk)}
    return passed


calls = st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 6)), min_size=1, max_size=4)


@given(calls, st.sampled_from([0, 20, 200]), st.floats(0, 5))
@settings(max_examples=12, deadline=None)
def test_no_frame_that_is_speech_stays_behind(parts: list[tuple[str, float]], level: int, before: float) -> None:
    pcm = noise(before, level) + call(parts, level)
    missing = set(speech_frames(pcm)) - passed_frames(pcm)
    assert not missing


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.floats(0, 1), st.floats(0.1, 3))
@settings(max_examples=40, deadline=None)
def test_what_passes_is_the_input_with_silences_left_out(sizes: list[int], preroll: float, hangover: float) -> None:
    it, sent, passed, at = gate(preroll, hangover), b"", b"", 0
    sound = call([("what_is_my_name", 4.0), ("my_name_is_alice", 1.0)], 0)
    for size in sizes * 10:
        chunk = sound[at : at + 2 * size]
        at += len(chunk)
        sent += chunk
        if chunk:
            passed += b"".join(part.pcm for part in it.feed(Audio(chunk, 16_000)))
    assert math.isclose(it.heard, len(sent) / 32_000, abs_tol=1e-6)
    assert math.isclose(it.passed, len(passed) / 32_000, abs_tol=1e-6)
    step = 640
    for start in range(0, len(passed) - step, step):
        begins = round(it.input_offset(start / 32_000 + 1e-9) * 16_000) * 2
        assert sent[begins : begins + 2] == passed[start : start + 2]


class TestGate:
    def test_silence_does_not_pass(self) -> None:
        it = gate()
        assert feed(it, noise(30, 0)) == []
        assert it.saved == pytest.approx(30)

    def test_speech_passes_with_what_came_before_and_after(self) -> None:
        it = gate()
        speech = SPOKEN["my_name_is_alice"].pcm
        passed = b"".join(feed(it, noise(10, 0) + speech + noise(10, 0)))
        seconds = len(passed) / 32_000
        assert len(speech) / 32_000 + 1.5 <= seconds <= len(speech) / 32_000 + 0.5 + 1.5 + 0.3
        assert speech in passed

    @pytest.mark.parametrize("rate", [8_000, 24_000, 48_000])
    def test_any_rate(self, rate: int) -> None:
        it = gate()
        speech = resample(SPOKEN["my_name_is_alice"].pcm, 16_000, rate)
        passed = b"".join(feed(it, bytes(2 * rate * 5) + speech + bytes(2 * rate * 5), rate))
        assert speech in passed
        assert it.saved > 6

    def test_a_quiet_room_costs_next_to_nothing(self) -> None:
        it = gate()
        feed(it, noise(60, 5))
        assert it.saved > 55

    def test_offsets_are_those_of_the_input(self) -> None:
        it = gate(preroll=0.5)
        feed(it, noise(10, 0) + SPOKEN["my_name_is_alice"].pcm)
        assert it.input_offset(0.0) == pytest.approx(9.5, abs=0.25)


@pytest.mark.parametrize(
    ("configured", "silence_ms", "seconds"), [(0, None, 1.5), (0, 2000, 2.7), (0.4, 2000, 0.4), (0, 100, 1.5)]
)
def test_what_ends_a_turn_passes(configured: float, silence_ms: int | None, seconds: float) -> None:
    assert hangover_for(configured, silence_ms) == pytest.approx(seconds)
