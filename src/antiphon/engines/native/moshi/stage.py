"""One model, many sessions: a thread steps the model whenever it is worth a step.

A step costs about the same for one row as for all. So a step waits until every session has a frame; but a frame waits
for those of others no longer than a step takes: whatever the phases of the microphones are, half of the thread's time
at most is spent on steps that others miss, and where a step is quick nobody waits long. A session with more than a
frame waiting has one in every step, so it catches up as fast as the model can.

When the model is too slow for its sessions, their backlogs grow to their limit; from then on the oldest frame of a
session goes for every new one, and is counted. Nothing else is ever dropped.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SECONDS, FrameModel, Said
from antiphon.engines.native.moshi.slots import Slot

log = logging.getLogger("antiphon.native")

WARM_UP_STEPS: Final = 8


class Stage:
    """Shares ``model`` between sessions. :meth:`start` it, :meth:`join` from any thread, :meth:`close` it.

    ``backlog`` is how many seconds of a session's sound may wait.
    """

    def __init__(self, model: FrameModel, backlog: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.step_seconds = 0.0
        self.steps = 0
        self.dropped_frames = 0
        self._model = model
        self._backlog_frames = max(1, round(backlog / FRAME_SECONDS))
        self._clock = clock
        self._slots: list[Slot] = []
        self._changed = threading.Condition()
        self._closing = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="moshi", daemon=True)

    def start(self) -> None:
        """Warm the model, see how long a step takes, and begin. Blocks."""
        rows = range(self._model.rows)
        for _ in range(WARM_UP_STEPS):
            began = time.perf_counter()
            self._model.step({row: bytes(FRAME_BYTES) for row in rows})
            self.step_seconds = time.perf_counter() - began
        if self.step_seconds > FRAME_SECONDS:
            log.warning(
                "a step of 80 ms takes %.0f ms with %d slots: sound will be lost; set fewer slots",
                self.step_seconds * 1000,
                len(rows),
            )
        self._thread.start()

    @property
    def sessions(self) -> int:
        """How many slots are taken."""
        return len(self._slots)

    def join(self, deliver: Callable[[Said], None], fail: Callable[[Exception], None]) -> Slot:
        """Take a free slot; what the model says is delivered on its thread.

        Raises:
            EngineUnavailable: there is none, or the model failed.
        """
        with self._changed:
            if self._failure is not None:
                raise EngineUnavailable(f"the model failed ({self._failure!r}): start the server anew")
            taken = {slot.row for slot in self._slots}
            row = next((row for row in range(self._model.rows) if row not in taken), None)
            if row is None:
                raise EngineUnavailable(f"all {self._model.rows} slots are taken: try again later, or set more slots")
            slot = Slot(row, self._backlog_frames, deliver, fail)
            self._slots.append(slot)
            return slot

    def leave(self, slot: Slot) -> None:
        """Give a slot back; nothing is delivered to it any more but what the model is making now. Idempotent."""
        with self._changed:
            if slot in self._slots:
                self._slots.remove(slot)
                self.dropped_frames += slot.dropped_frames
                self._changed.notify()

    def feed(self, slot: Slot, pcm: bytes) -> None:
        """Take sound of a session. Never waits for a step."""
        with self._changed:
            slot.feed(pcm, self._clock())
            self._changed.notify()

    def pause(self, slot: Slot) -> None:
        """The session's microphone is off."""
        with self._changed:
            slot.pause(self._clock())
            self._changed.notify()

    def close(self) -> None:
        """End the thread. Blocks until the step it is in is done. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    # --- the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changed:
                turn, wait = self.turn()
                if self._closing:
                    return
                if not turn:
                    self._changed.wait(wait)
                    continue
            try:
                self.step(turn)
            except Exception as error:
                self._fail(error)
                return

    def turn(self) -> tuple[dict[Slot, bytes], float | None]:
        """The frames to step now; else how many seconds to wait for them, None for a change."""
        now = self._clock()
        for slot in self._slots:
            slot.fill(now)
        ready = [slot for slot in self._slots if slot.ready_since is not None]
        if not ready:
            due = [slot.due - now for slot in self._slots if slot.due is not None]
            return {}, max(0.0, min(due)) if due else None
        if any(slot.awaited for slot in self._slots):
            oldest = min(slot.ready_since for slot in ready if slot.ready_since is not None)
            wait = oldest + min(self.step_seconds, FRAME_SECONDS) - now
            if wait > 0:
                return {}, wait
        return {slot: slot.take(now) for slot in ready}, 0.0

    def step(self, turn: dict[Slot, bytes]) -> None:
        """Step the model with these frames and deliver what it says."""
        began = time.perf_counter()
        if fresh := [slot for slot in turn if slot.fresh]:
            self._model.reset([slot.row for slot in fresh])
            for slot in fresh:
                slot.fresh = False
        said = self._model.step({slot.row: frame for slot, frame in turn.items()})
        self.step_seconds = time.perf_counter() - began
        self.steps += 1
        for slot in turn:
            if slot.row in said:
                slot.hear(said[slot.row])

    def _fail(self, error: Exception) -> None:
        log.error("the model failed", exc_info=error)
        with self._changed:
            self._failure = error
            slots, self._slots = self._slots, []
        for slot in slots:
            slot.fail(error)
