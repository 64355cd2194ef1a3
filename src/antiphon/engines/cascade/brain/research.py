"""Answering out of a search: the sentence that names most of what was asked, and where it stands.

The answer quotes; nothing is put together that no document says. What it rests on goes with it.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from msgspec import Struct, structs

from antiphon.engines.cascade.brain.facts import meanings, needed
from antiphon.engines.cascade.brain.persona import is_enquiry
from antiphon.engines.cascade.brain.skill import Ask, user_texts
from antiphon.engines.cascade.brain.words import STOP, alike, core, phrase, sentence, sentences, vocabulary
from antiphon.engines.cascade.parts import Found, Ground, Say, Search, SearchFailed
from antiphon.live.grounding import GroundedSearch, Source, Support

NOTHING = "I searched, and found nothing about that."
_ENOUGH = 0.6
"""The least share of a question's topics that a sentence and its title must name to be its answer."""
_TITLE = 0.5
"""What a topic counts that only the title names."""
_TWO = 0.15
"""What two sentences must be better by than one."""
_MOST_TEXT = 500
_MOST_TITLE = 80
_LAST_SENTENCES = 5
_EARLIER_WORDS = 6
_POINTING = vocabulary("he she it they him her them his its their that this those these")
_ABOUT = {("what", "about"), ("how", "about")}
_GOES_ON = re.compile(r"(?:He|She|It|They|This|These|His|Her|Its|Their)\b")
_NAME = re.compile(r"(?<!^)\b[A-Z]\w+")
_DIGIT = re.compile(r"\d")
_ASKS_NAME = vocabulary("who whom where")
_ASKS_NUMBER = vocabulary("when many much long far old time")


class Seek(Struct, frozen=True):
    """Search with ``queries`` in their order, until what one finds answers ``question`` (comparable words)."""

    question: tuple[str, ...]
    queries: tuple[str, ...]


class Quote(Struct, frozen=True):
    """The words of a passage that answer a question, verbatim."""

    passage: Found
    text: str


def seek(ask: Ask) -> Seek | None:
    """Search for the last thing asked; None when nothing is, or nothing may be searched."""
    if ask.prompt.search is None:
        return None
    parts = sentences(ask.text)[-_LAST_SENTENCES:]
    asked = (Ask(ask.prompt, part, phrase(part), ask.now) for part in reversed(parts))
    return next((found for one in asked if is_enquiry(one) and (found := _seek(one))), None)


def _seek(ask: Ask) -> Seek | None:
    """Ask as it was asked; of "when does he start?" first with what was spoken of before."""
    question = core(ask.said)
    points = bool(_POINTING & set(question.words)) or question.words[:2] in _ABOUT
    earlier = _topic_of(user_texts(ask.before)[-1:]) if points else ""
    queries = [f"{earlier} {question.text}"] if earlier else []
    queries += [question.text] if needed(question.words) else []
    return Seek(question.words, tuple(queries)) if queries else None


def _topic_of(texts: Sequence[str]) -> str:
    """The words of what was said before that say what it was about."""
    said = core(phrase(" ".join(texts)))
    pairs = zip(said.words, said.written, strict=True)
    return " ".join([written for word, written in pairs if word not in STOP][:_EARLIER_WORDS])


async def research(wish: Seek, search: Search) -> tuple[Say | Ground, ...]:
    """The best sentences found, and what they rest on.

    When nothing is found, or the search fails, that is what is said.
    """
    asked: list[str] = []
    try:
        for query in wish.queries:
            found = await search.search(query)
            asked.append(query)
            # Words are compared for likeness, which takes its time with long passages.
            if quote := await asyncio.to_thread(best_quote, query, wish.question, found):
                return grounded(in_words(quote), quote, asked, found)
    except SearchFailed as error:
        return unfounded(f"I could not search: {sentence(str(error))}", asked)
    return unfounded(NOTHING, asked)


def unfounded(text: str, queries: Sequence[str]) -> tuple[Say | Ground, ...]:
    """``text``, after queries that found nothing: they count all the same."""
    return (Say(text), Ground(GroundedSearch(tuple(queries)))) if queries else (Say(text),)


