"""Conversions, and the table against facts that are exact by definition."""

from fractions import Fraction
from typing import Any

import pytest

from antiphon.engines.cascade.brain.skill import ask
from antiphon.engines.cascade.brain.units import convert, unit_at, units
from antiphon.engines.cascade.parts import Prompt
from antiphon.live.history import user

CONVERSIONS = [
    ("Convert 10 miles to kilometers.", "10 miles is about 16.09 kilometers."),
    ("convert ten miles to kilometres please", "10 miles is about 16.09 kilometers."),
    ("10km in miles", "10 kilometers is about 6.21 miles."),
    ("how many feet are in a mile", "1 mile is 5280 feet."),
    ("How many feet are there in a mile?", "1 mile is 5280 feet."),
    ("how many ounces in a pound", "1 pound is 16 ounces."),
    ("how many minutes are in a day", "1 day is 1440 minutes."),
    ("how many kilometers is ten miles", "10 miles is about 16.09 kilometers."),
    ("what is 100 fahrenheit in celsius", "100 degrees Fahrenheit is about 37.78 degrees Celsius."),
    ("what is 100 degrees fahrenheit in degrees celsius", "100 degrees Fahrenheit is about 37.78 degrees Celsius."),
    ("what's twenty degrees celsius in fahrenheit", "20 degrees Celsius is 68 degrees Fahrenheit."),
    ("minus 40 celsius in fahrenheit", "Minus 40 degrees Celsius is minus 40 degrees Fahrenheit."),
    ("what is 0 kelvin in celsius", "0 kelvin is minus 273.15 degrees Celsius."),
    ("half a mile in meters", "0.5 miles is about 804.67 meters."),
    ("2 gallons in liters", "2 gallons is about 7.57 liters."),
    ("60 miles per hour in kilometers per hour", "60 miles per hour is about 96.56 kilometers per hour."),
    ("how many kilos are 5 stone", "5 stones is about 31.75 kilograms."),
    ("1 inch in cm", "1 inch is 2.54 centimeters."),
    ("1 mm in miles", "1 millimeter is about 0.000001 miles."),
    ("convert 5 kg to miles", "I cannot turn kilograms into miles: they measure different things."),
]


@pytest.mark.parametrize(("text", "expected"), CONVERSIONS)
def test_conversions(text: str, expected: str, now: Any) -> None:
    thought = units(ask(Prompt((user(text),)), now))
    assert thought is not None
    assert thought.text == expected


@pytest.mark.parametrize(
    "text",
    ["how many people are in london", "convert ten to twelve", "what is ten miles", "set the timer to five minutes",
     "how many feet", "walk ten miles to the station in london", "how many days until christmas"],
)  # fmt: skip
def test_what_is_no_conversion_is_left_alone(text: str, now: Any) -> None:
    assert units(ask(Prompt((user(text),)), now)) is None


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        (1, "mile", "yards", 1760),
        (1, "stone", "pounds", 14),
        (1, "gallon", "cups", 16),
        (1, "nautical mile", "meters", 1852),
        (212, "fahrenheit", "celsius", 100),
        (32, "fahrenheit", "kelvin", Fraction("273.15")),
        (1, "knot", "kph", Fraction("1.852")),
        (1, "tablespoon", "teaspoons", 3),
    ],
)
def test_the_table_is_exact(value: int, source: str, target: str, result: Fraction) -> None:
    one, other = unit_at(source.split(), 0), unit_at(target.split(), 0)
    assert one
    assert other
    assert convert(Fraction(value), one[0], other[0]) == result
