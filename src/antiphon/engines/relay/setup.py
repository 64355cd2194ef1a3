"""The setup that an upstream gets for a session: what the client agreed on, and what the relay needs itself."""

from typing import Any

import msgspec

from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.live import profiles
from antiphon.live.profiles import Coverage, Profile
from antiphon.live.setup import Setup, Tool
from antiphon.wire.gemini import client, hosted

_COVERAGE: dict[Coverage, client.TurnCoverage] = {
    "activity": client.TurnCoverage.ONLY_ACTIVITY,
    "all_input": client.TurnCoverage.ALL_INPUT,
    "activity_and_all_video": client.TurnCoverage.AUDIO_ACTIVITY_AND_ALL_VIDEO,
}
_RESOLUTION = {
    "": None,
    "low": client.MediaResolution.LOW,
    "medium": client.MediaResolution.MEDIUM,
    "high": client.MediaResolution.HIGH,
}
_TEXT = client.AudioTranscriptionConfig()


def upstream_profile(config: GeminiRelayConfig, setup: Setup) -> Profile:
    """What the upstream's model permits; that of the client's model where it is not known."""
    return profiles.find(config.model) or setup.profile


def upstream_setup(config: GeminiRelayConfig, setup: Setup, *, handle: str = "", seeded: bool = False) -> bytes:
    """The first frame of a connection.

    ``handle`` resumes a session. ``seeded``: what was said before is told first, as initial history.
    """
    profile = upstream_profile(config, setup)
    listens = config.transcripts or setup.transcribe_input
    message = client.Setup(
        model=config.path,
        generation_config=_generation(config, setup, profile),
        system_instruction=_instruction(setup.system_instruction),
        tools=tools(setup, profile),
        realtime_input_config=_realtime(config, setup, profile),
        session_resumption=_resumption(config, handle),
        context_window_compression=_compression(config, setup),
        input_audio_transcription=_TEXT if listens else None,
        output_audio_transcription=_TEXT if setup.modality == "audio" and speaks_words(config, setup) else None,
        proactivity=_proactivity(setup, profile),
        history_config=_history(config, profile, wanted=seeded or (setup.initial_history and not handle)),
        explicit_vad_signal=setup.vad_signal and config.vertex is not None,
    )
    spelled = msgspec.to_builtins(message)
    return msgspec.json.encode({"setup": _laid_over(spelled, config.setup)})


def speaks_words(config: GeminiRelayConfig, setup: Setup) -> bool:
    """Whether the words of the model's speech are asked for."""
    return config.transcripts or setup.transcribe_output


def collects_history(config: GeminiRelayConfig, profile: Profile) -> bool:
    """Whether the upstream can be told what was said before without answering it (not on Vertex AI)."""
    return profile.collects_initial_history and config.vertex is None


def update(setup: Setup, profile: Profile) -> client.ContextUpdate:
    """The message that changes the instruction and the tools of a running session."""
    instruction = client.Content(role="user", parts=[client.Part(text=setup.system_instruction)])
    return client.ContextUpdate(system_instruction=instruction, tools=client.ToolList(tools=tools(setup, profile)))


def tools(setup: Setup, profile: Profile) -> list[client.Tool]:
    """The tools the model may use, the hosted one first."""
    found = [client.Tool(google_search=hosted.GoogleSearch())] if setup.search else []
    if setup.tools:
        functions = [_function(tool, profile) for tool in setup.tools]
        found.append(client.Tool(function_declarations=functions))
    return found


def _function(tool: Tool, profile: Profile) -> client.FunctionDeclaration:
    behavior = client.Behavior.BLOCKING if tool.blocking else client.Behavior.NON_BLOCKING
    allowed = profile.allows_blocking if tool.blocking else profile.allows_non_blocking
    return client.FunctionDeclaration(
        name=tool.name,
        description=tool.description,
        parameters_json_schema=tool.parameters,
        behavior=behavior if allowed and tool.blocking != profile.default_blocking else None,
    )


def _instruction(text: str) -> client.Content | None:
    return client.Content(role="user", parts=[client.Part(text=text)]) if text else None


