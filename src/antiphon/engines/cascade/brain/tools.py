"""Calling the declared functions: find them in the utterance, ask for what is missing, call them together.

A question for a missing argument is not remembered anywhere: the turns before it are planned again, and if that
leads to the same question, the user's next words are its answer.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from antiphon.engines.cascade.brain.arguments import complete, fill
from antiphon.engines.cascade.brain.errands import meanwhile, running
from antiphon.engines.cascade.brain.matching import Match, best_match, without_request
from antiphon.engines.cascade.brain.parameters import Parameter, missing, question
from antiphon.engines.cascade.brain.skill import Ask, spoken
from antiphon.engines.cascade.brain.words import Phrase, core, sentences, split, without_tail
from antiphon.engines.cascade.brain.words import phrase as as_phrase
from antiphon.engines.cascade.parts import Call, Say
from antiphon.live.history import FunctionCall, History
from antiphon.live.setup import Tool

_MOST_CALLS = 8
_MOST_PARTS = 12
"""Sentences, and parts between "and", in which commands are looked for."""
_MOST_QUESTIONS = 12
"""Questions in a row that are traced back: more than any sensible function has parameters."""


class Command(Struct, frozen=True):
    """A function to call, with the arguments known so far."""

    tool: Tool
    arguments: dict[str, Any]


Plan = tuple[Command, ...]


def tools(ask: Ask) -> Call | Say | None:
    """Call what the utterance asks for, or ask for a missing argument; None when no function fits."""
    return _next_step(ask, plan(ask.text, ask.prompt.tools, ask.now))


def answer(ask: Ask) -> Call | Say | None:
    """Go on with a call whose missing argument the utterance gives; None when none was asked for."""
    if not ask.prompt.tools:
        return None
    waiting = _waiting(ask.before, ask.prompt.tools, ask.now, _MOST_QUESTIONS)
    return _next_step(ask, _resume(waiting, ask.text, ask.now))


def ask_again(ask: Ask) -> Say | None:
    """Repeat a question that was not answered; None when none was asked."""
    if not ask.prompt.tools:
        return None
    waiting = _waiting(ask.before, ask.prompt.tools, ask.now, _MOST_QUESTIONS)
    return Say(_question(waiting)) if waiting else None


def plan(text: str, declared: Sequence[Tool], now: datetime) -> Plan:
    """The functions that ``text`` asks for, in the order said."""
    segments = _segments(text, declared) if declared else []
    matched = [(said, match) for said in segments if (match := best_match(said, declared))]
    return tuple(
        Command(match.tool, fill(match.tool, said, match.explained, now)) for said, match in matched[:_MOST_CALLS]
    )


def _segments(text: str, declared: Sequence[Tool]) -> list[Phrase]:
    """The utterance cut where a new command begins: after an "and" that an action of its own follows."""
    segments: list[Phrase] = []
    for part in sentences(text)[-_MOST_PARTS:]:
        said = without_tail(as_phrase(part, commas=True))
        start = 0
        for piece in split(said.words, {"and", "then"})[:_MOST_PARTS]:
            if start < piece.start and _begins_command(said[start : piece.start], said[piece], declared):
                segments.append(_request(said[start : piece.start]))
                start = piece.start
        segments.append(_request(said[start:]))
    return [segment for segment in segments if segment.words]


def _request(said: Phrase) -> Phrase:
    return without_tail(without_request(said))


def _begins_command(before: Phrase, said: Phrase, declared: Sequence[Tool]) -> bool:
    """Whether both sides of an "and" are commands: each fits a function, the second with its action said first."""
    first, second = _match(before, declared), _match(said, declared)
    if not first or not second or not second.action:
        return False
    return second.tool is not first.tool or 0 in second.explained


def _match(said: Phrase, declared: Sequence[Tool]) -> Match | None:
    return best_match(_request(said), declared)


def _resume(waiting: Plan, text: str, now: datetime) -> Plan:
    """``waiting`` with its first missing argument answered by ``text``; empty when it is no answer."""
    said = core(as_phrase(text, commas=True))
    for at, command in enumerate(waiting):
        if asked := missing(command.tool, command.arguments):
            arguments = complete(command.tool, asked, command.arguments, said, now)
            if arguments is None:
                return ()
            return (*waiting[:at], Command(command.tool, arguments), *waiting[at + 1 :])
    return ()


def _waiting(before: History, declared: Sequence[Tool], now: datetime, depth: int) -> Plan:
    """The plan whose question ends ``before``; empty when its last words are no such question."""
    if len(before) < 2 or before[-1].role != "model" or before[-2].role != "user" or depth == 0:
        return ()
    asked, text = spoken(before[-1]), spoken(before[-2])
    if not asked.endswith("?"):
        return ()
    earlier = _waiting(before[:-2], declared, now, depth - 1)
    for found in (_resume(earlier, text, now), plan(text, declared, now), earlier):
        if found and _question(found) == asked:
            return found
    return ()


def _question(waiting: Plan) -> str:
    asked: list[Parameter] = [one for command in waiting if (one := missing(command.tool, command.arguments))]
    return question(asked[0]) if asked else ""


def _next_step(ask: Ask, commands: Plan) -> Call | Say | None:
    if not commands:
        return None
    if asked := _question(commands):
        return Say(asked)
    waiting = running(ask.prompt.history).values()
    new = [one for one in commands if not any(_is_same(one, call) for call in waiting)]
    if not new:
        return Say(meanwhile([one.tool.name for one in commands], again=True))
    numbered = enumerate(new, start=next_call(ask.prompt.history))
    return Call(tuple(FunctionCall(f"call-{at}", one.tool.name, one.arguments) for at, one in numbered))


def _is_same(command: Command, call: FunctionCall) -> bool:
    return command.tool.name == call.name and command.arguments == call.args


def next_call(history: History) -> int:
    """The number of the next call, higher than any in the history, of which the oldest turns may be gone."""
    made = [part.id for turn in history for part in turn.parts if isinstance(part, FunctionCall)]
    numbered = (int(found[1]) for one in made if (found := re.match(r"call-([0-9]{1,9})\b", one)))
    return max(len(made), *numbered, 0) + 1
