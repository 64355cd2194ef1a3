"""When a user speaks: onset, pause and end of speech, from one probability per frame.

The clock is the audio itself: positions are samples since the stream began, at 16 kHz, and a frame is 32 ms.

Rules:

1. A frame turns *voiced* the signal at or above ``start_threshold`` and *unvoiced* below ``end_threshold``; between
   the two it stays what it was. A *run* is a stretch of frames of one kind.
2. Speech starts when a voiced run has lasted ``prefix_padding_ms`` (at least one frame). Its onset is where that
   run began, less ``prefix_padding_ms`` of look-back, but never before the decision that ended the speech before.
3. A voiced run that ends sooner was no speech and is forgotten.
4. An unvoiced run within speech is a pause once it has lasted ``speculate_ms``: a good moment to prepare an answer
   that may have to be thrown away. Any voiced frame ends the pause: speech resumes.
5. An unvoiced run of ``silence_ms`` ends the speech, and nothing shorter does. The end of speech is where the run
   began. Where ``silence_ms`` is no longer than ``speculate_ms`` no pause is announced.
6. A pause can be extended (``extend``), as often as wanted: this one, and no later one, then ends the speech when it
   has lasted ``silence_ms`` and the extension. Speech is *held* meanwhile, from ``silence_ms`` on; any voiced frame
   resumes it. An extension that is taken back after ``silence_ms`` ends the speech at once.
7. A flush ends open speech at once: at the start of the unvoiced run if there is one, else here. A run too short to
   be speech is forgotten. The next frame begins afresh.
8. Milliseconds are rounded up to whole frames.
9. Sound that was lost (``skip``) moves the clock and nothing else.

So started and ended alternate; paused, held and resumed come only between them, and samples never run backwards.
"""

from enum import IntEnum
from typing import Final

from msgspec import Struct

from antiphon.audio.frames import FRAME_SAMPLES, frames_for


class SpeechStarted(Struct, frozen=True, gc=False):
    """The user speaks since ``onset_sample`` (look-back included); it was certain at ``decided_sample``.

    Models react 20 to 110 ms into a word, later on soft consonants: a recogniser does well to hear some 200 ms from
    before the onset too.
    """

    onset_sample: int
    decided_sample: int


class SpeechPaused(Struct, frozen=True, gc=False):
    """The user has been silent for ``speculate_ms`` at ``at_sample``: the speech may be over."""

    at_sample: int


class SpeechHeld(Struct, frozen=True, gc=False):
    """The user has been silent for ``silence_ms`` at ``at_sample``; the speech would be over, were it not extended."""

    at_sample: int


class SpeechResumed(Struct, frozen=True, gc=False):
    """It was not over: the user goes on at ``at_sample``."""

    at_sample: int


class SpeechEnded(Struct, frozen=True, gc=False):
    """The user spoke until ``end_of_speech_sample``; it was certain at ``decided_sample``."""

    end_of_speech_sample: int
    decided_sample: int


SpeechEvent = SpeechStarted | SpeechPaused | SpeechHeld | SpeechResumed | SpeechEnded


class ActivityConfig(Struct, frozen=True):
    """Thresholds (0 to 1) and durations; the rules above say what they do.

    Raises:
        ValueError: a threshold or duration out of range; the message names it.
    """

    start_threshold: float = 0.5
    end_threshold: float = 0.35
    prefix_padding_ms: int = 64
    silence_ms: int = 500
    speculate_ms: int = 160

    def __post_init__(self) -> None:
        if not 0 < self.end_threshold <= self.start_threshold <= 1:
            raise ValueError("thresholds must satisfy 0 < end_threshold <= start_threshold <= 1")
        for name in ("prefix_padding_ms", "silence_ms", "speculate_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")


class State(IntEnum):
    """Where a detector stands."""

    SILENT = 0
    """No speech."""
    RISING = 1
    """Voiced, but not yet for long enough."""
    SPEAKING = 2
    """Speech."""
    FALLING = 3
    """Unvoiced within speech, too short to be a pause."""
    PAUSED = 4
    """Unvoiced within speech for long enough to speculate."""
    HELD = 5
    """Unvoiced within speech for long enough to end it, but extended."""


class Signal(IntEnum):
    """What a frame, or the client, says: the kind of the current run and which duration it has reached."""

    VOICED = 0
    VOICED_LONG = 1
    UNVOICED = 2
    UNVOICED_PAUSE = 3
    UNVOICED_EXTENDED = 4
    UNVOICED_LONG = 5
    FLUSH = 6


_Move = tuple[State, type[SpeechEvent] | None]

