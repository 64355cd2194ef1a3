"""Whatever happens to calls, the ledger has what their clients were told and what their upstreams were paid, once."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from antiphon.calls.metering import WINDOW_SECONDS, Metering, Tab
from antiphon.live.abilities import Abilities
from antiphon.live.effects import Charge, Spend
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.budgets import BudgetConfig
from antiphon.meter.prices import Cost, Prices, cost, price_of
from antiphon.store.database import Database
from antiphon.store.ledger import Entry, Ledger, Scope
from antiphon.testing.clock import VirtualClock

UPSTREAMS = st.builds(
    UpstreamUsage,
    st.just("google"),
    st.sampled_from(["gemini-3.8-live", "gemini-2.5-flash"]),
    st.builds(Usage, st.builds(Tokens, st.integers(0, 999)), st.builds(Tokens, st.integers(0, 999))),
)
USAGES = st.builds(
    Usage, st.builds(Tokens, st.integers(1, 99), st.integers(0, 99)), st.builds(Tokens, st.integers(0, 9))
)


class Turn(Struct, frozen=True):
    """A generation: for how many windows it runs, what is told at its end and what only after it."""

    usage: Usage
    windows: int
    told: tuple[UpstreamUsage, ...]
    late: tuple[UpstreamUsage, ...]


TURNS = st.builds(
    Turn,
    USAGES,
    st.integers(0, 2),
    st.lists(UPSTREAMS, max_size=2).map(tuple),
    st.lists(UPSTREAMS, max_size=2).map(tuple),
)
CALLS = st.lists(st.lists(TURNS, max_size=4), min_size=1, max_size=3)


class FakeSession:
    """What a tab sees of a session."""

    def __init__(self) -> None:
        self.id = "s"
        self.setup = None
        self.accrued: Charge | None = None
        self.abilities = Abilities("relay")

    @property
    def dialogue(self) -> "FakeSession":
        return self


def perform(metering: Metering, clock: VirtualClock, turns: Sequence[Turn]) -> None:
    """One connection of the session."""
    session = FakeSession()
    tab = Tab(metering, session, "me", lambda dismiss: None)  # type: ignore[arg-type]
    tab.begin()
    for number, turn in enumerate(turns, 1):
        session.accrued = Charge(number, turn.usage, turn.told)
        clock.advance(turn.windows * WINDOW_SECONDS)
        session.accrued = None
        tab.charge(Charge(number, turn.usage, turn.told))
        for late in turn.late:
            tab.spend(Spend(number, late))
    tab.end()


def paid(turns: Sequence[Turn]) -> Cost:
    """What the upstreams of ``turns`` were paid, as they told."""
    told = [each for turn in turns for each in turn.told + turn.late]
    return sum((cost(price_of(each.provider, each.model), each) for each in told), Cost())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS, random=st.randoms(use_true_random=False))
def test_the_ledger_has_it_all_once(
    tmp_path_factory: pytest.TempPathFactory, calls: list[list[Turn]], random: Any
) -> None:
    clock = VirtualClock()
    entries: list[Entry] = []

    async def play(path: Path) -> None:
        database = Database(path)
        await database.open()
        ledger = Ledger(database)
        metering = Metering(ledger, Prices(), clock, budget=BudgetConfig(session=Decimal(10**6)), now=clock.now)
        metering.spool.put = entries.extend  # type: ignore[method-assign]
        for turns in calls:
            perform(metering, clock, turns)
        await deliver(ledger)
        await metering.aclose()
        await database.aclose()

    async def deliver(ledger: Ledger) -> None:
        """In any order, some of it twice."""
        again = [*entries, *random.sample(entries, len(entries) // 2)]
        random.shuffle(again)
        await ledger.add(again)
        told = await ledger.read(lambda rows: sum((row.entry.told for row in rows if row.counts), Usage()))
        assert told == sum((turn.usage for turns in calls for turn in turns), Usage())
        seconds = await ledger.read(lambda rows: sum(row.entry.open_seconds for row in rows))
        assert seconds == sum(turn.windows for turns in calls for turn in turns) * WINDOW_SECONDS
        (spent,) = await ledger.spent([Scope(session_id="s")])
        estimates = await ledger.read(
            lambda rows: [row.entry for row in rows if row.counts and row.entry.kind == "window"]
        )
        guessed = sum(each.amount for each in estimates if each.generation)
        expected = paid([turn for turns in calls for turn in turns])
        assert expected.amount is not None
        assert Decimal(spent.amount - guessed).scaleb(-12) == expected.amount
        untold = [turn for turns in calls for turn in turns if not turn.told + turn.late]
        assert len([each for each in estimates if each.generation]) <= len(untold)

    asyncio.run(play(tmp_path_factory.mktemp("ledger") / "store.sqlite"))
