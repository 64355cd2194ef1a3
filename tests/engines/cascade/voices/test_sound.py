"""Sound of services in all its forms."""

import io
import wave
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.parts import VoiceFailed
from antiphon.engines.cascade.voices.sound import Sound

RAMP = np.arange(2_400).astype("<i2").tobytes()


def wav(pcm: bytes, rate: int = 24_000, channels: int = 1, width: int = 2, size: int | None = None) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(width)
        written.setframerate(rate)
        written.writeframes(pcm)
    head = bytearray(file.getvalue())
    if size is not None:
        head[40:44] = size.to_bytes(4, "little")
    return bytes(head)


def convert(media_type: str, data: bytes, cuts: list[int] | None = None, rate: int = 24_000) -> bytes:
    sound = Sound(media_type, rate)
    edges = [0, *sorted(cuts or []), len(data)]
    made = b"".join(sound.feed(data[start:end]) for start, end in pairwise(edges))
    return made + sound.flush()


@given(st.lists(st.integers(0, 4_844), max_size=8), st.sampled_from(["pcm", "wav"]))
def test_how_it_is_cut_makes_no_difference(cuts: list[int], form: str) -> None:
    data = RAMP if form == "pcm" else wav(RAMP)
    assert convert(f"audio/{form}", data, cuts) == RAMP


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_sizes_of_streamed_files_are_not_believed(size: int) -> None:
    assert convert("audio/wav", wav(RAMP, size=size)) == RAMP


def test_a_file_may_hold_more_than_sound() -> None:
    plain = wav(RAMP)
    listed = plain[:36] + b"LIST\x03\0\0\0abc\0" + plain[36:]
    assert convert("audio/wav", listed, [37, 41, 50]) == RAMP


def test_channels_are_mixed() -> None:
    stereo = np.repeat(np.frombuffer(RAMP, "<i2"), 2)
    stereo[::2] += 2
    assert convert("audio/wav", wav(stereo.tobytes(), channels=2)) == (np.frombuffer(RAMP, "<i2") + 1).tobytes()


@pytest.mark.parametrize(
    ("media_type", "rate", "data"),
    [
        ("audio/wav", 24_000, wav(RAMP, rate=16_000)),
        ("audio/L16;codec=pcm;rate=16000", 24_000, RAMP),
        ("audio/pcm", 16_000, RAMP),
        ("audio/mpeg", 24_000, wav(RAMP, rate=16_000)),  # servers say so of WAV
    ],
)
def test_other_rates_are_resampled(media_type: str, rate: int, data: bytes) -> None:
    made = convert(media_type, data, rate=rate)
    assert abs(len(made) - len(RAMP) * 3 // 2) <= 4


@pytest.mark.parametrize(
    ("media_type", "data", "said"),
    [
        ("audio/mpeg", b"ID3\4" + bytes(100), "answered with audio/mpeg; it must send pcm or wav"),
        ("application/json; charset=utf-8", b'{"detail": "no"}', "application/json"),
        ("audio/wav", wav(bytes(300), width=3), "24-bit"),
        ("audio/wav", b"RIFF\0\0\0\0WAVEjunk\0\0\1\0" + bytes(100), "without samples"),
    ],
)
def test_what_cannot_be_read_is_refused(media_type: str, data: bytes, said: str) -> None:
    with pytest.raises(VoiceFailed, match=said):
        convert(media_type, data)


def test_nothing_is_nothing() -> None:
    assert convert("audio/pcm", b"") == b""
    assert convert("audio/pcm", b"abc") == b""
