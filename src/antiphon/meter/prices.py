"""What a model costs, and what a usage of it does.

Where prices come from, the first that knows: what the owner configured, the sourced overlay of this package, the price
list. An unknown price is :class:`Unknown`, never nothing. What runs on the owner's hardware costs exactly nothing.

A generation is charged for the whole prompt that it read, by modality, for what it made, thought and searched, and for
the seconds it took where a model is priced by the second. A session costs the sum over its generations: live services
bill the history again with each of them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter import listed
from antiphon.meter.money import ZERO, on_grid, show
from antiphon.meter.overlay import overlay
from antiphon.meter.rates import FREE, Rates

OWN_HARDWARE = "own hardware"
"""The version of the price of everything that no provider bills."""

MILLION = 6
"""The power of ten of the tokens that a price is for."""

_HOUR = 3600
_MODALITIES = Tokens.__struct_fields__


class OwnPrice(Rates, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A price as the owner configures it: ``[prices."provider/model"]``, or ``"provider/*"`` for all its models.

    What it does not say is looked up as if it were not there, except in another ``unit``: a card in credits is whole.
    """

    unit: Literal["dollar", "credit"] = "dollar"


class Price(Struct, frozen=True):
    """What a model costs. ``version`` says which lists it was put together from.

    ``above`` are the rates for prompts of more than so many tokens, in rising order. ``unit`` is what one unit of the
    rates is worth in dollars. ``beside`` is what the model is billed by as well, and what is not counted here.
    ``notes`` are conditions that are not part of the arithmetic, such as what is free.
    """

    provider: str
    model: str
    version: str
    rates: Rates
    above: tuple[tuple[int, Rates], ...] = ()
    unit: Decimal = Decimal(1)
    beside: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def by_the_second(self) -> bool:
        """Whether time is all that counts: what is said and made within it has no price of its own."""
        return self.rates.hour is not None and self.rates.text_in is None and self.rates.text_out is None

    def for_prompt(self, tokens: int) -> Rates:
        """The rates for a prompt of so many tokens."""
        fitting = [rates for start, rates in self.above if tokens > start]
        return fitting[-1] if fitting else self.rates


class Unknown(Struct, frozen=True):
    """There is no price for a model; ``reason`` says so in a sentence with the remedy."""

    provider: str
    model: str
    version: str = "unknown"

    @property
    def reason(self) -> str:
        """What is missing, and what to do."""
        name = f"{self.provider}/{self.model}"
        return f'no price is known for {name}: set [prices."{name}"]'


class Part(Struct, frozen=True):
    """One thing that is charged: ``count`` of it, at a rate. ``amount`` is None where the rate is unknown."""

    name: str
    count: Decimal
    amount: Decimal | None


class Cost(Struct, frozen=True):
    """Dollars: ``known`` is what has a price, ``unknown`` how many charges have a part without one.

    ``reasons`` name those parts, each once. Costs add up; what is unknown stays unknown.
    """

    known: Decimal = ZERO
    unknown: int = 0
    reasons: tuple[str, ...] = ()

    def __add__(self, other: "Cost") -> "Cost":
        reasons = tuple(dict.fromkeys(self.reasons + other.reasons))
        return Cost(self.known + other.known, self.unknown + other.unknown, reasons)

    def __radd__(self, other: int) -> "Cost":
        return self if other == 0 else NotImplemented

    @property
    def amount(self) -> Decimal | None:
        """The whole in dollars; None if any of it is unknown."""
        return None if self.unknown else self.known

    def __str__(self) -> str:
        if not self.unknown:
            return show(self.known)
        return f"{show(self.known)} + {self.unknown} unknown" if self.known else "unknown"


class Prices:
    """All prices that are known, with the owner's ``own`` before all others."""

    def __init__(self, own: Mapping[str, OwnPrice] | None = None) -> None:
        self._own: dict[str, OwnPrice] = {}
        self._found: dict[tuple[str, str, object], Price | Unknown] = {}
        for name, price in (own or {}).items():
            provider, slash, model = name.partition("/")
            if not (provider and slash and model):
                raise ValueError(f'prices: "{name}" must be "provider/model", or "provider/*"')
            self._own[f"{provider.lower()}/{model}"] = price

    def price_of(self, provider: str, model: str, at: datetime | None = None) -> Price | Unknown:
        """What ``model`` of ``provider`` costs at ``at``, by default now. An empty provider is the owner's hardware."""
        if not provider:
            return Price("", model, OWN_HARDWARE, FREE)
        moment = at or datetime.now(UTC)
        # The list has prices that begin on a day and such that hold by night: nothing changes within an hour.
        key = (provider, model, moment.replace(minute=0, second=0, microsecond=0))
        if (price := self._found.get(key)) is None:
            if len(self._found) > 1000:
                self._found.clear()
            price = self._found[key] = self._find(provider.lower(), bare(model), moment)
        return price

    def _find(self, provider: str, model: str, at: datetime) -> Price | Unknown:
        own = self._own.get(f"{provider}/{model}") or self._own.get(f"{provider}/*")
        if own is not None and own.unit == "credit":
            return Price(provider, model, _version(own), own, unit=overlay().units["credit"].value)
        entry, listing = overlay().find(provider, model), listed.find(provider, model, at)
        versions = [_version(own)] if own else []
        versions += [overlay().version] if entry else []
        versions += [listed.version()] if listing else []
        if not versions:
            return Unknown(provider, model)
        over = (own.over(entry.rates) if entry else own) if own else entry.rates if entry else Rates()
        listing = listing or listed.Listing(Rates())
        above = tuple((start, over.over(rates)) for start, rates in listing.above)
        notes = entry.notes if entry else ()
        version = " over ".join(versions)
        return Price(provider, model, version, over.over(listing.rates), above, Decimal(1), listing.beside, notes)


