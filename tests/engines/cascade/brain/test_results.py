"""What is said about function results."""

from typing import Any

import pytest

from antiphon.engines.cascade.brain.results import say_value, spoken_result
from antiphon.live.history import FunctionCall, FunctionResult, Turn, model, user

SPOKEN = [
    ("turn_on", {"result": "ok"}, "Done."),
    ("turn_on", {"output": "Success."}, "Done."),
    ("turn_on", {}, "Done."),
    ("turn_on", {"result": None}, "Done."),
    ("turn_on", {"result": True}, "Done."),
    ("get_joke", {"output": "Knock knock"}, "Knock knock."),
    ("get_temperature", {"result": 21}, "The temperature is 21."),
    ("getOpenOrders", {"result": ["pizza", "salad"]}, "The open orders are pizza and salad."),
    ("get_lights", {"result": []}, "Done."),
    ("compute", {"result": 12.4}, "12.4."),
    ("compute", {"result": -3}, "Minus 3."),
    ("get_weather", {"temperature": 21, "sky": "clear"}, "The temperature is 21, the sky is clear."),
    ("get_weather", {"output": {"tempC": 21.5, "isRaining": False}}, "The temp c is 21.5, the is raining is no."),
    ("get_hours", {"result": {"opening_hours": "7 to 10"}}, "The opening hours are 7 to 10."),
    ("get_user", {"user": {"name": "Alice", "tags": ["a", "b", "c"]}}, "The name is Alice, the tags are a, b and c."),
    ("get_data", {"a": {"b": {"c": {"d": 1}}}}, "The c has 1 entries."),
    ("x", {"result": list(range(9))}, "0, 1, 2, 3, 4, 5 and 3 more."),
    ("x", {"error": "no such room"}, "That did not work: No such room."),
    ("x", {"error": {"code": 404, "message": "gone"}}, "That did not work: The code is 404, the message is gone."),
    ("x", {"result": float("nan")}, "Not a number."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "response", "spoken"), SPOKEN)
def test_results_as_sentences(name: str, response: dict[str, Any], spoken: str) -> None:
    assert spoken_result(FunctionResult("call-1", name, response)) == spoken


def test_an_error_that_is_empty_is_none() -> None:
    assert spoken_result(FunctionResult("call-1", "x", {"error": None, "result": "fine weather"})) == "Fine weather."


def test_a_long_result_is_cut() -> None:
    assert len(spoken_result(FunctionResult("call-1", "x", {"result": "word " * 5_000}))) < 700


def test_several_results_are_said_together(chat: Any, function: Any) -> None:
    tools = [function("turn_on_lights"), function("get_temperature")]
    conversation = chat(tools=tools)
    assert len(conversation.call("turn on the lights and tell me the temperature")) == 2
    assert conversation.results({"result": "ok"}, {"result": 21}) == "The temperature is 21."


def test_results_that_only_say_done_are_said_once(chat: Any) -> None:
    calls = (FunctionCall("call-1", "a", {}), FunctionCall("call-2", "b", {}))
    conversation = chat(history=(user("x"), Turn("model", calls)))
    assert conversation.results({"result": "ok"}, {"result": "done"}) == "Done."


def test_older_results_are_not_said_again(chat: Any) -> None:
    result = Turn("user", (FunctionResult("call-1", "x", {"result": 5}),))
    conversation = chat(history=(user("x"), result, model("5.")))
    assert conversation.say("thank you") == "You are welcome."


def test_single_values() -> None:
    assert [say_value(value) for value in ("as it is.", True, 2.50)] == ["as it is.", "yes", "2.5"]
