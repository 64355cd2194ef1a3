from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.frames import FRAME_BYTES, FRAME_MS, FRAME_SAMPLES, RATE, frames_for


def test_a_frame_is_32_ms_at_16_khz() -> None:
    assert FRAME_MS == 32
    assert FRAME_SAMPLES * 1000 == FRAME_MS * RATE
    assert FRAME_BYTES == 1024


@given(st.integers(0, 100_000))
def test_rounds_up_by_less_than_a_frame(milliseconds: int) -> None:
    assert 0 <= frames_for(milliseconds) * FRAME_MS - milliseconds < FRAME_MS
