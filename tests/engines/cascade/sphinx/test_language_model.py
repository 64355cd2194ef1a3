import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engines.cascade.sphinx.language_model import END, START, Background, Ngram, WittenBell, arpa, merged

WORDS = {"turn": 0.2, "the": 0.3, "lights": 0.1, "on": 0.1, "rare": 0.05, END: 0.25}


def shipped(words: Sequence[str]) -> float:
    """A background that does not look at history."""
    return WORDS.get(words[0], 0.0)


@pytest.fixture
def background() -> Background:
    return Background(shipped, [word for word in WORDS if word != END], size=4)


def parse(text: str) -> tuple[dict[Ngram, float], dict[Ngram, float]]:
    """Probabilities and back-off weights of an ARPA text."""
    probabilities: dict[Ngram, float] = {}
    backoffs: dict[Ngram, float] = {}
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) < 2:
            continue
        ngram = tuple(fields[1].split())
        probabilities[ngram] = 10 ** float(fields[0])
        backoffs[ngram] = 10 ** float(fields[2]) if len(fields) == 3 else 1.0
    return probabilities, backoffs


def probability(ngram: Ngram, model: tuple[dict[Ngram, float], dict[Ngram, float]]) -> float:
    """As a decoder computes it, with Katz's back-off."""
    probabilities, backoffs = model
    if ngram in probabilities:
        return probabilities[ngram]
    return backoffs.get(ngram[:-1], 1.0) * probability(ngram[1:], model)


def test_the_most_frequent_words_are_common(background: Background) -> None:
    assert background.common == {"turn", "the", "lights", "on"}
    assert "rare" in background
    assert "unheard" not in background


def test_unknown_words_have_next_to_no_probability(background: Background) -> None:
    assert 0 < background.unigram("unheard") < 1e-6
    assert 0 < background.ngram(("the", "unheard")) < 1e-6
    assert background.unigram(END) == pytest.approx(0.25)


def test_histories_reach_the_shipped_model_backwards() -> None:
    asked: list[list[str]] = []
    background = Background(lambda words: asked.append(words) or 0.1, ["a"])
    background.ngram(("first", "second", "word"))
    assert asked[-1] == ["word", "second", "first"]


def test_witten_bell_by_hand() -> None:
    counts = Background(lambda _: 0.1, "abc").count([(["a", "b"], 1.0), (["a", "c"], 1.0)])
    model = WittenBell(counts, lambda word: 0.1)
    # Six predictions, of a, b, c and the end, four kinds: P(b) = (1 + 4 * 0.1) / (6 + 4)
    assert model.probability(("b",)) == pytest.approx(0.14)
    # After "a": two predictions, two kinds.
    assert model.probability(("a", "b")) == pytest.approx((1 + 2 * 0.14) / 4)
    assert model.probability(("unseen", "b")) == pytest.approx(0.14)


def test_weights_count(background: Background) -> None:
    phrases = [(["turn"], 9.0), (["lights"], 1.0)]
    model = parse(arpa(background, background.count(phrases)))
    assert model[0][START, "turn"] > model[0][START, "lights"]


def test_words_without_pronunciation_are_left_out(background: Background) -> None:
    text = arpa(background, background.count([(["turn", "unheard", "on"], 1.0)]))
    assert "unheard" not in text
    assert "turn on" in text


def test_words_of_phrases_join_the_vocabulary(background: Background) -> None:
    assert ("rare",) in parse(arpa(background, background.count([(["rare"], 1.0)])))[0]
    assert ("rare",) not in parse(arpa(background, background.count([(["the"], 1.0)])))[0]


def test_counts_of_the_header_hold(background: Background) -> None:
    text = arpa(background, background.count([("turn the lights on".split(), 1.0)]))
    probabilities, _ = parse(text)
    for order in (1, 2, 3):
        assert f"ngram {order}={sum(len(ngram) == order for ngram in probabilities)}\n" in text


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["turn", "the", "lights", "on", "rare"]), min_size=1, max_size=5),
            st.floats(0.1, 50),
        ),
        min_size=1,
        max_size=8,
    ),
    st.floats(0.1, 0.9),
)
def test_every_distribution_sums_to_one(phrases: list[tuple[list[str], float]], share: float) -> None:
    background = Background(shipped, [word for word in WORDS if word != END])
    model = parse(arpa(background, background.count(phrases), share))
    vocabulary = [ngram[0] for ngram in model[0] if len(ngram) == 1 and ngram[0] != START]
    histories = {ngram[:-1] for ngram in model[0]} | {("lights", "lights")}
    for history in histories:
        total = math.fsum(probability((*history, word), model) for word in vocabulary)
        assert total == pytest.approx(1, abs=2e-3), history


@given(st.integers(0, 3))
def test_counting_in_parts_is_counting_all(cut: int) -> None:
    background = Background(shipped, [word for word in WORDS if word != END])
    phrases = [("turn the lights on".split(), 2.0), (["turn"], 1.0), (["lights", "on"], 0.5)]
    parts = merged(background.count(phrases[:cut]), background.count(phrases[cut:]))
    assert parts == background.count(phrases)
