"""What a call costs is written down while it runs, every generation and every thirty seconds; and budgets hold."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from antiphon.calls.call import Call
from antiphon.calls.caller import Caller
from antiphon.calls.memory import Memory
from antiphon.calls.metering import Metering
from antiphon.calls.outbox import Hangup
from antiphon.calls.plan import always
from antiphon.live import events
from antiphon.live.inputs import ClientLeft, Dismiss
from antiphon.live.policy import Policy
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.budgets import BudgetConfig
from antiphon.meter.prices import OwnPrice, Prices
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.ledger import Entry, Ledger, Row, Scope
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client

SETUP = client.Setup(model="models/gemini-3.8-live")
ME = Caller("me")
TEXT = client.RealtimeInput(text="hi")
SECOND = bytes(48_000)
GOOGLE = UpstreamUsage("google", "gemini-3.8-live", Usage(Tokens(1000, 15_000, 0, 2580), Tokens(200, 1500)))
"""Costs $0.06723."""
FREE = UpstreamUsage("google", "gemini-3.8-live")
NOW = 1_700_000_000.0

Place = Callable[..., Any]


def rows(read: Iterator[Row]) -> list[Row]:
    return list(read)


@pytest.fixture
def ledger(memory: Memory) -> Ledger:
    return Ledger(memory.database)


@pytest.fixture
async def make_metering(ledger: Ledger, clock: VirtualClock) -> AsyncIterator[Callable[..., Metering]]:
    """A server's metering; another one stands for another process."""
    made: list[Metering] = []

    def make(prices: Prices | None = None, **settings: Any) -> Metering:
        budget = BudgetConfig(**{name: settings.pop(name) for name in [*settings] if name != "bills"})
        now = NOW - clock.now()
        metering = Metering(ledger, prices or Prices(), clock, budget=budget, now=lambda: now + clock.now(), **settings)
        made.append(metering)
        return metering

    yield make
    for each in made:
        await each.aclose()


Lines = dict[Call, Any]
"""The engine's side of each call."""


@pytest.fixture
async def lines() -> Lines:
    return {}


@pytest.fixture
async def place(engine: Any, lines: Lines, clock: VirtualClock, settle: Any) -> AsyncIterator[Place]:
    """Calls of ``me``, begun, each with an engine of its own."""

    async def place(metering: Metering | None, session_id: str = "s", caller: Caller = ME) -> Call:
        mine = type(engine)()
        call = Call(session_id, always(mine), Policy(), clock, caller=caller, metering=metering)
        lines[call] = mine.line
        await call.begin(SETUP)
        await settle()
        return call

    yield place
    for call in lines:
        call.receive(ClientLeft())
        await call.ended()


@pytest.fixture
def answer(lines: Lines, clock: VirtualClock, settle: Any) -> Callable[..., Any]:
    """One turn of a call: a second of speech, and what the upstreams told of it."""

    async def answer(call: Call, *upstream: UpstreamUsage, number: int = 1) -> None:
        call.receive(TEXT)
        used = [events.Used(number, each) for each in upstream]
        lines[call].say(events.Speech(number, SECOND), *used, events.GenerationComplete(number))
        await settle()
        clock.advance(1)
        await settle()

    return answer


async def written(metering: Metering, ledger: Ledger, kind: str | None = None) -> list[Entry]:
    await metering.spool.ask([Scope()])
    return [row.entry for row in await ledger.read(rows) if kind in (None, row.entry.kind)]


async def spent(metering: Metering, scope: Scope = Scope()) -> Decimal:  # noqa: B008 (it is frozen)
    (sums,) = await metering.spool.ask([scope])
    return Decimal(sums.amount).scaleb(-12)


