from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.audio import pcm

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=200).map(lambda values: np.array(values, np.int16))


@given(SAMPLES)
def test_bytes_and_samples_round_trip(samples: NDArray[np.int16]) -> None:
    data = pcm.from_int16(samples)
    assert len(data) == 2 * len(samples)
    assert np.array_equal(pcm.to_int16(data), samples)
    assert np.array_equal(pcm.to_int16(pcm.from_float32(pcm.to_float32(data))), samples)


def test_samples_are_little_endian() -> None:
    assert pcm.to_int16(b"\x01\x00\x00\x80").tolist() == [1, -32768]
    assert pcm.to_float32(b"\x00\x40\x00\x80").tolist() == [0.5, -1.0]
    assert pcm.to_float32(b"").dtype == np.float32


@pytest.mark.parametrize("convert", [pcm.to_int16, pcm.to_float32, pcm.level, pcm.peak])
def test_half_a_sample_is_refused(convert: Callable[[bytes], object]) -> None:
    with pytest.raises(ValueError, match="3 bytes are not whole 16-bit samples"):
        convert(b"abc")


def test_samples_are_a_view() -> None:
    assert not pcm.to_int16(b"abcd").flags.owndata


def test_beyond_full_scale_is_clipped_not_wrapped() -> None:
    assert pcm.to_int16(pcm.from_float32(np.array([1.5, -1.5, 1.0]))).tolist() == [32767, -32768, 32767]


def test_duration_and_silence() -> None:
    quiet = pcm.silence(0.25, 16_000)
    assert quiet == bytes(8000)
    assert pcm.duration(quiet, 16_000) == 0.25
    assert pcm.duration(b"", 24_000) == 0


def test_level_of_known_sounds() -> None:
    square = np.tile(np.array([16384, -16384], np.int16), 100)
    assert pcm.level(square.tobytes()) == pytest.approx(-6.02, abs=0.01)
    assert pcm.peak(square.tobytes()) == 0.5
    assert pcm.level(bytes(100)) == pcm.level(b"") == -96
    assert pcm.level(b"\x01\x00" + bytes(100_000)) == -96
    assert pcm.peak(b"") == 0


def test_peak_of_the_most_negative_sample() -> None:
    assert pcm.peak(b"\x00\x80") == 1.0
