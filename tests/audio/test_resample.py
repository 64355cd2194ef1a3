import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.audio.resample import Quality, Resampler, resample


def tone(rate: int, seconds: float = 1.0, frequency: float = 440.0) -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    return (10_000 * np.sin(2 * np.pi * frequency * time)).astype("<i2").tobytes()


def in_chunks(resampler: Resampler, pcm: bytes, milliseconds: int = 20) -> list[bytes]:
    size = 2 * resampler.source_rate * milliseconds // 1000
    return [resampler.feed(pcm[i : i + size]) for i in range(0, len(pcm), size)]


def assert_alike(left: bytes, right: bytes) -> None:
    """Equal but for the dither that soxr adds when it rounds to 16 bits."""
    assert len(left) == len(right)
    difference = np.frombuffer(left, np.int16).astype(int) - np.frombuffer(right, np.int16)
    assert np.abs(difference).max(initial=0) <= 3


def test_equal_rates_pass_the_same_object() -> None:
    resampler = Resampler(16_000, 16_000)
    pcm = tone(16_000)
    assert resampler.feed(pcm) is pcm
    assert resampler.flush() == b""


@pytest.mark.parametrize("quality", ["LQ", "HQ"])
@pytest.mark.parametrize("source", [8000, 24_000, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_loudness_and_length(source: int, quality: Quality) -> None:
    resampler = Resampler(source, 16_000, quality)
    output = b"".join(in_chunks(resampler, tone(source))) + resampler.flush()
    samples = np.frombuffer(output, np.int16)
    assert abs(len(samples) - 16_000) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:16_000] * np.hanning(len(samples[:16_000]))))
    assert abs(int(np.argmax(spectrum)) - 440) <= 1
    assert np.std(samples) == pytest.approx(10_000 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize(("source", "quality", "most"), [(8000, "LQ", 62), (24_000, "LQ", 21), (24_000, "HQ", 38)])
def test_holds_back_no_more_than_stated(source: int, quality: Quality, most: float) -> None:
    resampler = Resampler(source, 16_000, quality)
    heard = np.cumsum([len(chunk) for chunk in in_chunks(resampler, tone(source, 3))]) / 32
    held = 20 * np.arange(1, len(heard) + 1) - heard
    assert held[20:].max() <= most


def test_above_half_the_target_rate_nothing_is_left() -> None:
    output = np.frombuffer(resample(tone(48_000, frequency=12_000), 48_000, 16_000), np.int16)
    assert np.abs(output[500:-500]).max() < 20


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=12))
def test_chunking_changes_nothing(sizes: list[int]) -> None:
    pcm = tone(24_000, sum(sizes) / 24_000)
    resampler, parts, position = Resampler(24_000, 16_000, "HQ"), [], 0
    for size in sizes:
        parts.append(resampler.feed(pcm[position : position + 2 * size]))
        position += 2 * size
    assert_alike(b"".join(parts) + resampler.flush(), resample(pcm[:position], 24_000, 16_000))


def test_a_flush_begins_a_new_stream() -> None:
    resampler = Resampler(24_000, 16_000)
    first = resampler.feed(tone(24_000)) + resampler.flush()
    assert_alike(resampler.feed(tone(24_000)) + resampler.flush(), first)


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="whole 16-bit samples"):
        Resampler(8000, 16_000).feed(b"abc")


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1)])
def test_impossible_rates_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="cannot resample from"):
        Resampler(*rates)
