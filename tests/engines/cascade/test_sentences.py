"""Cutting a stream of text into sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.sentences import Sentences


@pytest.mark.parametrize(
    ("pieces", "sentences"),
    [
        (["Hello. How are you?"], ["Hello. ", "How are you?"]),
        (["Hel", "lo. ", "How"], ["Hello. ", "How"]),
        (["It is 3.5 meters."], ["It is 3.5 meters."]),
        (['He said "no." Then left.'], ['He said "no." ', "Then left."]),
        (["One\nTwo"], ["One\n", "Two"]),
        (["你好。再见。"], ["你好。", "再见。"]),
        ([""], []),
    ],
)
def test_sentences(pieces: list[str], sentences: list[str]) -> None:
    cutter = Sentences()
    found = [sentence for piece in pieces for sentence in cutter.feed(piece)]
    assert found + cutter.flush() == sentences


def test_a_sentence_is_out_before_the_next_is_whole() -> None:
    cutter = Sentences()
    assert cutter.feed("First one. And") == ["First one. "]


@given(st.lists(st.text(alphabet="ab .!?\n。", max_size=12)))
def test_joined_they_are_the_text(pieces: list[str]) -> None:
    cutter = Sentences()
    found = [sentence for piece in pieces for sentence in cutter.feed(piece)]
    assert "".join(found + cutter.flush()) == "".join(pieces)
