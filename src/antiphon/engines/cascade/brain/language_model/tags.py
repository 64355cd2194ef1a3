"""Thoughts and calls that a model writes between tags into its answer, taken out of it while it streams.

Open models are trained to write ``<think>…</think>`` and ``<tool_call>{"name": …, "arguments": …}</tool_call>`` (Qwen,
Hermes, DeepSeek and their kin). Most servers read those out of the text; the others pass them on, and llama-cpp-python
always does.
"""

from collections.abc import Iterator
from typing import Final, Literal

Kind = Literal["text", "thought", "call"]

_OPENING: Final[dict[str, tuple[Kind, str]]] = {
    "<think>": ("thought", "</think>"),
    "<tool_call>": ("call", "</tool_call>"),
}


class Tags:
    """Takes text piece by piece and returns it by kind. A call comes whole, everything else as it comes."""

    def __init__(self) -> None:
        self._rest = ""
        self._kind: Kind = "text"
        self._closing = ""
        self._call = ""

    def feed(self, text: str) -> Iterator[tuple[Kind, str]]:
        """What ``text`` completes. What may be the beginning of a tag waits for its rest."""
        self._rest += text
        while (found := self._find()) is not None:
            at, tag = found
            yield from self._emit(self._rest[:at])
            self._rest = self._rest[at + len(tag) :]
            yield from self._switch(tag)
        kept = _possible(self._rest, self._awaited())
        yield from self._emit(self._rest[: len(self._rest) - kept])
        self._rest = self._rest[len(self._rest) - kept :]

    def flush(self) -> Iterator[tuple[Kind, str]]:
        """What is left, now that the text is over; a call may have lost its closing tag."""
        rest, self._rest = self._rest, ""
        yield from self._emit(rest)
        if self._kind == "call" and self._call.strip():
            yield "call", self._call
        self._kind, self._call = "text", ""

    def _awaited(self) -> tuple[str, ...]:
        return (self._closing,) if self._closing else tuple(_OPENING)

    def _find(self) -> tuple[int, str] | None:
        found = [(at, tag) for tag in self._awaited() if (at := self._rest.find(tag)) >= 0]
        return min(found, default=None)

    def _switch(self, tag: str) -> Iterator[tuple[Kind, str]]:
        if tag == self._closing:
            if self._kind == "call":
                yield "call", self._call
            self._kind, self._closing, self._call = "text", "", ""
        else:
            self._kind, self._closing = _OPENING[tag]

    def _emit(self, text: str) -> Iterator[tuple[Kind, str]]:
        if self._kind == "call":
            self._call += text
        elif text:
            yield self._kind, text


def _possible(text: str, tags: tuple[str, ...]) -> int:
    """How many characters at the end of ``text`` may be the beginning of a tag."""
    longest = max(map(len, tags)) - 1
    lengths = range(min(longest, len(text)), 0, -1)
    return next((length for length in lengths if any(tag.startswith(text[-length:]) for tag in tags)), 0)
