"""Calls with somebody looking on: what only the whole call knows reaches the timeline, and its record."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.calls.test_line import Engine, Several

from antiphon.calls.call import Call
from antiphon.calls.memory import Memory
from antiphon.calls.metering import Metering
from antiphon.calls.plan import always
from antiphon.calls.timeline import Chronicle
from antiphon.engines.relay.conversation import Gap as RelayGap
from antiphon.live import events
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.live.timeline import Gap, Money, Remark, Stage, Timeline, Turn
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.budgets import BudgetConfig
from antiphon.meter.prices import Prices
from antiphon.store.ledger import Ledger, Scope
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client

SETUP = client.Setup(model="gemini-3.8-live")
TEXT = client.RealtimeInput(text="hi")
USED = UpstreamUsage("google", "gemini-3.8-live", Usage(Tokens(1000), Tokens(audio=1000)))


def watched(plan: Any, clock: VirtualClock, **settings: Any) -> Call:
    def observe(session: Any, caller: Any) -> Chronicle:
        return Chronicle(session, caller, clock.now())

    return Call("a-call", plan, Policy(), clock, observe=observe, **settings)


async def ended(call: Call, memory: Memory) -> Timeline:
    """The timeline of a call that its client left, as it is stored."""
    call.receive(ClientLeft())
    await call.ended()
    (entry,) = await memory.records.of("a-call")
    assert entry.timeline is not None
    return entry.timeline


def of(timeline: Timeline, kind: type) -> list[Any]:
    return [entry for entry in timeline.entries if type(entry) is kind]


async def test_an_engine_that_is_lost_leaves_a_gap(memory: Memory, clock: VirtualClock, settle: Any) -> None:
    first, second = Engine(), Engine()
    plan = Several(first, second)
    plan.decisions = ["first is chosen"]  # type: ignore[attr-defined]
    call = watched(lambda model: plan, clock, memory=memory)
    await call.begin(SETUP)
    await settle()
    clock.advance(2.0)
    first.lines[-1].say(events.Lost("it broke"))
    await settle()
    timeline = await ended(call, memory)
    (gap,) = of(timeline, Gap)
    assert (gap.where, gap.reason, gap.at) == ("engine", "it broke", 2.0)
    assert gap.lost
    assert gap.next
    assert [stage.what for stage in of(timeline, Stage)] == ["opened", "lost", "opened"]
    assert Remark(at=0.0, about="route", text="first is chosen") in timeline.entries


async def test_an_upstream_that_was_resumed_leaves_one_too(
    memory: Memory, clock: VirtualClock, engine: Any, settle: Any
) -> None:
    engine.line.gaps = [RelayGap(1.0, 0.25, "goAway", resumed=True)]
    call = watched(always(engine), clock, memory=memory)
    clock.advance(3.0)
    await call.begin(SETUP)
    await settle()
    (gap,) = of(await ended(call, memory), Gap)
    assert (gap.where, gap.at, gap.seconds, gap.lost, gap.next) == ("upstream", 4.0, 0.25, "line", "line")


async def test_an_engine_that_fails_the_session_is_in_it(
    memory: Memory, clock: VirtualClock, engine: Any, settle: Any, monkeypatch: Any
) -> None:
    call = watched(always(engine), clock, memory=memory)
    await call.begin(SETUP)
    await settle()
    monkeypatch.setattr(call.session.dialogue, "say", lambda *_: 1 / 0)
    call.receive(TEXT)
    remarks = [each.about for each in of(await ended(call, memory), Remark)]
    assert remarks == ["note", "close"]


async def test_what_a_turn_cost_is_what_the_ledger_says(
    memory: Memory, clock: VirtualClock, engine: Any, settle: Any
) -> None:
    ledger = Ledger(memory.database)
    metering = Metering(ledger, Prices(), clock, now=clock.now)
    call = watched(always(engine), clock, memory=memory, metering=metering)
    await call.begin(SETUP)
    call.receive(TEXT)
    await settle()
    engine.line.say(events.Used(1, USED), events.GenerationComplete(1))
    await settle()
    timeline = await ended(call, memory)
    await metering.aclose()
    (turn,) = of(timeline, Turn)
    (spent,) = await ledger.spent([Scope(session_id="a-call")])
    assert turn.cost == timeline.cost == Money(Decimal(spent.amount).scaleb(-12))
    assert spent.amount > 0
    assert turn.billed == ("google/gemini-3.8-live",)


async def test_budgets_speak_up(memory: Memory, clock: VirtualClock, engine: Any, settle: Callable[..., Any]) -> None:
    budget = BudgetConfig(session=Decimal("0.000001"), farewell="")
    metering = Metering(Ledger(memory.database), Prices(), clock, budget=budget, now=clock.now)
    call = watched(always(engine), clock, memory=memory, metering=metering)
    await call.begin(SETUP)
    call.receive(TEXT)
    await settle()
    engine.line.say(events.Used(1, USED), events.GenerationComplete(1))
    await settle()
    timeline = await ended(call, memory)
    await metering.aclose()
    assert {"budget", "dismissed", "close"} <= {each.about for each in of(timeline, Remark)}
