"""Memory of the session: what the user said about themselves and the world, read out of the history each time.

Nothing is stored: a resumed session, whose history comes back, remembers. Facts that an application put into the
history, as turns of either side, count as told.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from antiphon.engines.cascade.brain import numbers
from antiphon.engines.cascade.brain.facts import Fact, best, fact
from antiphon.engines.cascade.brain.persona import is_enquiry
from antiphon.engines.cascade.brain.skill import Ask, is_result, recent, spoken, user_texts
from antiphon.engines.cascade.brain.words import (
    Phrase,
    asks,
    core,
    phrase,
    sentence,
    sentences,
    vocabulary,
    without_lead,
)
from antiphon.engines.cascade.parts import Say
from antiphon.live.history import History

_FLIP = {
    "i": "you", "am": "are", "my": "your", "me": "you", "mine": "yours", "myself": "yourself", "we": "you",
    "our": "your", "us": "you", "ours": "yours", "your": "my", "yours": "mine",
}  # fmt: skip
_SAID_BACK = {"you": "i", "are": "am"}
_OPENERS = vocabulary("my i the our we he she they there a an this call remember")
_STATEMENT_HEADS = vocabulary("my i the our we he she they there a an all every this")
_COPULAS = vocabulary("is are was were has have")
_REMEMBER = (
    ("please", "remember", "that"), ("remember", "that"), ("remember", "this"), ("remember",), ("memorize", "that"),
    ("memorize",), ("keep", "in", "mind", "that"), ("keep", "in", "mind"), ("do", "not", "forget", "that"),
    ("do", "not", "forget"), ("note", "that"), ("take", "note", "that"), ("make", "a", "note", "that"),
)  # fmt: skip
_NUMBERED = vocabulary("number code pin age combination extension room floor seat gate password year")
_CALL_ME = re.compile(r"(?:(?:you can |please )*call me|i am called|they call me|people call me) ")
_OWN = re.compile(r"(?P<owner>my|our|the) (?P<key>.+?) (?:is|are|was|were) (?P<value>.+)$")
_BARE_NUMBER = re.compile(r"(?P<owner>my|our|the|this) (?P<key>[a-z' ]+?) (?=\d)(?P<value>.+)$")
_REPLACED = (("i", "live"), ("i", "work"), ("i", "am", "from"), ("i", "come", "from"), ("i", "am"))
_SAID = {
    "what did i say", "what did i just say", "what did i just tell you", "what have i said",
    "what have i just said",
    "what was my last message", "what was my last question", "what did i ask", "what did i just ask",
    "what did i just ask you", "repeat what i said", "repeat what i just said", "what did i say last",
    "what was the last thing i said",
}  # fmt: skip
_ALL = {
    "what do you know about me", "what do you remember about me", "what do you know", "what do you remember",
    "what did i tell you", "what have i told you", "what did i tell you about me",
    "what did i tell you about myself",
    "what did i ask you to remember", "what do you know about myself", "tell me what you know about me",
    "what you know about me", "what have you learned about me",
}  # fmt: skip
_UNKNOWN = re.compile(r"(?:what|who|where|when|which) (?:is|are|was) my (?P<what>.+)$|(?:my )(?P<bare>name)$")
_KEYS_OF = {
    "who am i": ("your name", "i am"),
    "what am i called": ("your name",),
    "where am i from": ("i am from", "i come from"),
    "where do i come from": ("i am from", "i come from"),
}
_UNTOLD = {"where do i live", "who am i", "how old am i", "what am i called", "where am i from", "where do i work"}
_MANY = 6


def recall(ask: Ask) -> Say | None:
    """Answer a question about what was said before; None for anything else."""
    question = " ".join(core(ask.said).words)
    if question in _SAID:
        earlier = user_texts(ask.before)
        return Say(f"You said: {sentence(earlier[-1])}" if earlier else "You have not said anything before that.")
    known = told(recent(ask.prompt.history) if asks(ask.said) else ask.before)
    if question in _ALL:
        return Say(_everything(known))
    if not is_enquiry(ask):
        return None
    found = _found(core(ask.said).words, known)
    return Say(found.text) if found else None


def unknown(ask: Ask) -> Say | None:
    """Admit not to know something personal that was never said."""
    question = " ".join(core(ask.said).words)
    if question in _UNTOLD:
        return Say("I do not know. You have not told me yet.")
    match = _UNKNOWN.match(question)
    return Say(f"I do not know your {match['what'] or match['bare']}. You have not told me yet.") if match else None


def learn(ask: Ask) -> Say | None:
    """Acknowledge something told; None when nothing was."""
    facts = list(_told_by_user(ask.text))
    if not facts:
        return None
    named = next((known for known in facts if known.key == "your name"), None)
    others = [_lower_first(known.text) for known in facts if known is not named]
    if named:
        greeting = f"Nice to meet you, {named.text.removeprefix('Your name is ').rstrip('.')}."
        return Say(" ".join([greeting, *(f"I will remember that {text}" for text in others)]))
    return Say(f"Okay, I will remember that {' And '.join(others)}".replace(". And ", ", and "))


def _lower_first(text: str) -> str:
    return text if text.split()[0].rstrip(".") in {"I"} else text[:1].lower() + text[1:]


def told(history: History) -> list[Fact]:
    """What was told in ``history``, oldest first, each key once with its newest value."""
    facts: dict[str, Fact] = {}
    for known in _in_order(history):
        if facts.get(known.key) != known:
            facts.pop(known.key, None)
            facts[known.key] = known
    return list(facts.values())


def _in_order(history: History) -> Iterator[Fact]:
    after_result = False
    for turn in history:
        if turn.role == "user":
            yield from _told_by_user(spoken(turn))
        elif not after_result:
            yield from _told_by_model(spoken(turn))
        after_result = is_result(turn)


@lru_cache(2048)
def _told_by_model(text: str) -> tuple[Fact, ...]:
    """Facts in a model turn that are worded as facts: a turn an application wrote, or a fact said back."""
    return tuple(_said_back(text))


def _said_back(text: str) -> Iterator[Fact]:
    for part in sentences(text):
        said = phrase(part)
        about_user = said.words[:1] in {("your",), ("you",)}
        stated = about_user or said.words[:1] in {("the",), ("our",)}
        if stated and len(said.words) > 2 and not asks(said) and said.words[1] not in {"said", "have"}:
            yield fact(sentence(part), _key_of(said.words), about_user)


def _key_of(words: tuple[str, ...]) -> str:
    """The key that the user's own words for it have: "you live in London" is what "I live" says."""
    own = tuple(_SAID_BACK.get(word, word) for word in words)
    if lead := next((lead for lead in _REPLACED if own[: len(lead)] == lead), None):
        return " ".join(lead)
    match = re.match(r"(?:the |our )?(.+?) (?:is|are) ", " ".join(words))
    return match[1] if match else ""


