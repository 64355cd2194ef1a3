"""Recordings of calls: the user's sound and the model's, each in a file of its own that begins when the call does.

Off unless the owner turns it on. The event loop only appends what passes to a queue; a thread writes it every quarter
of a second. The model speaks faster than it is heard: its speech is put where it is heard, and what an interruption
took back is cut out again. A server that is killed loses a quarter of a second, and leaves files that can be played.
"""

import asyncio
import logging
import re
import secrets
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal

import pybase64
from msgspec import Struct

from antiphon.audio.growing import GrowingWav
from antiphon.audio.resample import Resampler
from antiphon.calls.clock import Clock
from antiphon.calls.periodic import Periodic
from antiphon.live.events import OUTPUT_RATE
from antiphon.live.timeline import Recording

log = logging.getLogger("antiphon.calls")

FOLDER: Final = "recordings"
"""Of a data directory; each session has a folder there, by its id."""

CONSENT_LABEL: Final = "antiphon_record"
"""The label of a setup with which the client says that everybody agreed to be recorded: ``yes``."""

USER_RATE: Final = 16_000
FLUSH_SECONDS: Final = 0.25
EXPIRE_SECONDS: Final = 600.0
CAPACITY: Final = 64 << 20
"""Bytes of all calls that may wait for a slow disk."""

JITTER_SECONDS: Final = 0.25
"""The user's sound is put where it arrives only when it is so late; else it follows on the sound before."""

WAIT_SECONDS: Final = 0.4
"""How long late sound is kept back: what was only held up on its way comes in a burst, and was not spoken late."""

_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY = 86_400.0


class RecordingConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether calls are recorded: ``consented`` ones are those whose client says so. Kept for ``days``."""

    mode: Literal["off", "consented", "always"] = "off"
    days: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.days < 36_500:
            raise ValueError("days must be more than 0 and less than 36500")


_Piece = tuple["_Track", float, bytes | None, int]
"""What is to be done to a track: at which second, the sound, its rate or one of these. Plain, for there are many."""

_FRAME: Final = 0
"""Not sound, but a frame of the Gemini dialect that holds some."""

_CUT: Final = -1
_END: Final = -2


class _Track:
    """One file, in the hands of the writing thread. It is made when there is something to write."""

    def __init__(self, path: Path, rate: int) -> None:
        self.path = path
        self._rate = rate
        self._file: GrowingWav | None = None
        self._resampler: Resampler | None = None
        self._failed = False

    def do(self, at: float, data: bytes | None, rate: int) -> None:
        """Do what a piece asks for. A track that failed once does nothing any more."""
        if self._failed:
            return
        try:
            self._do(round(at * self._rate), data, rate)
        except (OSError, ValueError) as error:
            self._failed = True
            log.error("%s: the recording ends here: %s", self.path, error)

    def count(self) -> None:
        """Let the file tell how long it is."""
        if self._file is not None and not self._failed:
            try:
                self._file.count()
            except OSError as error:
                self._failed = True
                log.error("%s: the recording ends here: %s", self.path, error)

    def _do(self, at: int, data: bytes | None, rate: int) -> None:
        if data is not None:
            self._open().put(at, self._sound(data, rate))
        elif self._file is None:
            return
        elif rate == _CUT:
            self._file.cut(at)
        else:
            self._file.close()
            self._file = None

    def _open(self) -> GrowingWav:
        if self._file is None:
            for folder in (self.path.parent.parent, self.path.parent):
                folder.mkdir(mode=0o700, exist_ok=True)
            self._file = GrowingWav(self.path, self._rate)
        return self._file

    def _sound(self, data: bytes, rate: int) -> bytes:
        if rate == _FRAME:
            begins = data.index(b'"data"') + 6
            begins = data.index(b'"', begins) + 1
            return bytes(pybase64.b64decode(data[begins : data.index(b'"', begins)]))
        if rate == self._rate:
            return data
        if self._resampler is None or self._resampler.source_rate != rate:
            self._resampler = Resampler(rate, self._rate, "HQ")
        return self._resampler.feed(data)


class CallRecorder:
    """Takes the sound of one call. Times are seconds since the call began."""

    def __init__(self, recordings: "Recordings", folder: Path, why: Literal["consented", "always"]) -> None:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(recordings.now()))
        name = f"{stamp}-{secrets.token_hex(2)}"
        self._recordings = recordings
        self._why = why
        self._user = _Track(folder / f"{name}-user.wav", USER_RATE)
        self._model = _Track(folder / f"{name}-model.wav", OUTPUT_RATE)
        self._heard_to = self._spoken_to = 0.0
        self._dropped = 0.0
        self._late: list[tuple[bytes, int]] = []
        self._late_since = self._late_begins = self._late_seconds = 0.0

    def hear(self, pcm: bytes, rate: int, now: float) -> None:
        """Sound of the user arrived, all of it by now."""
        seconds = len(pcm) / (2 * rate)
        if self._late:
            self._keep_back(pcm, rate, now)
        elif now - seconds < self._heard_to + JITTER_SECONDS:
            self._hear(pcm, rate)
        else:
            self._late_since, self._late_begins, self._late_seconds = now, now, 0.0
            self._keep_back(pcm, rate, now)

    def _keep_back(self, pcm: bytes, rate: int, now: float) -> None:
        self._late.append((pcm, rate))
        self._late_seconds += len(pcm) / (2 * rate)
        # No sound ends after it arrived: the piece that was the least late tells where all of it belongs.
        self._late_begins = min(self._late_begins, now - self._late_seconds)
        if now - self._late_since >= WAIT_SECONDS:
            self._place_late()

    def _place_late(self) -> None:
        late, self._late = self._late, []
        if late and self._late_begins >= self._heard_to + JITTER_SECONDS:
            self._heard_to = self._late_begins
        for pcm, rate in late:
            self._hear(pcm, rate)

    def _hear(self, pcm: bytes, rate: int) -> None:
        begins, seconds = self._heard_to, len(pcm) / (2 * rate)
        self._heard_to += seconds
        if not self._recordings.put((self._user, begins, pcm, rate), len(pcm)):
            self._dropped += seconds

    def speak(self, pcm: bytes, now: float) -> None:
        """Speech of the model was sent: 24 kHz. It is heard after the speech before."""
        seconds = len(pcm) / (2 * OUTPUT_RATE)
        begins = self._spoken_to if self._spoken_to > now else now
        self._spoken_to = begins + seconds
        if not self._recordings.put((self._model, begins, pcm, OUTPUT_RATE), len(pcm)):
            self._dropped += seconds

    def speak_frame(self, frame: bytes, seconds: float, now: float) -> None:
        """Speech of the model was sent, in a frame of the Gemini dialect that nobody read yet."""
        begins = self._spoken_to if self._spoken_to > now else now
        self._spoken_to = begins + seconds
        if not self._recordings.put((self._model, begins, frame, _FRAME), len(frame)):
            self._dropped += seconds

    def cut(self, now: float) -> None:
        """What was not heard until now never will be."""
        if self._spoken_to > now:
            self._spoken_to = now
            self._recordings.put((self._model, now, None, _CUT), 0)

    def finish(self, now: float) -> Recording:
        """The call is over: nothing more is heard."""
        self._place_late()
        self.cut(now)
        for track in (self._user, self._model):
            self._recordings.put((track, now, None, _END), 0)
        spoke = [(self._user, self._heard_to), (self._model, self._spoken_to)]
        return Recording(self._why, tuple(track.path.name for track, end in spoke if end), self._dropped)


class Recordings:
    """All recordings of a data directory. :meth:`attend` to them first, :meth:`aclose` last.

    ``now`` is the time of day, in seconds of the Unix epoch.
    """

    def __init__(
        self, data_dir: Path, config: RecordingConfig, now: Callable[[], float] = time.time, capacity: int = CAPACITY
    ) -> None:
        self.now = now
        self.folder = data_dir / FOLDER
        self._config = config
        self._capacity = capacity
        self._waiting: list[_Piece] = []
        self._bytes = 0
        self._told_full = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="antiphon-recording")
        self._rounds: list[Periodic] = []

    def attend(self, clock: Clock) -> None:
        """From now on, write what comes, and delete what is too old."""
        if self._config.mode != "off":
            self._rounds.append(Periodic(self.flush, FLUSH_SECONDS, clock))
        self._rounds.append(Periodic(self.expire, EXPIRE_SECONDS, clock))

    def record(self, session_id: str, labels: dict[str, str]) -> CallRecorder | None:
        """The recorder of a session, by the labels of its setup; None where it may not be recorded."""
        mode = self._config.mode
        consented = labels.get(CONSENT_LABEL) == "yes"
        if mode == "off" or (mode == "consented" and not consented):
            return None
        return CallRecorder(self, self.folder / session_id, "consented" if consented else "always")

    def put(self, piece: _Piece, size: int) -> bool:
        """Take what is to be written; whether there was room. Never waits. Ends and cuts always have room."""
        if (total := self._bytes + size) > self._capacity:
            if not self._told_full:
                self._told_full = True
                log.error("%s is written too slowly: sound of recordings is dropped", self.folder)
            return False
        self._bytes = total
        self._waiting.append(piece)
        return True

    async def flush(self) -> None:
        """Write all that waits."""
        pieces, self._waiting = self._waiting, []
        if not pieces:
            return
        size = sum(len(data or b"") for _, _, data, _ in pieces)
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, _write, pieces)
        finally:
            self._bytes -= size
            self._told_full = False

    async def expire(self) -> None:
        """Delete the recordings that are older than they may be."""
        oldest = self.now() - self._config.days * _DAY
        await asyncio.get_running_loop().run_in_executor(self._thread, _expire, self.folder, oldest)

    async def aclose(self) -> None:
        """Write what is left. Idempotent."""
        rounds, self._rounds = self._rounds, []
        for each in rounds:
            await each.aclose()
        if self._waiting:
            await self.flush()
        await asyncio.to_thread(self._thread.shutdown)


def forget(data_dir: Path, session_id: str) -> int:
    """Delete the recordings of a session; how many files that were.

    Raises:
        OSError: they cannot be deleted.
    """
    folder = data_dir / FOLDER / session_id
    if not _SESSION_ID.fullmatch(session_id) or not folder.is_dir():
        return 0
    count = sum(1 for _ in folder.iterdir())
    shutil.rmtree(folder)
    return count


def _write(pieces: list[_Piece]) -> None:
    for track, at, data, rate in pieces:
        track.do(at, data, rate)
    for track in {id(piece[0]): piece[0] for piece in pieces}.values():
        track.count()


def _expire(folder: Path, oldest: float) -> None:
    if not folder.is_dir():
        return
    for session in folder.iterdir():
        files = list(session.iterdir()) if session.is_dir() else []
        for file in files:
            if file.stat().st_mtime < oldest:
                file.unlink(missing_ok=True)
        if session.is_dir() and not any(session.iterdir()):
            session.rmdir()
