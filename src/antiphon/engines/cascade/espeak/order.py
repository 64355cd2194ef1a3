"""What the server asks of the worker. Known to both, so it imports nothing of espeak-ng."""

from msgspec import Struct

SAMPLE_RATE = 24_000
"""Samples per second of all speech (mono, 16-bit little-endian)."""


class Delivery(Struct, frozen=True):
    """How to speak: voice name (``language+variant``), words per minute, pitch and range 0-99, volume 0-200."""

    voice: str
    rate: int
    pitch: int
    range: int
    volume: int


class Order(Struct, frozen=True):
    """A piece of text to speak. ``end_pause`` adds the silence that belongs after its last punctuation mark."""

    id: int
    text: str
    delivery: Delivery
    end_pause: bool
