"""What the OpenAI relay makes of an upstream that behaves, from the socket to the events."""

import asyncio
import json
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace
from tests.engines.relay.talking_openai import LOUD, MANUAL, SETUP, TEXT, Talk, converse

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.relay.openai import realtime_relay
from antiphon.engines.relay.openai_config import DIALECTS, OpenAIRealtimeConfig
from antiphon.live.events import (
    ActivityEnd,
    ActivityEnded,
    ActivityStart,
    ActivityStarted,
    Audio,
    Content,
    GenerationComplete,
    GenerationStarted,
    Image,
    Interrupt,
    Interrupted,
    OutputTranscript,
    Speech,
    StreamEnd,
    ToolCalls,
    ToolResults,
    Update,
    Used,
    UserWords,
)
from antiphon.live.history import FunctionCall, FunctionResult, Picture, Turn, Words, model, user
from antiphon.live.seed import Seed
from antiphon.live.setup import Tool
from antiphon.live.tokens import Tokens, Usage
from antiphon.testing.realtime_upstream import Answer, Call, Event, Filter, Pause, Report, Say, ScriptedRealtime, Write
from antiphon.testing.spoken import SPOKEN

KINDS = (ActivityStarted, ActivityEnded, GenerationStarted, Interrupted, ToolCalls, GenerationComplete)


def order(talk: Talk) -> list[str]:
    return [type(event).__name__ for event in talk.events if isinstance(event, KINDS)]


# --- spoken turns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [False, True])
async def test_what_the_user_says_is_answered(beta: bool) -> None:
    server = "openai-beta" if beta else "openai"
    async with converse(Answer(Say(0.6, "Good morning to you.")), upstream={"beta": beta}, server=server) as talk:
        talk.speak()
        await talk.until(GenerationComplete)
        await talk.until(Used, 2)
        assert order(talk) == ["ActivityStarted", "ActivityEnded", "GenerationStarted", "GenerationComplete"]
        assert talk.sound == bytes(talk.upstream.spoken)
        assert talk.said == "Good morning to you."
        assert talk.words == "hello there"
        assert talk.all(UserWords)[-1].finished
        assert {event.generation for event in talk.all(Speech)} == {1}
        assert not talk.upstream.refused


async def test_places_are_those_of_the_sessions_own_sound() -> None:
    async with converse(Answer(Say(0.2)), Answer(Say(0.2))) as talk:
        talk.speak(loud=0, quiet=5)
        talk.speak(loud=3, quiet=1)
        talk.send(StreamEnd())
        await talk.until(GenerationComplete)
        talk.speak(loud=3, quiet=4)
        await talk.until(GenerationComplete, 2)
        began, again = talk.all(ActivityStarted)
        ended = talk.all(ActivityEnded)[0]
        # The silence that ended the first turn is not the session's.
        assert began.offset == pytest.approx(0.5, abs=0.05)
        assert ended.offset == pytest.approx(0.8, abs=0.05)
        assert again.offset == pytest.approx(0.9, abs=0.08)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
