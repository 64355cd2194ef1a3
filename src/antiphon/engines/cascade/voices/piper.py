"""Piper voices through piper-tts, which is GPL-3.0-or-later as a whole: loaded by the child process only."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.missing import missing_file, package
from antiphon.engines.cascade.voices.names import choose

FALLBACK_LANGUAGE = "en"


class Speaker(Struct, frozen=True):
    """One speaker of one model: its name as an owner may write it, and its language (``en_us``, in lower case)."""

    name: str
    model: Path
    language: str
    number: int | None


class Piper:
    """The :class:`~.worker.Synthesiser` of all Piper voices of a folder; a model is loaded when it first speaks."""

    def __init__(self, library: Any, runtime: Any, speakers: list[Speaker], threads: int) -> None:
        self._library = library
        self._runtime = runtime
        self._speakers = speakers
        self._threads = threads
        self._loaded: dict[Path, Any] = {}

    def speak(self, sentence: str, voice: str, language: str) -> tuple[NDArray[np.float32], int]:
        """Speak with the speaker that stands for ``voice`` among those of the language."""
        speaker = self.choose(voice, language)
        model = self._loaded.get(speaker.model) or self._load(speaker.model)
        settings = self._library.SynthesisConfig(speaker_id=speaker.number)
        plain = sentence.replace("[[", "  ").replace("]]", "  ")  # what stands in these would be read as phonemes
        sounds = [chunk.audio_float_array.ravel() for chunk in model.synthesize(plain, settings)]
        return np.concatenate([np.zeros(0, np.float32), *sounds]), model.config.sample_rate

    def choose(self, voice: str, language: str) -> Speaker:
        """Of the speakers of this language and region, else of the language, else of English, else of all."""
        candidates = self._of_language(language) or self._of_language(FALLBACK_LANGUAGE) or self._speakers
        own = [speaker for speaker in self._speakers if speaker.name.casefold() == voice.strip().casefold()]
        names = [speaker.name for speaker in candidates]
        return own[0] if own else candidates[names.index(choose(voice, names))]

    def _of_language(self, tag: str) -> list[Speaker]:
        wanted = tag.strip().replace("-", "_").casefold() or FALLBACK_LANGUAGE
        exact = [speaker for speaker in self._speakers if speaker.language == wanted]
        primary = wanted.split("_")[0]
        return exact or [speaker for speaker in self._speakers if speaker.language.split("_")[0] == primary]

    def _load(self, path: Path) -> Any:
        options = self._runtime.SessionOptions()
        options.intra_op_num_threads = self._threads
        session = self._runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        config = self._library.config.PiperConfig.from_dict(_config(path))
        self._loaded[path] = self._library.PiperVoice(session=session, config=config)
        return self._loaded[path]


def load(folder: Path, threads: int) -> Piper:
    """The voices of a folder: ``NAME.onnx`` files, each with its ``NAME.onnx.json``.

    Raises:
        EngineUnavailable: a package or a file is missing, or a file is damaged; the message has the remedy.
    """
    library, runtime = package("piper", "piper"), package("onnxruntime", "piper")
    models = sorted(folder.glob("*.onnx"))
    if not models:
        raise missing_file(folder / "voice.onnx")
    speakers = [speaker for model in models for speaker in _speakers(model)]
    return Piper(library, runtime, speakers, threads)


def _speakers(model: Path) -> list[Speaker]:
    try:
        config = _config(model)
        language = str(config.get("language", {}).get("code") or config["espeak"]["voice"])
        language = language.replace("-", "_").casefold()
        numbers: dict[str, int] = config.get("speaker_id_map") or {}
        if config["num_speakers"] <= 1:
            return [Speaker(model.stem, model, language, None)]
        named = numbers or {str(number): number for number in range(config["num_speakers"])}
        return [Speaker(f"{model.stem}/{name}", model, language, number) for name, number in sorted(named.items())]
    except FileNotFoundError:
        raise missing_file(Path(f"{model}.json")) from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise EngineUnavailable(f"{model}.json is no configuration of a Piper voice: {error!r}") from error


def _config(model: Path) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))
    return config
