"""Dates and times of day as they are said: "next friday", "the third of may", "half past seven", "5 pm"."""

import re
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from fractions import Fraction

from msgspec import Struct

from antiphon.engines.cascade.brain import numbers

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_MONTH_OF = {month: at for at, month in enumerate(MONTHS, start=1)} | {
    month[:3]: at for at, month in enumerate(MONTHS, start=1)
}
_FEASTS = {
    ("christmas", "eve"): (12, 24),
    ("christmas", "day"): (12, 25),
    ("christmas",): (12, 25),
    ("new", "year", "eve"): (12, 31),
    ("new", "years", "eve"): (12, 31),
    ("new", "year", "day"): (1, 1),
    ("new", "years", "day"): (1, 1),
    ("new", "year"): (1, 1),
    ("new", "years"): (1, 1),
    ("valentine", "day"): (2, 14),
    ("valentines", "day"): (2, 14),
    ("halloween",): (10, 31),
}
_RELATIVE = {
    ("the", "day", "after", "tomorrow"): 2,
    ("day", "after", "tomorrow"): 2,
    ("the", "day", "before", "yesterday"): -2,
    ("day", "before", "yesterday"): -2,
    ("tomorrow",): 1,
    ("today",): 0,
    ("tonight",): 0,
    ("yesterday",): -1,
}
_DAYS_IN = {"day": 1, "days": 1, "week": 7, "weeks": 7}
_FAR = 366 * 200
_NAMED_TIMES = {"noon": time(12), "midday": time(12), "midnight": time(0)}
_PARTS_OF_DAY = {"morning": False, "afternoon": True, "evening": True, "night": True, "tonight": True}


class Day(Struct, frozen=True):
    """A date found in a sentence, and the words it spans."""

    date: date
    start: int
    end: int


class Clock(Struct, frozen=True):
    """A time of day found in a sentence, and the words it spans."""

    time: time
    start: int
    end: int


_Reader = Callable[[Sequence[str], int, date], tuple[date, int] | None]


def find_day(words: Sequence[str], today: date) -> Day | None:
    """The first date in ``words``.

    A day without a year is its next occurrence, today included; a weekday, with or without "next", is the first
    such day after today.
    """
    for start in range(len(words)):
        for reader in _DAY_READERS:
            if reading := reader(words, start, today):
                return Day(reading[0], start, reading[1])
    return None


