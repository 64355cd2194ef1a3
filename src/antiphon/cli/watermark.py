"""``antiphon watermark``: find the mark in sound files, or put it there."""

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from msgspec import Struct

from antiphon.audio.pcm import from_int16, to_int16
from antiphon.audio.resample import resample
from antiphon.audio.watermark import MIN_SECONDS, RATE, Detection, detect, embed
from antiphon.audio.wav import Sound, WavError, read_wav, write_wav

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEED_STEP = 0.002
"""Between two speeds that are tried; the detector bears half of it."""

MAX_SPEED_PERCENT = 10.0


class SoundError(Exception):
    """A sound file cannot be read or written; the message says why and what to do."""


class Finding(Struct, frozen=True):
    """What came of one file; ``detection`` or ``error``."""

    file: str
    verdict: Literal["marked", "unmarked", "too short", "error"]
    detection: Detection | None = None
    error: str = ""


def inspect(files: Sequence[Path], key: str, speed_percent: float = 0.0) -> Iterator[Finding]:
    """Look for the mark of ``key`` in ``files``, at speeds up to ``speed_percent`` off. A bad file ends nothing."""
    for file in files:
        try:
            sound = read(file)
        except SoundError as error:
            yield Finding(str(file), "error", error=str(error))
            continue
        found = detect(to_int16(sound.pcm), sound.rate, key, speeds(speed_percent))
        yield Finding(str(file), found.verdict, found)


def speeds(percent: float) -> tuple[float, ...]:
    """The original speed, and those up to ``percent`` slower and faster, :data:`SPEED_STEP` apart."""
    steps = round(percent / 100 / SPEED_STEP)
    return tuple(1 + step * SPEED_STEP for step in range(-steps, steps + 1))


def status(findings: Sequence[Finding]) -> int:
    """The exit status: 0 when all files are marked, 1 when one is not, 2 when one could not be read."""
    verdicts = {finding.verdict for finding in findings}
    return 2 if "error" in verdicts else int(verdicts != {"marked"})


def as_text(finding: Finding) -> str:
    """One line."""
    found = finding.detection
    if found is None:
        return finding.error
    scores = f"score {found.score:.1f}, threshold {found.threshold:.1f}, {found.seconds:.1f} s examined"
    if found.verdict == "marked":
        at = "" if found.speed == 1 else f", at {found.speed:.3f} times its speed"
        return f"{finding.file}: marked ({scores}; clearest from {found.begins:.1f} to {found.ends:.1f} s{at})"
    if found.verdict == "unmarked":
        return f"{finding.file}: no mark found ({scores})"
    need = f"{found.sounding:.1f} s of it are sound, {MIN_SECONDS:g} are needed to say no"
    return f"{finding.file}: too short to tell ({scores}; {need})"


def as_json(findings: Sequence[Finding]) -> str:
    """A list with one object for each file."""
    return msgspec.json.format(msgspec.json.encode([_flat(finding) for finding in findings])).decode()


def mark(source: Path, target: Path, key: str) -> float:
    """Write what ``source`` says, marked, as WAV (mono, 24 kHz, 16 bit) to ``target``; returns its seconds.

    Raises:
        SoundError: ``source`` cannot be read, or ``target`` cannot be written.
    """
    sound = read(source)
    marked = embed(resample(sound.pcm, sound.rate, RATE), key)
    try:
        with target.open("wb") as file:
            write_wav(file, marked, RATE)
    except OSError as error:
        raise SoundError(f"{target}: cannot be written ({error.strerror})") from error
    return len(to_int16(marked)) / RATE


def read(file: Path) -> Sound:
    """The sound of a WAV file, or of any file that PyAV reads where it is installed.

    Raises:
        SoundError: it cannot be read.
    """
    try:
        return read_wav(file)
    except OSError as error:
        raise SoundError(f"{file}: cannot be read ({error.strerror})") from error
    except WavError as error:
        if importlib.util.find_spec("av") is None:
            raise SoundError(f"{error}, or let PyAV read it: pip install av") from error
    return _decode(file)


def _decode(file: Path) -> Sound:
    import av

    try:
        with av.open(str(file)) as container:
            stream = container.streams.audio[0]
            resampler = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
            frames = [part for frame in container.decode(stream) for part in resampler.resample(frame)]
            frames += resampler.resample(None)
            samples = [_samples(frame.to_ndarray()) for frame in frames]
            return Sound(from_int16(np.concatenate([np.zeros(0, np.int16), *samples])), stream.rate)
    except (av.FFmpegError, IndexError) as error:
        reason = "it has no sound" if isinstance(error, IndexError) else error.strerror
        raise SoundError(f"{file}: {reason}; convert it to WAV with 16-bit integer samples") from error


def _samples(array: "NDArray[np.generic]") -> "NDArray[np.int16]":
    return array.reshape(-1).astype(np.int16, copy=False)


def _flat(finding: Finding) -> dict[str, object]:
    if finding.detection is None:
        return {"file": finding.file, "verdict": finding.verdict, "error": finding.error}
    return {"file": finding.file, **msgspec.structs.asdict(finding.detection)}
