"""The mark found in a sound, without the original, by its key alone.

The levels of all tiles are measured in decibels, and what their neighbours foretell is subtracted, which is most of
speech. What remains is correlated with the key's pattern, at every place where the pattern may begin (the grid of
tiles is tried in steps of 2 ms, the pattern by FFT), over stretches of 2 to 33 s.

Whatever the sound is, for a key chosen without regard to it each such correlation is a sum of numbers with random
signs. Divided by the root of the sum of their squares it exceeds ``t`` with a probability below ``exp(-t * t / 2)``
(Hoeffding's inequality, 1963), and by the union bound one of ``n`` of them does so with a probability below
``n * exp(-t * t / 2)``. The threshold is the ``t`` for which that is :data:`FALSE_ALARMS`.
"""

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
import soxr
from msgspec import Struct
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.audio.watermark.pattern import BANDS, CHIP_SECONDS, CHIPS, DEFAULT_KEY, FIRST_BAND, pattern, window

Floats = NDArray[np.float32]
Verdict = Literal["marked", "unmarked", "too short"]

FALSE_ALARMS: Final = 1e-6
"""A bound on the probability that an unmarked sound is called marked."""

MIN_SECONDS: Final = 5.0
"""Seconds of sound below which a mark may well be missed: what is not found there is "too short", not "unmarked"."""

PERIOD: Final = CHIPS * CHIP_SECONDS
"""Seconds after which the pattern repeats; sound is examined in segments of this length."""

_RATE: Final = 16_000
_CHIP: Final = round(CHIP_SECONDS * _RATE)
_FRAME: Final = 2 * _CHIP
_WINDOW = window(_FRAME)
_STEPS: Final = 4
_STEP: Final = _CHIP // _STEPS
_SEGMENTS: Final = 8
"""Segments that are measured together at most: 16 s."""

_STRETCHES: Final = (1, 2, 3, 4, 6, 8, 12, 16)
"""How many segments in a row are taken as one sound. The clocks of two sound cards drift apart over longer ones."""

_RANGE_DB: Final = 50.0
"""Tiles so far below the loudest of the same 16 s tell nothing: noise, or what a codec left out."""

_NOISE_PERCENT: Final = 10
_NOISE_DB: Final = 8.0
"""Tiles tell nothing either that are less than this above the level which so many of their band do not reach."""

_IN_TIME: Final = (0.26, 0.10, 0.03)
_IN_PITCH: Final = (0.0, 0.22, 0.13)
"""What the neighbours 1, 2 and 3 tiles away contribute to the level that is foretold; made to add up to 1.

In the proportions that least squares found on synthesised speech.
"""

_FEW: Final = 8
"""Tiles that a mean is taken of at least: the mean of one is the tile."""

_LIMIT: Final = 1.5
"""Deviations, in standard deviations, are cut off here: a few large ones must not outweigh all others."""

_WEIGHTS = np.linspace(1.0, 0.2, BANDS, dtype=np.float32)
"""What noise and codecs leave of the mark is less the higher the band."""


class Detection(Struct, frozen=True):
    """What was found in a sound. ``score`` is to be held against ``threshold``; both depend on no level.

    ``seconds`` is the length of the sound and ``sounding`` how much of it was not silent; ``begins`` and ``ends``,
    in seconds, are where the mark is clearest, and ``speed`` is that of the sound as a multiple of the original's.
    """

    verdict: Verdict
    score: float
    threshold: float
    seconds: float
    sounding: float
    begins: float
    ends: float
    speed: float = 1.0


class _Segment(NamedTuple):
    """One period of sound: ``tiles`` of shape ``[steps, CHIPS, BANDS]``, ``correlations`` of ``[steps, CHIPS]``."""

    tiles: Floats
    correlations: Floats


class _Best(NamedTuple):
    score: float = 0.0
    first: int = 0
    last: int = 0
    speed: float = 1.0


def detect(
    samples: NDArray[np.int16], rate: int, key: str = DEFAULT_KEY, speeds: Sequence[float] = (1.0,)
) -> Detection:
    """Look for the mark of ``key`` in mono ``samples`` (shape ``[n]``) at ``rate`` per second.

    Each of ``speeds`` is tried: 1.01 finds the mark of a sound that is played one per cent too fast. One finds what
    deviates from it by 0.1 %.

    Raises:
        ValueError: ``rate`` is not positive.
    """
    if rate <= 0:
        raise ValueError(f"a sound cannot have {rate} samples per second")
    best, tests, sounding = _Best(), 0, 0.0
    for speed in speeds:
        search = _Search(key)
        for levels in _levels(samples, rate / speed):
            search.add(levels)
        best = max(best, search.best._replace(speed=speed))
        tests += search.tests
        sounding = max(sounding, search.sounding)
    seconds = len(samples) / rate
    return _judge(best, tests, seconds, min(sounding, seconds))


def threshold(tests: int) -> float:
    """The score that one of ``tests`` correlations exceeds with a probability below :data:`FALSE_ALARMS`."""
    return math.sqrt(2 * math.log(max(tests, 1) / FALSE_ALARMS))


def _judge(best: _Best, tests: int, seconds: float, sounding: float) -> Detection:
    limit = threshold(tests)
    verdict: Verdict = "unmarked" if sounding >= MIN_SECONDS else "too short"
    if best.score > limit:
        verdict = "marked"
    begins, ends = (min(n * PERIOD / best.speed, seconds) for n in (best.first, best.last))
    return Detection(verdict, best.score, limit, seconds, sounding, begins, ends, best.speed)


