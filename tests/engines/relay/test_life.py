"""Ends of connections, and how a conversation outlives them."""

import asyncio
from typing import Any

import pytest
from tests.engines.relay.talking import LOUD, SILENT, Talk, converse

from antiphon.engines.relay.link import Link
from antiphon.engines.relay.reading import State
from antiphon.live.events import (
    Audio,
    Failure,
    GenerationComplete,
    GenerationStarted,
    Interrupted,
    Lost,
    RelayedSpeech,
    ToolCalls,
    TurnComplete,
    Used,
    UserWords,
)
from antiphon.testing.upstream import Answer, Call, Close, Cut, End, Frame, GoAway, Pause, Say, Stall

INTERNAL = Close(1011, "Internal error encountered.")
DROPS = [
    Cut(),
    INTERNAL,
    Close(1000, "The operation was cancelled."),
    Close(1008, "Operation is not implemented, or supported, or enabled."),
]
IDS = ["1006", "1011", "1000", "1008"]


def spoken(text: str, seconds: float = 0.2) -> Answer:
    return Answer(Say(seconds, text), End())


def numbers(talk: Talk, kind: type) -> list[int]:
    return [event.generation for event in talk.all(kind)]


async def later(talk: Talk, connections: int = 2) -> None:
    """Until there is a new connection, and the conversation goes on with it."""
    await talk.wait_for(lambda: len(talk.upstream.connections) == connections and talk.conversation._link is not None)


async def cut_off(talk: Talk) -> None:
    """Cut the connection; the next one is not set up until the upstream is not ``silent`` any more."""
    talk.upstream.silent = True
    talk.conversation._link._socket._transport.disconnect(False)
    await talk.wait_for(lambda: len(talk.upstream.connections) == 2)


# --- drops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop", DROPS, ids=IDS)
async def test_a_drop_between_turns_is_not_seen(drop: Cut | Close) -> None:
    async with converse(Answer(Say(0.2, "One."), End(), drop), spoken("Two.")) as talk:
        await talk.turn("first")
        await later(talk)
        await talk.turn("second")

        assert talk.said == "One.Two."
        assert talk.all(Interrupted) == talk.all(Lost) == talk.all(Failure) == []
        assert talk.upstream.context == ["user: first", "model: One.", "user: second", "model: Two."]
        (gap,) = talk.conversation.gaps
        assert gap.resumed
        assert 0 <= gap.seconds < 0.5


@pytest.mark.parametrize("drop", DROPS, ids=IDS)
async def test_an_answer_that_was_cut_ends_and_its_question_is_answered_anew(drop: Cut | Close) -> None:
    async with converse(spoken("One."), Answer(Say(0.4, "Two, I th"), drop), spoken("Two, in full.")) as talk:
        await talk.turn("first")
        await talk.turn("second", turns=2)

        assert numbers(talk, Interrupted) == [2]
        assert numbers(talk, GenerationComplete) == [1, 3]
        assert numbers(talk, TurnComplete) == [1, 2, 3]
        assert talk.upstream.context == ["user: first", "model: One.", "user: second", "model: Two, in full."]
        assert talk.upstream.connections[1].setup["sessionResumption"]["handle"]


async def test_a_spoken_question_is_heard_again() -> None:
    async with converse(Answer(Say(0.2), Cut()), spoken("I hear.")) as talk:
        talk.speak()
        await talk.until(TurnComplete, 2)
        second = [each.message for each in talk.upstream.received if each.connection == 1]
        chunks = [each for each in second if "audio" in each.get("realtimeInput", {})]
        assert len(chunks) == 6
        assert [event.text for event in talk.all(UserWords)] == ["(spoken)", "(spoken)"]


async def test_speech_that_nobody_knows_of_yet_is_heard_again() -> None:
    async with converse(spoken("I hear.")) as talk:
        for chunk in [SILENT] * 20 + [LOUD] * 2:
            talk.send(Audio(chunk, 16_000))
        await talk.wait_for(lambda: len(talk.upstream.messages("realtimeInput")) == 22)
        talk.conversation._link._socket._transport.disconnect(False)
        await later(talk)
        for _ in range(3):
            talk.send(Audio(SILENT, 16_000))
        await talk.until(TurnComplete)
        second = [each.message for each in talk.upstream.received if each.connection == 1][1:]
        # Half a second before it, and it; not the two seconds of silence.
        assert len(second) == 5 + 2 + 3


