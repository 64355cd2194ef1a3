"""Dollars, exactly."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.meter.money import from_picodollars, on_grid, plain, show, to_picodollars


@given(st.integers(-(2**62), 2**62))
def test_stored_amounts_come_back(amount: int) -> None:
    assert to_picodollars(from_picodollars(amount)) == amount


@given(st.lists(st.integers(0, 10**15)), st.randoms())
def test_sums_do_not_depend_on_the_order(amounts: list[int], random: object) -> None:
    dollars = [from_picodollars(amount) for amount in amounts]
    random.shuffle(dollars)  # type: ignore[attr-defined]
    assert to_picodollars(sum(dollars, Decimal(0))) == sum(amounts)


def test_half_a_picodollar_goes_to_the_even_one() -> None:
    assert [to_picodollars(Decimal(text)) for text in ("5E-13", "15E-13", "16E-13")] == [0, 2, 2]
    assert on_grid(Decimal(1) / 3) == Decimal("0.333333333333")


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("0.06723", "$0.06723"),
        ("0.0672345", "$0.06723"),
        ("0.5", "$0.50"),
        ("0.99999", "$1.00"),
        ("1.005", "$1.00"),
        ("12345.678", "$12,345.68"),
        ("0.000000000001", "$0.000000000001"),
    ],
)
def test_as_people_read_it(amount: str, shown: str) -> None:
    assert show(Decimal(amount)) == shown


def test_as_programs_read_it() -> None:
    texts = ("0", "0E-12", "100", "0.067230000000", "1E-12")
    assert [plain(Decimal(text)) for text in texts] == ["0", "0", "100", "0.06723", "0.000000000001"]
