"""MIME types of the media clients send."""

from functools import lru_cache

from antiphon.wire.refusal import Refusal

DEFAULT_RATE = 16_000
MIN_RATE, MAX_RATE = 4_000, 192_000
MAX_LENGTH = 255
"""Characters of a MIME type; far more than any real one has."""

_PCM = frozenset({"audio/pcm", "audio/x-pcm", "audio/l16"})


def audio_rate(mime_type: str) -> int:
    """Samples per second of raw audio that is declared as ``mime_type``; 16,000 when it names no rate.

    Raises:
        Refusal: the type is not raw PCM, or its rate is no number or out of range.
    """
    if len(mime_type) > MAX_LENGTH:
        raise Refusal("mimeType", f"is longer than {MAX_LENGTH} characters", "send audio/pcm;rate=16000")
    return _rate(mime_type)


@lru_cache(maxsize=256)
def _rate(mime_type: str) -> int:
    kind, *parameters = (piece.strip().lower() for piece in mime_type.split(";"))
    if kind and kind not in _PCM:
        raise Refusal("mimeType", f"{kind[:40]} is not raw audio", "send audio/pcm;rate=16000")
    rate = next((value for p in parameters for key, _, value in (p.partition("="),) if key == "rate"), None)
    if rate is None:
        return DEFAULT_RATE
    if not rate.isdecimal() or not MIN_RATE <= int(rate) <= MAX_RATE:
        raise Refusal("mimeType", f"unknown rate {rate[:20]!r}", f"use {MIN_RATE} to {MAX_RATE}")
    return int(rate)
