"""Whether the words so far say that the sentence goes on: then a pause in it is not yet the end of the turn.

People stop for a second in the middle of a sentence, to find a name or to read a number. A turn that ends after half a
second of silence cuts them off; one that always waits for longer makes every answer late. So a pause has two lengths:
after words that read complete the usual window of silence ends the turn, after words that need more the turn stays
open for :data:`EXTENSION_MS` longer. A recogniser mishears and grammar is ambiguous: words that may be either count as
complete, because a late answer to every question is worse than an early one now and then.

Rules; the first that applies decides. Words are English.

1. Nothing at all, or a sound of hesitation at the end ("um"): it goes on.
2. Punctuation, where a recogniser writes any: a question or exclamation mark is an end; a comma, a dash or an ellipsis
   is none.
3. Words that never end a sentence go on ("the", "because", "i'm"), and so do openings ("are you", "i think").
4. A short answer ("i can", "yes it is") is complete.
5. A verb that waits for its object or its subject for a verb goes on ("i would like", "can you", "what did he").
6. Words that seldom end a sentence go on ("on", "so"), except after certain others ("come on", "i think so").
7. A preposition goes on, except in a question that began with its object ("where are you from").
8. An auxiliary verb goes on ("my number is"), except where its question or clause began before ("what time it is").
9. Two or three single digits go on, as does a telephone number that is too short, or what is being spelt.
"""

import re
from collections.abc import Callable
from itertools import pairwise, takewhile
from typing import Final

EXTENSION_MS: Final = 1_200
"""How much longer a pause may last after words that go on. With the usual window, a turn that reads unfinished ends
after 1.7 seconds of silence (end sensitivity high) or 2.0 (low), so that a pause of one second never ends it."""

Words = tuple[str, ...]


def patience(words: str, language: str = "") -> int:
    """How many milliseconds longer than usual a pause after ``words`` may last; 0 where they read complete.

    Args:
        words: what the user said so far, as a recogniser wrote it.
        language: their BCP-47 tag; English without one. Nothing is known about other languages: 0.
    """
    if language and not language.lower().startswith("en"):
        return 0
    return EXTENSION_MS if goes_on(words) else 0


def goes_on(text: str) -> bool:
    """Whether English words are the beginning of something rather than all of it."""
    words = _words(text)
    if not words or words[-1] in _HESITATIONS:
        return True
    if text.rstrip().endswith(("?", "!")):
        return False
    if _UNFINISHED_MARK.search(text):
        return True
    return _never_ends(words) or (not _short_answer(words) and any(rule(words) for rule in _RULES))


def _words(text: str) -> Words:
    """Lower-case words without punctuation at their edges."""
    plain = (word.strip(_PUNCTUATION) for word in text.lower().replace("’", "'").split())
    return tuple(word for word in plain if word)


def _last_three(words: Words) -> Words:
    """The last three, empty where there are fewer."""
    return ("", "", "", *words)[-3:]


# --- the rules --------------------------------------------------------------------------------------------------


def _short_answer(words: Words) -> bool:
    _, before, last = _last_three(words)
    if last not in _AUXILIARIES:
        return False
    return (len(words) == 2 and before in _PRONOUNS) or (words[0] in _ANSWERS and before in _SUBJECTS)


def _never_ends(words: Words) -> bool:
    return words[-1] in _NEVER_LAST or words[-1].endswith(_CONTRACTIONS) or " ".join(words) in _OPENINGS


def _waits_for_more(words: Words) -> bool:
    first, before, last = _last_three(words)
    if f"{before} {last}" in _BEGINNINGS:
        return not any(word in _RELATIVES for word in words[:-2])
    if (before, last) == ("you", "please"):
        return first in _MODALS
    subjects = _PRONOUNS if before in _MODALS else _PRONOUNS - {"it"}
    return before in _MODALS | _FULL_VERBS and last in subjects and first not in _ECHOES


def _seldom_ends(words: Words) -> bool:
    _, before, last = _last_three(words)
    ends_after = _ENDS_AFTER.get(last)
    if ends_after is None or not before or before in ends_after:
        return False
    return not (last == "on" and words[0] in _SWITCHING)


def _needs_object(words: Words) -> bool:
    if words[-1] in _PARTICIPLES:
        return not any(word in _QUESTIONS for word in words)
    if words[-1] not in _PREPOSITIONS:
        return False
    _, subject, before = _last_three(words[:-1])
    asked = any(word in _QUESTIONS for word in words[:-2])
    return not asked or not (before in _PRONOUNS | _OBJECTS or before.endswith("ing") or subject in _PRONOUNS)


