"""Amounts of money: dollars as exact decimals, whole picodollars where they are stored. Never a float.

A picodollar is $10⁻¹². Providers write token prices per million tokens with six places at most, so amounts made of
them are whole picodollars. What has more, such as a second at so much an hour, or an average in a price list, is
rounded half to even, once, where it arises. Amounts that are added are on that grid already: sums are exact, in any
order.
"""

from decimal import ROUND_HALF_EVEN, Decimal

ZERO = Decimal(0)
PICODOLLAR = Decimal("1E-12")
CENT = Decimal("0.01")


def on_grid(amount: Decimal) -> Decimal:
    """``amount`` in whole picodollars, half to even."""
    return amount.quantize(PICODOLLAR, ROUND_HALF_EVEN)


def to_picodollars(amount: Decimal) -> int:
    """Dollars as they are stored."""
    return int(on_grid(amount).scaleb(12))


def from_picodollars(amount: int) -> Decimal:
    """Dollars as they were stored."""
    return Decimal(amount).scaleb(-12)


def show(amount: Decimal) -> str:
    """Dollars for people: cents, and four significant digits of what is less than a dollar.

    What is there is never shown as nothing.
    """
    if amount == 0 or abs(amount) >= 1:
        return f"${amount.quantize(CENT):,}"
    places = max(2, 3 - amount.adjusted())
    shown = format(round(amount, places), "f")
    whole, _, fraction = shown.partition(".")
    return f"${whole}.{fraction.rstrip('0').ljust(2, '0')}"


def plain(amount: Decimal) -> str:
    """Dollars for programs: every digit, no exponent, no needless zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
