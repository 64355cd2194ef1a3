"""Mono 16-bit little-endian sound as bytes and as NumPy arrays."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_BYTES: Final = 2

_FULL_SCALE: Final = np.float32(32768)
_FLOOR_DB: Final = -96.0


def to_int16(pcm: bytes | bytearray | memoryview) -> NDArray[np.int16]:
    """The samples of ``pcm``, shape ``[n]``: a read-only view of ``bytes``, no copy.

    Raises:
        ValueError: ``pcm`` ends in the middle of a sample.
    """
    if len(pcm) % SAMPLE_BYTES:
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    return np.frombuffer(pcm, dtype="<i2")


def to_float32(pcm: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    """The samples of ``pcm`` in [-1, 1), shape ``[n]``.

    Raises:
        ValueError: ``pcm`` ends in the middle of a sample.
    """
    return to_int16(pcm).astype(np.float32) / _FULL_SCALE


def from_int16(samples: NDArray[np.int16]) -> bytes:
    """``samples`` (shape ``[n]``) as bytes."""
    return samples.astype("<i2", copy=False).tobytes()


def from_float32(samples: NDArray[np.floating]) -> bytes:
    """``samples`` (shape ``[n]``, full scale 1.0) as bytes: rounded, and clipped where they exceed full scale."""
    scaled = np.rint(samples * 32768.0)
    return from_int16(np.clip(scaled, -32768, 32767).astype(np.int16))


def duration(pcm: bytes | bytearray | memoryview, rate: int) -> float:
    """Seconds of sound in ``pcm`` at ``rate`` samples per second."""
    return len(pcm) / (SAMPLE_BYTES * rate)


def silence(seconds: float, rate: int) -> bytes:
    """``seconds`` of digital silence at ``rate`` samples per second, rounded to the nearest sample."""
    return bytes(SAMPLE_BYTES * round(seconds * rate))


def level(pcm: bytes | bytearray | memoryview) -> float:
    """The root mean square of ``pcm`` in dB relative to full scale; -96 for digital silence and for no sound."""
    samples = to_float32(pcm)
    if not samples.size:
        return _FLOOR_DB
    power = float(np.mean(np.square(samples), dtype=np.float64))
    return max(_FLOOR_DB, 10 * float(np.log10(power))) if power else _FLOOR_DB


def peak(pcm: bytes | bytearray | memoryview) -> float:
    """The largest magnitude in ``pcm``, 0 to 1."""
    samples = to_float32(pcm)
    return float(np.max(np.abs(samples))) if samples.size else 0.0
