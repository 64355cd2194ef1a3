"""Keys of running calls: looked after without a clock on the wall; and how many calls a key may have."""

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from antiphon.calls.call import Call
from antiphon.calls.caller import Caller
from antiphon.calls.keywatch import KeyWatch
from antiphon.calls.memory import Memory
from antiphon.calls.metering import Metering
from antiphon.calls.outbox import Hangup
from antiphon.calls.plan import always
from antiphon.calls.switchboard import Switchboard
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.meter.prices import Prices
from antiphon.store.keys import KeyLimits, Keys, KeyTerms, StoredKey
from antiphon.store.ledger import Ledger
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client
from antiphon.wire.refusal import CloseCode, Refusal

SETUP = client.Setup(model="gemini-3.8-live")
NOW = 1_700_000_000.0


class World:
    """A switchboard whose calls come with stored keys, and the time on the wall."""

    def __init__(self, memory: Memory, engine: Any, clock: VirtualClock) -> None:
        self.now = NOW
        self.keys = Keys(memory.database, lambda: self.now)
        self.metering = Metering(Ledger(memory.database), Prices(), clock, now=lambda: self.now)
        self.board = Switchboard(always(engine), Policy(), clock, 10, metering=self.metering)
        self.watch = KeyWatch(self.keys, lambda: self.board.calls, self.metering)

    async def key(self, **terms: Any) -> StoredKey:
        key, _ = await self.keys.create(KeyTerms(name="k", **terms), "")
        return key

    async def call(self, key: StoredKey) -> Call:
        call = self.board.place(Caller(key.id, limits=key.terms.limits))
        await call.begin(SETUP)
        return call


@pytest.fixture
async def world(memory: Memory, engine: Any, clock: VirtualClock, settle: Any) -> AsyncIterator[World]:
    world = World(memory, engine, clock)
    yield world
    for call in world.board.calls:
        call.receive(ClientLeft())
        await world.board.finish(call)
    await world.metering.aclose()


async def last(call: Call, waiting: Callable[..., Any]) -> Any:
    return (await waiting(call.outbox))[-1]


class TestLooking:
    async def test_only_calls_of_keys_out_of_force_end(self, world: World, waiting: Any) -> None:
        kept, revoked, expiring = await world.key(), await world.key(), await world.key(expires=NOW + 60)
        calls = [await world.call(key) for key in (kept, revoked, expiring)]
        await world.watch.look()
        assert not any(call.session.closed for call in calls)
        await world.keys.revoke(revoked.id)
        world.now += 60
        await world.watch.look()
        assert [call.session.closed for call in calls] == [False, True, True]
        remedy = "ask the owner of the server for another"
        assert await last(calls[1], waiting) == Hangup(1008, f"this API key was revoked; {remedy}")
        assert await last(calls[2], waiting) == Hangup(1008, f"this API key has expired; {remedy}")

    async def test_calls_of_other_keys_are_nobody_it_knows(self, world: World) -> None:
        call = world.board.place(Caller("c67b0d52a9462d71"))
        await call.begin(SETUP)
        await world.watch.look()
        assert not call.session.closed

    async def test_changed_limits_hold_at_once(self, world: World) -> None:
        key = await world.key()
        await world.call(key)
        assert world.metering.budgets.limits(key.id) == {}
        await world.keys.update(key.id, KeyTerms(name="k", limits=KeyLimits(day=Decimal(3))))
        await world.watch.look()
        assert world.metering.budgets.limits(key.id) == {"key_day": Decimal(3)}

    async def test_uses_are_written(self, world: World, memory: Memory) -> None:
        key = await world.key()
        world.keys.note_use(key)
        await world.watch.look()
        (written,) = await Keys(memory.database).all()
        assert written.last_used == NOW


class TestAtOnce:
    async def test_a_key_has_as_many_as_it_may(self, world: World, waiting: Any) -> None:
        two, one = await world.key(limits=KeyLimits(concurrent=2)), await world.key(limits=KeyLimits(concurrent=1))
        calls = [await world.call(key) for key in (two, two, one)]
        refused = await world.call(two)
        assert not any(call.session.closed for call in calls)
        assert "may have 2 sessions at once" in (await last(refused, waiting)).reason
        calls[0].receive(ClientLeft())
        assert not (await world.call(two)).session.closed

    async def test_those_before_a_limit_count(self, world: World, waiting: Any) -> None:
        key = await world.key()
        await world.call(key)
        limited = await world.keys.update(key.id, KeyTerms(name="k", limits=KeyLimits(concurrent=1)))
        assert limited is not None
        assert "may have 1 sessions" in (await last(await world.call(limited), waiting)).reason

    async def test_who_has_not_begun_is_not_counted(self, world: World) -> None:
        key = await world.key(limits=KeyLimits(concurrent=1))
        world.board.place(Caller(key.id, limits=key.terms.limits))
        assert not (await world.call(key)).session.closed


class TestDismissing:
    async def test_those_that_are_unwanted_and_no_other(self, world: World, waiting: Any) -> None:
        one, other = [await world.call(await world.key()) for _ in range(2)]
        refusal = Refusal("", "enough", "", CloseCode.POLICY)
        assert world.board.dismiss(lambda call: call is one, refusal) == 1
        assert await last(one, waiting) == Hangup(1008, "enough")
        assert world.board.dismiss(lambda call: call is one, refusal) == 0
        assert not other.session.closed


class TestModels:
    @pytest.mark.parametrize(
        "model", ["gemini-3.8-live", "models/gemini-3.8-live", "publishers/google/gemini-3.8-live"]
    )
    def test_all_names_of_an_allowed_one_are_allowed(self, model: str) -> None:
        assert Caller(models=("gemini-3.8-live",)).may_ask_for(model)
        assert Caller().may_ask_for(model)
        assert not Caller(models=("gemini-3.1-flash-live-preview",)).may_ask_for(model)

    def test_one_of_the_owners_own(self) -> None:
        assert Caller(models=("my-model",)).may_ask_for("models/my-model")
        assert not Caller(models=("my-model",)).may_ask_for("my-model-2")
