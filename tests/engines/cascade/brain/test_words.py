"""Typed and recognised text become the same words."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.words import (
    alike,
    asks,
    core,
    find,
    listed,
    phrase,
    sentence,
    sentences,
    split,
    split_name,
    stem,
    topics,
)


@pytest.mark.parametrize(
    ("typed", "recognised"),
    [
        ("What's your name?", "what is your name"),
        ("What’s your name?", "what's your name"),
        ("I'm Alice", "i am alice"),
        ("Don't stop!", "do not stop"),
        ("I can't; won't", "i can not will not"),
        ("Who's there", "whos there"),
        ("My favourite colour", "my favorite color"),
        ("Twenty-one", "twenty one"),
        ("You're late", "you are late"),
        ("50%", "50 percent"),
        ("Hello, Ada.", "hello ada"),
    ],
)
def test_typed_and_recognised_are_comparable(typed: str, recognised: str) -> None:
    assert phrase(typed).words == phrase(recognised).words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2+2", ("2", "+", "2")),
        ("12*(3-1)", ("12", "*", "(", "3", "-", "1", ")")),
        ("10km at 5pm", ("10", "km", "at", "5", "pm")),
        ("1,000.50 euros", ("1,000.50", "euros")),
        ("at 10:30 on 2030-05-02", ("at", "10:30", "on", "2030-05-02")),
        ("the 3rd", ("the", "3rd")),
        ("write to alice@example.org now", ("write", "to", "alice@example.org", "now")),
        ("order AB123", ("order", "ab123")),
        ("Alice's dog", ("alice", "dog")),
        ("¿Dónde está?", ("dónde", "está")),
        ("…", ()),
    ],
)
def test_tokens(text: str, words: tuple[str, ...]) -> None:
    assert phrase(text).words == words


def test_the_written_form_stays() -> None:
    said = phrase("I'm Alice O'Neil, from Paris")
    assert said[2:4].text == "Alice O'Neil"
    assert phrase("a, b", commas=True).words == ("a", "and", "b")
    assert phrase("a, b", commas=True).text == "a, b"


@given(st.text(max_size=60))
@example("N'T")
def test_every_word_has_its_written_form(text: str) -> None:
    said = phrase(text, commas=True)
    assert len(said.words) == len(said.written)
    assert all(word == word.lower() and word for word in said.words)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Hi. How are you? Fine!", ["Hi.", "How are you?", "Fine!"]),
        ("Pi is 3.14 or so", ["Pi is 3.14 or so"]),
        ("Ask Dr. Smith. Now", ["Ask Dr. Smith.", "Now"]),
        ("- one\n- two", ["one", "two"]),
        ("hello how are you", ["hello how are you"]),
        ("  ", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert sentences(text) == parts


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("what is your name", True),
        ("can you tell me the time", True),
        ("do you remember the code", True),
        ("okay so where do i live", True),
        ("The pool?", True),
        ("my name is alice", False),
        ("please turn on the light", False),
        ("", False),
    ],
)
def test_questions_are_recognised_without_their_mark(text: str, question: bool) -> None:
    assert asks(phrase(text)) is question


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("hey can you tell me what time it is please", "what time it is"),
        ("okay um what is that thank you", "what is that"),
        ("please", "please"),
        ("hello", "hello"),
    ],
)
def test_core_is_the_sentence_without_politeness(text: str, rest: str) -> None:
    assert core(phrase(text)).text == rest


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [("weather", "wether", True), ("kitchen", "kitchens", True), ("light", "night", False), ("on", "off", False),
     ("red", "bed", False), ("music", "museum", False)],
)  # fmt: skip
def test_alike(left: str, right: str, same: bool) -> None:
    assert alike(left, right) is same


def test_small_helpers() -> None:
    assert split_name("setLightLevel") == split_name("set_light-level") == ("set", "light", "level")
    assert split_name("getURLOf2") == ("get", "url", "of2")
    assert stem("lights") == stem("light")
    assert topics(["what", "is", "the", "wifi", "password", "4"]) == ["wifi", "password", "4"]
    assert find(["a", "b", "c"], ["b", "c"]) == 1
    assert find(["a"], ["b"]) == find(["a"], []) == -1
    assert split(["a", "and", "and", "b", "and"], {"and"}) == [slice(0, 1), slice(3, 4)]
    assert [listed(items) for items in ([], ["a"], ["a", "b", "c"])] == ["", "a", "a, b and c"]
    assert [sentence(text) for text in (" hello there ", "why?", "")] == ["Hello there.", "Why?", ""]