_QUIET: Final[_Move] = (State.SILENT, None)
_RISE: Final[_Move] = (State.RISING, None)
_START: Final[_Move] = (State.SPEAKING, SpeechStarted)
_SPEAK: Final[_Move] = (State.SPEAKING, None)
_FALL: Final[_Move] = (State.FALLING, None)
_PAUSE: Final[_Move] = (State.PAUSED, SpeechPaused)
_WAIT: Final[_Move] = (State.PAUSED, None)
_HOLD: Final[_Move] = (State.HELD, SpeechHeld)
_PERSIST: Final[_Move] = (State.HELD, None)
_RESUME: Final[_Move] = (State.SPEAKING, SpeechResumed)
_END: Final[_Move] = (State.SILENT, SpeechEnded)

_TRANSITIONS: Final[dict[State, tuple[_Move, ...]]] = {
    # VOICED, VOICED_LONG, UNVOICED, UNVOICED_PAUSE, UNVOICED_EXTENDED, UNVOICED_LONG, FLUSH
    State.SILENT: (_RISE, _START, _QUIET, _QUIET, _QUIET, _QUIET, _QUIET),
    State.RISING: (_RISE, _START, _QUIET, _QUIET, _QUIET, _QUIET, _QUIET),
    State.SPEAKING: (_SPEAK, _SPEAK, _FALL, _PAUSE, _END, _END, _END),
    State.FALLING: (_SPEAK, _SPEAK, _FALL, _PAUSE, _END, _END, _END),
    State.PAUSED: (_RESUME, _RESUME, _WAIT, _WAIT, _HOLD, _END, _END),
    State.HELD: (_RESUME, _RESUME, _PERSIST, _PERSIST, _PERSIST, _END, _END),
}


class ActivityDetector:
    """Finds the speech of one stream. Pure: the same probabilities give the same events."""

    __slots__ = ("_earliest", "_extension", "_frames", "_now", "_run", "_run_start", "_state", "_voiced", "config")

    def __init__(self, config: ActivityConfig | None = None) -> None:
        self.config = config or ActivityConfig()
        prefix, silence = frames_for(self.config.prefix_padding_ms), frames_for(self.config.silence_ms)
        self._frames = (max(1, prefix), frames_for(self.config.speculate_ms), max(1, silence))
        self._state = State.SILENT
        self._voiced = False
        self._run = 0
        self._run_start = 0
        self._now = 0
        self._earliest = 0
        self._extension = 0

    @property
    def state(self) -> State:
        """Where the detector stands."""
        return self._state

    @property
    def speaking(self) -> bool:
        """Whether speech has started and not ended; true during pauses."""
        return self._state >= State.SPEAKING

    @property
    def now(self) -> int:
        """Samples of sound since the stream began."""
        return self._now

    def feed(self, probability: float) -> SpeechEvent | None:
        """Take the probability of the next frame; returns what it decided, if anything."""
        threshold = self.config.end_threshold if self._voiced else self.config.start_threshold
        voiced = probability >= threshold
        if voiced is not self._voiced:
            self._voiced = voiced
            self._begin_run()
        self._run += 1
        self._now += FRAME_SAMPLES
        return self._step(self._signal())

    def flush(self) -> SpeechEvent | None:
        """The stream pauses here: open speech ends now, and its :class:`SpeechEnded` is returned."""
        event = self._step(Signal.FLUSH)
        self._voiced = False
        self._begin_run()
        return event

    def extend(self, milliseconds: int) -> SpeechEvent | None:
        """Let the present pause last ``milliseconds`` longer than ``silence_ms`` before it ends the speech.

        Replaces an extension asked for before; 0 takes it back, and where the pause has lasted for long enough without
        it, the speech ends now and its :class:`SpeechEnded` is returned. Without a pause nothing happens.
        """
        if self._state < State.PAUSED:
            return None
        self._extension = frames_for(milliseconds)
        return self._step(self._signal()) if self._state is State.HELD else None

    def skip(self, samples: int) -> None:
        """``samples`` of sound were lost here."""
        self._now += samples

    def _begin_run(self) -> None:
        self._run = 0
        self._run_start = self._now
        self._extension = 0

    def _signal(self) -> Signal:
        onset, pause, silence = self._frames
        if self._voiced:
            return Signal.VOICED_LONG if self._run >= onset else Signal.VOICED
        if self._run >= silence:
            return Signal.UNVOICED_LONG if self._run >= silence + self._extension else Signal.UNVOICED_EXTENDED
        return Signal.UNVOICED_PAUSE if self._run >= pause else Signal.UNVOICED

    def _step(self, signal: Signal) -> SpeechEvent | None:
        self._state, kind = _TRANSITIONS[self._state][signal]
        if kind is None:
            return None
        if issubclass(kind, SpeechStarted):
            return SpeechStarted(self._onset(), self._now)
        if issubclass(kind, SpeechEnded):
            self._earliest = self._now
            return SpeechEnded(self._now if self._voiced else self._run_start, self._now)
        return kind(self._now)

    def _onset(self) -> int:
        look_back = frames_for(self.config.prefix_padding_ms) * FRAME_SAMPLES
        return max(self._earliest, self._run_start - look_back)
