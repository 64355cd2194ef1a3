"""Which declared function an utterance asks for, if any: words against names, descriptions and enums.

A score is the share of the function's name that the utterance says, an action counting half a noun, plus a little
for words of its description, values of its enums and names of its parameters, minus a little for every word that
nothing explains. It is a call from :data:`THRESHOLD` on. A remark ("I like this light") never is, a question only
of a function that looks something up, and the opposite of a name's word ("off" for ``turn_on``) forbids it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from antiphon.engines.cascade.brain.numbers import find_all
from antiphon.engines.cascade.brain.words import (
    STOP,
    Phrase,
    alike,
    find,
    sentences,
    split_name,
    stem,
    topics,
    vocabulary,
)
from antiphon.engines.cascade.brain.words import phrase as as_phrase
from antiphon.live.setup import Tool

THRESHOLD = 0.6
"""Of ``set_light``, "light" scores 0.53 and "set the kitchen light" 1.6; of ``get_weather``,
"weather in Paris" 0.67;
of ``turn_off_the_lights``, "turn off the radio" 0.48."""

_ACTION = 0.5
_DESCRIBED = 0.2
_DESCRIBED_ALONE = 0.35
_ENUM = 0.25
_PARAMETER = 0.1
_UNEXPLAINED = 0.12
_WHOLE_NAME = 0.35
_GROUPS = tuple(
    vocabulary(group)
    for group in (
        "get fetch find check lookup look query read list show search tell retrieve display see view give is are"
        " what which who where when how any will does do current",
        "set change adjust control make put update configure dim brighten raise lower increase decrease turn switch"
        " modify",
        "turn switch toggle power enable disable activate deactivate put flip",
        "create add make schedule book reserve start new set plan arrange order buy register save write invite put"
        " note need want begin",
        "cancel stop delete remove end clear abort drop",
        "send text message write email mail forward",
        "play start put listen hear",
        "pause stop halt hold",
        "call phone ring dial contact",
        "open unlock",
        "close shut lock",
        "move go drive navigate bring take",
        "search find google look",
        "transfer connect forward",
        "remind remember",
    )
)
QUERIES = _GROUPS[0]
"""Words that ask for information, in names of functions and in utterances."""
ACTIONS = frozenset[str]().union(*_GROUPS)
"""Words that a function's name may begin with to say what it does."""
_OPPOSITES = (
    ("on", "off"), ("open", "close"), ("open", "shut"), ("lock", "unlock"), ("up", "down"), ("start", "stop"),
    ("enable", "disable"), ("increase", "decrease"), ("raise", "lower"), ("play", "stop"), ("play", "pause"),
    ("add", "remove"), ("create", "cancel"), ("book", "cancel"), ("schedule", "cancel"), ("set", "cancel"),
    ("add", "delete"), ("create", "delete"), ("turn", "stop"),
)  # fmt: skip
_OPPOSITE = frozenset(pair for one, other in _OPPOSITES for pair in ((one, other), (other, one)))
_VAGUE = vocabulary("contact person people somebody someone item thing data info information details api function")
"""Nouns that nobody says: "call Alice" is ``call_contact``."""
_OBJECT_IS_ARGUMENT = vocabulary("play call search text email translate navigate dial phone")
"""Actions whose object is an argument: "play some jazz" is ``play_music`` although music is not said."""
_IN_NAMES = vocabulary("the a an of in for to by my and with from")
_PLAIN = vocabulary(
    """get set user current given specif return function control use valu inform data call request retriev provid
    default tool name string number e.g exampl option requir"""
)
"""Stems that every other description has: they say nothing about what is asked."""
_REMARK_HEADS = vocabulary("i we my our he she they it this that there you your")
_COPULAS = vocabulary("is are was were")
_WH = vocabulary("what which who whom where when why how is are was were does do did has have")
_REQUEST_LEADS = tuple(
    tuple(lead.split())
    for lead in (
        "i would like you to", "i want you to", "i need you to", "i would like to", "i want to", "i need to",
        "could you", "can you", "would you", "will you", "go ahead and", "let us", "you can", "please", "kindly",
        "i would like", "i want", "i need", "just", "now", "then", "also", "and", "okay", "hey",
    )
)  # fmt: skip


