from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.audio.activity import (
    _TRANSITIONS,
    ActivityConfig,
    ActivityDetector,
    Signal,
    SpeechEnded,
    SpeechEvent,
    SpeechHeld,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    State,
)
from antiphon.audio.frames import FRAME_MS, FRAME_SAMPLES, frames_for
from antiphon.audio.silero import load_silero

Samples = NDArray[np.int16]

F = FRAME_SAMPLES
CONFIG = ActivityConfig(prefix_padding_ms=96, silence_ms=320, speculate_ms=160)  # 3, 10 and 5 frames


def run(detector: ActivityDetector, pattern: str) -> list[SpeechEvent]:
    """Feed a pattern: ``x`` speech, ``.`` silence, ``-`` in between, ``!`` flush."""
    levels = {"x": 0.9, ".": 0.1, "-": 0.42}
    found = [detector.flush() if sign == "!" else detector.feed(levels[sign]) for sign in pattern]
    return [event for event in found if event is not None]


def test_silence_decides_nothing() -> None:
    detector = ActivityDetector(CONFIG)
    assert run(detector, "." * 100) == []
    assert not detector.speaking
    assert detector.now == 100 * F


def test_an_utterance_from_start_to_end() -> None:
    detector = ActivityDetector(CONFIG)
    assert run(detector, "." * 10 + "xxx") == [SpeechStarted(7 * F, 13 * F)]
    assert detector.speaking
    assert run(detector, "x" * 7 + "." * 5) == [SpeechPaused(25 * F)]
    assert detector.state is State.PAUSED
    assert run(detector, "." * 5) == [SpeechEnded(20 * F, 30 * F)]
    assert not detector.speaking


def test_look_back_stops_at_the_beginning_of_the_stream() -> None:
    assert run(ActivityDetector(CONFIG), ".xxx") == [SpeechStarted(0, 4 * F)]


def test_look_back_stops_at_the_decision_before() -> None:
    events = run(ActivityDetector(CONFIG), "xxx" + "." * 11 + "xxx")
    assert events[-2:] == [SpeechEnded(3 * F, 13 * F), SpeechStarted(13 * F, 17 * F)]


def test_a_pause_may_end_in_more_speech() -> None:
    events = run(ActivityDetector(CONFIG), "xxx" + "." * 6 + "x" + "." * 10)
    assert events[1:] == [
        SpeechPaused(8 * F),
        SpeechResumed(10 * F),
        SpeechPaused(15 * F),
        SpeechEnded(10 * F, 20 * F),
    ]


def test_a_gap_shorter_than_a_pause_is_no_event() -> None:
    assert run(ActivityDetector(CONFIG), "xxx....xxx....xxx") == [SpeechStarted(0, 3 * F)]


def test_a_click_is_no_speech() -> None:
    detector = ActivityDetector(CONFIG)
    assert run(detector, "..x...xx..") == []
    assert run(detector, "x") == []
    assert detector.state is State.RISING


def test_between_the_thresholds_nothing_changes() -> None:
    assert run(ActivityDetector(CONFIG), "-" * 50) == []
    assert run(ActivityDetector(CONFIG), "x--") == [SpeechStarted(0, 3 * F)]
    assert run(ActivityDetector(CONFIG), "xxx" + "-" * 50) == [SpeechStarted(0, 3 * F)]
    assert run(ActivityDetector(CONFIG), "xxx." + "-" * 9)[-1] == SpeechEnded(3 * F, 13 * F)


def test_thresholds_are_inclusive_above_and_exclusive_below() -> None:
    detector = ActivityDetector(ActivityConfig(prefix_padding_ms=0, silence_ms=32))
    assert detector.feed(0.4999) is None
    assert detector.feed(0.5) == SpeechStarted(F, 2 * F)
    assert detector.feed(0.35) is None
    assert detector.feed(0.3499) == SpeechEnded(3 * F, 4 * F)


def test_no_padding_starts_on_the_first_voiced_frame() -> None:
    detector = ActivityDetector(ActivityConfig(prefix_padding_ms=0))
    assert run(detector, "...x") == [SpeechStarted(3 * F, 4 * F)]