def _iso(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", words[at]):
        return None
    try:
        return date.fromisoformat(words[at]), at + 1
    except ValueError:
        return None


def _relative(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    for name, days in _RELATIVE.items():
        if tuple(words[at : at + len(name)]) == name:
            return _shift(today, days, at + len(name))
    return _shift(today, 7, at + 2) if tuple(words[at : at + 2]) == ("next", "week") else None


def _shift(today: date, days: int, end: int) -> tuple[date, int] | None:
    try:
        return today + timedelta(days=days), end
    except OverflowError:
        return None


def _feast(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    for name, (month, day) in _FEASTS.items():
        if tuple(words[at : at + len(name)]) == name:
            return _with_year(words, month, day, at + len(name), today)
    return None


def _weekday(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    ahead = {"this": 0, "next": 1, "coming": 1}.get(words[at])
    place = at if ahead is None else at + 1
    if place >= len(words) or words[place] not in WEEKDAYS:
        return None
    soonest = 1 if ahead is None else ahead
    days = (WEEKDAYS.index(words[place]) - today.weekday() - soonest) % 7 + soonest
    return _shift(today, days, place + 1)


def _month_first(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    month = _MONTH_OF.get(words[at])
    if month is None:
        return None
    place = at + 2 if tuple(words[at + 1 : at + 2]) == ("the",) else at + 1
    day = numbers.ordinal(words, place) or _day_number(words, place)
    return _with_year(words, month, day[0], day[1], today) if day else None


def _day_first(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    place = at + 1 if words[at] == "the" else at
    day = numbers.ordinal(words, place) or _day_number(words, place)
    if day is None:
        return None
    after = day[1] + 1 if tuple(words[day[1] : day[1] + 1]) == ("of",) else day[1]
    month = _MONTH_OF.get(words[after]) if after < len(words) else None
    return _with_year(words, month, day[0], after + 1, today) if month else None


def _day_number(words: Sequence[str], at: int) -> tuple[int, int] | None:
    reading = numbers.read(words, at)
    if reading is None or reading[0].denominator != 1 or not 1 <= reading[0] <= 31:
        return None
    return int(reading[0]), reading[1]


def _ahead(words: Sequence[str], at: int, today: date) -> tuple[date, int] | None:
    """ "in three days", "two weeks from now"."""
    place = at + 1 if words[at] == "in" else at
    reading = numbers.read(words, place) or (
        (Fraction(1), place + 1) if tuple(words[place : place + 1]) == ("a",) else None
    )
    if reading is None or reading[1] >= len(words) or words[reading[1]] not in _DAYS_IN:
        return None
    from_now = tuple(words[reading[1] + 1 : reading[1] + 3]) in {("from", "now"), ("from", "today")}
    days = reading[0] * _DAYS_IN[words[reading[1]]]
    if not (from_now or words[at] == "in") or days > _FAR:
        return None
    return _shift(today, int(days), reading[1] + (3 if from_now else 1))


_DAY_READERS: tuple[_Reader, ...] = (_iso, _relative, _feast, _weekday, _month_first, _day_first, _ahead)


def _with_year(words: Sequence[str], month: int, day: int, end: int, today: date) -> tuple[date, int] | None:
    if year := _year(words, end):
        return _date(year[0], month, day, year[1])
    this = _date(today.year, month, day, end)
    if this and this[0] >= today:
        return this
    later = (_date(today.year + ahead, month, day, end) for ahead in range(1, 9))
    return next((found for found in later if found), None)


def _date(year: int, month: int, day: int, end: int) -> tuple[date, int] | None:
    try:
        return date(year, month, day), end
    except ValueError:
        return None


def _year(words: Sequence[str], at: int) -> tuple[int, int] | None:
    """ "2027", "twenty twenty seven", "two thousand twenty seven"."""
    first = numbers.read(words, at)
    if first is None:
        return None
    second = numbers.read(words, first[1])
    if first[0] in {19, 20, 21} and second and 10 <= second[0] <= 99 and second[0].denominator == 1:
        return int(first[0] * 100 + second[0]), second[1]
    return (int(first[0]), first[1]) if 1900 <= first[0] <= 2199 and first[0].denominator == 1 else None


def find_time(words: Sequence[str]) -> Clock | None:
    """The first time of day in ``words``: "10:30", "5 pm", "half past seven", "at seven", "noon"."""
    for start in range(len(words)):
        if reading := _named_time(words, start) or _past_to(words, start) or _hour(words, start):
            value, end = reading
            return Clock(value, start, end)
    return None


def _named_time(words: Sequence[str], at: int) -> tuple[time, int] | None:
    return (_NAMED_TIMES[words[at]], at + 1) if words[at] in _NAMED_TIMES else None


def _past_to(words: Sequence[str], at: int) -> tuple[time, int] | None:
    """ "half past seven", "quarter to eight", "ten past six"."""
    named = {"half": 30, "quarter": 15}.get(words[at])
    minutes = (named, at + 1) if named else _whole(words, at, 1, 59)
    if minutes is None or tuple(words[minutes[1] : minutes[1] + 1]) not in {("past",), ("to",)}:
        return None
    hour = _whole(words, minutes[1] + 1, 0, 23)
    if hour is None:
        return None
    total = hour[0] * 60 + (minutes[0] if words[minutes[1]] == "past" else -minutes[0])
    return _half_of_day(words, total % 1440, hour[1])


def _hour(words: Sequence[str], at: int) -> tuple[time, int] | None:
    if match := re.fullmatch(r"(\d{1,2}):(\d\d)", words[at]):
        total = int(match[1]) * 60 + int(match[2])
        return _half_of_day(words, total, at + 1) if int(match[1]) < 24 and int(match[2]) < 60 else None
    hour = _whole(words, at, 0, 23)
    if hour is None:
        return None
    minutes = _whole(words, hour[1], 10, 59)
    if minutes and not _is_unit(words, minutes[1]):
        return _half_of_day(words, hour[0] * 60 + minutes[0], minutes[1])
    end = hour[1] + 1 if tuple(words[hour[1] : hour[1] + 1]) in {("o'clock",), ("oclock",)} else hour[1]
    sure = end > hour[1] or _names_half(words, end) is not None or (at > 0 and words[at - 1] == "at")
    return _half_of_day(words, hour[0] * 60, end) if sure and not _is_unit(words, end) else None


def _is_unit(words: Sequence[str], at: int) -> bool:
    return at < len(words) and words[at] in {"percent", "degrees", "minutes", "people", "seconds", "hours"}


def _whole(words: Sequence[str], at: int, low: int, high: int) -> tuple[int, int] | None:
    reading = numbers.read(words, at)
    if reading is None or reading[0].denominator != 1 or not low <= reading[0] <= high:
        return None
    return int(reading[0]), reading[1]


def _half_of_day(words: Sequence[str], minutes: int, end: int) -> tuple[time, int] | None:
    """``minutes`` since midnight, moved to the afternoon when the words after it say so."""
    half = _names_half(words, end)
    if half is None:
        return time(minutes // 60, minutes % 60), end
    after_noon, after = half
    hours = minutes // 60 % 12 if minutes // 60 <= 12 else minutes // 60
    return time((hours + 12) % 24 if after_noon and hours < 12 else hours, minutes % 60), after


def _names_half(words: Sequence[str], at: int) -> tuple[bool, int] | None:
    following = tuple(words[at : at + 3])
    if following[:1] in {("am",), ("pm",)}:
        return following[0] == "pm", at + 1
    if following[:2] in {("a", "m"), ("p", "m")}:
        return following[0] == "p", at + 2
    if following[:2] in {("in", "the"), ("at", "night")} and following[-1] in _PARTS_OF_DAY:
        return _PARTS_OF_DAY[following[-1]], at + len(following)
    return (True, at + 1) if following[:1] in {("tonight",), ("evening",)} else None


def say_day(day: date) -> str:
    """A date as it is spoken: "Friday, May 3, 2030"."""
    return f"{WEEKDAYS[day.weekday()].title()}, {MONTHS[day.month - 1].title()} {day.day}, {day.year}"


def say_time(value: time) -> str:
    """A time as it is spoken: "5:30 PM"."""
    return f"{(value.hour - 1) % 12 + 1}:{value.minute:02d} {'PM' if value.hour >= 12 else 'AM'}"