async def test_an_answer_that_is_there_is_not_given_again() -> None:
    complete = Frame({"serverContent": {"generationComplete": True}})
    async with converse(Answer(Say(0.2, "One."), complete, Cut()), spoken("Two.")) as talk:
        await talk.turn("first")
        await later(talk)
        await talk.turn("second")

        assert numbers(talk, Interrupted) == []
        assert numbers(talk, TurnComplete) == [1, 2]
        # The handle was older than the turn: it was told again, in words, and not answered.
        assert talk.upstream.context == ["user: first", "model: One.", "user: second", "model: Two."]


async def test_a_question_that_was_not_answered_yet_is_asked_again() -> None:
    async with converse(Answer(Cut()), spoken("One.")) as talk:
        await talk.turn("first")
        assert numbers(talk, GenerationStarted) == [1]
        assert talk.upstream.context == ["user: first", "model: One."]


async def test_a_function_in_flight_is_not_called_again() -> None:
    async with converse(Answer(Say(0.2, "Let me see."), Call(("f", "g")), Stall()), spoken(" Done.")) as talk:
        talk.answers = False
        talk.ask("turn it on")
        await talk.until(ToolCalls)
        talk.conversation._link._socket._transport.disconnect(False)
        await later(talk)
        talk.answer(talk.all(ToolCalls)[0])
        await talk.until(TurnComplete)

        assert len(talk.all(ToolCalls)) == 1
        assert numbers(talk, GenerationStarted) == [1]
        assert talk.all(Interrupted) == []
        assert talk.said == "Let me see. Done."
        assert talk.upstream.messages("toolResponse") == []
        assert talk.upstream.context == [
            "user: turn it on",
            'model: Let me see.(called f({"n": 1}))(called g({"n": 1}))',
            'user: (f returned {"output": "F"})(g returned {"output": "G"})',
            "model:  Done.",
        ]


async def test_results_that_come_while_there_is_no_upstream_are_told_once() -> None:
    async with converse(Answer(Call(("f",)), Stall()), spoken("Done."), dial_seconds=0.1) as talk:
        talk.answers = False
        talk.ask("turn it on")
        await talk.until(ToolCalls)
        await cut_off(talk)
        talk.answer(talk.all(ToolCalls)[0])
        talk.upstream.silent = False
        await talk.until(TurnComplete)
        assert sum("returned" in turn for turn in talk.upstream.context) == 1
        assert len(talk.upstream.messages("clientContent")) == 1


async def test_a_drop_after_the_results_does_not_lose_them() -> None:
    async with converse(Answer(Call(("f",)), Cut()), spoken("Done.")) as talk:
        talk.ask("turn it on")
        await talk.until(TurnComplete)
        assert len(talk.all(ToolCalls)) == 1
        assert talk.all(Interrupted) == []
        assert any("f returned" in turn for turn in talk.upstream.context)


async def test_what_comes_while_there_is_no_upstream_waits_in_order() -> None:
    async with converse(spoken("One."), spoken("Yes."), buffer_seconds=1.0, dial_seconds=0.1) as talk:
        await talk.turn()
        await cut_off(talk)
        for number in range(15):
            talk.send(Audio(bytes([number]) * 3200, 16_000))
        talk.ask("typed amid")
        talk.send(Audio(b"\xfe" * 3200, 16_000))
        talk.upstream.silent = False
        await talk.until(TurnComplete, 2)
        live = [each.message["realtimeInput"] for each in talk.upstream.received[3:] if "realtimeInput" in each.message]
        assert [next(iter(each)) for each in live] == ["audio"] * 9 + ["text", "audio"]
        assert talk.conversation.waiting.dropped == pytest.approx(0.6)


# --- the end that is announced ----------------------------------------------------------------------------


async def test_go_away_is_left_between_turns_without_a_gap() -> None:
    async with converse(Answer(Say(0.2, "One."), GoAway(20.0), Pause(0.02), End()), spoken("Two.")) as talk:
        await talk.turn("first")
        await later(talk)
        await talk.turn("second")
        assert talk.said == "One.Two."
        assert talk.conversation.gaps == []
        assert talk.upstream.context == ["user: first", "model: One.", "user: second", "model: Two."]
        await talk.wait_for(lambda: talk.upstream.open == 1)


