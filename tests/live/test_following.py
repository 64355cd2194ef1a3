"""Sessions that follow an engine, and what becomes of them when it is lost."""

from typing import Any

import pytest

from antiphon.live import events as engine
from antiphon.live.abilities import Abilities
from antiphon.live.effects import Abandon, Announce, Charge, Note, Open, Send, SendFrame, Spend, Tell
from antiphon.live.history import FunctionCall, FunctionResult, Turn, Words, model, user
from antiphon.live.inputs import Dismiss, EngineLost, EngineOpened
from antiphon.live.policy import Policy
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.wire.gemini import server
from antiphon.wire.gemini.encode import encode_server

RELAY = Abilities("relay", takes_turns=True, paces=True, relays=True, images=True)
REALTIME = Abilities("realtime", takes_turns=True)
LED = Abilities("led", continues=True)
ALL = {
    "inputAudioTranscription": {},
    "outputAudioTranscription": {},
    "tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g", "behavior": "NON_BLOCKING"}]}],
}
SECOND = bytes(48_000)


@pytest.fixture
def relayed(new_driver: Any) -> Any:
    """A session whose engine takes turns and paces."""
    return new_driver(Policy(voice_activity=False), RELAY).open(**ALL)


def begins(driver: Any, number: int = 1, said: str = "hello ") -> None:
    """The user speaks, and the engine begins to answer."""
    driver.audio(bytes(32_000))
    if said:
        driver.event(engine.UserWords(said))
    driver.event(engine.GenerationStarted(number))


def frame_of(**content: Any) -> bytes:
    return encode_server(server.ServerMessage(server_content=server.ServerContent(**content)))


