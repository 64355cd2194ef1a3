"""How a model answers: what ``generationConfig`` and ``proactivity`` ask for."""

from typing import Literal, TypeVar

from msgspec import UNSET, UnsetType

from antiphon.live.agreement.terms import Terms, given
from antiphon.live.setup import Thinking
from antiphon.wire.gemini import client
from antiphon.wire.gemini.client import Modality
from antiphon.wire.refusal import CloseCode, Refusal

MAX_INT32 = 2**31 - 1
MAX_TEMPERATURE = 2
_FIELD = "setup.generationConfig"
_THINKING = f"{_FIELD}.thinkingConfig"
_RESOLUTIONS: dict[client.MediaResolution | None, Literal["", "low", "medium", "high"]] = {
    None: "",
    client.MediaResolution.LOW: "low",
    client.MediaResolution.MEDIUM: "medium",
    client.MediaResolution.HIGH: "high",
}
_UNSUPPORTED = (
    "stop_sequences",
    "response_mime_type",
    "response_schema",
    "response_json_schema",
    "response_logprobs",
    "logprobs",
    "routing_config",
    "audio_timestamp",
)
"""Documented as having no effect in the Live API (https://ai.google.dev/api/live)."""
_UNUSED = (
    "presence_penalty",
    "frequency_penalty",
    "response_format",
    "enable_enhanced_civic_answers",
    "audio_transcription_config",
)

_Number = TypeVar("_Number", int, float)


def modality(wanted: list[Modality], terms: Terms) -> Literal["audio", "text"]:
    """What the model answers in; one modality a session, and speech when several are asked for."""
    field, kinds = f"{_FIELD}.responseModalities", set(wanted)
    answers = kinds & {Modality.AUDIO, Modality.TEXT}
    if kinds and not answers:
        raise Refusal(field, f"{wanted[0]} is not supported", "use AUDIO")
    chosen: Literal["audio", "text"] = "text" if answers == {Modality.TEXT} else "audio"
    if len(kinds) > 1:
        terms.decline(field, f"one modality a session, this one is {chosen.upper()}", "use AUDIO")
    if chosen not in terms.profile.modalities:
        remedy = "use AUDIO with outputAudioTranscription"
        terms.refuse_if_strict(field, f"Live models have no {chosen.upper()}", remedy)
    if chosen not in terms.abilities.modalities:
        has = ", ".join(sorted(kind.upper() for kind in terms.abilities.modalities))
        raise Refusal(field, f"{terms.engine} has no {chosen.upper()}", f"use {has}", CloseCode.POLICY)
    return chosen


def voice(speech: client.SpeechConfig | None, terms: Terms) -> str:
    """The name of the voice, wherever it was given."""
    speech = speech or client.SpeechConfig()
    config = speech.voice_config or client.VoiceConfig()
    field = f"{_FIELD}.speechConfig"
    if speech.multi_speaker_voice_config is not None:
        terms.decline(f"{field}.multiSpeakerVoiceConfig", "a session has one voice", "use voiceConfig")
    if config.replicated_voice_config is not None:
        terms.ignore(f"{field}.voiceConfig.replicatedVoiceConfig", f"{terms.engine} imitates no voices")
    named = config.prebuilt_voice_config.voice_name if config.prebuilt_voice_config else ""
    if named and config.voice not in ("", named):
        terms.ignore(f"{field}.voiceConfig.voice", "prebuiltVoiceConfig names another")
    return named or config.voice


def media_resolution(wanted: client.MediaResolution | None) -> Literal["", "low", "medium", "high"]:
    """How closely pictures are looked at; empty leaves it to the engine."""
    return _RESOLUTIONS[wanted]


def thinking(wanted: client.ThinkingConfig | None, terms: Terms) -> Thinking:
    """How much the model thinks. By default as its profile says; not at all with an engine that cannot."""
    profile = terms.profile
    if wanted is None:
        return Thinking(profile.default_thinking_level if terms.abilities.thinks else "")
    if profile.thinking_control == "none":
        terms.decline(_THINKING, f"{profile.id} has none", "leave it out")
        return Thinking()
    level, budget = _level(wanted.thinking_level, terms), _budget(wanted.thinking_budget, terms)
    if not terms.abilities.thinks:
        terms.ignore(_THINKING, f"{terms.engine} does not think")
        return Thinking()
    return Thinking(level, budget, wanted.include_thoughts)


