"""Hints for recognisers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.recognisers.vocabulary import MAX_CHARACTERS, vocabulary
from antiphon.live.setup import Tool


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def test_names_inside_sentences_are_hints_and_the_instruction_is_not() -> None:
    instruction = "You are Ruth, of the Hotel Vier Jahreszeiten. Guests call about Mrs O'Neill's iPhone."
    assert vocabulary(instruction, (), ()) == ("Ruth", "Hotel Vier Jahreszeiten", "Mrs O'Neill", "iPhone")


def test_enumerated_values_are_hints_wherever_they_are() -> None:
    nested = schema(rooms={"type": "array", "items": {"anyOf": [{"enum": ["Küche", 7]}, {"enum": ["Bad"]}]}})
    assert vocabulary("", (Tool("light", parameters=nested),), ()) == ("Küche", "Bad")


def test_phrases_come_first_and_nothing_comes_twice() -> None:
    tool = Tool("light", parameters=schema(room={"enum": ["Bad", "good  night"]}))
    assert vocabulary("Ask in the Bad.", (tool,), ("good night",)) == ("good night", "Bad")


@given(st.lists(st.text(max_size=80), max_size=40))
def test_hints_are_bounded(phrases: list[str]) -> None:
    hints = vocabulary("", (), phrases)
    assert len(", ".join(hints)) <= MAX_CHARACTERS
    assert all(hint.strip() == hint != "" for hint in hints)


def test_odd_schemas_are_passed_over() -> None:
    odd: Any = {"properties": ["x"], "enum": "abc", "anyOf": {"a": 1}, "items": [1]}
    odd["additionalProperties"] = odd
    assert vocabulary("", (Tool("odd", parameters=odd), Tool("none")), ()) == ()