def test_silence_no_longer_than_the_pause_ends_at_once() -> None:
    config = ActivityConfig(prefix_padding_ms=0, silence_ms=160, speculate_ms=160)
    assert run(ActivityDetector(config), "x" + "." * 5) == [SpeechStarted(0, F), SpeechEnded(F, 6 * F)]


def test_no_silence_at_all_still_takes_a_frame_of_it() -> None:
    config = ActivityConfig(prefix_padding_ms=0, silence_ms=0)
    assert run(ActivityDetector(config), "xx.") == [SpeechStarted(0, F), SpeechEnded(2 * F, 3 * F)]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("." * 5, None),
        ("..xx", None),
        ("xxxx", SpeechEnded(4 * F, 4 * F)),
        ("xxxx..", SpeechEnded(4 * F, 6 * F)),
        ("xxxx" + "." * 7, SpeechEnded(4 * F, 11 * F)),
    ],
)
def test_a_flush_ends_open_speech_at_once(before: str, expected: SpeechEnded | None) -> None:
    detector = ActivityDetector(CONFIG)
    run(detector, before)
    assert detector.flush() == expected
    assert detector.state is State.SILENT
    assert detector.flush() is None


def test_after_a_flush_a_voiced_run_counts_afresh() -> None:
    detector = ActivityDetector(CONFIG)
    assert run(detector, "xxxxx!xx")[-1] == SpeechEnded(5 * F, 5 * F)
    assert run(detector, "x") == [SpeechStarted(5 * F, 8 * F)]


def test_an_extended_pause_lasts_longer_by_so_much() -> None:
    detector = ActivityDetector(CONFIG)
    run(detector, "xxx" + "." * 5)
    assert detector.extend(100) is None  # 4 frames
    assert run(detector, "." * 8) == [SpeechHeld(13 * F)]
    assert detector.state is State.HELD
    assert run(detector, ".") == [SpeechEnded(3 * F, 17 * F)]


def test_speech_held_open_may_go_on_and_its_next_pause_is_an_ordinary_one() -> None:
    detector = ActivityDetector(CONFIG)
    run(detector, "xxx" + "." * 5)
    detector.extend(320)
    assert run(detector, "." * 10 + "x") == [SpeechHeld(13 * F), SpeechResumed(19 * F)]
    assert run(detector, "." * 10) == [SpeechPaused(24 * F), SpeechEnded(19 * F, 29 * F)]


def test_an_extension_taken_back_in_time_changes_nothing() -> None:
    detector = ActivityDetector(CONFIG)
    run(detector, "xxx" + "." * 5)
    detector.extend(320)
    assert detector.extend(0) is None
    assert run(detector, "." * 5) == [SpeechEnded(3 * F, 13 * F)]


def test_an_extension_taken_back_late_ends_the_speech_at_once() -> None:
    detector = ActivityDetector(CONFIG)
    run(detector, "xxx" + "." * 5)
    detector.extend(320)
    run(detector, "." * 7)
    assert detector.extend(0) == SpeechEnded(3 * F, 15 * F)
    assert detector.state is State.SILENT
    assert run(detector, "xxx") == [SpeechStarted(15 * F, 18 * F)]


@pytest.mark.parametrize("before", ["", "xx", "xxxx", "xxxx....", "xxx" + "." * 10])
def test_only_a_pause_can_be_extended(before: str) -> None:
    plain, extended = ActivityDetector(CONFIG), ActivityDetector(CONFIG)
    run(plain, before)
    run(extended, before)
    assert extended.extend(320) is None
    after = "xxx" + "." * 12
    assert run(extended, after) == run(plain, after)


def test_a_flush_ends_speech_that_is_held() -> None:
    detector = ActivityDetector(CONFIG)
    run(detector, "xxx" + "." * 5)
    detector.extend(1000)
    run(detector, "." * 20)
    assert detector.flush() == SpeechEnded(3 * F, 28 * F)


