"""What the next engine of a session knows, hears and owes, whatever kind it and the one before are."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.effects import Abandon, Note, Open, Send, SendFrame, SendSpeech, Tell
from antiphon.live.generation import CANCELLED
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, Turn, model, user
from antiphon.live.inputs import Dismiss, EngineLost, EngineOpened
from antiphon.live.policy import Policy
from antiphon.wire.gemini import server
from antiphon.wire.gemini.encode import encode_server

RELAY = Abilities("relay", takes_turns=True, paces=True, relays=True)
OTHER_RELAY = Abilities("other relay", takes_turns=True, paces=True, relays=True)
LED = Abilities("led", continues=True)
SECOND_RELAY = Abilities("second relay", takes_turns=True, paces=True, relays=True)
SECOND_LED = Abilities("second led", continues=True)
OTHER_LED = Abilities("other led", continues=True)
MANUAL = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
ALL = {
    "model": "models/gemini-3.8-live",
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "tools": [
        {"functionDeclarations": [{"name": "f", "behavior": "BLOCKING"}, {"name": "g", "behavior": "NON_BLOCKING"}]}
    ],
}
SECOND = bytes(48_000)
LATER = pytest.mark.parametrize("later", [OTHER_RELAY, OTHER_LED], ids=["relay", "led"])


def opened(new_driver: Any, abilities: Abilities, **more: Any) -> Any:
    return new_driver(Policy(voice_activity=False), abilities).open(**{**ALL, **more})


def lose(driver: Any, abilities: Abilities) -> tuple[Open, list[engine.UserEvent]]:
    """The engine is lost, another one opens: with what, and what that is told."""
    (opening,) = [effect for effect in driver.event(EngineLost("1011")) if isinstance(effect, Open)]
    return opening, told(driver.event(EngineOpened(abilities)))


def told(effects: list[Any]) -> list[engine.UserEvent]:
    return [effect.event for effect in effects if isinstance(effect, Tell)]


def speaks(driver: Any, number: int = 1, seconds: int = 1, said: str = "hello ") -> None:
    """The user speaks, and a relay answers."""
    driver.audio(bytes(32_000))
    if said:
        driver.event(engine.UserWords(said))
    driver.event(engine.GenerationStarted(number))
    driver.event(engine.Speech(number, SECOND * seconds))
    driver.event(engine.OutputTranscript(number, "one ", 0.0))


def content(*turns: Turn, complete: bool = False) -> dict[str, Any]:
    said = [{"role": turn.role, "parts": [{"text": turn.text}]} for turn in turns]
    return {"turns": said, "turnComplete": complete}


class TestWhatPlaysOut:
    @LATER
    def test_it_ends_by_the_audio_clock_whoever_takes_over(self, new_driver: Any, names: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver, seconds=3)
        driver.event(engine.GenerationComplete(1))
        opening, heard = lose(driver, later)
        assert opening.seed.history == (user("hello "), model("one "))
        assert heard == []
        assert names(driver.later(2.9)) == []
        assert names(driver.later(0.2)) == ["turn_complete", "charge"]

    def test_a_frame_that_interrupts_it_ends_it_as_well(self, new_driver: Any, names: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver, seconds=3)
        driver.event(engine.GenerationComplete(1))
        lose(driver, OTHER_RELAY)
        frame = encode_server(server.ServerMessage(server_content=server.ServerContent(interrupted=True)))
        effects = driver.event(engine.Relayed(frame, (engine.Interrupted(1),)))
        assert [name for name in names(effects) if name != "tell Interrupt"] == [
            "interrupted",
            "turn_complete",
            "charge",
        ]

    @LATER
    def test_what_was_typed_meanwhile_is_answered(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver, seconds=3)
        driver.event(engine.GenerationComplete(1))
        driver.text("more")
        _, heard = lose(driver, later)
        heard += told(driver.later(5))
        if later is OTHER_LED:
            assert heard == [engine.Respond(2, (user("hello "), model("one "), user("more")))]
        else:
            assert heard == [engine.Content((user("more"),), complete=True)]

    @LATER
    def test_what_a_function_came_to_is_told_then(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, LED)
        driver.text("hi")
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "g", {}),)))
        driver.later(1)
        driver.event(engine.Speech(1, SECOND * 3))
        driver.event(engine.GenerationComplete(1))
        answer = {"id": "c", "name": "g", "response": {"output": 1}}
        driver.client(toolResponse={"functionResponses": [answer]})
        _, heard = lose(driver, later)
        heard += told(driver.later(5))
        (event,) = heard
        turns = event.history if isinstance(event, engine.Respond) else event.turns
        assert turns[-1].parts == (FunctionResult("c", "g", {"output": 1}),)

    @LATER
    def test_so_is_what_waited_for_the_user_to_end(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, LED)
        driver.text("hi")
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "g", {}),)))
        driver.later(1)
        driver.event(engine.GenerationComplete(1))
        driver.event(engine.ActivityStarted(0.0))
        answer = {"id": "c", "name": "g", "response": {"output": 1}}
        driver.client(toolResponse={"functionResponses": [answer]})
        _, (event,) = lose(driver, later)
        turns = event.history if isinstance(event, engine.Respond) else event.turns
        assert turns[-1].parts == (FunctionResult("c", "g", {"output": 1}),)


class TestWhatIsHeardAgain:
    @LATER
    @pytest.mark.parametrize("second", [SECOND_RELAY, SECOND_LED], ids=["relay", "led"])
    def test_speech_that_two_engines_were_lost_over(self, new_driver: Any, second: Abilities, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.GenerationComplete(1))
        driver.event(engine.TurnComplete(1))
        driver.audio(bytes(64_000))
        first, _ = lose(driver, second)
        again, _ = lose(driver, later)
        assert first.replay_from == 0.5
        assert again.replay_from is not None
        assert again.replay_from <= 1.0

    @LATER
    @pytest.mark.parametrize("second", [SECOND_RELAY, SECOND_LED], ids=["relay", "led"])
    def test_speech_that_a_led_engine_had_found(self, new_driver: Any, second: Abilities, later: Abilities) -> None:
        driver = opened(new_driver, LED)
        driver.audio(bytes(96_000))
        driver.event(engine.ActivityStarted(2.0))
        assert lose(driver, second)[0].replay_from == 1.5
        again = lose(driver, later)[0].replay_from
        assert again is not None
        assert again <= 1.5

    def test_sound_in_which_a_led_engine_had_found_nothing_yet(self, new_driver: Any) -> None:
        driver = opened(new_driver, LED)
        driver.audio(bytes(96_000))
        driver.event(engine.ActivityStarted(0.5))
        driver.event(engine.ActivityEnded(2.0))
        driver.event(engine.InputTranscript("hello", final=True))
        driver.audio(bytes(32_000))
        assert lose(driver, OTHER_LED)[0].replay_from == 2.0

    @LATER
    @pytest.mark.parametrize("second", [SECOND_RELAY, SECOND_LED], ids=["relay", "led"])
    @pytest.mark.parametrize("ended", [True, False])
    def test_an_activity_that_the_client_marked(
        self, new_driver: Any, second: Abilities, later: Abilities, ended: bool
    ) -> None:
        driver = opened(new_driver, RELAY, **MANUAL)
        driver.audio(bytes(160_000))
        driver.client(realtimeInput={"activityStart": {}})
        driver.audio(bytes(64_000))
        if ended:
            driver.client(realtimeInput={"activityEnd": {}})
        for abilities in (second, later):
            replay_from = lose(driver, abilities)[0].replay_from
            assert replay_from is not None
            assert replay_from <= 5.0

    def test_an_activity_that_began_before_the_answer_to_the_one_before(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY, **MANUAL)
        driver.client(realtimeInput={"activityStart": {}})
        driver.audio(bytes(32_000))
        driver.client(realtimeInput={"activityEnd": {}})
        driver.client(realtimeInput={"activityStart": {}})
        driver.audio(bytes(64_000))
        driver.event(engine.UserWords("one"))
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.Speech(1, SECOND))
        assert lose(driver, LED)[0].replay_from == pytest.approx(1.0, abs=0.01)

    def test_a_turn_that_covers_all_input_is_charged_from_where_the_one_before_ended(self, new_driver: Any) -> None:
        driver = opened(new_driver, LED, realtimeInputConfig={"turnCoverage": "TURN_INCLUDES_ALL_INPUT"})
        for start in (4.0, 7.0):
            driver.event(engine.ActivityStarted(start))
            driver.event(engine.ActivityEnded(start + 2))
            driver.event(engine.InputTranscript("hello", final=True))
            lose(driver, OTHER_LED if start == 4.0 else LED)
        assert driver.session.context.tokens.audio == 25 * 9


class TestWhatIsKnown:
    @LATER
    def test_an_engine_is_not_told_what_it_was_opened_with(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, LED)
        driver.text("hi")
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.GenerationComplete(1))
        driver.later(2)
        opening, heard = lose(driver, later)
        assert opening.seed.history == (user("hi"),)
        assert heard == []

    def test_nothing_of_an_answer_that_begins_anew_is_seeded(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.later(0.5)
        opening, heard = lose(driver, OTHER_RELAY)
        assert driver.session.context.history == (user("hello "), model("one "))
        assert opening.seed.history == ()
        assert heard == [engine.Content((user("hello "),), complete=True)]

    def test_of_an_answer_to_words_nobody_wrote_down_what_was_heard_is(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver, said="")
        driver.later(0.5)
        opening, heard = lose(driver, OTHER_RELAY)
        assert opening.seed.history == (model("one "),)
        assert opening.replay_from == 0.0
        assert heard == []

    @LATER
    def test_a_change_of_the_instruction_while_nobody_is_there(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        driver.event(EngineLost("1011"))
        driver.client(contextUpdate={"systemInstruction": {"parts": [{"text": "Be brief."}]}})
        (update,) = told(driver.event(EngineOpened(later)))
        assert isinstance(update, engine.Update)
        assert update.setup.system_instruction == "Be brief."
        opening, heard = lose(driver, RELAY)
        assert opening.setup.system_instruction == "Be brief."
        assert heard == []

    def test_only_the_answer_that_was_lost_begins_anew(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        lose(driver, LED)
        driver.event(engine.Speech(2, SECOND))
        driver.event(engine.OutputTranscript(2, "two ", 0.0))
        driver.event(engine.GenerationComplete(2))
        driver.later(2)
        (respond,) = told(driver.client(clientContent={"turnComplete": True}))
        assert respond.history[-1] == model("two ")

    @LATER
    def test_history_that_the_client_is_still_telling(self, new_driver: Any, later: Abilities) -> None:
        collecting = {"historyConfig": {"initialHistoryInClientContent": True}}
        driver = opened(new_driver, RELAY, **collecting)
        driver.client(clientContent=content(user("a"), model("b")))
        opening, heard = lose(driver, later)
        assert opening.seed.history == ()
        ends = told(driver.client(clientContent=content(user("c"), complete=True)))
        if later is OTHER_LED:
            assert [*heard, *ends] == []
            (respond,) = told(driver.text("hi"))
            assert respond.history == (user("a"), model("b"), user("c"), user("hi"))
        else:
            assert heard == [engine.Content((user("a"), model("b")), complete=False)]
            assert [(event.turns, event.complete) for event in ends] == [((user("c"),), True)]
            assert told(driver.later(100)) == []

    @LATER
    def test_history_that_was_told_to_its_end(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY, historyConfig={"initialHistoryInClientContent": True})
        driver.client(clientContent=content(user("a"), model("b"), complete=True))
        lose(driver, later)
        (event,) = told(driver.client(clientContent=content(user("c"), complete=True)))
        assert isinstance(event, engine.Respond) or event.complete
        assert driver.session.dialogue._collecting is False

    @LATER
    def test_an_answer_that_nobody_heard_of_is_given_once(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        driver.audio(bytes(32_000))
        driver.event(engine.UserWords("hello "))
        driver.event(engine.GenerationStarted(1))
        _, heard = lose(driver, later)
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.GenerationComplete(1))
        heard += told(driver.event(engine.TurnComplete(1)))
        heard += told(driver.later(5))
        assert [type(event) for event in heard] == [engine.Content if later.takes_turns else engine.Respond]

    @pytest.mark.parametrize("later", [RELAY, OTHER_RELAY], ids=["same", "other"])
    def test_half_a_sentence_is_not_known_twice(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        driver.audio(bytes(32_000))
        driver.event(engine.UserWords("half a "))
        lose(driver, later)
        driver.event(engine.UserWords("half a sentence"))
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.TurnComplete(1))
        assert driver.session.context.history == (user("half a sentence"),)

    def test_an_answer_of_before_cannot_begin_again(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.TurnComplete(1))
        driver.event(engine.GenerationStarted(1))
        assert driver.event(engine.Speech(1, SECOND)) == []

    def test_an_interrupted_answer_ends_with_its_engine(self, new_driver: Any, names: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.Interrupted(1))
        assert names(driver.event(EngineLost("1011"))) == ["note", "turn_complete", "charge", "open"]

    def test_nobody_speaks_any_more_whom_nobody_hears(self, new_driver: Any) -> None:
        driver = new_driver(Policy(), RELAY).open(**ALL)
        driver.event(engine.ActivityStarted(0.0))
        effects = driver.event(EngineLost("1011"))
        activity = [effect.message.voice_activity for effect in effects if isinstance(effect, Send)]
        assert [each.type for each in activity] == [server.ActivityType.END]

    @pytest.mark.parametrize("again", [True, False])
    def test_words_nobody_wrote_down_are_heard_until_they_are_answered(self, new_driver: Any, again: bool) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver, said="")
        if again:
            driver.event(engine.Interrupted(1, again=True))
            driver.event(engine.TurnComplete(1))
        assert lose(driver, OTHER_RELAY)[0].replay_from == 0.0
        assert lose(driver, SECOND_RELAY)[0].replay_from == 0.0


class TestPatience:
    def test_nobody_is_given_up_while_nobody_is_there(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        driver.event(EngineLost("1011"))
        driver.text("hi")
        assert driver.later(100) == []

    def test_who_took_over_and_does_not_answer_is_given_up(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        driver.text("hi")
        lose(driver, OTHER_RELAY)
        assert driver.later(29) == []
        assert [type(effect) for effect in driver.later(2)] == [Abandon]


class TestFunctions:
    @LATER
    def test_nobody_waits_for_one_that_runs_in_the_background(self, new_driver: Any, later: Abilities) -> None:
        driver = opened(new_driver, RELAY)
        driver.audio(bytes(32_000))
        driver.event(engine.UserWords("hello "))
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "g", {}),)))
        _, heard = lose(driver, later)
        heard += told(driver.later(1))
        assert [type(event) for event in heard] == [engine.Content if later.takes_turns else engine.ToolResults]
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.GenerationComplete(1))
        driver.event(engine.TurnComplete(1))
        driver.later(2)
        answer = {"id": "c", "name": "g", "response": {"output": 1}}
        (event,) = told(driver.client(toolResponse={"functionResponses": [answer]}))
        turns = event.history if isinstance(event, engine.Respond) else event.turns
        assert turns[-1].parts == (FunctionResult("c", "g", {"output": 1}),)

    def test_late_doubled_and_unknown_answers_to_a_lost_engine_are_noted(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "f", {}),)))
        lose(driver, OTHER_RELAY)
        answer = {"id": "c", "name": "f", "response": {"output": 1}}
        effects = driver.client(toolResponse={"functionResponses": [answer, answer, {**answer, "id": "x"}]})
        assert [type(effect) for effect in effects] == [Note, Note, Tell]
        assert driver.client(toolResponse={"functionResponses": [answer]}) == [effects[0].__class__(driver.notes[-1])]

    def test_an_answer_without_an_id_reaches_the_call_under_the_name_its_engine_gave(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        for answer in ({"id": "c", "name": "f"}, {"name": "f"}):
            driver.event(engine.ToolCalls(1, (FunctionCall("c", "f", {}),)))
            (results,) = told(driver.client(toolResponse={"functionResponses": [{**answer, "response": {}}]}))
            assert [result.id for result in results.results] == ["c"]
            assert b'"id":"c"' in results.frame

    def test_of_many_lost_calls_only_those_that_matter_are_remembered(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        for number in range(1, 20):
            driver.text("go")
            driver.event(engine.GenerationStarted(number))
            driver.event(engine.ToolCalls(number, (FunctionCall("c", "f", {}),)))
            lose(driver, OTHER_RELAY if number % 2 else RELAY)
            call_id = next(iter(driver.session.dialogue.calls.pending))
            driver.client(toolResponse={"functionResponses": [{"id": call_id, "name": "f", "response": {}}]})
            driver.event(engine.GenerationStarted(number))
            driver.event(engine.GenerationComplete(number))
            driver.event(engine.TurnComplete(number))
        assert len(driver.session.dialogue._orphans) <= 1
        assert len(driver.session.dialogue._names) == 0
        assert [charge.generation for charge in driver.charges] == list(range(1, 20))

    CALL = FunctionCall("c", "f", {})

    def waits(self, new_driver: Any) -> Any:
        """A session whose engine waits for a function."""
        driver = opened(new_driver, RELAY)
        driver.audio(bytes(32_000))
        driver.event(engine.UserWords("hello "))
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.ToolCalls(1, (self.CALL,)))
        return driver

    def answers(self, driver: Any) -> list[Any]:
        answer = {"id": "c", "name": "f", "response": {"output": 1}}
        return told(driver.client(toolResponse={"functionResponses": [answer]}))

    def test_what_is_typed_after_the_take_over_parts_no_call_from_its_result(self, new_driver: Any) -> None:
        driver = self.waits(new_driver)
        opening, _ = lose(driver, OTHER_RELAY)
        driver.text("more")
        (event,) = self.answers(driver)
        turns = Turn("model", (self.CALL,)), Turn("user", (FunctionResult("c", "f", {"output": 1}),))
        assert (*opening.seed.history, *event.turns) == (user("hello "), *turns)

    def test_what_is_typed_while_nobody_is_there_is_told_whatever_is_waited_for(self, new_driver: Any) -> None:
        driver = self.waits(new_driver)
        driver.event(EngineLost("1011"))
        driver.text("more")
        heard = told(driver.event(EngineOpened(OTHER_RELAY)))
        assert heard == [engine.Content((user("more"),), complete=True)]

    def test_a_relay_goes_on_from_what_the_one_before_was_told(self, new_driver: Any) -> None:
        driver = self.waits(new_driver)
        self.answers(driver)
        opening, (event,) = lose(driver, OTHER_RELAY)
        turns = Turn("model", (self.CALL,)), Turn("user", (FunctionResult("c", "f", {"output": 1}),))
        assert (*opening.seed.history, *event.turns) == (user("hello "), *turns)
        assert event.complete

    def test_that_one_of_a_lost_engine_expired_is_told_in_words(self, new_driver: Any) -> None:
        driver = self.waits(new_driver)
        lose(driver, OTHER_RELAY)
        (event,) = told(driver.later(61))
        assert isinstance(event, engine.Content)
        assert "error" in event.turns[-1].parts[0].response

    def test_one_that_goes_by_another_name_is_cancelled_by_that(self, new_driver: Any, names: Any) -> None:
        driver = self.waits(new_driver)
        self.answers(driver)
        driver.event(engine.ToolCalls(1, (self.CALL,)))
        (call_id,) = driver.session.dialogue.calls.pending
        (sent,) = driver.event(engine.CallsCancelled(1, ("c",)))
        assert sent.message.tool_call_cancellation.ids == [call_id] != ["c"]

    def test_none_outlives_an_answer_that_is_cut_for_a_farewell(self, new_driver: Any, names: Any) -> None:
        driver = self.waits(new_driver)
        driver.event(Dismiss("budget: spent", "Goodbye.", patience=5))
        sent = [effect for effect in driver.later(6) if isinstance(effect, Send)]
        assert "tool_call_cancellation" in names(sent)
        assert not driver.session.dialogue.calls.pending

    def test_one_that_its_engine_did_not_wait_for_was_not_cancelled(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "f", {}),)))
        driver.event(engine.TurnComplete(1))
        driver.client(toolResponse={"functionResponses": [{"id": "c", "name": "f", "response": {"output": 1}}]})
        parts = [part for turn in driver.session.context.history for part in turn.parts]
        results = [part.response for part in parts if isinstance(part, FunctionResult)]
        assert results == [RUNNING, {"output": 1}]

    def test_one_that_was_answered_before_the_last_word_of_an_interrupted_answer(self, new_driver: Any) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "f", {}),)))
        driver.event(engine.Interrupted(1))
        driver.client(toolResponse={"functionResponses": [{"id": "c", "name": "f", "response": {"output": 1}}]})
        driver.event(engine.TurnComplete(1))
        parts = [part for turn in driver.session.context.history for part in turn.parts]
        assert [part.response for part in parts if isinstance(part, FunctionResult)] == [{"output": 1}]

    @pytest.mark.parametrize("when", ["before", "after", "never"])
    def test_one_of_an_answer_that_was_interrupted_ends_as_its_engine_says(self, new_driver: Any, when: str) -> None:
        driver = opened(new_driver, RELAY)
        speaks(driver)
        driver.event(engine.ToolCalls(1, (FunctionCall("c", "f", {}),)))
        driver.event(engine.Interrupted(1))
        for each in ("before", "after"):
            if when == each:
                driver.event(engine.CallsCancelled(1, ("c",)))
            driver.event(engine.TurnComplete(1))
        driver.client(toolResponse={"functionResponses": [{"id": "c", "name": "f", "response": {"output": 1}}]})
        parts = [part for turn in driver.session.context.history for part in turn.parts]
        results = [part.response for part in parts if isinstance(part, FunctionResult)]
        expected = {"before": [CANCELLED], "after": [RUNNING, CANCELLED], "never": [RUNNING, {"output": 1}]}
        assert results == expected[when]


class TestFrames:
    def test_a_frame_with_words_that_were_not_asked_for_is_written_anew(self, new_driver: Any) -> None:
        driver = new_driver(Policy(), RELAY).open()
        driver.event(engine.GenerationStarted(1))
        said = server.Transcription(text="Hi")
        heard = server.ServerContent(output_transcription=said, input_transcription=said, generation_complete=True)
        events = engine.UserWords("Hi"), engine.OutputTranscript(1, "Hi", 0.0), engine.GenerationComplete(1)
        (sent,) = driver.event(engine.Relayed(encode_server(server.ServerMessage(server_content=heard)), events))
        assert isinstance(sent, Send)
        assert sent.message.server_content == server.ServerContent(generation_complete=True)

    def test_speech_that_passes_unread_is_cut_at_the_limit_as_any_other(self, new_driver: Any, names: Any) -> None:
        driver = opened(new_driver, RELAY, generationConfig={"maxOutputTokens": 50})
        driver.audio(bytes(32_000))
        driver.event(engine.GenerationStarted(1))
        frames = [driver.event(engine.RelayedSpeech(1, b"...", 1.0)) for _ in range(4)]
        assert [type(effect) for effect in frames[0]] == [SendFrame]
        assert names(frames[1][1:]) == ["note", "generation_complete"]
        assert frames[2:] == [[], []]
        assert "turn_complete" in names(driver.event(engine.TurnComplete(1)))
        assert not any(isinstance(effect, SendSpeech) for effect in driver.effects)
