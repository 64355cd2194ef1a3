"""Two pocketsphinx decoders that hear the same utterance: one expects anything, one expects the application's words.

Both share one acoustic model, so their scores can be compared and the better reading wins. Expecting the
application's words cuts errors by a third or more where they are said, and alone would double them where they are not.
"""

import re
import tempfile
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from pocketsphinx import Decoder, NGramModel, get_model_path

from antiphon.engines.cascade.parts import INPUT_RATE
from antiphon.engines.cascade.sphinx import aside
from antiphon.engines.cascade.sphinx.language_model import Background, arpa, merged
from antiphon.engines.cascade.sphinx.phrases import everyday

Reading = tuple[str, float, str]
"""Words, how well they fit (the joint score of sound and language), and the cepstral mean by then."""

SEGMENT_SECONDS = 12
"""An utterance longer than this is cut at its next pause, so that its end never takes long to be read."""
LONGEST_SECONDS = 18
"""Without any pause it is cut here."""

_CACHED_MODELS = 4
_MEASURE_SECONDS = 1.2
"""Until the mean is measured nothing is decoded, and only so much sound teaches it to the next utterance. Less adds
words to the ends of short utterances, more delays the first reading of a session (measured)."""
_APPLICATION_WEIGHT = 10.0
_DITHER = 4.0
"""Standard deviation in steps of 16 bits. More helps synthetic voices and harms quiet microphones (measured)."""
_CHUNK_BYTES = INPUT_RATE * 2 // 5


class ApplicationModels:
    """Language models of applications in a decoder, the latest used ones kept."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._background = _background(decoder)
        self._everyday = self._background.count(everyday())
        self._names: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._count = 0

    def activate(self, phrases: tuple[str, ...]) -> None:
        """Expect these phrases from the next utterance on. Some tenths of a second when they are new."""
        if phrases not in self._names:
            self._load(phrases)
        self._names.move_to_end(phrases)
        self._decoder.activate_search(self._names[phrases])
        while len(self._names) > _CACHED_MODELS:
            self._decoder.remove_search(self._names.popitem(last=False)[1])

    def _load(self, phrases: tuple[str, ...]) -> None:
        self._count += 1
        name = f"application-{self._count}"
        weighted = ((phrase.split(), _APPLICATION_WEIGHT) for phrase in phrases)
        counts = merged(self._everyday, self._background.count(weighted))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.arpa")
            path.write_text(arpa(self._background, counts), "utf-8")
            self._decoder.add_lm(name, NGramModel(self._decoder.config, self._decoder.logmath, str(path)))
        self._names[phrases] = name


class CepstralMeter:
    """Measures the cepstral mean of a microphone and a speaker, which decoding subtracts.

    Decoders learn it only by the end of an utterance, too late for the first one and wrong for the next speaker's.
    """

    def __init__(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            # A dictionary of one word: this decoder computes features and never has to recognise anything.
            dictionary = Path(folder, "words.dict")
            dictionary.write_text("oh OW\n", "utf-8")
            self._decoder = Decoder(loglevel="FATAL", lm=None, keyphrase="oh", dict=str(dictionary))

    def mean(self, pcm: bytes) -> str:
        """The mean over ``pcm``, in the form that ``Decoder.set_cmn`` takes."""
        _start(self._decoder)
        self._decoder.process_raw(pcm, no_search=True, full_utt=True)
        mean: str = self._decoder.get_cmn()
        self._decoder.end_utt()
        return mean


class Decoders:
    """Hears one utterance after the other: ``begin``, ``feed`` as often as there is sound, ``read`` whenever wanted."""

    def __init__(self) -> None:
        self._general = Decoder(loglevel="FATAL")
        self._application = Decoder(loglevel="FATAL", lm=None)
        self._models = ApplicationModels(self._application)
        self._meter = CepstralMeter()
        self._noise = np.random.default_rng(0).normal(0, _DITHER, INPUT_RATE)
        self.readings: list[Reading] = []
        """What each of them made of the last segment read: the general decoder, then the application's."""
        self._reset()
        self.prepare(())

    def prepare(self, phrases: tuple[str, ...]) -> None:
        """Load an application's model ahead of its first utterance. Not within an utterance."""
        self._models.activate(phrases)

    def begin(self, phrases: tuple[str, ...], mean: str = "") -> None:
        """Forget the utterance before and wait for a new one.

        Args:
            phrases: of the application.
            mean: what :attr:`mean` was after an earlier utterance with the same microphone and speaker. Without it,
                nothing is decoded until there is enough sound to measure it.
        """
        self.end()
        self._subtracted = mean
        self._models.activate(phrases)

    def feed(self, pcm: bytes) -> None:
        """Hear more sound."""
        self._waiting += self._dithered(pcm)
        if self._subtracted or len(self._waiting) >= _MEASURE_SECONDS * INPUT_RATE * 2:
            self._hear_waiting()

    def read(self) -> str:
        """The words of the utterance so far. More sound may follow."""
        self._hear_waiting()
        if self._segment and not self._listening:
            self._start()
        if not self._listening:
            return " ".join(self._said)
        self.readings = self._conclude_aside() if aside.AVAILABLE else self._conclude()
        if self._heard_samples >= _MEASURE_SECONDS * INPUT_RATE:
            self.mean = self.readings[0][2]
        return " ".join([*self._said, *_better(self.readings)])

    def glimpse(self) -> str:
        """The words made out so far, as the decoders have them while they go on: quick, and not yet the best reading.

        Sound that waits for the cepstral mean to be measured is not in it.
        """
        readings = [_reading(decoder) for decoder in self._pair] if self._listening else []
        return " ".join([*self._said, *(_better(readings) if readings else [])])

    def end(self) -> None:
        """The utterance is over."""
        if self._listening:
            self._conclude()
        self._reset()

    @property
    def _pair(self) -> tuple[Decoder, Decoder]:
        return self._general, self._application

    def _reset(self) -> None:
        self._waiting = b""
        self._segment = bytearray()
        self._said: list[str] = []
        self._subtracted = ""
        self.mean = ""
        """The cepstral mean learnt from the utterance; empty while there was too little sound."""
        self._listening: bool = False
        self._heard_samples: int = 0

    def _dithered(self, pcm: bytes) -> bytes:
        """Sound with the faint noise of any real room: without it, synthetic speech has silences no model knows."""
        samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")
        noise = np.take(self._noise, np.arange(self._heard_samples, self._heard_samples + len(samples)), mode="wrap")
        self._heard_samples += len(samples)
        return (samples + noise).clip(-32_768, 32_767).astype("<i2").tobytes()

    def _hear_waiting(self) -> None:
        waiting, self._waiting = self._waiting, b""
        if waiting and not self._subtracted:
            self._subtracted = self._meter.mean(waiting)
        for start in range(0, len(waiting), _CHUNK_BYTES):
            self._hear(waiting[start : start + _CHUNK_BYTES])

    def _hear(self, sound: bytes) -> None:
        if not self._listening:
            self._start()
        self._segment += sound
        for decoder in self._pair:
            decoder.process_raw(sound)
        seconds = len(self._segment) / 2 / INPUT_RATE
        if seconds >= LONGEST_SECONDS or (seconds >= SEGMENT_SECONDS and _pauses(self._general)):
            self._said += _better(self._conclude())
            self._segment.clear()

    def _start(self) -> None:
        """Begin to listen, or begin again where the segment was concluded too early: all of it is heard once more."""
        for decoder in self._pair:
            decoder.set_cmn(self._subtracted)
            _start(decoder)
            if self._segment:
                decoder.process_raw(bytes(self._segment))
        self._listening = True

    def _conclude(self) -> list[Reading]:
        self._listening = False
        return [_conclude(decoder) for decoder in self._pair]

    def _conclude_aside(self) -> list[Reading]:
        """Both at once, in copies that end; these decoders go on listening."""
        copies = [aside.Aside(partial(_conclude, decoder)) for decoder in self._pair]
        return [copy.result() for copy in copies]


