from collections import deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.espeak import worker
from antiphon.engines.cascade.espeak.library import Espeak, WordEvent
from antiphon.engines.cascade.espeak.order import SAMPLE_RATE, Delivery, Order
from antiphon.engines.cascade.espeak.worker import CHUNK, FIRST_CHUNK, Resampler, Speech, perform, run

PLAIN = Delivery("en-us", 170, 50, 50, 60)
BLOCK = SAMPLE_RATE * 2 * 60 // 1000
"""Samples that may become ready at once: espeak-ng gives no less than 60 ms, soxr holds some of it back."""


class ScriptedPipe:
    """Stands for the server: hands out what it has, keeps what it is sent."""

    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.incoming = deque(incoming)
        self.sent: list[dict[str, Any]] = []
        self.cancel_after: tuple[int, int] | None = None

    def pending(self) -> bool:
        if self.cancel_after is not None and len(self.sent) >= self.cancel_after[0]:
            self.incoming.append({"cancel": self.cancel_after[1]})
            self.cancel_after = None
        return bool(self.incoming)

    def receive(self) -> dict[str, Any] | None:
        return self.incoming.popleft() if self.incoming else None

    def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


def order(text: str, number: int = 1, *, end_pause: bool = False, delivery: Delivery = PLAIN) -> Order:
    return Order(number, text, delivery, end_pause)


def performed(espeak: Espeak, text: str, **options: Any) -> list[dict[str, Any]]:
    pipe = ScriptedPipe()
    perform(espeak, order(text, **options), pipe)  # type: ignore[arg-type]
    return pipe.sent


def samples(message: dict[str, Any]) -> int:
    return len(message["pcm"]) // 2


def test_the_first_chunk_is_short_and_later_ones_are_not(espeak: Espeak) -> None:
    *chunks, done = performed(espeak, "Turn on the lights in the living room, please.")
    assert done == {"id": 1, "done": True}
    assert FIRST_CHUNK <= samples(chunks[0]) < FIRST_CHUNK + BLOCK
    assert all(CHUNK <= samples(chunk) < CHUNK + BLOCK for chunk in chunks[1:-1])
    assert len(chunks) > 5


def test_speech_begins_with_its_first_sample(espeak: Espeak) -> None:
    first = performed(espeak, "“Hello”")[0]
    loud = np.abs(np.frombuffer(first["pcm"], "<i2").astype(int)) > 64
    assert np.flatnonzero(loud)[0] < SAMPLE_RATE * 5 // 1000


def test_words_lie_in_the_chunk_they_begin_in(espeak: Espeak) -> None:
    *chunks, _ = performed(espeak, "Turn on the lights in the living room, please.")
    begin = 0
    for chunk in chunks:
        assert all(begin <= sample < begin + samples(chunk) for _, _, sample in chunk["words"])
        begin += samples(chunk)
    assert sum(len(chunk["words"]) for chunk in chunks) > 5


def test_words_cover_the_text(espeak: Espeak) -> None:
    text = "  “Well-known”, it’s $3.50 (i.e. 3,50) at 10:30 - yes! …"
    marks = [mark for message in performed(espeak, text)[:-1] for mark in message["words"]]
    assert [start for start, _, _ in marks] == [0] + [end for _, end, _ in marks[:-1]]
    assert marks[-1][1] == len(text)


def test_a_text_that_is_not_pronounced_is_reported_without_sound(espeak: Espeak) -> None:
    assert performed(espeak, "...") == [{"id": 1, "pcm": b"", "words": [(0, 3, 0)]}, {"id": 1, "done": True}]


def test_a_cancel_stops_the_synthesis(espeak: Espeak) -> None:
    pipe = ScriptedPipe()
    pipe.cancel_after = (1, 1)
    perform(espeak, order("One two three four five six. " * 10), pipe)  # type: ignore[arg-type]
    assert [set(message) for message in pipe.sent] == [{"id", "pcm", "words"}, {"id", "done"}]


