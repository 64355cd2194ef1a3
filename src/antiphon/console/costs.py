"""What a running call costs, as pages show it: by part, by minute, after ten minutes, and at a hosted service."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from antiphon.calls.bill import Bill, at_price, dearest_first, total
from antiphon.calls.watching import Context, News
from antiphon.live.timeline import Activity, Entry, Turn
from antiphon.live.timeline import Money as Charged
from antiphon.live.tokens import AUDIO_TOKENS_PER_SECOND, Usage
from antiphon.meter.budgets import Use
from antiphon.meter.forecast import forecast
from antiphon.meter.money import on_grid
from antiphon.meter.prices import OWN_HARDWARE, Part, Price, Prices, Unknown
from antiphon.meter.rates import FREE
from antiphon.meter.services import find
from antiphon.meter.simulation import Call, Compression, Rules, ScenarioError, simulate

HOST: Final = "google"
"""Who sells the hosted models that the models of this server are named after."""

TEN_MINUTES: Final = 600.0

ENOUGH: Final = 20.0
"""Seconds of a call before anybody says what ten minutes of it will cost."""

Basis = Literal["measured turns", "average so far"]


class Projection(Struct, frozen=True):
    """What ten minutes cost, in dollars. By ``measured turns``: a call of such turns, with its history billed again.

    By ``average so far``: ten times what a minute cost on average.
    """

    amount: Decimal
    basis: Basis


class Hosted(Struct, frozen=True, kw_only=True):
    """What the hosted model of the same name would charge for the same usage. ``amount`` is None if it has no price."""

    model: str
    amount: Decimal | None
    by: list[Part]
    per_minute: Decimal | None
    projection: Projection | None


class BudgetUse(Struct, frozen=True):
    """How much of a limit is spent, in dollars; ``used`` is the share."""

    kind: str
    limit: Decimal
    spent: Decimal
    used: Decimal


class Money(Struct, frozen=True, kw_only=True):
    """The bill of a call that runs, in dollars, ``seconds`` after it began.

    ``amount`` is what has a price, ``unknown`` says what has none. ``free``: nobody is paid, it is all the owner's
    hardware. ``budget`` is the limit of which most is used.
    """

    amount: Decimal
    unknown: tuple[str, ...]
    provisional: bool
    free: bool
    by: list[Part]
    per_minute: Decimal | None
    projected_ten_minutes: Decimal | None
    projection: Projection | None
    hosted: Hosted
    seconds: float
    budget: BudgetUse | None


class Measured(Struct, frozen=True):
    """What ``turns`` turns of a call were like. ``setup`` is in tokens.

    ``user``: seconds in which the user spoke; ``made``: the usage of all turns.
    """

    turns: int
    user: float
    setup: int
    made: Usage

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Measured":
        """Of the entries of a call."""
        kept = list(entries)
        turns = [each for each in kept if type(each) is Turn and each.usage.total]
        spoken = [each.end_offset - each.offset for each in kept if type(each) is Activity and each.end_offset]
        setup = turns[0].usage.prompt.text if turns else 0
        return cls(len(turns), max(0.0, sum(spoken)), setup, sum((turn.usage for turn in turns), Usage()))

    def ten_minutes(self, seconds: float) -> Call:
        """A call of ten minutes like this one, which took ``seconds`` until now."""
        count = max(self.turns, round(self.turns * TEN_MINUTES / seconds))
        length = TEN_MINUTES / count
        model = min(length, self.made.response.audio / AUDIO_TOKENS_PER_SECOND / self.turns)
        return Call(
            seconds=TEN_MINUTES,
            turns=count,
            user=max(0.0, min(length - model, self.user / self.turns)),
            model=model,
            setup=self.setup,
            model_transcript=round(self.made.response.text / self.turns * 60 / model) if model else 0,
            thoughts=round(self.made.thoughts / self.turns),
        )


def money(news: News, entries: Iterable[Entry], prices: Prices, budgets: list[Use]) -> Money:
    """The bill of a call: ``entries`` are all of its timeline, ``budgets`` what is used of its limits.

    Prices that were never looked up may have to be read from files: let a thread do that first (:func:`warm`).
    """
    running, bill = news.running, news.bill
    cost = running.cost or Charged()
    measured = Measured.of(entries)
    paid = [name for name in bill.paid if name[0]]
    price = prices.price_of(*paid[0]) if len(paid) == 1 else None
    free = not paid and running.cost is not None and not cost.unknown
    projection = None
    if running.cost is not None and not cost.unknown:
        projection = _project(cost.known, price, measured, news.context, running.seconds)
    return Money(
        amount=cost.known,
        unknown=cost.unknown,
        provisional=cost.provisional,
        free=free,
        by=_for_nothing(news) if free else bill.parts,
        per_minute=_per_minute(cost.known, running.seconds),
        projected_ten_minutes=projection.amount if projection else None,
        projection=projection,
        hosted=_hosted(news, measured, prices),
        seconds=running.seconds,
        budget=_most_used(budgets),
    )


def _for_nothing(news: News) -> list[Part]:
    """The parts of a call that nobody is paid for: the ledger has no usage of the owner's hardware."""
    parts = at_price(Price("", news.running.model, OWN_HARDWARE, FREE), news.usage, news.bill)
    return [part for part in parts if part.name not in ("requests", "grounding")]


