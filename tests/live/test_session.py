"""The protocol, step by step, without a socket and in virtual time."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.effects import SendSpeech, Tell
from antiphon.live.history import FunctionCall, FunctionResult, Words, model, user
from antiphon.live.inputs import ClientLeft, Drain, EngineOpened, Refused, Unread
from antiphon.live.machine import Model
from antiphon.live.policy import Policy
from antiphon.wire.refusal import Refusal

SECOND = bytes(48_000)


def answer(driver: Any, generation: int, text: str = "Hello.", seconds: int = 1) -> None:
    """The engine speaks a whole answer."""
    for second in range(seconds):
        driver.event(engine.Speech(generation, SECOND))
        driver.event(engine.OutputTranscript(generation, text, float(second)))
    driver.event(engine.GenerationComplete(generation))


def hear(driver: Any, text: str, offset: float = 0.0) -> None:
    """The engine hears a whole utterance of two seconds."""
    driver.event(engine.ActivityStarted(offset))
    driver.event(engine.ActivityEnded(offset + 2))
    driver.event(engine.InputTranscript(text, final=True))


def responds(driver: Any) -> list[engine.Respond]:
    return [event for event in driver.told if isinstance(event, engine.Respond)]


class TestOpening:
    def test_setup_complete_comes_once_and_first_when_the_engine_is_open(self, driver: Any, names: Any) -> None:
        assert names(driver.client(setup={"model": "gemini-3.8-live"})) == ["open"]
        assert names(driver.event(EngineOpened())) == ["setup_complete"]

    def test_messages_before_the_engine_is_open_wait_for_it(self, driver: Any, names: Any) -> None:
        driver.client(setup={"model": "gemini-3.8-live"})
        assert driver.text("hi") == []
        assert names(driver.event(EngineOpened())) == ["setup_complete", "tell Respond"]

    def test_too_many_early_messages_close(self, new_driver: Any) -> None:
        driver = new_driver(Policy(max_early_messages=2))
        driver.client(setup={"model": "gemini-3.8-live"})
        for _ in range(3):
            driver.text("hi")
        assert driver.closes[0].code == 1008

    @pytest.mark.parametrize("first", ["realtimeInput", "clientContent", "toolResponse", "contextUpdate"])
    def test_anything_before_the_setup_closes_and_names_it(self, driver: Any, first: str) -> None:
        driver.client(**{first: {}})
        assert driver.closes[0].code == 1007
        assert driver.closes[0].reason.startswith(f"setup: must be the first message, got {first}")

    def test_a_second_setup_closes(self, driver: Any) -> None:
        driver.open().client(setup={"model": "gemini-3.8-live"})
        assert driver.closes[0].reason.startswith("setup: was sent twice")

    def test_an_unknown_model_closes_with_1008_and_what_there_is(self, driver: Any) -> None:
        driver.client(setup={"model": "models/gemini-9"})
        assert driver.closes[0].code == 1008
        assert driver.closes[0].reason.startswith("setup.model: models/gemini-9 is not found; use gemini-3.8-live")

    def test_a_missing_setup_is_not_waited_for_forever(self, driver: Any) -> None:
        driver.later(29.9)
        assert not driver.closes
        driver.later(0.2)
        assert driver.closes[0].reason == "setup: was not complete within 30 s"

    def test_nothing_happens_after_the_close(self, driver: Any) -> None:
        driver.client(setup={})
        assert len(driver.closes) == 1
        assert driver.client(setup={"model": "gemini-3.8-live"}) == []
        assert driver.session.deadline is None

    def test_ignored_settings_are_named(self, driver: Any) -> None:
        driver.open(proactivity={"proactiveAudio": True}, tools=[{"googleSearch": {}}])
        driver.event(Unread(("setup.colour",)))
        assert driver.notes == [
            "ignored, not supported: setup.proactivity.proactiveAudio (gemini-3.1-flash-live-preview has none)",
            "ignored, not supported: setup.colour",
        ]


class TestTextTurn:
    def test_a_text_is_answered(self, driver: Any, names: Any) -> None:
        driver.open(outputAudioTranscription={})
        driver.text("hi")
        assert responds(driver) == [engine.Respond(1, (user("hi"),))]
        driver.effects.clear()
        answer(driver, 1)
        driver.later(1.1)
        assert names(driver.effects) == [
            *["speech"] * 4,
            "output_transcription",
            "generation_complete",
            "turn_complete",
            "charge",
        ]
        assert driver.session.context.history == (user("hi"), model("Hello."))

    def test_usage_rides_on_turn_complete_by_modality(self, driver: Any) -> None:
        driver.open().text("12345678")
        answer(driver, 1, seconds=2)
        driver.later(3)
        usage = driver.messages[-1].usage_metadata
        assert driver.messages[-1].server_content.turn_complete
        assert (usage.prompt_token_count, usage.response_token_count, usage.total_token_count) == (2, 50, 52)
        assert [(d.modality, d.token_count) for d in usage.response_tokens_details] == [("AUDIO", 50)]

    def test_the_next_prompt_reads_the_whole_context_again(self, driver: Any) -> None:
        driver.open().text("12345678")
        answer(driver, 1, seconds=2)
        driver.later(3)
        driver.text("1234")
        answer(driver, 2)
        driver.later(3)
        assert [charge.usage.prompt.total for charge in driver.charges] == [2, 2 + 50 + 1]
        assert driver.session.usage.prompt.total == 55

    def test_turn_complete_waits_for_the_end_of_playback(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        answer(driver, 1, seconds=3)
        assert names(driver.later(2.9)) == []
        assert names(driver.later(0.2)) == ["generation_complete", "turn_complete", "charge"]

    def test_unpaced_turns_complete_at_once(self, new_driver: Any, names: Any) -> None:
        driver = new_driver(Policy(pace_turns=False)).open()
        driver.text("hi")
        answer(driver, 1, seconds=3)
        assert names(driver.effects)[-3:] == ["generation_complete", "turn_complete", "charge"]

    def test_a_text_session_is_answered_in_text(self, driver: Any, names: Any) -> None:
        driver.open(generationConfig={"responseModalities": ["TEXT"]}).text("hi")
        driver.effects.clear()
        driver.event(engine.ModelText(1, "Hel"))
        driver.event(engine.ModelText(1, "lo."))
        driver.event(engine.GenerationComplete(1))
        assert names(driver.effects) == [
            "model_turn",
            "model_turn",
            "generation_complete",
            "turn_complete",
            "charge",
        ]
        assert driver.session.context.history[-1] == model("Hello.")

    def test_long_speech_is_cut_into_frames(self, driver: Any) -> None:
        driver.open().text("hi")
        pieces = driver.event(engine.Speech(1, bytes(30_000)))
        assert [len(piece.pcm) for piece in pieces if isinstance(piece, SendSpeech)] == [12_000, 12_000, 6_000]

    def test_the_last_fragment_of_a_transcript_is_marked(self, driver: Any) -> None:
        driver.open(outputAudioTranscription={}).text("hi")
        answer(driver, 1, " word", seconds=3)
        said = [m.server_content.output_transcription for m in driver.messages[1:] if m.server_content]
        assert [(s.text, s.finished) for s in said if s] == [(" word", False), (" word", False), (" word", True)]

    @pytest.mark.parametrize("blank", ["", " ", "\n"])
    def test_a_blank_text_says_nothing(self, driver: Any, blank: str) -> None:
        driver.open()
        assert driver.text(blank) == []


class TestClientContent:
    def test_turn_complete_starts_an_answer(self, driver: Any) -> None:
        driver.open().client(clientContent={"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True})
        assert responds(driver) == [engine.Respond(1, (user("hi"),))]

    def test_turn_complete_alone_starts_an_answer(self, driver: Any) -> None:
        driver.open().client(clientContent={"turns": [], "turnComplete": True})
        assert responds(driver) == [engine.Respond(1, ())]

    def test_without_turn_complete_it_only_appends(self, driver: Any) -> None:
        driver.open().client(clientContent={"turns": [{"role": "model", "parts": [{"text": "yo"}]}]})
        assert not responds(driver)
        driver.text("hi")
        assert responds(driver)[0].history == (model("yo"), user("hi"))

    def test_it_interrupts_an_answer(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        driver.event(engine.Speech(1, SECOND))
        effects = driver.client(clientContent={"turns": [{"parts": [{"text": "new"}]}], "turnComplete": True})
        assert names(effects) == ["tell Interrupt", "interrupted", "turn_complete", "charge", "tell Respond"]

    @pytest.mark.parametrize(
        ("name", "waits"), [("gemini-3.1-flash-live-preview", True), ("gemini-2.0-flash-exp", False)]
    )
    def test_initial_history_waits_for_real_time_input_on_3_x(self, driver: Any, name: str, waits: bool) -> None:
        driver.open(model=name, historyConfig={"initialHistoryInClientContent": True})
        driver.client(clientContent={"turns": [{"parts": [{"text": "hi"}]}]})
        driver.client(clientContent={"turns": [], "turnComplete": True})
        assert (not responds(driver)) is waits

    def test_a_blank_text_after_initial_history_makes_the_model_speak_once(self, driver: Any) -> None:
        driver.open(historyConfig={"initialHistoryInClientContent": True})
        driver.client(clientContent={"turns": [{"parts": [{"text": "hi"}]}], "turnComplete": True})
        driver.text(" ")
        driver.text(" ")
        assert responds(driver) == [engine.Respond(1, (user("hi"),))]

    def test_only_the_first_turn_complete_is_history(self, driver: Any) -> None:
        driver.open(historyConfig={"initialHistoryInClientContent": True})
        for text in ("one", "two"):
            driver.client(clientContent={"turns": [{"parts": [{"text": text}]}], "turnComplete": True})
            driver.text(" ")
        assert [len(event.history) for event in responds(driver)] == [1, 2]

    def test_function_parts_keep_their_data(self, driver: Any) -> None:
        args = {"snake_key": {"camelKey": None}}
        parts = [{"functionCall": {"id": "1", "name": "f", "args": args}}]
        driver.open().client(clientContent={"turns": [{"role": "model", "parts": parts}], "turnComplete": True})
        assert responds(driver)[0].history[0].parts == (FunctionCall("1", "f", args),)

    def test_an_impossible_role_closes_and_names_the_turn(self, driver: Any) -> None:
        driver.open().client(clientContent={"turns": [{}, {"role": "robot"}]})
        assert driver.closes[0].reason.startswith("clientContent.turns[1].role: invalid role 'robot'")


class TestSpokenTurn:
    def test_the_final_transcript_is_shown_and_answered(self, driver: Any, names: Any) -> None:
        driver.open(inputAudioTranscription={})
        driver.effects.clear()
        hear(driver, "turn on the light")
        assert names(driver.effects) == ["input_transcription", "tell Respond"]
        assert driver.messages[-1].server_content.input_transcription.finished
        assert responds(driver)[0].history == (user("turn on the light"),)

    def test_transcripts_are_only_sent_when_asked_for(self, driver: Any, names: Any) -> None:
        driver.open()
        driver.effects.clear()
        hear(driver, "hi")
        assert names(driver.effects) == ["tell Respond"]

    def test_audio_reaches_the_engine_at_its_rate(self, driver: Any) -> None:
        driver.open().audio(b"\1\2" * 10, "audio/pcm;rate=44100")
        assert driver.told == [engine.Audio(b"\1\2" * 10, 44_100)]

    def test_speech_counts_as_audio_tokens(self, driver: Any) -> None:
        driver.open()
        hear(driver, "hi")
        answer(driver, 1)
        driver.later(2)
        assert driver.charges[0].usage.prompt.audio == 50

    def test_a_user_who_goes_on_before_the_transcript_gets_one_answer(self, driver: Any) -> None:
        driver.open()
        driver.event(engine.ActivityStarted(0.0))
        driver.event(engine.ActivityEnded(1.0))
        driver.event(engine.ActivityStarted(1.2))
        driver.event(engine.InputTranscript("turn on", final=True))
        assert not responds(driver)
        driver.event(engine.ActivityEnded(2.0))
        driver.event(engine.InputTranscript("the light", final=True))
        assert responds(driver) == [engine.Respond(1, (user("turn on"), user("the light")))]

    def test_an_utterance_nobody_understood_is_still_answered(self, driver: Any) -> None:
        driver.open(inputAudioTranscription={})
        hear(driver, "")
        assert responds(driver) == [engine.Respond(1, (user(""),))]
        assert len(driver.messages) == 1

    def test_stream_end_is_passed_on(self, driver: Any) -> None:
        driver.open().client(realtimeInput={"audioStreamEnd": True})
        assert driver.told == [engine.StreamEnd()]

    @pytest.mark.parametrize("key", ["mediaChunks", "media_chunks"])
    def test_legacy_chunks_are_routed_by_type(self, driver: Any, key: str) -> None:
        chunks = [{"mimeType": "audio/pcm", "data": "AAA="}, {"mimeType": "image/jpeg", "data": "AAAA"}]
        driver.open().client(realtimeInput={key: chunks})
        assert driver.told == [engine.Audio(bytes(2), 16_000), engine.Image("image/jpeg", bytes(3))]


class TestBargeIn:
    def test_speech_interrupts_and_what_follows_is_dropped(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        driver.event(engine.Speech(1, SECOND))
        effects = driver.event(engine.ActivityStarted(0.0))
        assert names(effects) == ["tell Interrupt", "interrupted", "turn_complete", "charge"]
        assert effects[0] == Tell(engine.Interrupt(2))
        assert driver.event(engine.Speech(1, SECOND)) == []
        assert driver.event(engine.GenerationComplete(1)) == []

    def test_history_keeps_what_was_heard(self, driver: Any) -> None:
        driver.open().text("hi")
        for second, word in enumerate(("One", " two", " three", " four")):
            driver.event(engine.Speech(1, SECOND))
            driver.event(engine.OutputTranscript(1, word, float(second)))
        driver.event(engine.GenerationComplete(1))
        driver.later(1.5)
        driver.event(engine.ActivityStarted(0.0))
        assert driver.session.context.history[-1] == model("One two")
        assert driver.session.context.tokens.audio == 38

    def test_an_answer_nobody_heard_leaves_nothing(self, driver: Any) -> None:
        driver.open().text("hi")
        driver.event(engine.ActivityStarted(0.0))
        assert driver.session.context.history == (user("hi"),)

    def test_the_user_may_not_interrupt_where_the_setup_says_so(self, driver: Any, names: Any) -> None:
        driver.open(realtimeInputConfig={"activityHandling": "NO_INTERRUPTION"}).text("hi")
        driver.event(engine.Speech(1, SECOND))
        driver.effects.clear()
        hear(driver, "and now")
        assert names(driver.effects) == []
        driver.event(engine.GenerationComplete(1))
        assert names(driver.later(2)) == ["generation_complete", "turn_complete", "charge", "tell Respond"]
        assert responds(driver)[-1].generation == 2
        assert responds(driver)[-1].history[-1] == user("and now")

    def test_speech_in_an_answer_that_already_played_is_no_interruption(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        answer(driver, 1)
        driver.now += 5
        effects = driver.event(engine.ActivityStarted(0.0))
        assert names(effects) == ["generation_complete", "turn_complete", "charge"]

    def test_an_interruption_while_it_plays_sends_no_generation_complete(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        answer(driver, 1)
        driver.effects.clear()
        driver.event(engine.ActivityStarted(0.0))
        assert names(driver.effects) == ["tell Interrupt", "interrupted", "turn_complete", "charge"]


class TestManualActivity:
    SETUP = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}

    def test_the_client_marks_its_turn(self, driver: Any, names: Any) -> None:
        driver.open(**self.SETUP)
        driver.effects.clear()
        driver.client(realtimeInput={"activityStart": {}})
        driver.audio()
        driver.client(realtimeInput={"activityEnd": {}})
        driver.event(engine.InputTranscript("hi", final=True))
        assert names(driver.effects) == ["tell ActivityStart", "tell Audio", "tell ActivityEnd", "tell Respond"]

    def test_all_members_of_one_message_act_in_a_sensible_order(self, driver: Any, names: Any) -> None:
        driver.open(**self.SETUP)
        audio = {"data": "AAAAAAAA", "mimeType": "audio/pcm"}
        message = {"activityEnd": {}, "audio": audio, "activityStart": {}}
        assert names(driver.client(realtimeInput=message)) == [
            "tell ActivityStart",
            "tell Audio",
            "tell ActivityEnd",
        ]

    def test_sound_outside_an_activity_is_no_input(self, driver: Any) -> None:
        driver.open(**self.SETUP).audio()
        assert driver.told == []

    def test_a_start_interrupts(self, driver: Any, names: Any) -> None:
        driver.open(**self.SETUP).text("hi")
        effects = driver.client(realtimeInput={"activityStart": {}})
        assert names(effects)[:3] == ["tell Interrupt", "interrupted", "turn_complete"]

    def test_text_within_an_activity_waits_for_its_end(self, driver: Any) -> None:
        driver.open(**self.SETUP).client(realtimeInput={"activityStart": {}})
        driver.text("look at this")
        assert not responds(driver)
        driver.client(realtimeInput={"activityEnd": {}})
        driver.event(engine.InputTranscript("", final=True))
        assert responds(driver)[0].history == (user("look at this"),)

    @pytest.mark.parametrize("member", ["activityStart", "activityEnd"])
    def test_with_automatic_detection_it_closes_and_names_the_member(self, driver: Any, member: str) -> None:
        driver.open().client(realtimeInput={member: {}})
        assert driver.closes[0].code == 1007
        assert driver.closes[0].reason == (
            f"realtimeInput.{member}: not allowed with automatic activity detection; "
            "set automaticActivityDetection.disabled"
        )
        assert len(driver.closes[0].reason) <= 123

    def test_repeated_marks_are_noted_and_ignored(self, driver: Any) -> None:
        driver.open(**self.SETUP).client(realtimeInput={"activityEnd": {}})
        driver.client(realtimeInput={"activityStart": {}})
        driver.client(realtimeInput={"activityStart": {}})
        assert len(driver.notes) == 2
        assert driver.told == [engine.ActivityStart()]

    def test_stream_end_means_nothing(self, driver: Any) -> None:
        driver.open(**self.SETUP).client(realtimeInput={"audioStreamEnd": True})
        assert driver.told == []


class TestFunctionCalls:
    CALLS = (FunctionCall("a", "f", {"x_y": 1}), FunctionCall("b", "g", {}))

    def call(self, driver: Any, *calls: FunctionCall) -> None:
        driver.open(outputAudioTranscription={}).text("go")
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.OutputTranscript(1, "Wait.", 0.0))
        driver.event(engine.ToolCalls(1, calls or self.CALLS))

    def reply(self, driver: Any, *responses: dict[str, Any]) -> None:
        driver.client(toolResponse={"functionResponses": list(responses)})

    def results(self, driver: Any) -> list[engine.ToolResults]:
        return [event for event in driver.told if isinstance(event, engine.ToolResults)]

    def test_a_call_travels_alone_with_its_data_untouched(self, driver: Any, names: Any) -> None:
        self.call(driver)
        assert names(driver.effects)[-2:] == ["output_transcription", "tool_call"]
        calls = driver.messages[-1].tool_call.function_calls
        assert [(call.id, call.name, call.args) for call in calls] == [("a", "f", {"x_y": 1}), ("b", "g", {})]

    def test_the_model_goes_on_when_all_are_answered(self, driver: Any) -> None:
        self.call(driver)
        self.reply(driver, {"id": "b", "name": "g", "response": {"output": 2}})
        assert not self.results(driver)
        self.reply(driver, {"id": "a", "name": "f", "response": {"snake_key": None}})
        (event,) = self.results(driver)
        assert event.generation == 1
        assert event.results == (
            FunctionResult("a", "f", {"snake_key": None}),
            FunctionResult("b", "g", {"output": 2}),
        )
        assert event.history[-2].parts == (Words("Wait."), *self.CALLS)
        assert event.history[-1].parts == event.results

    def test_the_turn_ends_once_after_the_follow_up(self, driver: Any, names: Any) -> None:
        self.call(driver, self.CALLS[0])
        self.reply(driver, {"id": "a", "response": {}})
        driver.effects.clear()
        answer(driver, 1)
        driver.later(3)
        assert names(driver.effects)[-3:] == ["generation_complete", "turn_complete", "charge"]
        assert [turn.text for turn in driver.session.context.history] == ["go", "Wait.", "", "Hello."]

    def test_an_answer_without_id_is_matched_by_name(self, driver: Any) -> None:
        self.call(driver, self.CALLS[0])
        self.reply(driver, {"name": "f", "response": {"output": 1}})
        assert self.results(driver)

    @pytest.mark.parametrize("response", [{"id": "zzz", "name": "f", "response": {}}, {"name": "unknown"}])
    def test_an_answer_to_nothing_is_noted(self, driver: Any, response: dict[str, Any]) -> None:
        self.call(driver)
        self.reply(driver, response)
        assert not self.results(driver)
        assert driver.notes[0].startswith("toolResponse.functionResponses[0]: ignored")

    def test_a_second_answer_is_noted(self, driver: Any) -> None:
        self.call(driver)
        self.reply(driver, {"id": "a", "response": {"output": 1}}, {"id": "a", "response": {"output": 2}})
        self.reply(driver, {"id": "b", "response": {}})
        assert self.results(driver)[0].results[0].response == {"output": 1}
        assert len(driver.notes) == 1

    def test_a_call_that_is_never_answered_expires_and_the_session_lives(self, driver: Any, names: Any) -> None:
        self.call(driver)
        self.reply(driver, {"id": "a", "response": {}})
        driver.effects.clear()
        driver.later(61)
        assert names(driver.effects) == ["note", "tool_call_cancellation", "tell ToolResults"]
        assert driver.messages[-1].tool_call_cancellation.ids == ["b"]
        assert self.results(driver)[0].results[1].response == {"error": "no answer within 60 s"}
        answer(driver, 1)
        assert driver.session.dialogue.model.state is Model.PLAYING

    def test_barge_in_cancels_what_is_pending_before_it_interrupts(self, driver: Any, names: Any) -> None:
        self.call(driver)
        self.reply(driver, {"id": "a", "response": {}})
        driver.effects.clear()
        driver.event(engine.ActivityStarted(0.0))
        assert names(driver.effects) == [
            "tell Interrupt",
            "tool_call_cancellation",
            "interrupted",
            "turn_complete",
            "charge",
        ]
        assert driver.messages[-3].tool_call_cancellation.ids == ["b"]
        results = driver.session.context.history[-1].parts
        assert [result.response for result in results] == [{}, {"error": "cancelled: the user interrupted"}]

    def test_a_late_answer_is_noted_and_changes_nothing(self, driver: Any) -> None:
        self.call(driver)
        driver.event(engine.ActivityStarted(0.0))
        self.reply(driver, {"id": "a", "name": "f", "response": {}})
        assert not self.results(driver)
        assert len(driver.notes) == 1


class TestLeaving:
    def test_a_client_that_leaves_mid_turn_is_charged_once(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        driver.event(engine.Speech(1, SECOND))
        assert names(driver.event(ClientLeft())) == ["charge", "close"]
        assert driver.closes[0].code is None
        assert driver.event(ClientLeft()) == []

    def test_an_unreadable_frame_closes_with_its_reason(self, driver: Any) -> None:
        driver.open().event(Refused(Refusal("message", "malformed JSON", "send JSON")))
        assert (driver.closes[0].code, driver.closes[0].reason) == (1007, "message: malformed JSON; send JSON")

    def test_a_failing_engine_closes_with_its_code(self, driver: Any) -> None:
        driver.open().event(engine.Failure("out of order", 1011, detail="traceback"))
        assert (driver.closes[0].code, driver.closes[0].reason, driver.notes) == (
            1011,
            "out of order",
            ["traceback"],
        )

    def test_an_idle_session_is_closed(self, new_driver: Any) -> None:
        driver = new_driver(Policy(idle_timeout=10)).open()
        driver.later(9)
        driver.audio()
        driver.later(9)
        assert not driver.closes
        driver.later(2)
        assert driver.closes[0].reason == "idle: nothing was received for 10 s"

    def test_a_flood_is_closed(self, new_driver: Any) -> None:
        driver = new_driver(Policy(messages_per_second=10)).open()
        for _ in range(100):
            driver.audio()
        assert not driver.closes
        driver.later(1)
        for _ in range(11):
            driver.audio()
        assert driver.closes[0].reason == ("messages: more than 10 a second; send audio in chunks of 20 to 100 ms")

    def test_draining_closes_an_idle_session_at_once(self, driver: Any, names: Any) -> None:
        driver.open()
        assert names(driver.event(Drain(5.0))) == ["go_away", "close"]
        assert driver.messages[-1].go_away.time_left == "5s"
        assert driver.closes[0].code == 1001

    def test_draining_lets_a_turn_finish(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        assert names(driver.event(Drain(5.0))) == ["go_away"]
        answer(driver, 1)
        assert names(driver.later(2)) == ["generation_complete", "turn_complete", "charge", "close"]

    def test_draining_does_not_wait_forever(self, driver: Any, names: Any) -> None:
        driver.open().text("hi")
        driver.event(Drain(5.0))
        assert names(driver.later(6)) == ["charge", "close"]


class TestBadMedia:
    @pytest.mark.parametrize(
        ("data", "mime_type", "reason"),
        [
            ("AAAA", "audio/pcm", "realtimeInput.audio.data: 3 bytes are not whole 16-bit samples"),
            ("AAA=", "audio/pcm;rate=x", "realtimeInput.audio.mimeType: unknown rate 'x'; use 4000 to 192000"),
            ("AAA=", "audio/pcm;rate=1", "realtimeInput.audio.mimeType: unknown rate '1'"),
            ("AAA=", "audio/webm", "realtimeInput.audio.mimeType: audio/webm is not raw audio"),
        ],
    )
    def test_bad_audio_closes_and_names_the_field(self, driver: Any, data: str, mime_type: str, reason: str) -> None:
        driver.open().client(realtimeInput={"audio": {"data": data, "mimeType": mime_type}})
        assert driver.closes[0].code == 1007
        assert driver.closes[0].reason.startswith(reason)

    def test_bad_video_closes_and_names_the_field(self, driver: Any) -> None:
        driver.open().client(realtimeInput={"video": {"data": "AAAA", "mimeType": "video/mp4"}})
        assert driver.closes[0].reason.startswith("realtimeInput.video.mimeType: 'video/mp4' is no image")
