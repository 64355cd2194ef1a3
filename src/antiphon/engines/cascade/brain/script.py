r"""A brain that follows a script: what to answer to what, and when to fail. For tests and demonstrations.

A script is YAML::

    similar: 0.8                    # how alike the words must be, for recognised speech (default 1.0: equal)
    rules:
      - when: "what is the weather in *"
        call: {name: get_weather, args: {location: "{0}"}}
        after: "It is {result.temperature} degrees in {0}."
      - when: ["hello *", "regex:(?:hi|hey)\\b"]
        say: "Hello!"
        times: 1                    # answered by this rule once, then by the next that fits
      - turn: 3                     # the user's third turn, whatever is said
        steps:
          - delay: 2
          - say: "One moment."
          - fail: {code: 1011, reason: "planned outage"}
    otherwise: {say: "I have no answer in my script."}

The first rule that fits answers. A phrase fits whatever its case and punctuation, with ``*`` for any words;
``{0}``, ``{1}`` are what the wildcards, or a regular expression's groups, took. After a call, ``after`` has
``{result.field}`` of the first result (``{result}`` is the whole of it, ``{result1.field}`` the second's).
Without ``otherwise`` the built-in brain answers what no rule fits.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path
from typing import Any

from msgspec import Struct, UnsetType

from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.brain.numbers import with_digits
from antiphon.engines.cascade.brain.results import say_value
from antiphon.engines.cascade.brain.script_file import CallStep, Rule, Script, Step, load
from antiphon.engines.cascade.brain.skill import is_result, spoken
from antiphon.engines.cascade.brain.words import Phrase, phrase
from antiphon.engines.cascade.parts import Brain, Call, Fail, Prompt, Say, Thought
from antiphon.live.history import FunctionCall, FunctionResult, History, Turn

Sleep = Callable[[float], Awaitable[None]]

_FIELD = re.compile(r"\{(?P<name>\d+|result\d*)(?P<path>(?:\.[\w-]+)*)\}")


class Fit(Struct, frozen=True):
    """A rule that fits an utterance, and what its wildcards or groups took."""

    rule: Rule
    captures: tuple[str, ...]


class ScriptBrain:
    """Answers as a :class:`Script` says. ``otherwise`` is the brain that answers what the script leaves to it.

    ``sleep`` performs the delays.
    """

    def __init__(self, script: Script, otherwise: Brain | None = None, sleep: Sleep = asyncio.sleep) -> None:
        self._script = script
        self._otherwise = otherwise or BuiltinBrain()
        self._sleep = sleep
        self._compiled = {pattern: _compile(pattern) for rule in script.rules for pattern in rule.patterns}

    @classmethod
    def from_file(cls, path: str | Path, otherwise: Brain | None = None, sleep: Sleep = asyncio.sleep) -> "ScriptBrain":
        """The brain of the script in a file.

        Raises:
            ScriptError: the file is no script; the message names line, rule, field and remedy.
        """
        return cls(load(path), otherwise, sleep)

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """Perform the steps of the rule that fits the user's last turn; go on after a call."""
        turns = _user_turns(prompt.history)
        fit = self._fit(turns) if turns else None
        steps = fit.rule.all_steps if fit else [self._script.otherwise]
        rest, results = _remaining(steps, _since_user(prompt.history))
        words = _Words(fit.captures if fit else (), results)
        for step in rest:
            if step.delay:
                await self._sleep(step.delay)
            async for thought in self._perform(step, words, prompt):
                yield thought
                if not isinstance(thought, Say):
                    return

    def phrases(self) -> Sequence[str]:
        """The phrases of all rules, wildcards removed, and those of the brain behind."""
        own = (" ".join(phrase(one.replace("*", " ")).words) for one in self._compiled if not one.startswith("regex:"))
        behind = self._otherwise.phrases() if not isinstance(self._script.otherwise.builtin, UnsetType) else ()
        return tuple(dict.fromkeys([text for text in own if text] + list(behind)))

    async def _perform(self, step: Step, words: "_Words", prompt: Prompt) -> AsyncGenerator[Thought, None]:
        if not isinstance(step.say, UnsetType):
            yield Say(words.put(step.say))
        elif not isinstance(step.call, UnsetType):
            yield Call((_call(step.call, words, prompt.history),))
        elif not isinstance(step.fail, UnsetType):
            yield Fail(step.fail.code, words.put(step.fail.reason))
        elif not isinstance(step.builtin, UnsetType):
            async for thought in self._otherwise.reply(prompt):
                yield thought

    def _fit(self, turns: Sequence[str]) -> Fit | None:
        """The rule for the last of ``turns``; the earlier ones are matched too, to count ``times``."""
        used: Counter[int] = Counter()
        counted = any(not isinstance(rule.times, UnsetType) for rule in self._script.rules)
        for number in range(1 if counted else len(turns), len(turns)):
            self._fit_one(number, turns[number - 1], used)
        return self._fit_one(len(turns), turns[-1], used)

    def _fit_one(self, number: int, text: str, used: Counter[int]) -> Fit | None:
        for at, rule in enumerate(self._script.rules):
            spent = not isinstance(rule.times, UnsetType) and used[at] >= rule.times
            captures = None if spent else self._captures(rule, number, text)
            if captures is not None:
                used[at] += 1
                return Fit(rule, captures)
        return None

    def _captures(self, rule: Rule, number: int, text: str) -> tuple[str, ...] | None:
        """What the rule's wildcards took; None when it does not fit."""
        if not isinstance(rule.turn, UnsetType) and rule.turn != number:
            return None
        if not rule.patterns:
            return ()
        similar = self._script.similar if isinstance(rule.similar, UnsetType) else rule.similar
        found = (_match(self._compiled[pattern], text, similar) for pattern in rule.patterns)
        return next((captures for captures in found if captures is not None), None)


