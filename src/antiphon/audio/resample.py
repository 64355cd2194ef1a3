"""Streaming sample rate conversion of mono 16-bit sound, by soxr."""

from typing import Any, Literal

import numpy as np
import soxr

from antiphon.audio import pcm as _pcm

Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]
"""soxr's recipes, from quick (cubic, aliases) over low (16 bit, wide transition band) to very high."""

_EMPTY = np.zeros(0, np.int16)


class Resampler:
    """Converts one stream of mono 16-bit little-endian sound, chunk by chunk; equal rates pass through uncopied.

    A filter looks ahead and works in blocks, so output lags behind input. Measured with soxr 1.1 on chunks of
    20 ms, mean and most milliseconds of input not yet heard in the output:

    ==============  ==========  ===========
    rates           LQ          HQ
    ==============  ==========  ===========
    8 -> 16 kHz     33, 61      64, 115
    24 -> 16 kHz    11, 20      21, 37
    48 -> 16 kHz    11, 20      21, 37
    44.1 -> 16 kHz  11, 22      23, 40
    16 -> 24 kHz    11, 20      21, 37
    ==============  ==========  ===========

    LQ is for live input to models, where delay counts; HQ for what people hear and for whole files. Rounding to
    16 bits is dithered, so the last bits of two runs may differ.
    """

    def __init__(self, source_rate: int, target_rate: int, quality: Quality = "LQ") -> None:
        """Convert from ``source_rate`` to ``target_rate``, both in samples per second.

        Raises:
            ValueError: a rate is not positive.
        """
        if source_rate <= 0 or target_rate <= 0:
            raise ValueError(f"cannot resample from {source_rate} to {target_rate} samples per second")
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._stream: Any = None
        if source_rate != target_rate:
            self._stream = soxr.ResampleStream(source_rate, target_rate, 1, dtype="int16", quality=quality)

    def feed(self, pcm: bytes) -> bytes:
        """Take more sound; returns what is ready, possibly nothing.

        Raises:
            ValueError: ``pcm`` ends in the middle of a sample.
        """
        if self._stream is None:
            return pcm
        converted: bytes = self._stream.resample_chunk(_pcm.to_int16(pcm)).tobytes()
        return converted

    def flush(self) -> bytes:
        """What was still held back, as if silence followed. The next ``feed`` begins a new stream."""
        if self._stream is None:
            return b""
        rest: bytes = self._stream.resample_chunk(_EMPTY, last=True).tobytes()
        self._stream.clear()
        return rest


def resample(pcm: bytes, source_rate: int, target_rate: int, quality: Quality = "HQ") -> bytes:
    """Convert a whole sound at once.

    Raises:
        ValueError: a rate is not positive, or ``pcm`` ends in the middle of a sample.
    """
    resampler = Resampler(source_rate, target_rate, quality)
    return resampler.feed(pcm) + resampler.flush()