def warm(prices: Prices, model: str) -> Price | Unknown:
    """What the hosted model of this name costs; the first time that takes some 0.2 s."""
    return prices.price_of(HOST, model)


def _hosted(news: News, measured: Measured, prices: Prices) -> Hosted:
    model, seconds = news.running.model, news.running.seconds
    price = prices.price_of(HOST, model)
    if isinstance(price, Unknown):
        return Hosted(model=model, amount=None, by=[], per_minute=None, projection=None)
    parts = at_price(price, news.usage, news.bill)
    amount = total(parts)
    return Hosted(
        model=model,
        amount=amount,
        by=dearest_first(parts),
        per_minute=None if amount is None else _per_minute(amount, seconds),
        projection=None if amount is None else _project(amount, price, measured, news.context, seconds),
    )


def _per_minute(amount: Decimal, seconds: float) -> Decimal | None:
    return on_grid(amount * 60 / Decimal(str(round(seconds, 3)))) if seconds >= 1 else None


def _project(
    amount: Decimal, price: Price | Unknown | None, measured: Measured, context: Context, seconds: float
) -> Projection | None:
    """What ten minutes cost if ``amount`` is what ``seconds`` did; None while too little is known of it."""
    if measured.turns < 2 or seconds < ENOUGH:
        return None
    growth = None
    if isinstance(price, Price) and amount and seconds < TEN_MINUTES and not price.by_the_second:
        growth = _growth(price, measured, context, seconds)
    if growth is not None:
        return Projection(on_grid(amount * growth), "measured turns")
    return Projection(on_grid(amount * Decimal(TEN_MINUTES) / Decimal(str(round(seconds, 3)))), "average so far")


def _growth(price: Price, measured: Measured, context: Context, seconds: float) -> Decimal | None:
    """How many times what it cost until now a call of ten minutes costs; None where nobody can tell."""
    try:
        service = find(f"{price.provider}/{price.model}")
        session = simulate(measured.ten_minutes(seconds), _rules(service.rules, context))
    except ScenarioError:
        return None
    told = forecast(session, price)
    if told.total is None or len(told.points) < measured.turns:
        return None
    now = told.points[measured.turns - 1].cost
    return told.total / now if now else None


def _rules(rules: Rules, context: Context) -> Rules:
    """Those of the service, with the window of this call; without silence, whose tokens were not measured."""
    rules = replace(rules, silence="free")
    if context.trigger is None or context.target is None or not 0 < context.target <= context.trigger:
        return rules
    return replace(rules, compression=Compression(context.trigger, context.target))


def _most_used(budgets: list[Use]) -> BudgetUse | None:
    most = max(budgets, key=lambda use: use.used, default=None)
    return None if most is None else BudgetUse(most.kind, most.limit, most.spent, most.used)


def turn_at_host(price: Price | Unknown, turn: Turn) -> Decimal | None:
    """What one turn would cost at the hosted model of the same name; None where that has no price."""
    if isinstance(price, Unknown):
        return None
    return total(at_price(price, turn.usage, Bill.of_one(turn.usage)))
