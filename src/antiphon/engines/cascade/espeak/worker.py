"""The child process that speaks: orders in, sound and words out. Run as ``python -m`` this module.

An order is answered by messages ``{"id", "pcm", "words"}`` - a word is ``[start, end, sample]``: characters of the
text, sample of the sound - and then by one ``{"id", "done"}``, with an ``"error"`` where espeak-ng failed. The
message ``{"cancel": id}`` stops the order it names.
"""

import msgspec
import numpy as np
import numpy.typing as npt
import soxr

from antiphon.engines.cascade.espeak.library import Espeak, EspeakError, WordEvent
from antiphon.engines.cascade.espeak.order import SAMPLE_RATE, Delivery, Order
from antiphon.engines.cascade.espeak.text import word_end
from antiphon.engines.cascade.process import Pipe, serve

FIRST_CHUNK = SAMPLE_RATE * 40 // 1000
"""Samples that must exist before the first chunk leaves: enough to start a player, and no longer to wait for."""

CHUNK = SAMPLE_RATE * 200 // 1000
"""Samples of each later chunk."""

_SILENCE = 16  # of 32,768: what precedes speech is exact zeros but for the filters' tails
_WARM_UP = Order(0, "Ready.", Delivery("en-us", 170, 50, 50, 100), end_pause=False)

Samples = npt.NDArray[np.int16]


class Resampler:
    """From the synthesiser's rate to :data:`SAMPLE_RATE`, without the silence before the first sound."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="int16", quality="HQ")
        self._trimmed = 0
        self._sounding = False

    def feed(self, sound: bytes) -> bytes:
        """The resampled sound that is ready once ``sound`` is taken."""
        samples = np.frombuffer(sound, np.int16)
        if not self._sounding:
            samples = self._trim(samples)
        return self._resample(samples, last=False) if self._sounding else b""

    def finish(self) -> bytes:
        """What is still inside the filter."""
        return self._resample(np.zeros(0, np.int16), last=True) if self._sounding else b""

    def position(self, sample: int) -> int:
        """Where a sample of the synthesiser lies in the resampled sound."""
        return max(0, sample - self._trimmed) * SAMPLE_RATE // self._rate

    def _trim(self, samples: Samples) -> Samples:
        audible = np.flatnonzero((samples > _SILENCE) | (samples < -_SILENCE))
        silent = int(audible[0]) if len(audible) else len(samples)
        self._trimmed += silent
        self._sounding = len(audible) > 0
        return samples[silent:]

    def _resample(self, samples: Samples, *, last: bool) -> bytes:
        resampled = self._stream.resample_chunk(samples, last=last).astype("<i2", copy=False)
        return bytes(resampled.tobytes())


class Speech:
    """One order being performed: sound collects here and leaves in chunks, words with the sound they begin in."""

    def __init__(self, pipe: Pipe, order: Order, sample_rate: int) -> None:
        self._pipe = pipe
        self._order = order
        self._resampler = Resampler(sample_rate)
        self._pending = bytearray()
        self._words: list[tuple[int, int, int]] = []
        self._cursor = 0
        self._latest = 0
        self._sent = 0
        self._cancelled = False

    def take(self, sound: bytes, words: list[WordEvent]) -> bool:
        """Take sound from the synthesiser; False once the order is cancelled."""
        self._note_cancel()
        if self._cancelled:
            return False
        self._pending += self._resampler.feed(sound)
        for word in words:
            self._add(word)
        if len(self._pending) // 2 >= (CHUNK if self._sent else FIRST_CHUNK):
            self._flush(self._words_before(self._end))
        return True

    def finish(self) -> None:
        """Send what is left; whatever was not pronounced at the end of the text goes along as a last word."""
        if self._cancelled:
            return
        self._pending += self._resampler.finish()
        rest = [(start, end, min(sample, self._end)) for start, end, sample in self._words]
        if self._cursor < len(self._order.text):
            rest.append((self._cursor, len(self._order.text), self._end))
        self._flush(rest)

    @property
    def _end(self) -> int:
        return self._sent + len(self._pending) // 2

    def _note_cancel(self) -> None:
        while not self._cancelled and self._pipe.pending():
            message = self._pipe.receive()
            self._cancelled = message is None or message.get("cancel") == self._order.id

    def _add(self, word: WordEvent) -> None:
        """Numbers and abbreviations reach the same place of the text several times: only the first counts."""
        if not self._cursor <= word.position < len(self._order.text):
            return
        end = word_end(self._order.text, word.position, max(word.length, 1))
        self._latest = max(self._latest, self._resampler.position(word.sample))
        self._words.append((self._cursor, end, self._latest))
        self._cursor = end

    def _words_before(self, end: int) -> list[tuple[int, int, int]]:
        ready = [word for word in self._words if word[2] < end]
        self._words = self._words[len(ready) :]
        return ready

    def _flush(self, words: list[tuple[int, int, int]]) -> None:
        if self._pending or words:
            self._pipe.send({"id": self._order.id, "pcm": bytes(self._pending), "words": words})
        self._sent = self._end
        self._pending.clear()


def perform(espeak: Espeak, order: Order, pipe: Pipe) -> None:
    """Speak an order and report that it is done."""
    speech = Speech(pipe, order, espeak.sample_rate)
    done: dict[str, object] = {"id": order.id, "done": True}
    try:
        espeak.synthesise(order.text, order.delivery, speech.take, end_pause=order.end_pause)
        speech.finish()
    except EspeakError as error:
        done["error"] = str(error)
    pipe.send(done)


def load() -> Espeak:
    """espeak-ng, loaded and warm.

    Raises:
        RuntimeError: it cannot be loaded; the message names the remedy.
    """
    try:
        espeak = Espeak()
        espeak.synthesise(_WARM_UP.text, _WARM_UP.delivery, lambda sound, words: True, end_pause=False)
    except (ImportError, OSError, EspeakError) as error:
        remedy = "install it with: pip install --force-reinstall espeakng-loader"
        raise RuntimeError(f"the embedded voice, espeak-ng, does not load ({error}); {remedy}") from error
    return espeak


def run(pipe: Pipe) -> None:
    """Perform orders until the server is gone. A cancel that comes after its order is done is dropped."""
    espeak = load()
    pipe.send({"ready": True})
    while (message := pipe.receive()) is not None:
        if "cancel" not in message:
            perform(espeak, msgspec.convert(message, Order), pipe)


if __name__ == "__main__":
    serve(run)
