"""Turns of a conversation as items of the OpenAI Realtime API.

Functions that were called and answered before are told as such, with ids that the service takes (at most 32
characters); half of such a pair is told in words. Of what the model said before only the words are known.
"""

import json
from collections.abc import Iterator

import pybase64

from antiphon.engines.relay.openai_config import Dialect
from antiphon.engines.relay.writing import MAX_PICTURE_BYTES, MAX_TOLD_CHARACTERS
from antiphon.live.history import FunctionCall, FunctionResult, History, Part, Picture, Turn, Words
from antiphon.wire.openai.realtime import Item, ItemPart

_SHOWABLE = frozenset({"image/jpeg", "image/png"})
_A_PICTURE = "(a picture was shown here)"


def items(turns: History, dialect: Dialect, *, sees: bool) -> Iterator[Item]:
    """The items of ``turns``, in order; pictures only for a model that ``sees``."""
    called = {part.id for turn in turns for part in turn.parts if isinstance(part, FunctionCall)}
    answered = {part.id for turn in turns for part in turn.parts if isinstance(part, FunctionResult)}
    names = {each: f"call_before_{n}" for n, each in enumerate(sorted(called & answered))} if dialect.items else {}
    for turn in turns:
        yield from _turn_items(turn, names, dialect, sees=sees)


def picture_part(mime_type: str, data: bytes) -> ItemPart | None:
    """A picture as part of a message; None for what the service does not take."""
    if mime_type not in _SHOWABLE:
        return None
    return ItemPart(type="input_image", image_url=f"data:{mime_type};base64,{pybase64.b64encode(data).decode()}")


def result_item(result: FunctionResult, call_id: str) -> Item:
    """What a call came to."""
    return Item(type="function_call_output", call_id=call_id, output=as_json(result.response))


def told_in_words(history: History) -> str:
    """A history as a model reads it in its instruction."""
    lines = [f"{'User' if turn.role == 'user' else 'You'}: {_words(turn)}" for turn in history]
    return "\n".join(["What was said so far:", *(line for line in lines if not line.endswith(": "))])


def as_json(value: object) -> str:
    """``value`` as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _turn_items(turn: Turn, names: dict[str, str], dialect: Dialect, *, sees: bool) -> Iterator[Item]:
    said: list[ItemPart] = []
    for part in turn.parts:
        if isinstance(part, FunctionCall | FunctionResult) and part.id in names:
            yield from _message(turn, said)
            said = []
            yield _call_item(part, names[part.id])
        elif (written := _part(part, turn, dialect, sees=sees)) is not None:
            said.append(written)
    yield from _message(turn, said)


def _message(turn: Turn, parts: list[ItemPart]) -> Iterator[Item]:
    if parts:
        yield Item(type="message", role="user" if turn.role == "user" else "assistant", content=parts)


def _call_item(part: FunctionCall | FunctionResult, call_id: str) -> Item:
    if isinstance(part, FunctionResult):
        return result_item(part, call_id)
    return Item(type="function_call", call_id=call_id, name=part.name, arguments=as_json(part.args))


def _part(part: Part, turn: Turn, dialect: Dialect, *, sees: bool) -> ItemPart | None:
    if isinstance(part, Picture) and turn.role == "user":
        shown = picture_part(part.mime_type, part.data) if sees and len(part.data) <= MAX_PICTURE_BYTES else None
        return shown or ItemPart(type="input_text", text=_A_PICTURE)
    text = _in_words(part)
    if not text:
        return None
    if turn.role == "user":
        return ItemPart(type="input_text", text=text)
    return ItemPart(type="text" if dialect.beta else "output_text", text=text)


def _words(turn: Turn) -> str:
    return " ".join(filter(None, map(_in_words, turn.parts)))


def _in_words(part: Part) -> str:
    match part:
        case Words(text):
            return text
        case Picture():
            return _A_PICTURE
        case FunctionCall(_, name, args):
            return f"(called {name}({_short(args)}))"
        case FunctionResult(_, name, response):
            return f"({name} returned {_short(response)})"


def _short(value: object) -> str:
    text = as_json(value)
    return text if len(text) <= MAX_TOLD_CHARACTERS else f"{text[:MAX_TOLD_CHARACTERS]}…"
