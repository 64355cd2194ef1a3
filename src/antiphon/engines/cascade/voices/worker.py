"""The child process of a neural voice: ``python -m`` this module, ``kokoro`` or ``piper``, folder, threads.

The messages are those of :class:`~antiphon.engines.cascade.process_voice.ProcessVoice`. Both voices pronounce with
espeak-ng, which is GPL-3 (as Piper is as a whole) and keeps global state, so neither is ever loaded by the server.
A sentence is made in one go, so a cancelled order ends with the sentence being made.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import soxr
from numpy.typing import NDArray

from antiphon.engines.cascade.espeak.text import sentences
from antiphon.engines.cascade.process import Pipe, serve
from antiphon.engines.cascade.voices.order import Order
from antiphon.engines.cascade.voices.timing import Mark, estimate
from antiphon.live.events import OUTPUT_RATE

CHUNK: Final = OUTPUT_RATE * 200 // 1000
"""Samples of a message."""


class Synthesiser(Protocol):
    """A loaded model."""

    def speak(self, sentence: str, voice: str, language: str) -> tuple[NDArray[np.float32], int]:
        """The sound of ``sentence``: shape ``[n]``, within -1 and 1, and its samples per second.

        Empty where nothing of it is pronounced.
        """
        ...


def perform(model: Synthesiser, order: Order, pipe: Pipe) -> None:
    """Speak an order and report that it is done."""
    done: dict[str, Any] = {"id": order.id, "done": True}
    position = sent = 0
    try:
        for sentence in sentences(order.text):
            if _cancelled(pipe, order):
                break
            samples = _at_output_rate(*model.speak(sentence, order.voice, order.language))
            marks = [(position + start, position + end, sent + at) for start, end, at in estimate(sentence, samples)]
            _send(pipe, order.id, samples, marks, sent)
            position += len(sentence)
            sent += len(samples)
    except Exception as error:  # whatever a model raises, the next order may be spoken
        done["error"] = f"{type(error).__name__}: {error}"
    pipe.send(done)


def _send(pipe: Pipe, order_id: int, samples: NDArray[np.int16], marks: list[Mark], sent: int) -> None:
    """Send sound in pieces, each with the words that begin in it; the last takes what is left."""
    ends = [*range(CHUNK, len(samples), CHUNK), len(samples)]
    for begin, end in zip([0, *ends], ends, strict=False):
        last = end == len(samples)
        now = [mark for mark in marks if last or mark[2] < sent + end]
        marks = marks[len(now) :]
        pipe.send({"id": order_id, "pcm": samples[begin:end].tobytes(), "words": now})


def _cancelled(pipe: Pipe, order: Order) -> bool:
    while pipe.pending():
        message = pipe.receive()
        if message is None or message.get("cancel") == order.id:
            return True
    return False


def _at_output_rate(samples: NDArray[np.float32], rate: int) -> NDArray[np.int16]:
    sound = np.nan_to_num(samples).astype(np.float32)
    if rate != OUTPUT_RATE and len(sound):
        sound = soxr.resample(sound, rate, OUTPUT_RATE, quality="HQ")
    scaled: NDArray[np.int16] = (np.clip(sound, -1, 1) * 32_767).astype("<i2")
    return scaled


def load(kind: str, folder: Path, threads: int) -> Synthesiser:
    """The model of a folder, loaded and warm.

    Raises:
        EngineUnavailable: a package or a file is missing, or it does not load; the message has the remedy.
    """
    module = import_module(f"antiphon.engines.cascade.voices.{kind}")
    model: Synthesiser = module.load(folder, threads)
    model.speak("Ready.", "", "")
    return model


def run(pipe: Pipe) -> None:
    """Perform orders until the server is gone. A cancel that comes after its order is done is dropped."""
    kind, folder, threads = sys.argv[1:]
    try:
        model = load(kind, Path(folder), int(threads))
    except Exception as error:
        pipe.send({"error": str(error) or repr(error)})
        return
    pipe.send({"ready": True})
    while (message := pipe.receive()) is not None:
        if "cancel" not in message:
            perform(model, msgspec.convert(message, Order), pipe)


if __name__ == "__main__":
    serve(run)
