"""Functions that run while the conversation goes on: which ones, and how they are spoken of."""

import re
from collections.abc import Iterable

from antiphon.engines.cascade.brain.matching import ACTIONS, QUERIES
from antiphon.engines.cascade.brain.words import listed, split_name
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, History

_PARTICLES = frozenset({"on", "off", "up", "down", "in", "out"})
_ARTICLES = frozenset({"the", "a", "an", "my", "me", "all", "to", "for"})
_IRREGULAR = {"begin": "beginning", "transfer": "transferring", "search": "searching for", "look": "looking for"}
_DOUBLED = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")


def runs(result: FunctionResult) -> bool:
    """Whether a result only says that its function has not answered yet."""
    return result.response == RUNNING


def running(history: History) -> dict[str, FunctionCall]:
    """The calls whose functions still run, by id."""
    calls: dict[str, FunctionCall] = {}
    waiting: dict[str, FunctionCall] = {}
    for part in (part for turn in history for part in turn.parts):
        if isinstance(part, FunctionCall):
            calls[part.id] = part
        elif isinstance(part, FunctionResult):
            waiting.pop(part.id, None)
            if runs(part) and part.id in calls:
                waiting[part.id] = calls[part.id]
    return waiting


def meanwhile(names: Iterable[str], again: bool = False) -> str:
    """What is said while functions run: "One moment, I am checking the weather."."""
    doing = listed(list(dict.fromkeys(errand(name) for name in names)))
    return f"I am still {doing}." if again else f"One moment, I am {doing}."


def errand(name: str) -> str:
    """What a function does, as one says it: "checking the weather" for ``get_weather``."""
    words = list(split_name(name)) or ["it"]
    if words[0] not in ACTIONS:
        return f"working on {' '.join(words)}"
    verb = "checking" if words[0] in QUERIES and words[0] not in _IRREGULAR else _progressive(words[0])
    rest = words[1:]
    particle = [rest.pop(0)] if rest and rest[0] in _PARTICLES else []
    article = ["the"] if rest and rest[0] not in _ARTICLES else []
    return " ".join([verb, *particle, *article, *rest]) if rest or particle else verb.removesuffix(" for")


def subject(name: str) -> str:
    """What a function's result is about: "the weather" for ``get_weather``, "booking the table" for ``book_table``."""
    doing = errand(name)
    return doing.removeprefix("checking ").removeprefix("searching for ").removeprefix("working on ")


def _progressive(verb: str) -> str:
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("e") and not verb.endswith("ee"):
        return f"{verb[:-1]}ing"
    return f"{verb}{verb[-1]}ing" if _DOUBLED.fullmatch(verb) else f"{verb}ing"
