"""Where words begin in speech of which only the whole is known: estimated by their length."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from antiphon.engines.cascade.espeak.text import word_end

_AUDIBLE: Final = 200  # of 32,768

Mark = tuple[int, int, int]
"""A word: characters ``start`` to ``end`` of a text, and the sample where it begins."""


def estimate(text: str, samples: NDArray[np.int16]) -> list[Mark]:
    """The words of ``text``, spread over its sound (shape ``[n]``) from the first to the last audible sample.

    A word lasts as long as its share of the characters. An estimate, good enough to tell what was heard of an
    interrupted answer to a word or two: voices that know better do not come here. The words joined are ``text``.
    """
    begin, end = _audible(samples)
    return [(start, stop, begin + (end - begin) * start // len(text)) for start, stop in words(text)]


def words(text: str) -> list[tuple[int, int]]:
    """Where words start and stop in ``text``, punctuation and space behind them included; every character is in one."""
    found = []
    start = 0
    while start < len(text):
        stop = word_end(text, start, 1)
        found.append((start, stop))
        start = stop
    return found


def _audible(samples: NDArray[np.int16]) -> tuple[int, int]:
    audible: NDArray[Any] = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
    return (int(audible[0]), int(audible[-1])) if len(audible) else (0, len(samples))