async def test_sound_arrives_at_the_rate_of_the_upstream(rate: int) -> None:
    async with converse() as talk:
        for _ in range(10):
            talk.send(Audio(LOUD[: rate // 10 // 2 * 2] if rate < 16_000 else LOUD, rate))
        talk.send(StreamEnd())
        sent = 10 * len(LOUD[: rate // 10 // 2 * 2] if rate < 16_000 else LOUD) / (2 * rate)
        await talk.wait_for(lambda: len(talk.upstream.heard()) / 48_000 >= sent + 0.49)
        assert len(talk.upstream.heard()) / 48_000 == pytest.approx(sent + 0.5, abs=0.01)


async def test_a_text_session_writes() -> None:
    async with converse(Answer(Write("It is noon.")), setup=TEXT) as talk:
        await talk.turn("What time is it?")
        assert talk.written == "It is noon."
        assert not talk.all(OutputTranscript)
        (connection,) = talk.upstream.connections
        assert connection.session["output_modalities"] == ["text"]


async def test_turns_that_the_client_marks() -> None:
    async with converse(Answer(Say(0.2)), Answer(Say(0.2)), setup=MANUAL) as talk:
        talk.send(ActivityStart())
        talk.send(Audio(LOUD, 16_000))
        talk.send(Audio(LOUD, 16_000))
        talk.send(ActivityEnd())
        await talk.until(GenerationComplete)
        assert talk.upstream.connections[0].session["audio"]["input"]["turn_detection"] is None
        # A short one is made long enough to be taken.
        talk.send(ActivityStart())
        talk.send(Audio(LOUD[:640], 16_000))
        talk.send(ActivityEnd())
        await talk.until(GenerationComplete, 2)
        # One without any sound asks for nothing.
        talk.send(ActivityStart())
        talk.send(ActivityEnd())
        await asyncio.sleep(0.02)
        assert len(talk.upstream.events("response.create")) == 2
        assert not talk.upstream.refused
        assert not talk.all(ActivityStarted)


# --- interruptions ------------------------------------------------------------------------------------------


async def test_the_user_interrupts_and_what_was_not_heard_is_forgotten() -> None:
    answers = Answer(Say(0.6, "One two three four."), Pause(5)), Answer(Say(0.2, "Yes?"))
    async with converse(*answers, heard=0.35) as talk:
        talk.ask()
        await talk.until(Speech, 3)
        talk.speak()
        await talk.until(GenerationComplete)
        assert order(talk)[:3] == ["GenerationStarted", "ActivityStarted", "Interrupted"]
        assert [event.generation for event in talk.all(GenerationStarted)] == [1, 2]
        (cut,) = talk.upstream.events("conversation.item.truncate")
        assert cut["audio_end_ms"] == 350
        spoken = next(item for item in talk.upstream.items if item.get("role") == "assistant")
        assert (cut["item_id"], spoken["audio_ms"]) == (spoken["id"], 350)
        # The upstream stopped by itself: nothing else was needed.
        assert not talk.upstream.events("response.cancel")
        assert not talk.upstream.refused


async def test_an_answer_that_was_made_but_not_heard_is_interrupted_as_well() -> None:
    async with converse(Answer(Say(1.0, "All of it.")), Answer(Say(0.2)), heard=0.1) as talk:
        await talk.turn()
        talk.speak()
        await talk.until(GenerationComplete, 2)
        assert [event.generation for event in talk.all(Interrupted)] == [1]
        (cut,) = talk.upstream.events("conversation.item.truncate")
        assert cut["audio_end_ms"] == 100
        assert not talk.upstream.refused


async def test_several_spoken_items_are_cut_each_where_it_was_heard() -> None:
    async with converse(Answer(Say(0.4, "One."), Say(0.4, "Two."), Say(0.4, "Three.")), heard=0.5) as talk:
        await talk.turn()
        talk.speak(quiet=0)
        await talk.until(Interrupted)
        await talk.wait_for(lambda: len(talk.upstream.events("conversation.item.truncate")) == 2)
        await asyncio.sleep(0.01)
        spoken = [item["audio_ms"] for item in talk.upstream.items if item.get("role") == "assistant"]
        assert spoken == [400, 100, 0]


async def test_what_was_written_amid_speech_is_not_cut() -> None:
    async with converse(Answer(Say(0.4, "One."), Write("hm"), Say(0.2), Pause(5)), heard=0.1) as talk:
        talk.ask()
        await talk.until(Speech, 3)
        talk.speak(quiet=0)
        await talk.wait_for(lambda: len(talk.upstream.events("conversation.item.truncate")) == 2)
        await asyncio.sleep(0.01)
        assert not talk.upstream.refused


async def test_an_answer_that_was_heard_to_its_end_stays_whole() -> None:
    # The session says nothing then.
    async with converse(Answer(Say(0.4)), Answer(Say(0.4)), heard=-1) as talk:
        await talk.turn()
        talk.speak()
        await talk.until(GenerationComplete, 2)
        assert not talk.upstream.events("conversation.item.truncate")


async def test_what_the_client_writes_interrupts_and_is_answered_once_it_is_known_what_was_heard() -> None:
    answers = Answer(Say(0.4, "Once upon a time."), Pause(5)), Answer(Say(0.2, "Noon."))
    async with converse(*answers, heard=0.2) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        await talk.turn("What time is it?")
        assert talk.said.endswith("Noon.")
        kinds = [event["type"] for event in talk.upstream.received][-4:]
        assert kinds[0] == "response.cancel"
        assert sorted(kinds[1:3]) == ["conversation.item.create", "conversation.item.truncate"]
        assert kinds[3] == "response.create"
        assert not talk.upstream.refused


async def test_text_after_an_answer_that_was_made_waits_for_what_was_heard() -> None:
    async with converse(Answer(Say(1.0)), Answer(Say(0.2)), heard=0.2) as talk:
        await talk.turn()
        await talk.turn("And now?")
        kinds = [event["type"] for event in talk.upstream.received]
        assert kinds.index("conversation.item.truncate") < len(kinds) - 1
        assert kinds[-1] == "response.create"


async def test_text_is_answered_though_nobody_says_what_was_heard() -> None:
    async with converse(Answer(Say(0.4)), Answer(Say(0.2)), Answer(Say(0.2)), heard=-1) as talk:
        await talk.turn()
        await talk.turn("And now?")
        await talk.turn("And now?")
        assert not talk.upstream.events("conversation.item.truncate")


async def test_no_interruption_where_the_client_wants_none() -> None:
    setup = replace(SETUP, interruptible=False)
    async with converse(Answer(Say(0.4), Pause(0.2), Say(0.2)), Answer(Say(0.2)), setup=setup) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.speak()
        await talk.until(GenerationComplete)
        assert not talk.all(Interrupted)
        assert len(talk.all(Speech)) == 3
        detection = talk.upstream.connections[0].session["audio"]["input"]["turn_detection"]
        assert detection["interrupt_response"] is False


@pytest.mark.parametrize("interrupts", [False, True])
async def test_an_upstream_that_does_not_stop_by_itself_is_stopped(interrupts: bool) -> None:
    dialect = replace(DIALECTS["openai"], interrupts=False)
    answers = Answer(Say(0.4), Pause(5)), Answer(Say(0.2))
    async with converse(*answers, dialect=dialect, upstream={"interrupts": interrupts}) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.speak(quiet=0)
        await talk.wait_for(lambda: bool(talk.upstream.events("response.cancel")))
        talk.speak(loud=0)
        await talk.until(GenerationComplete)
        # Where it did stop by itself, the answer that it gave next was not stopped in its place.
        assert talk.upstream.refused == (["response_cancel_not_active"] if interrupts else [])
        assert len(talk.all(Speech)) == 3


async def test_the_session_stops_an_answer() -> None:
    async with converse(Answer(Say(0.4), Pause(5)), Answer(Say(0.2))) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.send(Interrupt(2, 0.1))
        await talk.wait_for(lambda: bool(talk.upstream.billed))
        await talk.turn()
        assert talk.all(GenerationStarted)[-1].generation == 2


# --- functions ----------------------------------------------------------------------------------------------


async def test_parallel_calls_are_one_event_and_one_more_answer_of_the_same_generation() -> None:
    first = Answer(Say(0.2, "Let me see."), Call("weather", '{"city": "Oslo"}'), Call("weather", '{"city": "Rome"}'))
    async with converse(first, Answer(Say(0.2, "Cold."))) as talk:
        await talk.turn("How is the weather?")
        (calls,) = talk.all(ToolCalls)
        assert [call.args for call in calls.calls] == [{"city": "Oslo"}, {"city": "Rome"}]
        assert [event.generation for event in talk.all(GenerationStarted)] == [1]
        assert len(talk.all(GenerationComplete)) == 1
        assert len(talk.upstream.events("response.create")) == 2
        outputs = [e["item"] for e in talk.upstream.events("conversation.item.create")][1:]
        assert [item["call_id"] for item in outputs] == [call.id for call in calls.calls]
        assert [json.loads(item["output"]) for item in outputs] == [{"output": "WEATHER"}] * 2
        assert not talk.upstream.refused


async def test_results_that_come_apart_are_told_at_once_and_answered_once() -> None:
    async with converse(Answer(Call("a"), Call("b")), Answer(Say(0.2))) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        first, second = talk.all(ToolCalls)[0].calls
        talk.send(ToolResults(1, (FunctionResult(second.id, "b", {"output": 2}),), ()))
        await talk.wait_for(lambda: len(talk.upstream.events("conversation.item.create")) == 2)
        assert len(talk.upstream.events("response.create")) == 1
        talk.send(ToolResults(1, (FunctionResult(first.id, "a", {"output": 1}),), ()))
        await talk.until(GenerationComplete)
        assert len(talk.upstream.events("response.create")) == 2
        # Once more, of a function that goes on: told in words.
        talk.send(ToolResults(1, (FunctionResult(first.id, "a", {"output": 3}),), ()))
        await talk.wait_for(lambda: len(talk.upstream.events("response.create")) == 3)
        told = talk.upstream.events("conversation.item.create")[-1]["item"]
        assert told["content"] == [{"type": "input_text", "text": '(a returned {"output": 3})'}]


async def test_the_user_speaks_while_a_function_runs() -> None:
    answers = Answer(Call("slow")), Answer(Say(0.2, "Soon.")), Answer(Say(0.2, "Done."))
    async with converse(*answers) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        talk.speak()
        await talk.until(GenerationComplete)
        talk.answer(talk.all(ToolCalls)[0])
        await talk.until(GenerationComplete, 2)
        assert talk.said == "Soon.Done."
        assert [event.generation for event in talk.all(GenerationStarted)] == [1, 2, 3]
        assert [event.generation for event in talk.all(Interrupted)] == [1]
        assert len(talk.upstream.events("response.create")) == 2
        assert not talk.upstream.refused


async def test_results_that_come_while_an_answer_is_made_are_answered_after_it() -> None:
    answers = Answer(Call("slow")), Answer(Say(0.2, "Wait."), Pause(0.1)), Answer(Say(0.2, "Done."))
    async with converse(*answers) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        talk.speak()
        await talk.until(Speech)
        talk.answer(talk.all(ToolCalls)[0])
        await talk.until(GenerationComplete, 2)
        assert talk.said == "Wait.Done."
        assert not talk.upstream.refused


async def test_results_that_come_while_the_user_speaks_are_answered_with_what_they_say() -> None:
    async with converse(Answer(Call("slow")), Answer(Say(0.2, "Done."))) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        talk.speak(quiet=0)
        await talk.until(ActivityStarted)
        talk.answer(talk.all(ToolCalls)[0])
        talk.speak(loud=0)
        await talk.until(GenerationComplete)
        assert talk.said == "Done."
        assert len(talk.upstream.events("response.create")) == 1


async def test_results_that_the_upstreams_own_answer_did_not_know_are_answered_after_it() -> None:
    answers = Answer(Call("slow")), Answer(Say(0.2, "Wait.")), Answer(Say(0.2, "Done."))
    async with converse(*answers) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        # The result is on its way when the upstream finds that the user said something.
        talk.speak()
        talk.answer(talk.all(ToolCalls)[0])
        await talk.until(GenerationComplete, 2)
        assert talk.said == "Wait.Done."
        assert talk.upstream.refused == ["conversation_already_has_active_response"]


async def test_an_answer_of_its_own_that_came_first_is_not_asked_for_again() -> None:
    """Its own answer knew what ours was asked for; and where it did not, ours comes after it."""
    refused = Report("conversation_already_has_active_response", "invalid_request_error", "busy")
    async with converse(Answer(refused, Say(0.2))) as talk:
        await talk.turn()
        await asyncio.sleep(0.02)
        assert len(talk.upstream.events("response.create")) == 1


# --- what is told -------------------------------------------------------------------------------------------


async def test_what_was_said_before_is_told_before_anything_else() -> None:
    long_id = "function-call-" + 40 * "1"
    history = (
        user("I am Ada."),
        Turn("model", (Words("Let me look."), FunctionCall(long_id, "find", {"name": "Ada"}))),
        Turn("user", (FunctionResult(long_id, "find", {"output": "found"}),)),
        model("Welcome, Ada."),
        Turn("user", (FunctionResult("lost", "late", {"output": 1}),)),
    )
    async with converse(Answer(Say(0.2)), seed=Seed(history, 7)) as talk:
        await talk.turn()
        kinds = [event["type"] for event in talk.upstream.received]
        assert kinds == ["session.update", *["conversation.item.create"] * 7, "response.create"]
        told = [event["item"] for event in talk.upstream.events("conversation.item.create")]
        assert [item.get("role", item["type"]) for item in told] == [
            "user",
            "assistant",
            "function_call",
            "function_call_output",
            "assistant",
            "user",
            "user",
        ]
        assert told[1]["content"] == [{"type": "output_text", "text": "Let me look."}]
        assert told[2]["call_id"] == told[3]["call_id"] == "call_before_0"
        assert told[5]["content"][0]["text"] == '(late returned {"output": 1})'
        assert talk.all(GenerationStarted)[0].generation == 7
        assert not talk.upstream.refused


async def test_an_upstream_that_takes_no_items_reads_the_history_in_its_instruction() -> None:
    setup = replace(SETUP, system_instruction="Be brief.")
    seed = Seed((user("I am Ada."), model("Welcome.")), 1)
    upstream = {"confirms": False, "acknowledges": False}
    async with converse(Answer(Say(0.2)), setup=setup, seed=seed, server="speech-to-speech", upstream=upstream) as talk:
        await talk.turn()
        told = "Be brief.\n\nWhat was said so far:\nUser: I am Ada.\nYou: Welcome."
        assert talk.upstream.connections[0].session["instructions"] == told
        talk.send(Update(replace(setup, system_instruction="Be long.")))
        await talk.wait_for(lambda: talk.upstream.connections[0].session["instructions"].startswith("Be long.\n\nWhat"))


async def test_content_that_is_not_complete_is_told_and_not_answered() -> None:
    async with converse(Answer(Say(0.2))) as talk:
        talk.send(Content((user("My name is Ada."),), complete=False))
        await talk.wait_for(lambda: len(talk.upstream.items) == 1)
        assert not talk.upstream.events("response.create")
        # A blank text makes it speak about that; another one has nothing more to speak about.
        talk.ask(" ")
        await talk.until(GenerationComplete)
        talk.ask(" ")
        await asyncio.sleep(0.02)
        assert len(talk.upstream.events("response.create")) == 1
        assert len(talk.upstream.items) == 2


async def test_the_first_content_of_a_session_that_begins_with_a_history_is_not_answered() -> None:
    async with converse(Answer(Say(0.2)), setup=replace(SETUP, initial_history=True)) as talk:
        talk.send(Content((user("Hello."), model("Hi.")), complete=True))
        await talk.turn("And now?")
        assert len(talk.upstream.events("response.create")) == 1
        assert len(talk.upstream.items) == 4


async def test_the_newest_picture_is_told_when_the_user_speaks_or_writes() -> None:
    async with converse(Answer(Say(0.2)), Answer(Say(0.2)), frame_seconds=0.0) as talk:
        talk.send(Image("image/jpeg", b"old"))
        talk.send(Image("image/png", b"new"))
        await talk.turn("What is this?")
        picture, text = [event["item"]["content"][0] for event in talk.upstream.events("conversation.item.create")]
        assert picture == {"type": "input_image", "image_url": "data:image/png;base64,bmV3"}
        assert text["type"] == "input_text"
        talk.send(Image("image/jpeg", b"x"))
        talk.send(Image("image/webp", b"y"))
        talk.speak(quiet=0)
        await talk.until(ActivityStarted)
        talk.send(Image("image/jpeg", b"z"))
        talk.speak(loud=0)
        await talk.until(GenerationComplete, 2)
        shown = [e["item"]["content"][0].get("image_url", "") for e in talk.upstream.events("conversation.item.create")]
        assert shown[2:] == ["data:image/jpeg;base64,eg=="]
        assert not talk.upstream.refused


async def test_a_blind_model_reads_that_there_was_a_picture() -> None:
    async with converse(Answer(Say(0.2)), sees=False) as talk:
        talk.send(Image("image/jpeg", b"x"))
        talk.send(Content((Turn("user", (Picture("image/jpeg", b"x"), Words("What is it?"))),), complete=True))
        await talk.until(GenerationComplete)
        (item,) = [event["item"] for event in talk.upstream.events("conversation.item.create")]
        assert [part["text"] for part in item["content"]] == ["(a picture was shown here)", "What is it?"]


async def test_the_instruction_and_the_tools_change() -> None:
    async with converse(Answer(Say(0.2))) as talk:
        talk.send(Update(replace(SETUP, system_instruction="Be kind.", tools=(Tool("other"),))))
        await talk.turn()
        session = talk.upstream.connections[0].session
        assert session["instructions"] == "Be kind."
        assert [tool["name"] for tool in session["tools"]] == ["other"]
        assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        talk.send(Update(replace(SETUP, tools=())))
        await talk.wait_for(lambda: session is not talk.upstream.connections[0].session)
        assert talk.upstream.connections[0].session["tools"] == []


# --- words --------------------------------------------------------------------------------------------------


async def test_words_have_a_place_in_the_sound() -> None:
    words = "One two three four five six seven eight nine ten."
    async with converse(Answer(Say(2.0, words))) as talk:
        await talk.turn()
        # Half of it came before the sound and the rest after.
        first, last = talk.all(OutputTranscript)
        assert first.offset == 0.0
        assert last.offset == pytest.approx(24 / 15)
        assert talk.events.index(talk.all(Speech)[0]) < talk.events.index(first)


async def test_words_that_come_too_fast_for_the_sound_begin_before_its_end() -> None:
    async with converse(Answer(Say(0.4, 20 * "word "))) as talk:
        await talk.turn()
        assert talk.said == 20 * "word "
        assert all(event.offset < 0.4 for event in talk.all(OutputTranscript))


async def test_words_that_were_not_spoken_yet_are_not_told_of_an_interrupted_answer() -> None:
    answers = Answer(Say(0.2, "Well then."), Pause(0.01), Say(0.2, 40 * "never "), Pause(5)), Answer(Say(0.2))
    async with converse(*answers) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.speak(quiet=0)
        await talk.until(Interrupted)
        # Half of the second came before its sound, and is one piece; the other half would begin after it.
        assert talk.said == "Well then." + 20 * "never "


async def test_words_that_come_whole_are_spread_over_the_sound() -> None:
    async with converse(Answer(Say(2.0, "One two three four.", whole=True))) as talk:
        await talk.turn()
        assert talk.said == "One two three four."
        offsets = [event.offset for event in talk.all(OutputTranscript)]
        assert len(offsets) == 4
        assert offsets == sorted(offsets)
        assert offsets[0] == 0.0
        assert 1.0 < offsets[-1] < 2.0


async def test_two_utterances_of_one_turn_are_two_words() -> None:
    async with converse(Answer(Say(0.2)), Answer(Say(0.2)), upstream={"hears": ("hello", "there")}) as talk:
        talk.speak()
        await talk.until(GenerationComplete)
        talk.events.clear()
        talk.speak()
        await talk.until(GenerationComplete)
        assert talk.words == "there"


async def test_a_filtered_answer_says_so() -> None:
    async with converse(Answer(Say(0.2, "I"), Filter())) as talk:
        await talk.turn()
        assert talk.all(GenerationComplete)[0].reason == "GENERATED_CONTENT_PROHIBITED"


async def test_unknown_events_and_nonsense_are_passed_over_and_counted() -> None:
    odd: list[dict[str, Any]] = [
        {"type": "response.mcp_call.completed"},
        {"type": "response.output_audio.delta", "delta": 3},
        {"type": "rate_limits.updated", "rate_limits": [{"name": "tokens", "remaining": 5}]},
        {"type": "response.content_part.added"},
        {"type": "response.output_audio.delta", "delta": "?"},
    ]
    async with converse(Answer(*map(Event, odd), Say(0.2))) as talk:
        await talk.turn()
        assert talk.conversation.unread == 2
        assert len(talk.sound) == 9_600


async def test_a_server_that_names_nothing() -> None:
    upstream = {"ids": False, "greets": False, "confirms": False, "acknowledges": False, "bills": False}
    dialect = replace(DIALECTS["openai"], greets=False, confirms=False, acknowledges=False, truncates=False)
    async with converse(
        Answer(Say(0.4, "Hi."), Pause(5)), Answer(Say(0.2, "Yes?")), upstream=upstream, dialect=dialect
    ) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.speak()
        await talk.until(GenerationComplete)
        assert talk.said == "Hi.Yes?"
        assert order(talk)[-2:] == ["GenerationStarted", "GenerationComplete"]
        # It does not say what it used: that is counted, and said to be an estimate.
        used = talk.all(Used)
        assert [each.upstream.estimated for each in used if each.upstream.model == "gpt-realtime"] == [True, True]
        assert used[0].upstream.usage.response.audio == 8


async def test_a_server_that_finds_no_turns() -> None:
    upstream = {"confirms": False, "acknowledges": False, "detects": False, "cancels": False, "rate": 16_000}
    async with converse(Answer(Say(0.2, "Hi.")), server="vllm-omni", upstream=upstream, setup=SETUP) as talk:
        talk.speak(loud=0, quiet=5)
        for chunk in SPOKEN["what_can_you_do"].chunks(0.1, silence_after=1.0):
            talk.send(Audio(chunk, 16_000))
        await talk.until(GenerationComplete)
        assert order(talk) == ["ActivityStarted", "ActivityEnded", "GenerationStarted", "GenerationComplete"]
        assert talk.said == "Hi."
        (began,), (ended,) = talk.all(ActivityStarted), talk.all(ActivityEnded)
        assert 0.4 < began.offset < ended.offset
        # Silence is not sent, but for a little around what was said.
        heard = len(talk.upstream.heard()) / 32_000
        assert ended.offset - began.offset < heard < ended.offset - began.offset + 0.8
        assert not talk.upstream.refused


# --- dialling -----------------------------------------------------------------------------------------------


async def test_the_key_is_a_bearer_and_the_model_is_in_the_address() -> None:
    async with converse(upstream={"key": "s3cret"}, key="s3cret", headers={"X-Team": "7"}) as talk:
        (dialled,) = talk.upstream.connections
        assert dialled.path == "/v1/realtime?model=gpt-realtime"
        assert dialled.headers["authorization"] == "Bearer s3cret"
        assert dialled.headers["x-team"] == "7"


async def test_a_wrong_key_is_told_without_the_key() -> None:
    async with ScriptedRealtime(key="right") as upstream:
        engine = realtime_relay(OpenAIRealtimeConfig("gpt-realtime", url=upstream.url, key="wr0ng-key"))
        with pytest.raises(EngineUnavailable, match="see `key`") as caught:
            await engine.open(SETUP)
        assert "wr0ng" not in str(caught.value)


async def test_a_variable_that_is_not_set_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    engine = realtime_relay(OpenAIRealtimeConfig("gpt-realtime", key="env:NO_SUCH_KEY"))
    with pytest.raises(EngineUnavailable, match="NO_SUCH_KEY"):
        await engine.start()


async def test_a_session_that_is_refused_names_the_field() -> None:
    async with ScriptedRealtime() as upstream:
        config = OpenAIRealtimeConfig("gpt-realtime", url=upstream.url, session={"speed": 2})
        with pytest.raises(EngineUnavailable, match=r"session\.speed"):
            await realtime_relay(config).open(SETUP)


async def test_a_model_that_is_not_there() -> None:
    report = Report("model_not_found", "invalid_request_error", "The model does not exist")
    async with ScriptedRealtime(refuses=report) as upstream:
        engine = realtime_relay(OpenAIRealtimeConfig("gpt-unreal", url=upstream.url))
        with pytest.raises(EngineUnavailable, match=r"see `model` \(gpt-unreal\)"):
            await engine.open(SETUP)


async def test_nobody_there() -> None:
    engine = realtime_relay(OpenAIRealtimeConfig("m", url="http://127.0.0.1:9", dial_seconds=2))
    with pytest.raises(EngineUnavailable, match="see `url`"):
        await engine.open(SETUP)


async def test_a_server_that_never_greets_is_given_up() -> None:
    async with ScriptedRealtime(greets=False) as upstream:
        engine = realtime_relay(OpenAIRealtimeConfig("m", url=upstream.url, dial_seconds=0.1))
        with pytest.raises(EngineUnavailable, match=r"did not set the session up within 0\.1 s"):
            await engine.open(SETUP)
        assert (await _gone(upstream)) == 0


async def _gone(upstream: ScriptedRealtime) -> int:
    for _ in range(50):
        if not upstream.open:
            break
        await asyncio.sleep(0.01)
    return upstream.open


# --- money --------------------------------------------------------------------------------------------------


async def test_what_was_used_is_told_by_modality_with_what_came_from_the_cache() -> None:
    async with converse(Answer(Say(0.6, "Hello."))) as talk:
        talk.speak()
        await talk.until(GenerationComplete)
        await talk.until(Used, 2)
        (told,) = talk.upstream.billed
        details = told["input_token_details"]
        expected = Usage(
            prompt=Tokens(text=details["text_tokens"], audio=details["audio_tokens"]),
            response=Tokens(text=1, audio=12),
            cached=Tokens(
                text=details["cached_tokens_details"]["text_tokens"],
                audio=details["cached_tokens_details"]["audio_tokens"],
            ),
        )
        assert talk.used() == expected
        assert expected.prompt.audio > 0
        written = talk.used("gpt-4o-mini-transcribe")
        (listened,) = talk.upstream.transcribed
        assert written.prompt.audio == listened["input_token_details"]["audio_tokens"]
        assert written.response.text == listened["output_tokens"]
        assert {event.upstream.provider for event in talk.all(Used)} == {"openai"}


async def test_a_transcription_by_the_second() -> None:
    upstream = {"transcript_usage": {"type": "duration", "seconds": 1.25}}
    async with converse(Answer(Say(0.2)), upstream=upstream, transcription="whisper-1") as talk:
        talk.speak()
        await talk.until(GenerationComplete)
        (used,) = [event.upstream for event in talk.all(Used) if event.upstream.model == "whisper-1"]
        assert (used.seconds, used.usage) == (1.25, Usage())


async def test_an_interrupted_answer_is_paid_for() -> None:
    async with converse(Answer(Say(0.4), Pause(5)), Answer(Say(0.2))) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.speak()
        await talk.until(GenerationComplete)
        first, second = [event for event in talk.all(Used) if event.upstream.model == "gpt-realtime"]
        assert (first.generation, second.generation) == (1, 2)
        assert first.upstream.usage.response.audio == 8


async def test_nobody_is_paid_for_a_server_of_ones_own() -> None:
    async with converse(Answer(Say(0.2)), provider=UNSET) as talk:
        talk.speak()
        await talk.until(GenerationComplete)
        assert [event.upstream.provider for event in talk.all(Used)] == [""]
