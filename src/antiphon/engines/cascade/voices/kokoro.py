"""Kokoro (Apache-2.0 weights) through kokoro-onnx (MIT), which pronounces with espeak-ng: loaded by the child only."""

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.espeak.text import pauses
from antiphon.engines.cascade.espeak.voices import language_code
from antiphon.engines.cascade.missing import missing_file, package
from antiphon.engines.cascade.voices.names import choose_by_gender

PAUSE: Final = 0.2
"""Seconds of silence behind a sentence: the library cuts off what the model puts there."""

_SPOKEN = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}
"""First letter of a voice's name, and what espeak-ng calls its language."""

_BRITISH = ("en-gb", "en-au", "en-ie", "en-in", "en-nz", "en-za")
_FAMILIES = {"es": "e", "fr": "f", "hi": "h", "it": "i", "ja": "j", "pt": "p", "zh": "z", "cmn": "z"}


class Kokoro:
    """The :class:`~.worker.Synthesiser` of a Kokoro model."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._voices = sorted(model.voices.keys())

    def speak(self, sentence: str, voice: str, language: str) -> tuple[NDArray[np.float32], int]:
        """Speak with the voice that stands for ``voice`` among those of the language."""
        name, spoken = self.choose(voice, language)
        phonemes = self._model.tokenizer.phonemize(sentence, spoken)
        if not any(map(str.isalpha, phonemes)):
            return np.zeros(0, np.float32), 24_000
        samples, rate = self._model.create(phonemes, voice=name, is_phonemes=True)
        pause = np.zeros(int(PAUSE * rate) if pauses(sentence) else 0, np.float32)
        return np.concatenate([np.asarray(samples, np.float32).ravel(), pause]), rate

    def choose(self, voice: str, language: str) -> tuple[str, str]:
        """Whose style speaks, and the language that espeak-ng pronounces.

        A language that no voice of the model has is pronounced all the same, with an American accent. A voice of the
        model's own, asked for by name, speaks whatever the language.
        """
        family = _family(language)
        female, male = ([name for name in self._voices if name.startswith(f"{family}{sex}")] for sex in "fm")
        chosen = voice if voice in self._voices else choose_by_gender(voice, female or self._voices, male)
        return chosen, _SPOKEN[family] if _has_family(language) else language_code(language)


def _family(language: str) -> str:
    tag = language.strip().replace("_", "-").casefold()
    return "b" if tag.startswith(_BRITISH) else _FAMILIES.get(tag.split("-")[0], "a")


def _has_family(language: str) -> bool:
    primary = language.strip().replace("_", "-").casefold().split("-")[0]
    return primary in ("", "en") or primary in _FAMILIES


def load(folder: Path, threads: int) -> Kokoro:
    """The model of a folder that holds a ``.onnx`` file and a ``voices*.bin`` (or ``.npz``).

    Raises:
        EngineUnavailable: a package or a file is missing, or it does not load; the message has the remedy.
    """
    library, runtime = package("kokoro_onnx", "kokoro"), package("onnxruntime", "kokoro")
    models = sorted(folder.glob("*.onnx"))
    styles = sorted([*folder.glob("voices*.bin"), *folder.glob("*.npz")])
    if not models or not styles:
        raise missing_file(folder / ("voices-v1.0.bin" if models else "model.onnx"))
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = runtime.InferenceSession(str(models[0]), options, providers=["CPUExecutionProvider"])
        return Kokoro(library.Kokoro.from_session(session, str(styles[0])))
    except Exception as error:
        raise EngineUnavailable(f"the Kokoro model in {folder} does not load: {error}") from error
