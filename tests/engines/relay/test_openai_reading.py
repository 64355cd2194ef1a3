"""Events of an OpenAI Realtime upstream, one after the other."""

import pybase64
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.relay.talking_openai import SETUP

from antiphon.engines.relay.openai_billing import Bill
from antiphon.engines.relay.openai_reading import Cut, Reader
from antiphon.live.events import (
    GenerationComplete,
    GenerationStarted,
    Interrupted,
    ModelEvent,
    OutputTranscript,
    Speech,
    ToolCalls,
    UserWords,
)
from antiphon.live.tokens import UpstreamUsage
from antiphon.wire.openai import realtime as wire

SOUND = pybase64.b64encode(bytes(9_600)).decode()
"""0.2 s."""


def reader(rate: int = 24_000, number: int = 0) -> Reader:
    bill = Bill(UpstreamUsage("", "m"), UpstreamUsage("", "t"), speaks=True)
    return Reader(SETUP, number, bill, place=lambda ms: (ms or 0.0) / 1000, rate=rate)


def read(subject: Reader, *events: wire.ServerEvent) -> list[ModelEvent]:
    return [told for event in events for told in subject.read(event)]


def created(name: str = "") -> wire.ResponseCreated:
    return wire.ResponseCreated(response=wire.Response(id=name))


def done(name: str = "", status: str = "completed") -> wire.ResponseDone:
    return wire.ResponseDone(response=wire.Response(id=name, status=status))


def sound(name: str = "", item: str = "i") -> wire.AudioDelta:
    return wire.AudioDelta(response_id=name, item_id=item, delta=SOUND)


@pytest.mark.parametrize("name", ["", "r1"])
def test_what_comes_late_of_an_interrupted_answer_is_dropped(name: str) -> None:
    subject = reader()
    assert read(subject, created(name), sound(name)) == [GenerationStarted(1), Speech(1, bytes(9_600))]
    assert subject.interrupt() == [Interrupted(1)]
    assert subject.interrupt() == []
    assert read(subject, sound(name), done(name, "cancelled"), sound(name)) == []
    assert read(subject, created("r2"), sound("r2"))[0] == GenerationStarted(2)


def test_an_answer_whose_beginning_or_end_is_left_out() -> None:
    subject = reader()
    assert read(subject, sound("r1"))[0] == GenerationStarted(1)
    assert read(subject, created("r2")) == [GenerationComplete(1), GenerationStarted(2)]
    # The end of the first, late.
    assert read(subject, done("r1")) == []
    assert read(subject, done("r2")) == [GenerationComplete(2)]


def test_a_call_in_every_way_that_it_may_be_told() -> None:
    item = wire.Item(id="i", type="function_call", name="f", call_id="c", arguments="", status="in_progress")
    whole = wire.Item(id="i", type="function_call", name="f", call_id="c", arguments='{"x":1}', status="completed")
    ways: list[list[wire.ServerEvent]] = [
        [wire.OutputItem(item=item), wire.FunctionCallDone(item_id="i", call_id="c", arguments='{"x":1}')],
        [wire.FunctionCallDone(item_id="i", call_id="c", name="f", arguments='{"x":1}')],
        [wire.OutputItem(item=whole)],
        [wire.OutputItem(item=item), wire.FunctionCallDone(item_id="i", call_id="c", arguments='{"x":1}'),
         wire.OutputItem(item=whole)],
        [],
    ]  # fmt: skip
    for way in ways:
        subject = reader()
        end = wire.ResponseDone(response=wire.Response(status="completed", output=[whole]))
        (_, called) = read(subject, created(), *way, end)
        assert isinstance(called, ToolCalls)
        assert [(call.id, call.name, call.args) for call in called.calls] == [("c", "f", {"x": 1})]


def test_words_of_two_utterances_are_two_words() -> None:
    subject = reader()
    told = read(
        subject,
        wire.InputTranscriptDelta(item_id="a", delta="Hel"),
        wire.InputTranscriptCompleted(item_id="a", transcript="Hello"),
        wire.InputTranscriptCompleted(item_id="a", transcript="Hello"),
        wire.InputTranscriptCompleted(item_id="b", transcript="there."),
        wire.InputTranscriptFailed(item_id="c"),
    )
    assert told == [
        UserWords("Hel"),
        UserWords("lo", finished=True),
        UserWords(" there.", finished=True),
        UserWords("", finished=True),
    ]
    # An answer begins: what is said next is another turn.
    read(subject, created("r"), done("r"))
    assert read(subject, wire.InputTranscriptCompleted(item_id="d", transcript="Yes.")) == [UserWords("Yes.", True)]


def test_sound_at_another_rate_and_in_odd_pieces() -> None:
    subject = reader(16_000)
    pieces = [wire.AudioDelta(delta=pybase64.b64encode(bytes(1_001)).decode()) for _ in range(40)]
    made = [each for each in read(subject, created(), *pieces) if isinstance(each, Speech)]
    assert all(len(each.pcm) % 2 == 0 for each in made)
    # Conversion lags by some 20 ms.
    assert sum(len(each.pcm) for each in made) / 48_000 == pytest.approx(40_040 / 32_000, abs=0.03)


@given(
    heard=st.floats(0, 2),
    lasts=st.lists(st.integers(1, 4), min_size=1, max_size=4),
)
def test_what_is_kept_is_what_was_heard(heard: float, lasts: list[int]) -> None:
    subject = reader()
    read(subject, created("r"), *[sound("r", f"i{n}") for n, count in enumerate(lasts) for _ in range(count)])
    subject.interrupt()
    cuts = {cut.item_id: cut.ms for cut in subject.cuts(1, heard)}
    kept = sum(cuts.get(f"i{n}", count * 200) for n, count in enumerate(lasts))
    assert kept == pytest.approx(min(heard * 1000, sum(lasts) * 200), abs=len(lasts) + 1)
    assert subject.cuts(1, heard) == []


def test_nothing_is_cut_of_another_answer() -> None:
    subject = reader()
    read(subject, created("r"), sound("r"))
    subject.interrupt()
    read(subject, done("r", "cancelled"), created("s"), sound("s"))
    assert subject.cuts(2, 0.0) == []
    assert subject.cuts(1, 0.1) == [Cut("i", 0, 100)]


def test_what_another_upstream_said_may_still_be_heard() -> None:
    assert read(reader(number=4), wire.SpeechStarted(audio_start_ms=0))[1:] == [Interrupted(4)]
    assert read(reader(number=0), wire.SpeechStarted(audio_start_ms=0))[1:] == []


@given(st.lists(st.sampled_from(["sound", "delta", "done"]), max_size=12))
def test_all_words_are_told_in_order_and_none_after_the_sound(steps: list[str]) -> None:
    subject = reader()
    said = ""
    events: list[wire.ServerEvent] = [created("r")]
    for number, step in enumerate(steps):
        if step == "sound":
            events.append(sound("r"))
        elif step == "delta":
            said += f"word{number} "
            events.append(wire.AudioTranscriptDelta(response_id="r", item_id="i", delta=f"word{number} "))
        else:
            events.append(wire.AudioTranscriptDone(response_id="r", item_id="i", transcript=said))
    told = [each for each in read(subject, *events, done("r")) if isinstance(each, OutputTranscript)]
    assert "".join(each.text for each in told) == said
    assert [each.offset for each in told] == sorted(each.offset for each in told)
    assert all(each.offset < subject.seconds for each in told) or not subject.seconds
