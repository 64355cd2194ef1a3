"""Calculations, typed and recognised."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.arithmetic import arithmetic
from antiphon.engines.cascade.brain.skill import ask
from antiphon.engines.cascade.parts import Prompt
from antiphon.live.history import user

SUMS = [
    ("What's 2+2?", "2 plus 2 is 4."),
    ("what's two plus two", "2 plus 2 is 4."),
    ("what is twenty five plus seventeen", "25 plus 17 is 42."),
    ("How much is 25 times 4?", "25 times 4 is 100."),
    ("how much is twenty five times four please", "25 times 4 is 100."),
    ("can you tell me what is nine times nine", "9 times 9 is 81."),
    ("what is six time seven", "6 times 7 is 42."),
    ("what is too plus too", "2 plus 2 is 4."),
    ("what does 6 times 7 equal", "6 times 7 is 42."),
    ("6 × 7 =", "6 times 7 is 42."),
    ("12 divided by 5", "12 divided by 5 is 2.4."),
    ("1/3", "1 divided by 3 is about 0.3333."),
    ("0.1 + 0.2", "0.1 plus 0.2 is 0.3."),
    ("15 percent of 80", "15 percent of 80 is 12."),
    ("what is 12.5% of 80", "12.5 percent of 80 is 10."),
    ("fifteen percent of eighty", "15 percent of 80 is 12."),
    ("square root of 144", "The square root of 144 is 12."),
    ("what is the square root of two", "The square root of 2 is about 1.4142."),
    ("what is the cube root of minus 27", "The cube root of minus 27 is minus 3."),
    ("2 to the power of 10", "2 to the power of 10 is 1024."),
    ("two to the tenth power", "2 to the power of 10 is 1024."),
    ("2^10", "2 to the power of 10 is 1024."),
    ("2 to the power of minus 2", "2 to the power of minus 2 is 0.25."),
    ("what is 5 squared", "5 squared is 25."),
    ("3 cubed minus 2", "3 cubed minus 2 is 25."),
    ("half of ten", "Half of 10 is 5."),
    ("a third of 9", "A third of 9 is 3."),
    ("twice 21", "2 times 21 is 42."),
    ("add 5 and 7", "5 plus 7 is 12."),
    ("subtract five from twelve", "12 minus 5 is 7."),
    ("multiply 3 by 4", "3 times 4 is 12."),
    ("divide 12 by 5", "12 divided by 5 is 2.4."),
    ("what is the sum of 5 and 7", "5 plus 7 is 12."),
    ("the difference between 9 and 4", "9 minus 4 is 5."),
    ("5 minus 8", "5 minus 8 is minus 3."),
    ("10 - 3 - 2", "10 minus 3 minus 2 is 5."),
    ("what is two times three plus four", "2 times 3 plus 4 is 10."),
    ("four plus three times two", "4 plus 3 times 2 is 10."),
    ("(2+3)*4", "That is 20."),
    ("Hello. What is 1 + 1?", "1 plus 1 is 2."),
]
REFUSALS = [
    ("divide ten by zero", "I cannot divide by zero."),
    ("what is 5 over 0", "I cannot divide by zero."),
    ("0 to the power of minus 1", "I cannot divide by zero."),
    ("9^9^9", "That number is too large for me."),
    ("two to the power of one million", "That number is too large for me."),
    ("2^100000000", "That number is too large for me."),
    ("999999999999 times 999999999999", "That number is too large for me."),
]
NO_SUMS = [
    "what is five", "42", "hello", "what is the time", "room 5 and 7 are free", "the square root of", "2 plus",
    "square root of minus 4", "two to the power of half", "(" * 400 + "1", "plus", "one two three", "my code is 4 + 2",
]  # fmt: skip


def answer(text: str, now: Any) -> str | None:
    thought = arithmetic(ask(Prompt((user(text),)), now))
    return thought.text if thought else None


@pytest.mark.parametrize(("text", "expected"), SUMS + REFUSALS)
def test_sums(text: str, expected: str, now: Any) -> None:
    assert answer(text, now) == expected


@pytest.mark.parametrize("text", NO_SUMS)
def test_what_is_no_sum_is_left_alone(text: str, now: Any) -> None:
    assert answer(text, now) is None


@given(st.integers(-999, 999), st.sampled_from("+-*"), st.integers(1, 999))
def test_python_agrees(left: int, sign: str, right: int) -> None:
    from datetime import datetime

    text = answer(f"{left} {sign} {right}", datetime(2030, 1, 1)) or ""
    expected = {"+": left + right, "-": left - right, "*": left * right}[sign]
    assert Fraction(text.rsplit(" is ")[1].rstrip(".").replace("minus ", "-")) == expected