def _generation(config: GeminiRelayConfig, setup: Setup, profile: Profile) -> client.GenerationConfig:
    affective = setup.affective and profile.affective_dialog
    return client.GenerationConfig(
        response_modalities=[client.Modality.TEXT if setup.modality == "text" else client.Modality.AUDIO],
        speech_config=_speech(config.voice or setup.voice, config.language or setup.language),
        media_resolution=_RESOLUTION[setup.media_resolution],
        thinking_config=_thinking(setup, profile),
        enable_affective_dialog=True if affective else msgspec.UNSET,
        temperature=setup.temperature,
        top_p=setup.top_p,
        top_k=setup.top_k,
        seed=setup.seed,
        max_output_tokens=setup.max_output_tokens,
    )


def _speech(voice: str, language: str) -> client.SpeechConfig | None:
    if not voice and not language:
        return None
    named = client.VoiceConfig(prebuilt_voice_config=client.PrebuiltVoiceConfig(voice_name=voice)) if voice else None
    return client.SpeechConfig(voice_config=named, language_code=language)


def _thinking(setup: Setup, profile: Profile) -> client.ThinkingConfig | None:
    wanted = setup.thinking
    level = wanted.level if profile.thinking_control == "level" and wanted.level in profile.thinking_levels else ""
    budget = wanted.budget if profile.thinking_control == "budget" else None
    shows = wanted.include_thoughts and profile.thinking
    if not level and budget is None and not shows:
        return None
    return client.ThinkingConfig(
        thinking_level=client.ThinkingLevel(level.upper()) if level else None,
        thinking_budget=budget,
        include_thoughts=shows,
    )


def _realtime(config: GeminiRelayConfig, setup: Setup, profile: Profile) -> client.RealtimeInputConfig | None:
    coverage = _COVERAGE[setup.coverage] if setup.coverage != profile.default_coverage else None
    if config.vertex is not None and coverage is client.TurnCoverage.AUDIO_ACTIVITY_AND_ALL_VIDEO:
        # Vertex AI closes the setup for it.
        coverage = None
    wanted = client.RealtimeInputConfig(
        automatic_activity_detection=_detection(setup),
        activity_handling=None if setup.interruptible else client.ActivityHandling.NO_INTERRUPTION,
        turn_coverage=coverage,
    )
    return None if wanted == client.RealtimeInputConfig() else wanted


def _detection(setup: Setup) -> client.AutomaticActivityDetection | None:
    ours = setup.detection
    wanted = client.AutomaticActivityDetection(
        disabled=not ours.automatic,
        start_of_speech_sensitivity=client.StartSensitivity.LOW if ours.start_sensitivity == "low" else None,
        end_of_speech_sensitivity=client.EndSensitivity.LOW if ours.end_sensitivity == "low" else None,
        prefix_padding_ms=ours.prefix_padding_ms,
        silence_duration_ms=ours.silence_ms,
    )
    return None if wanted == client.AutomaticActivityDetection() else wanted


def _resumption(config: GeminiRelayConfig, handle: str) -> client.SessionResumptionConfig | None:
    return client.SessionResumptionConfig(handle=handle) if config.resume else None


def _compression(config: GeminiRelayConfig, setup: Setup) -> client.ContextWindowCompression:
    """Without compression, the upstream ends a session after minutes: it is always asked for."""
    wanted, cap = setup.compression, config.context_cap
    if cap is not None and (wanted is None or wanted.trigger_tokens > cap):
        return _window(cap, cap // 2)
    if wanted is not None:
        return _window(wanted.trigger_tokens, wanted.target_tokens)
    return client.ContextWindowCompression(sliding_window=client.SlidingWindow())


def _window(trigger: int, target: int) -> client.ContextWindowCompression:
    return client.ContextWindowCompression(
        trigger_tokens=trigger, sliding_window=client.SlidingWindow(target_tokens=target)
    )


def _proactivity(setup: Setup, profile: Profile) -> client.Proactivity | None:
    return client.Proactivity(proactive_audio=True) if setup.proactive and profile.proactive_audio == "opt_in" else None


def _history(config: GeminiRelayConfig, profile: Profile, *, wanted: bool) -> client.HistoryConfig | None:
    if not wanted or not collects_history(config, profile):
        return None
    return client.HistoryConfig(initial_history_in_client_content=True)


def _laid_over(below: Any, above: Any) -> Any:
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {name: _laid_over(below.get(name), value) for name, value in above.items()}
