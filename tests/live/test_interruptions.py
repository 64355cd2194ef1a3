"""Interruptions that turn out to be none, in virtual time."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.history import FunctionCall, model, user
from antiphon.live.policy import Policy

SECOND = bytes(48_000)


def ask(driver: Any, *, seconds: int = 10) -> None:
    """The user asks, and the model begins a long answer."""
    driver.open()
    driver.text("Tell me a story.")
    for second in range(seconds):
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.OutputTranscript(1, f" w{second}", float(second)))


def say(driver: Any, text: str, seconds: float = 0.5) -> None:
    driver.event(engine.ActivityStarted(0.0))
    driver.later(seconds)
    driver.event(engine.ActivityEnded(seconds))
    driver.event(engine.InputTranscript(text, final=True))


def continues(driver: Any) -> list[engine.Continue]:
    return [event for event in driver.told if isinstance(event, engine.Continue)]


@pytest.mark.parametrize("noise", ["", "mm-hm"])
def test_an_answer_goes_on_after_a_cough_or_a_backchannel(driver: Any, names: Any, noise: str) -> None:
    ask(driver)
    driver.later(3.5)
    driver.effects.clear()
    say(driver, noise)
    assert names(driver.effects) == ["tell Interrupt", "interrupted", "turn_complete", "charge", "tell Continue"]
    going_on = continues(driver)[0]
    assert (going_on.generation, going_on.interrupted, going_on.heard) == (2, 1, 3.5)
    assert going_on.history == (user("Tell me a story."), model(" w0 w1 w2 w3"))


def test_what_goes_on_is_an_answer_like_any_other(driver: Any, names: Any) -> None:
    ask(driver)
    driver.later(3.5)
    say(driver, "mm-hm")
    driver.effects.clear()
    driver.event(engine.Speech(2, SECOND))
    driver.event(engine.OutputTranscript(2, " w4", 0.0))
    driver.event(engine.GenerationComplete(2))
    driver.later(2)
    assert names(driver.effects)[-3:] == ["generation_complete", "turn_complete", "charge"]
    assert driver.session.context.history[-1] == model(" w4")
    assert driver.charges[-1].usage.prompt.total == 0, "nothing was read again"


def test_real_words_take_the_turn(driver: Any) -> None:
    ask(driver)
    say(driver, "stop please")
    assert continues(driver) == []
    assert driver.told[-1].generation == 2
    assert driver.told[-1].history[-1] == user("stop please")


def test_a_yes_to_a_question_is_an_answer(driver: Any) -> None:
    driver.open()
    driver.text("Book it.")
    driver.event(engine.Speech(1, 6 * SECOND))
    driver.event(engine.OutputTranscript(1, "Shall I?", 0.0))
    driver.event(engine.OutputTranscript(1, " It costs a lot.", 3.0))
    driver.later(2)
    say(driver, "yeah")
    assert continues(driver) == []
    assert driver.told[-1].history[-1] == user("yeah")


def test_how_long_it_was_does_not_depend_on_what_is_charged(driver: Any) -> None:
    driver.open(realtimeInputConfig={"turnCoverage": "TURN_INCLUDES_ALL_INPUT"})
    driver.text("Tell me a story.")
    driver.event(engine.Speech(1, 10 * SECOND))
    driver.event(engine.ActivityStarted(60.0))
    driver.event(engine.ActivityEnded(60.5))
    driver.event(engine.InputTranscript("mm-hm", final=True))
    assert len(continues(driver)) == 1


def test_an_answer_that_is_nearly_over_is_not_taken_up_again(driver: Any) -> None:
    ask(driver, seconds=2)
    driver.event(engine.GenerationComplete(1))
    driver.later(1.2)
    say(driver, "okay")
    assert continues(driver) == []


def test_with_more_on_its_way_nothing_is_decided(driver: Any) -> None:
    ask(driver)
    driver.event(engine.ActivityStarted(0.0))
    driver.event(engine.ActivityEnded(0.4))
    driver.event(engine.ActivityStarted(0.6))
    driver.event(engine.InputTranscript("mm-hm", final=True))
    assert continues(driver) == []
    driver.event(engine.ActivityEnded(0.9))
    driver.event(engine.InputTranscript("okay", final=True))
    assert len(continues(driver)) == 1


def test_text_instead_of_a_continuation_is_answered(driver: Any) -> None:
    ask(driver)
    driver.event(engine.ActivityStarted(0.0))
    driver.event(engine.ActivityEnded(0.4))
    driver.text("No, wait.")
    driver.event(engine.InputTranscript("", final=True))
    assert continues(driver) == []


def test_it_is_the_owners_choice(new_driver: Any) -> None:
    driver = new_driver(Policy(resume_false_interruptions=False, voice_activity=False))
    ask(driver)
    say(driver, "mm-hm")
    assert continues(driver) == []
    assert driver.told[-1].history[-1] == user("mm-hm")


def test_an_engine_that_cannot_go_on_answers(new_driver: Any) -> None:
    driver = new_driver(None, Abilities("stubborn"))
    ask(driver)
    say(driver, "mm-hm")
    assert continues(driver) == []
    assert isinstance(driver.told[-1], engine.Respond)


def test_where_the_user_may_not_interrupt_a_backchannel_is_no_turn(driver: Any) -> None:
    driver.open(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"}, inputAudioTranscription={})
    driver.text("Tell me a story.")
    driver.event(engine.Speech(1, 10 * SECOND))
    driver.effects.clear()
    say(driver, "mm-hm")
    driver.event(engine.GenerationComplete(1))
    driver.later(20)
    assert not any(isinstance(event, engine.Respond) for event in driver.told)
    assert any(m.server_content and m.server_content.input_transcription for m in driver.messages)


class TestDelay:
    @pytest.fixture
    def patient(self, new_driver: Any) -> Any:
        return new_driver(Policy(interruption_delay=0.6, voice_activity=False))

    def test_a_short_noise_does_not_interrupt(self, patient: Any, names: Any) -> None:
        ask(patient)
        patient.effects.clear()
        say(patient, "mm-hm", seconds=0.5)
        patient.later(1)
        assert names(patient.effects) == []

    def test_longer_speech_does(self, patient: Any, names: Any) -> None:
        ask(patient)
        patient.event(engine.ActivityStarted(0.0))
        patient.effects.clear()
        patient.later(0.59)
        assert names(patient.effects) == []
        patient.later(0.02)
        assert "interrupted" in names(patient.effects)

    def test_words_that_are_known_earlier_do_not_wait(self, patient: Any, names: Any) -> None:
        ask(patient)
        patient.event(engine.ActivityStarted(0.0))
        patient.effects.clear()
        patient.event(engine.InputTranscript("mm-hm", final=False))
        assert names(patient.effects) == []
        patient.event(engine.InputTranscript("stop it", final=False))
        assert "interrupted" in names(patient.effects)

    def test_a_short_word_that_means_something_interrupts_when_it_is_known(self, patient: Any, names: Any) -> None:
        ask(patient)
        patient.effects.clear()
        say(patient, "stop", seconds=0.4)
        assert names(patient.effects)[:3] == ["tell Interrupt", "interrupted", "turn_complete"]
        assert patient.told[-1].history[-1] == user("stop")


class TestWhileAFunctionRuns:
    """Nothing is heard then that would have to stop at once."""

    @pytest.fixture
    def waiting(self, driver: Any) -> Any:
        driver.open(tools=[{"functionDeclarations": [{"name": "f"}]}])
        driver.text("Do f.")
        driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
        driver.effects.clear()
        return driver

    def test_a_cough_cancels_nothing(self, waiting: Any, names: Any) -> None:
        say(waiting, "")
        assert names(waiting.effects) == []
        waiting.client(toolResponse={"functionResponses": [{"id": "a", "response": {"output": 1}}]})
        assert names(waiting.effects) == ["tell ToolResults"]

    def test_an_answer_that_comes_during_the_cough_waits_for_its_end(self, waiting: Any, names: Any) -> None:
        waiting.event(engine.ActivityStarted(0.0))
        waiting.client(toolResponse={"functionResponses": [{"id": "a", "response": {"output": 1}}]})
        assert names(waiting.effects) == []
        waiting.event(engine.ActivityEnded(0.3))
        waiting.event(engine.InputTranscript("", final=True))
        assert names(waiting.effects) == ["tell ToolResults"]

    def test_words_cancel_the_call_and_are_answered(self, waiting: Any, names: Any) -> None:
        say(waiting, "forget it")
        assert names(waiting.effects) == [
            "tell Interrupt",
            "tool_call_cancellation",
            "interrupted",
            "turn_complete",
            "charge",
            "tell Respond",
        ]

    def test_a_filler_that_is_still_heard_stops_at_once(self, driver: Any, names: Any) -> None:
        driver.open(tools=[{"functionDeclarations": [{"name": "f"}]}])
        driver.text("Do f.")
        driver.event(engine.Speech(1, 3 * SECOND))
        driver.event(engine.ToolCalls(1, (FunctionCall("a", "f", {}),)))
        driver.effects.clear()
        driver.event(engine.ActivityStarted(0.0))
        assert "tool_call_cancellation" in names(driver.effects)
