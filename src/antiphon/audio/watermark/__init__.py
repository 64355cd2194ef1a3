"""An inaudible mark that says "a machine spoke this": embedded in a stream as it is made, found blindly by its key.

The mark is a presence flag, without a message. Sound is cut into *tiles* of 8 ms by 62.5 Hz; each tile is made a
little louder or a little softer, as a pattern says that follows from a key and repeats every 2 s
(:mod:`~antiphon.audio.watermark.pattern`). No tile tells anything, for speech moves by far more than that; but over
seconds thousands of them agree with the pattern, by more than chance ever makes them
(:mod:`~antiphon.audio.watermark.detect`).

The method and what it withstands, with numbers: ``docs/watermark.md``.
"""

from antiphon.audio.watermark.detect import MIN_SECONDS, Detection, Verdict, detect
from antiphon.audio.watermark.embed import MAX_HELD_SAMPLES, RATE, Embedder, embed
from antiphon.audio.watermark.pattern import DEFAULT_KEY

__all__ = [
    "DEFAULT_KEY",
    "MAX_HELD_SAMPLES",
    "MIN_SECONDS",
    "RATE",
    "Detection",
    "Embedder",
    "Verdict",
    "detect",
    "embed",
]
