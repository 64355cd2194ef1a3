"""Setups in the options of frameworks: what each of them lets one say, and how."""

from typing import Any, Final

from antiphon.console.fields import fields, get
from antiphon.console.snippets.literals import Built
from antiphon.console.snippets.shapes import python_config

_GENERATION: Final = "generationConfig."
_DETECTION: Final = "realtimeInputConfig.automaticActivityDetection"
_VOICE: Final = f"{_GENERATION}speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName"
_LANGUAGE: Final = f"{_GENERATION}speechConfig.languageCode"
_ALWAYS: Final = ("model", "systemInstruction", "tools[].functionDeclarations")

ADK_SAYS: Final = (
    *_ALWAYS,
    *(f"{_GENERATION}{name}" for name in ("temperature", "topP", "topK", "maxOutputTokens", "seed", "mediaResolution")),
    *(f"{_GENERATION}{name}" for name in ("responseModalities", "speechConfig", "thinkingConfig")),
    *(f"{_GENERATION}{name}" for name in ("enableAffectiveDialog", "translationConfig")),
    *("inputAudioTranscription", "outputAudioTranscription", "realtimeInputConfig", "proactivity.proactiveAudio"),
    *("sessionResumption", "historyConfig", "contextWindowCompression", "safetySettings", "avatarConfig"),
)
LIVEKIT_SAYS: Final = (
    *_ALWAYS,
    *(_VOICE, _LANGUAGE),
    *(f"{_GENERATION}{name}" for name in ("temperature", "topP", "topK", "maxOutputTokens", "candidateCount")),
    *(f"{_GENERATION}{name}" for name in ("presencePenalty", "frequencyPenalty", "mediaResolution", "thinkingConfig")),
    *(f"{_GENERATION}{name}" for name in ("responseModalities", "enableAffectiveDialog")),
    *("inputAudioTranscription", "outputAudioTranscription", "realtimeInputConfig", "proactivity.proactiveAudio"),
    *("sessionResumption", "contextWindowCompression"),
)
PIPECAT_SAYS: Final = (
    *_ALWAYS,
    *(_VOICE, _LANGUAGE, _DETECTION, "realtimeInputConfig.turnCoverage"),
    *(f"{_GENERATION}{name}" for name in ("temperature", "topP", "topK", "maxOutputTokens", "seed")),
    *(f"{_GENERATION}{name}" for name in ("presencePenalty", "frequencyPenalty", "thinkingConfig")),
    *(f"{_GENERATION}{name}" for name in ("responseModalities", "enableAffectiveDialog")),
    *("proactivity.proactiveAudio", "contextWindowCompression.triggerTokens"),
)

PIPECAT_ALWAYS: Final = (
    "inputAudioTranscription",
    "outputAudioTranscription",
    "sessionResumption",
    "contextWindowCompression.slidingWindow",
)


