"""The recordings of a session: which there are, and how loud they are where.

A name is never taken from a request: what is served are the files that the session's own timeline names.
"""

import re
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from msgspec import Struct

from antiphon.audio.growing import HEADER_BYTES
from antiphon.calls.recording import FOLDER, USER_RATE
from antiphon.live.events import OUTPUT_RATE
from antiphon.store.records import Entry

Side = Literal["user", "model"]
SIDES: Final[tuple[Side, ...]] = get_args(Side)
RATES: Final[dict[Side, int]] = {"user": USER_RATE, "model": OUTPUT_RATE}

MAX_POINTS: Final = 8000

_NAME: Final = re.compile(r"[0-9A-Za-z]+-[0-9a-f]+-(user|model)\.wav")
_FULL_SCALE: Final = 32_768.0


class Peaks(Struct, frozen=True):
    """How loud a track is: the highest amplitude (0 to 1) of equal parts, from second ``begins`` on, ``step`` each."""

    begins: float
    step: float
    seconds: float
    peaks: tuple[float, ...]


def track(data_dir: Path, entry: Entry, side: Side) -> Path | None:
    """The file with one side of a connection; None where there is none, or none any more."""
    recording = entry.timeline.recording if entry.timeline else None
    for name in recording.files if recording else ():
        found = _NAME.fullmatch(name)
        if found is not None and found[1] == side:
            path = data_dir / FOLDER / entry.record.session_id / name
            return path if path.is_file() else None
    return None


def seconds(path: Path, side: Side) -> float:
    """How long a track is.

    Raises:
        OSError: it cannot be read.
    """
    return max(0, path.stat().st_size - HEADER_BYTES) // 2 / RATES[side]


def peaks(path: Path, side: Side, points: int, begins: float = 0.0, ends: float | None = None) -> Peaks:
    """``points`` peaks of a track, at most one for each sample, between two seconds of it.

    Takes a tenth of a second for an hour of sound: not for the event loop.

    Raises:
        OSError: it cannot be read.
    """
    rate, length = RATES[side], seconds(path, side)
    first, last = (round(min(max(0.0, at), length) * rate) for at in (begins, length if ends is None else ends))
    count = min(points, MAX_POINTS, last - first)
    if count <= 0:
        return Peaks(first / rate, 0.0, length, ())
    samples = np.memmap(path, "<i2", "r", HEADER_BYTES, shape=(round(length * rate),))[first:last]
    starts = np.arange(count) * (last - first) // count
    highest = np.maximum.reduceat(samples, starts).astype(np.int32)
    lowest = np.minimum.reduceat(samples, starts).astype(np.int32)
    loud = np.maximum(highest, -lowest) / _FULL_SCALE
    return Peaks(first / rate, (last - first) / count / rate, length, tuple(map(float, loud.round(4))))
