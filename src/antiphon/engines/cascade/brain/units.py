"""Units: "convert ten miles to kilometers", "how many feet are in a mile", "what is 100 fahrenheit in celsius".

The table is short and exact: factors are fractions by definition (the international yard and pound of 1959, the
US gallon of 231 cubic inches), which a general library would round.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

from antiphon.engines.cascade.brain import numbers
from antiphon.engines.cascade.brain.skill import Ask
from antiphon.engines.cascade.brain.words import core
from antiphon.engines.cascade.parts import Say


class Unit(Struct, frozen=True):
    """A unit: a value times ``factor`` plus ``offset`` is in the base unit of its ``dimension``."""

    singular: str
    plural: str
    dimension: str
    factor: Fraction
    offset: Fraction = Fraction(0)


def _unit(names: str, dimension: str, factor: str | Fraction, offset: Fraction = Fraction(0)) -> tuple[list[str], Unit]:
    singular, plural, *others = names.split("|")
    return [singular, plural, *others], Unit(singular, plural, dimension, Fraction(factor), offset)


_FAHRENHEIT_OFFSET = Fraction(45967, 180)
_TABLE = [
    _unit("millimeter|millimeters|mm", "length", "0.001"),
    _unit("centimeter|centimeters|cm", "length", "0.01"),
    _unit("meter|meters|m", "length", "1"),
    _unit("kilometer|kilometers|km", "length", "1000"),
    _unit("inch|inches", "length", "0.0254"),
    _unit("foot|feet|ft", "length", "0.3048"),
    _unit("yard|yards|yd", "length", "0.9144"),
    _unit("mile|miles|mi", "length", "1609.344"),
    _unit("nautical mile|nautical miles", "length", "1852"),
    _unit("milligram|milligrams|mg", "mass", "0.000001"),
    _unit("gram|grams|g", "mass", "0.001"),
    _unit("kilogram|kilograms|kg|kilo|kilos", "mass", "1"),
    _unit("tonne|tonnes|metric ton|metric tons", "mass", "1000"),
    _unit("ounce|ounces|oz", "mass", "0.028349523125"),
    _unit("pound|pounds|lb|lbs", "mass", "0.45359237"),
    _unit("stone|stones", "mass", "6.35029318"),
    _unit("milliliter|milliliters|ml", "volume", "0.001"),
    _unit("centiliter|centiliters|cl", "volume", "0.01"),
    _unit("liter|liters|l", "volume", "1"),
    _unit("teaspoon|teaspoons", "volume", "0.00492892159375"),
    _unit("tablespoon|tablespoons", "volume", "0.01478676478125"),
    _unit("cup|cups", "volume", "0.2365882365"),
    _unit("pint|pints", "volume", "0.473176473"),
    _unit("quart|quarts", "volume", "0.946352946"),
    _unit("gallon|gallons", "volume", "3.785411784"),
    _unit("second|seconds|sec", "time", "1"),
    _unit("minute|minutes|min", "time", "60"),
    _unit("hour|hours", "time", "3600"),
    _unit("day|days", "time", "86400"),
    _unit("week|weeks", "time", "604800"),
    _unit("year|years", "time", "31536000"),
    _unit("meter per second|meters per second", "speed", "1"),
    _unit("kilometer per hour|kilometers per hour|kmh|kph", "speed", Fraction(5, 18)),
    _unit("mile per hour|miles per hour|mph", "speed", "0.44704"),
    _unit("knot|knots", "speed", Fraction(1852, 3600)),
    _unit("degree Celsius|degrees Celsius|celsius|degree celsius|degrees celsius|centigrade", "temperature", "1"),
    _unit(
        "degree Fahrenheit|degrees Fahrenheit|fahrenheit|degree fahrenheit|degrees fahrenheit",
        "temperature",
        Fraction(5, 9),
        _FAHRENHEIT_OFFSET - Fraction(27315, 100),
    ),
    _unit("kelvin|kelvin|kelvins", "temperature", "1", Fraction(-27315, 100)),
]
_UNITS = {tuple(name.lower().split()): unit for names, unit in _TABLE for name in names}
_LONGEST = max(map(len, _UNITS))
_LINKS = frozenset({"to", "in", "into", "as", "are", "is", "make"})
_PREFIX = re.compile(r"^(?:convert|change|turn|what is|what are|how much is|how much are|how many is) ")


def unit_at(words: Sequence[str], start: int) -> tuple[Unit, int] | None:
    """The unit whose name begins at ``words[start]``, longest first, and the index of the word after it."""
    for length in range(min(_LONGEST, len(words) - start), 0, -1):
        if unit := _UNITS.get(tuple(words[start : start + length])):
            return unit, start + length
    return None


def convert(value: Fraction, source: Unit, target: Unit) -> Fraction | None:
    """``value`` of ``source`` in ``target``, exactly; None when they measure different things."""
    if source.dimension != target.dimension:
        return None
    return (value * source.factor + source.offset - target.offset) / target.factor


def units(ask: Ask) -> Say | None:
    """Answer a conversion; None unless the whole utterance is one."""
    words = tuple(word for word in core(ask.said).words if word != "°")
    question = _how_many(words) or _amount_first(words)
    if question is None:
        return None
    value, source, target = question
    result = convert(value, source, target)
    if result is None:
        return Say(f"I cannot turn {source.plural} into {target.plural}: they measure different things.")
    text, exact = numbers.say(result, 2 if abs(result) >= 1 else 6)
    return Say(f"{_amount(value, source)} {'is' if exact else 'is about'} {text} {_name(result, target)}.")


def _amount(value: Fraction, unit: Unit) -> str:
    text = f"{numbers.say(value)[0]} {_name(value, unit)}"
    return text[:1].upper() + text[1:]


def _name(value: Fraction, unit: Unit) -> str:
    return unit.singular if value == 1 else unit.plural


def _quantity(words: tuple[str, ...], at: int) -> tuple[Fraction, Unit, int] | None:
    """ "ten miles", "a mile", "half a mile", "minus 40 fahrenheit"."""
    if words[at : at + 2] in {("half", "a"), ("half", "an")}:
        found = unit_at(words, at + 2)
        return (Fraction(1, 2), *found) if found else None
    negative = words[at : at + 1] in {("minus",), ("-",), ("negative",)}
    reading = numbers.read(words, at + negative) or _article(words, at)
    found = unit_at(words, _past_degrees(words, reading[1])) if reading else None
    if reading is None or found is None:
        return None
    return (-reading[0] if negative else reading[0], *found)


def _article(words: tuple[str, ...], at: int) -> tuple[Fraction, int] | None:
    return (Fraction(1), at + 1) if words[at : at + 1] in {("a",), ("an",), ("one",)} else None


def _past_degrees(words: tuple[str, ...], at: int) -> int:
    return at + 1 if words[at : at + 1] == ("degrees",) and unit_at(words, at) is None else at


def _how_many(words: tuple[str, ...]) -> tuple[Fraction, Unit, Unit] | None:
    """ "how many feet are in a mile", "how many kilometers is ten miles"."""
    if words[:2] != ("how", "many") or not (target := unit_at(words, 2)):
        return None
    at = target[1]
    while at < len(words) and words[at] in {"are", "is", "in", "there", "make", "does", "do"}:
        at += 1
    quantity = _quantity(words, at) or _bare_unit(words, at)
    if quantity is None or quantity[2] not in {len(words), len(words) - 1}:
        return None
    return quantity[0], quantity[1], target[0]


def _bare_unit(words: tuple[str, ...], at: int) -> tuple[Fraction, Unit, int] | None:
    found = unit_at(words, at)
    return (Fraction(1), *found) if found else None


def _amount_first(words: tuple[str, ...]) -> tuple[Fraction, Unit, Unit] | None:
    """ "convert ten miles to kilometers", "what is 100 fahrenheit in celsius"."""
    words = tuple(_PREFIX.sub("", " ".join(words)).split())
    quantity = _quantity(words, 0)
    if quantity is None or words[quantity[2] : quantity[2] + 1] == () or words[quantity[2]] not in _LINKS:
        return None
    at = quantity[2] + 1
    at += words[at : at + 2] == ("how", "many") and 2
    target = unit_at(words, _past_degrees(words, at))
    return (quantity[0], quantity[1], target[0]) if target and target[1] == len(words) else None