class _Search:
    """Goes through a sound, 16 s at a time, and remembers where the pattern fits best."""

    def __init__(self, key: str) -> None:
        self.best = _Best()
        self.tests = 0
        self.sounding = 0.0
        self._signs = np.conj(np.fft.rfft(pattern(key), axis=0))
        self._recent: deque[_Segment] = deque(maxlen=max(_STRETCHES))
        self._count = 0

    def add(self, levels: Floats) -> None:
        """Examine the next periods; ``levels`` has the shape ``[steps, chips, BANDS]``."""
        loud = levels > max(float(levels.max()) - _RANGE_DB, 0.0)
        sounding = loud[0].any(axis=1)
        if not sounding.any():
            self._recent.clear()
            self._count += levels.shape[1] // CHIPS
            return
        self.sounding += float(np.count_nonzero(sounding)) * CHIP_SECONDS
        noise = np.percentile(levels[0, sounding], _NOISE_PERCENT, axis=0) + _NOISE_DB
        for segment in np.split(_tiles(levels, loud & (levels > noise)), levels.shape[1] // CHIPS, axis=1):
            self._recent.append(_Segment(segment, self._correlate(segment)))
            self._count += 1
            if segment.any():
                self._examine()

    def _correlate(self, tiles: Floats) -> Floats:
        """With the pattern begun at each chip of the segment, round in a circle."""
        spectra = (np.fft.rfft(tiles, axis=1) * self._signs).sum(axis=2)
        return np.fft.irfft(spectra, CHIPS, axis=1).astype(np.float32)

    def _examine(self) -> None:
        """Every stretch that ends with the newest segment."""
        recent = list(self._recent)
        for length in _STRETCHES:
            if length > len(recent):
                return
            stretch = recent[-length:]
            tiles = sum(segment.tiles for segment in stretch)
            norms = np.sqrt(np.square(tiles).sum(axis=(1, 2)))
            scores = sum(segment.correlations for segment in stretch) / np.maximum(norms, 1e-9)[:, None]
            self.tests += scores.size
            self.best = max(self.best, _Best(float(scores.max()), self._count - length, self._count))


def _levels(samples: NDArray[np.int16], rate: float) -> Iterator[Floats]:
    """Of all tiles in decibels, up to :data:`_SEGMENTS` periods at a time, shape ``[steps, chips, BANDS]``."""
    total = max(1, math.ceil(len(samples) / (rate * PERIOD)))
    for first in range(0, total, _SEGMENTS):
        chips = min(_SEGMENTS, total - first) * CHIPS
        block = np.zeros(chips * _CHIP + _FRAME, np.float32)
        begin = round(first * PERIOD * rate)
        piece = samples[begin : begin + math.ceil(len(block) * rate / _RATE)].astype(np.float32)
        converted = soxr.resample(piece, rate, _RATE)[: len(block)]
        block[: len(converted)] = converted
        frames = sliding_window_view(block, _FRAME)
        yield np.stack([_decibels(frames[step * _STEP :: _CHIP][:chips]) for step in range(_STEPS)])


def _decibels(frames: Floats) -> Floats:
    """Above the rounding noise of 16 bits, of ``frames`` (shape ``[n, _FRAME]``), for each band."""
    spectra = np.fft.rfft(frames * _WINDOW)[:, FIRST_BAND : FIRST_BAND + BANDS]
    power = (np.square(spectra.real) + np.square(spectra.imag)) / _FRAME
    return (10 * np.log10(power + 0.3)).astype(np.float32)


def _tiles(levels: Floats, heard: NDArray[np.bool_]) -> Floats:
    """How far the ``heard`` levels are from what their neighbours foretell; 0 for others.

    Large ones are cut off. The mean of each band over a segment is taken away: what does not change in time is no
    mark, and adds up over segments as if it were.
    """
    levels = np.maximum(levels, max(float(levels.max()) - _RANGE_DB - 5, 0.0))
    foretold = _neighbours(levels, _IN_TIME, axis=1) + _neighbours(levels, _IN_PITCH, axis=2)
    rest = levels - foretold / (2 * (sum(_IN_TIME) + sum(_IN_PITCH)))
    limit = _LIMIT * 1.4826 * float(np.median(np.abs(rest[heard]))) if heard.any() else 0.0
    shape = (_STEPS, -1, CHIPS, BANDS)
    tiles, counted = np.where(heard, rest.clip(-limit, limit), np.float32(0)).reshape(shape), heard.reshape(shape)
    means = tiles.sum(axis=2, keepdims=True) / np.maximum(counted.sum(axis=2, keepdims=True), _FEW)
    return (np.where(counted, tiles - means, np.float32(0)) * _WEIGHTS).reshape(levels.shape)


def _neighbours(levels: Floats, shares: Sequence[float], axis: int) -> Floats:
    """The neighbours on both sides along ``axis``, by their ``shares``; beyond the edge is what is on it."""
    reach = len(shares)
    width = [(reach, reach) if number == axis else (0, 0) for number in range(levels.ndim)]
    padded = np.pad(levels, width, mode="edge")
    total = np.zeros_like(levels)
    size = levels.shape[axis]
    for distance, share in enumerate(shares, 1):
        for side in (-distance, distance):
            total += np.float32(share) * padded.take(range(reach + side, reach + side + size), axis=axis)
    return total
