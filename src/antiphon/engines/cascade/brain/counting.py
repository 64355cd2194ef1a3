"""Saying what it is told to: "say hello world", "count to ten".

Long counts give tests of barge-in something to interrupt.
"""

import re

from antiphon.engines.cascade.brain import numbers
from antiphon.engines.cascade.brain.skill import Ask
from antiphon.engines.cascade.brain.words import core, sentence
from antiphon.engines.cascade.parts import Say

_MOST = 200
_SAY = re.compile(
    r"\s*(?:please\s+|can you\s+|could you\s+)*(?:say|repeat after me|repeat)\b"
    r"(?:\s+(?:exactly|the words?|the following|after me|this))*\s*[:,]?\s*(?P<what>.+)$",
    re.IGNORECASE | re.DOTALL,
)
_NOT_LITERAL = frozenset(
    {"that", "it", "again", "something", "anything", "more", "nothing", "yourself", "your", "what"}
)


def counting(ask: Ask) -> Say | None:
    """Count up or down, at most :data:`_MOST` numbers; None when not asked to."""
    words = core(ask.said).words
    if words[:1] != ("count",):
        return None
    found = [int(number.value) for number in numbers.find_all(words) if number.value.denominator == 1]
    if not found or len(found) > 2:
        return None
    down = "down" in words or "backwards" in words
    first, last = found if len(found) == 2 else ((found[0], 0 if "zero" in words else 1) if down else (1, found[0]))
    step = 1 if last >= first else -1
    if abs(last - first) >= _MOST:
        return Say(f"I count at most {_MOST} numbers at a time.")
    return Say(", ".join(str(number) for number in range(first, last + step, step)) + ".")


def echo(ask: Ask) -> Say | None:
    """Say words that were given: "Say: good morning, everyone"."""
    match = _SAY.match(ask.text)
    if match is None:
        return None
    what = match["what"].strip().strip("\"'“”‘’")
    words = what.lower().split()
    return Say(sentence(what)) if words and words[0].strip(".,!?") not in _NOT_LITERAL else None