async def test_an_upstream_that_refuses_a_second_connection_gets_one_at_a_time() -> None:
    answers = Answer(Say(0.2, "One."), GoAway(20.0), End()), spoken("Two.")
    async with converse(*answers, upstream={"exclusive": True}) as talk:
        await talk.turn("first")
        await talk.wait_for(lambda: len(talk.conversation.gaps) == 1)
        await talk.turn("second")
        assert talk.said == "One.Two."
        assert talk.conversation.gaps[0].resumed
        assert talk.upstream.open == 1


async def test_go_away_does_not_cut_an_answer() -> None:
    answer = Answer(Say(0.2, "One"), GoAway(0.3, closes=False), Pause(0.2), Say(0.2, " two."), End())
    async with converse(answer, spoken("Three."), leave_seconds=0.25) as talk:
        await talk.turn()
        await later(talk)
        await talk.turn()
        assert talk.said == "One two.Three."
        assert talk.all(Interrupted) == []
        assert talk.conversation.gaps == []


async def test_an_answer_that_begins_while_another_connection_is_made_is_not_cut(monkeypatch: Any) -> None:
    ready, dial = asyncio.Event(), Link.open

    async def slowly(link: Link, setup: bytes) -> None:
        await dial(link, setup)
        if b'"handle"' in setup:
            await ready.wait()

    monkeypatch.setattr(Link, "open", slowly)
    answer = Answer(Say(0.2, "One"), Pause(0.1), Say(0.2, " two."), End())
    async with converse(Answer(Say(0.2), End(), GoAway(0.1, closes=False)), answer, spoken("Three.")) as talk:
        await talk.turn()
        await talk.wait_for(lambda: len(talk.upstream.connections) == 2)
        talk.ask()
        await talk.until(RelayedSpeech, 2)
        ready.set()
        await talk.until(TurnComplete, 2)
        await later(talk, 3)
        await talk.turn()
        assert talk.said == "One two.Three."
        assert talk.all(Interrupted) == []
        assert talk.conversation.gaps == []


async def test_a_turn_of_the_user_goes_over_shortly_before_the_end() -> None:
    begins = Frame({"voiceActivity": {"type": "ACTIVITY_START", "audioOffset": "0.1s"}})
    first = Answer(Say(0.2), End(), begins, GoAway(0.4))
    async with converse(first, spoken("I hear."), leave_seconds=0.3) as talk:
        await talk.turn()
        for chunk in [LOUD] * 3:
            talk.send(Audio(chunk, 16_000))
        await later(talk)
        for chunk in [LOUD] * 2 + [SILENT] * 3:
            talk.send(Audio(chunk, 16_000))
        await talk.until(TurnComplete, 2)
        heard = [each.message for each in talk.upstream.received if each.connection == 1][1:]
        assert len(heard) == 8
        assert talk.all(Interrupted) == talk.all(Lost) == []
        assert talk.conversation.gaps == []


async def test_go_away_without_handles_hands_the_call_over_between_turns() -> None:
    async with converse(Answer(Say(0.2), GoAway(20.0), End()), upstream={"handles": False}) as talk:
        await talk.turn()
        await talk.until(Lost)
        assert talk.all(Lost)[0].retry
        assert "goAway" in talk.all(Lost)[0].detail


# --- stalls -----------------------------------------------------------------------------------------------


async def test_an_answer_that_stalls_is_given_again() -> None:
    async with converse(Answer(Say(0.2, "I was"), Stall()), spoken("All of it."), stall_seconds=0.1) as talk:
        await talk.turn("first", turns=2)
        assert numbers(talk, Interrupted) == [1]
        assert talk.said == "I wasAll of it."
        assert "stalled" in talk.conversation.gaps[0].why


async def test_a_stall_after_results_goes_on() -> None:
    async with converse(Answer(Call(("f",)), Stall()), spoken("Done."), stall_seconds=0.1) as talk:
        await talk.turn("first")
        assert numbers(talk, Interrupted) == []
        assert talk.said == "Done."


async def test_functions_may_take_their_time() -> None:
    async with converse(Answer(Call(("f",)), Say(0.2, "Done."), End()), stall_seconds=0.05) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        await asyncio.sleep(0.15)
        talk.answer(talk.all(ToolCalls)[0])
        await talk.until(TurnComplete)
        assert len(talk.upstream.connections) == 1