class TestTurns:
    def test_a_spoken_turn_and_its_answer_are_in_the_history_in_order(self, relayed: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        relayed.event(engine.OutputTranscript(1, "Hi ", 0.0))
        relayed.event(engine.UserWords("there"))  # late
        relayed.event(engine.GenerationComplete(1))
        relayed.event(engine.TurnComplete(1))
        assert relayed.session.context.history == (user("hello there"), model("Hi "))

    def test_the_engine_says_when_the_turn_is_over(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        assert names(relayed.event(engine.GenerationComplete(1))) == ["generation_complete"]
        assert names(relayed.later(5)) == []
        assert names(relayed.event(engine.TurnComplete(1))) == ["turn_complete", "charge"]

    def test_where_the_engine_does_not_pace_the_audio_clock_does(self, new_driver: Any, names: Any) -> None:
        driver = new_driver(Policy(voice_activity=False), REALTIME).open(**ALL)
        begins(driver)
        driver.event(engine.Speech(1, SECOND))
        assert names(driver.event(engine.GenerationComplete(1))) == []
        assert names(driver.later(0.9)) == []
        assert names(driver.later(0.2)) == ["generation_complete", "turn_complete", "charge"]

    def test_a_turn_that_ends_without_generation_complete_gets_one(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        ends = relayed.event(engine.Relayed(frame_of(turn_complete=True), (engine.TurnComplete(1),)))
        assert names(ends) == ["generation_complete", "turn_complete", "charge"]

    def test_content_goes_to_the_engine_with_the_frame_of_the_client(self, relayed: Any) -> None:
        message = {"turns": [{"role": "user", "parts": [{"text": "a"}]}], "turnComplete": True}
        effects = self.send(relayed, "clientContent", message, b"FRAME")
        assert effects == [Tell(engine.Content((user("a"),), complete=True, frame=b"FRAME"))]

    @staticmethod
    def send(driver: Any, name: str, value: Any, frame: bytes) -> Any:
        from antiphon.wire.gemini.client import MEMBERS
        from antiphon.wire.gemini.decode import convert

        message, _ = convert(MEMBERS[name], value, name)
        return driver.session.receive(message, driver.now, frame)

    def test_what_the_engine_used_is_what_is_charged(self, relayed: Any) -> None:
        used = UpstreamUsage("google", "m", Usage(prompt=Tokens(audio=7)))
        begins(relayed)
        relayed.event(engine.Used(1, used))
        relayed.event(engine.GenerationComplete(1))
        relayed.event(engine.TurnComplete(1))
        assert relayed.charges == [Charge(1, used.usage, (used,))]


class TestFrames:
    def test_a_frame_that_says_what_the_client_may_know_passes_as_it_is(self, relayed: Any) -> None:
        frame = frame_of(output_transcription=server.Transcription(text="Hi", words=[server.Word("Hi", "0s", "1s")]))
        begins(relayed)
        effects = relayed.event(engine.Relayed(frame, (engine.OutputTranscript(1, "Hi", 0.0),)))
        assert effects == [SendFrame(0, frame)]

    def test_speech_passes_unread_and_counts(self, relayed: Any) -> None:
        begins(relayed)
        assert relayed.event(engine.RelayedSpeech(1, b"...", 2.0)) == [SendFrame(1, b"...")]
        relayed.later(0.5)
        relayed.event(engine.Interrupted(1))
        (interrupt,) = [event for event in relayed.told if isinstance(event, engine.Interrupt)]
        assert interrupt == engine.Interrupt(2, heard=0.5)

    def test_what_was_not_asked_for_does_not_pass(self, new_driver: Any) -> None:
        driver = new_driver(Policy(), RELAY).open()
        begins(driver)
        frame = frame_of(output_transcription=server.Transcription(text="Hi"))
        assert driver.event(engine.Relayed(frame, (engine.OutputTranscript(1, "Hi", 0.0),))) == []

    def test_a_frame_of_a_dead_answer_does_not_pass(self, relayed: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        relayed.event(engine.Interrupted(1))
        assert relayed.event(engine.RelayedSpeech(1, b"...", 1.0)) == []
        said = server.Transcription(text="Hi")
        both = engine.Relayed(
            frame_of(output_transcription=said, turn_complete=True),
            (engine.OutputTranscript(1, "Hi", 0.0), engine.TurnComplete(1)),
        )
        sent = [effect for effect in relayed.event(both) if isinstance(effect, Send | SendFrame)]
        assert [effect.message.server_content.turn_complete for effect in sent] == [True]

    def test_calls_whose_names_are_taken_are_written_anew(self, relayed: Any) -> None:
        begins(relayed)
        call = engine.ToolCalls(1, (FunctionCall("c", "f", {}),))
        assert relayed.event(engine.Relayed(b"first", (call,))) == [SendFrame(0, b"first")]
        (sent,) = [e for e in relayed.event(engine.Relayed(b"second", (call,))) if isinstance(e, Send)]
        (renamed,) = sent.message.tool_call.function_calls
        assert renamed.id != "c"
        relayed.client(toolResponse={"functionResponses": [{"id": renamed.id, "name": "f", "response": {"x": 1}}]})
        (results,) = [event for event in relayed.told if isinstance(event, engine.ToolResults)]
        assert results.results == (FunctionResult("c", "f", {"x": 1}),)
        assert b'"id":"c"' in results.frame


class TestInterruptions:
    def test_the_engine_interrupts_itself_and_its_last_word_ends_the_turn(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        assert names(relayed.event(engine.Interrupted(1))) == ["interrupted", "tell Interrupt"]
        assert names(relayed.event(engine.Interrupted(1))) == []
        assert names(relayed.event(engine.TurnComplete(1))) == ["turn_complete", "charge"]

    def test_an_engine_that_forgets_its_last_word_is_helped(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        relayed.event(engine.Interrupted(1))
        assert names(relayed.later(2.5)) == ["turn_complete", "charge"]

    def test_history_holds_what_was_heard(self, relayed: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, 3 * SECOND))
        relayed.event(engine.OutputTranscript(1, "one ", 0.0))
        relayed.event(engine.OutputTranscript(1, "two ", 2.0))
        relayed.later(1)
        relayed.event(engine.Interrupted(1))
        relayed.event(engine.TurnComplete(1))
        assert relayed.session.context.history == (user("hello "), model("one "))


def lose(driver: Any, abilities: Abilities = LED) -> Open:
    """The engine is lost, another one opens; what that was opened with."""
    (opened,) = [effect for effect in driver.event(EngineLost("1011")) if isinstance(effect, Open)]
    driver.taken_over = driver.event(EngineOpened(abilities))
    return opened


class TestLoss:
    def test_an_answer_nobody_heard_yet_is_given_by_the_next_engine_as_if_nothing_happened(
        self, relayed: Any, names: Any
    ) -> None:
        begins(relayed)
        lose(relayed)
        assert relayed.taken_over == [Tell(engine.Respond(1, (user("hello "),)))]
        relayed.event(engine.Speech(1, SECOND))
        relayed.event(engine.GenerationComplete(1))
        relayed.later(2)
        told = [name for effect in relayed.effects for name in names([effect])]
        assert told.count("turn_complete") == 1
        assert "interrupted" not in told

    def test_an_answer_in_the_middle_is_cut_once_and_begins_anew(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, 3 * SECOND))
        relayed.event(engine.OutputTranscript(1, "one ", 0.0))
        relayed.later(0.5)
        lost = relayed.event(EngineLost("1011"))
        assert [n for n in names(lost) if n not in ("note", "open")] == ["interrupted", "turn_complete", "charge"]
        assert relayed.event(EngineOpened(LED)) == [Tell(engine.Respond(2, (user("hello "),)))]
        assert relayed.session.context.history == (user("hello "), model("one "))

    def test_what_is_complete_plays_out(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, 3 * SECOND))
        relayed.event(engine.GenerationComplete(1))
        assert "interrupted" not in names(relayed.event(EngineLost("1011")))
        relayed.event(EngineOpened(LED))
        assert names(relayed.later(5)) == ["turn_complete", "charge"]

    def test_what_the_user_said_since_the_last_answer_is_heard_again(self, relayed: Any) -> None:
        begins(relayed)
        relayed.event(engine.GenerationComplete(1))
        relayed.event(engine.TurnComplete(1))
        relayed.audio(bytes(64_000))
        relayed.event(engine.UserWords("half a sen"))
        opened = lose(relayed, RELAY)
        assert opened.replay_from == 0.5
        assert opened.seed.history == (user("hello "),)
        assert opened.seed.generation == 2
        assert relayed.taken_over == []

    def test_an_answer_to_words_nobody_wrote_down_is_given_by_who_hears_them_again(
        self, new_driver: Any, names: Any
    ) -> None:
        driver = new_driver(Policy(voice_activity=False), RELAY).open()
        begins(driver, said="")
        opened = lose(driver, RELAY)
        assert opened.replay_from == 0.0
        assert driver.taken_over == [], "it hears the question, and answers by itself"
        assert names(driver.event(engine.GenerationStarted(1))) == []
        assert names(driver.event(engine.Speech(1, SECOND))) != []

    def test_what_was_typed_after_a_spoken_turn_is_asked_again_whatever_sound_came_beside_it(
        self, relayed: Any
    ) -> None:
        begins(relayed)
        relayed.audio(bytes(64_000))  # the microphone stays open
        relayed.event(engine.GenerationComplete(1))
        relayed.event(engine.TurnComplete(1))
        relayed.text("hi")
        relayed.event(engine.GenerationStarted(2))
        relayed.event(engine.Speech(2, SECOND))
        lose(relayed)
        assert relayed.taken_over == [Tell(engine.Respond(3, (user("hello "), user("hi"))))]

    def test_what_was_typed_is_asked_again(self, relayed: Any) -> None:
        relayed.text("hi")
        opened = lose(relayed, REALTIME)
        assert opened.seed.history == ()
        assert relayed.taken_over == [Tell(engine.Content((user("hi"),), complete=True))]

    def test_what_is_typed_while_nobody_is_there_is_asked_then(self, relayed: Any, names: Any) -> None:
        relayed.event(EngineLost("1011"))
        assert names(relayed.text("hi")) == []
        assert relayed.event(EngineOpened(LED)) == [Tell(engine.Respond(1, (user("hi"),)))]

    def test_a_led_engine_that_is_lost_is_followed_by_one_that_takes_turns(self, new_driver: Any) -> None:
        driver = new_driver(Policy(voice_activity=False), LED).open(**ALL)
        driver.text("hi")
        lose(driver, RELAY)
        assert driver.taken_over == [Tell(engine.Content((user("hi"),), complete=True))]
        driver.event(engine.GenerationStarted(1))
        driver.event(engine.Speech(1, SECOND))
        driver.event(engine.GenerationComplete(1))
        driver.event(engine.TurnComplete(1))
        assert [charge.generation for charge in driver.charges] == [1]

    def test_speech_that_was_being_heard_by_a_led_engine_is_heard_again(self, new_driver: Any) -> None:
        driver = new_driver(Policy(voice_activity=False), LED).open()
        driver.audio(bytes(96_000))
        driver.event(engine.ActivityStarted(2.0))
        assert lose(driver).replay_from == 1.5

    def test_use_that_was_told_before_the_loss_is_not_lost(self, new_driver: Any) -> None:
        driver = new_driver(Policy(), RELAY).open()
        begins(driver, said="")
        used = UpstreamUsage("google", "m", Usage(prompt=Tokens(text=1)))
        driver.event(engine.Used(1, used))
        assert Spend(1, used) in driver.event(EngineLost("1011"))

    def test_a_second_loss_before_anybody_took_over_is_none(self, relayed: Any) -> None:
        relayed.event(EngineLost("1011"))
        assert relayed.event(EngineLost("again")) == []


class TestFailingAgain:
    """An answer is interrupted once at most for failures of engines, however many there are."""

    def cut(self, driver: Any, number: int, names: Any) -> list[str]:
        driver.event(engine.Speech(number, SECOND))
        told = driver.event(engine.Interrupted(number, again=True)) + driver.event(engine.TurnComplete(number))
        return [name for name in names(told) if not name.startswith("tell")]

    def test_an_engine_that_cuts_its_answer_twice_goes_on_behind_what_was_heard(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        assert self.cut(relayed, 1, names) == ["interrupted", "turn_complete", "charge"]
        relayed.event(engine.GenerationStarted(2))
        assert self.cut(relayed, 2, names) == []
        assert names(relayed.event(engine.GenerationStarted(3))) == []
        assert set(names(relayed.event(engine.Speech(3, SECOND)))) == {"speech"}
        relayed.event(engine.GenerationComplete(3))
        assert names(relayed.event(engine.TurnComplete(3))) == ["turn_complete", "charge"]
        assert [charge.generation for charge in relayed.charges] == [1, 3]

    def test_the_next_engine_does_too(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        self.cut(relayed, 1, names)
        relayed.event(engine.GenerationStarted(2))
        relayed.event(engine.Speech(2, SECOND))
        assert names(relayed.event(EngineLost("gone"))) == ["note", "open"]
        assert relayed.event(EngineOpened(LED)) == [Tell(engine.Respond(2, (user("hello "),)))]
        assert set(names(relayed.event(engine.Speech(2, SECOND)))) == {"speech"}

    def test_one_that_never_comes_back_is_succeeded(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        self.cut(relayed, 1, names)
        relayed.event(engine.GenerationStarted(2))
        self.cut(relayed, 2, names)
        assert [effect for effect in relayed.later(40) if isinstance(effect, Abandon)]
        lose(relayed)
        assert relayed.taken_over == [Tell(engine.Respond(2, (user("hello "),)))]

    def test_the_user_may_interrupt_all_the_same(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        self.cut(relayed, 1, names)
        relayed.event(engine.GenerationStarted(2))
        relayed.event(engine.Speech(2, SECOND))
        assert "interrupted" in names(relayed.event(engine.Interrupted(2)))

    def test_an_engine_lost_before_it_answers_anew_owes_the_answer(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        self.cut(relayed, 1, names)
        lose(relayed)
        assert relayed.taken_over == [Tell(engine.Respond(2, (user("hello "),)))]


class TestCallsInFlight:
    CALL = FunctionCall("c", "f", {"x": 1})

    def answer(self, driver: Any, call_id: str = "c") -> Any:
        return driver.client(toolResponse={"functionResponses": [{"id": call_id, "name": "f", "response": {"y": 2}}]})

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_its_answer_reaches_the_led_engine_that_took_over(self, relayed: Any, when: str) -> None:
        begins(relayed)
        relayed.event(engine.ToolCalls(1, (self.CALL,)))
        relayed.event(EngineLost("1011"))
        told = self.answer(relayed) if when == "before" else []
        told += relayed.event(EngineOpened(LED))
        told += self.answer(relayed) if when == "after" else []
        (results,) = [effect.event for effect in told if isinstance(effect, Tell)]
        assert results.history[:2] == (user("hello "), Turn("model", (self.CALL,)))
        assert results.history[2].parts == (FunctionResult("c", "f", {"y": 2}),)
        assert results.generation == 1

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_its_answer_is_told_in_words_to_a_relay_that_took_over(self, relayed: Any, when: str) -> None:
        begins(relayed)
        relayed.event(engine.ToolCalls(1, (self.CALL,)))
        (opened,) = [effect for effect in relayed.event(EngineLost("1011")) if isinstance(effect, Open)]
        assert opened.seed.generation == 1
        told = self.answer(relayed) if when == "before" else []
        told += relayed.event(EngineOpened(REALTIME))
        told += self.answer(relayed) if when == "after" else []
        (content,) = [effect.event for effect in told if isinstance(effect, Tell)]
        assert isinstance(content, engine.Content)
        assert content.complete
        assert content.turns[-1].parts == (FunctionResult("c", "f", {"y": 2}),)
        relayed.event(engine.GenerationStarted(1))
        relayed.event(engine.Speech(1, SECOND))
        relayed.event(engine.GenerationComplete(1))
        relayed.later(2)
        assert [charge.generation for charge in relayed.charges] == [1]

    def test_an_engine_that_had_the_answer_and_said_nothing_is_succeeded_without_another_call(
        self, relayed: Any
    ) -> None:
        begins(relayed)
        relayed.event(engine.ToolCalls(1, (self.CALL,)))
        self.answer(relayed)
        lose(relayed)
        (told,) = relayed.taken_over
        assert [part for turn in told.event.history for part in turn.parts] == [
            Words("hello "),
            self.CALL,
            FunctionResult("c", "f", {"y": 2}),
        ]

    def test_a_call_that_expires_is_told_to_the_engine_that_waits_for_it(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.ToolCalls(1, (self.CALL,)))
        assert names(relayed.later(61)) == ["note", "tool_call_cancellation", "tell ToolResults"]

    def test_an_engine_may_cancel_its_calls(self, relayed: Any) -> None:
        begins(relayed)
        relayed.event(engine.ToolCalls(1, (self.CALL,)))
        sent = relayed.event(engine.Relayed(b"cancel", (engine.CallsCancelled(1, ("c",)),)))
        assert sent == [SendFrame(0, b"cancel")]
        assert [type(effect) for effect in self.answer(relayed)] == [Note]


class TestStalls:
    def test_an_engine_that_falls_silent_in_an_answer_is_given_up(self, relayed: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        assert not [effect for effect in relayed.later(30) if isinstance(effect, Abandon)]
        assert [effect for effect in relayed.later(2) if isinstance(effect, Abandon)]

    def test_one_that_does_not_begin_to_answer_is_given_up_and_the_next_is_asked(self, relayed: Any) -> None:
        relayed.text("hi")
        assert [effect for effect in relayed.later(31) if isinstance(effect, Abandon)]
        lose(relayed)
        assert relayed.taken_over == [Tell(engine.Respond(1, (user("hi"),)))]

    def test_none_is_given_up_where_the_owner_has_patience(self, new_driver: Any) -> None:
        driver = new_driver(Policy(stall_timeout=0, idle_timeout=1e6), RELAY).open()
        begins(driver)
        assert driver.later(5000) == []


class TestDismissal:
    def test_the_turn_finishes_the_farewell_is_said_and_the_session_closes(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        assert names(relayed.event(Dismiss("budget: spent", "Goodbye."))) == ["go_away"]
        relayed.event(engine.GenerationComplete(1))
        ended = relayed.event(engine.TurnComplete(1))
        (announced,) = [effect for effect in ended if isinstance(effect, Announce)]
        assert (announced.generation, announced.text) == (2, "Goodbye.")
        relayed.event(engine.Speech(2, SECOND))
        relayed.event(engine.GenerationComplete(2))
        assert relayed.closes == []
        relayed.later(1.1)
        (close,) = relayed.closes
        assert (close.code, close.reason) == (1008, "budget: spent")
        assert [charge.generation for charge in relayed.charges] == [1, 2]

    def test_an_answer_that_goes_on_and_on_is_cut(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, 60 * SECOND))
        relayed.event(Dismiss("budget: spent", ""))
        assert names(relayed.later(10)) == ["interrupted", "tell Interrupt", "turn_complete", "charge", "close"]

    def test_no_answer_begins_any_more(self, relayed: Any, names: Any) -> None:
        begins(relayed)
        relayed.event(engine.Speech(1, SECOND))
        relayed.event(Dismiss("budget: spent", "Goodbye."))
        relayed.event(engine.GenerationStarted(2))
        assert relayed.event(engine.Speech(2, SECOND)) == []
