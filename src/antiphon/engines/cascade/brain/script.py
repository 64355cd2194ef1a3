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
``{result.field}`` of the first result (``{result}`` is the whole of it, ``{result1.field}`` the second's). An error is
told as it is, and ends the rule. While a function that is not waited for runs, ``meanwhile`` is said; the rule goes on
when its result comes, whatever else was said by then. After a search, ``after`` has ``{found.text}``, ``{found.title}``
and ``{found.uri}``. Without ``otherwise`` the built-in brain answers what no rule fits.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

from msgspec import Struct, UnsetType, structs

from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.brain.numbers import with_digits
from antiphon.engines.cascade.brain.research import NOTHING, after, first_quote, grounded, in_words, unfounded
from antiphon.engines.cascade.brain.script_file import CallStep, Rule, Script, Step, load
from antiphon.engines.cascade.brain.script_text import Words
from antiphon.engines.cascade.brain.script_thread import current_thread, remaining
from antiphon.engines.cascade.brain.tools import next_call
from antiphon.engines.cascade.brain.words import Phrase, phrase
from antiphon.engines.cascade.parts import Brain, Call, Fail, Ground, Prompt, Say, Search, SearchFailed, Think, Thought
from antiphon.live.history import FunctionCall

Sleep = Callable[[float], Awaitable[None]]

NO_SEARCH = "I cannot search: the client must ask for googleSearch, and this server be given something to search."


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
        """Perform the steps of the rule that fits the user's last turn; after a call, go on where it was made."""
        thread = current_thread(prompt.history)
        fit = self._fit(thread.turns) if thread.turns else None
        steps = remaining(fit.rule.all_steps if fit else [self._script.otherwise], thread)
        words = Words(fit.captures if fit else (), thread.results)
        said = 0
        for step in steps:
            before = said
            async for thought in self._perform(step, words, prompt):
                yield after(thought, before) if isinstance(thought, Ground) else thought
                said += len(thought.text.encode()) if isinstance(thought, Say) else 0
                if isinstance(thought, Call | Fail):
                    return

    @property
    def thinks(self) -> bool:
        """Whether the script has thoughts to show."""
        steps = (step for rule in self._script.rules for step in (*rule.all_steps, self._script.otherwise))
        return any(not isinstance(step.think, UnsetType) for step in steps)

    def phrases(self) -> Sequence[str]:
        """The phrases of all rules, wildcards removed, and those of the brain behind."""
        own = (" ".join(phrase(one.replace("*", " ")).words) for one in self._compiled if not one.startswith("regex:"))
        behind = self._otherwise.phrases() if not isinstance(self._script.otherwise.builtin, UnsetType) else ()
        return tuple(dict.fromkeys([text for text in own if text] + list(behind)))

    async def _perform(self, step: Step | Say, words: Words, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """The thoughts of a step, after its delay."""
        if isinstance(step, Say):
            yield step
            return
        if step.delay:
            await self._sleep(step.delay)
        if not isinstance(step.say, UnsetType):
            yield Say(words.put(step.say))
        elif not isinstance(step.think, UnsetType):
            yield Think(words.put(step.think))
        elif step.calls:
            number = next_call(prompt.history)
            yield Call(tuple(_call(one, words, at) for at, one in enumerate(step.calls, start=number)))
        elif not isinstance(step.search, UnsetType):
            for thought in await _search(step, words.put(step.search), words, prompt.search):
                yield thought
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


async def _search(step: Step, query: str, words: Words, search: Search | None) -> tuple[Thought, ...]:
    """Search, and say what the step says of what was found, or of nothing."""
    if search is None:
        return (Say(_put(step.nothing, words, NO_SEARCH)),)
    try:
        found = await search.search(query)
    except SearchFailed as error:
        return (Say(_put(step.nothing, words, f"I could not search: {error}.")),)
    quote = await asyncio.to_thread(first_quote, query, found)
    if quote is None:
        return unfounded(_put(step.nothing, words, NOTHING), [query])
    best = structs.replace(quote.passage, text=quote.text)
    told = [best, *(one for one in found if one is not quote.passage)]
    return grounded(_put(step.after, words.with_found(told), in_words(quote)), quote, [query], found)


def _put(text: str | UnsetType, words: Words, default: str) -> str:
    return default if isinstance(text, UnsetType) else words.put(text)


def _call(step: CallStep, words: Words, number: int) -> FunctionCall:
    return FunctionCall(f"call-{number}", step.name, words.put_all(step.args))


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
