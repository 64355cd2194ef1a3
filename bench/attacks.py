"""What happens to sound on its way: conversions, codecs, mixing, cropping, for ``bench/watermark.py``."""

import io
from collections.abc import Callable
from typing import Any

import av
import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 24_000

Samples = NDArray[np.int16]
Random = np.random.Generator
Attack = Callable[[Samples, Random], tuple[Samples, int]]
"""Takes mono samples at :data:`RATE`, returns others and their rate."""


def rounded(samples: NDArray[Any]) -> Samples:
    """To 16 bits."""
    whole: Samples = np.rint(samples).clip(-32_768, 32_767).astype(np.int16)
    return whole


def resampled(samples: NDArray[Any], source: float, target: float) -> Samples:
    """At another rate, in 16 bits."""
    return rounded(soxr.resample(samples.astype(np.float32), source, target))


def at_rate(rate: int) -> Attack:
    """Resampled."""
    return lambda samples, _: (resampled(samples, RATE, rate), rate)


def there_and_back(rate: int) -> Attack:
    """Resampled to ``rate`` and back again."""
    return lambda samples, _: (resampled(resampled(samples, RATE, rate), rate, RATE), RATE)


def mu_law(samples: Samples, _: Random) -> tuple[Samples, int]:
    """A telephone: 8 kHz, G.711 mu-law."""
    return codec("pcm_mulaw", "wav", 8000)(samples, _)[0], 8000


def codec(name: str, container: str, rate: int, bits: int | None = None, **options: str) -> Attack:
    """Encoded at ``bits`` per second, and decoded."""

    def attack(samples: Samples, _: Random) -> tuple[Samples, int]:
        file = io.BytesIO()
        with av.open(file, "w", format=container) as output:
            stream: Any = output.add_stream(name, rate=rate, layout="mono", options=options)
            if bits:
                stream.bit_rate = bits
            _encode(output, stream, resampled(samples, RATE, rate), rate)
        file.seek(0)
        with av.open(file, "r") as source:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
            parts = [part.to_ndarray()[0] for frame in source.decode(audio=0) for part in resampler.resample(frame)]
        return np.concatenate(parts), rate

    return attack


def _encode(output: Any, stream: Any, samples: Samples, rate: int) -> None:
    resampler = av.AudioResampler(stream.codec_context.format, "mono", rate)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.rate, frame.pts = rate, 0
    for part in resampler.resample(frame):
        output.mux(stream.encode(part))
    output.mux(stream.encode(None))


def noise(snr: float) -> Attack:
    """White noise ``snr`` dB below the speech is added."""

    def attack(samples: Samples, random: Random) -> tuple[Samples, int]:
        level = np.sqrt(np.mean(np.square(samples.astype(float)))) / 10 ** (snr / 20)
        return rounded(samples + level * random.standard_normal(len(samples))), RATE

    return attack


def mixed(other: Samples, decibels: float) -> Attack:
    """Someone else speaks, ``decibels`` softer."""

    def attack(samples: Samples, random: Random) -> tuple[Samples, int]:
        begin = int(random.integers(len(other) - len(samples)))
        voice = other[begin : begin + len(samples)].astype(float)
        ratio = np.std(samples) / max(np.std(voice), 1.0) / 10 ** (decibels / 20)
        return rounded(samples + ratio * voice), RATE

    return attack


def cropped(samples: Samples, random: Random) -> tuple[Samples, int]:
    """Without a beginning of up to 2 s."""
    return samples[int(random.integers(1, 2 * RATE)) :], RATE


def gain(decibels: float) -> Attack:
    """Louder or softer."""
    return lambda samples, _: (rounded(samples * 10 ** (decibels / 20)), RATE)


def speed(percent: float) -> Attack:
    """Played too fast: higher and shorter."""
    return lambda samples, _: (resampled(samples, RATE * (1 + percent / 100), RATE), RATE)


def attacks(other: Samples) -> dict[str, Attack]:
    """All of them by name; ``other`` is the speech that is mixed in."""
    return {
        "none (16 bit)": lambda samples, _: (samples, RATE),
        "8 bit": lambda samples, _: (((samples >> 8) << 8) + np.int16(128), RATE),
        "resampled to 44.1 kHz": at_rate(44_100),
        "resampled to 16 kHz": at_rate(16_000),
        "8 kHz and back": there_and_back(8000),
        "mu-law, 8 kHz": mu_law,
        "Opus 64 kb/s": codec("libopus", "ogg", 48_000, 64_000, application="audio"),
        "Opus 24 kb/s": codec("libopus", "ogg", 48_000, 24_000, application="voip"),
        "Opus 16 kb/s": codec("libopus", "ogg", 48_000, 16_000, application="voip"),
        "MP3 64 kb/s": codec("libmp3lame", "mp3", RATE, 64_000),
        "20 dB softer": gain(-20),
        "cropped": cropped,
        "noise, SNR 20 dB": noise(20),
        "noise, SNR 10 dB": noise(10),
        "mixed, other 6 dB softer": mixed(other, 6),
        "mixed, other as loud": mixed(other, 0),
        "0.1 % too fast": speed(0.1),
        "0.2 % too fast": speed(0.2),
        "1 % too fast": speed(1),
    }
