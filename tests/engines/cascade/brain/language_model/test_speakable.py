"""What is spoken of a model's text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.language_model.speakable import MAX_HELD, Speakable

CASES = [
    ("It is **very** _nice_ and ~~not~~ `code`.", "It is very nice and not code."),
    ("# Heading\nText", "Heading\nText"),
    ("- one\n- two\n* three\n1. four", "one\ntwo\nthree\n1. four"),
    ("> quoted\n\n---\nafter", "quoted\n\nafter"),
    ("See [the page](https://example.com/a?b=c) now.", "See the page now."),
    ("Go to https://www.example.com/a/b?c=1. Then", "Go to example.com. Then"),
    ("Go to (http://x.org/y), please", "Go to (x.org), please"),
    ("![A cat](cat.png) sits", "A cat sits"),
    ("Great 👍🏽!  ☀️ Bye 👩‍👩‍👧", "Great !   Bye "),
    ("2 * 3 is 6, and 2*3 too; x_1 and snake_case", "2 * 3 is 6, and 2*3 too; x_1 and snake case"),
    ("```python\nprint(1)\n```\nDone", "print(1)\nDone"),
    ("| a | b |\n|---|---|\n| 1 | 2 |", ", a, b, \n, 1, 2, "),
    ("a \\* b \\# c", "a * b # c"),
    ("minus -5 and well-known, 5 > 3", "minus -5 and well-known, 5 > 3"),
    ("Hello, how are you? Wow!", "Hello, how are you? Wow!"),
    ("Array [1, 2] and (so) on", "Array [1, 2] and (so) on"),
    ("日本語**強調**です。", "日本語強調です。"),
]


@pytest.mark.parametrize(("text", "spoken"), CASES)
def test_whole(text: str, spoken: str) -> None:
    speakable = Speakable()
    assert speakable.feed(text) + speakable.flush() == spoken


@pytest.mark.parametrize(("text", "spoken"), CASES)
def test_character_by_character(text: str, spoken: str) -> None:
    speakable = Speakable()
    heard = "".join(speakable.feed(one) for one in text) + speakable.flush()
    assert heard.replace(" ,", ",").split() == spoken.split()


@pytest.mark.parametrize("word", ["Hello", " with", " how", ",", " there", "!", " wow", " 5", ".", " https"][:-1])
def test_plain_words_are_never_held_back(word: str) -> None:
    speakable = Speakable()
    speakable.feed("Well")
    assert speakable.feed(word) == word


def test_a_link_that_never_ends_is_let_go() -> None:
    speakable = Speakable()
    assert speakable.feed("[" + "x " * MAX_HELD)


@given(st.lists(st.text(alphabet="ab 1.,!?'\n", max_size=8)))
def test_plain_text_is_left_as_it_is(pieces: list[str]) -> None:
    speakable = Speakable()
    assert "".join(map(speakable.feed, pieces)) + speakable.flush() == "".join(pieces)
