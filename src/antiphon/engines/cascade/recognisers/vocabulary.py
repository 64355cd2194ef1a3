"""What an application lets one expect its users to say, for recognisers that take hints in plain words."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from antiphon.live.setup import Tool

MAX_CHARACTERS: Final = 600
"""How long all hints together may be: Whisper reads 223 tokens of them at most, some 4 characters each."""

_WORD = r"\w*[A-Z](?:\w|['’](?=\w\w))*"
_NAME = re.compile(rf"(?<=[\w,] ){_WORD}(?:[ -]{_WORD})*")


def vocabulary(system_instruction: str, tools: Sequence[Tool], phrases: Sequence[str]) -> tuple[str, ...]:
    """Words that a general recogniser is likely to miss, the most telling first.

    These are the ``phrases``, the values that tools enumerate, and the names in the instruction (words with a capital
    letter inside a sentence). The instruction as a whole is left out: a recogniser that is told sentences tends to hear
    them in silence.
    """
    enumerated = chain.from_iterable(_enumerated(tool.parameters, depth=8) for tool in tools)
    hints = chain(phrases, enumerated, _NAME.findall(system_instruction))
    unique = dict.fromkeys(" ".join(hint.split()) for hint in hints)
    return tuple(_within(filter(None, unique), MAX_CHARACTERS))


def _within(hints: Iterator[str], characters: int) -> Iterator[str]:
    for hint in hints:
        characters -= len(hint) + 2
        if characters < 0:
            return
        yield hint


def _enumerated(schema: Any, depth: int) -> Iterator[str]:
    """The enumerated values of a JSON schema, at any place in it."""
    if not isinstance(schema, dict) or not depth:
        return
    values = schema.get("enum")
    yield from (value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
    properties = schema.get("properties")
    below = list(properties.values()) if isinstance(properties, dict) else []
    below += [schema.get(key) for key in ("items", "additionalProperties")]
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        below += options if isinstance(options, list) else []
    for part in below:
        yield from _enumerated(part, depth - 1)
