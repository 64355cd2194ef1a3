"""The recogniser's child process: two decoders, one utterance at a time.

Messages from the server, in order: ``prepare`` (phrases to load a model for), ``begin`` (phrases, and the cepstral
``mean`` if known), ``sound`` (PCM, answered by ``heard`` and its size), ``finish`` (answered by ``text`` and the
``mean`` learnt), ``partial`` (answered by the ``text`` so far), ``end``.
"""

from typing import Any

from antiphon.engines.cascade.process import Pipe, serve


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
    pipe.send({"ready": True})
    while (request := pipe.receive()) is not None:
        _perform(request, decoders, pipe)


def _perform(request: dict[str, Any], decoders: Any, pipe: Pipe) -> None:
    match request:
        case {"sound": pcm}:
            decoders.feed(pcm)
            pipe.send({"heard": len(pcm)})
        case {"finish": number}:
            pipe.send({"text": decoders.read(), "finish": number, "mean": decoders.mean})
        case {"partial": number}:
            pipe.send({"text": decoders.glimpse(), "partial": number})
        case {"end": _}:
            decoders.end()
        case {"begin": phrases, "mean": mean}:
            decoders.begin(tuple(phrases), mean)
        case {"prepare": phrases}:
            decoders.prepare(tuple(phrases))


if __name__ == "__main__":
    serve(run)
