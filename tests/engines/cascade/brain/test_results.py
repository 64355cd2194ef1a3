"""What is said about function results."""

from typing import Any

import pytest

from antiphon.engines.cascade.brain.results import say_value, spoken_result
from antiphon.engines.cascade.parts import Say
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Turn, model, user

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


WEATHER = FunctionCall("call-1", "get_weather", {})
TIMER = FunctionCall("call-2", "set_timer", {})


def result(call: FunctionCall, **response: Any) -> FunctionResult:
    return FunctionResult(call.id, call.name, response)


class TestFunctionsThatAreNotWaitedFor:
    """Their first result is that they run; what they came to is told when it comes."""

    @pytest.fixture
    def tell(self, chat: Any) -> Any:
        def tell(*results: FunctionResult, after: tuple[Turn, ...] = (), calls: Any = (WEATHER,)) -> str:
            history = (user("x"), Turn("model", calls), *after, Turn("user", results))
            thought = chat(history=history)._answer()
            assert isinstance(thought, Say)
            return thought.text

        return tell

    def test_while_they_run_that_is_said(self, tell: Any) -> None:
        runs = result(WEATHER, **RUNNING)
        assert tell(runs) == "One moment, I am checking the weather."
        both = "One moment, I am checking the weather and setting the timer."
        assert tell(runs, result(TIMER, **RUNNING), calls=(WEATHER, TIMER)) == both

    def test_the_one_that_is_ready_is_told_at_once(self, tell: Any) -> None:
        told = tell(result(TIMER, **RUNNING), result(WEATHER, sky="clear"), calls=(WEATHER, TIMER))
        assert told == "The sky is clear. I am still setting the timer."

    def test_a_result_that_comes_next_is_simply_told(self, tell: Any) -> None:
        begun = (Turn("user", (result(WEATHER, **RUNNING),)), model("One moment, I am checking the weather."))
        assert tell(result(WEATHER, sky="clear"), after=begun) == "The sky is clear."
        assert tell(result(WEATHER, error="no line"), after=begun) == "That did not work: No line."

    LATE = [
        (WEATHER, {"sky": "clear"}, "About the weather: The sky is clear."),
        (TIMER, {"result": "ok"}, "Setting the timer: done."),
        (TIMER, {"error": "no such room"}, "Setting the timer did not work: No such room."),
    ]

    @pytest.mark.parametrize(("call", "response", "told"), LATE)
    def test_one_that_comes_in_the_middle_of_another_matter_names_its_own(
        self, tell: Any, call: FunctionCall, response: dict[str, Any], told: str
    ) -> None:
        begun = Turn("user", (result(call, **RUNNING),))
        talk = (begun, model("One moment."), user("what is 2 plus 2"), model("2 plus 2 is 4."))
        assert tell(result(call, **response), after=talk, calls=(call,)) == told

    def test_parts_of_an_answer_are_told_as_they_come(self, tell: Any) -> None:
        begun = (Turn("user", (result(WEATHER, **RUNNING),)), model("One moment."))
        assert tell(result(WEATHER, progress="half"), after=begun) == "The progress is half."
        part = (*begun, Turn("user", (result(WEATHER, progress="half"),)), model("The progress is half."))
        assert tell(result(WEATHER, sky="clear"), after=part) == "The sky is clear."
        assert tell(result(WEATHER), after=part) == "That is all."
        assert tell(result(WEATHER), after=begun) == "Done."


def test_results_of_calls_that_nobody_remembers_are_told(chat: Any) -> None:
    conversation = chat(history=(Turn("user", (result(WEATHER, sky="clear"),)),))
    assert conversation._answer() == Say("The sky is clear.")


def test_single_values() -> None:
    assert [say_value(value) for value in ("as it is.", True, 2.50)] == ["as it is.", "yes", "2.5"]
