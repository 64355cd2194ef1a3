"""The audio clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.playback import PlaybackClock


@pytest.mark.parametrize(("now", "heard"), [(10.0, 0.0), (11.0, 1.0), (12.0, 2.0), (99.0, 2.0)])
def test_sound_is_heard_as_time_passes(now: float, heard: float) -> None:
    clock = PlaybackClock()
    clock.send(2.0, 10.0)
    assert clock.heard(now) == heard
    assert clock.ends == 12.0


def test_a_player_that_ran_dry_waits_for_more() -> None:
    clock = PlaybackClock()
    clock.send(1.0, 0.0)
    clock.send(1.0, 5.0)
    assert clock.ends == 6.0
    assert [clock.heard(now) for now in (5.0, 5.5, 6.0)] == [1.0, 1.5, 2.0]


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), max_size=20), st.floats(0, 30))
def test_never_more_is_heard_than_was_sent_or_than_time_has_passed(
    steps: list[tuple[float, float]], wait: float
) -> None:
    clock, now = PlaybackClock(), 0.0
    for pause, seconds in steps:
        now += pause
        clock.send(seconds, now)
        assert clock.heard(now) <= min(clock.sent, now) + 1e-9
    assert clock.heard(now) - 1e-9 <= clock.heard(now + wait) <= clock.sent + 1e-9
    assert clock.heard(clock.ends) == pytest.approx(clock.sent)