class Match(Struct, frozen=True):
    """A function, how well it fits, and which words of the utterance its name and description explain."""

    tool: Tool
    score: float
    explained: frozenset[int]
    action: bool


def best_match(said: Phrase, tools: Iterable[Tool]) -> Match | None:
    """The function ``said`` asks for; None when none reaches :data:`THRESHOLD`. Of equals, the first declared."""
    matches = [match for tool in tools if (match := rate(said, tool)) and match.score >= THRESHOLD]
    return max(matches, key=lambda match: match.score, default=None)


def without_request(said: Phrase) -> Phrase:
    """``said`` without "could you", "I want to" and the like."""
    while lead := next((one for one in _REQUEST_LEADS if said.words[: len(one)] == one), None):
        said = said[len(lead) :]
    return said


def rate(said: Phrase, tool: Tool) -> Match | None:
    """How well ``tool`` fits ``said``; None when it must not be called."""
    name = _spoken_name(tool.name)
    if not said.words or not name or _opposed(said.words, name):
        return None
    if _is_remark(said) or (_is_question(said) and not _looks_up(name)):
        return None
    action = _action_places(said.words, name)
    nouns = name if action is None else name[1:]
    found = {noun: _places(said.words, noun) for noun in nouns}
    if action is not None and not action and nouns and _as_verb(said.words[0], nouns):
        action = [0]
    return _scored(said.words, tool, name, action, found)


def _spoken_name(identifier: str) -> list[str]:
    """The words of a function's name that a user would say."""
    words = [word for word in split_name(identifier) if word not in _IN_NAMES] or list(split_name(identifier))
    plain = [word for word in words if word not in _VAGUE]
    return plain if plain and not _looks_up(plain) else words


def _looks_up(name: Sequence[str]) -> bool:
    """Whether a function only looks something up, as far as its name tells."""
    return name[0] in QUERIES or not any(name[0] in group for group in _GROUPS)


def _as_verb(word: str, nouns: Sequence[str]) -> bool:
    """Whether a noun of the name is said as a verb: "remind me" for ``create_reminder``."""
    return any(stem(word) == stem(noun) and len(noun) > len(word) + 1 for noun in nouns)


def _scored(
    words: Sequence[str], tool: Tool, name: Sequence[str], action: list[int] | None, found: dict[str, list[int]]
) -> Match | None:
    described = _described(words, tool, name)
    enums, named = _parameter_places(words, tool)
    said_noun = any(found.values()) or (not found and bool(action)) or _takes_object(words, tool, name)
    if not said_noun and len(described) < 2 and not (enums and action and described):
        return None
    share = max(_coverage(name, action, found), THRESHOLD * _takes_object(words, tool, name))
    score = share + min(2, len(described)) * (_DESCRIBED if said_noun else _DESCRIBED_ALONE)
    score += _ENUM * min(2, len(enums)) + _PARAMETER * min(2, len(named))
    score += _WHOLE_NAME * all(any(stem(word) == stem(own) for word in words) for own in name)
    explained = frozenset([*(action or []), *(at for places in found.values() for at in places), *described])
    known = explained | {at for place in enums for at in place} | set(named)
    return Match(tool, score - _penalty(words, tool, known), explained, bool(action))


def _coverage(name: Sequence[str], action: list[int] | None, found: dict[str, list[int]]) -> float:
    """The share of the name that is said; less when a function that does something is not told to."""
    said = sum(bool(places) for places in found.values())
    if action is None:
        return said / len(found)
    share = (_ACTION * bool(action) + said) / (_ACTION + len(found))
    return share if action or not found or _looks_up(name) else 0.8 * share


def _takes_object(words: Sequence[str], tool: Tool, name: Sequence[str]) -> bool:
    """Whether the utterance is the function's action and something that a text parameter can take."""
    object_said = len(words) > 1 and words[0] == name[0] and name[0] in _OBJECT_IS_ARGUMENT
    return object_said and any(_is_free(schema) for schema in properties(tool).values())


def _opposed(words: Sequence[str], name: Sequence[str]) -> bool:
    return any((own, word) in _OPPOSITE and own not in words for own in name for word in words)


