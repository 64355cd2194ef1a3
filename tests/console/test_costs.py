"""What a running call costs: exact where it was charged, honest where it is foretold."""

from decimal import Decimal
from typing import Any

import pytest

from antiphon.calls.bill import Bill
from antiphon.calls.watching import Context, News, Running
from antiphon.console.costs import Measured, Money, money, turn_at_host, warm
from antiphon.live.timeline import Activity, Entry, Turn
from antiphon.live.timeline import Money as Charged
from antiphon.live.tokens import Tokens, Usage
from antiphon.meter.budgets import Use
from antiphon.meter.prices import Cost, OwnPrice, Prices, cost
from antiphon.store import ledger

MODEL = "gemini-3.8-live"
PRICES = Prices({"acme/hourly": OwnPrice(hour=Decimal(6)), "acme/m": OwnPrice(text_in=Decimal(1), text_out=Decimal(2))})


def exchange(number: int, history: int) -> list[Entry]:
    """A turn of 5 s of the user and 4 s of the model, after ``history`` tokens of audio."""
    usage = Usage(prompt=Tokens(text=200, audio=history + 125), response=Tokens(audio=100))
    at = 10.0 * number
    return [
        Activity(at=at, ended=at + 5, offset=at, end_offset=at + 5),
        Turn(at=at + 5, number=number, first=at + 5.5, ended=at + 9.5, usage=usage),
    ]


def call(turns: int, seconds: float, paid: tuple[str, str] | None = None, **context: Any) -> tuple[News, list[Entry]]:
    """A call of so many exchanges; ``paid`` is who is paid for it."""
    entries = [entry for number in range(turns) for entry in exchange(number, 225 * number)]
    usages = [entry.usage for entry in entries if isinstance(entry, Turn)]
    bill, charged = Bill(), Cost()
    for number, usage in enumerate(usages):
        bill.count(usage)
        provider, model = paid or ("", "")
        row = ledger.Entry(
            call="c", session_id="s", generation=number, kind=ledger.GENERATION, at=0.0, provider=provider,
            billed=model, usage=usage if paid else Usage(),
        )  # fmt: skip
        bill.charge(number, [row], PRICES, provisional=False)
        charged += cost(PRICES.price_of(provider, model), row.usage)
    running = Running(
        session_id="s", owner="o", model=MODEL, engine="e", began=0.0, clock=0.0, seconds=seconds, turns=turns,
        doing="listening", cost=Charged(charged.known, charged.reasons), content=False,
    )  # fmt: skip
    total = sum(usages, Usage())
    context = {"tokens": 1000, "window": 131_072, **context}
    return News(entries=(), running=running, usage=total, bill=bill, context=Context(**context)), entries


def told(*what: Any, budgets: tuple[Use, ...] = (), **context: Any) -> Money:
    return money(*call(*what, **context), PRICES, list(budgets))


class TestNow:
    def test_own_hardware_is_free_and_says_what_it_did(self) -> None:
        bill = told(4, 40.0)
        assert (bill.free, bill.amount, bill.projected_ten_minutes) == (True, 0, 0)
        assert {part.name: part.amount for part in bill.by} == {"audio in": 0, "audio out": 0, "text in": 0}
        assert bill.hosted.amount == sum(part.amount or 0 for part in bill.hosted.by) > 0

    def test_where_the_hosted_model_is_paid_both_bills_are_the_same(self) -> None:
        bill = told(4, 40.0, ("google", MODEL))
        assert not bill.free
        assert bill.amount == bill.hosted.amount
        assert bill.per_minute == bill.amount * 60 / 40
        assert {part.name: part.amount for part in bill.by} == {part.name: part.amount for part in bill.hosted.by}
        assert bill.projection == bill.hosted.projection

    def test_what_each_turn_adds_to_the_hosted_bill(self) -> None:
        news, entries = call(4, 40.0)
        price = warm(PRICES, MODEL)
        parts = [turn_at_host(price, entry) for entry in entries if isinstance(entry, Turn)]
        assert sum(part or 0 for part in parts) == money(news, entries, PRICES, []).hosted.amount

    def test_what_has_no_price_is_not_free(self) -> None:
        bill = told(2, 40.0, ("acme", "m"))
        assert bill.unknown
        assert not bill.free
        assert bill.projected_ten_minutes is None
        assert any(part.amount is None for part in bill.by)

    def test_of_several_budgets_the_most_used_is_told(self) -> None:
        day, month = Use("key_day", Decimal(1), Decimal("0.5")), Use("key_month", Decimal(10), Decimal(1))
        assert told(1, 30.0).budget is None
        used = told(1, 30.0, budgets=(day, month)).budget
        assert used is not None
        assert (used.kind, used.spent, used.used) == ("key_day", Decimal("0.5"), Decimal("0.5"))


class TestTenMinutes:
    def test_history_is_billed_again(self) -> None:
        projection = told(6, 60.0).hosted.projection
        average = told(6, 60.0).hosted.amount
        assert projection is not None
        assert average is not None
        assert projection.basis == "measured turns"
        # The same turns played on: what really comes after ten minutes of them.
        news, entries = call(60, 600.0)
        real = money(news, entries, PRICES, []).hosted.amount
        assert projection.amount == pytest.approx(real, rel=Decimal("0.05"))
        assert projection.amount > 2 * 10 * average

    def test_a_window_that_slides_keeps_it_down(self) -> None:
        sliding = told(6, 60.0, trigger=2000, target=1000).hosted.projection
        whole = told(6, 60.0).hosted.projection
        assert sliding is not None
        assert whole is not None
        assert sliding.amount < whole.amount

    def test_too_little_is_known_at_first(self) -> None:
        assert told(1, 60.0).hosted.projection is None
        assert told(3, 5.0).hosted.projection is None
        assert told(0, 60.0).hosted.projection is None

    def test_a_longer_call_is_taken_at_its_average(self) -> None:
        hosted = told(60, 1200.0).hosted
        assert hosted.projection is not None
        assert hosted.amount is not None
        assert hosted.projection.basis == "average so far"
        assert hosted.projection.amount == pytest.approx(hosted.amount / 2)

    def test_measured(self) -> None:
        measured = Measured.of(call(6, 60.0)[1])
        again = measured.ten_minutes(60.0)
        assert (measured.turns, measured.user, measured.setup) == (6, 30.0, 200)
        assert (again.turns, again.user, again.model, again.setup) == (60, 5.0, 4.0, 200)

    def test_turns_that_overlap_fit(self) -> None:
        measured = Measured(turns=10, user=100.0, setup=0, made=Usage(response=Tokens(audio=10 * 250)))
        call = measured.ten_minutes(60.0)
        assert call.user + call.model <= call.length + 1e-6
