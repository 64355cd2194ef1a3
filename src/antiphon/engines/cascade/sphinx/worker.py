"""The recogniser's child process: two decoders, one utterance at a time.

Messages from the server, in order: ``prepare`` (phrases to load a model for), ``begin`` (phrases, and the cepstral ``mean`` if known), ``sound`` (PCM,
answered by ``heard`` and its size), ``finish`` (answered by ``text`` and the ``mean`` learnt), ``end``.
"""

import io
import sys
from typing import Any

from antiphon.engines.cascade.process import Pipe, serve


class _WholeReads(io.FileIO):
    """Reads all that was asked for, or up to the end; a raw file may stop at what the pipe holds just now."""

    def read(self, size: int | None = -1, /) -> bytes:
        parts: list[bytes] = []
        wanted = -1 if size is None else size
        while wanted and (part := super().read(wanted)):
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)


def run(pipe: Pipe) -> None:
    """Load, report ready, and do what the server says until it is gone."""
    try:
        from antiphon.engines.cascade.sphinx.decoders import Decoders
    except ImportError as error:
        raise ImportError(
            f"the embedded recogniser needs pocketsphinx ({error}); install it with `pip install pocketsphinx` "
            "(Python 3.11 to 3.13 have wheels), or use another engine"
        ) from error
    decoders = Decoders()
    requests = Pipe(_WholeReads(sys.stdin.fileno(), closefd=False), io.BytesIO())
    pipe.send({"ready": True})
    while (request := requests.receive()) is not None:
        _perform(request, decoders, pipe)


def _perform(request: dict[str, Any], decoders: Any, pipe: Pipe) -> None:
    match request:
        case {"sound": pcm}:
            decoders.feed(pcm)
            pipe.send({"heard": len(pcm)})
        case {"finish": number}:
            pipe.send({"text": decoders.read(), "finish": number, "mean": decoders.mean})
        case {"end": _}:
            decoders.end()
        case {"begin": phrases, "mean": mean}:
            decoders.begin(tuple(phrases), mean)
        case {"prepare": phrases}:
            decoders.prepare(tuple(phrases))


if __name__ == "__main__":
    serve(run)
