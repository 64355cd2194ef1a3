"""Where words begin, by their length."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.voices.pace import Foreseen, Pace
from antiphon.engines.cascade.voices.timing import estimate, words


def test_words_share_the_audible_sound() -> None:
    samples = np.concatenate([np.zeros(100), np.full(101, 900), np.zeros(50)]).astype(np.int16)
    assert estimate("abc def gh", samples) == [(0, 4, 100), (4, 8, 140), (8, 10, 180)]


def test_silence_is_shared_as_a_whole() -> None:
    assert estimate("ab cd ", np.zeros(60, np.int16)) == [(0, 3, 0), (3, 6, 30)]
    assert estimate("ab", np.zeros(0, np.int16)) == [(0, 2, 0)]


@given(st.text(max_size=40))
def test_every_character_is_in_one_word(text: str) -> None:
    found = words(text)
    assert "".join(text[start:stop] for start, stop in found) == text
    assert all(start < stop for start, stop in found)


def test_a_pace_is_learnt_sentence_by_sentence() -> None:
    pace = Pace()
    for _ in range(30):
        pace.learn(100, 10)
    assert round(pace.rate, 3) == 10
    pace.learn(3, 1)
    pace.learn(100, 0)
    assert round(pace.rate, 3) == 10


@given(st.text("ab c", max_size=30), st.lists(st.floats(0, 5), max_size=6).map(sorted), st.floats(1, 40))
def test_foreseen_words_come_once_and_in_order(text: str, moments: list[float], rate: float) -> None:
    foreseen = Foreseen(text, rate)
    told = [word for moment in moments for word in foreseen.begun(moment)]
    end = moments[-1] if moments else 0.0
    told += foreseen.rest(end)
    assert "".join(word.text for word in told) == text
    assert [word.offset for word in told] == sorted(word.offset for word in told)
    assert all(word.offset <= max(end, 0) for word in told)
