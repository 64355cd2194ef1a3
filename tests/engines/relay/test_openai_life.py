"""How an OpenAI relay fails, leaves and gives up: nothing hangs, nothing is told twice, everything is paid for once."""

import asyncio
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.engines.relay.talking_openai import SETUP, TEXT, Talk, converse

from antiphon.engines.relay.openai_config import DIALECTS
from antiphon.live.events import (
    ActivityStarted,
    Content,
    Failure,
    GenerationComplete,
    GenerationStarted,
    Interrupted,
    Lost,
    Speech,
    ToolCalls,
    ToolResults,
    Update,
    Used,
)
from antiphon.live.history import FunctionResult, Picture, Turn, user
from antiphon.live.setup import Tool
from antiphon.live.tokens import Usage
from antiphon.testing.realtime_upstream import Answer, Call, Close, Cut, Event, Fail, Pause, Report, Say, Stall, Write

EXPIRED = "Your session hit the maximum duration of 60 minutes."


# --- the end of a session -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        Close(1001, EXPIRED),
        Report("session_expired", "invalid_request_error", EXPIRED),
        Close(1011, "internal error"),
        Close(1000),
        Cut(),
        Report("rate_limit_exceeded", "rate_limit_error", "Rate limit reached"),
        Report("", "server_error", "The server had an error while processing your request."),
        Fail("server_error"),
        Fail("rate_limit_exceeded", "Rate limit reached for gpt-realtime"),
    ],
)
async def test_what_is_nobodys_fault_loses_the_conversation_and_another_may_go_on(end: object) -> None:
    async with converse(Answer(Say(0.4), end)) as talk:  # type: ignore[arg-type]
        talk.ask()
        await talk.until(Lost)
        (lost,) = talk.all(Lost)
        assert lost.retry
        assert talk.events[-1] is lost
        assert len(talk.all(Speech)) == 2


@pytest.mark.parametrize(
    "end",
    [
        Fail("insufficient_quota", "You exceeded your current quota."),
        Report("invalid_api_key", "invalid_request_error", "Incorrect API key"),
        Close(3000, "invalid_request_error.invalid_api_key"),
    ],
)
async def test_what_another_conversation_would_meet_as_well_says_so(end: object) -> None:
    async with converse(Answer(end)) as talk:  # type: ignore[arg-type]
        talk.ask()
        await talk.until(Lost)
        assert not talk.all(Lost)[0].retry


async def test_no_key_in_what_is_logged_or_told(caplog: pytest.LogCaptureFixture) -> None:
    async with converse(Answer(Close(1011, "bad key s3cret-key")), key="s3cret-key") as talk:
        talk.ask()
        await talk.until(Lost)
        assert "s3cret" not in talk.all(Lost)[0].detail
        assert "s3cret" not in caplog.text
        assert "s3cret" not in repr(talk.conversation._config)


async def test_it_leaves_shortly_before_the_session_ends_once_nothing_is_under_way() -> None:
    upstream = {"expires_at": time.time() + 30.15}
    async with converse(Answer(Say(0.2), Pause(0.2), Say(0.2)), upstream=upstream) as talk:
        talk.ask()
        await talk.until(GenerationComplete)
        assert not talk.all(Lost)
        # What was said last is still heard.
        await talk.until(Lost)
        assert talk.all(Lost)[0].retry
        assert "longest duration" in talk.all(Lost)[0].detail


async def test_it_leaves_a_quiet_session_by_the_clock() -> None:
    async with converse(session_seconds=30.1) as talk:
        await talk.until(Lost)
        assert talk.all(Lost)[0].retry


# --- silence ------------------------------------------------------------------------------------------------


async def test_a_stalled_answer_is_given_up_and_an_estimate_of_it_charged() -> None:
    async with converse(Answer(Say(0.4), Stall()), stall_seconds=0.15) as talk:
        talk.ask()
        await talk.until(Lost)
        assert "stalled" in talk.all(Lost)[0].detail
        (used,) = [event.upstream for event in talk.all(Used)]
        assert used.estimated
        assert used.usage.response.audio == 8


async def test_an_answer_that_never_begins_is_given_up() -> None:
    async with converse(stall_seconds=0.1) as talk:
        talk.ask()
        await talk.until(Lost)


async def test_a_function_may_take_longer_than_an_upstream_may_be_silent() -> None:
    async with converse(Answer(Call("slow")), Answer(Say(0.2)), stall_seconds=0.1) as talk:
        talk.answers = False
        talk.ask()
        await talk.until(ToolCalls)
        await asyncio.sleep(0.2)
        assert not talk.all(Lost)
        talk.answer(talk.all(ToolCalls)[0])
        await talk.until(GenerationComplete)


async def test_an_answer_whose_end_is_left_out_after_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.engines.relay.openai_conversation.CANCEL_SECONDS", 0.05)
    dialect = replace(DIALECTS["openai"], cancels=False)
    async with converse(Answer(Say(0.4), Stall()), dialect=dialect) as talk:
        talk.ask()
        await talk.until(Speech, 2)
        talk.ask("Stop!")
        await talk.wait_for(lambda: len(talk.upstream.events("response.create")) == 2)
        assert len(talk.all(Used)) == 1


# --- the client's fault -------------------------------------------------------------------------------------


