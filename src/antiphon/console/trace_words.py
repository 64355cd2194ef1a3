"""When each word was said. Nobody tells it: these are estimates, good enough to find the place in a recording.

Words of the model are between the marks of its turn, which say how much text belonged to how much speech; words of the
user are spread evenly over the time they spoke. All times are seconds since the call began.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from msgspec import Struct

from antiphon.live.timeline import Activity, Entry, Turn, Words

_WORD: Final = re.compile(r"\S+")


class Word(Struct, frozen=True, array_like=True):
    """One word, from ``begins`` to ``ends``."""

    text: str
    begins: float
    ends: float


class Line(Struct, frozen=True, omit_defaults=True):
    """What one side said at once. ``entry`` is its place in the timeline, ``turn`` the answer it is or led to.

    ``words`` is empty where words are not kept; ``characters`` says how long it was. What was said after ``cut``
    nobody heard: it was interrupted.
    """

    entry: int
    who: Literal["user", "model"]
    how: Literal["heard", "typed", "written", "said"]
    at: float
    ends: float
    characters: int
    turn: int | None = None
    words: tuple[Word, ...] = ()
    cut: float | None = None


class Stretch(Struct, frozen=True):
    """A time when somebody spoke."""

    begins: float
    ends: float


def speech(entries: Sequence[Entry]) -> dict[int, Stretch]:
    """When the user and the model spoke, by the place of the activity or the turn among ``entries``."""
    found: dict[int, Stretch] = {}
    free = 0.0
    for number, entry in enumerate(entries):
        if isinstance(entry, Activity):
            found[number] = _user(entry, _asked_before(entries, number))
        elif isinstance(entry, Turn) and entry.first is not None and entry.spoken:
            # An answer is heard once the one before it was.
            begins = max(entry.first, free)
            free = begins + (entry.spoken if entry.heard is None else entry.heard)
            found[number] = Stretch(begins, free)
    return found


def lines(entries: Sequence[Entry]) -> list[Line]:
    """All that was said, in order."""
    spoken = speech(entries)
    found = [*_user_lines(entries, spoken), *_model_lines(entries, spoken)]
    return sorted(found, key=lambda line: (line.at, line.entry))


def _asked_before(entries: Sequence[Entry], number: int) -> float | None:
    """When the speech of activity ``number`` ended, as the delay of the answer to it tells."""
    for entry in entries[number + 1 :]:
        if isinstance(entry, Activity):
            return None
        if isinstance(entry, Turn) and entry.latency is not None and entry.first is not None:
            return entry.first - entry.latency
    return None


def _user(activity: Activity, asked: float | None) -> Stretch:
    seconds = 0.0 if activity.end_offset is None else activity.end_offset - activity.offset
    ended = activity.at if activity.ended is None else activity.ended
    ends = ended if asked is None else min(ended, asked)
    # It was noticed a little after it began: how long it was is counted in samples.
    return Stretch(max(0.0, ends - seconds), ends)


def _user_lines(entries: Sequence[Entry], spoken: dict[int, Stretch]) -> Iterator[Line]:
    latest: int | None = None
    heard: dict[int, list[int]] = {}
    for number, entry in enumerate(entries):
        if isinstance(entry, Activity):
            latest = number
        elif isinstance(entry, Words) and entry.how == "heard" and latest is not None:
            heard.setdefault(latest, []).append(number)
        elif isinstance(entry, Words):
            yield _user_line(entries, number, Stretch(entry.at, entry.at))
    for activity, numbers in heard.items():
        yield from _share(entries, numbers, spoken[activity])


def _share(entries: Sequence[Entry], numbers: list[int], whole: Stretch) -> Iterator[Line]:
    """Several texts of one stretch of speech, each with its part of it."""
    lengths = [max(1, entry.characters) for number in numbers if isinstance(entry := entries[number], Words)]
    pace, begins = (whole.ends - whole.begins) / sum(lengths), whole.begins
    for number, length in zip(numbers, lengths, strict=True):
        ends = begins + pace * length
        yield _user_line(entries, number, Stretch(begins, ends))
        begins = ends


def _user_line(entries: Sequence[Entry], number: int, when: Stretch) -> Line:
    entry = entries[number]
    assert isinstance(entry, Words)
    turn = next((each.number for each in entries[number:] if isinstance(each, Turn)), None)
    marks = ((0, 0.0), (max(1, len(entry.text)), when.ends - when.begins))
    words = _words(entry.text, when.begins, marks)
    return Line(number, "user", entry.how, when.begins, when.ends, entry.characters, turn, words)


def _model_lines(entries: Sequence[Entry], spoken: dict[int, Stretch]) -> Iterator[Line]:
    for number, entry in enumerate(entries):
        if isinstance(entry, Turn) and entry.characters:
            begins = entry.at if entry.first is None else entry.first
            when = spoken.get(number, Stretch(begins, begins))
            words = _words(entry.text, when.begins, _marks(entry))
            cut = when.ends if entry.outcome == "interrupted" and entry.heard is not None else None
            yield Line(
                number, "model", "said", when.begins, when.ends, entry.characters, entry.number, words, cut
            )  # fmt: skip


def _marks(turn: Turn) -> Sequence[tuple[int, float]]:
    """How much speech belonged to how much text, from nothing to all of both."""
    marks = [(0, 0.0)]
    for characters, seconds in [*turn.marks, (max(1, turn.characters), turn.spoken)]:
        if characters > marks[-1][0]:
            marks.append((characters, min(max(seconds, marks[-1][1]), max(turn.spoken, marks[-1][1]))))
    return marks


def _words(text: str, begins: float, marks: Sequence[tuple[int, float]]) -> tuple[Word, ...]:
    return tuple(
        Word(found[0], round(begins + _second(found.start(), marks), 3), round(begins + _second(found.end(), marks), 3))
        for found in _WORD.finditer(text)
    )


def _second(character: int, marks: Sequence[tuple[int, float]]) -> float:
    """The second of a character, between the marks around it."""
    place = bisect_left(marks, character, key=lambda mark: mark[0])
    if place == 0:
        return marks[0][1]
    if place == len(marks):
        return marks[-1][1]
    (before, begins), (after, ends) = marks[place - 1], marks[place]
    return begins + (ends - begins) * (character - before) / (after - before)
