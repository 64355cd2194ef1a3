"""Which frames of a video belong to a turn."""

from collections.abc import Iterable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.history import Picture
from antiphon.live.setup import Coverage
from antiphon.live.video import JITTER, LOOK_BACK, MAX_BYTES, MAX_FRAMES, PERIOD, FrameKeeper

COVERAGES: tuple[Coverage, ...] = get_args(Coverage)
EVERYTHING = [coverage for coverage in COVERAGES if coverage != "activity"]


def frame(number: int = 0, size: int = 0) -> Picture:
    return Picture("image/jpeg", str(number).encode().ljust(size), frame=True)


def numbers(frames: Iterable[Picture]) -> list[int]:
    return [int(picture.data) for picture in frames]


def offered(keeper: FrameKeeper, times: Iterable[float], active: bool = True) -> list[int]:
    """The numbers of the frames that came at ``times`` and were taken."""
    return [number for number, now in enumerate(times) if keeper.offer(frame(number), now, active)]


class TestRate:
    def test_a_frame_a_second_is_taken(self) -> None:
        keeper = FrameKeeper("all_input")
        assert offered(keeper, range(5)) == numbers(keeper.take()) == [0, 1, 2, 3, 4]
        assert keeper.dropped == 0

    def test_thirty_frames_a_second_are_thinned(self) -> None:
        keeper = FrameKeeper("all_input")
        taken = offered(keeper, [n / 30 for n in range(300)])
        assert len(taken) in (10, 11)
        assert keeper.dropped == 300 - len(taken)

    def test_jitter_costs_no_frame(self) -> None:
        keeper = FrameKeeper("all_input")
        times = [number + (0.2 if number % 2 else -0.2) for number in range(1, 100)]
        assert len(offered(keeper, times)) == 99

    def test_a_pause_earns_nothing(self) -> None:
        keeper = FrameKeeper("all_input")
        assert offered(keeper, [0.0, 60.0, 60.1, 60.2, 60.4]) == [0, 1]

    def test_it_says_beforehand_what_it_wants(self) -> None:
        keeper = FrameKeeper("activity")
        assert keeper.wants(7.0)
        keeper.offer(frame(), 7.0, active=False)
        assert not keeper.wants(7.0 + PERIOD - JITTER - 0.01)
        assert keeper.wants(7.0 + PERIOD - JITTER)
        assert keeper.dropped == 0


class TestCoverage:
    @pytest.mark.parametrize("coverage", EVERYTHING)
    def test_all_video_is_every_frame_since_the_last_turn(self, coverage: Coverage) -> None:
        keeper = FrameKeeper(coverage)
        for number in range(6):
            keeper.offer(frame(number), number, active=number in (2, 3))
            if number == 1:
                keeper.started(1.5)
        assert numbers(keeper.take()) == [0, 1, 2, 3, 4, 5]
        assert keeper.take() == ()
        keeper.offer(frame(6), 6.0, active=False)
        assert numbers(keeper.take()) == [6]

    def test_activity_is_what_came_during_it_and_the_last_frame_before(self) -> None:
        keeper = FrameKeeper("activity")
        for number in range(3):
            keeper.offer(frame(number), number, active=False)
        keeper.started(2.5)
        for number in (3, 4):
            keeper.offer(frame(number), number, active=True)
        keeper.offer(frame(5), 5.0, active=False)
        assert numbers(keeper.take()) == [2, 3, 4]

    def test_a_frame_after_the_activity_may_be_the_first_of_the_next(self) -> None:
        keeper = FrameKeeper("activity")
        keeper.started(0.0)
        keeper.offer(frame(1), 1.0, active=False)
        assert keeper.take() == ()
        keeper.started(1.5)
        keeper.started(1.6)
        assert numbers(keeper.take()) == [1]

    @pytest.mark.parametrize(("age", "counts"), [(0.0, True), (LOOK_BACK, True), (LOOK_BACK + 0.01, False)])
    def test_an_old_frame_is_not_in_view_any_more(self, age: float, counts: bool) -> None:
        keeper = FrameKeeper("activity")
        keeper.offer(frame(), 0.0, active=False)
        keeper.started(age)
        assert len(keeper.take()) == counts

    def test_what_lies_outside_of_activity_is_not_counted_as_dropped(self) -> None:
        keeper = FrameKeeper("activity")
        offered(keeper, range(100), active=False)
        assert keeper.take() == ()
        assert keeper.dropped == 0


class TestBounds:
    def test_the_newest_frames_stay(self) -> None:
        keeper = FrameKeeper("all_input")
        offered(keeper, range(MAX_FRAMES + 30))
        assert numbers(keeper.take()) == list(range(30, MAX_FRAMES + 30))
        assert keeper.dropped == 30

    def test_large_frames_are_fewer(self) -> None:
        keeper = FrameKeeper("all_input")
        for number in range(7):
            keeper.offer(frame(number, MAX_BYTES // 3), number, active=True)
        assert numbers(keeper.take()) == [4, 5, 6]
        assert keeper.dropped == 4

    def test_one_frame_may_be_as_large_as_it_is(self) -> None:
        keeper = FrameKeeper("all_input")
        keeper.offer(frame(1, MAX_BYTES + 1), 1.0, active=True)
        assert numbers(keeper.take()) == [1]

    def test_a_turn_that_was_taken_makes_room(self) -> None:
        keeper = FrameKeeper("all_input")
        for number in range(9):
            keeper.offer(frame(number, MAX_BYTES // 3), number, active=True)
            if number % 3 == 2:
                assert len(keeper.take()) == 3
        assert keeper.dropped == 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.03, 0.4, 0.5, 0.97, 1.0, 3.0]), st.sampled_from(["frame", "start", "end", "take"])
    ),
    max_size=60,
)


@given(st.sampled_from(COVERAGES), STEPS)
def test_any_order_of_events(coverage: Coverage, steps: list[tuple[float, str]]) -> None:
    keeper, now, active = FrameKeeper(coverage), 0.0, False
    taken: list[float] = []
    seen: list[int] = []
    sent = 0
    for pause, step in steps:
        now += pause
        if step == "frame":
            sent += 1
            wanted = keeper.wants(now)
            assert keeper.offer(frame(sent), now, active) == wanted
            taken += [now] if wanted else []
        elif step == "start":
            active = True
            keeper.started(now)
        elif step == "end":
            active = False
        else:
            seen += numbers(keeper.take())
    seen += numbers(keeper.take())
    assert seen == sorted(set(seen)), "in order, each once"
    assert len(taken) + keeper.dropped == sent
    assert len(seen) <= len(taken)
    assert coverage == "activity" or len(seen) == len(taken)
    for first in range(len(taken)):
        for last in range(first, len(taken)):
            assert last - first <= taken[last] - taken[first] + JITTER + 1e-9, "one a second, once a little early"