def _needs_complement(words: Words) -> bool:
    _, before, last = _last_three(words)
    if last not in _AUXILIARIES or before in _QUESTIONS:
        return last in _AUXILIARIES
    if last in _FULL_VERBS or (last == "may" and before not in _PRONOUNS):
        return False
    if before in _SUBJECTS and any(word in _CLAUSES for word in words[:-2]):
        return False
    begun = _DETERMINERS | _MODALS | _FULL_VERBS
    return not any(word in _CLAUSES and follower in begun for word, follower in pairwise(words[:-1]))


def _counts_or_spells(words: Words) -> bool:
    digits = "".join(takewhile(bool, (_DIGITS.get(word, "") for word in reversed(words))))[::-1]
    if len(digits) > 1 and any(word in _TELEPHONE for word in words):
        return len(digits) < 7 or len(digits) in (8, 9)
    if digits:
        return len(digits) in (2, 3) and digits not in _EMERGENCIES
    letters = "".join(takewhile(lambda word: len(word) == 1, reversed(words)))[::-1]
    return len(letters) > 1 and letters not in _ABBREVIATIONS


_RULES: Final[tuple[Callable[[Words], bool], ...]] = (
    _waits_for_more,
    _seldom_ends,
    _needs_object,
    _needs_complement,
    _counts_or_spells,
)


# --- the words --------------------------------------------------------------------------------------------------


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _phrases(phrases: str) -> frozenset[str]:
    return frozenset(" ".join(phrase.split()) for phrase in phrases.split("/"))


_PUNCTUATION: Final = '.,;:!?"“”()…-–—'
_UNFINISHED_MARK: Final = re.compile(r"(,|…|\.\.\.|[-–—])\s*$")
_CONTRACTIONS: Final = ("'m", "'re", "'ll", "'ve", "'d")

_HESITATIONS: Final = _set("um umm uh uhh er erm hmm hm mm eh")
_PRONOUNS: Final = _set("i you he she it we they")
_SUBJECTS: Final = _PRONOUNS | _set("there this that")
_OBJECTS: Final = _set("me him her us them this that these those one")
_DETERMINERS: Final = _set("the my your our his her their this that a an")
_QUESTIONS: Final = _set("what who whom whose which where when why how what's who's where's how's")
_CLAUSES: Final = _QUESTIONS | _set("if as than whether because")
_RELATIVES: Final = _QUESTIONS | _set("all everything that's that")
_MODALS: Final = _set("can could will would shall should may might must")
_FULL_VERBS: Final = _set("do did does have had has")
_AUXILIARIES: Final = _set("is are was were am") | _MODALS | _FULL_VERBS
_ANSWERS: Final = _set("yes yeah yep no nope sure maybe of")
_ECHOES: Final = _set("so neither nor")

_NEVER_LAST: Final = _set(
    """a an the my your our their its every and or because unless although whereas until than whether as of very
    mister mr mrs ms san los las plus minus dash underscore double triple gonna wanna
    he's she's it's that's there's here's let's what's who's where's how's"""
)
_OPENINGS: Final = _phrases(
    """so / okay so / well / okay well / but / set / turn / put / give / tell / i think / i mean / i wonder / i was /
    are you / were you / am i / what about / how about / tell me about / let me see / let's see / to / for / with / from
    / at / by / about / into"""
)
_BEGINNINGS: Final = _phrases(
    """would like / i'd like / something like / sounds like / looks like / feel like / i want / we want / i need /
    we need / turn on / turn off / switch on / switch off / tell me / give me / show me / remind me / send me / get me /
    let me / so that / such that / remember that / and then"""
)
_ENDS_AFTER: Final = {
    "so": _set("think hope guess suppose believe say said told is do even"),
    "on": _set("come go going hold carry move later now early hang keep light lights is are it them"),
    "in": _set("come log check sign join get move stay it them me us"),
    "but": _set("nothing anything everything all"),
    "while": _set("a"),
    "when": _set("say since"),
    "point": _set("the no a this that"),
    "i": _set("am was do did can could will would should have than"),
}
"""Words that end a sentence after these, as a command of one word, and hardly ever else."""
_SWITCHING: Final = _set("turn switch leave keep is are")
"""What begins "turn the lights on", which is complete, and "is the light on"."""

_PREPOSITIONS: Final = _set(
    """to for with from at by about into onto upon under between during against among without within toward towards
    near via per past except regarding"""
)
_PARTICIPLES: Final = _set("called named spelled")
_DIGITS: Final = dict(zip("oh zero one two three four five six seven eight nine".split(), "00123456789", strict=True))
_TELEPHONE: Final = _set("phone telephone mobile cell")
_EMERGENCIES: Final = _set("911 112 999 000 110")
_ABBREVIATIONS: Final = _set("tv am pm us usa uk eu dvd cd ok id pc dj dc la ny ac ai bbc nba nfl atm gps faq")
