"""What a session's sound does on its way into the model."""

from collections.abc import Callable

import pytest

from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SECONDS, Said
from antiphon.engines.native.moshi.slots import PATIENCE, REST_FRAMES, Slot

SILENCE = bytes(FRAME_BYTES)
Tone = Callable[[int], bytes]


@pytest.fixture
def said() -> list[Said]:
    return []


@pytest.fixture
def slot(said: list[Said]) -> Slot:
    return Slot(0, 3, said.append, lambda error: None)


def test_frames_come_out_as_they_went_in(slot: Slot, tone: Tone) -> None:
    sound = tone(1) + tone(2)
    for begin in range(0, len(sound), 700):
        slot.feed(sound[begin : begin + 700], 1.0)
    assert slot.ready_since == 1.0
    assert slot.take(2.0) + slot.take(2.0) == sound
    assert slot.ready_since is None


def test_a_frame_left_behind_is_ready_since_the_one_before_was_taken(slot: Slot, tone: Tone) -> None:
    slot.feed(tone(1) + tone(2), 1.0)
    slot.take(5.0)
    assert slot.ready_since == 5.0


@pytest.mark.parametrize("extra", [1, FRAME_BYTES - 2, FRAME_BYTES, 2 * FRAME_BYTES])
def test_more_than_the_backlog_pushes_whole_old_frames_out(slot: Slot, tone: Tone, extra: int) -> None:
    slot.feed(tone(1) + tone(2) + tone(3), 0.0)
    slot.feed((tone(4) + tone(5))[:extra], 0.0)
    assert slot.dropped_frames == -(-extra // FRAME_BYTES)
    assert slot.take(0.0) == tone(1 + slot.dropped_frames)


def test_no_silence_before_the_first_sound(slot: Slot) -> None:
    slot.fill(1e9)
    assert (slot.ready_since, slot.awaited, slot.due) == (None, False, None)


def test_late_sound_is_silence_in_the_rhythm_of_frames(slot: Slot, tone: Tone) -> None:
    slot.feed(tone(1), 1.0)
    slot.take(1.0)
    slot.fill(1.0 + PATIENCE - 0.001)
    assert slot.ready_since is None
    for number in range(3):
        assert slot.due == pytest.approx(1.0 + PATIENCE + number * FRAME_SECONDS)
        slot.fill(slot.due or 0.0)
        assert slot.take(slot.due or 0.0) == SILENCE


def test_half_a_frame_is_completed(slot: Slot, tone: Tone) -> None:
    slot.feed(tone(1)[:1000], 0.0)
    slot.fill(PATIENCE)
    assert slot.take(PATIENCE) == tone(1)[:1000] + SILENCE[1000:]


def test_a_pause_waits_for_nothing(slot: Slot, tone: Tone) -> None:
    slot.feed(tone(1), 1.0)
    slot.take(1.0)
    slot.pause(1.0)
    slot.fill(1.0)
    assert slot.take(1.0) == SILENCE


def test_silence_that_nobody_asked_for_in_time_is_not_owed(slot: Slot, tone: Tone) -> None:
    slot.feed(tone(1), 0.0)
    slot.take(0.0)
    slot.fill(100.0)
    slot.take(100.0)
    assert slot.due is not None
    assert slot.due >= 100.0


def test_when_both_sides_are_silent_for_long_the_model_rests(slot: Slot, tone: Tone) -> None:
    slot.feed(tone(1), 0.0)
    slot.take(0.0)
    for _ in range(REST_FRAMES):
        assert slot.due is not None
        slot.fill(slot.due)
        slot.take(slot.due or 0.0)
        slot.hear(Said(SILENCE))
    assert (slot.awaited, slot.due) == (False, None)
    slot.feed(tone(2), 99.0)
    assert slot.ready_since == 99.0


def test_it_does_not_rest_while_the_model_speaks(slot: Slot, tone: Tone, said: list[Said]) -> None:
    slot.feed(tone(1), 0.0)
    slot.take(0.0)
    for _ in range(REST_FRAMES + 10):
        slot.fill(slot.due or 0.0)
        slot.take(slot.due or 0.0)
        slot.hear(Said(tone(1)))
    assert slot.awaited
    assert len(said) == REST_FRAMES + 10
