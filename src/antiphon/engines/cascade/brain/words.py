"""Words as the skills compare them, whether they were typed or came out of a weak speech recogniser.

A typed "What's 2+2?" and a recognised "what's two plus two" become comparable words: lower case, contractions
written out, one spelling. The words as they were written stay beside them, so that a name can be said back.
"""

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

import snowballstemmer
from msgspec import Struct


def vocabulary(text: str) -> frozenset[str]:
    """The words of ``text``, as a set."""
    return frozenset(text.split())


_TOKEN = re.compile(
    r"""
      [\w.+-]+@[\w-]+(?:\.[\w-]+)+          # a mail address
    | \d{4}-\d{2}-\d{2}                     # an ISO date
    | \d{1,2}:\d{2}                         # a time of day
    | \d+(?:st|nd|rd|th)\b                  # an ordinal
    | [^\W\d_]+-?\d[\w-]*\b                # a code: AB123
    | \d+(?:,\d{3})+(?:\.\d+)? | \d+(?:\.\d+)?
    | [^\W\d_]+(?:'[^\W\d_]+)*
    | [-+*/×÷^%()=°,]
    """,
    re.VERBOSE,
)
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_SENTENCE_END = re.compile(r"(?:(?<!\bMr)(?<!\bDr)(?<!\bMrs)(?<!\bSt)\.|[!?])(?=\s|$)|[;\n]+")
_BULLET = re.compile(r"^\s*[-*•#]+\s+")
_HEADS_OF_IS = vocabulary("what where who when how why that it there he she here name which")
_ENDINGS = {"'re": "are", "'m": "am", "'ll": "will", "'ve": "have", "'d": "would"}
_WHOLE = {
    "can't": ("can", "not"),
    "won't": ("will", "not"),
    "let's": ("let", "us"),
    "cannot": ("can", "not"),
    "whats": ("what", "is"),
    "wheres": ("where", "is"),
    "whos": ("who", "is"),
    "hows": ("how", "is"),
    "thats": ("that", "is"),
    "im": ("i", "am"),
    "ive": ("i", "have"),
    "youre": ("you", "are"),
    "dont": ("do", "not"),
    "didnt": ("did", "not"),
    "doesnt": ("does", "not"),
    "isnt": ("is", "not"),
    "cant": ("can", "not"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "percents": ("percent",),
    "%": ("percent",),
    ",": ("and",),
}
_SPELLING = {
    "favourite": "favorite",
    "colour": "color",
    "colours": "colors",
    "grey": "gray",
    "centre": "center",
    "theatre": "theater",
    "theatres": "theaters",
    "metre": "meter",
    "metres": "meters",
    "kilometre": "kilometer",
    "kilometres": "kilometers",
    "centimetre": "centimeter",
    "centimetres": "centimeters",
    "litre": "liter",
    "litres": "liters",
    "ok": "okay",
    "tv": "television",
    "pls": "please",
    "u": "you",
    "per-cent": "percent",
}
STOP = vocabulary(
    """a an the is are am was were be been being do does did done have has had of in on at to for from by with
    and or but if then than so as it its this that these those there here i you he she we they me my mine your
    yours our their his her him them us what which who whom whose where when why how much many can could will
    would should shall may might must please just now also too very some any not no yes about into out up down
    tell know let get got want need like hey okay well um uh er hello hi thanks thank"""
)
"""Words that say nothing about the topic."""

_QUESTION_HEADS = vocabulary(
    """what which who whom whose where when why how is are was were do does did can could will would should
    have has may shall am"""
)
_LEADS = (
    "hey",
    "hi",
    "hello",
    "okay",
    "so",
    "well",
    "um",
    "uh",
    "er",
    "and",
    "now",
    "then",
    "please",
    "oh",
    "alright",
    "can you please",
    "could you please",
    "would you please",
    "can you tell me",
    "could you tell me",
    "would you tell me",
    "will you tell me",
    "please tell me",
    "tell me",
    "do you know",
    "do you remember",
    "can you remember",
    "i want to know",
    "i would like to know",
    "remind me",
    "let me know",
)
_TAILS = (("thank", "you"), ("please",), ("thanks",), ("now",), ("for", "me"), ("and",), ("then",))
_LEAD_WORDS = sorted((tuple(lead.split()) for lead in _LEADS), key=len, reverse=True)
_ASKING_LEADS = frozenset(lead for lead in _LEAD_WORDS if len(lead) > 1 and lead[-1] != "please")


class Phrase(Struct, frozen=True):
    """Comparable ``words``, and beside each the way it was written; ``question`` when a question mark ends it."""

    words: tuple[str, ...]
    written: tuple[str, ...]
    question: bool = False

    def __getitem__(self, span: slice) -> "Phrase":
        return Phrase(self.words[span], self.written[span], self.question)

    @property
    def text(self) -> str:
        """The words as they were written, joined."""
        return " ".join(self.written).replace(" ,", ",")


def phrase(text: str, commas: bool = False) -> Phrase:
    """``text`` as comparable words; with ``commas``, a comma is comparable to "and"."""
    tokens = _TOKEN.findall(_HYPHEN.sub(" ", text.replace("’", "'")))
    pairs = [pair for token in tokens if commas or token != "," for pair in _comparable(token) if pair[0]]
    words, written = zip(*pairs, strict=True) if pairs else ((), ())
    return Phrase(words, written, text.rstrip().endswith("?"))


def _comparable(token: str) -> Iterable[tuple[str, str]]:
    lower = token.lower()
    if lower in _WHOLE:
        whole = _WHOLE[lower]
        return [(word, _as_written(token, word, at)) for at, word in enumerate(whole)]
    if lower.endswith("n't"):
        return [(lower[:-3], token[:-3]), ("not", "not")]
    for ending, word in _ENDINGS.items():
        if lower.endswith(ending):
            return [(lower.removesuffix(ending), token[: -len(ending)]), (word, word)]
    if lower.endswith("'s"):
        head = lower[:-2]
        return [(head, token[:-2]), ("is", "is")] if head in _HEADS_OF_IS else [(head, token)]
    return [(_SPELLING.get(lower, lower), token)]


def _as_written(token: str, word: str, at: int) -> str:
    if token == ",":
        return token
    return word.capitalize() if token[0].isupper() and not at else word


def sentences(text: str) -> list[str]:
    """The sentences of typed text; recognised speech, which has no punctuation, is one."""
    return [stripped for part in _split_after_ends(text) if (stripped := _BULLET.sub("", part).strip())]


def _split_after_ends(text: str) -> Iterable[str]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    yield text[start:]


def split(words: Sequence[str], separators: Iterable[str]) -> list[slice]:
    """The stretches of ``words`` between ``separators``, empty ones left out."""
    cuts = [-1, *(at for at, word in enumerate(words) if word in set(separators)), len(words)]
    return [slice(left + 1, right) for left, right in pairwise(cuts) if right - left > 1]


def without_lead(said: Phrase) -> tuple[Phrase, bool]:
    """``said`` without a polite beginning ("hey", "can you tell me"), and whether that beginning asks."""
    asked = False
    while lead := _lead(said.words):
        asked = asked or lead in _ASKING_LEADS
        said = said[len(lead) :]
    return said, asked


def _lead(words: tuple[str, ...]) -> tuple[str, ...]:
    return next((lead for lead in _LEAD_WORDS if words[: len(lead)] == lead and len(words) > len(lead)), ())


def core(said: Phrase) -> Phrase:
    """``said`` without a polite beginning and without a "please" or "thank you" at the end."""
    return without_tail(without_lead(said)[0])


def without_tail(said: Phrase) -> Phrase:
    """``said`` without a "please" or "thank you" at the end."""
    for tail in _TAILS:
        if len(said.words) > len(tail) and said.words[-len(tail) :] == tail:
            said = said[: -len(tail)]
    return said


def asks(said: Phrase) -> bool:
    """Whether ``said`` is a question, with or without its question mark."""
    rest, asked = without_lead(said)
    return asked or said.question or (bool(rest.words) and rest.words[0] in _QUESTION_HEADS)


@cache
def _stemmer() -> Any:
    return snowballstemmer.stemmer("english")


@lru_cache(4096)
def stem(word: str) -> str:
    """The stem of a comparable word (Snowball English)."""
    return str(_stemmer().stemWord(word))


def topics(words: Iterable[str]) -> list[str]:
    """The stems of the words that say what something is about, in order."""
    return [stem(word) for word in words if word not in STOP and (len(word) > 1 or word.isdigit())]


@lru_cache(4096)
def alike(left: str, right: str, ratio: float = 0.85) -> bool:
    """Whether two words are the same, or long enough and near enough to be one misheard."""
    if left == right:
        return True
    if min(len(left), len(right)) < 5 or abs(len(left) - len(right)) > 2:
        return False
    return SequenceMatcher(None, left, right, autojunk=False).ratio() >= ratio


def split_name(name: str) -> tuple[str, ...]:
    """The words of an identifier in snake, kebab or camel case: ``setLightLevel`` is set, light, level."""
    parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[_\W]+", " ", name)
    return tuple(_SPELLING.get(word, word) for word in parts.lower().split())


def find(words: Sequence[str], wanted: Sequence[str]) -> int:
    """Where ``wanted`` begins in ``words``, or -1."""
    if not wanted:
        return -1
    last = len(words) - len(wanted)
    return next((at for at in range(last + 1) if tuple(words[at : at + len(wanted)]) == tuple(wanted)), -1)


def sentence(text: str) -> str:
    """``text`` with a capital at its beginning and a full stop at its end."""
    text = text.strip().rstrip(" .,;:!")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}" if text else ""


def listed(items: Sequence[str], conjunction: str = "and") -> str:
    """``items`` as they are spoken: "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"
