"""What goes into a frame-wise model and what comes out of it."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import numpy as np
from msgspec import Struct

from antiphon.audio.pcm import to_int16

FRAME_SECONDS: Final = 0.08
"""The step of Moshi: its codec makes 12.5 frames a second."""

RATE: Final = 24_000
FRAME_SAMPLES: Final = 1_920
FRAME_BYTES: Final = 2 * FRAME_SAMPLES

AUDIBLE: Final = 180.0
"""Root mean square of a frame, of 32,768 (-45 dB): quieter is silence. The codec never makes perfect silence."""


class Said(Struct, frozen=True, gc=False):
    """What the model made in one frame: :data:`FRAME_BYTES` of sound and the words that begin in it, as UTF-8.

    A character of several bytes may be spread over several frames.
    """

    pcm: bytes
    text: bytes = b""

    @property
    def audible(self) -> bool:
        """Whether there is more than silence in it."""
        samples = to_int16(self.pcm).astype(np.float32)
        return float(np.sqrt(np.mean(samples * samples))) > AUDIBLE


class FrameModel(Protocol):
    """A batched model of ``rows`` independent conversations. Not safe to use from several threads at a time."""

    @property
    def rows(self) -> int:
        """How many conversations it has room for."""
        ...

    def reset(self, rows: Sequence[int]) -> None:
        """Begin new conversations in these rows; what was there before is forgotten."""

    def step(self, frames: Mapping[int, bytes]) -> dict[int, Said]:
        """Take a frame of user's sound (:data:`FRAME_BYTES`) for each row given; all others stand still.

        Returns what each made of it; nothing for a row that is still in its first frames.
        """
        ...
