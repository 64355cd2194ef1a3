"""Streaming models through sherpa-onnx (Apache-2.0): words while they are spoken, batched over all sessions."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.missing import missing_file, package
from antiphon.engines.cascade.parts import Hypothesis, RecogniserBusy, RecognitionContext
from antiphon.engines.cascade.recognisers.streaming import Decoding, Stream
from antiphon.live.setup import Tool

_TAIL_BYTES: Final = 256 << 10
"""Where in an ONNX file its metadata is: behind the graph, as every exporter writes it."""

_TRANSDUCER = ["encoder", "decoder", "joiner"]
_PARAFORMER = ["encoder", "decoder"]
_CTC_FAMILIES = {
    b"cache_last_channel_dim1": "nemo_ctc",
    b"zipformer2": "zipformer2_ctc",
    b"wenet": "wenet_ctc",
}
"""What the metadata of a CTC model says only in this family; sherpa-onnx ends the process when it is told another."""


class SherpaRecogniser:
    """The :class:`~antiphon.engines.cascade.parts.Recogniser` on a streaming model of the k2-fsa project.

    The files in the folder say what it is: ``encoder``, ``decoder`` and ``joiner`` are a transducer (Zipformer,
    Nemotron), the first two alone a Paraformer, and a ``model`` is a CTC model of NeMo, Zipformer or WeNet. Where there
    is an ``int8`` variant, it is used. One thread decodes all utterances of the process together. A model knows its own
    languages; hints are not used.

    Args:
        folder: holds the model and its ``tokens.txt``.
        threads: cores for one step of the model.
        wait: seconds that final words may take before the recogniser counts as overloaded.
    """

    def __init__(self, folder: Path, *, threads: int = 1, wait: float = 10.0) -> None:
        self._folder = folder
        self._threads = threads
        self._wait = wait
        self._decoding: Decoding | None = None

    async def start(self) -> None:
        """Load the model, and measure how much sound it takes at a time.

        Raises:
            EngineUnavailable: the package or a file is missing, or the model does not load; the message has the remedy.
        """
        self._decoding = await asyncio.to_thread(self._load)
        self._decoding.start()

    def context(
        self, system_instruction: str, tools: Sequence[Tool] = (), phrases: Sequence[str] = (), language: str = ""
    ) -> RecognitionContext:
        """The language that the session names; nothing else is used."""
        return RecognitionContext(language=language)

    def utterance(self, context: RecognitionContext) -> "SherpaUtterance":
        """Begin an utterance."""
        return SherpaUtterance(self._decoding, self._wait)

    async def aclose(self) -> None:
        """End the thread; who still waits for words gets those there are. Idempotent."""
        decoding, self._decoding = self._decoding, None
        if decoding is not None:
            await asyncio.to_thread(decoding.close)

    def _load(self) -> Decoding:
        sherpa = package("sherpa_onnx", "sherpa")
        family, files = model_files(self._folder)
        load = getattr(sherpa.OnlineRecognizer, f"from_{family}")
        try:
            return Decoding(load(**{name: str(path) for name, path in files.items()}, num_threads=self._threads))
        except Exception as error:
            raise EngineUnavailable(f"the model in {self._folder} does not load: {error}") from error


class SherpaUtterance:
    """The :class:`~antiphon.engines.cascade.parts.Utterance` of a stream of the model.

    Final words are those after a moment of silence that is put behind the sound, as long as the model looks ahead.
    Sound that follows goes on behind that silence: an utterance that is reopened has a longer pause in it.
    """

    def __init__(self, decoding: Decoding | None, wait: float) -> None:
        self._decoding = decoding
        self._wait = wait
        self._stream: Stream | None = None
        self._closed = False

    @property
    def lost_bytes(self) -> int:
        """Sound that was dropped because the recogniser was too far behind."""
        return self._stream.lost_bytes if self._stream is not None else 0

    def feed(self, pcm: bytes) -> None:
        """Take more sound."""
        if self._closed or self._decoding is None or not pcm:
            return
        if self._stream is None:
            self._stream = self._decoding.open()
        self._decoding.feed(self._stream, pcm)

    async def finish(self) -> Hypothesis:
        """The words of all sound fed so far.

        Raises:
            RecogniserBusy: the recogniser did not get to its end in time.
            RecogniserFailed: the model failed.
        """
        if self._decoding is None:
            raise RecogniserBusy("the recogniser is not running; it was closed or never started")
        if self._closed or self._stream is None:
            return Hypothesis("")
        try:
            async with asyncio.timeout(self._wait):
                return Hypothesis(await self._decoding.finish(self._stream))
        except TimeoutError:
            raise RecogniserBusy(
                f"the recogniser is more than {self._wait:g} s behind; raise its threads, or admit fewer calls"
            ) from None

    async def partial(self) -> Hypothesis:
        """The words so far. Costs nothing: they are there as soon as the model has made them."""
        return Hypothesis("" if self._closed or self._stream is None else self._stream.words)

    async def aclose(self) -> None:
        """Forget the stream. Idempotent."""
        self._closed = True
        if self._decoding is not None and self._stream is not None:
            self._decoding.end(self._stream)


def model_files(folder: Path) -> tuple[str, dict[str, Path]]:
    """Which family of models a folder holds, as sherpa-onnx names it, and the files it wants by their parameters.

    Raises:
        EngineUnavailable: files are missing, or the model is of no family that streams.
    """
    parts = {name: _variant(folder, name) for name in (*_TRANSDUCER, "model")}
    found = {name: path for name, path in parts.items() if path is not None}
    tokens = folder / "tokens.txt"
    if not tokens.is_file():
        raise missing_file(tokens)
    if found.keys() >= set(_TRANSDUCER):
        family, wanted = "transducer", _TRANSDUCER
    elif found.keys() >= set(_PARAFORMER):
        family, wanted = "paraformer", _PARAFORMER
    elif "model" in found:
        family, wanted = _ctc_family(found["model"]), ["model"]
    else:
        raise missing_file(folder / "model.onnx")
    return family, {"tokens": tokens, **{name: found[name] for name in wanted}}


def _variant(folder: Path, name: str) -> Path | None:
    """The file of a part: the quantised one, where there are two; releases put epochs and chunk sizes into its name."""
    candidates = sorted(folder.glob(f"{name}*.onnx"), key=lambda path: (".int8." not in path.name, path.name))
    return candidates[0] if candidates else None


def _ctc_family(model: Path) -> str:
    with model.open("rb") as file:
        file.seek(max(0, model.stat().st_size - _TAIL_BYTES))
        tail = file.read()
    for mark, family in _CTC_FAMILIES.items():
        if mark in tail:
            return family
    raise EngineUnavailable(
        f"{model} is no streaming CTC model of NeMo, Zipformer or WeNet; models that do not stream are not supported"
    )
