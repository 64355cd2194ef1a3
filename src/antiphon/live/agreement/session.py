"""Setups, and what changes them while a session runs."""

from typing import Any

from msgspec import structs

from antiphon.live import profiles
from antiphon.live.abilities import Abilities
from antiphon.live.agreement import generation, realtime
from antiphon.live.agreement.functions import declared
from antiphon.live.agreement.terms import Terms, given
from antiphon.live.policy import Policy
from antiphon.live.profiles import Profile
from antiphon.live.setup import Compression, Setup
from antiphon.wire.gemini import client
from antiphon.wire.gemini.dialect import dialect_of
from antiphon.wire.refusal import CloseCode, Refusal

_LENIENT = Policy()
_UNUSED = ("tool_config", "safety_settings")
_HEEDED_LABELS = {"antiphon_record"}
"""Labels that mean something to whoever records calls."""


def agree(
    wanted: client.Setup, policy: Policy = _LENIENT, abilities: Abilities | None = None
) -> tuple[Setup, list[str]]:
    """The session a client gets for its setup, and the paths of what it set in vain.

    ``abilities`` are those of the engine that will answer. A resumption handle is not looked at.

    Raises:
        Refusal: the setup cannot be served; the refusal names the field.
    """
    terms = Terms(_profile(wanted.model, policy.strict), abilities, policy.strict)
    config = wanted.generation_config or client.GenerationConfig()
    live = wanted.realtime_input_config or client.RealtimeInputConfig()
    tools, search = declared(wanted.tools, terms, "setup.tools")
    setup = Setup(
        profile=terms.profile,
        modality=generation.modality(config.response_modalities, terms),
        system_instruction=_instruction(wanted.system_instruction, terms, "setup.systemInstruction"),
        tools=tools,
        search=search,
        voice=generation.voice(config.speech_config, terms),
        language=config.speech_config.language_code if config.speech_config else "",
        detection=realtime.detection(live.automatic_activity_detection),
        interruptible=live.activity_handling != client.ActivityHandling.NO_INTERRUPTION,
        coverage=realtime.coverage(live, terms),
        transcribe_input=realtime.transcribed(wanted.input_audio_transcription, terms, "setup.inputAudioTranscription"),
        transcribe_output=realtime.transcribed(
            wanted.output_audio_transcription, terms, "setup.outputAudioTranscription"
        ),
        initial_history=_initial_history(wanted.history_config, terms),
        media_resolution=generation.media_resolution(config.media_resolution),
        thinking=generation.thinking(config.thinking_config, terms),
        proactive=generation.proactive(wanted.proactivity, terms),
        affective=generation.affective(config.enable_affective_dialog, terms),
        compression=_compression(wanted.context_window_compression, terms.profile),
        resumable=wanted.session_resumption is not None,
        transparent=_transparent(wanted, terms),
        vad_signal=_vad_signal(wanted, terms),
        temperature=generation.within("temperature", config.temperature, 0, generation.MAX_TEMPERATURE),
        top_p=generation.within("topP", config.top_p, 0, 1),
        top_k=generation.within("topK", config.top_k, 1, generation.MAX_INT32),
        seed=generation.within("seed", config.seed, -generation.MAX_INT32 - 1, generation.MAX_INT32),
        max_output_tokens=generation.max_output_tokens(config.max_output_tokens, terms),
    )
    generation.name_unused(config, terms)
    _name_unused(wanted, terms)
    return setup, terms.ignored


def update(
    setup: Setup, change: client.ContextUpdate, policy: Policy = _LENIENT, abilities: Abilities | None = None
) -> tuple[Setup, list[str]]:
    """The session after a client changed its instruction or its tools, and the paths of what it set in vain.

    What the change does not mention stays; an empty instruction or an empty list of tools clears.

    Raises:
        Refusal: the change cannot be served; the refusal names the field.
    """
    terms = Terms(setup.profile, abilities, policy.strict)
    changes: dict[str, Any] = {}
    if change.system_instruction is not None:
        field = "contextUpdate.systemInstruction"
        changes["system_instruction"] = _instruction(change.system_instruction, terms, field)
    if change.tools is not None:
        changes["tools"], changes["search"] = declared(change.tools.tools, terms, "contextUpdate.tools.tools")
    return structs.replace(setup, **changes), terms.ignored