async def test_an_end_that_never_comes_is_made_up_once_the_answer_was_heard() -> None:
    complete = Frame({"serverContent": {"generationComplete": True}})
    late = Frame({"serverContent": {"turnComplete": True}})
    async with converse(Answer(Say(0.2), complete, Pause(0.4), late), spoken("Next."), stall_seconds=0.1) as talk:
        await talk.turn()
        assert talk.conversation._reader.state is State.IDLE
        await asyncio.sleep(0.2)
        assert numbers(talk, TurnComplete) == [1]
        await talk.turn()
        assert numbers(talk, TurnComplete) == [1, 2]
        assert len(talk.upstream.connections) == 1


async def test_silence_is_no_stall_while_nothing_is_owed() -> None:
    async with converse(spoken("One."), stall_seconds=0.05) as talk:
        await talk.turn()
        await asyncio.sleep(0.15)
        assert len(talk.upstream.connections) == 1


# --- ends for good ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusal",
    [
        Close(1008, "BidiGenerateContent session not found"),
        Close(1007, "Invalid session handle"),
        Close(1008, "Requested entity was not found."),
    ],
    ids=["not found", "invalid", "entity"],
)
async def test_a_refused_resumption_hands_the_call_over(refusal: Close) -> None:
    async with converse(Answer(Say(0.2), Cut()), upstream={"refuses_resumption": refusal}) as talk:
        talk.ask()
        await talk.until(Lost)
        (lost,) = talk.all(Lost)
        assert lost.retry
        assert refusal.reason in lost.detail
        # Whoever takes over decides what becomes of the answer.
        assert talk.all(Interrupted) == talk.all(TurnComplete) == []
        assert [gap.resumed for gap in talk.conversation.gaps] == [False]


async def test_without_a_handle_the_call_is_handed_over() -> None:
    async with converse(Answer(Say(0.2), Cut()), upstream={"handles": False}) as talk:
        talk.ask()
        await talk.until(Lost)
        assert len(talk.upstream.connections) == 1


@pytest.mark.parametrize(
    "close",
    [
        Close(1007, "API key expired. Please renew the API key."),
        Close(1011, "You exceeded your current quota, please check your plan and billing details."),
    ],
    ids=["key", "quota"],
)
async def test_what_another_try_cannot_help_is_said_so(close: Close) -> None:
    async with converse(Answer(Say(0.2), close)) as talk:
        talk.ask()
        await talk.until(Lost)
        assert not talk.all(Lost)[0].retry
        assert len(talk.upstream.connections) == 1


async def test_an_upstream_that_stays_away_is_given_up_in_time() -> None:
    async with converse(Answer(Say(0.2), Cut()), resume_seconds=0.3) as talk:
        talk.ask()
        await talk.until(RelayedSpeech)
        talk.upstream._server.close(close_connections=False)
        await talk.until(Lost)
        assert talk.all(Lost)[0].retry
        assert 0.2 < talk.conversation.gaps[0].seconds < 1.0


async def test_an_answer_that_is_cut_twice_is_somebody_elses() -> None:
    async with converse(*[Answer(Say(0.2), Cut())] * 9) as talk:
        talk.ask()
        await talk.until(Lost)
        assert len(talk.upstream.connections) == 2
        assert numbers(talk, GenerationStarted) == [1, 2]
        assert numbers(talk, Interrupted) == [1]


async def test_an_upstream_that_drops_again_and_again_is_given_up() -> None:
    async with converse(*[Answer(Cut())] * 9) as talk:
        talk.ask()
        await talk.until(Lost)
        assert len(talk.upstream.connections) == 4
        assert talk.all(GenerationStarted) == []


async def test_what_was_used_before_the_end_is_told_before_it() -> None:
    async with converse(Answer(Say(0.2, usage=True), Cut()), upstream={"handles": False}) as talk:
        talk.ask()
        await talk.until(Lost)
        assert [type(event) for event in talk.events][-2:] == [Used, Lost]


async def test_closing_while_it_is_being_resumed() -> None:
    async with converse(Answer(Say(0.2), Cut()), upstream={"silent": False}) as talk:
        talk.ask()
        await talk.until(RelayedSpeech)
        talk.upstream.silent = True
        await talk.wait_for(lambda: len(talk.upstream.connections) == 2)
        await talk.conversation.aclose()
        assert talk.reader.done() or await asyncio.wait_for(talk.reader, 1.0) is None
