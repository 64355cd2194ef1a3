"""The voice activity detector of WebRTC, behind the interface of :mod:`antiphon.audio.silero`.

It judges energy in bands, not speech: any loud sound counts. It needs no weights, so it stands in where those of
Silero are missing.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.frames import RATE, VadUnavailable

_SUBFRAME_BYTES: Final = 2 * RATE // 100
_VERDICTS: Final = 6
_MASK: Final = (1 << _VERDICTS) - 1
_AGGRESSIVENESS: Final = 2


class WebRtcState:
    """One session: WebRTC's own adaptive state, sound short of a subframe, and the latest verdicts as bits."""

    __slots__ = ("detector", "pending", "verdicts")

    def __init__(self, detector: Any) -> None:
        self.detector = detector
        self.pending = b""
        self.verdicts = 0


class WebRtcVad:
    """Yes-or-no verdicts on 10 ms, smoothed to a probability: the share of voiced ones among the latest six."""

    def __init__(self, aggressiveness: int = _AGGRESSIVENESS) -> None:
        """Prepare; ``aggressiveness`` is 0 (takes most for speech) to 3.

        Raises:
            VadUnavailable: webrtcvad is not installed.
        """
        try:
            import webrtcvad
        except ImportError as error:
            raise VadUnavailable(f"webrtcvad cannot be imported ({error}): install webrtcvad-wheels") from error
        self._make: Callable[[], Any] = partial(webrtcvad.Vad, aggressiveness)

    def state(self) -> WebRtcState:
        """The memory of a new session."""
        return WebRtcState(self._make())

    def probabilities(self, states: Sequence[WebRtcState], frames: NDArray[np.int16]) -> NDArray[np.float32]:
        """How probable speech is in each session's next frame; the states move on.

        Args:
            states: one per session, none of them twice.
            frames: ``[B, 512]``, 16-bit samples at 16 kHz.

        Returns:
            ``[B]``, 0 to 1 in steps of a sixth.
        """
        shares = [_share(state, frame.tobytes()) for state, frame in zip(states, frames, strict=True)]
        return np.array(shares, np.float32)


def _share(state: WebRtcState, frame: bytes) -> float:
    # 32 ms are no whole number of 10 ms: the rest waits for the next frame.
    sound = state.pending + frame
    end = len(sound) - len(sound) % _SUBFRAME_BYTES
    for start in range(0, end, _SUBFRAME_BYTES):
        voiced = state.detector.is_speech(sound[start : start + _SUBFRAME_BYTES], RATE)
        state.verdicts = (state.verdicts << 1 | voiced) & _MASK
    state.pending = sound[end:]
    return state.verdicts.bit_count() / _VERDICTS