def unsaid(says: tuple[str, ...], always: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The settings that are neither among ``says`` nor below one of them, nor hold one.

    What a framework asks for in any case, as ``always`` names it, is said as well, but not what is below that.
    """
    return (
        *("sessionResumption.transparent", "explicitVadSignal"),
        *(
            each.path
            for each in fields()
            if each.path not in (*always, "sessionResumption.transparent", "explicitVadSignal")
            and not any(_is_below(each.path, said) or _is_below(said, each.path) for said in says)
        ),
    )


def _is_below(path: str, other: str) -> bool:
    return path == other or path.startswith((f"{other}.", f"{other}[]."))


def adk(setup: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``RunConfig`` as ``run``, those of ``GenerateContentConfig`` as ``generation``."""
    config = _config(setup)
    names = ("temperature", "top_p", "top_k", "max_output_tokens", "seed", "media_resolution", "thinking_config")
    generation = {name: config.pop(name) for name in (*names, "safety_settings") if name in config}
    return {"run": config, "generation": generation}


def livekit(setup: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``RealtimeModel``."""
    config = _config(setup)
    options = {"model": _bare(setup), **_voice(setup, "voice")}
    if modalities := config.get("response_modalities"):
        options["modalities"] = [Built("types.Modality", each) for each in modalities]
    kept = ("temperature", "top_p", "top_k", "max_output_tokens", "enable_affective_dialog")
    options |= {name: config[name] for name in kept if name in config}
    options |= config.get("generation_config", {})
    options |= {name: Built(f"types.{kind}", config[name]) for name, kind in _LIVEKIT_TYPES.items() if name in config}
    if (proactive := get(setup, "proactivity.proactiveAudio")) is not None:
        options["proactivity"] = proactive
    return options


_LIVEKIT_TYPES: Final = {
    "media_resolution": "MediaResolution",
    "thinking_config": "ThinkingConfig",
    "input_audio_transcription": "AudioTranscriptionConfig",
    "output_audio_transcription": "AudioTranscriptionConfig",
    "realtime_input_config": "RealtimeInputConfig",
    "context_window_compression": "ContextWindowCompressionConfig",
    "session_resumption": "SessionResumptionConfig",
}


def pipecat(setup: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``GeminiLiveLLMService.Settings``."""
    config = _config(setup)
    options = {"model": _bare(setup), **_voice(setup, "voice")}
    if text := instruction(setup):
        options["system_instruction"] = text
    renamed = {"max_output_tokens": "max_tokens", "thinking_config": "thinking"}
    kept = ("temperature", "top_p", "top_k", "seed", "max_output_tokens", "thinking_config", "enable_affective_dialog")
    options |= {renamed.get(name, name): config[name] for name in (*kept, "proactivity") if name in config}
    options |= config.get("generation_config", {})
    if modalities := config.get("response_modalities"):
        options["modalities"] = Built("GeminiModalities", modalities[0])
    return options | _pipecat_turns(config.get("realtime_input_config", {})) | _pipecat_context(config)


def _pipecat_turns(config: dict[str, Any]) -> dict[str, Any]:
    turns: dict[str, Any] = {}
    if detection := config.get("automatic_activity_detection"):
        names = {name: name.replace("_of_speech", "") for name in detection}
        turns["vad"] = Built("GeminiVADParams", {names[name]: value for name, value in detection.items()})
    if coverage := config.get("turn_coverage"):
        turns["turn_coverage"] = Built("types.TurnCoverage", coverage)
    return turns


def _pipecat_context(config: dict[str, Any]) -> dict[str, Any]:
    if "context_window_compression" not in config:
        return {}
    trigger = config["context_window_compression"].get("trigger_tokens")
    options = {"enabled": True} if trigger is None else {"enabled": True, "trigger_tokens": trigger}
    return {"context_window_compression": Built("ContextWindowCompressionParams", options)}


def _config(setup: dict[str, Any]) -> dict[str, Any]:
    """The config of google-genai, without what frameworks have in places of their own."""
    config = python_config(setup)
    return {name: value for name, value in config.items() if name not in ("tools", "system_instruction")}


def _voice(setup: dict[str, Any], name: str) -> dict[str, Any]:
    found = {name: get(setup, _VOICE), "language": get(setup, _LANGUAGE)}
    return {key: value for key, value in found.items() if value}


def _bare(setup: dict[str, Any]) -> str:
    return str(setup.get("model", "")).removeprefix("models/")


def instruction(setup: dict[str, Any]) -> str:
    """The system instruction as one text."""
    parts = setup.get("systemInstruction", {}).get("parts", ())
    return "\n".join(part["text"] for part in parts if part.get("text"))


def functions(setup: dict[str, Any]) -> list[dict[str, Any]]:
    """What is declared of functions, each with parameters in JSON Schema."""
    return [
        {
            "name": each.get("name", ""),
            "description": each.get("description", ""),
            "parameters": _lower(each.get("parametersJsonSchema") or each.get("parameters")) or _NOTHING,
        }
        for each in get(setup, "tools[].functionDeclarations") or ()
    ]


_NOTHING: Final = {"type": "object", "properties": {}}


def _lower(schema: Any) -> Any:
    """An OpenAPI schema with the types of JSON Schema."""
    if isinstance(schema, list):
        return [_lower(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.lower() if name == "type" and isinstance(value, str) else _lower(value)
        for name, value in schema.items()
    }
