"""Who is let in, and how all leave."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.calls.call import Call
from antiphon.calls.outbox import Hangup
from antiphon.calls.plan import always
from antiphon.calls.switchboard import Switchboard
from antiphon.live.events import GenerationComplete, Speech
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal

SETUP = client.Setup(model="gemini-3.8-live")


@pytest.fixture
async def board(engine: Any, clock: VirtualClock) -> AsyncIterator[Switchboard]:
    board = Switchboard(always(engine), Policy(), clock, max_calls=2)
    yield board
    for call in board.calls:
        call.receive(ClientLeft())
        await board.finish(call)


async def leave(board: Switchboard, call: Call) -> None:
    call.receive(ClientLeft())
    await board.finish(call)


class TestAdmission:
    async def test_calls_are_counted_and_have_names_of_their_own(self, board: Switchboard) -> None:
        first, second = board.place(), board.place()
        assert len(board) == 2
        assert first.id != second.id

    async def test_a_full_house_says_so_and_to_try_again(self, board: Switchboard) -> None:
        board.place()
        assert board.admits
        board.place()
        assert not board.admits
        with pytest.raises(Refusal, match="all 2 sessions of this server are taken; try again later") as refused:
            board.place()
        assert refused.value.code == 1011

    async def test_there_is_room_once_a_call_finished(self, board: Switchboard) -> None:
        call, _ = board.place(), board.place()
        await leave(board, call)
        assert board.admits
        assert len(board) == 1
        board.place()

    async def test_a_call_holds_its_place_until_everything_of_it_has_ended(
        self, board: Switchboard, engine: Any, settle: Any
    ) -> None:
        may_close = asyncio.Event()

        async def slow() -> None:
            await may_close.wait()

        engine.line.aclose = slow
        call = board.place()
        call.receive(SETUP)
        await call.outbox.get()
        leaving = asyncio.ensure_future(leave(board, call))
        await settle()
        assert len(board) == 1
        may_close.set()
        await leaving
        assert len(board) == 0

    async def test_a_call_whose_engine_fails_to_close_gives_its_place_back(
        self, board: Switchboard, engine: Any
    ) -> None:
        async def fail() -> None:
            raise OSError("stuck")

        engine.line.aclose = fail
        call = board.place()
        call.receive(SETUP)
        await call.outbox.get()
        await leave(board, call)
        assert len(board) == 0


class TestDrain:
    async def test_an_empty_house_is_drained_at_once(self, board: Switchboard) -> None:
        await asyncio.wait_for(board.drain(3600), 10)
        assert not board.admits

    async def test_nobody_comes_in_any_more(self, board: Switchboard) -> None:
        await board.drain(0)
        with pytest.raises(Refusal, match="the server is stopping; connect again") as refused:
            board.place()
        assert refused.value.code == 1001

    async def test_an_idle_call_is_told_and_closed(self, board: Switchboard, waiting: Any, settle: Any) -> None:
        call = board.place()
        call.receive(SETUP)
        await call.outbox.get()
        draining = asyncio.ensure_future(board.drain(3600))
        await settle()
        go_away, hangup = await waiting(call.outbox)
        assert go_away.go_away.time_left == "3600s"
        assert hangup == Hangup(1001, "the server is stopping; connect again")
        assert not draining.done(), "it waits until the call has finished"
        await board.finish(call)
        await draining

    async def test_a_turn_may_finish(
        self, board: Switchboard, engine: Any, clock: VirtualClock, waiting: Any, settle: Any
    ) -> None:
        call = board.place()
        call.receive(SETUP)
        call.receive(client.RealtimeInput(text="hi"))
        draining = asyncio.ensure_future(board.drain(60))
        await settle()
        # Two seconds of speech: the turn is over when they have been heard.
        engine.line.say(Speech(1, bytes(2 * 48_000)), GenerationComplete(1))
        await settle()
        assert not any(isinstance(item, Hangup) for item in await waiting(call.outbox))
        clock.advance(2)
        *_, complete, hangup = await waiting(call.outbox)
        assert complete.server_content.turn_complete
        assert hangup.code == 1001
        await board.finish(call)
        await draining

    async def test_a_turn_that_does_not_finish_is_cut(
        self, board: Switchboard, clock: VirtualClock, waiting: Any, settle: Any
    ) -> None:
        call = board.place()
        call.receive(SETUP)
        call.receive(client.RealtimeInput(text="hi"))
        draining = asyncio.ensure_future(board.drain(20))
        await settle()
        clock.advance(20)
        assert (await waiting(call.outbox))[-1].code == 1001
        await board.finish(call)
        await draining

    async def test_a_call_that_never_ends_does_not_hold_the_server_back(self, board: Switchboard) -> None:
        board.place()
        await asyncio.wait_for(board.drain(0), 10)
        assert len(board) == 1
