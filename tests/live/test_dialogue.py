"""What is told and counted beside the turns themselves, in virtual time."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.grounding import GroundedSearch, Source
from antiphon.live.inputs import ClientLeft, Unread
from antiphon.live.policy import Policy
from antiphon.live.setup import Tool
from antiphon.wire.gemini.server import ActivityType, VadSignal, VoiceActivity

SECOND = bytes(48_000)


def contents(driver: Any) -> list[Any]:
    return [message.server_content for message in driver.messages if message.server_content]


def finish(driver: Any, number: int = 1, **members: Any) -> None:
    driver.event(engine.GenerationComplete(number, **members))


class TestActivity:
    def test_its_ends_are_told_with_their_place_in_the_sound(self, new_driver: Any) -> None:
        driver = new_driver(Policy()).open()
        driver.event(engine.ActivityStarted(1.25))
        driver.event(engine.ActivityEnded(3.0))
        assert [message.voice_activity for message in driver.messages if message.voice_activity] == [
            VoiceActivity(type=ActivityType.START, audio_offset="1.250s"),
            VoiceActivity(type=ActivityType.END, audio_offset="3.000s"),
        ]

    def test_the_signals_of_vertex_come_where_they_were_asked_for(self, driver: Any) -> None:
        driver.open(explicitVadSignal=True)
        driver.event(engine.ActivityStarted(0.0))
        driver.event(engine.ActivityEnded(1.0))
        signals = [message.voice_activity_detection_signal for message in driver.messages]
        assert [signal.vad_signal_type for signal in signals if signal] == [VadSignal.START, VadSignal.END]

    def test_a_client_that_marks_its_activity_is_told_nothing(self, new_driver: Any) -> None:
        driver = new_driver(Policy()).open(realtimeInputConfig={"automaticActivityDetection": {"disabled": True}})
        driver.client(realtimeInput={"activityStart": {}})
        driver.client(realtimeInput={"activityEnd": {}})
        assert not any(message.voice_activity for message in driver.messages)

    @pytest.mark.parametrize(
        ("coverage", "seconds"), [("TURN_INCLUDES_ONLY_ACTIVITY", 2), ("TURN_INCLUDES_ALL_INPUT", 6)]
    )
    def test_a_turn_is_charged_for_what_it_covers(self, driver: Any, coverage: str, seconds: int) -> None:
        driver.open(realtimeInputConfig={"turnCoverage": coverage})
        driver.event(engine.ActivityStarted(4.0))
        driver.event(engine.ActivityEnded(6.0))
        driver.event(engine.InputTranscript("hello", final=True))
        assert driver.session.context.tokens.audio == 25 * seconds


class TestTranscripts:
    def test_interim_ones_replace_each_other_until_the_final_one(self, driver: Any) -> None:
        driver.open(inputAudioTranscription={})
        driver.event(engine.ActivityStarted(0.0))
        driver.event(engine.InputTranscript("what", final=False))
        driver.event(engine.InputTranscript("what is", final=False))
        driver.event(engine.ActivityEnded(1.0))
        driver.event(engine.InputTranscript("what is it", final=True))
        interim = [content.interim_input_transcription for content in contents(driver)]
        assert [heard.text for heard in interim if heard] == ["what", "what is"]
        final = [content.input_transcription for content in contents(driver) if content.input_transcription]
        assert [(heard.text, heard.finished) for heard in final] == [("what is it", True)]

    def test_without_asking_there_are_none(self, driver: Any) -> None:
        driver.open()
        driver.event(engine.ActivityStarted(0.0))
        driver.event(engine.InputTranscript("what", final=False))
        assert contents(driver) == []

    def test_they_are_charged_as_text(self, driver: Any) -> None:
        driver.open(inputAudioTranscription={}, outputAudioTranscription={})
        driver.event(engine.ActivityStarted(0.0))
        driver.event(engine.ActivityEnded(1.0))
        driver.event(engine.InputTranscript("x" * 40, final=True))
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.OutputTranscript(1, "y" * 40, 0.0))
        finish(driver)
        driver.later(2)
        assert (driver.charges[0].usage.response.text, driver.charges[0].usage.response.audio) == (20, 25)


class TestEndOfATurn:
    def test_why_it_ended_is_told(self, driver: Any) -> None:
        driver.open().text("hi")
        finish(driver, reason="PROHIBITED_INPUT_CONTENT")
        assert contents(driver)[-1].turn_complete_reason == "PROHIBITED_INPUT_CONTENT"

    def test_silence_that_waits_for_the_user_is_told(self, driver: Any) -> None:
        driver.open().text("hi")
        finish(driver, waiting=True)
        assert contents(driver)[-1].waiting_for_input

    def test_status_is_told_by_the_models_that_have_one(self, driver: Any) -> None:
        driver.open(model="gemini-3.8-live").text("hi")
        finish(driver)
        assert contents(driver)[-1].interaction_status == ""


class TestThoughts:
    @pytest.mark.parametrize("wanted", [True, False])
    def test_they_are_counted_and_shown_to_whoever_asked(self, driver: Any, wanted: bool) -> None:
        driver.open(generationConfig={"thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": wanted}})
        driver.text("hi")
        driver.event(engine.ModelText(1, "x" * 40, thought=True))
        finish(driver)
        assert driver.charges[0].usage.thoughts == 10
        shown = [
            part.thought for content in contents(driver) if content.model_turn for part in content.model_turn.parts
        ]
        assert shown == ([True] if wanted else [])


class TestGrounding:
    def test_it_is_told_and_its_queries_are_counted(self, driver: Any) -> None:
        driver.open(tools=[{"googleSearch": {}}]).text("Who is it?")
        found = GroundedSearch(("who", "is it"), (Source("document:///a.md", "A"),))
        driver.event(engine.Grounding(1, found))
        driver.event(engine.Grounding(1, found, repeated=True))
        driver.event(engine.Grounding(7, found))
        finish(driver)
        told = [content.grounding_metadata for content in contents(driver) if content.grounding_metadata]
        assert [metadata.web_search_queries for metadata in told] == [["who", "is it"]] * 2
        assert driver.charges[0].usage.searches == 2


class TestContextUpdate:
    def test_the_instruction_changes_from_the_next_answer_on(self, driver: Any) -> None:
        driver.open(
            systemInstruction={"parts": [{"text": "Be kind."}]}, tools=[{"functionDeclarations": [{"name": "f"}]}]
        )
        driver.client(contextUpdate={"systemInstruction": {"parts": [{"text": "Be brief."}]}})
        update = driver.told[-1]
        assert update.setup.system_instruction == "Be brief."
        assert [tool.name for tool in update.setup.tools] == ["f"]
        assert driver.session.setup is update.setup

    def test_an_empty_list_of_tools_clears_them(self, driver: Any) -> None:
        driver.open(tools=[{"functionDeclarations": [{"name": "f"}]}])
        driver.client(contextUpdate={"tools": {"tools": []}})
        assert driver.told[-1].setup.tools == ()

    def test_a_function_may_come_and_block_as_its_model_has_it(self, driver: Any) -> None:
        driver.open(model="gemini-3.8-live")
        driver.client(contextUpdate={"tools": {"tools": [{"functionDeclarations": [{"name": "g"}]}]}})
        assert driver.told[-1].setup.tools == (Tool("g", blocking=False),)


class TestRecord:
    def test_it_names_what_was_set_in_vain_and_how_it_ended(self, driver: Any) -> None:
        driver.open(labels={"team": "a"}).text("hi")
        driver.event(Unread(("setup.colour",)))
        finish(driver)
        driver.client(realtimeInput={"audio": {"data": "AAA=", "mimeType": "audio/wave"}})
        record = driver.session.record(driver.now)
        assert any(field.startswith("setup.labels") for field in record.ignored)
        assert "setup.colour" in record.ignored
        assert (record.close_code, record.close_reason.partition(":")[0]) == (1007, "realtimeInput.audio.mimeType")
        assert (record.turns, record.usage) == (1, driver.session.usage)

    def test_a_turn_that_the_end_cut_counts(self, driver: Any) -> None:
        driver.open().text("hi")
        driver.event(engine.Speech(1, SECOND))
        driver.event(ClientLeft())
        record = driver.session.record(driver.now)
        assert (record.turns, record.usage.response.audio) == (1, 25)

    def test_it_is_bounded(self, driver: Any) -> None:
        driver.open()
        for number in range(500):
            driver.event(Unread((f"setup.field{number}",)))
        record = driver.session.record(driver.now)
        assert (len(record.ignored), len(record.notes)) == (100, 100)


class TestStrict:
    @pytest.fixture
    def strict(self, new_driver: Any) -> Any:
        return new_driver(Policy(strict=True))

    def test_an_unknown_field_is_refused_by_name(self, strict: Any) -> None:
        strict.open().event(Unread(("realtimeInput.colour",)))
        assert (strict.closes[0].code, strict.closes[0].reason[:20]) == (1007, "realtimeInput.colour")

    def test_a_turn_without_a_role_is_refused_where_the_model_wants_one(self, strict: Any) -> None:
        strict.open(model="gemini-3.8-live").client(clientContent={"turns": [{"parts": [{"text": "hi"}]}]})
        assert strict.closes[0].reason.startswith("clientContent.turns[0].role")