def bare(model: str) -> str:
    """A model's name without the path that services put before it: ``models/x`` and ``publishers/google/models/x``."""
    return model.rsplit("models/", 1)[-1]


@cache
def _default() -> Prices:
    return Prices()


def price_of(provider: str, model: str, at: datetime | None = None) -> Price | Unknown:
    """What ``model`` of ``provider`` costs, without any price of the owner's."""
    return _default().price_of(provider, model, at)


def cost(price: Price | Unknown, usage: Usage | UpstreamUsage) -> Cost:
    """What ``usage``, of one generation, costs; exact, in whole picodollars."""
    if isinstance(price, Unknown):
        return Cost(unknown=1, reasons=(price.reason,))
    parts = breakdown(price, usage)
    missing = [part.name for part in parts if part.amount is None]
    known = sum((part.amount for part in parts if part.amount is not None), ZERO)
    if not missing:
        return Cost(known)
    name = f"{price.provider}/{price.model}"
    return Cost(known, 1, tuple(f"{name} has no price for {each}" for each in missing))


def breakdown(price: Price, usage: Usage | UpstreamUsage) -> list[Part]:
    """What ``usage`` costs part by part, without what was not used."""
    upstream = usage if isinstance(usage, UpstreamUsage) else None
    tokens = upstream.usage if upstream else usage
    assert isinstance(tokens, Usage)
    rates = price.for_prompt(tokens.prompt.total + tokens.tool_prompt.total)
    parts = [*_tokens(tokens, rates, price.by_the_second), *_beside_tokens(tokens, rates)]
    parts.extend(_time(upstream.seconds if upstream else 0.0, tokens.total, rates, price))
    if price.beside and not price.rates.known:
        parts.extend(Part(f"{name}, which are not counted", Decimal(0), None) for name in price.beside)
    return [Part(each.name, each.count, _in_dollars(each.amount, price.unit)) for each in parts]


def _tokens(usage: Usage, rates: Rates, by_the_second: bool) -> Iterator[Part]:
    for name, count, rate in _counted(usage, rates):
        if count and not (by_the_second and rate is None):
            yield Part(name, Decimal(count), None if rate is None else (count * rate).scaleb(-MILLION))


def _counted(usage: Usage, rates: Rates) -> Iterator[tuple[str, int, Decimal | None]]:
    counts = zip(*map(astuple, (usage.prompt, usage.cached, usage.tool_prompt, usage.response)), strict=True)
    for modality, used in zip(_MODALITIES, counts, strict=True):
        if not any(used):
            continue
        prompt, cached, tool, made = used
        rate_in, rate_out = _rate_in(rates, modality), getattr(rates, f"{modality}_out")
        rate_cached = getattr(rates, f"cached_{modality}")
        yield f"{modality} in", max(0, prompt - cached), rate_in
        yield f"cached {modality}", cached, rate_in if rate_cached is None else rate_cached
        yield f"{modality} of tools", tool, rate_in
        yield f"{modality} out", made, rate_out
    yield "thoughts", usage.thoughts, rates.text_out if rates.thoughts is None else rates.thoughts


def _rate_in(rates: Rates, modality: str) -> Decimal | None:
    rate: Decimal | None = getattr(rates, f"{modality}_in")
    return rates.text_in if rate is None and modality in ("image", "video") else rate


def _beside_tokens(usage: Usage, rates: Rates) -> Iterator[Part]:
    searches = Decimal(usage.searches)
    if searches and (rates.search is not None or rates.grounded is None):
        yield Part("searches", searches, None if rates.search is None else searches * rates.search)
    if searches and rates.grounded is not None:
        yield Part("grounding", Decimal(1), rates.grounded)
    if rates.request is not None:
        yield Part("requests", Decimal(1), rates.request)


def _time(seconds: float, tokens: int, rates: Rates, price: Price) -> Iterator[Part]:
    """The time that is billed. A model that is priced by nothing else, and did not say how long it took, is unknown."""
    if rates.hour is None:
        return
    # What was reported, not what a float makes of it.
    exact = Decimal(str(round(seconds, 6)))
    if exact > 0:
        billed = max(exact, rates.least_seconds or ZERO)
        yield Part("seconds", billed, billed * rates.hour / _HOUR)
    elif price.by_the_second and tokens:
        yield Part("seconds, which were not told", ZERO, None)


def _in_dollars(amount: Decimal | None, unit: Decimal) -> Decimal | None:
    return None if amount is None else on_grid(amount * unit)


def _version(own: OwnPrice) -> str:
    """The same name for the same price, another one when the owner changes it."""
    return f"own {hashlib.sha256(msgspec.json.encode(own)).hexdigest()[:8]}"
