"""The sound of one session on its way into a row of the model. Pure: every call says the time."""

from collections.abc import Callable
from typing import Final

from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SECONDS, Said

PATIENCE: Final = 0.32
"""Seconds that sound may be late before silence is heard in its place: a model that listens all the time would stop in
the middle of a word when a microphone does."""

REST_FRAMES: Final = round(10.0 / FRAME_SECONDS)
"""After so much silence of both sides nothing is stepped any more until sound comes."""

_SILENCE: Final = bytes(FRAME_BYTES)


class Slot:
    """A row of the model while a session has it.

    ``deliver`` is given what the model says, ``fail`` the error that ended the model; both on the model's thread.
    """

    def __init__(
        self, row: int, backlog_frames: int, deliver: Callable[[Said], None], fail: Callable[[Exception], None]
    ) -> None:
        self.row = row
        self.fail = fail
        self.fresh = True
        self.dropped_frames = 0
        self.ready_since: float | None = None
        self._deliver = deliver
        self._limit = backlog_frames * FRAME_BYTES
        self._buffer = bytearray()
        self._due: float | None = None
        self._filled = 0
        self._quiet = 0

    @property
    def awaited(self) -> bool:
        """Whether a frame will be there soon, by itself if need be."""
        return self.ready_since is None and self._due is not None and not self._rests

    @property
    def due(self) -> float | None:
        """When silence is heard in place of sound that did not come; None while there is sound, or none is wanted."""
        return self._due if self.awaited else None

    def feed(self, pcm: bytes, now: float) -> None:
        """Take 16-bit sound at 24 kHz. More than the backlog holds pushes the oldest frames out."""
        self._buffer += pcm
        excess = len(self._buffer) - self._limit
        if excess > 0:
            frames = -(-excess // FRAME_BYTES)
            del self._buffer[: frames * FRAME_BYTES]
            self.dropped_frames += frames
        self._due = now + PATIENCE
        self._filled = 0
        self._look(now)

    def pause(self, now: float) -> None:
        """No more sound will come for a while: silence does, from now on."""
        if self._due is not None:
            self._due = now

    def fill(self, now: float) -> None:
        """Complete a frame with silence if its sound is late."""
        if self._due is None or not self.awaited or now < self._due:
            return
        self._buffer += _SILENCE[len(self._buffer) :]
        # In the rhythm of frames, but with no debt from when nobody asked.
        self._due = max(self._due, now - FRAME_SECONDS) + FRAME_SECONDS
        self._filled += 1
        self._look(now)

    def take(self, now: float) -> bytes:
        """The oldest frame; there must be one."""
        frame = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        self.ready_since = None
        self._look(now)
        return frame

    def hear(self, said: Said) -> None:
        """The model said this."""
        self._quiet = 0 if said.audible or said.text else self._quiet + 1
        self._deliver(said)

    @property
    def _rests(self) -> bool:
        return min(self._filled, self._quiet) >= REST_FRAMES

    def _look(self, now: float) -> None:
        if self.ready_since is None and len(self._buffer) >= FRAME_BYTES:
            self.ready_since = now
