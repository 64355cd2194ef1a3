"""Cuts a stream of text into sentences, so that the first can be spoken while the next is being written."""

import re

_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?:\s+|(?<=[。！？]))|\n+")


class Sentences:
    """Takes text piece by piece and returns whole sentences; joined, they are the text verbatim."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """The sentences that ``text`` completes. One at the very end stays until its follower begins."""
        self._rest += text
        ends = [match.end() for match in _END.finditer(self._rest) if match.end() < len(self._rest)]
        starts = [0, *ends]
        sentences = [self._rest[start:end] for start, end in zip(starts, ends, strict=False)]
        self._rest = self._rest[starts[-1] :]
        return sentences

    def flush(self) -> list[str]:
        """What is left, now that the text is over."""
        rest, self._rest = self._rest, ""
        return [rest] if rest else []
