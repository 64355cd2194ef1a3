"""What the user says and shows: how it is cut into turns, and whether it is written down."""

from antiphon.live.agreement.terms import Terms, given
from antiphon.live.profiles import Coverage
from antiphon.live.setup import ActivityDetection
from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal

MAX_MILLISECONDS = 60_000
_FIELD = "setup.realtimeInputConfig"
COVERAGES: dict[client.TurnCoverage, Coverage] = {
    client.TurnCoverage.ONLY_ACTIVITY: "activity",
    client.TurnCoverage.ALL_INPUT: "all_input",
    client.TurnCoverage.AUDIO_ACTIVITY_AND_ALL_VIDEO: "activity_and_all_video",
}


def detection(wanted: client.AutomaticActivityDetection | None) -> ActivityDetection:
    """How turns are found in the sound.

    Raises:
        Refusal: a time is out of range.
    """
    wanted = wanted or client.AutomaticActivityDetection()
    low_start = wanted.start_of_speech_sensitivity == client.StartSensitivity.LOW
    low_end = wanted.end_of_speech_sensitivity == client.EndSensitivity.LOW
    return ActivityDetection(
        automatic=not wanted.disabled,
        start_sensitivity="low" if low_start else "high",
        end_sensitivity="low" if low_end else "high",
        prefix_padding_ms=_milliseconds("prefixPaddingMs", wanted.prefix_padding_ms),
        silence_ms=_milliseconds("silenceDurationMs", wanted.silence_duration_ms),
    )


def coverage(config: client.RealtimeInputConfig, terms: Terms) -> Coverage:
    """Which input belongs to a turn; by default what the model's profile says."""
    if config.interim_transcript_timestamp_enabled:
        terms.ignore(f"{_FIELD}.interimTranscriptTimestampEnabled")
    return COVERAGES[config.turn_coverage] if config.turn_coverage else terms.profile.default_coverage


def transcribed(config: client.AudioTranscriptionConfig | None, terms: Terms, field: str) -> bool:
    """Whether a transcript is sent. Its options are not applied."""
    if config is not None:
        for name in given(config):
            terms.ignore(f"{field}.{name}")
    return config is not None


def _milliseconds(name: str, value: int | None) -> int | None:
    if value is not None and not 0 <= value <= MAX_MILLISECONDS:
        field = f"{_FIELD}.automaticActivityDetection.{name}"
        raise Refusal(field, f"{value} is out of range", f"use 0 to {MAX_MILLISECONDS} milliseconds")
    return value
