"""WAV files: any number of channels and any integer width in, mono 16-bit in and out."""

import wave
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from antiphon.audio import pcm as _pcm

WavSource = str | Path | BinaryIO
"""A path, or a binary file object."""


class Sound(NamedTuple):
    """Mono 16-bit little-endian samples and their number per second."""

    pcm: bytes
    rate: int


class WavError(ValueError):
    """A file is no WAV file this room reads; the message says why and what to do."""


def read_wav(source: WavSource) -> Sound:
    """Read ``source``; several channels are averaged to one, wider samples are cut to their upper 16 bits.

    Raises:
        WavError: not a WAV file, cut short, or not of integer samples (8, 16, 24 or 32 bit).
        OSError: the file cannot be opened.
    """
    try:
        with wave.open(_openable(source), "rb") as file:
            data = file.readframes(file.getnframes())
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
    except (wave.Error, EOFError) as error:
        reason = str(error) or "the file ends early"
        raise WavError(f"{_name(source)}: {reason}; convert it to WAV with 16-bit integer samples") from error
    return Sound(_pcm.from_int16(_mono(_samples(data, width, _name(source)), channels)), rate)


def write_wav(target: WavSource, pcm: bytes, rate: int) -> None:
    """Write mono 16-bit ``pcm`` at ``rate`` samples per second to ``target``.

    Raises:
        ValueError: ``pcm`` ends in the middle of a sample.
        OSError: the file cannot be written.
    """
    if len(pcm) % _pcm.SAMPLE_BYTES:
        raise ValueError(f"{len(pcm)} bytes are not whole 16-bit samples")
    with wave.open(_openable(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(_pcm.SAMPLE_BYTES)
        file.setframerate(rate)
        file.writeframes(pcm)


def _openable(source: WavSource) -> str | BinaryIO:
    # wave.open takes a Path as if it were an open file.
    return str(source) if isinstance(source, Path) else source


def _name(source: WavSource) -> str:
    return str(source) if isinstance(source, str | Path) else str(getattr(source, "name", "WAV data"))


def _samples(data: bytes, width: int, name: str) -> NDArray[np.int16]:
    if width == 1:  # the only unsigned width
        centred: NDArray[np.int16] = (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
        return centred
    if width not in (2, 3, 4):
        raise WavError(f"{name}: {8 * width}-bit samples; convert it to WAV with 16-bit integer samples")
    whole = data[: len(data) - len(data) % width]
    # Little-endian: the two upper bytes of a sample come last.
    upper = np.ascontiguousarray(np.frombuffer(whole, np.uint8).reshape(-1, width)[:, width - 2 :])
    return np.frombuffer(upper.tobytes(), "<i2")


def _mono(samples: NDArray[np.int16], channels: int) -> NDArray[np.int16]:
    if channels == 1:
        return samples
    whole = samples[: len(samples) - len(samples) % channels].reshape(-1, channels)
    mixed: NDArray[np.int16] = np.rint(whole.mean(axis=1, dtype=np.float32)).astype(np.int16)
    return mixed
