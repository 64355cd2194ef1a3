"""The user's turns, found here, for upstreams that do not find them."""

from collections import deque
from collections.abc import Callable

from antiphon.audio.activity import ActivityDetector, SpeechEnded, SpeechStarted
from antiphon.audio.frames import FRAME_MS, RATE
from antiphon.engines.cascade.ears import Ears, activity_config
from antiphon.live.setup import ActivityDetection

LEAD_MS = 300
"""Sound from before the onset that is passed on with the speech."""


class Hearing:
    """The sound of one caller. ``began`` and ``ended`` are told where in it, in seconds; ``speech`` gets the sound of a
    turn: mono 16-bit little-endian at 16 kHz.
    """

    def __init__(
        self,
        ears: Ears,
        detection: ActivityDetection,
        began: Callable[[float], None],
        speech: Callable[[bytes], None],
        ended: Callable[[float], None],
    ) -> None:
        self._detector = ActivityDetector(activity_config(detection))
        self._lead: deque[bytes] = deque(maxlen=LEAD_MS // FRAME_MS)
        self._began = began
        self._speech = speech
        self._ended = ended
        self._ear = ears.attach(self._hear, self._detector.skip)

    def feed(self, pcm: bytes) -> None:
        """Take more sound, at 16 kHz."""
        self._ear.feed(pcm)

    def flush(self) -> None:
        """The sound pauses here: a turn that is open ends."""
        self._decide(self._detector.flush())

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._ear.close()

    def _hear(self, probability: float, frame: bytes) -> None:
        event = self._detector.feed(probability)
        if isinstance(event, SpeechStarted):
            self._decide(event)
            self._speech(b"".join(self._lead) + frame)
            self._lead.clear()
        elif self._detector.speaking:
            self._speech(frame)
        else:
            self._lead.append(frame)
            self._decide(event)

    def _decide(self, event: object) -> None:
        if isinstance(event, SpeechStarted):
            self._began(event.onset_sample / RATE)
        elif isinstance(event, SpeechEnded):
            self._ended(event.end_of_speech_sample / RATE)