def _is_question(said: Phrase) -> bool:
    return said.words[0] in _WH


def _is_remark(said: Phrase) -> bool:
    words = said.words
    if words[0] in _WH:
        return False
    verbless = not (_COPULAS & set(words))
    return (words[0] in _REMARK_HEADS and len(words) > 2) or (not verbless and words[0] in {"the", "a", "an"})


def _action_places(words: Sequence[str], name: Sequence[str]) -> list[int] | None:
    """Where the action or a word of its kind is said; None when the name does not begin with an action.

    A name that is nothing but an action must be said first, by a word of its own kind and no mere question word.
    """
    groups = [group for group in _GROUPS if name[0] in group]
    if not groups:
        return None
    alone = len(name) == 1
    kind = frozenset[str]().union(*(group for group in groups if not alone or group is not QUERIES))
    places = [at for at, word in enumerate(words) if word in kind or stem(word) == stem(name[0])]
    return [at for at in places if at == 0] if alone else places


def _places(words: Sequence[str], wanted: str) -> list[int]:
    """Where ``wanted`` is said, misheard or in two words ("time table") included."""
    one = [at for at, word in enumerate(words) if _same(word, wanted)]
    two = [at for at in range(len(words) - 1) if words[at] + words[at + 1] == wanted]
    return one or [place for at in two for place in (at, at + 1)]


def _same(word: str, wanted: str) -> bool:
    return stem(word) == stem(wanted) or (word not in STOP and alike(word, wanted))


def _described(words: Sequence[str], tool: Tool, name: Sequence[str]) -> list[int]:
    first = sentences(tool.description)[:1]
    known = set(topics(as_phrase(first[0]).words)) if first else set()
    known -= _PLAIN | {stem(word) for word in name} | {stem(word) for group in _GROUPS for word in group}
    return [at for at, word in enumerate(words) if word not in STOP and stem(word) in known]


def _parameter_places(words: Sequence[str], tool: Tool) -> tuple[list[range], list[int]]:
    """The enum values that are said, and where parameters are named."""
    enums: list[range] = []
    named: list[int] = []
    for key, schema in properties(tool).items():
        own = {stem(word) for word in split_name(key) if word not in STOP}
        named += [at for at, word in enumerate(words) if stem(word) in own]
        enums += [place for value in enum_of(schema) if (place := enum_place(words, value))]
    return enums, named


def properties(tool: Tool) -> dict[str, dict[str, Any]]:
    """The parameters of a function by name; whatever is no schema object is left out."""
    found = (tool.parameters or {}).get("properties")
    if not isinstance(found, dict):
        return {}
    return {str(key): schema for key, schema in found.items() if isinstance(schema, dict)}


def enum_of(schema: dict[str, Any]) -> list[Any]:
    """The values a parameter, or each item of an array, is limited to."""
    items = schema.get("items")
    values = schema.get("enum") or (items.get("enum") if isinstance(items, dict) else None)
    return values if isinstance(values, list) else []


def enum_place(words: Sequence[str], value: Any) -> range | None:
    """Where an enum's value is said: its words in order, endings and mishearings forgiven."""
    wanted = split_name(str(value))
    if not wanted:
        return None
    exact = find(words, wanted)
    if exact >= 0:
        return range(exact, exact + len(wanted))
    for at in range(len(words) - len(wanted) + 1):
        if all(_same(word, own) for word, own in zip(words[at : at + len(wanted)], wanted, strict=True)):
            return range(at, at + len(wanted))
    return None


def _penalty(words: Sequence[str], tool: Tool, known: frozenset[int]) -> float:
    """A little for every word nothing explains; nothing when a free text parameter may take them."""
    if any(_is_free(schema) for schema in properties(tool).values()):
        return 0.0
    counted = {at for number in find_all(words) for at in range(number.start, number.end)}
    plain = STOP | {"percent", "degrees"}
    strange = [word for at, word in enumerate(words) if at not in known | counted and word not in plain]
    return min(0.3, _UNEXPLAINED * len(strange))


def _is_free(schema: dict[str, Any]) -> bool:
    items = schema.get("items")
    kind = items.get("type") if isinstance(items, dict) else schema.get("type")
    return kind == "string" and not enum_of(schema)
