"""Cutting a stream of text into sentences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.sentences import LONGEST, Sentences


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


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Smith and J. R. Tolkien came. Then", ["Dr. Smith and J. R. Tolkien came. ", "Then"]),
        ("Come at 5 p.m. on Monday. Or", ["Come at 5 p.m. on Monday. ", "Or"]),
        ("Come at 5 p.m. Bring it.", ["Come at 5 p.m. ", "Bring it."]),
        ("Apples, pears, etc. are fruit. Yes", ["Apples, pears, etc. are fruit. ", "Yes"]),
        ("See No. 5 there. I said no. Then", ["See No. 5 there. ", "I said no. ", "Then"]),
        ("It was 1999. In 2000 it", ["It was 1999. ", "In 2000 it"]),
        ("I have 3. You", ["I have 3. ", "You"]),
        ("1. First one\n2. Second", ["1. First one\n", "2. Second"]),
        ("Well... I think so", ["Well... ", "I think so"]),
        ("So do I. Good", ["So do I. ", "Good"]),
        ("e.g. this or z.B. das", ["e.g. this or z.B. das"]),
        ("Version 3.5 costs 1,000 dollars", ["Version 3.5 costs 1,000 dollars"]),
    ],
)
def test_full_stops_that_end_nothing(text: str, sentences: list[str]) -> None:
    cutter = Sentences()
    assert cutter.feed(text) + cutter.flush() == sentences
    found = [sentence for character in text for sentence in cutter.feed(character)]
    assert found + cutter.flush() == sentences


LONG = "Well, if you ask me about the weather of tomorrow, I would say that it rains, and then, perhaps, snows. Yes, it"


def test_the_first_clause_of_a_long_sentence_goes_early() -> None:
    eager = Sentences(eager=True)
    out = [(len("".join(LONG[: at + 1])), piece) for at in range(len(LONG)) for piece in eager.feed(LONG[at])]
    first = "Well, if you ask me about the weather of tomorrow, "
    assert [piece for _, piece in out] == [first, LONG[len(first) : LONG.index("Yes")]]
    assert out[0][0] == len(first) + 1
    assert [piece for at in LONG for piece in Sentences().feed(at)] == []


@pytest.mark.parametrize(
    "text",
    [
        "Yes, that is so.",
        "It costs 1,000,000 dollars and no cent more than that",
        "One, two, three, four, five, six, seven, eight.",
    ],
)
def test_short_or_whole_sentences_are_not_cut(text: str) -> None:
    eager = Sentences(eager=True)
    assert eager.feed(text) == []


def test_a_sentence_without_end_is_cut_all_the_same() -> None:
    cutter = Sentences()
    text = "word " * 500
    pieces = cutter.feed(text) + cutter.flush()
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= LONGEST


def test_a_sentence_is_out_before_the_next_is_whole() -> None:
    cutter = Sentences()
    assert cutter.feed("First one. And") == ["First one. "]


@given(st.lists(st.text(alphabet="abD .,!?\n。5", max_size=30)), st.booleans())
def test_joined_they_are_the_text(pieces: list[str], eager: bool) -> None:
    cutter = Sentences(eager=eager)
    found = [sentence for piece in pieces for sentence in cutter.feed(piece)]
    assert "".join(found + cutter.flush()) == "".join(pieces)