def _level(wanted: client.ThinkingLevel | None, terms: Terms) -> str:
    profile, field = terms.profile, f"{_THINKING}.thinkingLevel"
    if wanted is None or wanted.lower() in profile.thinking_levels:
        return wanted.lower() if wanted else profile.default_thinking_level
    if profile.thinking_control == "budget":
        terms.decline(field, "this model thinks by budget", "use thinkingBudget")
    else:
        levels = ", ".join(level.upper() for level in profile.thinking_levels)
        terms.decline(field, f"this model has no {wanted}", f"use {levels}")
    return profile.default_thinking_level


def _budget(wanted: int | None, terms: Terms) -> int | None:
    field = f"{_THINKING}.thinkingBudget"
    if wanted is None:
        return None
    if terms.profile.thinking_control == "level":
        terms.decline(field, "this model thinks by level", "use thinkingLevel")
        return None
    if wanted < -1:
        raise Refusal(field, f"{wanted} is out of range", "use 0 for none, -1 for the model's choice, or tokens")
    return None if wanted == -1 else wanted


def affective(wanted: bool | UnsetType, terms: Terms) -> bool:
    """Whether the model answers to how the user sounds."""
    if wanted is UNSET or terms.profile.affective_dialog:
        return wanted is True
    field, reason = f"{_FIELD}.enableAffectiveDialog", f"{terms.profile.id} has none"
    # The hosted service refuses the field itself: false as well.
    terms.refuse_if_strict(field, reason, "leave it out")
    if wanted:
        terms.ignore(field, reason)
    return False


def proactive(wanted: client.Proactivity | None, terms: Terms) -> bool:
    """Whether the model may stay silent when it is not meant, as its profile permits."""
    wanted = wanted or client.Proactivity()
    if wanted.proactive_video is True:
        terms.ignore("setup.proactivity.proactiveVideo")
    permitted, asked = terms.profile.proactive_audio, wanted.proactive_audio
    field = "setup.proactivity.proactiveAudio"
    if permitted == "always":
        if asked is False:
            terms.decline(field, f"{terms.profile.id} always is proactive", "leave it out")
        return True
    if permitted == "none" and asked is not UNSET:
        reason = f"{terms.profile.id} has none"
        terms.refuse_if_strict(field, reason, "leave it out")
        if asked:
            terms.ignore(field, reason)
    return permitted == "opt_in" and asked is True


def within(name: str, value: _Number | None, low: _Number, high: _Number) -> _Number | None:
    """``value``, which must be from ``low`` to ``high``.

    Raises:
        Refusal: it is not.
    """
    if value is not None and not low <= value <= high:
        raise Refusal(f"{_FIELD}.{name}", f"{value} is out of range", f"use {low} to {high}")
    return value


def max_output_tokens(wanted: int | None, terms: Terms) -> int | None:
    """How long an answer may be; the model's own limit where more was asked for."""
    field, limit = f"{_FIELD}.maxOutputTokens", terms.profile.output_token_limit
    if wanted is None:
        return None
    if wanted < 1:
        raise Refusal(field, f"{wanted} is out of range", f"use 1 to {limit}")
    if wanted > limit:
        terms.decline(field, f"{terms.profile.id} makes {limit} at most", f"use 1 to {limit}")
    return min(wanted, limit)


def name_unused(config: client.GenerationConfig, terms: Terms) -> None:
    """Name the settings that nothing here has a use for."""
    for name in given(config, _UNSUPPORTED):
        terms.decline(f"{_FIELD}.{name}", "not supported in the Live API", "leave it out")
    for name in given(config, _UNUSED):
        terms.ignore(f"{_FIELD}.{name}")
    if config.candidate_count not in (None, 0, 1):
        terms.ignore(f"{_FIELD}.candidateCount", "there is one answer")
    if config.translation_config is not None:
        terms.decline(f"{_FIELD}.translationConfig", f"{terms.profile.id} has none", "leave it out")