@lru_cache(2048)
def _told_by_user(text: str) -> tuple[Fact, ...]:
    clauses = (clause for part in sentences(text) for clause in _clauses(phrase(part)))
    return tuple(known for clause in clauses if (known := _fact(clause)))


def _clauses(said: Phrase) -> Iterable[Phrase]:
    """``said`` cut at every "and" that a new statement follows."""
    start = 0
    for at, word in enumerate(said.words):
        if word in {"and", "but"} and said.words[at + 1 : at + 2] and said.words[at + 1] in _OPENERS:
            yield said[start:at]
            start = at + 1
    yield said[start:]


def _fact(said: Phrase) -> Fact | None:
    asking = asks(said)
    said, _ = without_lead(said)
    explicit = next((lead for lead in _REMEMBER if said.words[: len(lead)] == lead), ())
    said = said[len(explicit) :]
    if not said.words or (not explicit and (asking or asks(said) or not _states(said.words))):
        return None
    text = " ".join(said.words)
    if match := _CALL_ME.match(text):
        return _named(said[len(match[0].split()) :])
    with_digits = phrase(numbers.with_digits(said.words, said.written))
    return _attribute(with_digits) or _first_person(with_digits) or _plain(with_digits, bool(explicit))


def _states(words: tuple[str, ...]) -> bool:
    if _CALL_ME.match(" ".join(words)):
        return True
    if words[:2] in {("i", "want"), ("i", "would"), ("i", "need"), ("i", "said"), ("i", "asked"), ("i", "mean")}:
        return False
    head = words[0] in {"i", "we"} or (words[0] in _STATEMENT_HEADS and len(words) > 3)
    return len(words) > 2 and (head or bool(_COPULAS & set(words[1:4]))) and words[0] not in {"it", "that", "you"}


