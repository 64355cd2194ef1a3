"""Who is stepped when, who gets a slot, and what happens when the model is too slow or fails."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SECONDS, Said
from antiphon.engines.native.moshi.slots import PATIENCE, Slot
from antiphon.engines.native.moshi.stage import Stage

Tone = Callable[[int], bytes]


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def stage(echo: Any, clock: Time) -> Stage:
    """One without a thread: the test takes the turns."""
    return Stage(echo, 0.24, clock)


class Listener:
    """A session, as far as the stage knows."""

    def __init__(self, stage: Stage) -> None:
        self.said: list[Said] = []
        self.errors: list[Exception] = []
        self.slot = stage.join(self.said.append, self.errors.append)


def turn(stage: Stage) -> set[Slot]:
    """Let the stage do what is due; who was stepped."""
    frames, _ = stage.turn()
    if frames:
        stage.step(frames)
    return set(frames)


def test_a_session_alone_is_stepped_at_once(stage: Stage, tone: Tone) -> None:
    one = Listener(stage)
    assert stage.turn() == ({}, None)
    stage.feed(one.slot, tone(1))
    assert turn(stage) == {one.slot}
    assert [said.pcm for said in one.said] == [tone(1)]


def test_a_frame_waits_for_those_of_others_for_as_long_as_a_step_takes(stage: Stage, tone: Tone, clock: Time) -> None:
    one, two = Listener(stage), Listener(stage)
    for each in (one, two):
        stage.feed(each.slot, tone(0))
    assert turn(stage) == {one.slot, two.slot}
    stage.step_seconds = 0.03
    stage.feed(one.slot, tone(1))
    frames, wait = stage.turn()
    assert (frames, wait) == ({}, pytest.approx(0.03))
    stage.feed(two.slot, tone(2))
    assert turn(stage) == {one.slot, two.slot}
    stage.step_seconds = 0.03
    stage.feed(one.slot, tone(3))
    clock.now += 0.03
    assert turn(stage) == {one.slot}


def test_nobody_waits_for_a_session_that_has_not_spoken_yet(stage: Stage, tone: Tone) -> None:
    one, _ = Listener(stage), Listener(stage)
    stage.step_seconds = 0.05
    stage.feed(one.slot, tone(1))
    assert turn(stage) == {one.slot}


def test_a_row_is_reset_before_the_first_frame_of_each_session(stage: Stage, echo: Any, tone: Tone) -> None:
    for _ in range(2):
        one = Listener(stage)
        for number in range(2):
            stage.feed(one.slot, tone(number))
            turn(stage)
        stage.leave(one.slot)
    assert echo.resets == [[0], [0]]


def test_the_model_goes_on_when_a_microphone_stops(stage: Stage, tone: Tone, clock: Time) -> None:
    one = Listener(stage)
    stage.feed(one.slot, tone(1))
    turn(stage)
    frames, wait = stage.turn()
    assert (frames, wait) == ({}, pytest.approx(PATIENCE))
    clock.now += PATIENCE
    assert turn(stage) == {one.slot}
    assert one.said[-1].pcm == bytes(FRAME_BYTES)
    stage.pause(one.slot)
    assert turn(stage) == {one.slot}


def test_overload_drops_the_oldest_frames_and_counts_them(stage: Stage, tone: Tone) -> None:
    one = Listener(stage)
    for number in range(5):
        stage.feed(one.slot, tone(number))
    while turn(stage):
        pass
    assert [said.pcm for said in one.said] == [tone(number) for number in (2, 3, 4)]
    assert one.slot.dropped_frames == 2
    stage.leave(one.slot)
    stage.leave(one.slot)
    assert stage.dropped_frames == 2


def test_more_sessions_than_slots_are_refused_with_the_remedy(stage: Stage) -> None:
    one, _ = Listener(stage), Listener(stage)
    with pytest.raises(EngineUnavailable, match=r"all 2 slots are taken: .*set more slots"):
        Listener(stage)
    stage.leave(one.slot)
    assert Listener(stage).slot.row == one.slot.row
    assert stage.sessions == 2


@given(
    data=st.lists(
        st.one_of(
            st.tuples(st.just("join"), st.integers(0, 2)),
            st.tuples(st.just("leave"), st.integers(0, 2)),
            st.tuples(st.just("feed"), st.integers(0, 2)),
            st.tuples(st.just("time"), st.floats(0, 0.1)),
            st.tuples(st.just("turn"), st.just(0)),
        ),
        max_size=60,
    )
)
def test_every_session_hears_its_own_frames_in_order(new_echo: Any, tone: Tone, data: list[Any]) -> None:
    clock = Time()
    stage = Stage(new_echo(3), 1e6, clock)
    sessions: dict[int, Listener] = {}
    fed: dict[int, list[bytes]] = {}
    for action, value in data:
        if action == "join" and value not in sessions:
            sessions[value], fed[value] = Listener(stage), []
        elif action == "leave" and value in sessions:
            stage.leave(sessions.pop(value).slot)
        elif action == "feed" and value in sessions:
            fed[value].append(tone(len(fed[value])))
            stage.feed(sessions[value].slot, fed[value][-1])
        elif action == "time":
            clock.now += value
        elif action == "turn":
            turn(stage)
    while any(session.slot.ready_since is not None for session in sessions.values()):
        clock.now += FRAME_SECONDS
        turn(stage)
    for number, session in sessions.items():
        heard = [said.pcm for said in session.said if any(said.pcm)]
        assert heard == fed[number]
        assert all(f"row{session.slot.row}".encode() in said.text for said in session.said if any(said.pcm))


class TestItsThread:
    @pytest.fixture
    def running(self, echo: Any) -> Any:
        stage = Stage(echo, 5.0)
        stage.start()
        yield stage
        echo.gate.set()
        stage.close()

    def test_it_warms_every_row_and_measures(self, running: Stage, echo: Any) -> None:
        assert echo.stepped[0] == {0, 1}
        assert 0 < running.step_seconds < 1

    def test_a_slow_model_is_said(self, echo: Any, caplog: pytest.LogCaptureFixture) -> None:
        echo.step = lambda frames: time.sleep(FRAME_SECONDS + 0.001) or {}
        stage = Stage(echo, 5.0)
        stage.start()
        stage.close()
        assert "set fewer slots" in caplog.text

    def test_who_joins_while_a_step_runs_gets_nothing_of_it(self, running: Stage, echo: Any, tone: Tone) -> None:
        one = Listener(running)
        echo.gate.clear()
        echo.entered.clear()
        running.feed(one.slot, tone(1))
        assert echo.entered.wait(5)
        running.leave(one.slot)
        two = Listener(running)
        assert two.slot.row == one.slot.row
        done = threading.Event()
        two.slot._deliver = lambda said: (two.said.append(said), done.set())[0]
        running.feed(two.slot, tone(2))
        echo.gate.set()
        assert done.wait(5)
        assert two.said[0].pcm == tone(2)
        assert echo.resets[-1] == [two.slot.row]

    def test_a_failure_is_told_to_all_and_nobody_gets_in_any_more(self, running: Stage, echo: Any, tone: Tone) -> None:
        one, two = Listener(running), Listener(running)
        failed = threading.Event()
        two.slot.fail = lambda error: (two.errors.append(error), failed.set())[0]
        echo.error = RuntimeError("no memory left on the device")
        running.feed(one.slot, tone(1))
        assert failed.wait(5)
        assert one.errors == two.errors == [echo.error]
        with pytest.raises(EngineUnavailable, match="no memory left on the device"):
            Listener(running)

    def test_closing_twice_is_closing(self, running: Stage) -> None:
        running.close()
        running.close()
        assert "moshi" not in [thread.name for thread in threading.enumerate()]
