import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.wav import Sound, WavError, read_wav, write_wav


def wav_bytes(pcm: bytes, rate: int) -> bytes:
    """A whole WAV file."""
    file = io.BytesIO()
    write_wav(file, pcm, rate)
    return file.getvalue()


def wav_file(data: bytes, channels: int = 1, width: int = 2, rate: int = 16_000) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(data)
    return io.BytesIO(file.getvalue())


@given(st.binary(max_size=300).map(lambda data: data[: len(data) & ~1]), st.sampled_from([8000, 16_000, 24_000]))
def test_round_trip(pcm: bytes, rate: int) -> None:
    assert read_wav(io.BytesIO(wav_bytes(pcm, rate))) == Sound(pcm, rate)


@pytest.mark.parametrize("as_path", [Path, str])
def test_files_by_path(tmp_path: Path, as_path: Callable[[Path], Path | str]) -> None:
    path = as_path(tmp_path / "a.wav")
    write_wav(path, b"\x01\x02\x03\x04", 24_000)
    assert read_wav(path) == Sound(b"\x01\x02\x03\x04", 24_000)


def test_channels_are_averaged() -> None:
    stereo = np.array([[100, 300], [-32768, -32768], [32767, 32767]], np.int16)
    sound = read_wav(wav_file(stereo.tobytes(), channels=2))
    assert np.frombuffer(sound.pcm, np.int16).tolist() == [200, -32768, 32767]


@pytest.mark.parametrize(
    ("width", "data", "expected"),
    [
        (1, bytes([128, 255, 0]), [0, 127 << 8, -32768]),
        (3, b"\xff\x34\x12" + b"\x00\x00\x80", [0x1234, -32768]),
        (4, struct.pack("<2i", 0x12345678, -(1 << 31)), [0x1234, -32768]),
    ],
)
def test_other_widths(width: int, data: bytes, expected: list[int]) -> None:
    sound = read_wav(wav_file(data, width=width))
    assert np.frombuffer(sound.pcm, np.int16).tolist() == expected


def test_an_empty_sound() -> None:
    assert read_wav(wav_file(b"")) == Sound(b"", 16_000)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a wav file at all", b"RIFF\x00\x00\x00\x00WAVE"])
def test_something_else_is_refused_by_name(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(data)
    with pytest.raises(WavError, match=r"speech\.wav: .+; convert it to WAV with 16-bit"):
        read_wav(path)


def test_floats_are_refused_with_the_remedy() -> None:
    data = bytearray(wav_bytes(bytes(8), 16_000))
    data[20:22] = struct.pack("<H", 3)  # WAVE_FORMAT_IEEE_FLOAT
    with pytest.raises(WavError, match="convert it to WAV with 16-bit integer samples"):
        read_wav(io.BytesIO(bytes(data)))


def test_a_file_cut_short_keeps_its_whole_samples() -> None:
    data = wav_bytes(bytes(range(20)), 16_000)
    assert read_wav(io.BytesIO(data[:-3])).pcm == bytes(range(16))


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "none.wav")


def test_half_a_sample_is_not_written() -> None:
    with pytest.raises(ValueError, match="3 bytes"):
        wav_bytes(b"abc", 16_000)
