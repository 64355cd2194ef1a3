"""A conversation performed: effects in order, timers, an engine that behaves or does not, and no task left."""

import asyncio
import logging
from typing import Any

import pytest

from antiphon.calls.call import Call
from antiphon.calls.outbox import Hangup, Outbox
from antiphon.calls.plan import always
from antiphon.engines.base import EngineUnavailable
from antiphon.live import events
from antiphon.live.effects import SendSpeech
from antiphon.live.history import FunctionCall, user
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client

SETUP = client.Setup(model="gemini-3.8-live")
TEXT = client.RealtimeInput(text="hi")
SECOND = bytes(48_000)


class TestOrder:
    async def test_setup_complete_is_first_and_carries_the_name_of_the_call(self, call: Call, waiting: Any) -> None:
        call.receive(SETUP)
        (only,) = await waiting(call.outbox)
        assert only.setup_complete.session_id == "a-call"

    async def test_what_came_early_is_told_once_the_engine_is_open(self, call: Call, engine: Any, settle: Any) -> None:
        engine.may_open.clear()
        call.receive(SETUP)
        call.receive(TEXT)
        await settle()
        assert engine.line.told == []
        engine.may_open.set()
        await settle()
        assert engine.line.told == [events.Respond(1, (user("hi"),))]

    async def test_effects_are_performed_in_order(
        self, engine: Any, clock: VirtualClock, settle: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order: list[Any] = []
        monkeypatch.setattr(Outbox, "put", lambda _, item: order.append(item))
        engine.line.on_send = order.append
        call = Call("a-call", always(engine), Policy(), clock)
        call.receive(SETUP)
        call.receive(TEXT)
        await settle()
        engine.line.say(events.Speech(1, bytes(30_000)), events.ToolCalls(1, (FunctionCall("1", "f", {}),)))
        await settle()
        call.receive(client.ClientContent(turn_complete=True))
        call.receive(ClientLeft())
        await call.ended()
        assert [type(item).__name__ for item in order] == [
            *["ServerMessage", "Respond"],  # setupComplete
            *["SendSpeech"] * 3,
            "ServerMessage",  # toolCall
            "Interrupt",
            *["ServerMessage"] * 3,  # toolCallCancellation, interrupted, turnComplete
            "Respond",
        ]

    async def test_an_interruption_takes_back_the_speech_that_waits(
        self, opened: Call, engine: Any, settle: Any, waiting: Any
    ) -> None:
        opened.receive(TEXT)
        engine.line.say(events.Speech(1, SECOND))
        await settle()
        opened.receive(TEXT)
        items = await waiting(opened.outbox)
        assert not any(isinstance(item, SendSpeech) for item in items)
        assert items[0].server_content.interrupted
        assert items[1].server_content.turn_complete

    async def test_usage_goes_to_the_log(
        self, opened: Call, engine: Any, settle: Any, clock: VirtualClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "antiphon"):
            opened.receive(TEXT)
            engine.line.say(events.Speech(1, SECOND), events.GenerationComplete(1))
            await settle()
            clock.advance(1)
        assert "a-call: generation 1 used 1 + 25 tokens" in caplog.messages

    async def test_notes_go_to_the_log(self, opened: Call, caplog: pytest.LogCaptureFixture) -> None:
        opened.receive(client.ToolResponse(function_responses=[client.FunctionResponse(id="x")]))
        assert caplog.messages == ["a-call: toolResponse.functionResponses[0]: ignored, no call 'x' was made"]


class TestTimers:
    async def test_the_setup_is_not_waited_for_forever(self, call: Call, clock: VirtualClock, waiting: Any) -> None:
        clock.advance(29.9)
        assert await waiting(call.outbox) == []
        clock.advance(0.2)
        assert await waiting(call.outbox) == [Hangup(1008, "setup: was not complete within 30 s")]

    async def test_an_idle_client_is_let_go(self, opened: Call, clock: VirtualClock, waiting: Any) -> None:
        clock.advance(1000)
        opened.receive(client.RealtimeInput())
        clock.advance(1799)
        assert await waiting(opened.outbox) == []
        clock.advance(1)
        assert await waiting(opened.outbox) == [Hangup(1008, "idle: nothing was received for 1800 s")]

    async def test_a_turn_completes_when_its_speech_has_played_out(
        self, opened: Call, engine: Any, clock: VirtualClock, settle: Any, waiting: Any
    ) -> None:
        opened.receive(TEXT)
        engine.line.say(events.Speech(1, SECOND), events.GenerationComplete(1))
        assert all(isinstance(item, SendSpeech) for item in await waiting(opened.outbox))
        clock.advance(0.999)
        assert await waiting(opened.outbox) == []
        clock.advance(0.001)
        generated, turn = await waiting(opened.outbox)
        assert generated.server_content.generation_complete
        assert turn.server_content.turn_complete

    async def test_a_tool_that_never_answers_expires(
        self, opened: Call, engine: Any, clock: VirtualClock, waiting: Any
    ) -> None:
        opened.receive(TEXT)
        engine.line.say(events.ToolCalls(1, (FunctionCall("7", "f", {}),)))
        assert (await waiting(opened.outbox))[0].tool_call
        clock.advance(60)
        (cancelled,) = await waiting(opened.outbox)
        assert cancelled.tool_call_cancellation.ids == ["7"]
        assert isinstance(engine.line.told[-1], events.ToolResults)

    async def test_a_call_that_ended_leaves_no_timer(self, opened: Call, clock: VirtualClock, waiting: Any) -> None:
        opened.receive(ClientLeft())
        clock.advance(1e6)
        assert await waiting(opened.outbox) == []


class TestEngine:
    async def test_an_engine_that_is_not_available_says_why(self, call: Call, engine: Any) -> None:
        engine.fail = EngineUnavailable("every recogniser is taken; add more with --recognisers")
        call.receive(SETUP)
        assert await call.outbox.get() == Hangup(1011, "every recogniser is taken; add more with --recognisers")

    async def test_an_engine_that_fails_to_open_is_no_secret_to_the_log(
        self, call: Call, engine: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        engine.fail = RuntimeError("no such file: model.bin")
        call.receive(SETUP)
        assert await call.outbox.get() == Hangup(1011, "the engine failed; the log of the server has it")
        assert "model.bin" in caplog.text

    async def test_an_engine_that_hangs_is_not_waited_for_forever(
        self, call: Call, engine: Any, clock: VirtualClock, settle: Any
    ) -> None:
        engine.may_open.clear()
        call.receive(SETUP)
        await settle()
        clock.advance(30)
        assert (await call.outbox.get()).code == 1008
        await call.ended()
        assert engine.line.closes == 0, "there is nothing to close"

    async def test_an_engine_that_fails_in_the_middle_closes(self, opened: Call, engine: Any) -> None:
        engine.line.say(ValueError("shapes do not match"))
        assert await opened.outbox.get() == Hangup(1011, "the engine failed; the log of the server has it")

    async def test_a_failure_of_the_engines_own_words_closes_with_them(self, opened: Call, engine: Any) -> None:
        engine.line.say(events.Failure("the upstream is gone", 1011, "GET /x: 502"))
        assert await opened.outbox.get() == Hangup(1011, "the upstream is gone")

    @pytest.mark.parametrize("end", [None, asyncio.CancelledError()])
    async def test_an_engine_that_just_stops_does_not_leave_the_client_waiting(
        self, opened: Call, engine: Any, end: Any
    ) -> None:
        engine.line.say(end)
        hangup = await asyncio.wait_for(opened.outbox.get(), 10)
        assert hangup == Hangup(1011, "the engine ended the conversation")

    async def test_an_engine_that_cannot_be_told_closes(self, opened: Call, engine: Any) -> None:
        def fail(_: events.UserEvent) -> None:
            raise OSError("broken pipe")

        engine.line.on_send = fail
        opened.receive(TEXT)
        hangup = await asyncio.wait_for(opened.outbox.get(), 10)
        assert hangup == Hangup(1011, "the engine failed; the log of the server has it")

    async def test_an_engine_that_fails_while_the_session_closes_ends_with_it(
        self, opened: Call, engine: Any, waiting: Any
    ) -> None:
        def fail(_: events.UserEvent) -> None:
            raise OSError("broken pipe")

        engine.line.on_send = fail
        # The audio is told to the engine; the text closes the session within the same message.
        odd = client.Blob(data=b"x", mime_type="audio/pcm")
        fine = client.Blob(data=b"xy", mime_type="audio/pcm")
        opened.receive(client.RealtimeInput(media_chunks=[fine, odd]))
        (hangup,) = await waiting(opened.outbox)
        assert hangup.code == 1007
        await opened.ended()

    async def test_an_engine_that_breaks_its_contract_closes(self, opened: Call, engine: Any) -> None:
        engine.line.say(events.ActivityEnded(1.0))
        assert await opened.outbox.get() == Hangup(1011, "internal error; the log of the server has it")

    async def test_an_error_of_the_session_closes_and_is_logged(
        self, opened: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(Session, "_on_audio", lambda *_: 1 // 0)
        opened.receive(client.RealtimeInput(audio=client.Blob(data=b"xy")))
        assert (await opened.outbox.get()).reason == "internal error; the log of the server has it"
        assert "ZeroDivisionError" in caplog.text


class TestEnd:
    async def test_everything_ends(self, opened: Call, engine: Any) -> None:
        opened.receive(ClientLeft())
        await opened.ended()
        assert engine.line.closes == 1

    async def test_a_client_that_left_gets_no_close(self, opened: Call, waiting: Any) -> None:
        opened.receive(ClientLeft())
        assert await waiting(opened.outbox) == []

    async def test_a_client_that_leaves_while_the_engine_opens_is_not_waited_for(
        self, call: Call, engine: Any, settle: Any
    ) -> None:
        engine.may_open.clear()
        call.receive(SETUP)
        await settle()
        call.receive(ClientLeft())
        await asyncio.wait_for(call.ended(), 10)

    async def test_ended_waits_for_the_close(self, opened: Call, settle: Any) -> None:
        ending = asyncio.ensure_future(opened.ended())
        await settle()
        assert not ending.done()
        opened.receive(ClientLeft())
        await ending

    async def test_the_conversation_is_closed_even_when_the_end_is_cancelled(
        self, engine: Any, clock: VirtualClock, settle: Any
    ) -> None:
        call = Call("a-call", always(engine), Policy(), clock)
        call.receive(SETUP)
        await call.outbox.get()
        call.receive(ClientLeft())
        ending = asyncio.ensure_future(call.ended())
        await asyncio.sleep(0)  # it waits for the task it cancelled
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        assert engine.line.closes == 1

    async def test_nothing_is_told_to_the_engine_after_the_close(self, opened: Call, engine: Any) -> None:
        opened.receive(ClientLeft())
        opened.receive(TEXT)
        assert engine.line.told == []

    async def test_closes_are_logged_as_loud_as_they_are_unusual(
        self, opened: Call, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "antiphon"):
            opened.receive(SETUP)
        assert caplog.records[-1].levelno == logging.WARNING
        assert caplog.messages[-1] == "a-call: closed 1007: setup: was sent twice; open a new connection to change it"
