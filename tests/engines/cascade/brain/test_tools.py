"""Commands in conversation: calls, questions for what is missing, several at once."""

from collections.abc import Callable
from typing import Any

import pytest

from antiphon.engines.cascade.brain.tools import next_call
from antiphon.engines.cascade.parts import Call
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Turn, model
from antiphon.live.setup import Tool

TEXT, INTEGER = {"type": "string"}, {"type": "integer"}
ROOM = {"type": "string", "enum": ["kitchen", "living room"]}


@pytest.fixture
def house(function: Callable[..., Tool]) -> tuple[Tool, ...]:
    return (
        function("set_light", "Set a light", ("room", "brightness"), room=ROOM, brightness=INTEGER),
        function("turn_on_the_lights", "Turns the lights on."),
        function("play_music", "Play music", genre=TEXT),
        function("get_weather", "Get the weather in a city", ("city",), city=TEXT),
        function("send_message", "Send a message", ("to", "text"), to=TEXT, text=TEXT),
    )


TOGETHER = [
    ("turn on the lights and play some jazz", [("turn_on_the_lights", {}), ("play_music", {"genre": "jazz"})]),
    ("Turn on the lights, then play some jazz.", [("turn_on_the_lights", {}), ("play_music", {"genre": "jazz"})]),
    ("Turn on the lights. Play jazz, please.", [("turn_on_the_lights", {}), ("play_music", {"genre": "jazz"})]),
    (
        "what is the weather in paris and what is the weather in rome",
        [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Rome"})],
    ),
    (
        "send a message to alice saying hello and goodbye",
        [("send_message", {"to": "Alice", "text": "hello and goodbye"})],
    ),
    ("could you please turn on the lights for me", [("turn_on_the_lights", {})]),
    ("i would like you to play some rock music now", [("play_music", {"genre": "rock"})]),
]


@pytest.mark.parametrize(("said", "calls"), TOGETHER)
def test_commands_of_one_utterance_are_called_together(
    chat: Any, house: tuple[Tool, ...], said: str, calls: list[tuple[str, dict[str, Any]]]
) -> None:
    assert chat(tools=house).call(said) == calls


def test_the_call_is_all_there_is(chat: Any, house: tuple[Tool, ...]) -> None:
    assert isinstance(chat(tools=house).think("turn on the lights"), Call)


def test_ids_are_unique_in_the_session(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat(tools=house)
    ids = []
    for said in ("turn on the lights and play jazz", "turn on the lights"):
        thought = conversation.think(said)
        assert isinstance(thought, Call)
        ids += [one.id for one in thought.calls]
        conversation.results(*({} for _ in thought.calls))
    assert ids == ["call-1", "call-2", "call-3"]


def test_missing_arguments_are_asked_for_one_by_one(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat(tools=house)
    assert conversation.say("set the light") == "Which room? Kitchen or living room?"
    assert conversation.say("the living room") == "What brightness?"
    assert conversation.call("fifty percent") == [("set_light", {"room": "living room", "brightness": 50})]
    assert conversation.results({"result": "ok"}) == "Done."


def test_an_answer_may_give_more_than_was_asked_for(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat(tools=house)
    assert conversation.say("set the light to forty") == "Which room? Kitchen or living room?"
    assert conversation.call("kitchen") == [("set_light", {"room": "kitchen", "brightness": 40})]


def test_a_question_is_repeated_until_answered_or_dropped(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat(tools=house)
    asked = conversation.say("set the light to forty")
    assert conversation.say("the garden maybe") == asked
    assert conversation.say("what is 2 plus 2") == "2 plus 2 is 4."
    assert conversation.say("set the light to forty") == asked
    assert conversation.say("never mind") == "Okay."
    assert conversation.say("kitchen").startswith("I heard")


def test_another_command_may_come_instead_of_an_answer(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat(tools=house)
    conversation.say("set the light to forty")
    assert conversation.call("turn on the lights") == [("turn_on_the_lights", {})]


def test_the_rest_of_several_commands_waits_for_the_answer(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat(tools=house)
    assert conversation.say("turn on the lights and tell me the weather") == "Which city?"
    assert conversation.call("paris") == [("turn_on_the_lights", {}), ("get_weather", {"city": "Paris"})]


def test_commands_go_before_other_skills_and_other_skills_before_guesses(chat: Any, house: tuple[Tool, ...]) -> None:
    conversation = chat("You are Ada. Rock music is played on fridays.", tools=house)
    assert conversation.say("what is your name") == "I am Ada."
    assert conversation.say("when is rock music played") == "Rock music is played on fridays."
    assert conversation.say("remember the number 42") == "Okay, I will remember that the number is 42."
    assert conversation.call("Ada, play rock music") == [("play_music", {"genre": "rock"})]


def test_without_declared_functions_nothing_is_called(chat: Any) -> None:
    assert chat().say("turn on the lights").startswith("I heard")


class TestFunctionsThatRun:
    """They are not waited for, and not called twice."""

    @pytest.fixture
    def waiting(self, chat: Any, house: tuple[Tool, ...]) -> Any:
        conversation = chat(tools=house)
        conversation.call("what is the weather in paris")
        assert conversation.results(RUNNING) == "One moment, I am checking the weather."
        return conversation

    def test_asked_again_it_says_that_it_still_waits(self, waiting: Any) -> None:
        assert waiting.say("what is the weather in paris") == "I am still checking the weather."

    def test_another_call_is_made(self, waiting: Any) -> None:
        assert waiting.call("what is the weather in rome") == [("get_weather", {"city": "Rome"})]
        assert waiting.history[-1].parts[0].id == "call-2"

    def test_of_several_only_the_new_ones_are_called(self, waiting: Any) -> None:
        both = "tell me the weather in paris and turn on the lights"
        assert waiting.call(both) == [("turn_on_the_lights", {})]

    def test_after_its_result_it_is_called_again(self, waiting: Any) -> None:
        done = Turn("user", (FunctionResult("call-1", "get_weather", {"sky": "clear"}),))
        waiting.history = (*waiting.history, done, model("The sky is clear."))
        assert waiting.call("what is the weather in paris") == [("get_weather", {"city": "Paris"})]


def test_numbers_of_calls_go_on_where_old_turns_are_gone() -> None:
    call = FunctionCall("call-41", "x", {})
    repeated = FunctionCall("call-8-3", "x", {})
    foreign = (FunctionCall("function-call-99", "x", {}), FunctionCall("call-", "x", {}))
    assert next_call(()) == 1
    assert next_call((Turn("model", (call,)),)) == 42
    assert next_call((Turn("model", (repeated,)),)) == 9
    assert next_call((Turn("model", foreign),)) == 3