def test_lost_sound_moves_the_clock_only() -> None:
    detector = ActivityDetector(CONFIG)
    detector.skip(1000)
    assert run(detector, "." * 10 + "xxx") == [SpeechStarted(1000 + 7 * F, 1000 + 13 * F)]
    run(detector, "..")
    detector.skip(16_000)
    assert run(detector, "." * 8)[-1] == SpeechEnded(1000 + 13 * F, 17_000 + 23 * F)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"start_threshold": 0.3}, "thresholds"),
        ({"end_threshold": 0.0}, "thresholds"),
        ({"start_threshold": 1.1}, "thresholds"),
        ({"silence_ms": -1}, "silence_ms"),
        ({"prefix_padding_ms": -1}, "prefix_padding_ms"),
        ({"speculate_ms": -1}, "speculate_ms"),
    ],
)
def test_impossible_settings_are_named(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        ActivityConfig(**settings)


def test_the_table_is_complete() -> None:
    assert set(_TRANSITIONS) == set(State)
    assert all(len(row) == len(Signal) for row in _TRANSITIONS.values())


# --- random walks ---------------------------------------------------------------------------------------------

CONFIGS = st.builds(
    ActivityConfig,
    start_threshold=st.sampled_from([0.5, 0.7]),
    prefix_padding_ms=st.integers(0, 200),
    silence_ms=st.integers(0, 400),
    speculate_ms=st.integers(0, 400),
)
# Runs of one level, so that walks get somewhere; None is a flush, an integer lost sound, a string an extension.
LEVELS = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.6, 0.4]))
RUNS = st.tuples(LEVELS, st.integers(1, 15)).map(lambda pair: [pair[0]] * pair[1])
EXTENSIONS = st.sampled_from([["0"], ["100"], ["400"]])
WALKS = st.lists(
    st.one_of(RUNS, RUNS, st.just([None]), st.integers(2, 2000).map(lambda n: [n]), EXTENSIONS), max_size=40
).map(lambda runs: [step for part in runs for step in part])


def take(detector: ActivityDetector, step: float | int | str | None) -> SpeechEvent | None:
    match step:
        case None:
            return detector.flush()
        case str():
            return detector.extend(int(step))
        case int():
            return detector.skip(step)
        case _:
            return detector.feed(step)


def walk(detector: ActivityDetector, steps: Iterable[float | int | str | None]) -> list[SpeechEvent]:
    events = []
    for step in steps:
        event = take(detector, step)
        if event is not None:
            events.append(event)
            assert samples_of(event)[-1] == detector.now
    return events


def samples_of(event: SpeechEvent) -> list[int]:
    return [getattr(event, name) for name in event.__struct_fields__]


FOLLOWERS: dict[type[SpeechEvent] | None, set[type[SpeechEvent]]] = {
    None: {SpeechStarted},
    SpeechStarted: {SpeechPaused, SpeechEnded},
    SpeechPaused: {SpeechHeld, SpeechResumed, SpeechEnded},
    SpeechHeld: {SpeechResumed, SpeechEnded},
    SpeechResumed: {SpeechPaused, SpeechEnded},
    SpeechEnded: {SpeechStarted},
}


@given(CONFIGS, WALKS)
def test_events_come_in_order_and_samples_never_run_back(config: ActivityConfig, steps: list[float | None]) -> None:
    events = walk(ActivityDetector(config), steps)
    last: type[SpeechEvent] | None = None
    for event in events:
        assert type(event) in FOLLOWERS[last]
        last = type(event)
    decided = [samples_of(event)[-1] for event in events]
    assert decided == sorted(decided)
    turns = [sample for event in events if len(samples_of(event)) == 2 for sample in samples_of(event)]
    bounds = list(zip(turns[::2], turns[1::2], strict=True))
    assert all(first <= second for first, second in bounds)
    starts = [event for event in events if isinstance(event, SpeechStarted)]
    ends = [event for event in events if isinstance(event, SpeechEnded)]
    assert all(start.onset_sample < end.end_of_speech_sample for start, end in zip(starts, ends, strict=False))
    assert all(end.decided_sample <= start.onset_sample for end, start in zip(ends, starts[1:], strict=False))


