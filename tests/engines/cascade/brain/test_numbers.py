"""Numbers, spoken and written."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.numbers import find_all, ordinal, read, say, spell, with_digits
from antiphon.engines.cascade.brain.words import phrase

NUMBERS = [
    ("zero", "0"),
    ("seven", "7"),
    ("nineteen", "19"),
    ("twenty five", "25"),
    ("Twenty-Five", "25"),
    ("a hundred", "100"),
    ("one hundred and five", "105"),
    ("two hundred fifty", "250"),
    ("fifteen hundred", "1500"),
    ("a thousand and one", "1001"),
    ("two hundred fifty thousand", "250000"),
    ("twelve million three hundred thousand and six", "12300006"),
    ("2 million", "2000000"),
    ("1,000,000", "1000000"),
    ("3.5", "3.5"),
    ("two point five", "2.5"),
    ("zero point zero five", "0.05"),
    ("one point twenty five", "1.25"),
    ("point five", "0.5"),
    ("three and a half", "3.5"),
    ("four two seven", "4 2 7"),
    ("oh four two", "0 4 2"),
    ("minus three", "-3"),
]


@pytest.mark.parametrize(("text", "digits"), NUMBERS)
def test_a_number_is_read_whole(text: str, digits: str) -> None:
    (number,) = find_all(phrase(text).words)
    assert number.text == digits
    assert number.end - number.start == len(phrase(text).words)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("five and seven", [5, 7]),
        ("twenty twenty six", [20, 26]),
        ("one million two million", [10**6, 2 * 10**6]),
        ("ten minus three", [10, 3]),
        ("room four two seven on level three", [427, 3]),
        ("hundred", []),
        ("no number at all", []),
        ("9" * 60, []),
    ],
)
def test_all_numbers_of_a_sentence(text: str, values: list[int]) -> None:
    assert [number.value for number in find_all(phrase(text).words)] == values


def test_homophones_only_where_asked() -> None:
    assert read(["to"]) is None
    assert read(["to"], homophones=True) == (2, 1)
    assert read(["five"], 3) is None


@pytest.mark.parametrize(
    ("text", "value"), [("third", 3), ("twenty first", 21), ("3rd", 3), ("thirtieth", 30), ("21st", 21)]
)
def test_ordinals(text: str, value: int) -> None:
    words = phrase(text).words
    assert ordinal(words) == (value, len(words))
    assert ordinal(["three"]) is None
    assert ordinal([], 0) is None


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("the door code is four two seven", "the door code is 4 2 7"),
        ("the red one", "the red one"),
        ("I have Twenty One cats", "I have 21 cats"),
        ("already 42", "already 42"),
        ("minus five degrees", "-5 degrees"),
        ("nothing here", "nothing here"),
    ],
)
def test_with_digits(text: str, digits: str) -> None:
    said = phrase(text)
    assert with_digits(said.words, said.written) == digits


@pytest.mark.parametrize(
    ("value", "text", "exact"),
    [
        (Fraction(42), "42", True),
        (Fraction(62, 5), "12.4", True),
        (Fraction(1, 3), "0.3333", False),
        (Fraction(-1, 2), "-0.5", True),
        (Fraction(-1, 10**9), "0", False),
        (Fraction(10**6), "1000000", True),
    ],
)
def test_spell(value: Fraction, text: str, exact: bool) -> None:
    assert spell(value) == (text, exact)


def test_a_minus_is_a_word_when_spoken() -> None:
    assert say(Fraction(-3)) == ("minus 3", True)


@given(st.decimals(min_value=-(10**9), max_value=10**9, places=4))
def test_four_decimals_are_always_exact(value: object) -> None:
    text, exact = spell(Fraction(str(value)))
    assert exact
    assert Fraction(text) == Fraction(str(value))
