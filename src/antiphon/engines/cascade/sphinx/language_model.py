"""The application language model: what users of one application are likely to say, written as ARPA text.

The model that ships with the recogniser was trained on written text at large; it knows many words and expects none
of the short sentences people say to an assistant. This one knows fewer words and expects exactly those. It mixes two
models in equal parts, ``P(w|h) = s * P_phrases(w|h) + (1 - s) * P_background(w|h)``:

* **the phrases** (generic ones and the application's own), as trigrams smoothed by Witten and Bell: a history's
  probability mass for words never seen after it grows with the number of *different* words seen after it,
  ``P(w|h) = (c(h,w) + T(h) * P(w|h')) / (c(h) + T(h))``, where ``c`` counts, ``T(h)`` is that number of different
  words and ``h'`` is ``h`` without its oldest word. (Witten and Bell 1991, method C; Chen and Goodman 1998.)
* **the background**, the shipped model asked for the same n-grams; its most frequent words are the vocabulary
  that a user may wander into.

What no phrase contains is reached by Katz's back-off, which keeps every distribution summing to one.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Ngram = tuple[str, ...]
Phrase = tuple[Sequence[str], float]
"""Words, and how often they count."""

START, END = "<s>", "</s>"
_ORDER = 3
_LEAST = 1e-9
_LEAST_MASS = 1e-4
"""What is left to back off to is never less, whatever rounding does."""


class Background:
    """The shipped language model and dictionary.

    Args:
        probability: the shipped model's probability of a word after words, given as ``(word, previous, one before)``.
        dictionary: every word with a pronunciation; no other word can be recognised.
        size: how many of the most frequent words every application model knows.
    """

    def __init__(
        self, probability: Callable[[list[str]], float], dictionary: Iterable[str], size: int = 10_000
    ) -> None:
        self._probability = probability
        self._unigrams = {word: max(probability([word]), _LEAST) for word in dictionary}
        ranked = sorted(self._unigrams, key=self._unigrams.__getitem__, reverse=True)
        self.common = frozenset(ranked[:size])
        self._end = probability([END])
        self._ngrams: dict[Ngram, float] = {}

    def __contains__(self, word: str) -> bool:
        return word in self._unigrams

    def unigram(self, word: str) -> float:
        """The probability of ``word``, whatever comes before it."""
        return self._unigrams.get(word, self._end if word == END else _LEAST)

    def ngram(self, ngram: Ngram) -> float:
        """The probability of the last word after the others."""
        if ngram not in self._ngrams:
            self._ngrams[ngram] = max(self._probability(list(reversed(ngram))), _LEAST)
        return self._ngrams[ngram]

    def count(self, phrases: Iterable[Phrase]) -> dict[Ngram, float]:
        """How often each n-gram occurs, up to trigrams.

        Words that the dictionary does not have are left out: nothing could recognise them.
        """
        counts: dict[Ngram, float] = defaultdict(float)
        for words, weight in phrases:
            for ngram in _ngrams((START, *(word for word in words if word in self), END)):
                counts[ngram] += weight
        return counts


class WittenBell:
    """A trigram model of counts over the unigrams of a background."""

    def __init__(self, counts: Mapping[Ngram, float], unigram: Callable[[str], float]) -> None:
        self._unigram = unigram
        self.counts = counts
        self._totals: dict[Ngram, float] = defaultdict(float)
        self._types: dict[Ngram, int] = defaultdict(int)
        for ngram, count in self.counts.items():
            self._totals[ngram[:-1]] += count
            self._types[ngram[:-1]] += 1

    def probability(self, ngram: Ngram) -> float:
        """The probability of the last word after the others."""
        history = ngram[:-1]
        shorter = self.probability(ngram[1:]) if history else self._unigram(ngram[-1])
        types = self._types.get(history, 0)
        if not types:
            return shorter
        return (self.counts.get(ngram, 0.0) + types * shorter) / (self._totals[history] + types)


def merged(*counts: Mapping[Ngram, float]) -> dict[Ngram, float]:
    """Counts added up."""
    sums: dict[Ngram, float] = defaultdict(float)
    for part in counts:
        for ngram, count in part.items():
            sums[ngram] += count
    return sums


def arpa(background: Background, counts: Mapping[Ngram, float], share: float = 0.5) -> str:
    """The application language model as text in the ARPA format, log10 probabilities.

    Args:
        background: the shipped model.
        counts: of the phrases to expect, by :meth:`Background.count`.
        share: how much of the model the phrases are, between 0 and 1.
    """
    vocabulary = background.common.union((ngram[0] for ngram in counts if len(ngram) == 1), (END,))
    mass = sum(map(background.unigram, vocabulary))
    model = WittenBell(counts, lambda word: background.unigram(word) / mass)
    words: list[Ngram] = [(word,) for word in sorted(vocabulary)]
    levels = [{word: _mix(share, model, word, background.unigram(word[0]) / mass) for word in words}]
    for order in range(2, _ORDER + 1):
        seen = (ngram for ngram in counts if len(ngram) == order)
        levels.append({ngram: _mix(share, model, ngram, background.ngram(ngram)) for ngram in seen})
    return "\n".join(_lines(levels))


def _mix(share: float, model: WittenBell, ngram: Ngram, background: float) -> float:
    return share * model.probability(ngram) + (1 - share) * background


def _ngrams(words: Ngram) -> Iterator[Ngram]:
    """Every n-gram up to trigrams that predicts a word; the start of a sentence is never predicted."""
    for end in range(2, len(words) + 1):
        for order in range(1, min(_ORDER, end) + 1):
            yield words[end - order : end]


def _backoff_weights(longer: Mapping[Ngram, float], shorter: Mapping[Ngram, float]) -> dict[Ngram, float]:
    """For each history: its mass left over, relative to what the words not seen after it have after ``h'``."""
    seen: dict[Ngram, float] = defaultdict(float)
    covered: dict[Ngram, float] = defaultdict(float)
    for ngram, probability in longer.items():
        seen[ngram[:-1]] += probability
        covered[ngram[:-1]] += shorter[ngram[1:]]
    return {
        history: max(1 - total, _LEAST_MASS) / max(1 - covered[history], _LEAST_MASS) for history, total in seen.items()
    }


def _lines(levels: Sequence[Mapping[Ngram, float]]) -> Iterator[str]:
    yield "\\data\\"
    for order, level in enumerate(levels, 1):
        yield f"ngram {order}={len(level) + (order == 1)}"
    for order, level in enumerate(levels, 1):
        backoff = _backoff_weights(levels[order], level) if order < len(levels) else {}
        yield f"\n\\{order}-grams:"
        if order == 1:
            yield f"-99\t{START}\t{math.log10(backoff.get((START,), 1.0)):.4f}"
        for ngram, probability in level.items():
            line = f"{math.log10(max(probability, _LEAST)):.4f}\t{' '.join(ngram)}"
            yield f"{line}\t{math.log10(backoff.get(ngram, 1.0)):.4f}" if order < len(levels) else line
    yield "\n\\end\\\n"