@given(CONFIGS, st.integers(0, 400), st.integers(1, 20))
def test_exactly_the_silence_asked_for_ends_speech(config: ActivityConfig, before: int, spoken: int) -> None:
    detector = ActivityDetector(config)
    walk(detector, [0.0] * before + [1.0] * (max(1, frames_for(config.prefix_padding_ms)) + spoken))
    assert detector.speaking
    needed = max(1, frames_for(config.silence_ms))
    assert 0 <= needed * FRAME_MS - config.silence_ms <= FRAME_MS
    silence_began = detector.now
    assert not any(isinstance(event, SpeechEnded) for event in walk(detector, [0.0] * (needed - 1)))
    assert walk(detector, [0.0]) == [SpeechEnded(silence_began, detector.now)]


@given(CONFIGS, st.integers(0, 2000))
def test_exactly_the_extension_asked_for_is_waited(config: ActivityConfig, extension: int) -> None:
    detector = ActivityDetector(config)
    walk(detector, [1.0] * max(1, frames_for(config.prefix_padding_ms)))
    began = detector.now
    while detector.state is not State.PAUSED and detector.speaking:
        walk(detector, [0.0])
    assume(detector.speaking)
    needed = max(1, frames_for(config.silence_ms)) + frames_for(extension)
    detector.extend(extension)
    events = walk(detector, [0.0] * (needed - (detector.now - began) // F))
    assert events[-1] == SpeechEnded(began, began + needed * F)
    assert not any(isinstance(event, SpeechEnded) for event in events[:-1])


@given(CONFIGS, st.lists(st.tuples(st.integers(1, 10), st.integers(1, 30)), max_size=20))
def test_shorter_silences_never_end_speech(config: ActivityConfig, gaps: list[tuple[int, int]]) -> None:
    longest = max(1, frames_for(config.silence_ms)) - 1
    detector = ActivityDetector(config)
    walk(detector, [1.0] * max(1, frames_for(config.prefix_padding_ms)))
    for spoken, gap in gaps:
        walk(detector, [0.0] * min(gap, longest) + [1.0] * spoken)
        assert detector.speaking


@given(CONFIGS, st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10)), max_size=20))
def test_shorter_sounds_never_start_speech(config: ActivityConfig, clicks: list[tuple[int, int]]) -> None:
    longest = max(1, frames_for(config.prefix_padding_ms)) - 1
    steps = [step for sound, gap in clicks for step in [1.0] * min(sound, longest) + [0.0] * gap]
    assert walk(ActivityDetector(config), steps) == []


# --- real speech ----------------------------------------------------------------------------------------------


def decisions(samples: Samples, config: ActivityConfig) -> list[SpeechEvent]:
    vad, detector = load_silero(), ActivityDetector(config)
    state = vad.state()
    frames = samples[: len(samples) // F * F].reshape(-1, 1, F)
    return walk(detector, [float(vad.probabilities([state], frame)[0]) for frame in frames])


def test_a_quiet_room_holds_no_speech(room_noise: Samples) -> None:
    assert decisions(room_noise, ActivityConfig()) == []
    assert decisions(np.zeros(64_000, np.int16), ActivityConfig()) == []


@pytest.mark.parametrize("noisy", [False, True])
def test_a_sentence_is_found(sentence: Samples, room_noise: Samples, noisy: bool) -> None:
    quiet = np.zeros(16_000, np.int16)
    samples = np.concatenate([quiet, sentence, quiet])
    if noisy:
        samples = samples + np.resize(room_noise, len(samples))
    events = decisions(samples, ActivityConfig())
    started, *_, ended = events
    assert sum(isinstance(event, SpeechStarted) for event in events) == 1
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    begin, end = 16_000, 16_000 + len(sentence)
    assert begin - 2400 <= started.onset_sample <= begin + 800
    assert started.decided_sample - begin <= 2400 + 2 * F  # within 150 ms and what frames add
    assert abs(ended.end_of_speech_sample - end) <= 2400
    assert ended.decided_sample == ended.end_of_speech_sample + frames_for(500) * F
    assert any(isinstance(event, SpeechPaused) for event in events)


def test_two_sentences_are_two_turns(sentence: Samples) -> None:
    gap = np.zeros(24_000, np.int16)
    events = decisions(np.concatenate([gap, sentence, gap, sentence, gap]), ActivityConfig())
    kinds = [type(event) for event in events if not isinstance(event, SpeechPaused | SpeechResumed)]
    assert kinds == [SpeechStarted, SpeechEnded] * 2
