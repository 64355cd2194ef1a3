"""Dates and times, reckoned from Wednesday, May 1, 2030."""

from datetime import date, datetime, time

import pytest

from antiphon.engines.cascade.brain.when import find_day, find_time, say_day, say_time
from antiphon.engines.cascade.brain.words import phrase

DAYS = [
    ("today", "2030-05-01"),
    ("tomorrow", "2030-05-02"),
    ("the day after tomorrow", "2030-05-03"),
    ("yesterday", "2030-04-30"),
    ("friday", "2030-05-03"),
    ("next friday", "2030-05-03"),
    ("this wednesday", "2030-05-01"),
    ("wednesday", "2030-05-08"),
    ("next week", "2030-05-08"),
    ("in three days", "2030-05-04"),
    ("two weeks from now", "2030-05-15"),
    ("in a week", "2030-05-08"),
    ("the third of may", "2030-05-03"),
    ("May 3rd", "2030-05-03"),
    ("3 may", "2030-05-03"),
    ("may the third", "2030-05-03"),
    ("march fourth", "2031-03-04"),
    ("the twenty first of june", "2030-06-21"),
    ("june 21 2031", "2031-06-21"),
    ("the first of may twenty thirty one", "2031-05-01"),
    ("february 29", "2032-02-29"),
    ("2030-12-24", "2030-12-24"),
    ("christmas", "2030-12-25"),
    ("christmas eve", "2030-12-24"),
    ("New Year's Eve", "2030-12-31"),
]


@pytest.mark.parametrize(("text", "day"), DAYS)
def test_days(text: str, day: str, now: datetime) -> None:
    words = phrase(text).words
    found = find_day(words, now.date())
    assert found is not None
    assert (found.date.isoformat(), found.start, found.end) == (day, 0, len(words))


@pytest.mark.parametrize(
    "text", ["", "may i come in", "march on", "february 30", "2030-02-31", "in ten minutes", "one"]
)
def test_no_days(text: str, now: datetime) -> None:
    assert find_day(phrase(text).words, now.date()) is None


def test_a_day_at_the_end_of_time_is_no_error() -> None:
    assert find_day(["tomorrow"], date.max) is None


TIMES = [
    ("10:30", "10:30"),
    ("10:30 pm", "22:30"),
    ("5 pm", "17:00"),
    ("5pm", "17:00"),
    ("five p m", "17:00"),
    ("12 am", "00:00"),
    ("12 pm", "12:00"),
    ("seven thirty", "07:30"),
    ("half past seven", "07:30"),
    ("quarter to eight", "07:45"),
    ("quarter past six in the evening", "18:15"),
    ("ten past six", "06:10"),
    ("seven o'clock", "07:00"),
    ("eight in the morning", "08:00"),
    ("nine at night", "21:00"),
    ("noon", "12:00"),
    ("midnight", "00:00"),
    ("17:05", "17:05"),
]


@pytest.mark.parametrize(("text", "value"), TIMES)
def test_times(text: str, value: str) -> None:
    words = phrase(text).words
    found = find_time(words)
    assert found is not None
    assert (found.time.strftime("%H:%M"), found.end) == (value, len(words))


def test_an_hour_alone_needs_at() -> None:
    assert find_time("wake me at seven".split()) is not None
    assert find_time("seven people".split()) is None
    assert find_time("at seven percent".split()) is None
    assert find_time(["25:00"]) is None


def test_spoken_forms() -> None:
    assert say_day(date(2030, 5, 3)) == "Friday, May 3, 2030"
    assert [say_time(time(hour, 5)) for hour in (0, 11, 12, 23)] == ["12:05 AM", "11:05 AM", "12:05 PM", "11:05 PM"]
