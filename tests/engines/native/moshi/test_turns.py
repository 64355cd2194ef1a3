"""Where an answer begins and ends in a stream of frames."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.native.moshi.frames import FRAME_BYTES, FRAME_SECONDS, Said
from antiphon.engines.native.moshi.turns import Turns
from antiphon.live.events import GenerationComplete, GenerationStarted, ModelEvent, OutputTranscript, Speech

Tone = Callable[[int], bytes]
QUIET = Said(bytes(FRAME_BYTES))
END = 4 * FRAME_SECONDS


def run(turns: Turns, *frames: Said) -> list[ModelEvent]:
    """All events of these frames."""
    return [event for said in frames for event in turns.take(said)]


@pytest.fixture
def turns() -> Turns:
    return Turns(5, END)


def test_words_begin_an_answer_and_silence_ends_it(turns: Turns, tone: Tone) -> None:
    said = [Said(tone(0), b" Hello"), Said(tone(1)), Said(tone(2), b" you")]
    events = run(turns, QUIET, QUIET, *said, *[QUIET] * 4)
    assert events[0] == GenerationStarted(5)
    assert events[-1] == GenerationComplete(5)
    lead = bytes(FRAME_BYTES)
    spoken = b"".join(event.pcm for event in events if isinstance(event, Speech))
    assert spoken == lead + b"".join(each.pcm for each in said) + 4 * lead
    words = [(event.text, event.offset) for event in events if isinstance(event, OutputTranscript)]
    assert words == [("Hello", pytest.approx(FRAME_SECONDS)), (" you", pytest.approx(3 * FRAME_SECONDS))]
    assert run(turns, QUIET) == []


def test_a_click_is_no_answer_but_sound_without_words_is_one(turns: Turns, tone: Tone) -> None:
    assert run(turns, QUIET, Said(tone(0)), QUIET, QUIET) == []
    events = run(turns, QUIET, Said(tone(1)), Said(tone(2)))
    assert events[0] == GenerationStarted(5)
    assert [event.pcm for event in events if isinstance(event, Speech)] == [bytes(FRAME_BYTES), tone(1), tone(2)]


def test_a_short_pause_is_passed_on_and_ends_nothing(turns: Turns, tone: Tone) -> None:
    events = run(turns, Said(tone(0), b"a"), *[QUIET] * 3, Said(tone(0), b" b"), *[QUIET] * 3)
    assert sum(isinstance(event, Speech) for event in events) == 8
    assert not any(isinstance(event, GenerationComplete) for event in events)


def test_answers_are_numbered_upwards(turns: Turns, tone: Tone) -> None:
    one = [Said(tone(0), b"a"), *[QUIET] * 4]
    events = run(turns, *one, *one)
    started = [event.generation for event in events if isinstance(event, GenerationStarted)]
    ended = [event.generation for event in events if isinstance(event, GenerationComplete)]
    assert started == ended == [5, 6]


def test_what_is_interrupted_is_silent_until_the_model_pauses(turns: Turns, tone: Tone) -> None:
    run(turns, Said(tone(0), b"a"))
    turns.interrupt(6)
    assert run(turns, *[Said(tone(0), b"b")] * 10, *[QUIET] * 3, Said(tone(0), b"c")) == []
    events = run(turns, *[QUIET] * 4, Said(tone(0), b" d"))
    assert events[0] == GenerationStarted(6)
    assert OutputTranscript(6, "d", FRAME_SECONDS) in events


def test_an_interruption_of_nothing_changes_nothing_but_numbers(turns: Turns, tone: Tone) -> None:
    turns.interrupt(5)
    turns.interrupt(2)
    assert run(turns, Said(tone(0), b"a"))[0] == GenerationStarted(5)
    turns.interrupt(5)
    assert run(turns, Said(tone(0), b" b"))[0] == Speech(5, tone(0))
    turns.interrupt(9)
    assert run(turns, *[QUIET] * 4, Said(tone(0), b"a"))[0] == GenerationStarted(9)


def test_a_character_may_be_spread_over_frames(turns: Turns, tone: Tone) -> None:
    umlaut = "ä".encode()
    events = run(turns, Said(tone(0), umlaut[:1]), Said(tone(0), umlaut[1:] + b"h"), Said(tone(0), b"\xff"))
    assert (
        "".join(event.text for event in events if isinstance(event, OutputTranscript)) == "äh\N{REPLACEMENT CHARACTER}"
    )


FRAMES = st.lists(st.sampled_from(["quiet", "sound", "word", "interrupt"]), max_size=80)


@given(FRAMES)
def test_every_answer_has_one_beginning_at_most_one_end_and_nothing_outside(tone: Tone, frames: list[str]) -> None:
    turns, number, open_answer, dead = Turns(1, END), 0, False, 0
    made = {"quiet": QUIET, "sound": Said(tone(0)), "word": Said(tone(0), b" w")}
    for frame in frames:
        if frame == "interrupt":
            dead, open_answer = number, False
            turns.interrupt(number + 1)
            continue
        for event in turns.take(made[frame]):
            match event:
                case GenerationStarted(generation):
                    assert not open_answer
                    assert generation == number + 1
                    number, open_answer = generation, True
                case GenerationComplete(generation):
                    assert open_answer
                    assert generation == number > dead
                    open_answer = False
                case _:
                    assert open_answer
                    assert getattr(event, "generation", None) == number
