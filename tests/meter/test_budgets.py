"""Budgets hold, however many sessions of a key spend at once."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.meter.budgets import LEAST, MOST, SLICES, BudgetConfig, Budgets, Place, Verdict
from antiphon.meter.prices import Cost

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0
NO_PRICE = Cost(unknown=1, reasons=("no price is known for x/y",))


def dollars(text: str) -> Cost:
    return Cost(Decimal(text))


def day_budget(limit: str = "5", **settings: Any) -> Budgets:
    return Budgets(BudgetConfig(key_day=Decimal(limit), **settings))


class TestVerdicts:
    def test_without_a_limit_everybody_may(self) -> None:
        budgets = Budgets(BudgetConfig())
        assert budgets.admit("c", "key", "s", NOON) == Verdict()
        assert budgets.charge("c", NOON, dollars("1000000")) == Verdict()
        assert budgets.charge("c", NOON, NO_PRICE) == Verdict()

    def test_ok_soft_spent(self) -> None:
        budgets = day_budget()
        assert budgets.admit("c", "key", "s", NOON) == Verdict()
        assert budgets.charge("c", NOON, dollars("3.5")) == Verdict("ok", Decimal("0.7"))
        soft = budgets.charge("c", NOON, dollars("0.5"))
        assert soft == Verdict("soft", Decimal("0.8"), "80% of the budget of the key for today, $5.00, is used")
        spent = budgets.charge("c", NOON, dollars("1"))
        assert spent == Verdict("spent", Decimal(1), "the budget of the key for today, $5.00, is used up")

    def test_the_tightest_limit_is_told(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(1), key_day=Decimal(100), key_month=Decimal(1000)))
        budgets.admit("c", "key", "s", NOON)
        assert "90% of the budget of a session, $1.00," in budgets.charge("c", NOON, dollars("0.9")).reason

    def test_what_is_used_of_each_limit(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(1), key_day=Decimal(10)))
        assert [use.spent for use in budgets.use("key", "s", NOON)] == [0, 0]
        assert budgets.known == (), "to look makes no account"
        for call, session in (("c", "s"), ("d", "t")):
            budgets.admit(call, "key", session, NOON)
            budgets.charge(call, NOON, dollars("0.25"), dollars("0.05"))
        told = {use.kind: (use.limit, use.spent, use.used) for use in budgets.use("key", "s", NOON)}
        assert told["session"] == (1, Decimal("0.3"), Decimal("0.3"))
        assert told["key_day"] == (10, Decimal("0.6"), Decimal("0.06"))

    def test_a_session_has_its_own_budget(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(1)))
        for call, session in (("c", "s"), ("d", "t")):
            budgets.admit(call, "key", session, NOON)
        assert budgets.charge("c", NOON, dollars("1")).state == "spent"
        assert budgets.charge("d", NOON, dollars("0.1")).state == "ok"

    def test_keys_do_not_share(self) -> None:
        budgets = day_budget("1")
        budgets.admit("c", "one", "s", NOON)
        budgets.charge("c", NOON, dollars("1"))
        assert budgets.admit("d", "one", "t", NOON).state == "spent"
        assert budgets.admit("e", "two", "u", NOON).state == "ok"

    def test_what_is_under_way_counts_until_it_is_settled(self) -> None:
        budgets = day_budget("1")
        budgets.admit("c", "key", "s", NOON)
        assert budgets.charge("c", NOON, Cost(), dollars("0.5")).used == Decimal("0.5")
        assert budgets.charge("c", NOON, Cost(), dollars("0.7")).used == Decimal("0.7")
        assert budgets.charge("c", NOON, dollars("0.6")).used == Decimal("0.6")

    def test_what_was_under_way_when_a_session_vanished_stays_spent(self) -> None:
        budgets = day_budget("1")
        budgets.admit("c", "key", "s", NOON)
        budgets.charge("c", NOON, Cost(), dollars("0.5"))
        budgets.leave("c")
        budgets.admit("d", "key", "t", NOON)
        assert budgets.charge("d", NOON, Cost()).used == Decimal("0.5")

    def test_what_others_spent_counts(self) -> None:
        budgets = day_budget("1")
        (place,) = budgets.places("key", "s", NOON)
        budgets.hear(place, Decimal("0.6"))
        budgets.admit("c", "key", "s", NOON)
        assert budgets.charge("c", NOON, dollars("0.1")).used == Decimal("0.7")
        budgets.hear(place, Decimal("0.9"))
        assert budgets.charge("c", NOON, Cost()).state == "spent"

    def test_nobody_unknown_is_charged(self) -> None:
        assert day_budget().charge("nobody", NOON, dollars("9")) == Verdict()

    def test_who_was_refused_is_not_known(self) -> None:
        budgets = day_budget("1")
        budgets.hear(budgets.places("key", "s", NOON)[0], Decimal(1))
        assert budgets.admit("c", "key", "s", NOON).state == "spent"
        assert budgets.charge("c", NOON, dollars("9")) == Verdict()


class TestLimitsOfAKey:
    def test_the_lower_of_two_holds_and_says_whose_it_is(self) -> None:
        budgets = Budgets(BudgetConfig(key_day=Decimal(5)))
        budgets.know("cheap", {"key_day": Decimal(1)})
        budgets.know("dear", {"key_day": Decimal(100)})
        for call, owner in (("c", "cheap"), ("d", "dear"), ("e", "other")):
            budgets.admit(call, owner, call, NOON)
        own = budgets.charge("c", NOON, dollars("1"))
        assert own == Verdict("spent", Decimal(1), "this key's own limit for today, $1.00, is used up")
        for call in ("d", "e"):
            assert budgets.charge(call, NOON, dollars("1")).used == Decimal("0.2")
        assert "the budget of the key for today, $5.00," in budgets.charge("d", NOON, dollars("4")).reason

    def test_each_kind_may_have_one(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(2)))
        budgets.know("key", {"session": Decimal(1), "key_month": Decimal(9)})
        assert [place.kind for place in budgets.places("key", "s", NOON)] == ["session", "key_month"]
        budgets.admit("c", "key", "s", NOON)
        assert "90% of this key's own limit for a session" in budgets.charge("c", NOON, dollars("0.9")).reason
        budgets.admit("d", "key", "t", NOON)
        assert budgets.charge("d", NOON, dollars("0.5")).used == Decimal("0.5")

    def test_what_was_spent_before_a_limit_counts(self) -> None:
        budgets = Budgets(BudgetConfig())
        budgets.know("key", {})
        assert budgets.admit("c", "key", "s", NOON) == Verdict()
        assert budgets.charge("c", NOON, dollars("3"), dollars("1")) == Verdict()
        assert budgets.known == (), "nobody need say what was spent elsewhere while nothing is limited"
        assert budgets.know("key", {"key_day": Decimal(5)})
        assert not budgets.know("key", {"key_day": Decimal(5)})
        assert budgets.charge("c", NOON, dollars("0.25"), dollars("0.75")).used == Decimal("0.8")
        (place,) = budgets.known
        budgets.hear(place, Decimal(1))
        assert budgets.charge("c", NOON, dollars("0.75")).state == "spent"

    def test_a_limit_may_be_raised_and_taken_away(self) -> None:
        budgets = Budgets(BudgetConfig())
        budgets.know("key", {"key_day": Decimal(1)})
        budgets.admit("c", "key", "s", NOON)
        assert budgets.charge("c", NOON, dollars("1")).state == "spent"
        budgets.know("key", {"key_day": Decimal(2)})
        assert budgets.charge("c", NOON, Cost()).used == Decimal("0.5")
        budgets.know("key", {})
        assert budgets.charge("c", NOON, dollars("100")) == Verdict()

    def test_what_has_no_price_is_refused_to_who_is_limited(self) -> None:
        budgets = Budgets(BudgetConfig())
        budgets.know("limited", {"key_day": Decimal(1)})
        budgets.know("free", {})
        for owner in ("limited", "free"):
            budgets.admit(owner, owner, owner, NOON)
        assert budgets.charge("limited", NOON, NO_PRICE).state == "spent"
        assert budgets.charge("free", NOON, NO_PRICE).state == "ok"

    def test_what_is_over_is_forgotten(self) -> None:
        budgets = Budgets(BudgetConfig())
        budgets.know("key", {})
        for number in range(20):
            budgets.admit("c", "key", f"s{number}", NOON + number * DAY)
            budgets.charge("c", NOON + number * DAY, dollars("1"))
            budgets.leave("c")
            budgets.forget(NOON + number * DAY)
        assert {place.kind for place in budgets._accounts} == {"key_day", "key_month"}
        assert len(budgets._accounts) == 2


class TestUnknown:
    def test_what_has_no_price_is_not_spent_blindly(self) -> None:
        budgets = day_budget()
        budgets.admit("c", "key", "s", NOON)
        assert budgets.charge("c", NOON, NO_PRICE) == Verdict("spent", Decimal(0), "no price is known for x/y")

    def test_unless_the_owner_allows_it(self) -> None:
        budgets = day_budget(unknown="allow")
        budgets.admit("c", "key", "s", NOON)
        assert budgets.charge("c", NOON, NO_PRICE).state == "ok"


class TestTime:
    def test_days_and_months_are_of_utc(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(1), key_day=Decimal(1), key_month=Decimal(1)))
        evening = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()
        assert budgets.places("key", "s", evening) == [
            Place("session", "s", 0.0),
            Place("key_day", "key", datetime(2026, 11, 30, tzinfo=UTC).timestamp()),
            Place("key_month", "key", datetime(2026, 11, 1, tzinfo=UTC).timestamp()),
        ]
        later = [place.since for place in budgets.places("key", "s", evening + 1)]
        assert later[1:] == [evening + 1, evening + 1]

    def test_a_new_day_is_a_new_budget(self) -> None:
        budgets = day_budget("1")
        budgets.admit("c", "key", "s", NOON)
        assert budgets.charge("c", NOON, dollars("1")).state == "spent"
        assert budgets.charge("c", NOON + DAY, Cost()).state == "ok"

    def test_what_is_over_is_forgotten(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(9), key_day=Decimal(9)))
        for number in range(100):
            budgets.admit("c", "key", f"s{number}", NOON + number * DAY)
            budgets.leave("c")
            budgets.forget(NOON + number * DAY)
        assert len(budgets._accounts) == 1

    def test_who_runs_and_what_is_current_is_not(self) -> None:
        budgets = Budgets(BudgetConfig(session=Decimal(1), key_day=Decimal(10)))
        budgets.admit("c", "key", "s", NOON)
        budgets.charge("c", NOON, dollars("0.5"))
        budgets.forget(NOON)
        assert budgets.charge("c", NOON, Cost()).used == Decimal("0.5")
        budgets.leave("c")
        budgets.forget(NOON)
        budgets.admit("d", "key", "t", NOON)
        assert budgets.charge("d", NOON, Cost()).used == Decimal("0.05")


class TestConfig:
    @pytest.mark.parametrize("limit", ["0", "-1", "NaN"])
    def test_a_limit_is_more_than_nothing(self, limit: str) -> None:
        with pytest.raises(ValueError, match="key_month must be more than 0 dollars"):
            BudgetConfig(key_month=Decimal(limit))

    def test_soft_is_a_share(self) -> None:
        with pytest.raises(ValueError, match="soft must be"):
            BudgetConfig(soft=Decimal(80))


LIMITS = st.decimals("0.1", 200, places=2)
RANDOM = st.randoms(use_true_random=False)
SESSIONS = 60


def spend(limit: Decimal, left: Decimal, dearest: Decimal, random: Any, *, own: bool = False) -> Decimal:
    """What sixty sessions of a key spend in all: each until it is told to stop, up to ``dearest`` between two checks.

    ``left`` is what others left of the limit; ``own``: it is that of the key alone, below another. Part of what a step
    costs is under way first, and settled with the next.
    """
    budgets = day_budget(str(limit * 3 if own else limit))
    if own:
        budgets.know("key", {"key_day": limit})
    budgets.hear(budgets.places("key", "s", NOON)[0], limit - left)
    running: dict[str, Decimal] = {}
    spent = Decimal(0)
    for number in range(10 * SESSIONS):
        call = str(random.randrange(SESSIONS)) if number >= SESSIONS else str(number)
        if number < SESSIONS:
            if budgets.admit(call, "key", call, NOON).state != "spent":
                running[call] = Decimal(0)
        elif call in running:
            more = dearest * random.choice((1, 1, Decimal("0.3")))
            before, running[call] = running[call], more * random.choice((0, Decimal("0.5"), 1))
            spent += more
            verdict = budgets.charge(call, NOON, Cost(before + more - running[call]), Cost(running[call]))
            if verdict.state == "spent":
                del running[call]
    return spent


@settings(max_examples=40, deadline=None)
@given(limit=LIMITS, left=st.integers(0, 100), dearest=st.integers(1, 300), random=RANDOM, own=st.booleans())
def test_the_overshoot_is_bounded(limit: Decimal, left: int, dearest: int, random: Any, own: bool) -> None:
    least = LEAST * min(limit / SLICES, MOST)
    holders = min(SESSIONS, left)
    spent = spend(limit, left * least, dearest * least, random, own=own)
    assert spent <= left * least + holders * (dearest - 1) * least


@settings(max_examples=40, deadline=None)
@given(limit=LIMITS, left=st.integers(0, 100), random=RANDOM, own=st.booleans())
def test_sessions_that_spend_little_at_a_time_never_pass_the_limit(
    limit: Decimal, left: int, random: Any, own: bool
) -> None:
    least = LEAST * min(limit / SLICES, MOST)
    assert spend(limit, left * least, least, random, own=own) <= left * least


def test_of_a_thousand_that_begin_at_once_near_the_end_few_may() -> None:
    budgets = day_budget("5")
    (place,) = budgets.places("key", "s", NOON)
    budgets.hear(place, Decimal("4.96"))
    admitted = [budgets.admit(str(number), "key", str(number), NOON).state != "spent" for number in range(1000)]
    assert sum(admitted) == 1
    budgets.leave("0")
    assert budgets.admit("another", "key", "s", NOON).state != "spent", "what was reserved is free again"


def test_the_whole_budget_can_be_used() -> None:
    budgets = day_budget("1")
    budgets.admit("c", "key", "s", NOON)
    spent = Decimal(0)
    while budgets.charge("c", NOON, dollars("0.001")).state != "spent":
        spent += Decimal("0.001")
    assert spent >= Decimal("0.997")