class _Words:
    """Puts captures and results into texts. A field that is not there is left as it was written."""

    def __init__(self, captures: Sequence[str], results: Sequence[FunctionResult]) -> None:
        self._captures = captures
        self._results = results

    def put(self, text: str) -> str:
        """``text`` with its fields filled."""
        return _FIELD.sub(lambda match: self._value(match["name"], match["path"], match[0]), text)

    def put_all(self, data: Any) -> Any:
        """``data`` with the fields of all its texts filled."""
        if isinstance(data, str):
            return self.put(data)
        if isinstance(data, dict):
            return {key: self.put_all(value) for key, value in data.items()}
        return [self.put_all(value) for value in data] if isinstance(data, list) else data

    def _value(self, name: str, path: str, written: str) -> str:
        number = int(re.sub(r"\D", "", name) or 0)
        if name.isdigit():
            return self._captures[number] if number < len(self._captures) and not path else written
        if number >= len(self._results):
            return written
        return _field(self._results[number].response, path, written)


def _field(response: Mapping[str, Any], path: str, written: str) -> str:
    """A field of a result, also of the object under ``output`` or ``result``."""
    inner = next((response[key] for key in ("output", "result") if key in response), response)
    for root in (inner, response):
        value: Any = root
        for key in path.split(".")[1:]:
            value = _member(value, key)
        if value is not None:
            return say_value(value)
    return written


