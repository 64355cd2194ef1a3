"""A history as the messages that every dialect takes: nothing said, called or answered is lost on the way.

Models are stricter than conversations. Roles alternate and the user begins. A message with calls is followed by exactly
one result for each of them and by nothing else. So a call that has no result yet gets one that says so; and a result
that comes later, because its function ran in the background, or whose call is not in the history any more, is told as
words of the user's side.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from antiphon.live.history import FunctionCall, FunctionResult, History, Part, Picture, Words

BEGINNING = "(The conversation begins.)"
"""What the user's side says where the model was first to speak."""
GO_ON = "(Go on exactly where you stopped. Repeat nothing, and say nothing about this.)"
"""What the user's side says where the model's own words come last."""
NO_RESULT: dict[str, Any] = {"status": "no result yet"}
"""The result of a call that the history has none for."""


class Said(Struct, frozen=True):
    """What the user's side said and showed. Consecutive words are one part."""

    parts: tuple[Words | Picture, ...]

    @property
    def characters(self) -> int:
        """Length of all its words."""
        return sum(len(part.text) for part in self.parts if isinstance(part, Words))

    @property
    def pictures(self) -> int:
        """How many pictures it has."""
        return sum(isinstance(part, Picture) for part in self.parts)


class Answered(Struct, frozen=True):
    """What the model said, and the functions it called then."""

    text: str
    calls: tuple[FunctionCall, ...] = ()
    pictures: int = 0

    @property
    def characters(self) -> int:
        """Length of its words and its calls."""
        return len(self.text) + sum(len(call.name) + len(str(call.args)) for call in self.calls)


class Results(Struct, frozen=True):
    """One result for each call of the message before, in their order."""

    results: tuple[FunctionResult, ...]
    pictures: int = 0

    @property
    def characters(self) -> int:
        """Length of the results as JSON."""
        return sum(len(as_json(result.response)) for result in self.results)


Message = Said | Answered | Results


def messages(history: History) -> tuple[Message, ...]:
    """The messages for ``history``; the last is something to answer."""
    writer = _Writer()
    for turn in history:
        for part in turn.parts:
            writer.write(turn.role, part)
    return writer.finished()


def as_json(value: Any) -> str:
    """``value`` as JSON; what is none of its types is written as its text."""
    return msgspec.json.encode(value, enc_hook=str).decode()


def late(result: FunctionResult) -> str:
    """A result that cannot stand beside its call, in words."""
    call = f", called as {result.id}" if result.id else ""
    return f"(The function {result.name}{call}, has returned: {as_json(result.response)})"


class _Writer:
    """Writes messages, part by part."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._calls: list[FunctionCall] = []
        self._results: dict[int, FunctionResult] = {}
        self._resulting = False
        self._ids: set[str] = set()

    def write(self, role: str, part: Part) -> None:
        """Take the next part of the history."""
        match part:
            case FunctionCall():
                if self._resulting:
                    self._close_calls()
                self._calls.append(part)
            case FunctionResult():
                self._take_result(part)
            case Words(""):
                pass
            case Words(text) if role == "model":
                self._close_calls()
                self._answer(text)
            case Words() | Picture():
                self._close_calls()
                self._say(part)

    def finished(self) -> tuple[Message, ...]:
        """All messages, now that the history is over."""
        self._close_calls()
        if not self._messages or isinstance(self._messages[-1], Answered):
            self._say(Words(GO_ON if self._messages else BEGINNING))
        return tuple(self._messages)

    def _take_result(self, result: FunctionResult) -> None:
        """Put a result beside its call, where that is still open; else into words."""
        waiting = [at for at in range(len(self._calls)) if at not in self._results]
        at = next((at for at in waiting if _answers(result, self._calls[at])), None)
        if at is None:
            self._close_calls()
            self._say(Words(late(result)))
        else:
            self._results[at] = result
            self._resulting = True

    def _close_calls(self) -> None:
        """Write the open calls and their results."""
        if not self._calls:
            return
        calls = tuple(self._unique(call) for call in self._calls)
        given = (self._results.get(at) for at in range(len(calls)))
        results = tuple(
            FunctionResult(call.id, call.name, result.response if result else NO_RESULT)
            for call, result in zip(calls, given, strict=True)
        )
        last = self._messages[-1] if self._messages else None
        if isinstance(last, Answered):
            self._messages[-1] = Answered(last.text, calls)
        else:
            self._begin()
            self._messages.append(Answered("", calls))
        self._messages.append(Results(results))
        self._calls, self._results, self._resulting = [], {}, False

    def _unique(self, call: FunctionCall) -> FunctionCall:
        """``call`` under an id that no other call has: clients may have written the history."""
        number = 0
        name = call.id
        while not name or name in self._ids:
            number += 1
            name = f"{call.id or 'call'}-{number}"
        self._ids.add(name)
        return call if name == call.id else msgspec.structs.replace(call, id=name)

    def _answer(self, text: str) -> None:
        last = self._messages[-1] if self._messages else None
        if isinstance(last, Answered):
            self._messages[-1] = Answered(joined((last.text, text)))
        else:
            self._begin()
            self._messages.append(Answered(text))

    def _say(self, part: Words | Picture) -> None:
        last = self._messages[-1] if self._messages else None
        if isinstance(last, Said):
            self._messages[-1] = Said(_added(last.parts, part))
        else:
            self._messages.append(Said((part,)))

    def _begin(self) -> None:
        if not self._messages:
            self._messages.append(Said((Words(BEGINNING),)))


def _answers(result: FunctionResult, call: FunctionCall) -> bool:
    return result.id == call.id if result.id else result.name == call.name


def _added(parts: tuple[Words | Picture, ...], part: Words | Picture) -> tuple[Words | Picture, ...]:
    last = parts[-1]
    # What has more than words, as those that were heard have their sound, stays a part of its own.
    if type(last) is Words and type(part) is Words:
        return (*parts[:-1], Words(joined((last.text, part.text))))
    return (*parts, part)


def joined(texts: Iterable[str]) -> str:
    """Texts of several turns as one, with white space between them."""
    whole = ""
    for text in texts:
        gap = "" if not whole or whole[-1:].isspace() or text[:1].isspace() else " "
        whole = f"{whole}{gap}{text}" if text else whole
    return whole


def without_pictures(messages: Sequence[Message], kept: int = 0) -> tuple[Message, ...]:
    """The same with the newest ``kept`` pictures only; a message that had nothing else says so."""
    left = kept
    found: list[Message] = []
    for message in reversed(messages):
        if isinstance(message, Said) and message.pictures:
            parts: list[Words | Picture] = []
            for part in reversed(message.parts):
                if isinstance(part, Words) or left > 0:
                    left -= isinstance(part, Picture)
                    parts.append(part)
            message = Said(tuple(reversed(parts)) or (Words("(A picture.)"),))
        found.append(message)
    return tuple(reversed(found))