class TestGenerations:
    async def test_a_row_says_all_about_a_generation(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        await answer(call, GOOGLE)
        (entry,) = await written(metering, ledger, "generation")
        assert entry.key[1:] == (1, "generation", 0, 0)
        assert (entry.session_id, entry.owner, entry.process) == ("s", "me", metering.process)
        assert (entry.model, entry.engine) == ("gemini-3.8-live", "line")
        assert (entry.provider, entry.billed, entry.usage) == ("google", "gemini-3.8-live", GOOGLE.usage)
        assert (entry.amount, entry.currency, entry.unknown) == (67_230_000_000, "USD", "")
        assert entry.price_version == "overlay 2026-11-24 over genai-prices 0.2.3"
        assert entry.told == call.session.usage
        assert entry.told.response.audio == 25
        assert not entry.estimated
        assert entry.at == NOW + 1

    async def test_own_hardware_costs_nothing(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger
    ) -> None:
        metering = make_metering()
        await answer(await place(metering))
        (entry,) = await written(metering, ledger, "generation")
        assert (entry.provider, entry.amount, entry.unknown) == ("", 0, "")
        assert entry.price_version == "own hardware"

    async def test_what_has_no_price_is_unknown(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger
    ) -> None:
        metering = make_metering()
        await answer(await place(metering), UpstreamUsage("nobody", "model", Usage(Tokens(9))))
        (entry,) = await written(metering, ledger, "generation")
        assert (entry.amount, entry.price_version) == (0, "unknown")
        assert "no price is known for nobody/model" in entry.unknown

    async def test_every_upstream_has_a_row(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        await answer(call, GOOGLE, UpstreamUsage("openai", "gpt-live-1", seconds=90.0, estimated=True))
        first, second = await written(metering, ledger, "generation")
        assert (first.number, second.number) == (0, 1)
        assert (second.seconds, second.amount, second.estimated) == (90.0, 75_000_000_000, True)
        assert second.told == Usage(), "what the client was told counts once"

    async def test_the_sum_over_a_session_is_what_its_client_was_told(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        for number in range(1, 6):
            await answer(call, *[GOOGLE] * (1 + number % 2), number=number)
        entries = await written(metering, ledger)
        assert sum((entry.told for entry in entries), Usage()) == call.session.usage
        assert await spent(metering) == Decimal("0.06723") * 8

    @pytest.mark.parametrize(("bills", "loads"), [((), False), ((("google", "m"),), True), (None, True)])
    async def test_the_price_list_is_loaded_before_the_first_charge_where_somebody_may_be_paid(
        self, make_metering: Any, place: Place, monkeypatch: pytest.MonkeyPatch, bills: Any, loads: bool, until: Any
    ) -> None:
        threads: list[str] = []
        find = Prices.price_of

        def watched(prices: Prices, provider: str, *rest: Any) -> Any:
            threads.extend([threading.current_thread().name] if provider else [])
            return find(prices, provider, *rest)

        monkeypatch.setattr(Prices, "price_of", watched)
        metering = make_metering(bills=lambda model: bills)
        await place(metering)
        await place(metering, "t")
        if loads:
            await until(lambda: bool(threads))
        assert len(threads) == loads
        assert threading.main_thread().name not in threads

    async def test_a_call_without_metering_counts_nothing(
        self, place: Place, answer: Any, ledger: Ledger, clock: VirtualClock
    ) -> None:
        await answer(await place(None), GOOGLE)
        clock.advance(100)
        assert await ledger.read(rows) == []


class TestInterruptions:
    """An upstream tells what an interrupted generation used after its end."""

    @pytest.fixture
    def interrupted(self, lines: Lines, settle: Any, clock: VirtualClock) -> Any:
        async def interrupted(call: Call, number: int) -> None:
            call.receive(TEXT)
            lines[call].say(events.Speech(number, SECOND))
            await settle()
            call.receive(TEXT)
            lines[call].say(events.GenerationComplete(number + 1))
            await settle()

        return interrupted

    async def test_until_then_it_is_estimated(
        self, make_metering: Any, place: Place, answer: Any, interrupted: Any, ledger: Ledger, lines: Lines, settle: Any
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        await answer(call, GOOGLE)
        await interrupted(call, 2)
        (estimate, _) = [entry for entry in await written(metering, ledger) if entry.generation > 1]
        assert (estimate.kind, estimate.provider, estimate.estimated) == ("window", "google", True)
        assert estimate.usage == estimate.told != Usage()
        assert await spent(metering) > Decimal("0.06723")
        lines[call].say(events.Used(2, GOOGLE), events.Used(2, GOOGLE))
        await settle()
        told = [entry for entry in await written(metering, ledger) if entry.generation == 2 and entry != estimate]
        assert [entry.kind for entry in told] == ["generation", "late"]
        assert told[0].told == estimate.told
        assert not told[0].estimated

    async def test_it_is_not_paid_twice(
        self, make_metering: Any, place: Place, answer: Any, interrupted: Any, lines: Lines, settle: Any
    ) -> None:
        metering = make_metering(session=Decimal(10))
        call = await place(metering)
        await answer(call, GOOGLE)
        await interrupted(call, 2)
        lines[call].say(events.Used(2, GOOGLE), events.Used(3, GOOGLE))
        await settle()
        assert await spent(metering) == Decimal("0.06723") * 3
        (used,) = (share for share, _ in metering.budgets._shares(metering.budgets.places("me", "s", NOW)))
        assert used == Decimal("0.006723") * 3, "the budget knows the same"


class TestWindows:
    async def test_every_thirty_seconds_have_a_row(
        self, make_metering: Any, place: Place, ledger: Ledger, clock: VirtualClock
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        clock.advance(75)
        assert [entry.open_seconds for entry in await written(metering, ledger)] == [30.0, 30.0]
        call.receive(ClientLeft())
        assert [entry.open_seconds for entry in await written(metering, ledger)] == [30.0, 30.0, 15.0]
        clock.advance(100)
        assert len(await written(metering, ledger)) == 3, "none follows its end"

    async def test_a_call_that_never_began_has_none(
        self, make_metering: Any, engine: Any, ledger: Ledger, clock: VirtualClock
    ) -> None:
        metering = make_metering()
        call = Call("s", always(engine), Policy(), clock, metering=metering)
        clock.advance(29)
        call.receive(ClientLeft())
        await call.ended()
        assert await written(metering, ledger) == []

    async def test_a_generation_under_way_counts_provisionally(
        self, make_metering: Any, place: Place, ledger: Ledger, clock: VirtualClock, lines: Lines, settle: Any
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        call.receive(TEXT)
        lines[call].say(events.Speech(1, SECOND * 100), events.Used(1, GOOGLE))
        await settle()
        clock.advance(65)
        await settle()
        windows = await written(metering, ledger, "window")
        assert [(entry.generation, entry.amount) for entry in windows] == [(1, 67_230_000_000)] * 2
        assert windows[-1].told == call.session.accrued.usage  # type: ignore[union-attr]
        assert await spent(metering) == Decimal("0.06723")
        lines[call].say(events.Used(1, GOOGLE), events.GenerationComplete(1))
        await settle()
        clock.advance(40)
        assert await spent(metering) == Decimal("0.13446")

    async def test_before_an_upstream_told_anything_it_is_estimated_as_the_last_one_was_billed(
        self,
        make_metering: Any,
        place: Place,
        answer: Any,
        ledger: Ledger,
        clock: VirtualClock,
        lines: Lines,
        settle: Any,
    ) -> None:
        metering = make_metering()
        call = await place(metering)
        await answer(call, GOOGLE)
        call.receive(TEXT)
        lines[call].say(events.Speech(2, SECOND * 100))
        await settle()
        clock.advance(30)
        entry = (await written(metering, ledger, "window"))[-1]
        assert (entry.generation, entry.provider, entry.estimated) == (2, "google", True)
        assert entry.usage == call.session.accrued.usage  # type: ignore[union-attr]
        assert entry.amount > 2500 * 12_000_000, "a hundred seconds of speech, and what was read"

    @pytest.mark.parametrize(
        ("bills", "unknown", "version"),
        [
            (None, "line has not told yet who is paid for it", "unknown"),
            ((), "", "own hardware"),
            ((("nobody", "m"),), 'no price is known for nobody/m: set [prices."nobody/m"]', "unknown"),
        ],
    )
    async def test_before_anything_is_known_it_is_what_the_configuration_says_or_unknown(
        self,
        make_metering: Any,
        place: Place,
        ledger: Ledger,
        clock: VirtualClock,
        lines: Lines,
        settle: Any,
        bills: Any,
        unknown: str,
        version: str,
    ) -> None:
        metering = make_metering(bills=lambda model: bills)
        call = await place(metering)
        call.receive(TEXT)
        lines[call].say(events.Speech(1, SECOND * 100))
        await settle()
        clock.advance(30)
        (entry,) = await written(metering, ledger, "window")
        assert (entry.unknown, entry.price_version, entry.amount) == (unknown, version, 0)

    async def test_a_resumed_session_is_another_call(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger
    ) -> None:
        metering = make_metering()
        for _ in range(2):
            call = await place(metering)
            await answer(call, GOOGLE)
            call.receive(ClientLeft())
            await call.ended()
        first, second = await written(metering, ledger, "generation")
        assert (first.session_id, first.generation) == (second.session_id, second.generation)
        assert first.call != second.call
        assert await spent(metering, Scope(session_id="s")) == Decimal("0.13446")


class TestBudgets:
    async def test_who_spent_it_all_is_not_admitted(
        self, make_metering: Any, place: Place, answer: Any, waiting: Any
    ) -> None:
        metering = make_metering(key_day=Decimal("0.07"))
        await answer(await place(metering), GOOGLE)
        other = await place(make_metering(key_day=Decimal("0.07")), "t")
        assert other.session.setup is not None, "$0.00277 are left, which is two slices"
        other.receive(ClientLeft())
        await answer(await place(metering, "u"), GOOGLE)
        for again in (metering, make_metering(key_day=Decimal("0.07"))):
            (hangup,) = await waiting((await place(again, "v")).outbox)
            assert hangup == Hangup(
                1008, "the budget of the key for today, $0.07, is used up; ask the owner of the server for more"
            )
        assert (await place(metering, "w", Caller("another"))).session.setup is not None

    async def test_who_spends_it_all_is_dismissed_with_a_farewell(
        self, make_metering: Any, place: Place, answer: Any, monkeypatch: pytest.MonkeyPatch, settle: Any
    ) -> None:
        dismissed: list[Any] = []
        metering = make_metering(session=Decimal("0.08"), farewell="Bye.")
        receive = Call.receive
        monkeypatch.setattr(
            Call, "receive", lambda call, event, *rest: (dismissed.append(event), receive(call, event, *rest))
        )
        call = await place(metering)
        await answer(call, GOOGLE)
        assert not any(isinstance(event, Dismiss) for event in dismissed)
        await answer(call, GOOGLE, number=2)
        (dismiss,) = (event for event in dismissed if isinstance(event, Dismiss))
        assert dismiss == Dismiss("the budget of a session, $0.08, is used up", "Bye.")

    async def test_the_farewell_costs_nothing_and_is_the_last(
        self, make_metering: Any, place: Place, answer: Any, ledger: Ledger, settle: Any, waiting: Any
    ) -> None:
        metering = make_metering(session=Decimal("0.06"))
        call = await place(metering)
        await answer(call, GOOGLE)
        *_, hangup = await waiting(call.outbox)
        assert hangup == Hangup(1008, "the budget of a session, $0.06, is used up")
        paid, farewell = await written(metering, ledger, "generation")
        assert (paid.generation, farewell.generation) == (1, 2)
        assert (farewell.provider, farewell.amount, farewell.price_version) == ("", 0, "own hardware")

    async def test_a_generation_that_goes_on_and_on_is_stopped_too(
        self,
        make_metering: Any,
        place: Place,
        clock: VirtualClock,
        lines: Lines,
        settle: Any,
        waiting: Any,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        call = await place(make_metering(session=Decimal("0.05")))
        call.receive(TEXT)
        lines[call].say(events.Speech(1, SECOND * 100), events.Used(1, GOOGLE))
        await settle()
        clock.advance(30)
        await settle()
        assert "s: the budget of a session, $0.05, is used up" in caplog.messages
        assert any(getattr(item, "go_away", None) for item in await waiting(call.outbox))

    async def test_most_of_it_used_is_told_once(
        self, make_metering: Any, place: Place, answer: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        call = await place(make_metering(key_month=Decimal("0.15")))
        await answer(call, GOOGLE)
        assert not [message for message in caplog.messages if "is used" in message]
        for number in range(2, 5):
            await answer(call, GOOGLE if number == 2 else FREE, number=number)
        assert [message for message in caplog.messages if "is used" in message] == [
            "s: 90% of the budget of the key for this month, $0.15, is used"
        ]

    async def test_an_earlier_connection_of_the_session_counts(
        self, make_metering: Any, place: Place, answer: Any, waiting: Any
    ) -> None:
        metering = make_metering(session=Decimal("0.06"))
        call = await place(metering)
        await answer(call, GOOGLE)
        call.receive(ClientLeft())
        await call.ended()
        (hangup,) = await waiting((await place(metering)).outbox)
        assert "the budget of a session, $0.06, is used up" in hangup.reason

    async def test_what_other_processes_spend_is_heard_of(
        self, make_metering: Any, place: Place, answer: Any, clock: VirtualClock, until: Any, caplog: Any
    ) -> None:
        one, other = (make_metering(key_day=Decimal("0.06")) for _ in range(2))
        await place(one)
        await answer(await place(other, "t"), GOOGLE)
        await other.spool.ask([Scope()])
        caplog.clear()
        clock.advance(30)
        await until(lambda: any(account.elsewhere for account in one.budgets._accounts.values()))
        await asyncio.sleep(0)
        clock.advance(30)
        assert "s: the budget of the key for today, $0.06, is used up" in caplog.messages

    async def test_a_call_that_would_cost_nobody_knows_what_is_not_admitted(
        self, make_metering: Any, place: Place, waiting: Any
    ) -> None:
        def bills(model: str) -> Any:
            return (("nobody", model),)

        (hangup,) = await waiting((await place(make_metering(session=Decimal(1), bills=bills))).outbox)
        assert hangup == Hangup(
            1008,
            "there is a budget, and no price is known for nobody/gemini-3.8-live: "
            'set [prices."nobody/gemini-3.8-live"]; or budget.unknown = "allow", in the configuration of the server',
        )
        own = Prices({"nobody/*": OwnPrice(request=Decimal("0.001"))})
        for others in (
            {"unknown": "allow", "session": Decimal(1)},
            {"prices": own, "session": Decimal(1)},
            {},
        ):
            call = await place(make_metering(bills=bills, **others))
            assert call.session.setup is not None

    async def test_a_ledger_that_cannot_be_read_admits_nobody_who_has_a_budget(
        self, make_metering: Any, place: Place, memory: Memory, waiting: Any
    ) -> None:
        limited, free = make_metering(session=Decimal(1)), make_metering()
        await memory.database.aclose()
        (hangup,) = await waiting((await place(limited)).outbox)
        assert hangup == Hangup(1011, "what was spent cannot be read, and there is a budget; try again later")
        assert (await place(free)).session.setup is not None

    async def test_a_client_that_leaves_while_it_is_looked_up_reserves_nothing(
        self, make_metering: Any, engine: Any, clock: VirtualClock
    ) -> None:
        metering = make_metering(key_day=Decimal(1))
        call = Call("s", always(engine), Policy(), clock, caller=ME, metering=metering)
        beginning = asyncio.create_task(call.begin(SETUP))
        await asyncio.sleep(0)
        call.receive(ClientLeft())
        await beginning
        await call.ended()
        assert not any(account.reserved for account in metering.budgets._accounts.values())


CHILD = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from conftest import Engine, settle
from antiphon.calls.call import Call
from antiphon.calls.memory import Memory
from antiphon.calls.metering import Metering
from antiphon.calls.plan import always
from antiphon.live import events
from antiphon.live.policy import Policy
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.prices import Prices
from antiphon.store.ledger import Ledger
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client

async def main():
    clock, engine, memory = VirtualClock(), Engine(), Memory(Path({data!r}), 7200.0, 7200.0)
    await memory.open()
    metering = Metering(Ledger(memory.database), Prices(), clock)
    call = Call("s", always(engine), Policy(), clock, metering=metering)
    await call.begin(client.Setup(model="gemini-3.8-live"))
    await settle()
    call.receive(client.RealtimeInput(text="hi"))
    # An upstream that is paid by the second tells every second, and is silent for nothing.
    second = UpstreamUsage("openai", "gpt-live-1", seconds=1.0)
    for passed in range(1, 108):
        engine.line.say(events.Used(1, second), events.Speech(1, bytes(48_000)))
        await settle()
        clock.advance(1)
        await settle()
        while len(metering.spool):
            await asyncio.sleep(0.001)
    print("107 seconds", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_loses_less_than_thirty_seconds(tmp_path: Path) -> None:
    code = CHILD.format(tests=str(Path(__file__).parent), data=str(tmp_path))
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"107 seconds\n"
    child.send_signal(signal.SIGKILL)
    assert await child.wait() == -signal.SIGKILL
    database = Database(tmp_path / FILE_NAME)
    await database.open()
    try:
        read = await Ledger(database).read(rows)
        (sums,) = await Ledger(database).spent([Scope()])
    finally:
        await database.aclose()
    assert sum(row.entry.open_seconds for row in read) == 90.0
    assert [row.counts for row in read].count(True) == 90, "ninety seconds of the third window, each told by itself"
    lost = Decimal(107) * 3 / 3600 - Decimal(sums.amount).scaleb(-12)
    assert Decimal(0) < lost <= Decimal(30) * 3 / 3600
    told = [row.entry.told.response.audio for row in read if row.counts and not row.entry.number]
    assert told == [90 * 25]