def _profile(name: str, strict: bool) -> Profile:
    if not name:
        raise Refusal("setup.model", "is missing", f"use models/{next(reversed(profiles.PROFILES))}")
    profile, alias = profiles.find(name), profiles.alias(name)
    if profile is None:
        # A close frame has room for the first ones only: the newest.
        known = ", ".join(reversed(profiles.PROFILES))
        raise Refusal("setup.model", f"{name[:50]} is not found", f"use {known}", CloseCode.POLICY)
    if strict and alias is not None and alias.retired:
        remedy = f"use {profile.successor or profile.id}"
        raise Refusal("setup.model", f"{name[-60:]} was shut down", remedy, CloseCode.POLICY)
    return profile


def _instruction(content: client.Content | None, terms: Terms, field: str) -> str:
    parts = content.parts if content else []
    for number, part in enumerate(parts):
        if not part.text and part != client.Part():
            terms.ignore(f"{field}.parts[{number}]", "instructions are text")
    return "\n".join(part.text for part in parts if part.text)


def _initial_history(config: client.HistoryConfig | None, terms: Terms) -> bool:
    if config is None or not config.initial_history_in_client_content:
        return False
    if not terms.profile.collects_initial_history:
        field = "setup.historyConfig.initialHistoryInClientContent"
        terms.ignore(field, f"{terms.profile.id} answers the first content")
    return terms.profile.collects_initial_history


def _compression(wanted: client.ContextWindowCompression | None, profile: Profile) -> Compression | None:
    """By default four fifths of what the model reads trigger it, and half of that is left (API reference)."""
    if wanted is None:
        return None
    field, limit = "setup.contextWindowCompression", profile.input_token_limit
    trigger = limit * 4 // 5 if wanted.trigger_tokens is None else wanted.trigger_tokens
    if not 1 <= trigger <= limit:
        raise Refusal(f"{field}.triggerTokens", f"{trigger} is out of range", f"use 1 to {limit}")
    window = wanted.sliding_window or client.SlidingWindow()
    target = trigger // 2 if window.target_tokens is None else window.target_tokens
    if not 0 <= target < trigger:
        remedy = f"use 0 to {trigger - 1}, less than triggerTokens"
        raise Refusal(f"{field}.slidingWindow.targetTokens", f"{target} is out of range", remedy)
    return Compression(trigger, target)


def _transparent(wanted: client.Setup, terms: Terms) -> bool:
    asked = wanted.session_resumption is not None and wanted.session_resumption.transparent
    return asked and _of_vertex(wanted.model, terms, "setup.sessionResumption.transparent")


def _vad_signal(wanted: client.Setup, terms: Terms) -> bool:
    return wanted.explicit_vad_signal and _of_vertex(wanted.model, terms, "setup.explicitVadSignal")


def _of_vertex(model: str, terms: Terms, field: str) -> bool:
    """A setting of Vertex AI; a lenient server honours it for every client."""
    if dialect_of(model) != "vertex":
        terms.refuse_if_strict(field, "the Gemini API has no such field, only Vertex AI", "leave it out")
    return True


def _name_unused(wanted: client.Setup, terms: Terms) -> None:
    if wanted.avatar_config is not None:
        terms.decline("setup.avatarConfig", "the Gemini API has no avatars", "leave it out")
    for name in given(wanted, _UNUSED):
        terms.ignore(f"setup.{name}")
    if wanted.labels.keys() - _HEEDED_LABELS:
        terms.ignore("setup.labels")
