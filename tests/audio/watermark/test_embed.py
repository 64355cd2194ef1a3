import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.audio.watermark import MAX_HELD_SAMPLES, RATE, Embedder, embed

NOISE = np.random.default_rng(0).normal(0, 3000, 2 * RATE).astype("<i2").tobytes()


def tone(hertz: float, level: float = 8000) -> NDArray[np.int16]:
    """A second of it."""
    return (level * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)).astype("<i2")


def marked(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    return np.frombuffer(embed(samples.astype("<i2").tobytes()), "<i2")


def cut(pcm: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(pcm) + 1) for place in places), len(pcm)]
    return [pcm[a:b] for a, b in itertools.pairwise(edges)]


lengths = st.one_of(st.integers(0, 2000), st.integers(0, 40_000))
places = st.lists(st.integers(0, 40_000), max_size=12)


@given(lengths, places)
def test_the_output_does_not_depend_on_the_chunks(length: int, places: list[int]) -> None:
    pcm = NOISE[:length]
    embedder = Embedder()
    pieces = [embedder.feed(chunk) for chunk in cut(pcm, places)]
    assert b"".join([*pieces, embedder.flush()]) == embed(pcm)


@given(lengths, places)
def test_nothing_is_lost_and_little_is_held(length: int, places: list[int]) -> None:
    embedder = Embedder()
    taken = given_back = 0
    for chunk in cut(NOISE[:length], places):
        taken += len(chunk)
        given_back += len(embedder.feed(chunk))
        # Half a sample may wait for its other half.
        assert 0 <= taken - given_back <= 2 * MAX_HELD_SAMPLES + 1
    assert given_back + len(embedder.flush()) == length


def test_it_holds_at_most_twenty_milliseconds() -> None:
    assert MAX_HELD_SAMPLES <= 0.020 * RATE


def test_a_flush_ends_a_stream_and_another_begins() -> None:
    embedder = Embedder()
    embedder.feed(NOISE[:5001])
    embedder.flush()
    assert embedder.flush() == b""
    assert embedder.feed(NOISE) + embedder.flush() == embed(NOISE)


def test_it_marks() -> None:
    assert embed(NOISE) != NOISE
    assert embed(NOISE) == embed(NOISE)
    assert embed(NOISE, "another") != embed(NOISE)


def test_speech_is_changed_by_less_than_a_tenth(speech: NDArray[np.int16]) -> None:
    noise = marked(speech) - speech.astype(float)
    snr = 10 * np.log10(np.square(speech.astype(float)).sum() / np.square(noise).sum())
    assert 20 < snr < 26


def test_no_moment_becomes_much_louder_or_softer(speech: NDArray[np.int16]) -> None:
    """The signs of a moment's tiles cancel out: what a loudness meter shows stays."""
    whole = len(speech) // 960 * 960
    before, after = (
        np.sqrt(np.square(s[:whole].reshape(-1, 960).astype(float)).mean(axis=1)) for s in (speech, marked(speech))
    )
    loud = before > 100
    change = 20 * np.log10(after[loud] / before[loud])
    assert np.abs(change).max() < 1.5
    assert np.abs(change).mean() < 0.3


def test_silence_stays_silence() -> None:
    assert not any(embed(bytes(2 * RATE)))


@pytest.mark.parametrize("hertz", [60, 120, 8500, 11_000])
def test_what_lies_outside_the_bands_nearly_stays_as_it_is(hertz: float) -> None:
    """The edges of the bands are those of a window: a little of what is near leaks in."""
    inner = slice(480, -480)
    before, after = tone(hertz).astype(int), marked(tone(hertz)).astype(int)
    assert np.abs(after - before)[inner].max() < 8000 / 50


def test_what_lies_inside_does_not() -> None:
    assert np.abs(marked(tone(1000)).astype(int) - tone(1000)).max() > 8000 / 20


def test_the_loudest_sound_is_not_turned_over() -> None:
    square = np.sign(tone(440).astype(float)) * 32_767
    after = marked(square.astype(np.int16)).astype(float)
    assert np.abs(after).max() > 32_000
    assert np.abs(after - square).max() < 32_767
