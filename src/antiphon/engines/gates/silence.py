"""The silence gate: sound passes while somebody may be speaking, and nothing that is speech stays behind.

The detector is WebRTC's in its lenient mode: it takes any loud sound for speech, and so errs on the side of passing.
On the corpus it was chosen with it held back 39 to 46 % of the chunks and none that Silero VAD calls speech.
"""

from bisect import bisect_right
from collections import deque

import numpy as np

from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE
from antiphon.audio.resample import Resampler
from antiphon.audio.webrtc import WebRtcVad
from antiphon.live.events import Audio

MARGIN = 0.7
"""Seconds of silence that pass beyond those that end a turn, so that whoever decides the end has heard them."""

SHORTEST_HANGOVER = 1.5
"""Hosted services decide the end of a turn by more than silence, and some take over a second of it."""

MAX_SKIPS = 10_000
"""Silences whose place is remembered; a call of a day has fewer."""


class SilenceGate:
    """Decides which sound of one call passes. Times are seconds of input sound, as the client sent it."""

    def __init__(self, vad: WebRtcVad, preroll: float, hangover: float) -> None:
        self.heard = self.passed = 0.0
        self._vad = vad
        self._state = vad.state()
        self._preroll = preroll
        self._hangover = hangover
        self._waiting: deque[Audio] = deque()
        self._waiting_seconds = 0.0
        self._resampler = Resampler(RATE, RATE)
        self._rest = b""
        self._spoke_at = -hangover
        self._open = False
        self._skips: list[tuple[float, float]] = []

    @property
    def open(self) -> bool:
        """Whether sound passes now."""
        return self._open

    @property
    def saved(self) -> float:
        """Seconds of sound that did not pass, or wait for speech to follow."""
        return self.heard - self.passed

    def feed(self, audio: Audio) -> list[Audio]:
        """Take sound; returns what passes now, in order."""
        seconds = len(audio.pcm) / (2 * audio.rate)
        self.heard += seconds
        if self._is_speech(audio):
            self._spoke_at = self.heard
        self._open = self.heard - self._spoke_at < self._hangover
        if not self._open:
            self._hold(audio, seconds)
            return []
        passing = [*self._waiting, audio]
        self._waiting.clear()
        self.passed += self._waiting_seconds + seconds
        self._waiting_seconds = 0.0
        return passing

    def input_offset(self, passed: float) -> float:
        """Where in the input that is which comes ``passed`` seconds into the sound that passed."""
        index = bisect_right(self._skips, (passed, float("inf")))
        return passed + (self._skips[index - 1][1] if index else 0.0)

    def _hold(self, audio: Audio, seconds: float) -> None:
        self._waiting.append(audio)
        self._waiting_seconds += seconds
        while self._waiting and self._waiting_seconds - _seconds(self._waiting[0]) >= self._preroll:
            self._waiting_seconds -= _seconds(self._waiting.popleft())
        self._note_skip()

    def _note_skip(self) -> None:
        """Remember how much was left out before what passes next."""
        skipped = self.heard - self.passed - self._waiting_seconds
        if self._skips and self._skips[-1][0] == self.passed:
            self._skips[-1] = (self.passed, skipped)
        else:
            self._skips.append((self.passed, skipped))
            del self._skips[:-MAX_SKIPS]

    def _is_speech(self, audio: Audio) -> bool:
        if audio.rate != self._resampler.source_rate:
            self._resampler = Resampler(audio.rate, RATE)
        sound = self._rest + self._resampler.feed(audio.pcm)
        end = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[end:]
        speech = False
        for start in range(0, end, FRAME_BYTES):
            frame = np.frombuffer(sound, "<i2", FRAME_SAMPLES, start)[None]
            speech |= bool(self._vad.probabilities([self._state], frame)[0])
        return speech


def hangover_for(configured: float, silence_ms: int | None) -> float:
    """How long sound passes after speech, in seconds."""
    if configured:
        return configured
    return max(SHORTEST_HANGOVER, (silence_ms or 0) / 1000 + MARGIN)


def _seconds(audio: Audio) -> float:
    return len(audio.pcm) / (2 * audio.rate)
