"""Text before and after speech: what is spoken of it, how it is cut, where its words end.

Every function keeps to character positions of the text as it was given, so that the words of a speech, joined, are
that text verbatim.
"""

import re
from collections.abc import Iterator

PIECE = 300
"""Characters spoken in one go. Longer texts are cut, to bound the sound held in memory and the wait of others."""

_UNSPOKEN = re.compile(
    # no character at all, or the end of a C string
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]"
    # emoji, whose names it would read
    r"|[\u200d\ufe0e\ufe0f\u2600-\u27bf\U0001f000-\U0001faff\U000e0020-\U000e007f]"
    # Markdown, which language models write: emphasis,
    r"|\*{2,}|(?<!\w)\*(?=\S)|(?<=\S)\*(?!\w)|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)"
    # code, strikethrough, headings, lists and quotations
    r"|`+|~~+|^[ \t]*(?:#{1,6}|[-+>*])(?=\s)",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|[。！？]|\n+")
_CLAUSE_END = re.compile(r"[,;:–—]\s+|[，、；：]")
_SPACE = re.compile(r"\s+")
_CUTS = (_SENTENCE_END, _CLAUSE_END, _SPACE)
_PAUSING = re.compile(r"(?:[.!?…,;:。！？，、；：][\"'”’»)\]]*|\n)[ \t]*$")

# Thai, Lao, Burmese, Khmer, kana and ideographs: written without spaces, so a character ends where the next begins.
_SPACELESS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_REST_OF_WORD = re.compile(rf"[^\s{_SPACELESS}\U00020000-\U0003ffff]*\s*")


def speakable(text: str) -> str:
    """``text`` with a space for every character that is not to be pronounced; its length is unchanged."""
    return _UNSPOKEN.sub(lambda found: " " * len(found.group()), text)


def pauses(text: str) -> bool:
    """Whether a pause belongs after ``text``: it ends a sentence, a clause or a line."""
    return _PAUSING.search(text) is not None


def pieces(text: str, limit: int = PIECE) -> Iterator[str]:
    """Cut ``text`` into pieces of at most ``limit`` characters, at the end of a sentence, a clause or a word."""
    while len(text) > limit:
        cut = _cut(text[:limit])
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def sentences(text: str) -> Iterator[str]:
    """Cut ``text`` behind every sentence and line."""
    begin = 0
    for match in _SENTENCE_END.finditer(text):
        yield text[begin : match.end()]
        begin = match.end()
    if begin < len(text):
        yield text[begin:]


def _cut(window: str) -> int:
    for ends in _CUTS:
        found = [match.end() for match in ends.finditer(window)]
        if found:
            return found[-1]
    return len(window)


def word_end(text: str, position: int, length: int) -> int:
    """Where the word ends that was reached at ``position``, punctuation and space after it included."""
    rest = _REST_OF_WORD.match(text, min(position + length, len(text)))
    return rest.end() if rest else len(text)
