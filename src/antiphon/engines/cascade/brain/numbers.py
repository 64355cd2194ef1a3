"""Numbers as they are said: "twenty five", "a hundred and five", "two point five", "four two seven".

Own code, because text2num, the kept library for this, leaves a lone "two" before "to" and a lone "one" as words,
knows neither "oh" nor "and a half", and tells no positions.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from msgspec import Struct

_ONE_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    " seventeen eighteen nineteen"
)
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: value for value, word in enumerate(_ONE_WORDS.split())}
_TENS = {word: 10 * value for value, word in enumerate(_TEN_WORDS.split(), start=2)}
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_ORDINAL_WORDS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth"
    " fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_ORDINALS = {word: value for value, word in enumerate(_ORDINAL_WORDS.split(), start=1)} | {
    word.removesuffix("y") + "ieth": value for word, value in _TENS.items()
}
_PARTS = {"half": Fraction(1, 2), "quarter": Fraction(1, 4), "third": Fraction(1, 3)}
_HOMOPHONES = {"to": "two", "too": "two", "for": "four", "fore": "four", "won": "one", "ate": "eight", "sex": "six"}
_DIGITS = re.compile(r"(?=.{1,40}$)[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?")
"""Longer rows of digits are no numbers to reckon with."""

Reading = tuple[Fraction, int]
"""A number and the index of the word after it."""


def read(words: Sequence[str], start: int = 0, homophones: bool = False) -> Reading | None:
    """The number that begins at ``words[start]``.

    ``homophones`` reads "to" as two and "for" as four, for places where only a number can stand.
    """
    if not 0 <= start < len(words):
        return None
    here = list(words)
    if homophones:
        here[start] = _HOMOPHONES.get(here[start], here[start])
    if here[start] in {"a", "an"} and _is_scale(here, start + 1):
        here[start] = "one"
    whole = _written(here, start) or _spoken(here, start)
    return _with_part(here, *_with_point(here, *whole)) if whole else _bare_point(here, start)


def _is_scale(words: Sequence[str], at: int) -> bool:
    return at < len(words) and (words[at] == "hundred" or words[at] in _SCALES)


def _written(words: Sequence[str], at: int) -> Reading | None:
    if not _DIGITS.fullmatch(words[at]):
        return None
    value, end = Fraction(words[at].replace(",", "")), at + 1
    while _is_scale(words, end) and end - at < 3:
        value, end = value * _SCALES.get(words[end], 100), end + 1
    return value, end


def _spoken(words: Sequence[str], at: int) -> Reading | None:
    """Groups below a thousand, each followed by a scale that is smaller than the one before."""
    total, end, limit = 0, at, 10**15
    while group := _group(words, _past_and(words, end, total)):
        value, after = group
        scale = _SCALES.get(words[after], 1) if after < len(words) else 1
        if scale >= limit or (total and value >= limit):
            break
        total, end, limit = total + value * scale, after + (scale > 1), scale
        if scale == 1:
            break
    return (Fraction(total), end) if end > at else None


def _past_and(words: Sequence[str], at: int, total: int) -> int:
    return at + 1 if total and at < len(words) and words[at] == "and" else at


def _group(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """A number below ten thousand without a scale: "five", "forty two", "three hundred and six"."""
    small = _below_hundred(words, at)
    if small is None or small[1] >= len(words) or words[small[1]] != "hundred" or not small[0]:
        return small
    value, end = small[0] * 100, small[1] + 1
    rest = _below_hundred(words, _past_and(words, end, value))
    return (value + rest[0], rest[1]) if rest and rest[0] else (value, end)


def _below_hundred(words: Sequence[str], at: int) -> tuple[int, int] | None:
    if at >= len(words):
        return None
    if words[at] in _ONES:
        return _ONES[words[at]], at + 1
    if words[at] not in _TENS:
        return None
    unit = _ONES.get(words[at + 1], 0) if at + 1 < len(words) else 0
    return (_TENS[words[at]] + unit, at + 2) if 0 < unit < 10 else (_TENS[words[at]], at + 1)


def _with_point(words: Sequence[str], value: Fraction, end: int) -> Reading:
    if end + 1 >= len(words) or words[end] != "point" or value.denominator != 1:
        return value, end
    digits, after = _decimals(words, end + 1)
    return (value + Fraction(int(digits), 10 ** len(digits)), after) if digits else (value, end)


def _bare_point(words: Sequence[str], at: int) -> Reading | None:
    if words[at] != "point":
        return None
    value, end = _with_point(words, Fraction(0), at)
    return (value, end) if end > at else None


def _decimals(words: Sequence[str], at: int) -> tuple[str, int]:
    """The digits after a "point": single ones ("one four") or one number ("twenty five")."""
    digits = ""
    while at < len(words) and len(digits) < 12 and (digit := _digit(words[at])):
        digits, at = digits + digit, at + 1
    if digits or not (group := _group(words, at)):
        return digits, at
    return str(group[0]), group[1]


def _digit(word: str) -> str:
    if word == "oh":
        return "0"
    if word.isascii() and word.isdigit():
        return word
    return str(_ONES[word]) if _ONES.get(word, 10) < 10 else ""


def _with_part(words: Sequence[str], value: Fraction, end: int) -> Reading:
    """A number and the "and a half" after it."""
    if tuple(words[end : end + 2]) == ("and", "a") and end + 2 < len(words) and words[end + 2] in _PARTS:
        return value + _PARTS[words[end + 2]], end + 3
    return value, end


class Number(Struct, frozen=True):
    """A number found in a sentence: its value, the words it spans, and how it is written."""

    value: Fraction
    start: int
    end: int
    text: str


def find_all(words: Sequence[str]) -> list[Number]:
    """Every number of a sentence. Digits said one by one are one number: "four two seven" is 427, "4 2 7"."""
    found: list[Number] = []
    at = 0
    while at < len(words):
        digits, end = _digit_run(words, at)
        if len(digits) > 1:
            found.append(Number(Fraction(int("".join(digits))), at, end, " ".join(digits)))
        elif reading := read(words, at):
            value, end = reading
            found.append(Number(value, at, end, _negated(spell(value)[0], words, at)))
        at = max(end, at + 1)
    return [_signed(number, words) for number in found]


def _digit_run(words: Sequence[str], at: int) -> tuple[list[str], int]:
    digits: list[str] = []
    end = at
    while end < len(words) and len(digits) < 40 and len(digit := _digit(words[end])) == 1:
        digits, end = [*digits, digit], end + 1
    return digits, end if len(digits) > 1 else at


def _signed(number: Number, words: Sequence[str]) -> Number:
    if number.start and words[number.start - 1] in {"minus", "negative"} and not _after_number(words, number.start - 1):
        return Number(-number.value, number.start - 1, number.end, number.text)
    return number


def _negated(text: str, words: Sequence[str], at: int) -> str:
    negative = at and words[at - 1] in {"minus", "negative"} and not _after_number(words, at - 1)
    return f"-{text}" if negative else text


def _after_number(words: Sequence[str], at: int) -> bool:
    return at > 0 and (words[at - 1] in _ONES or words[at - 1] in _TENS or bool(_DIGITS.fullmatch(words[at - 1])))


def ordinal(words: Sequence[str], start: int = 0) -> tuple[int, int] | None:
    """The ordinal at ``words[start]`` ("third", "3rd", "twenty first") and the index of the word after it."""
    if not 0 <= start < len(words):
        return None
    word = words[start]
    if word in _ORDINALS:
        return _ORDINALS[word], start + 1
    if match := re.fullmatch(r"(\d{1,3})(?:st|nd|rd|th)", word):
        return int(match[1]), start + 1
    unit = _ORDINALS.get(words[start + 1], 0) if start + 1 < len(words) else 0
    return (_TENS[word] + unit, start + 2) if word in _TENS and 0 < unit < 10 else None


def with_digits(words: Sequence[str], written: Sequence[str]) -> str:
    """The sentence with its number words as digits: "door code four two seven" is "door code 4 2 7".

    A lone "one" stays a word: it is seldom a number ("the red one").
    """
    pieces: list[str] = []
    at = 0
    for number in find_all(words):
        if number.end - number.start == 1 and words[number.start] in {"one", "oh"}:
            continue
        if all(any(sign.isdigit() for sign in word) for word in words[number.start : number.end]):
            continue
        pieces += [*written[at : number.start], number.text]
        at = number.end
    return " ".join([*pieces, *written[at:]])


def spell(value: Fraction, places: int = 4) -> tuple[str, bool]:
    """``value`` in decimal digits, and whether that is exact: ("12.4", True)."""
    if value.denominator == 1:
        return str(value.numerator), True
    scaled = value * 10**places
    rounded = round(scaled)
    sign = "-" if rounded < 0 else ""
    whole, part = divmod(abs(rounded), 10**places)
    decimals = f"{part:0{places}d}".rstrip("0")
    return f"{sign}{whole}{'.' if decimals else ''}{decimals}", rounded == scaled


def say(value: Fraction, places: int = 4) -> tuple[str, bool]:
    """As :func:`spell`, with a minus that every voice says: "minus 3"."""
    text, exact = spell(value, places)
    return text.replace("-", "minus "), exact
