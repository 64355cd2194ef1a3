"""Speaking what functions returned: strings, numbers and short objects as sentences, errors as what they are.

A function that is not waited for is spoken of twice: while it runs, and when its result comes, by then perhaps in the
middle of another matter.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from antiphon.engines.cascade.brain import numbers
from antiphon.engines.cascade.brain.errands import meanwhile, runs, subject
from antiphon.engines.cascade.brain.matching import QUERIES
from antiphon.engines.cascade.brain.skill import Ask, is_result
from antiphon.engines.cascade.brain.words import listed, sentence, split_name
from antiphon.engines.cascade.parts import Say
from antiphon.live.history import FunctionCall, FunctionResult, History, Part

DONE = "Done."
FAILED = "That did not work: "
_DONE_WORDS = frozenset({"ok", "okay", "success", "done", "true", "successful", "completed", ""})
_MOST_ITEMS = 6
_MOST_TEXT = 600
_DEPTH = 3


def results(ask: Ask) -> Say | None:
    """Speak the function results the history ends with; None when it ends otherwise."""
    history = ask.prompt.history
    if not history or not is_result(history[-1]) or ask.text:
        return None
    found = [part for part in history[-1].parts if isinstance(part, FunctionResult)]
    lines = list(dict.fromkeys(_told(result, history[:-1]) for result in found if not runs(result)))
    told = [line for line in lines if line != DONE or len(lines) == 1]
    if waiting := [result.name for result in found if runs(result)]:
        told.append(meanwhile(waiting, again=bool(told)))
    return Say(" ".join(told) or DONE)


def _told(result: FunctionResult, before: History) -> str:
    """A result as a sentence, which names its function when something else was said since it was called."""
    earlier = _earlier(result, before)
    if not result.response and any(not runs(one) for one in earlier):
        return "That is all."
    spoken = spoken_result(result)
    if not earlier or not _interrupted(result, before):
        return spoken
    about = subject(result.name)
    if result.response.get("error"):
        return f"{about[:1].upper()}{about[1:]} did not work: {spoken.removeprefix(FAILED)}"
    if spoken == DONE:
        return f"{about[:1].upper()}{about[1:]}: done."
    return f"About {about}: {spoken}"


def _earlier(result: FunctionResult, before: History) -> list[FunctionResult]:
    """What the same call came to before: that it runs, or parts of its answer."""
    parts = (part for turn in before for part in turn.parts if isinstance(part, FunctionResult))
    return [part for part in parts if part.id == result.id]


def _interrupted(result: FunctionResult, before: History) -> bool:
    """Whether the user said something else after the call."""
    called = [at for at, turn in enumerate(before) for part in turn.parts if _is_call(part, result.id)]
    return bool(called) and any(turn.role == "user" and turn.text.strip() for turn in before[called[-1] :])


def _is_call(part: Part, call_id: str) -> bool:
    return isinstance(part, FunctionCall) and part.id == call_id


def spoken_result(result: FunctionResult) -> str:
    """What one function came to, as a sentence."""
    response = result.response
    if error := response.get("error"):
        return f"{FAILED}{sentence(_value(error, _DEPTH))}"
    output = next((response[key] for key in ("output", "result") if key in response), response)
    if isinstance(output, str):
        return DONE if output.strip().lower().rstrip(".!") in _DONE_WORDS else sentence(output[:_MOST_TEXT])
    if output is None or output is True or output in ({}, []):
        return DONE
    if isinstance(output, dict):
        return sentence(_object(output, _DEPTH)[:_MOST_TEXT])
    return sentence(_with_subject(result.name, output)[:_MOST_TEXT])


def say_value(value: Any) -> str:
    """A value of a result as words; text as it is."""
    return value if isinstance(value, str) else _value(value, _DEPTH)


def _with_subject(name: str, output: Any) -> str:
    """A bare value as "the temperature is 21", after a function named ``get_temperature``."""
    words = split_name(name)
    if len(words) < 2 or words[0] not in QUERIES:
        return _value(output, _DEPTH)
    return _stated(" ".join(words[1:]), output, _DEPTH)


def _object(data: dict[str, Any], depth: int) -> str:
    lines = [line for key, value in list(data.items())[:_MOST_ITEMS] if (line := _entry(key, value, depth))]
    more = len(data) - _MOST_ITEMS
    return ", ".join([*lines, f"and {more} more"] if more > 0 else lines) or "there is nothing"


def _entry(key: str, value: Any, depth: int) -> str:
    name = " ".join(split_name(key)) or "value"
    if isinstance(value, dict):
        return _object(value, depth - 1) if depth > 1 else f"the {name} has {len(value)} entries"
    return _stated(name, value, depth)


def _stated(name: str, value: Any, depth: int) -> str:
    plural = name.endswith("s") and not name.endswith(("ss", "us", "is"))
    verb = "are" if plural and not isinstance(value, bool) else "is"
    return f"the {name} {verb} {_value(value, depth)}"


def _value(value: Any, depth: int) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "unknown"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dict):
        return _object(value, depth - 1) if depth > 1 else f"{len(value)} entries"
    if isinstance(value, list | tuple):
        return listed(list(_listing(value, depth))) or "none"
    return str(value).strip().rstrip(".")


def _listing(values: Sequence[Any], depth: int) -> Iterator[str]:
    yield from (_value(value, depth - 1) if depth > 1 else "an entry" for value in values[:_MOST_ITEMS])
    if len(values) > _MOST_ITEMS:
        yield f"{len(values) - _MOST_ITEMS} more"


def _number(value: float) -> str:
    try:
        return numbers.say(Fraction(str(value)))[0]
    except ValueError:
        return "not a number"
