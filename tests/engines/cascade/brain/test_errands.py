"""Functions as they are spoken of while they run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.errands import errand, meanwhile, running, subject
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Turn, model, user

SPOKEN = [
    ("get_weather", "checking the weather", "the weather"),
    ("getOpenOrders", "checking the open orders", "the open orders"),
    ("lookup_user", "checking the user", "the user"),
    ("get_the_time", "checking the time", "the time"),
    ("search_flights", "searching for the flights", "the flights"),
    ("set_timer", "setting the timer", "setting the timer"),
    ("book_table", "booking the table", "booking the table"),
    ("move_desk", "moving the desk", "moving the desk"),
    ("turn_on_the_lights", "turning on the lights", "turning on the lights"),
    ("turn_off", "turning off", "turning off"),
    ("delete_all_files", "deleting all files", "deleting all files"),
    ("transfer_money", "transferring the money", "transferring the money"),
    ("play_music", "playing the music", "playing the music"),
    ("search", "searching", "searching"),
    ("weather", "working on weather", "weather"),
    ("_", "working on it", "it"),
]


@pytest.mark.parametrize(("name", "doing", "about"), SPOKEN)
def test_names_become_words(name: str, doing: str, about: str) -> None:
    assert (errand(name), subject(name)) == (doing, about)


@given(st.text())
def test_any_name_has_words(name: str) -> None:
    assert errand(name).strip()
    assert subject(name).strip()


def test_what_is_said_meanwhile() -> None:
    assert meanwhile(["get_weather"]) == "One moment, I am checking the weather."
    assert meanwhile(["get_weather", "get_weather", "set_timer"], again=True) == (
        "I am still checking the weather and setting the timer."
    )


def test_which_functions_run() -> None:
    one, two = FunctionCall("1", "a", {}), FunctionCall("2", "b", {"x": 1})
    runs = tuple(FunctionResult(call.id, call.name, RUNNING) for call in (one, two))
    history = (user("x"), Turn("model", (one, two)), Turn("user", runs), model("One moment."))
    assert running(history) == {"1": one, "2": two}
    history = (*history, Turn("user", (FunctionResult("1", "a", {"y": 2}),)))
    assert running(history) == {"2": two}
    assert running((Turn("user", runs),)) == {}
