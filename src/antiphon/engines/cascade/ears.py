"""Listening for all sessions of a process: their sound, in frames, through one voice activity model in batches.

A round takes one frame of every ear that has one waiting, in batches with the event loop in between. Batches are
large: in one turn of the loop every socket may deliver a message, and with small batches the sockets of a busy server
would take nearly all of the processor while sound waits. After a round the pump rests for a tick, so that frames
gather and batches are worth their while; it skips the rest while an ear still has a frame waiting, and sleeps while
none has. An ear alone is heard at once.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import numpy as np

from antiphon.audio.activity import ActivityConfig
from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE
from antiphon.audio.vad import Vad
from antiphon.live.setup import ActivityDetection

OnFrame = Callable[[float, bytes], None]
"""Takes the probability of speech in a frame of 32 ms, and the frame (1,024 bytes)."""

OnSkip = Callable[[int], None]
"""Takes the number of samples that were lost just before the next frame."""

_logger = logging.getLogger(__name__)

_BATCH: Final = 256  # some 5 ms; the model splits it as it likes
_TICK: Final = 0.016
_START_THRESHOLDS: Final = {"high": 0.5, "low": 0.7}
_HYSTERESIS: Final = {"high": 0.15, "low": 0.25}
_SILENCE_MS: Final = {"high": 500, "low": 800}


def activity_config(detection: ActivityDetection) -> ActivityConfig:
    """What a client's settings mean for the detector.

    High start sensitivity takes a probability of 0.5 for speech, low 0.7. High end sensitivity takes 0.15 less than
    that for silence, low 0.25 less: faint speech is speech for longer. ``silence_ms`` and ``prefix_padding_ms`` of the
    client hold exactly, rounded up to frames of 32 ms; without them a turn ends after 500 ms (high end sensitivity) or
    800 ms (low), or later (:mod:`.endpointing`), and the detector's own prefix padding holds.
    """
    start = _START_THRESHOLDS[detection.start_sensitivity]
    silence, prefix = detection.silence_ms, detection.prefix_padding_ms
    return ActivityConfig(
        start_threshold=start,
        end_threshold=round(start - _HYSTERESIS[detection.end_sensitivity], 2),
        prefix_padding_ms=ActivityConfig().prefix_padding_ms if prefix is None else prefix,
        silence_ms=_SILENCE_MS[detection.end_sensitivity] if silence is None else silence,
    )


class Ear:
    """The sound of one session on its way to its listener. Made by :meth:`Ears.attach`."""

    __slots__ = (
        "_buffer",
        "_limit",
        "_on_frame",
        "_on_skip",
        "_skipped",
        "_wake",
        "closed",
        "dropped_samples",
        "state",
        "waiting",
    )

    def __init__(
        self, state: object, on_frame: OnFrame, on_skip: OnSkip | None, wake: Callable[["Ear"], None], limit: int
    ) -> None:
        self.state = state
        self.closed = False
        self.dropped_samples = 0
        self.waiting = False
        self._buffer = bytearray()
        self._limit = limit
        self._on_frame = on_frame
        self._on_skip = on_skip
        self._skipped = 0
        self._wake = wake

    @property
    def dropped_ms(self) -> int:
        """Milliseconds of sound dropped so far, because more was waiting than the backlog may hold."""
        return self.dropped_samples * 1000 // RATE

    @property
    def pending_ms(self) -> int:
        """Milliseconds of sound waiting to be heard."""
        return len(self._buffer) * 1000 // (2 * RATE)

    def feed(self, pcm: bytes) -> None:
        """Take more sound: mono 16-bit little-endian at 16 kHz, any length. Ignored once closed."""
        if self.closed:
            return
        buffer = self._buffer
        buffer += pcm
        if len(buffer) < FRAME_BYTES:
            return
        if len(buffer) > self._limit:
            self._drop_oldest()
        if not self.waiting:
            self.waiting = True
            self._wake(self)

    def close(self) -> None:
        """Stop listening: sound still waiting is forgotten and no callback comes any more. Idempotent."""
        self.closed = True
        self.state = None
        self._buffer.clear()

    def take(self) -> bytes:
        """The oldest frame; there must be one."""
        frame = bytes(self._buffer[:FRAME_BYTES])
        del self._buffer[:FRAME_BYTES]
        return frame

    def hear(self, probability: float, frame: bytes) -> None:
        """Give a frame to the listener; one that raises is logged and this ear closed."""
        if self.closed:
            return
        try:
            if self._skipped:
                self._report_skip()
            self._on_frame(probability, frame)
        except Exception:
            _logger.exception("a listener failed and is closed")
            self.close()

    @property
    def ready(self) -> bool:
        """Whether a whole frame is waiting."""
        return len(self._buffer) >= FRAME_BYTES

    def _drop_oldest(self) -> None:
        frames = -(-(len(self._buffer) - self._limit) // FRAME_BYTES)
        del self._buffer[: frames * FRAME_BYTES]
        self.dropped_samples += frames * FRAME_SAMPLES
        self._skipped += frames * FRAME_SAMPLES

    def _report_skip(self) -> None:
        samples, self._skipped = self._skipped, 0
        if self._on_skip is not None:
            self._on_skip(samples)


class Ears:
    """The ears of all sessions of a process. Belongs to one event loop; made and used inside it."""

    def __init__(self, vad: Vad[Any], backlog_seconds: float = 10.0, tick: float = _TICK) -> None:
        """Listen with ``vad``.

        Args:
            vad: the model that all ears share.
            backlog_seconds: how much sound may wait per ear before its oldest is dropped; at least a frame.
            tick: seconds of rest between rounds.
        """
        self._vad = vad
        self._limit = max(FRAME_BYTES, int(backlog_seconds * RATE) * 2)
        self._tick = tick
        self._ready: deque[Ear] = deque()
        self._sound = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    def attach(self, on_frame: OnFrame, on_skip: OnSkip | None = None) -> Ear:
        """Begin to listen to a session.

        Args:
            on_frame: called for every frame, in order, on the event loop; it must be quick.
            on_skip: called before the first frame after dropped sound, with the number of samples that are missing.
        """
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._listen(), name="ears")
        return Ear(self._vad.state(), on_frame, on_skip, self._wake, self._limit)

    async def aclose(self) -> None:
        """Stop listening to everyone. Idempotent."""
        pump, self._pump = self._pump, None
        self._ready.clear()
        if pump is not None:
            pump.cancel()
            with suppress(asyncio.CancelledError):
                await pump

    def _wake(self, ear: Ear) -> None:
        self._ready.append(ear)
        if not self._sound.is_set():
            self._sound.set()

    async def _listen(self) -> None:
        while True:
            await self._sound.wait()
            self._sound.clear()
            while await self._round():
                pass
            await asyncio.sleep(self._tick)

    async def _round(self) -> bool:
        """Hear one frame of every ear that is ready now; whether any of them has another."""
        backlog = False
        left = len(self._ready)
        while left > 0:
            turn = [self._ready.popleft() for _ in range(min(left, _BATCH))]
            left -= len(turn)
            batch = [ear for ear in turn if not ear.closed]
            if batch:
                backlog |= self._hear(batch)
            await asyncio.sleep(0)
        return backlog

    def _hear(self, batch: list[Ear]) -> bool:
        frames = [ear.take() for ear in batch]
        sound = np.frombuffer(b"".join(frames), "<i2").reshape(-1, FRAME_SAMPLES)
        try:
            probabilities: list[float] = self._vad.probabilities([ear.state for ear in batch], sound).tolist()
        except Exception:
            _logger.exception("the voice activity model failed; the sessions of this batch are heard no more")
            _close(batch)
            return False
        backlog = False
        for ear, probability, frame in zip(batch, probabilities, frames, strict=True):
            ear.hear(probability, frame)
            if ear.ready:
                self._ready.append(ear)
                backlog = True
            else:
                ear.waiting = False
        return backlog


def _close(ears: list[Ear]) -> None:
    for ear in ears:
        ear.close()
