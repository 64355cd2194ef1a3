"""Whisper models through faster-whisper (MIT) and CTranslate2 (MIT): a hundred languages, no streaming."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.missing import missing_file, package
from antiphon.engines.cascade.parts import INPUT_RATE, RecogniserFailed, RecognitionContext
from antiphon.engines.cascade.recognisers.vocabulary import vocabulary
from antiphon.engines.cascade.recognisers.whole import Spend, WholeUtterance
from antiphon.engines.cascade.threads import ModelThreads
from antiphon.live.setup import Tool

Device = Literal["auto", "cpu", "cuda"]

FILES = ("model.bin", "config.json", "tokenizer.json")
"""What a converted model must have; without its own tokenizer faster-whisper would go and download one."""

WINDOW_SECONDS: Final = 30
"""A model hears so much at once; longer sound is read window by window, which takes time stamps to cut at."""

_LINE = 16
_WARM_UP = bytes(INPUT_RATE * 2)

# Where Whisper calls a language otherwise than BCP-47 does.
_CALLED_OTHERWISE = {"nb": "no", "iw": "he", "in": "id", "fil": "tl", "cmn": "zh", "jv": "jw", "ji": "yi"}


class WhisperRecogniser:
    """The :class:`~antiphon.engines.cascade.parts.Recogniser` on a Whisper model in CTranslate2's format.

    The model is loaded once; ``workers`` utterances are read at a time, each in a thread of its own, for CTranslate2
    releases the interpreter lock. One more thread looks at unfinished utterances, only while nobody waits for a final
    reading. Others wait in a line (:class:`~antiphon.engines.cascade.threads.ModelThreads`).

    Args:
        folder: holds ``model.bin``, ``config.json`` and ``tokenizer.json``, as ct2-transformers-converter writes them.
        language: BCP-47 tag for sessions that name none; where there is none at all, the model guesses.
        workers: utterances read at once.
        wait: seconds an utterance may wait for a worker.
        threads: cores for each of them; 0 leaves it to CTranslate2.
        device: ``auto`` takes a GPU where there is one.
        compute_type: CTranslate2's; ``auto`` is the fastest that the device has.
    """

    def __init__(
        self,
        folder: Path,
        *,
        language: str = "",
        workers: int = 1,
        wait: float = 10.0,
        threads: int = 0,
        device: Device = "auto",
        compute_type: str = "auto",
    ) -> None:
        self._folder = folder
        self._language = language
        self._workers = workers
        self._options = {"device": device, "compute_type": compute_type, "cpu_threads": threads}
        self._model: Any = None
        self._finals = ModelThreads(workers, wait, _LINE * workers, "raise workers in the recogniser's settings")
        self._looks = ModelThreads(1, 0.0, 0, "")

    async def start(self) -> None:
        """Load the model and read a second of silence.

        Raises:
            EngineUnavailable: the package or a file is missing, or the model does not load; the message has the remedy.
        """
        self._model = await asyncio.to_thread(self._load)
        self._finals.start("whisper")
        self._looks.start("whisper-look")

    def context(
        self, system_instruction: str, tools: Sequence[Tool] = (), phrases: Sequence[str] = (), language: str = ""
    ) -> RecognitionContext:
        """The words that the model is told to expect, and the language it is told to hear."""
        return RecognitionContext(vocabulary(system_instruction, tools, phrases), language)

    def utterance(self, context: RecognitionContext) -> WholeUtterance:
        """Begin an utterance. Nothing is read before somebody asks."""
        return WholeUtterance(context, self)

    async def read(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str:
        """The words of ``pcm``, with beam search.

        Raises:
            RecogniserBusy: no worker became free in time.
            RecogniserFailed: the model failed.
        """
        return await self._finals.run(lambda: self._transcribe(pcm, context, beam=5))

    async def glance(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str | None:
        """The words of ``pcm`` by greedy search, if nobody is kept waiting by that."""
        if not self._finals.idle or not self._looks.idle:
            return None
        return await self._looks.run(lambda: self._transcribe(pcm, context, beam=1))

    async def aclose(self) -> None:
        """Wait for what is being read, then free the model. Idempotent."""
        await self._finals.aclose()
        await self._looks.aclose()
        self._model = None

    def language_code(self, tag: str) -> str | None:
        """Whisper's code for a BCP-47 tag, or else for the configured one; None lets the model guess."""
        for candidate in (tag, self._language):
            code = candidate.strip().replace("_", "-").casefold().split("-")[0]
            code = _CALLED_OTHERWISE.get(code, code)
            if code in self._model.supported_languages and self._knows(code):
                return code
        return None

    def _knows(self, code: str) -> bool:
        # Cantonese came with the third version only; English-only models know no language tokens at all.
        return code == "en" or self._model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None

    def _load(self) -> Any:
        whisper = package("faster_whisper", "whisper")
        for name in FILES:
            if not (self._folder / name).is_file():
                raise missing_file(self._folder / name)
        try:
            self._model = whisper.WhisperModel(str(self._folder), num_workers=self._workers + 1, **self._options)
            self._transcribe(_WARM_UP, RecognitionContext(language=self._language), beam=1)
        except Exception as error:  # the libraries raise whatever they like
            raise EngineUnavailable(f"the Whisper model in {self._folder} does not load: {error}") from error
        return self._model

    def _transcribe(self, pcm: bytes, context: RecognitionContext, beam: int) -> str:
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32_768
        try:
            segments, _ = self._model.transcribe(
                samples,
                language=self.language_code(context.language),
                hotwords=", ".join(context.phrases) or None,
                beam_size=beam,
                temperature=0.0,
                condition_on_previous_text=False,
                without_timestamps=len(samples) <= WINDOW_SECONDS * INPUT_RATE,
            )
            return "".join(segment.text for segment in segments).strip()
        except Exception as error:
            raise RecogniserFailed(f"Whisper failed: {error}") from error