def test_a_cancel_of_an_earlier_order_is_dropped(espeak: Espeak) -> None:
    pipe = ScriptedPipe({"cancel": 7})
    perform(espeak, order("Hello there", 8), pipe)  # type: ignore[arg-type]
    assert [word[:2] for message in pipe.sent[:-1] for word in message["words"]] == [(0, 6), (6, 11)]
    assert sum(samples(message) for message in pipe.sent[:-1]) > SAMPLE_RATE // 2


def test_the_end_of_the_server_stops_the_synthesis(espeak: Espeak) -> None:
    pipe = ScriptedPipe()
    pipe.pending = lambda: True  # type: ignore[method-assign]
    perform(espeak, order("Hello there"), pipe)  # type: ignore[arg-type]
    assert pipe.sent == [{"id": 1, "done": True}]


def test_an_error_of_espeak_is_reported(espeak: Espeak) -> None:
    unknown = Delivery("no-such-voice", 170, 50, 50, 60)
    (done,) = performed(espeak, "Hello", delivery=unknown)
    assert "no-such-voice" in done["error"]


def test_orders_are_performed_in_turn_until_the_server_is_gone() -> None:
    asked = {"text": "Hello", "end_pause": False}
    asked["delivery"] = {"voice": "en-us", "rate": 170, "pitch": 50, "range": 50, "volume": 60}
    pipe = ScriptedPipe({"id": 1, **asked}, {"cancel": 1}, {"id": 2, **asked})
    run(pipe)  # type: ignore[arg-type]
    assert pipe.sent[0] == {"ready": True}
    assert [message["id"] for message in pipe.sent if "done" in message] == [1, 2]


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'espeakng_loader'"), OSError("bad ELF")])
def test_a_library_that_does_not_load_comes_with_the_remedy(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Espeak:
        raise error

    monkeypatch.setattr(worker, "Espeak", refuse)
    with pytest.raises(RuntimeError, match=r"pip install .*espeakng-loader") as raised:
        worker.load()
    assert str(error) in str(raised.value)


def tone(seconds: float, rate: int) -> np.ndarray:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.int16)


@given(st.lists(st.integers(1, 3000), max_size=12), st.integers(0, 2000))
def test_resampling_keeps_the_duration_however_it_is_cut(cuts: list[int], silence: int) -> None:
    sound = np.concatenate([np.zeros(silence, np.int16), tone(0.5, 22_050)])
    resampler = Resampler(22_050)
    out = b"".join(resampler.feed(part.tobytes()) for part in np.split(sound, np.cumsum(cuts)))
    out += resampler.finish()
    assert len(out) // 2 == pytest.approx(0.5 * SAMPLE_RATE, abs=2)


def test_resampling_keeps_the_pitch() -> None:
    resampler = Resampler(22_050)
    out = np.frombuffer(resampler.feed(tone(1.0, 22_050).tobytes()) + resampler.finish(), "<i2")
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(out) == pytest.approx(440, abs=1)


def test_positions_count_from_the_first_sound() -> None:
    resampler = Resampler(22_050)
    resampler.feed(np.zeros(2205, np.int16).tobytes())
    resampler.feed(tone(0.1, 22_050).tobytes())
    assert resampler.position(0) == 0
    assert resampler.position(2206 + 22_050) == pytest.approx(SAMPLE_RATE, abs=2)


def test_silence_alone_makes_no_sound() -> None:
    resampler = Resampler(22_050)
    assert resampler.feed(np.zeros(5000, np.int16).tobytes()) + resampler.finish() == b""


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 60_000)), max_size=20))
def test_words_are_orderly_whatever_the_events(events: list[tuple[int, int, int]]) -> None:
    pipe, text = ScriptedPipe(), "a text of some length, no more"
    speech = Speech(pipe, order(text), 22_050)  # type: ignore[arg-type]
    loud = tone(0.06, 22_050).tobytes()
    for event in events:
        speech.take(loud, [WordEvent(*event)])
    speech.finish()
    total = sum(samples(message) for message in pipe.sent)
    marks = [mark for message in pipe.sent for mark in message["words"]]
    assert "".join(text[start:end] for start, end, _ in marks) == text
    assert [sample for _, _, sample in marks] == sorted(sample for _, _, sample in marks)
    assert all(0 <= sample <= total for _, _, sample in marks)
