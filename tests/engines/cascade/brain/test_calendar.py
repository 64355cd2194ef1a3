"""Questions about the date and the time, asked on Wednesday, May 1, 2030, at 17:05."""

from typing import Any

import pytest

from antiphon.engines.cascade.brain.calendar import calendar
from antiphon.engines.cascade.brain.skill import ask
from antiphon.engines.cascade.parts import Prompt
from antiphon.live.history import user

ANSWERS = [
    ("What time is it?", "It is 5:05 PM."),
    ("what time is it right now please", "It is 5:05 PM."),
    ("can you tell me the time", "It is 5:05 PM."),
    ("What day is it today?", "It is Wednesday, May 1, 2030."),
    ("what's today's date", "It is Wednesday, May 1, 2030."),
    ("what is the date", "It is Wednesday, May 1, 2030."),
    ("what is the date tomorrow", "Tomorrow is Thursday, May 2, 2030."),
    ("what is tomorrow's date", "Tomorrow is Thursday, May 2, 2030."),
    ("what day was yesterday", "Yesterday was Tuesday, April 30, 2030."),
    ("what day is the fourth of july", "The fourth of July is Thursday, July 4, 2030."),
    ("what day is next friday", "Next Friday is Friday, May 3, 2030."),
    ("what year is it", "It is May 2030."),
    ("when is christmas", "Christmas is Wednesday, December 25, 2030."),
    ("how many days until christmas", "238 days until Christmas."),
    ("How many days are there until May 3rd?", "2 days until May 3rd."),
    ("how many days until the third of may", "2 days until the third of May."),
    ("how long is it until tomorrow", "1 day until tomorrow."),
    ("how many weeks until the tenth of may", "1 week and 2 days until the tenth of May."),
    ("how many days until today", "Today is today."),
    ("how many days until 2030-04-01", "2030-04-01 was 30 days ago."),
]


@pytest.mark.parametrize(("text", "expected"), ANSWERS)
def test_answers(text: str, expected: str, now: Any) -> None:
    thought = calendar(ask(Prompt((user(text),)), now))
    assert thought is not None
    assert thought.text == expected


@pytest.mark.parametrize(
    "text",
    ["what time is breakfast", "when is checkout", "what day is the party", "how many days until the party",
     "how many days are in a week", "tell me about time", "when is my appointment tomorrow"],
)  # fmt: skip
def test_what_the_calendar_does_not_know_is_left_alone(text: str, now: Any) -> None:
    assert calendar(ask(Prompt((user(text),)), now)) is None
