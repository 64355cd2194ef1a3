"""The mark put into a stream of speech, chunk by chunk."""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.audio import pcm as _pcm
from antiphon.audio.watermark.pattern import BANDS, CHIP_SECONDS, DEFAULT_KEY, FIRST_BAND, pattern, window

RATE: Final = 24_000
"""Samples per second of what is marked."""

STRENGTH_DB: Final = 1.0
"""How much louder or softer a tile is made."""

_CHIP: Final = round(CHIP_SECONDS * RATE)
_FRAME: Final = 2 * _CHIP
_CHIP_BYTES: Final = _CHIP * _pcm.SAMPLE_BYTES
_WINDOW = window(_FRAME)

MAX_HELD_SAMPLES: Final = _FRAME - 1
"""How many samples an :class:`Embedder` holds back at most: 16 ms."""


@lru_cache(maxsize=64)
def _gains(key: str) -> NDArray[np.float32]:
    """The factor for each bin of each chip's spectrum, shape ``[CHIPS, _CHIP + 1]``."""
    signs = pattern(key)
    gains = np.ones((len(signs), _CHIP + 1), np.float32)
    gains[:, FIRST_BAND : FIRST_BAND + BANDS] = 10 ** (signs * (STRENGTH_DB / 20))
    return gains


class Embedder:
    """Marks one stream of mono 16-bit little-endian sound at 24 kHz.

    As many bytes come out as went in, at the same place in time: only the last :data:`MAX_HELD_SAMPLES` or fewer
    wait for what follows them. What comes out does not depend on how the stream was cut into chunks. Silence stays
    silence.
    """

    __slots__ = ("_frames", "_gains", "_overlap", "_pending")

    def __init__(self, key: str = DEFAULT_KEY) -> None:
        self._gains = _gains(key)
        self._reset()

    def _reset(self) -> None:
        # The chip before the first, all zeros, whose marked sound is thrown away.
        self._pending = bytes(_CHIP_BYTES)
        self._overlap = np.zeros(_CHIP, np.float32)
        self._frames = 0

    def feed(self, pcm: bytes) -> bytes:
        """Take more sound, cut anywhere; returns what is ready, possibly nothing."""
        self._pending += pcm
        frames = len(self._pending) // _CHIP_BYTES - 1
        if frames < 1:
            return b""
        chips = self._mark(frames)
        self._pending = self._pending[frames * _CHIP_BYTES :]
        first = 0 if self._frames else 1
        self._frames += frames
        return _pcm.from_int16(np.rint(chips[first:]).clip(-32_768, 32_767).astype(np.int16).reshape(-1))

    def flush(self) -> bytes:
        """What was still held back, as if silence followed. The next ``feed`` begins a new stream."""
        before = 0 if self._frames else _CHIP_BYTES
        held = len(self._pending) - before
        odd = self._pending[len(self._pending) - held % _pcm.SAMPLE_BYTES :]
        rest = self.feed(bytes(2 * _CHIP_BYTES))[: held - len(odd)]
        self._reset()
        return rest + odd

    def _mark(self, frames: int) -> NDArray[np.float32]:
        """The next ``frames`` chips, marked, shape ``[frames, _CHIP]``, by weighted overlap and add."""
        count = (frames + 1) * _CHIP
        chips = np.frombuffer(self._pending, "<i2", count).astype(np.float32).reshape(-1, _CHIP)
        spectra = np.fft.rfft(np.concatenate((chips[:-1], chips[1:]), axis=1) * _WINDOW)
        spectra *= self._gains[np.arange(self._frames, self._frames + frames) % len(self._gains)]
        sound = (np.fft.irfft(spectra, _FRAME) * _WINDOW).astype(np.float32, copy=False)
        marked: NDArray[np.float32] = sound[:, :_CHIP]
        marked[0] += self._overlap
        marked[1:] += sound[:-1, _CHIP:]
        self._overlap = sound[-1, _CHIP:].copy()
        return marked


def embed(pcm: bytes, key: str = DEFAULT_KEY) -> bytes:
    """Mark a whole sound (mono 16-bit little-endian at 24 kHz) at once."""
    embedder = Embedder(key)
    return embedder.feed(pcm) + embedder.flush()
