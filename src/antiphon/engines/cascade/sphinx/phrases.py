"""What people say: everyday phrases, and what an application's instruction and tools let one expect."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from antiphon.engines.cascade.parts import RecognitionContext
from antiphon.live.setup import Tool

MAX_WORDS = 4_000
"""How many words of an application are used: what comes later is cut off, so that a model is built in no time."""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_SCALES = ((1_000_000, "million"), (1_000, "thousand"), (100, "hundred"))


def cardinal(number: int) -> str:
    """A whole number from 0 up to 999,999,999 in American English words, without "and"."""
    if number < 20:
        return _ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens - 2] + (f" {_ONES[ones]}" if ones else "")
    size, name = next(scale for scale in _SCALES if number >= scale[0])
    count, rest = divmod(number, size)
    return f"{cardinal(count)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """A whole number from 1 to 99 as "first", "twenty first" and so on."""
    if number <= 20:
        return _ORDINALS[number - 1]
    tens, ones = divmod(number, 10)
    return f"{_TENS[tens - 2]} {_ORDINALS[ones - 1]}" if ones else f"{_TENS[tens - 2][:-1]}ieth"


SLOTS: Mapping[str, Sequence[str]] = {
    "digit": _ONES[:10],
    "number": [
        *map(cardinal, range(100)),
        *(cardinal(n) for n in range(100, 1_000, 50)),
        *(f"{digit} hundred and {tens}" for digit in _ONES[1:10] for tens in ("five", "twelve", "thirty")),
        "a hundred",
        *(cardinal(n) for n in (1_000, 2_000, 5_000, 1_000_000)),
    ],
    "hour": _ONES[1:13],
    "ordinal": [ordinal(n) for n in range(1, 32)],
    "day": "monday tuesday wednesday thursday friday saturday sunday".split(),
    "month": ("january february march april may june july august september october november december".split()),
    "holiday": ["christmas", "new year", "easter", "thanksgiving", "halloween", "my birthday", "summer", "spring"],
    "name": (
        "alice anna andrew barbara ben bob brian carlos charles chris daniel david diana edward elena emily emma eric "
        "frank george grace helen henry jack james jane jason jennifer jessica jim joe john julia karen kate kevin "
        "laura linda lisa lucas lucy maria mark martin mary max michael mike nancy nick oliver olivia patricia paul "
        "peter rachel richard robert ryan sam sandra sarah scott sophia steve susan thomas tim tom william"
    ).split(),
    "city": [
        *"london paris berlin rome madrid tokyo boston chicago dallas denver miami seattle houston toronto".split(),
        *"amsterdam vienna moscow dublin beijing sydney".split(),
        *("new york", "los angeles", "san francisco", "las vegas", "hong kong", "washington"),
    ],
    "color": "red blue green yellow white black orange purple pink brown gray".split(),
    "food": [
        *"milk bread eggs butter cheese coffee tea sugar salt rice pasta pizza salad chicken beef fish soup".split(),
        *"apples bananas tomatoes potatoes onions mushrooms water juice beer wine chocolate".split(),
        *("ice cream", "orange juice", "a sandwich", "french fries"),
    ],
    "room": ["kitchen", "living room", "bedroom", "bathroom", "hall", "office", "garage", "garden", "dining room"],
    "unit": (
        "mile foot yard kilometer meter inch minute hour day week month year kilogram pound ton gallon liter".split()
    ),
    "units": (
        "miles feet kilometers meters inches yards centimeters minutes hours days weeks months years seconds kilograms "
        "pounds kilos grams ounces gallons liters cups teaspoons millimeters".split()
    ),
}
"""The words a slot of ``everyday.txt`` stands for."""

_SLOT = re.compile(r"\{(\w+)\}")


@cache
def everyday() -> tuple[tuple[tuple[str, ...], float], ...]:
    """The phrases of ``everyday.txt`` as words, their slots filled, with weights.

    A phrase with slots is filled as often as its longest slot has values, each value once: enough for a trigram
    model, which sees no further than two words back. Its weight is shared so that it does not drown the others.
    """
    lines = files(__package__).joinpath("everyday.txt").read_text("utf-8").splitlines()
    phrases = (line for line in lines if line and not line.startswith("#"))
    return tuple(chain.from_iterable(map(_filled, phrases)))


_PLAIN_WEIGHT, _TEMPLATE_WEIGHT = 5.0, 30.0


def _filled(line: str) -> list[tuple[tuple[str, ...], float]]:
    phrase, _, often = line.partition(" *")
    frequency = float(often or 1)
    slots = [SLOTS[name] for name in _SLOT.findall(phrase)]
    if not slots:
        return [(tuple(phrase.split()), _PLAIN_WEIGHT * frequency)]
    times = max(map(len, slots))
    weight = _TEMPLATE_WEIGHT * frequency / times
    return [(tuple(_fill(phrase, slots, index).split()), weight) for index in range(times)]


def _fill(phrase: str, slots: Sequence[Sequence[str]], index: int) -> str:
    """Every slot moves at another pace, so that equal slots do not get equal words."""
    words = iter(values[(index * (2 * place + 1) + 7 * place) % len(values)] for place, values in enumerate(slots))
    return _SLOT.sub(lambda _: next(words), phrase)


def context_phrases(system_instruction: str, tools: Sequence[Tool], extra: Sequence[str] = ()) -> RecognitionContext:
    """What an application lets one expect its users to say.

    Args:
        system_instruction: free text; each clause becomes a phrase.
        tools: their names, descriptions, parameter names and enumerated values.
        extra: phrases that users may say, such as those of a script.
    """
    texts = chain(extra, chain.from_iterable(map(_tool_texts, tools)), [system_instruction])
    phrases = chain.from_iterable(map(normalise, texts))
    return RecognitionContext(tuple(_within(dict.fromkeys(phrases), MAX_WORDS)))


def _within(phrases: Iterable[str], words: int) -> Iterator[str]:
    for phrase in phrases:
        words -= phrase.count(" ") + 1
        if words < 0:
            return
        yield phrase


def _tool_texts(tool: Tool) -> Iterator[str]:
    yield tool.name
    yield tool.description
    yield from _schema_texts(tool.parameters or {}, depth=8)


def _schema_texts(schema: Any, depth: int) -> Iterator[str]:
    """Names, titles, descriptions and enumerated values of a JSON schema, at any place in it."""
    if not isinstance(schema, dict) or not depth:
        return
    yield from (schema[key] for key in ("title", "description") if isinstance(schema.get(key), str))
    yield from (value for value in schema.get("enum") or () if isinstance(value, str))
    properties = schema.get("properties")
    for name, property_schema in properties.items() if isinstance(properties, dict) else ():
        yield str(name)
        yield from _schema_texts(property_schema, depth - 1)
    for key in ("items", "additionalProperties"):
        yield from _schema_texts(schema.get(key), depth - 1)
    for option in chain.from_iterable(schema.get(key) or () for key in ("anyOf", "oneOf", "allOf")):
        yield from _schema_texts(option, depth - 1)


_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CLAUSE_END = re.compile(r"[.!?](?=\s|$)|[,;:()\[\]{}\"“”\n|•]+|\s[-–—*]+\s")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_CLOCK = re.compile(r"\b(\d{1,2}):(\d{2})\b")
_ORDINAL = re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)\b")
_DECIMAL = re.compile(r"\b(\d{1,9})\.(\d{1,6})\b")
_DIGITS = re.compile(r"\d+")
_SYMBOLS = {"%": " percent ", "&": " and ", "+": " plus ", "°": " degrees ", "’": "'"}
_NO_WORD = re.compile(r"[^a-z']+")


def normalise(text: str) -> list[str]:
    """Text as a user would say it, clause by clause: lower case, numbers as words, compound names split.

    >>> normalise("setTimer: wakes at 7:30, in 2 hours.")
    ['set timer', 'wakes at seven thirty', 'in two hours']
    """
    text = _THOUSANDS.sub("", _CAMEL.sub(" ", text)).lower()
    text = _CLOCK.sub(lambda time: _clock(int(time[1]), int(time[2])), text)
    for symbol, words in _SYMBOLS.items():
        text = text.replace(symbol, words)
    clauses = (" ".join(_words(clause)) for clause in _CLAUSE_END.split(text))
    return [clause for clause in clauses if clause]


def _words(clause: str) -> Iterator[str]:
    plain = _NO_WORD.sub(" ", _spoken_numbers(clause))
    return filter(None, (word.strip("'") for word in plain.split()))


def _clock(hours: int, minutes: int) -> str:
    if not minutes:
        return f" {cardinal(hours)} o'clock "
    return f" {cardinal(hours)} {'oh ' if minutes < 10 else ''}{cardinal(minutes)} "


def _spoken_numbers(text: str) -> str:
    text = _ORDINAL.sub(lambda match: ordinal(int(match[1]) or 1), text)
    text = _DECIMAL.sub(lambda match: f" {cardinal(int(match[1]))} point {_spelled(match[2])} ", text)
    return _DIGITS.sub(lambda match: f" {_number(match[0])} ", text)


def _number(digits: str) -> str:
    """Long or zero-led numbers are codes, and are read digit by digit."""
    return _spelled(digits) if len(digits) > 6 or (digits[0] == "0" and len(digits) > 1) else cardinal(int(digits))


def _spelled(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)