def grounded(text: str, quote: Quote, queries: Sequence[str], found: Sequence[Found]) -> tuple[Say, Ground]:
    """``text``, and the search it rests on: the quote's words in it do, or all of it when it has none of them."""
    sources = {one.uri: Source(one.uri, one.title) for one in (*reversed(found), quote.passage)}
    ordered = [sources[uri] for uri in dict.fromkeys(one.uri for one in found)]
    words = quote.text if quote.text in text else text
    begins = len(text[: text.find(words)].encode())
    number = ordered.index(sources[quote.passage.uri])
    support = Support(words, begins, begins + len(words.encode()), (number,))
    return Say(text), Ground(GroundedSearch(tuple(queries), tuple(ordered), (support,)))


def after(ground: Ground, said: int) -> Ground:
    """``ground`` for an answer that ``said`` bytes come before."""
    moved = (
        structs.replace(support, start=support.start + said, end=support.end + said)
        for support in ground.grounding.supports
    )
    return Ground(structs.replace(ground.grounding, supports=tuple(moved)))


def in_words(quote: Quote) -> str:
    """A quote as it is told: "According to House rules: The pool opens at 8."."""
    title = quote.passage.title
    title = title if len(title) <= _MOST_TITLE else f"{title[:_MOST_TITLE].rsplit(' ', 1)[0]} …"
    end = "" if quote.text[-1:] in ".!?…" else "."
    return f"According to {title}: {quote.text}{end}"


def first_quote(query: str, found: Sequence[Found]) -> Quote | None:
    """The sentences that answer a query best, else the beginning of what was found first; None of nothing."""
    if not found:
        return None
    return best_quote(query, phrase(query).words, found) or Quote(found[0], _cut(found[0].text))


def best_quote(query: str, question: Sequence[str], found: Sequence[Found]) -> Quote | None:
    """The sentence, or two, that name most of a query's topics; None when none name enough.

    ``query`` may say more than the ``question`` it is for; of the question's own topics enough must be named too.
    """
    topics = [list(dict.fromkeys(needed(words))) for words in (phrase(query).words, question)]
    if not topics[0]:
        return None
    best, quote = 0.0, None
    for passage in found:
        for text, two in _candidates(passage.text):
            score = _score(topics, question, text, passage.title) - _TWO * two
            if score > best:
                best, quote = score, Quote(passage, _cut(text))
    return quote


def _candidates(text: str) -> Iterator[tuple[str, bool]]:
    """Each sentence, with the next when that goes on about the same ("He starts at ten."); and any two in a row."""
    parts = sentences(text)
    for one, other in pairwise([*parts, ""]):
        both = f"{one} {other}"
        together = bool(other) and both in text
        yield (both, False) if together and _GOES_ON.match(other) else (one, False)
        if together:
            yield both, True


def _score(topics: Sequence[Sequence[str]], question: Sequence[str], text: str, title: str) -> float:
    """The share of topics named, 0 when it is not enough, and a little for the kind of thing asked for."""
    in_text, in_title = meanings(phrase(text).words), meanings(phrase(title).words)
    if not all(_share(wanted, in_text, in_title, 1.0) >= _ENOUGH for wanted in topics if wanted):
        return 0.0
    return _share(topics[0], in_text, in_title, _TITLE) + 0.1 * _is_of_kind(question, text)


def _share(wanted: Sequence[str], in_text: Sequence[str], in_title: Sequence[str], titled: float) -> float:
    """The share of topics that are named, those only in the title counting ``titled``."""
    counts = (1.0 if _among(topic, in_text) else titled * _among(topic, in_title) for topic in wanted)
    return sum(counts) / max(1, len(wanted))


def _among(topic: str, topics: Iterable[str]) -> bool:
    return any(alike(topic, other, 0.84) for other in topics)


def _is_of_kind(question: Sequence[str], text: str) -> bool:
    """Whether a sentence has what the question word asks for: a name, or a number."""
    told = set(question)
    return bool((told & _ASKS_NAME and _NAME.search(text)) or (told & _ASKS_NUMBER and _DIGIT.search(text)))


def _cut(text: str) -> str:
    """As much of a text as can be listened to, verbatim."""
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT].rsplit(" ", 1)[0]
