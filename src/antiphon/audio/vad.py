"""Voice activity: which model is used, and why."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.frames import VadUnavailable
from antiphon.audio.silero import load_silero
from antiphon.audio.webrtc import WebRtcVad

_logger = logging.getLogger(__name__)

State = TypeVar("State")


class Vad(Protocol[State]):
    """A model of voice activity, shared by sessions; each has a state of its own."""

    def state(self) -> State:
        """The memory of a new session."""
        ...

    def probabilities(self, states: Sequence[State], frames: NDArray[np.int16]) -> NDArray[np.float32]:
        """How probable speech is in each session's next frame (``[B, 512]`` at 16 kHz -> ``[B]``)."""
        ...


class LoadedVad(NamedTuple):
    """A model, its name for people, and why it was chosen."""

    vad: Vad[Any]
    name: str
    reason: str


def load_vad() -> LoadedVad:
    """Silero where its weights are installed and sound, else WebRTC's detector, with a warning.

    Raises:
        VadUnavailable: neither can be loaded; the message names both reasons.
    """
    try:
        return LoadedVad(load_silero(), "Silero VAD v6.2", "its weights are installed")
    except VadUnavailable as error:
        missing = str(error)
    try:
        fallback = WebRtcVad()
    except VadUnavailable as error:
        raise VadUnavailable(f"no voice activity model: {missing}; {error}") from error
    _logger.warning("voice activity falls back to WebRTC, which takes any loud sound for speech: %s", missing)
    return LoadedVad(fallback, "WebRTC VAD", missing)
