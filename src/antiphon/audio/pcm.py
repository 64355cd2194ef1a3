"""Mono 16-bit little-endian sound as bytes and as NumPy arrays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_BYTES: Final = 2


def to_int16(pcm: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    """The samples of ``pcm``, shape ``[n]``: a read-only view of ``bytes``, no copy.

    Raises:
        ValueError: ``pcm`` ends in the middle of a sample.
    """
    if len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    return np.frombuffer(pcm, dtype="<i2")


def from_int16(samples: NDArray[np.int16]) -> bytes:
    """``samples`` (shape ``[n]``) as bytes."""
    return samples.astype("<i2", copy=False).tobytes()


def peak(pcm: bytes) -> int:
    """The loudest of the samples, 0 to 32,768."""
    samples = to_int16(pcm)
    return max(int(samples.max()), -int(samples.min())) if len(samples) else 0
