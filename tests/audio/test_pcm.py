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


def test_samples_are_little_endian() -> None:
    assert pcm.to_int16(b"\x01\x00\x00\x80").tolist() == [1, -32768]


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="3 bytes are not whole 16-bit samples"):
        pcm.to_int16(b"abc")


def test_samples_are_a_view() -> None:
    assert not pcm.to_int16(b"abcd").flags.owndata
