"""Cuts a stream of text into sentences, so that the first can be spoken while the next is being written."""

import re
from typing import Final

FIRST_CLAUSE: Final = 40
"""Characters of a first sentence that has no end yet, from which on its first clause is not held back any more."""
LONGEST: Final = 400
"""Characters after which a sentence without end is cut at a clause, or else between words."""
_SHORTEST_CLAUSE: Final = 12

_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?:\s+|(?<=[。！？]))|\n+")
_CLAUSE = re.compile(r"(?:[,;:][\"'”’)\]]*|\s[–—-])\s+|[、，；：—]+")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]*$")
_INITIAL = re.compile(r"[A-HJ-ZÄÖÜ]|\d{1,3}")
_BEFORE_NAMES: Final = frozenset(
    "dr mr mrs ms mx prof sen rep gen col lt sgt capt rev hon gov pres messrs mme mlle hr fr dra sr sra e.g i.e vs cf"
    " approx ca z.b d.h bzw vgl evtl ggf mt ft st".split()
)
"""Abbreviations that something always follows: they never end a sentence."""
_BEFORE_NUMBERS: Final = frozenset("no nos nr fig eq sec ch vol p pp art".split())
"""Abbreviations only where a number follows, and words of their own elsewhere."""
_ANYWHERE: Final = frozenset(
    "a.m p.m etc jr inc ltd co corp bros u.s u.k e.u usw u.a dept est min max jan feb mar apr jun jul aug sep sept oct"
    " nov dec".split()
)
"""Abbreviations that end a sentence only where the next word begins with a capital letter."""


class Sentences:
    """Takes text piece by piece and returns whole sentences; joined, they are the text verbatim.

    ``eager`` hands over the first clause of a long first sentence as soon as it is whole: a voice can begin with it.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._rest = ""
        self._eager = eager

    def feed(self, text: str) -> list[str]:
        """The sentences that ``text`` completes. One at the very end stays until its follower begins."""
        self._rest += text
        ends = [match.end() for match in _END.finditer(self._rest) if self._is_end(match)]
        starts = [0, *ends]
        sentences = [self._rest[start:end] for start, end in zip(starts, ends, strict=False)]
        self._rest = self._rest[starts[-1] :]
        self._eager = self._eager and not sentences
        while (end := self._clause_end()) > 0:
            sentences.append(self._rest[:end])
            self._rest = self._rest[end:]
            self._eager = False
        return sentences

    def flush(self) -> list[str]:
        """What is left, now that the text is over."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []

    def _is_end(self, match: re.Match[str]) -> bool:
        """Whether a sentence ends there and another begins: a full stop may belong to an abbreviation or a number."""
        if match.end() == len(self._rest):
            return False
        if match[0][0] != "." or match[0][1:2] == "." or "\n" in match[0]:
            return True
        word = _LAST_WORD.search(self._rest[: match.start()])
        last = word[0] if word else ""
        if last.lower() in _BEFORE_NAMES or _INITIAL.fullmatch(last):
            return last.isdecimal() and not self._begins_line(match.start() - len(last))
        follower = self._rest[match.end()]
        if last.lower() in _BEFORE_NUMBERS:
            return not follower.isdecimal()
        return last.lower() not in _ANYWHERE or follower.isupper()

    def _begins_line(self, at: int) -> bool:
        """Whether only white space comes before on the line: there a number counts the items of a list."""
        return not self._rest[self._rest.rfind("\n", 0, at) + 1 : at].strip()

    def _clause_end(self) -> int:
        """Where to cut what has no end yet; 0 for nowhere."""
        length = len(self._rest)
        if not (length > LONGEST or (self._eager and length > FIRST_CLAUSE)) or _ENDED.search(self._rest):
            return 0
        clauses = [match.end() for match in _CLAUSE.finditer(self._rest[:LONGEST]) if match.end() < length]
        fitting = [end for end in clauses if end >= _SHORTEST_CLAUSE]
        if fitting:
            return fitting[0] if length <= LONGEST else fitting[-1]
        return self._rest.rfind(" ", 0, LONGEST) + 1 if length > LONGEST else 0


_ENDED = re.compile(r"[.!?…。！？][\"'”’)\]]*\s*$")