def _attribute(said: Phrase) -> Fact | None:
    """ "my favorite color is blue", "the door code is 4 2 7", "remember the number 42"."""
    text = " ".join(said.words)
    match = _OWN.match(text) or _BARE_NUMBER.match(text)
    if match and match.re is _BARE_NUMBER and match["key"].split()[-1] not in _NUMBERED:
        return None
    if match is None or len(match["key"].split()) > 5:
        return None
    value = said[len(said.words) - len(match["value"].split()) :]
    key = said[1 : 1 + len(match["key"].split())]
    owner = "the" if match["owner"] in {"the", "this"} else "your"
    if key.words == ("name",) and owner == "your":
        return _named(value)
    if _NUMBERED & set(key.words):
        value = _number_only(value)
    verb = "are" if " are " in f" {text[: match.start('value')]}" else "is"
    flipped = _flipped(value)
    return fact(sentence(f"{owner} {key.text} {verb} {flipped}"), f"{owner} {match['key']}".removeprefix("the "),
                owner == "your")  # fmt: skip


def _number_only(value: Phrase) -> Phrase:
    found = numbers.find_all(value.words)
    return value[: found[0].end] if found and found[0].start == 0 else value


def _named(value: Phrase) -> Fact | None:
    """The user's name: at most three words, with capitals when they came without."""
    stop = next((at for at, word in enumerate(value.words) if word in {"and", "but", "i", "please", "by"}), 3)
    name = value[: min(stop, 3)].text
    return fact(f"Your name is {_capitals(name)}.", "your name", about_user=True) if name else None


def _capitals(text: str) -> str:
    return text.title() if text.islower() else text


def _first_person(said: Phrase) -> Fact | None:
    """ "i live in London" is "You live in London."."""
    if said.words[0] not in {"i", "we"}:
        return None
    lead = next((lead for lead in _REPLACED if said.words[: len(lead)] == lead), said.words)
    return fact(sentence(_flipped(_with_place(said))), " ".join(lead), about_user=True)


def _with_place(said: Phrase) -> Phrase:
    """ "i live in london", with the capital that a recogniser leaves out."""
    place = next((at + 1 for at, word in enumerate(said.words) if word in {"in", "from"}), len(said.words))
    article = said.words[place : place + 1] in {("a",), ("an",), ("the",), ("my",)}
    if article or said.words[:2] not in {("i", "live"), ("i", "am"), ("i", "come"), ("i", "work")}:
        return said
    return Phrase(said.words, (*said.written[:place], *map(_capitals, said.written[place:])))


def _plain(said: Phrase, explicit: bool) -> Fact | None:
    text = _flipped(said)
    if explicit and not (_COPULAS & set(said.words)) and said.words[0] not in _STATEMENT_HEADS:
        return fact(sentence(f"You asked me to remember {text}"), about_user=True)
    return fact(sentence(text), about_user=bool({"my", "me"} & set(said.words)))


def _flipped(said: Phrase) -> str:
    """The words as the other side says them: "my dog likes me" is "your dog likes you"."""
    return " ".join(_FLIP.get(word, mine) for word, mine in zip(said.words, said.written, strict=True))


def _found(question: tuple[str, ...], known: list[Fact]) -> Fact | None:
    if keys := _KEYS_OF.get(" ".join(question)):
        return next((one for one in reversed(known) if one.key in keys), None)
    if found := best(question, known):
        return found
    if not ({"number", "code"} & set(question)):
        return None
    return next((one for one in reversed(known) if any(sign.isdigit() for sign in one.text)), None)


def _everything(known: list[Fact]) -> str:
    mine = [one for one in known if one.about_user] or known
    if not mine:
        return "You have not told me anything yet."
    return " ".join(one.text for one in mine[-_MANY:])
