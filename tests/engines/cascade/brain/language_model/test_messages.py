"""A history as messages: nothing is lost, and every call has its one result right behind it."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.language_model.messages import (
    BEGINNING,
    GO_ON,
    NO_RESULT,
    Answered,
    Message,
    Results,
    Said,
    as_json,
    messages,
    without_pictures,
)
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Part, Picture, Turn, Words, model, user

PICTURE = Picture("image/jpeg", b"\xff\xd8", frame=True)


def test_words_of_both_sides() -> None:
    assert messages((user("Hi."), model("Hello!"), user("How"), user("are you?"))) == (
        Said((Words("Hi."),)),
        Answered("Hello!"),
        Said((Words("How are you?"),)),
    )


def test_the_user_begins_and_has_the_last_word() -> None:
    assert messages(()) == (Said((Words(BEGINNING),)),)
    assert messages((model("Welcome."),)) == (Said((Words(BEGINNING),)), Answered("Welcome."), Said((Words(GO_ON),)))


def test_calls_made_together_have_their_results_in_order() -> None:
    calls = (FunctionCall("1", "f", {"a": 1}), FunctionCall("2", "g", {}))
    history = (
        user("Do it."),
        Turn("model", (Words("Wait."), *calls)),
        Turn("user", (FunctionResult("2", "g", {"output": 2}),)),
        Turn("user", (FunctionResult("1", "f", {"output": 1}),)),
    )
    assert messages(history) == (
        Said((Words("Do it."),)),
        Answered("Wait.", calls),
        Results((FunctionResult("1", "f", {"output": 1}), FunctionResult("2", "g", {"output": 2}))),
    )


def test_what_ran_in_the_background_is_told_in_words_when_it_is_done() -> None:
    call = FunctionCall("1", "f", {})
    history = (
        user("Book it."),
        Turn("model", (call,)),
        Turn("user", (FunctionResult("1", "f", RUNNING),)),
        model("It is being booked."),
        Turn("user", (FunctionResult("1", "f", {"seat": "4A"}),)),
    )
    assert messages(history)[2:] == (
        Results((FunctionResult("1", "f", RUNNING),)),
        Answered("It is being booked."),
        Said((Words('(The function f, called as 1, has returned: {"seat":"4A"})'),)),
    )


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    history = (Turn("model", (FunctionCall("1", "f", {}),)), user("And?"))
    assert messages(history)[1:] == (
        Answered("", (FunctionCall("1", "f", {}),)),
        Results((FunctionResult("1", "f", NO_RESULT),)),
        Said((Words("And?"),)),
    )


def test_results_without_an_id_belong_to_the_call_of_their_name() -> None:
    history = (
        Turn("model", (FunctionCall("", "f", {}), FunctionCall("", "g", {}))),
        Turn("user", (FunctionResult("", "g", {"x": 1}), FunctionResult("", "f", {"x": 2}))),
    )
    answered, results = messages(history)[1:]
    assert isinstance(answered, Answered)
    assert [call.id for call in answered.calls] == ["call-1", "call-2"]
    assert results == Results((FunctionResult("call-1", "f", {"x": 2}), FunctionResult("call-2", "g", {"x": 1})))


def test_only_the_newest_pictures_are_kept() -> None:
    turns = tuple(Turn("user", (Picture("image/png", bytes([n])), Words(f"{n}"))) for n in range(3))
    shown = without_pictures(messages(turns), 2)
    assert shown[0] == Said(
        (Words("0"), Picture("image/png", b"\1"), Words("1"), Picture("image/png", b"\2"), Words("2"))
    )
    assert without_pictures((Said((PICTURE,)),)) == (Said((Words("(A picture.)"),)),)


# --- nothing is lost, whatever the history ------------------------------------------------------------------

NAMES = st.sampled_from(["1", "2", "3", ""])
ARGUMENTS: Any = st.dictionaries(st.sampled_from("ab"), st.integers(0, 99), max_size=2)
WORDS = st.integers(100, 999).map(lambda n: Words(f"w{n}"))
PARTS: dict[str, st.SearchStrategy[Part]] = {
    "user": st.one_of(
        WORDS,
        st.just(PICTURE),
        st.builds(FunctionResult, NAMES, st.just("f"), ARGUMENTS | st.just(RUNNING)),
    ),
    "model": st.one_of(WORDS, st.builds(FunctionCall, NAMES, st.just("f"), ARGUMENTS)),
}
TURNS = st.sampled_from(["user", "model"]).flatmap(
    lambda role: st.builds(Turn, st.just(role), st.lists(PARTS[role], max_size=4).map(tuple))
)


@settings(max_examples=40)
@given(st.lists(TURNS, max_size=8).map(tuple))
def test_nothing_said_called_or_answered_is_lost(history: tuple[Turn, ...]) -> None:
    written = messages(history)
    parts = [part for turn in history for part in turn.parts]
    text = " ".join(_text(message) for message in written)
    position = 0
    for part in parts:
        if isinstance(part, Words):
            position = text.index(part.text, position) + len(part.text)
    calls = [call for message in written if isinstance(message, Answered) for call in message.calls]
    assert [call.args for call in calls] == [part.args for part in parts if isinstance(part, FunctionCall)]
    assert sum(message.pictures for message in written) == sum(isinstance(part, Picture) for part in parts)
    results = [result.response for message in written if isinstance(message, Results) for result in message.results]
    told = sum(text.count("has returned: " + as_json(value)) for value in _values(parts))
    given = [part for part in parts if isinstance(part, FunctionResult)]
    answered = [value for value in results if value is not NO_RESULT]
    assert len(answered) + text.count("has returned: ") == len(given)
    assert told == text.count("has returned: ")


@settings(max_examples=40)
@given(st.lists(TURNS, max_size=8).map(tuple))
def test_the_order_is_one_that_every_dialect_takes(history: tuple[Turn, ...]) -> None:
    written = messages(history)
    assert isinstance(written[0], Said)
    assert isinstance(written[-1], Said | Results)
    ids = [call.id for message in written if isinstance(message, Answered) for call in message.calls]
    assert len(ids) == len(set(ids))
    assert all(ids)
    for before, after in pairwise(written):
        called = isinstance(before, Answered) and bool(before.calls)
        assert called == isinstance(after, Results)
        if isinstance(before, Answered) and isinstance(after, Results):
            assert [call.id for call in before.calls] == [result.id for result in after.results]
        assert type(before) is not type(after)


def _text(message: Message) -> str:
    if isinstance(message, Said):
        return " ".join(part.text for part in message.parts if isinstance(part, Words))
    return message.text if isinstance(message, Answered) else ""


def _values(parts: list[Part]) -> list[dict[str, Any]]:
    unique = {as_json(part.response): part.response for part in parts if isinstance(part, FunctionResult)}
    return list(unique.values())


@pytest.mark.parametrize("value", [{"when": object()}, {"n": float("nan")}, {"b": b"x"}])
def test_anything_becomes_json(value: dict[str, Any]) -> None:
    assert as_json(value).startswith("{")
