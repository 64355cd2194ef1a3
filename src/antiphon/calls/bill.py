"""What a call came to, part by part: added up while it runs, from the rows of the ledger."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from antiphon.live.tokens import UpstreamUsage, Usage
from antiphon.meter.money import ZERO
from antiphon.meter.prices import Part, Price, Prices, Unknown, breakdown
from antiphon.store.ledger import Entry


class Bill:
    """The parts of one call. ``searched`` counts its generations that searched, ``generations`` all."""

    def __init__(self) -> None:
        self.generations = self.searched = 0
        self.paid: dict[tuple[str, str], int] = {}
        """Rows of each provider and model; an empty provider is the owner's hardware."""
        self._settled: dict[str, Part] = {}
        self._provisional: dict[int, list[Part]] = {}

    @classmethod
    def of_one(cls, usage: Usage) -> "Bill":
        """The bill of one generation that nobody charged yet."""
        bill = cls()
        bill.count(usage)
        return bill

    def count(self, usage: Usage) -> None:
        """A generation ended, of which the client was told ``usage``."""
        self.generations += 1
        self.searched += bool(usage.searches)

    def charge(self, generation: int, rows: Sequence[Entry], prices: Prices, *, provisional: bool) -> None:
        """Rows of one generation; provisional ones count until others come."""
        parts = [part for row in rows for part in _parts(row, prices)]
        if provisional:
            self._provisional[generation] = parts
            return
        self._provisional.pop(generation, None)
        for row in rows:
            self.paid[row.provider, row.billed] = self.paid.get((row.provider, row.billed), 0) + 1
        self._settled = add_up([*self._settled.values(), *parts])

    @property
    def parts(self) -> list[Part]:
        """Everything that was used, once each, the dearest first."""
        waiting = [part for parts in self._provisional.values() for part in parts]
        return dearest_first(add_up([*self._settled.values(), *waiting]).values())


def dearest_first(parts: Iterable[Part]) -> list[Part]:
    """Parts in the order in which they are shown; before all others those of which nobody knows the price."""
    return sorted(parts, key=lambda part: (part.amount is not None, -(part.amount or ZERO), part.name))


def total(parts: Iterable[Part]) -> Decimal | None:
    """What parts come to, in dollars; None where the price of one is unknown."""
    amounts = [part.amount for part in parts]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, ZERO) if len(known) == len(amounts) else None


def add_up(parts: Iterable[Part]) -> dict[str, Part]:
    """Parts by their name. What is unknown in one is unknown in the sum."""
    sums: dict[str, Part] = {}
    for part in parts:
        before = sums.get(part.name)
        if before is None:
            sums[part.name] = part
            continue
        unknown = part.amount is None or before.amount is None
        amount = None if unknown else (part.amount or ZERO) + (before.amount or ZERO)
        sums[part.name] = Part(part.name, before.count + part.count, amount)
    return sums


def _parts(row: Entry, prices: Prices) -> list[Part]:
    price = prices.price_of(row.provider, row.billed)
    if isinstance(price, Unknown):
        return [Part(f"{row.provider}/{row.billed}, which has no price", Decimal(row.usage.total), None)]
    return breakdown(price, UpstreamUsage(row.provider, row.billed, row.usage, row.seconds))


def at_price(price: Price, usage: Usage, bill: Bill) -> list[Part]:
    """What ``usage``, the sum over the generations of ``bill``, would cost at ``price``.

    Cards with steps by the length of a prompt count at their first step: the sum of prompts is not the length of one.
    """
    counts = {"grounding": bill.searched, "requests": bill.generations}
    flat = Price(price.provider, price.model, price.version, price.rates, (), price.unit, price.beside)
    parts = []
    for part in breakdown(flat, usage):
        times = counts.get(part.name, 1)
        parts.append(Part(part.name, part.count * times, None if part.amount is None else part.amount * times))
    return parts