async def test_content_that_is_refused_ends_the_session_with_the_words_of_the_upstream() -> None:
    async with converse() as talk:
        picture = Picture("image/png", b"x")
        talk.send(Content((Turn("model", (picture,)), user("x")), complete=False))
        talk.send(Update(replace(SETUP, tools=(Tool(""),))))
        await talk.until(Failure)
        (failure,) = talk.all(Failure)
        assert failure.code == 1007
        assert "session.tools[0].name" in failure.detail or "Missing required parameter" in failure.reason
        assert "127.0.0.1" not in failure.reason


async def test_a_request_that_the_model_refuses() -> None:
    async with converse(Answer(Fail("invalid_value", "Invalid image"))) as talk:
        talk.ask()
        await talk.until(Failure)
        assert "Invalid image" in talk.all(Failure)[0].reason


async def test_an_error_that_changes_nothing_changes_nothing() -> None:
    odd = Report("some_new_code", "invalid_request_error", "odd"), Report("odd", "odd", "odd")
    async with converse(Answer(*odd, Say(0.2)), Answer(Say(0.2))) as talk:
        await talk.turn()
        await talk.turn()
        assert not talk.all(Lost)


# --- walks --------------------------------------------------------------------------------------------------

STEP = st.one_of(
    st.builds(Say, st.sampled_from([0.2, 0.6]), st.sampled_from(["", "Well, well."]), st.booleans()),
    st.builds(Call, st.sampled_from(["a", "b"]), st.sampled_from(["{}", '{"x": 1}', "no JSON"])),
    st.builds(Write, st.just("hm")),
    st.just(Event({"type": "response.strange"})),
    st.builds(Pause, st.sampled_from([0.0, 0.004])),
)
ANSWER = st.lists(STEP, max_size=4).map(lambda steps: Answer(*steps))
ENDS = st.sampled_from([None, Cut(), Close(1011, "x"), Fail()])
ACTION = st.sampled_from(["ask", "speak", "wait", "shout", "answer", "tell"])


@settings(max_examples=25, deadline=None)
@given(
    answers=st.lists(ANSWER, min_size=1, max_size=6),
    end=ENDS,
    actions=st.lists(ACTION, min_size=1, max_size=8),
    beta=st.booleans(),
)
def test_whatever_happens_the_rules_hold(answers: list[Answer], end: object, actions: list[str], beta: bool) -> None:
    """Every generation begins and ends once, calls are answered once, and the sum of what was used is the bill."""
    script = [*answers, Answer(end)] if end is not None else answers  # type: ignore[arg-type]
    asyncio.run(_walk(script, actions, "openai-beta" if beta else "openai"))


async def _walk(answers: list[Answer], actions: list[str], server: str) -> None:
    async with converse(*answers, upstream={"beta": server != "openai"}, server=server, heard=0.1) as talk:
        for action in actions:
            _act(talk, action)
            await asyncio.sleep(0.002)
        await _settled(talk)
        _check(talk)


def _act(talk: Talk, action: str) -> None:
    match action:
        case "ask":
            talk.ask()
        case "speak":
            talk.speak(loud=2, quiet=2)
        case "shout":
            talk.speak(loud=2, quiet=0)
        case "tell":
            talk.send(Content((user("By the way."),), complete=False))
        case "answer":
            talk.send(ToolResults(1, (FunctionResult("unknown", "late", {}),), ()))


async def _settled(talk: Talk) -> None:
    """Wait until nothing has come for a moment."""
    before = -1
    while before != len(talk.events) + len(talk.upstream.received):
        before = len(talk.events) + len(talk.upstream.received)
        await asyncio.sleep(0.02)


def _check(talk: Talk) -> None:
    numbers = [event.generation for event in talk.all(GenerationStarted)]
    assert numbers == list(range(1, len(numbers) + 1))
    ended: dict[int, int] = {}
    current = 0
    for event in talk.events:
        match event:
            case GenerationStarted(number):
                current = number
            case Speech(number, _):
                # Nothing of an answer follows its end.
                assert number == current
                assert number not in ended
            case Interrupted(number):
                ended[number] = ended.get(number, 0) + 1
            case GenerationComplete(number, _, _):
                assert number not in ended
    assert all(times == 1 for times in ended.values())
    told = [event.upstream for event in talk.all(Used)]
    exact = [each for each in told if not each.estimated]
    assert sum((each.usage for each in exact if each.model == "gpt-realtime"), Usage()).total == sum(
        usage["total_tokens"] for usage in talk.upstream.billed
    )
    assert sum((each.usage for each in exact if each.model != "gpt-realtime"), Usage()).total == sum(
        usage["total_tokens"] for usage in talk.upstream.transcribed
    )
    calls = [call.id for event in talk.all(ToolCalls) for call in event.calls]
    assert len(calls) == len(set(calls))
    answered = [
        event["item"]["call_id"]
        for event in talk.upstream.events("conversation.item.create")
        if event["item"]["type"] == "function_call_output"
    ]
    assert len(answered) == len(set(answered))
    assert set(answered) <= set(calls)
    if not talk.all(Lost):
        assert set(answered) == set(calls)
        assert set(talk.upstream.refused) <= {
            "conversation_already_has_active_response",
            "response_cancel_not_active",
        }


async def test_a_written_answer_of_a_session_that_writes_is_not_cut() -> None:
    async with converse(Answer(Write("One."), Pause(5)), Answer(Write("Two.")), setup=TEXT) as talk:
        talk.ask()
        await talk.wait_for(lambda: talk.written == "One.")
        talk.speak()
        await talk.until(GenerationComplete)
        assert talk.all(ActivityStarted)
        assert [event.generation for event in talk.all(Interrupted)] == [1]
        assert not talk.upstream.events("conversation.item.truncate")
