"""Whether an interruption was one: people who listen say "mm-hm", and cough, without wanting the word.

Such a sound interrupts an answer as any other does, for nobody knows how it goes on; once its words are known, the
answer can go on. Stopping for nothing is a nuisance, talking over "stop" is worse: every word must be one that a
listener says, or the sound was none. Words are English.

A recogniser that writes whole sentences makes words of hums and coughs. What the embedded one was measured to write for
synthetic ones, in several voices, counts as nothing while it is short: "the", "but ah", "that". Two readings do not:
"oh", because it also stands for "no", and anything with a word that could be an order.
"""

import re
from collections.abc import Collection
from typing import Final

LONGEST: Final = 2.0
"""Seconds: what lasts longer is not said to somebody who speaks, whatever its words."""

LONGEST_NOISE: Final = 1.0
"""Seconds that a cough or a hum lasts, where it was read as words that say nothing."""

_APART: Final = re.compile(r"[\s\-‐–—.,;:!?…\"“”()]+")

_HUMS: Final = frozenset("m mm mmm mhm mmhm mmhmm hm hmm hmmm uh uhh uhuh uhhuh um umm er eh huh ah aha ha".split())
_FRAGMENTS: Final = frozenset("a an and as but h her that the them".split())
_ASSENTS: Final = (
    ("all", "right"),
    ("makes", "sense"),
    ("of", "course"),
    *((word,) for word in "yeah yea yes yep yup okay ok right alright sure exactly true totally absolutely".split()),
)
_SIGNS: Final = (
    ("i", "see"),
    ("got", "it"),
    ("go", "on"),
    ("keep", "going"),
    *((word,) for word in "wow cool nice great good really interesting".split()),
)


def is_backchannel(words: str, seconds: float, *, asked: bool = False) -> bool:
    """Whether ``words``, said in ``seconds``, are the sounds of a listener, or no words at all.

    Args:
        words: as a recogniser wrote them; empty where it made out none.
        seconds: how long the user was active.
        asked: the answer had just put a question: now "yes" and "okay" are answers.
    """
    if seconds > LONGEST:
        return False
    said = [word for word in _APART.split(words.lower().replace("’", "'")) if word]
    if all(word in _HUMS or word in _FRAGMENTS for word in said):
        return seconds <= LONGEST_NOISE or all(word in _HUMS for word in said)
    return _consists_of(said, _SIGNS if asked else _SIGNS + _ASSENTS)


def _consists_of(said: list[str], expressions: Collection[tuple[str, ...]]) -> bool:
    """Whether ``said`` is nothing but hums and expressions, one after the other."""
    while said:
        expression = next((each for each in expressions if tuple(said[: len(each)]) == each), None)
        if expression is None and said[0] not in _HUMS:
            return False
        said = said[len(expression or said[:1]) :]
    return True
