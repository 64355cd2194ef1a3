"""The date and the time: "what day is it today", "what time is it", "how many days until christmas"."""

import re
from datetime import timedelta

from antiphon.engines.cascade.brain.skill import Ask
from antiphon.engines.cascade.brain.when import MONTHS, WEEKDAYS, find_day, say_day, say_time
from antiphon.engines.cascade.brain.words import core
from antiphon.engines.cascade.parts import Say

_PROPER = frozenset({*MONTHS, *WEEKDAYS, "christmas", "eve", "new", "year", "years", "halloween"})
_TIME = re.compile(r"(?:what (?:is the )?time is it|what is the time|do you have the time|the time|what time it is)$")
_DAY = re.compile(
    r"(?:what|which) (?:day|date|weekday|day of the week) (?:is|will|was) (?:it|this)(?: be)?(?P<when> .*)?$"
)
_DATE = re.compile(
    r"what is (?:the )?(?P<of>today|tomorrow|yesterday)? ?(?:date|day|day of the week)(?: of| on)?(?P<when> .*)?$"
)
_WEEKDAY = re.compile(r"(?:what|which) (?:day|weekday|date|day of the week) (?:is|will be|was)(?P<when> .+)$")
_UNTIL = re.compile(r"how (?:many (?P<unit>days|weeks) (?:is it |are there |are left |left )?|long (?:is it )?)"
                    r"(?:until|till|to|before)(?P<when> .+)$")  # fmt: skip
_WHEN = re.compile(r"when is(?P<when> .+)$")
_YEAR = re.compile(r"what (?:year|month) is it(?: now)?$")
_BEFORE_DAY = frozenset({"", "on", "it", "the day", "the date", "the date of"})
_NOW = re.compile(r"(?: right| just| now| exactly| please| at the moment| here)+$")


def calendar(ask: Ask) -> Say | None:
    """Answer a question about dates or the time of day; None for anything else."""
    text = _NOW.sub("", " ".join(core(ask.said).words))
    if _TIME.match(text):
        return Say(f"It is {say_time(ask.now.time())}.")
    if _YEAR.match(text):
        return Say(f"It is {MONTHS[ask.now.month - 1].title()} {ask.now.year}.")
    if until := _UNTIL.match(text):
        return _until(ask, until["when"], until["unit"] or "days")
    if date := _DATE.match(text):
        return _day(ask, date["of"] or date["when"] or "today")
    if day := _DAY.match(text) or _WEEKDAY.match(text):
        return _day(ask, day["when"] or "today")
    feast = _WHEN.match(text)
    return _day(ask, feast["when"]) if feast else None


def _day(ask: Ask, when: str) -> Say | None:
    words = when.split()
    found = find_day(words, ask.now.date())
    if found is None or " ".join(words[: found.start]) not in _BEFORE_DAY or found.end < len(words):
        return None
    name = _named(words[found.start : found.end])
    verb = "was" if found.date < ask.now.date() else "is"
    subject = "It" if name in {"today", "tonight"} else name[:1].upper() + name[1:]
    return Say(f"{subject} {verb} {say_day(found.date)}.")


def _until(ask: Ask, when: str, unit: str) -> Say | None:
    found = find_day(when.split(), ask.now.date())
    if found is None:
        return None
    days = found.date - ask.now.date()
    name = _named(when.split()[found.start : found.end])
    if not days:
        return Say(f"{name[:1].upper()}{name[1:]} is today.")
    if days < timedelta(0):
        return Say(f"{name[:1].upper()}{name[1:]} was {_amount(-days.days, 'days')} ago.")
    return Say(f"{_amount(days.days, unit)} until {name}.")


def _amount(days: int, unit: str) -> str:
    weeks, rest = divmod(days, 7)
    if unit != "weeks":
        return f"{days} {'day' if days == 1 else 'days'}"
    text = f"{weeks} {'week' if weeks == 1 else 'weeks'}"
    return f"{text} and {_amount(rest, 'days')}" if rest else text


def _named(words: list[str]) -> str:
    return " ".join(word.capitalize() if word in _PROPER else word for word in words)
