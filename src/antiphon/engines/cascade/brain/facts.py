"""Sentences worth repeating, and the one that answers a question best. Shared by memory and persona."""

from collections.abc import Sequence

from msgspec import Struct

from antiphon.engines.cascade.brain.words import alike, phrase, topics, vocabulary

_ENOUGH = 0.6
"""The least share of a question's topics that a sentence must name to be its answer."""
_MEANINGS = {
    "called": "name",
    "name": "name",
    "old": "age",
    "age": "age",
    "job": "work",
    "open": "open",
    "opening": "open",
    "close": "close",
    "closing": "close",
    "favourite": "favorite",
    "cost": "price",
    "costs": "price",
    "address": "live",
    "check-out": "checkout",
    "phone": "phone",
    "telephone": "phone",
}
_EMPTY = vocabulary(
    """time hour day place thing kind someth say said ask told rememb told mention call give gave number question
    find found come comes happen possible much long far"""
)
"""Topics that only frame a question ("what time is", "which number did I tell you"); they help,
but need not match."""


class Fact(Struct, frozen=True):
    """A sentence as it is said back. ``key`` names what it is about: a newer fact with the same key replaces it."""

    text: str
    key: str
    topics: tuple[str, ...]
    about_user: bool = False


def fact(text: str, key: str = "", about_user: bool = False) -> Fact:
    """A fact whose key is its own text when none is given."""
    return Fact(text, key or text.lower(), tuple(meanings(phrase(text).words)), about_user)


def meanings(words: Sequence[str]) -> list[str]:
    """The topics of ``words``, with words of one meaning made equal."""
    return topics(_MEANINGS.get(word.removesuffix("'s"), word.removesuffix("'s")) for word in words)


def needed(question: Sequence[str]) -> list[str]:
    """The topics of a question that its answer must name, the ones that only frame it left out."""
    return [topic for topic in meanings(question) if topic not in _EMPTY]


def best(question: Sequence[str], facts: Sequence[Fact]) -> Fact | None:
    """The fact that names most of the question's topics, the newest of equals; None when none names enough.

    ``facts`` are oldest first.
    """
    wanted = meanings(question)
    must = needed(question)
    if not must:
        return None
    scored = [(_score(wanted, must, known), at) for at, known in enumerate(facts)]
    score, at = max(scored, default=(0.0, 0))
    return facts[at] if score >= _ENOUGH else None


def _score(wanted: Sequence[str], must: Sequence[str], known: Fact) -> float:
    """The share of needed topics found, plus a little for every framing topic found and for a short sentence."""
    found = sum(any(_same(topic, own) for own in known.topics) for topic in must)
    framing = sum(topic in known.topics for topic in wanted if topic not in must)
    return found / len(must) + 0.05 * framing - 0.005 * min(len(known.topics), 20) if found else 0.0


def _same(left: str, right: str) -> bool:
    return alike(left, right, 0.84)
