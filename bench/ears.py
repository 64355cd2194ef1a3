"""What listening costs: CPU time per second of one session's sound, beside the bare model's.

    python bench/ears.py [SESSIONS] [SECONDS]

Sessions are fed 20 ms at a time, their phases spread, as fast as the processor allows: between two rounds of the
pump lies the sound that would arrive in one tick of 16 ms. Nothing is slept, so CPU time is all there is.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import asyncio
import sys
import time

import numpy as np

from antiphon.audio.activity import ActivityDetector
from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE
from antiphon.audio.vad import Vad, load_vad
from antiphon.engines.cascade.ears import Ear, Ears

STEP_MS, CHUNK_MS, TICK_MS = 4, 20, 16
CHUNK_BYTES = 2 * RATE * CHUNK_MS // 1000
FRAMES_PER_SECOND = RATE / FRAME_SAMPLES


def noise(samples: int) -> bytes:
    """Faint noise: what a microphone hears most of the time."""
    return np.random.default_rng(0).normal(0, 100, samples).astype("<i2").tobytes()


def bare(vad: Vad[object], frames: int) -> float:
    """CPU seconds per frame of the model alone, in its best batches of 64."""
    states = [vad.state() for _ in range(64)]
    sound = np.frombuffer(noise(64 * FRAME_SAMPLES), "<i2").reshape(64, FRAME_SAMPLES)
    rounds = max(1, frames // 64)
    start = time.process_time()
    for _ in range(rounds):
        vad.probabilities(states, sound)
    return (time.process_time() - start) / (rounds * 64)


class Crowd:
    """Sessions with their ears; ``heard`` counts frames."""

    def __init__(self, ears: Ears, sessions: int, detect: bool) -> None:
        self.heard = 0
        self.fed = 0
        self.ears = [self._attach(ears, detect) for _ in range(sessions)]
        self._chunk = noise(CHUNK_BYTES // 2)

    def _attach(self, ears: Ears, detect: bool) -> Ear:
        detector = ActivityDetector()

        def on_frame(probability: float, frame: bytes) -> None:
            self.heard += 1
            if detect:
                detector.feed(probability)

        return ears.attach(on_frame)

    def feed(self, phase: int) -> None:
        """Feed every fifth session its 20 ms."""
        for ear in self.ears[phase :: CHUNK_MS // STEP_MS]:
            ear.feed(self._chunk)

    async def drained(self) -> None:
        """Wait until no ear has a whole frame left."""
        while any(ear.waiting for ear in self.ears):  # noqa: ASYNC110 - what is measured gets no extra event
            await asyncio.sleep(0)


async def listening(vad: Vad[object], sessions: int, seconds: int, detect: bool) -> tuple[float, int]:
    """CPU seconds and frames of ``sessions`` sessions for ``seconds`` seconds each."""
    ears = Ears(vad, tick=0)
    crowd = Crowd(ears, sessions, detect)
    for index, ear in enumerate(crowd.ears):  # so that frames do not become whole all at once
        ear.feed(bytes(FRAME_BYTES * index // sessions // 2 * 2))
    await crowd.drained()
    start, before = time.process_time(), crowd.heard
    for step in range(seconds * 1000 // STEP_MS):
        crowd.feed(step % (CHUNK_MS // STEP_MS))
        if step % (TICK_MS // STEP_MS) == 0:
            await crowd.drained()
    await crowd.drained()
    cost = time.process_time() - start
    await ears.aclose()
    return cost, crowd.heard - before


def main() -> None:
    """Print both costs and their ratio."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    vad, name, _ = load_vad()
    bare(vad, 1000)
    model = min(bare(vad, 20_000) for _ in range(3)) * FRAMES_PER_SECOND
    print(f"{name}, {sessions} sessions, {seconds} s; microseconds of CPU per second of one session's sound")
    print(f"  model alone, batches of 64  {model * 1e6:8.0f}")
    for label, detect in (("ears", False), ("ears and activity", True)):
        cost, frames = asyncio.run(listening(vad, sessions, seconds, detect))
        each = cost / frames * FRAMES_PER_SECOND
        print(f"  {label:<27} {each * 1e6:8.0f}  x {each / model:.2f} of the model, {1 / each:,.0f} sessions per core")


if __name__ == "__main__":
    main()
