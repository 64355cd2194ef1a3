"""MIME types of raw audio."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire.gemini.media import DEFAULT_RATE, MAX_LENGTH, MAX_RATE, MIN_RATE, audio_rate
from antiphon.wire.refusal import Refusal


@pytest.mark.parametrize(
    ("mime_type", "rate"),
    [
        ("", DEFAULT_RATE),
        ("audio/pcm", 16_000),
        ("audio/pcm;rate=16000", 16_000),
        ("audio/pcm;rate=24000", 24_000),
        ("audio/pcm; rate=48000", 48_000),
        ("Audio/PCM ; Rate=44100", 44_100),
        ("audio/x-pcm;rate=8000", 8_000),
        ("audio/L16;codec=pcm;rate=24000", 24_000),
        ("audio/pcm;channels=1", 16_000),
        ("audio/pcm;rate=0016000", 16_000),
        ("audio/pcm;", 16_000),
    ],
)
def test_reads_the_rate(mime_type: str, rate: int) -> None:
    assert audio_rate(mime_type) == rate


@pytest.mark.parametrize("mime_type", ["audio/wav", "audio/mp3;rate=16000", "image/jpeg", "pcm", "audio"])
def test_refuses_what_is_not_raw_audio(mime_type: str) -> None:
    with pytest.raises(Refusal, match="is not raw audio; send audio/pcm;rate=16000") as caught:
        audio_rate(mime_type)
    assert caught.value.field == "mimeType"


@pytest.mark.parametrize(
    "rate", ["", "fast", "0", "3999", "192001", "-16000", "16000.0", "1e4", "²", "000016000999", "9" * 200]
)
def test_refuses_rates_no_voice_has(rate: str) -> None:
    with pytest.raises(Refusal, match=f"unknown rate .*; use {MIN_RATE} to {MAX_RATE}"):
        audio_rate(f"audio/pcm;rate={rate}")


def test_refuses_a_type_too_long_to_be_one() -> None:
    with pytest.raises(Refusal, match="is longer than 255 characters"):
        audio_rate("audio/pcm;rate=16000;" + "x" * MAX_LENGTH)


@given(rate=st.integers(MIN_RATE, MAX_RATE))
def test_takes_every_rate_in_range(rate: int) -> None:
    assert audio_rate(f"audio/pcm;rate={rate}") == rate


@given(mime_type=st.text() | st.text("0123456789;=rate ").map("audio/pcm;rate={}".format))
def test_any_text_is_a_rate_in_range_or_refused(mime_type: str) -> None:
    try:
        rate = audio_rate(mime_type)
    except Refusal:
        return
    assert MIN_RATE <= rate <= MAX_RATE
