"""Functions the model does not wait for: it talks on, and tells what they came to."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Turn
from antiphon.live.policy import Policy

SECOND = bytes(48_000)
TOOLS = [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING"}, {"name": "g", "behavior": "BLOCKING"}]}]


def result(value: Any) -> FunctionResult:
    return FunctionResult("a", "f", value)


@pytest.fixture
def calling(driver: Any) -> Any:
    """The model called f, said that it did, and fell silent."""
    driver.open(model="gemini-3.8-live", tools=TOOLS)
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.later(0.3)
    return driver


def finish(driver: Any, number: int, seconds: int = 1) -> None:
    driver.event(engine.Speech(number, seconds * SECOND))
    driver.event(engine.OutputTranscript(number, "Yes.", 0.0))
    driver.event(engine.GenerationComplete(number))


def reply(driver: Any, **members: Any) -> None:
    driver.effects.clear()
    answer = {"id": "a", "name": "f", "response": {"output": 1}, **members}
    driver.client(toolResponse={"functionResponses": [answer]})


def test_the_model_talks_on_after_a_moment(calling: Any, names: Any) -> None:
    assert names(calling.effects)[-3:] == ["tell Respond", "tool_call", "tell ToolResults"]
    assert calling.told[-1].results == (result(RUNNING),)
    finish(calling, 1)
    calling.later(2)
    assert calling.messages[-1].server_content.turn_complete


def test_what_answers_at_once_needs_no_filler(driver: Any, names: Any) -> None:
    driver.open(model="gemini-3.8-live", tools=TOOLS)
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.later(0.29)
    reply(driver)
    assert names(driver.effects) == ["tell ToolResults"]
    assert driver.told[-1].results == (result({"output": 1}),)
    driver.effects.clear()
    driver.later(1)
    assert names(driver.effects) == []


def test_speech_in_that_moment_leaves_it_running(driver: Any, names: Any) -> None:
    driver.open(model="gemini-3.8-live", tools=TOOLS)
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.effects.clear()
    driver.text("And hurry.")
    assert names(driver.effects) == ["tell Interrupt", "interrupted", "turn_complete", "charge", "tell Respond"]
    assert driver.told[-1].history[-2] == Turn("user", (result(RUNNING),))
    finish(driver, 2)
    driver.later(2)
    reply(driver)
    assert names(driver.effects) == ["tell Respond"]


def test_its_result_is_told_when_the_model_is_idle(calling: Any, names: Any) -> None:
    finish(calling, 1, seconds=5)
    reply(calling)
    assert names(calling.effects) == []
    calling.later(6)
    assert names(calling.effects)[-1] == "tell Respond"
    assert calling.told[-1].history[-1] == Turn("user", (result({"output": 1}),))


def test_a_silent_result_is_only_remembered(calling: Any, names: Any) -> None:
    finish(calling, 1)
    calling.later(2)
    reply(calling, scheduling="SILENT")
    assert names(calling.effects) == []
    calling.text(" ")
    assert names(calling.effects) == [], "there is nothing to answer"
    calling.text("So?")
    assert result({"output": 1}) in calling.told[-1].history[-2].parts


def test_an_interrupting_result_is_told_at_once(calling: Any, names: Any) -> None:
    finish(calling, 1, seconds=10)
    reply(calling, scheduling="INTERRUPT")
    assert names(calling.effects) == ["tell Interrupt", "interrupted", "turn_complete", "charge", "tell Respond"]


def test_it_waits_for_a_user_who_speaks(calling: Any, names: Any) -> None:
    finish(calling, 1)
    calling.later(2)
    calling.event(engine.ActivityStarted(0.0))
    reply(calling, scheduling="INTERRUPT")
    assert names(calling.effects) == []
    calling.event(engine.ActivityEnded(1.0))
    calling.event(engine.InputTranscript("hello", final=True))
    assert names(calling.effects) == ["tell Respond"]
    assert [len(turn.parts) for turn in calling.told[-1].history[-2:]] == [1, 1]


def test_on_the_older_model_it_interrupts_the_user(driver: Any, names: Any) -> None:
    driver.open(model="gemini-2.5-flash-native-audio-preview-12-2025", tools=TOOLS)
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.later(0.3)
    finish(driver, 1)
    driver.later(2)
    driver.event(engine.ActivityStarted(0.0))
    reply(driver, scheduling="INTERRUPT")
    assert names(driver.effects) == ["tell Respond"]


def test_a_result_may_come_in_parts(calling: Any) -> None:
    finish(calling, 1)
    calling.later(2)
    reply(calling, willContinue=True, scheduling="SILENT")
    reply(calling, willContinue=True, scheduling="SILENT", response={"output": 2})
    reply(calling, response={"output": 3})
    told = calling.told[-1].history
    assert [turn.parts[0].response["output"] for turn in told[-3:]] == [1, 2, 3]
    reply(calling)
    assert calling.notes == ["toolResponse.functionResponses[0]: ignored, call 'a' was answered before"]


def test_speech_does_not_cancel_it(calling: Any, names: Any) -> None:
    calling.event(engine.Speech(1, 5 * SECOND))
    calling.effects.clear()
    calling.event(engine.ActivityStarted(0.0))
    assert "tool_call_cancellation" not in names(calling.effects)
    calling.event(engine.ActivityEnded(1.0))
    calling.event(engine.InputTranscript("and how are you", final=True))
    finish(calling, 2)
    calling.later(2)
    reply(calling)
    assert names(calling.effects) == ["tell Respond"]


def test_without_an_answer_it_expires_and_the_user_is_told(calling: Any, names: Any) -> None:
    finish(calling, 1)
    calling.later(590)
    calling.effects.clear()
    calling.later(20)
    assert names(calling.effects) == ["note", "tool_call_cancellation", "tell Respond"]
    assert calling.told[-1].history[-1].parts == (result({"error": "no answer within 600 s"}),)


def test_the_model_waits_only_for_those_it_must(driver: Any, names: Any) -> None:
    driver.open(model="gemini-3.8-live", tools=TOOLS)
    driver.text("Do both.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}), FunctionCall("b", "g", {}))))
    driver.later(1)
    assert names(driver.effects)[-1] == "tool_call"
    driver.client(toolResponse={"functionResponses": [{"id": "b", "response": {"output": 2}}]})
    assert driver.told[-1].results == (result(RUNNING), FunctionResult("b", "g", {"output": 2}))


def test_the_thinking_model_says_whether_it_will_speak_again(driver: Any) -> None:
    driver.open(model="gemini-3.8-live-extended-thinking", tools=TOOLS[:1])
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.later(0.3)
    finish(driver, 1)
    driver.later(2)
    assert driver.messages[-1].server_content.interaction_status == "IN_PROGRESS"
    reply(driver)
    finish(driver, 2)
    driver.later(2)
    assert driver.messages[-1].server_content.interaction_status == "IDLE"


def test_a_session_that_waits_for_one_cannot_be_resumed(new_driver: Any, names: Any) -> None:
    driver = new_driver(Policy(pace_turns=False, voice_activity=False))
    driver.open(model="gemini-3.8-live", tools=TOOLS, sessionResumption={})
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.later(0.3)
    driver.effects.clear()
    finish(driver, 1)
    assert "save" not in names(driver.effects)
    reply(driver, scheduling="SILENT")
    assert names(driver.effects) == ["save"]


def test_results_that_come_together_are_told_together(driver: Any, names: Any) -> None:
    driver.open(model="gemini-3.8-live", tools=TOOLS)
    driver.text("Do it twice.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}), FunctionCall("b", "f", {}))))
    driver.later(0.3)
    finish(driver, 1, seconds=5)
    reply(driver)
    driver.client(toolResponse={"functionResponses": [{"id": "b", "name": "f", "response": {"output": 2}}]})
    driver.later(6)
    assert driver.told[-1].history[-1] == Turn("user", (result({"output": 1}), FunctionResult("b", "f", {"output": 2})))
    assert names(driver.effects).count("tell Respond") == 1


def test_an_id_that_comes_again_is_another_call(calling: Any) -> None:
    finish(calling, 1)
    calling.later(2)
    calling.text("Again.")
    calling.event(engine.ToolCalls(2, (FunctionCall("a", "f", {}),)))
    sent = [call.id for message in calling.messages if message.tool_call for call in message.tool_call.function_calls]
    assert sent == ["a", "a-2"]


def test_one_that_expires_before_the_model_talks_on_is_its_result(new_driver: Any, names: Any) -> None:
    driver = new_driver(Policy(filler_delay=5.0, background_tool_timeout=2.0, voice_activity=False))
    driver.open(model="gemini-3.8-live", tools=TOOLS)
    driver.text("Do f.")
    driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
    driver.effects.clear()
    driver.later(10)
    assert names(driver.effects) == ["note", "tool_call_cancellation", "tell ToolResults"]
    assert driver.told[-1].results == (result({"error": "no answer within 2 s"}),)
