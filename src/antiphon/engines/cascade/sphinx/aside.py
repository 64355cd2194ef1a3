"""Answers computed aside, in a copy of the process, so that the process itself stays as it was.

The recogniser's final reading of an utterance ends the utterance. On a guess that the user is done, a forked copy
ends it and the original goes on listening: nothing needs to be heard again when the guess was wrong. A copy costs
milliseconds, because its memory is shared until written to. (Redis takes its snapshots the same way.)
"""

import os
from collections.abc import Callable
from typing import Any

import msgspec

AVAILABLE = hasattr(os, "fork")


class AsideFailed(RuntimeError):
    """The copy died before it had an answer."""


class Aside:
    """``compute()`` in a copy of this process, begun at once. The process must have one thread."""

    def __init__(self, compute: Callable[[], Any]) -> None:
        source, sink = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _answer(compute, sink)
        os.close(sink)
        self._source = source

    def result(self) -> Any:
        """Wait for the answer; to be called once.

        Raises:
            AsideFailed: there is none.
        """
        with os.fdopen(self._source, "rb") as source:
            answer = source.read()
        _, status = os.waitpid(self._pid, 0)
        if status or not answer:
            raise AsideFailed(f"a copy of the recogniser ended with status {status}")
        return msgspec.msgpack.decode(answer)


def _answer(compute: Callable[[], Any], sink: int) -> None:
    """Write the answer and end the copy, past every exit handler and buffer of the original."""
    status = 1
    try:
        with os.fdopen(sink, "wb") as file:
            file.write(msgspec.msgpack.encode(compute()))
        status = 0
    finally:
        os._exit(status)
