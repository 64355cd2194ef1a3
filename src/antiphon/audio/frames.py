"""The frame every voice activity model of this room takes: 32 ms of sound at 16 kHz."""

RATE = 16_000
"""Samples per second that voice activity models take (mono, 16-bit little-endian)."""

FRAME_SAMPLES = 512
"""Samples of one frame: what Silero VAD takes at 16 kHz."""

FRAME_BYTES = 2 * FRAME_SAMPLES
FRAME_MS = FRAME_SAMPLES * 1000 // RATE


class VadUnavailable(Exception):
    """A voice activity model cannot be loaded; the message says what is missing and how to get it."""


def frames_for(milliseconds: int) -> int:
    """How many frames cover ``milliseconds``: rounded up, so that a span asked for is never cut short."""
    return -(-milliseconds // FRAME_MS)