def _background(decoder: Decoder) -> Background:
    base = decoder.logmath.exp(1)
    shipped = NGramModel(decoder.config, decoder.logmath, get_model_path("en-us/en-us.lm.bin"))
    return Background(lambda words: base ** shipped.prob(words), _dictionary())


def _dictionary() -> Iterator[str]:
    """Every word that has a pronunciation; alternatives are marked by a number in parentheses."""
    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as lines:
        words = (line.split(maxsplit=1)[0] for line in lines if line.strip())
        yield from (word for word in words if not word.endswith(")"))


def _start(decoder: Decoder) -> None:
    """Start an utterance that owes nothing to those before."""
    with warnings.catch_warnings():
        # "Unnecessary" says the library; without it, estimates of noise leak from one speaker to the next (measured).
        warnings.simplefilter("ignore", DeprecationWarning)
        decoder.start_stream()
    decoder.start_utt()


def _conclude(decoder: Decoder) -> Reading:
    decoder.end_utt()
    return _reading(decoder)


def _reading(decoder: Decoder) -> Reading:
    hypothesis = decoder.hyp()
    mean = decoder.get_cmn()
    return (plain(hypothesis.hypstr), hypothesis.best_score, mean) if hypothesis else ("", 0.0, mean)


def _better(readings: list[Reading]) -> list[str]:
    """The words of the reading that fits best, if there are any."""
    text, _, _ = max(readings, key=lambda reading: reading[1])
    return [text] if text else []


def _pauses(decoder: Decoder) -> bool:
    """Whether the last thing heard is silence."""
    last = ""
    for segment in decoder.seg() or ():
        last = segment.word
    return last == "<sil>"


_NOT_SPOKEN = re.compile(r"<[^>]*>|\[[^\]]*\]|\+\+[^+]*\+\+|\(\d+\)")


def plain(text: str) -> str:
    """Without the marks of silence, noise and alternative pronunciations."""
    return " ".join(_NOT_SPOKEN.sub(" ", text).split())
