"""Every sound of the model is marked, none is lost, and everything else passes as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.watermark import DEFAULT_KEY, MAX_HELD_SAMPLES, RATE, detect, embed
from antiphon.calls.marking import Marker
from antiphon.live.events import (
    OUTPUT_RATE,
    ActivityStarted,
    Failure,
    GenerationComplete,
    InputTranscript,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Speech,
    ToolCalls,
)

SOUND = np.random.default_rng(0).normal(0, 3000, 8 * RATE).astype("<i2").tobytes()


def mark(marker: Marker, *events: ModelEvent) -> list[ModelEvent]:
    return [out for event in events for out in marker.mark(event)]


def heard(events: list[ModelEvent], generation: int = 1) -> bytes:
    return b"".join(event.pcm for event in events if isinstance(event, Speech) and event.generation == generation)


def spoken(generation: int, length: int = 20_000, chunk: int = 960, begin: int = 0) -> list[ModelEvent]:
    pcm = SOUND[begin : begin + length]
    return [Speech(generation, pcm[i : i + chunk]) for i in range(0, length, chunk)]


def test_speech_is_marked_at_the_rate_of_the_wire() -> None:
    assert RATE == OUTPUT_RATE
    events = mark(Marker(), *spoken(1, len(SOUND)), GenerationComplete(1))
    samples = np.frombuffer(heard(events), "<i2")
    assert detect(samples, OUTPUT_RATE, DEFAULT_KEY).verdict == "marked"


def test_it_is_marked_with_the_key_given() -> None:
    events = mark(Marker("mine"), *spoken(1), GenerationComplete(1))
    assert heard(events) == embed(SOUND[:20_000], "mine") != embed(SOUND[:20_000])


@pytest.mark.parametrize("end", [ToolCalls(1, ()), GenerationComplete(1), Failure("the line broke")])
def test_what_was_held_comes_before_the_end_of_the_speech(end: ModelEvent) -> None:
    marker = Marker()
    before = mark(marker, *spoken(1))
    assert len(heard(before)) < 20_000
    last = marker.mark(end)
    assert last[-1] is end
    assert len(heard([*before, *last])) == 20_000


def test_a_generation_goes_on_after_its_calls() -> None:
    first, second = spoken(1, 9_998), spoken(1, 7_777, begin=10_000)
    events = mark(Marker(), *first, ToolCalls(1, ()), *second, GenerationComplete(1))
    assert heard(events) == embed(SOUND[:9_998]) + embed(SOUND[10_000:17_777])


def test_nothing_is_held_twice() -> None:
    marker = Marker()
    mark(marker, *spoken(1), ToolCalls(1, ()))
    assert marker.mark(GenerationComplete(1)) == (GenerationComplete(1),)


@pytest.mark.parametrize(
    "event",
    [
        ActivityStarted(1.0),
        InputTranscript("hello", final=True),
        OutputTranscript(1, " there", 0.5),
        ModelText(1, "a thought", thought=True),
    ],
)
def test_other_events_pass_and_end_nothing(event: ModelEvent) -> None:
    marker = Marker()
    before = mark(marker, *spoken(1, 3000))
    assert marker.mark(event) == (event,)
    after = mark(marker, *spoken(1, 17_000, begin=3000), GenerationComplete(1))
    assert heard([*before, *after]) == embed(SOUND[:20_000])


def test_silent_generations_end_as_they_are() -> None:
    assert mark(Marker(), GenerationComplete(1), ToolCalls(2, ())) == [GenerationComplete(1), ToolCalls(2, ())]


class TestAnOlderGeneration:
    def test_leaves_nothing_to_the_next(self) -> None:
        events = mark(Marker(), *spoken(1), *spoken(2, begin=5000), GenerationComplete(2))
        assert heard(events, 2) == embed(SOUND[5000:25_000])

    def test_is_dead(self) -> None:
        marker = Marker()
        mark(marker, *spoken(2))
        assert mark(marker, *spoken(1)) == []

    @pytest.mark.parametrize("end", [ToolCalls(1, ()), GenerationComplete(1)])
    def test_does_not_end_the_next(self, end: ModelEvent) -> None:
        marker = Marker()
        before = mark(marker, *spoken(1), *spoken(2, 3000))
        assert marker.mark(end) == (end,)
        after = mark(marker, *spoken(2, 17_000, begin=3000), GenerationComplete(2))
        assert heard([*before, *after], 2) == embed(SOUND[:20_000])


steps = st.lists(st.tuples(st.sampled_from(["speech", "calls", "next", "complete"]), st.integers(0, 3000)), max_size=30)


@given(steps)
def test_no_sample_is_lost_or_late(steps: list[tuple[str, int]]) -> None:
    """Of any walk through generations: what an end is preceded by, and how much is held before."""
    marker, generation, given_in, out = Marker(), 1, 0, 0
    for kind, size in steps:
        if kind == "next":
            generation, given_in, out = generation + 1, 0, 0
            continue
        event: ModelEvent = {
            "speech": Speech(generation, SOUND[:size]),
            "calls": ToolCalls(generation, ()),
            "complete": GenerationComplete(generation),
        }[kind]
        events = marker.mark(event)
        assert all(type(e) is not Speech or (e.generation == generation and e.pcm) for e in events)
        given_in += size if kind == "speech" else 0
        out += len(heard(list(events), generation))
        assert 0 <= given_in - out <= 2 * MAX_HELD_SAMPLES + 1
        if kind != "speech":
            assert events[-1] is event
            assert out == given_in