def _member(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and key.isdigit() and int(key) < len(value):
        return value[int(key)]
    return None


def _user_turns(history: History) -> list[str]:
    """The words of every user turn, function results apart."""
    return [spoken(turn) for turn in history if turn.role == "user" and not is_result(turn)]


def _since_user(history: History) -> Sequence[Turn]:
    """The turns after the user's last words: calls and their results."""
    last = max((at for at, turn in enumerate(history) if turn.role == "user" and not is_result(turn)), default=-1)
    return history[last + 1 :]


def _remaining(steps: Sequence[Step], since: Sequence[Turn]) -> tuple[list[Step], list[FunctionResult]]:
    """The steps still to do: those after as many calls as have their results, the last call's ``after`` first."""
    results = [part for turn in since for part in turn.parts if isinstance(part, FunctionResult)]
    calls = [at for at, step in enumerate(steps) if not isinstance(step.call, UnsetType)]
    done = min(len(results), len(calls))
    if not done:
        return list(steps), results
    last = steps[calls[done - 1]]
    after = [] if isinstance(last.after, UnsetType) else [Step(say=last.after)]
    return [*after, *steps[calls[done - 1] + 1 :]], results


def _call(step: CallStep, words: _Words, history: History) -> FunctionCall:
    made = sum(isinstance(part, FunctionCall) for turn in history for part in turn.parts)
    return FunctionCall(f"call-{made + 1}", step.name, words.put_all(step.args))


# --- matching ---------------------------------------------------------------------------------------------------


class _Pattern(Struct, frozen=True):
    """A compiled ``when``: a regular expression over the text, or the words between wildcards."""

    expression: re.Pattern[str] | None
    pieces: tuple[tuple[str, ...], ...] = ()


def _compile(pattern: str) -> _Pattern:
    if pattern.startswith("regex:"):
        return _Pattern(re.compile(pattern.removeprefix("regex:").strip(), re.IGNORECASE))
    return _Pattern(None, tuple(_comparable(piece).words for piece in pattern.split("*")))


def _comparable(text: str) -> Phrase:
    """Words with numbers as digits: a recogniser writes "room forty two", a script "room 42"."""
    said = phrase(text)
    return phrase(with_digits(said.words, said.written))


def _match(pattern: _Pattern, text: str, similar: float) -> tuple[str, ...] | None:
    """What the wildcards or groups took of ``text``; None when it does not fit."""
    if pattern.expression is not None:
        found = pattern.expression.search(text)
        return tuple(group or "" for group in found.groups()) if found else None
    said = _comparable(text)
    places = _places(pattern.pieces, said.words, similar)
    return None if places is None else tuple(said[end:start].text for (_, end), (start, _) in pairwise(places))


def _places(pieces: Sequence[tuple[str, ...]], words: Sequence[str], similar: float) -> list[tuple[int, int]] | None:
    """Where each piece stands: the first at the beginning, the last at the end, the others as early as can be."""
    if len(pieces) == 1:
        return [(0, len(words))] if _likeness(pieces[0], words, similar) else None
    last = _window(pieces[-1], words, [len(words) - size for size in _sizes(pieces[-1])], similar, to_end=True)
    places = [_window(pieces[0], words, [0], similar)]
    for piece in pieces[1:-1]:
        start = places[-1][1] if places[-1] else len(words)
        places.append(_window(piece, words, range(start, len(words) + 1), similar))
    found = [place for place in [*places, last] if place is not None]
    in_order = len(found) == len(pieces) and all(left[1] <= right[0] for left, right in pairwise(found))
    return found if in_order else None


def _window(
    piece: Sequence[str], words: Sequence[str], starts: Iterable[int], similar: float, to_end: bool = False
) -> tuple[int, int] | None:
    """The stretch most like ``piece``, the earliest of equals, that begins at one of ``starts``."""
    best, place = 0.0, None
    for start in starts:
        for size in _sizes(piece) if start >= 0 else ():
            end = start + size
            fits = end == len(words) if to_end else end <= len(words)
            if fits and (likeness := _likeness(piece, words[start:end], similar)) > best:
                best, place = likeness, (start, end)
        if best == 1.0:
            break
    return place


def _sizes(piece: Sequence[str]) -> tuple[int, ...]:
    """How many words a piece may have become: a recogniser joins two or splits one."""
    return (len(piece), len(piece) + 1, len(piece) - 1) if len(piece) > 1 else (len(piece),)


def _likeness(left: Sequence[str], right: Sequence[str], similar: float) -> float:
    """How alike two stretches are, 0 when less than ``similar``."""
    if tuple(left) == tuple(right):
        return 1.0
    if similar >= 1 or not left or not right:
        return 0.0
    matcher = SequenceMatcher(None, " ".join(left), " ".join(right), autojunk=False)
    if matcher.real_quick_ratio() < similar or matcher.quick_ratio() < similar:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= similar else 0.0
