"""Text of a model made fit to be spoken while it streams: markup, emoji and addresses are for eyes.

Plain words pass at once. Only a word that has, or may turn out to have, something in it that is not spoken waits until
it is whole.
"""

import re
from typing import Final
from urllib.parse import urlsplit

MAX_HELD: Final = 600
"""Characters that are held back at most, for a link that never ends."""

_HOLDS: Final = re.compile(r"[*_`~\\]")
_WORD: Final = re.compile(r"\S+$")
_URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]\"']*[^\s<>()\[\]\"'.,;:!?*_]")
_URL_BEGINS: Final = frozenset({"h", "ht", "htt", "http", "https", "http:", "https:", "http:/", "https:/", "ww", "www"})
_URL_HEADS: Final = ("http://", "https://", "www.")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)(?:\s+\"[^\"]*\")?\)")
_OPEN_LINK: Final = re.compile(r"!?\[[^\]]*(?:\](?:\([^)]*)?)?$")
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[^\n]*\n?", re.MULTILINE)
_RULE: Final = re.compile(r"^[ \t]*(?:[-*_=]{3,}|\|[-:| ]+\|)[ \t]*(?:\n|$)", re.MULTILINE)
_LINE_HEAD: Final = re.compile(r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+)+", re.MULTILINE)
_STRONG: Final = re.compile(r"\*\*+|__+|~~|`+")
_EMPHASIS: Final = re.compile(r"(?<![\w*])\*(?=\S)|(?<=[^\s*])\*(?![\w*])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)")
_INSIDE: Final = re.compile(r"(?<=[A-Za-z])_(?=[A-Za-z])")
_ESCAPED: Final = re.compile(r"\\([*_`#~|<>\[\]()!\\.-])")
_ASIDE: Final = 0xE000
_PUT_ASIDE: Final = re.compile("[\ue000-\ue07f]")
"""Characters for private use stand for escaped ones, which mean themselves, until everything else is done."""
_BAR: Final = re.compile(r"[ \t]*\|[ \t]*")
_PICTOGRAMS: Final = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2300-\u23ff\ufe0e\ufe0f\u200d\u20e3\U000e0020-\U000e007f]+"
)


class Speakable:
    """Takes text piece by piece and returns what of it is spoken."""

    def __init__(self) -> None:
        self._held = ""
        self._line_begins = True
        self._before = ""

    def feed(self, text: str) -> str:
        """What is certain of the text so far."""
        self._held += text
        end = self._certain()
        certain, self._held = self._held[:end], self._held[end:]
        return self._plain(certain)

    def flush(self) -> str:
        """What is left, now that the text is over."""
        rest, self._held = self._held, ""
        return self._plain(rest)

    def _certain(self) -> int:
        """How much of what is held cannot change any more by what follows."""
        held = self._held
        if len(held) > MAX_HELD:
            return len(held)
        if link := _OPEN_LINK.search(held):
            return link.start()
        word = _WORD.search(held)
        if word and self._may_change(word[0]):
            return word.start()
        # What makes a line a heading or an item stands before a space: it goes together with what follows.
        line = held[held.rfind("\n") + 1 :]
        whole_line = self._line_begins or "\n" in held
        if whole_line and (not line.strip(" \t#>*+-•`~_=") or line.lstrip().startswith("|")):
            return len(held) - len(line)
        return len(held)

    def _may_change(self, word: str) -> bool:
        """Whether what follows a word may say what it is."""
        picture = word == "!" and not self._before.isalnum()
        return picture or bool(_HOLDS.search(word)) or _is_address(word.lower())

    def _plain(self, text: str) -> str:
        if not text:
            return ""
        begins, before = self._line_begins, self._before
        self._line_begins = text.endswith("\n")
        self._before = text[-1] if text[-1].isalnum() or text[-1] == " " else ""
        # Something must stand for what comes before on the line, or its middle would be taken for its head.
        return plain(text) if begins else plain(f"\x00{before}{text}")[1:].removeprefix(before)


def _is_address(word: str) -> bool:
    word = word.lstrip("(\"'<")
    return word in _URL_BEGINS or word.startswith(_URL_HEADS)


def plain(text: str) -> str:
    """``text`` without what is not spoken. Links are their words, bare addresses the names of their hosts."""
    text = _ESCAPED.sub(lambda escaped: chr(_ASIDE + ord(escaped[1])), text)
    text = _FENCE.sub("", text)
    text = _RULE.sub("", text)
    text = _LINK.sub(lambda link: link[1] or _host(link[2]), text)
    text = _URL.sub(lambda url: _host(url[0]), text)
    text = _LINE_HEAD.sub("", text)
    text = _STRONG.sub("", text)
    text = _EMPHASIS.sub("", text)
    text = _INSIDE.sub(" ", text)
    text = _BAR.sub(", ", text) if "|" in text else text
    text = _PUT_ASIDE.sub(lambda put: chr(ord(put[0]) - _ASIDE), text)
    return _PICTOGRAMS.sub("", text)


def _host(url: str) -> str:
    try:
        host = urlsplit(url if "://" in url else f"https://{url}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")
