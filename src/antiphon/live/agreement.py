"""A client's setup and content, turned into what this server agreed to; what it cannot honour is named."""

import re
from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET

from antiphon.live import profiles
from antiphon.live.history import FunctionCall, FunctionResult, Part, Picture, Turn, Words
from antiphon.live.profiles import Profile
from antiphon.live.schema import json_schema
from antiphon.live.setup import ActivityDetection, Setup, Tool
from antiphon.wire.gemini import client
from antiphon.wire.refusal import CloseCode, Refusal

MAX_FUNCTIONS = 512
_FUNCTION_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_HOSTED_TOOLS = (
    "google_search",
    "google_search_retrieval",
    "code_execution",
    "url_context",
    "google_maps",
    "file_search",
    "computer_use",
    "mcp_servers",
)
_UNUSED_SETUP = (
    "proactivity",
    "explicit_vad_signal",
    "avatar_config",
    "safety_settings",
    "context_window_compression",
)
_UNUSED_GENERATION = (
    "candidate_count",
    "stop_sequences",
    "response_mime_type",
    "response_schema",
    "response_json_schema",
    "response_logprobs",
    "routing_config",
    "thinking_config",
    "enable_affective_dialog",
    "translation_config",
)


def agree(wanted: client.Setup) -> tuple[Setup, list[str]]:
    """The session a client gets for its setup, and the paths of what it set in vain.

    Raises:
        Refusal: the setup cannot be served; the refusal names the field.
    """
    ignored = list(_unused(wanted))
    generation = wanted.generation_config or client.GenerationConfig()
    speech = generation.speech_config or client.SpeechConfig()
    activity = wanted.realtime_input_config or client.RealtimeInputConfig()
    setup = Setup(
        profile=_profile(wanted.model),
        modality=_modality(generation.response_modalities, ignored),
        system_instruction=_instruction(wanted.system_instruction),
        tools=tuple(_tools(wanted.tools, ignored)),
        voice=_voice(speech),
        language=speech.language_code,
        detection=_detection(activity.automatic_activity_detection),
        interruptible=activity.activity_handling != client.ActivityHandling.NO_INTERRUPTION,
        transcribe_input=wanted.input_audio_transcription is not None,
        transcribe_output=wanted.output_audio_transcription is not None,
        initial_history=_initial_history(wanted),
        temperature=generation.temperature,
        max_output_tokens=generation.max_output_tokens,
    )
    return setup, ignored


def turn(content: client.Content, field: str) -> tuple[Turn, list[str]]:
    """A client's content as a turn of the history, and the paths of the parts that were ignored.

    Raises:
        Refusal: the role is neither the user's nor the model's.
    """
    role = content.role or "user"
    if role not in ("user", "model", "system"):
        raise Refusal(f"{field}.role", f"invalid role {role[:20]!r}", "use user or model")
    ignored: list[str] = []
    parts = tuple(_parts(content, field, ignored))
    return Turn("model" if role == "model" else "user", parts), ignored


def _profile(name: str) -> Profile:
    if not name:
        raise Refusal("setup.model", "is missing", f"use models/{next(reversed(profiles.PROFILES))}")
    profile = profiles.find(name)
    if profile is None:
        # A close frame has room for the first ones only: the newest.
        known = ", ".join(reversed(profiles.PROFILES))
        raise Refusal("setup.model", f"{name[:50]} is not found", f"use {known}", CloseCode.POLICY)
    return profile


def _modality(wanted: list[client.Modality], ignored: list[str]) -> Literal["audio", "text"]:
    field = "setup.generationConfig.responseModalities"
    kinds = set(wanted)
    if not kinds or client.Modality.AUDIO in kinds:
        ignored.extend([field] if len(kinds) > 1 else [])
        return "audio"
    if client.Modality.TEXT in kinds:
        return "text"
    raise Refusal(field, f"{wanted[0]} is not supported", "use AUDIO or TEXT")


def _instruction(content: client.Content | None) -> str:
    return "\n".join(part.text for part in content.parts if part.text) if content else ""


def _voice(speech: client.SpeechConfig) -> str:
    voice = speech.voice_config or client.VoiceConfig()
    prebuilt = voice.prebuilt_voice_config
    return (prebuilt.voice_name if prebuilt else "") or voice.voice


def _detection(wanted: client.AutomaticActivityDetection | None) -> ActivityDetection:
    wanted = wanted or client.AutomaticActivityDetection()
    field = "setup.realtimeInputConfig.automaticActivityDetection"
    for name, value in (
        ("prefixPaddingMs", wanted.prefix_padding_ms),
        ("silenceDurationMs", wanted.silence_duration_ms),
    ):
        if value is not None and not 0 <= value <= 60_000:
            raise Refusal(f"{field}.{name}", f"{value} is out of range", "use 0 to 60000 milliseconds")
    low_start = wanted.start_of_speech_sensitivity == client.StartSensitivity.LOW
    low_end = wanted.end_of_speech_sensitivity == client.EndSensitivity.LOW
    return ActivityDetection(
        automatic=not wanted.disabled,
        start_sensitivity="low" if low_start else "high",
        end_sensitivity="low" if low_end else "high",
        prefix_padding_ms=wanted.prefix_padding_ms,
        silence_ms=wanted.silence_duration_ms,
    )


def _initial_history(wanted: client.Setup) -> bool:
    config, profile = wanted.history_config, profiles.find(wanted.model)
    asked = config is not None and config.initial_history_in_client_content
    return asked and profile is not None and profile.collects_initial_history


def _tools(wanted: list[client.Tool], ignored: list[str]) -> Iterator[Tool]:
    count = sum(len(tool.function_declarations) for tool in wanted)
    if count > MAX_FUNCTIONS:
        raise Refusal("setup.tools", f"{count} functions are declared", f"declare at most {MAX_FUNCTIONS}")
    for number, tool in enumerate(wanted):
        field = f"setup.tools[{number}]"
        ignored.extend(f"{field}.{name}" for name in _set(tool, _HOSTED_TOOLS))
        for index, declaration in enumerate(tool.function_declarations):
            yield _function(declaration, f"{field}.functionDeclarations[{index}]")


def _function(declaration: client.FunctionDeclaration, field: str) -> Tool:
    if not _FUNCTION_NAME.fullmatch(declaration.name):
        remedy = "start with a letter or _, then letters, digits, _ . : -"
        raise Refusal(f"{field}.name", f"invalid name {declaration.name[:40]!r}", remedy)
    schema = json_schema(declaration.parameters_json_schema) or json_schema(declaration.parameters)
    return Tool(declaration.name, declaration.description, schema)


def _unused(wanted: client.Setup) -> Iterator[str]:
    resumption = wanted.session_resumption
    if resumption is not None and resumption.handle:
        reason = "this server does not keep sessions yet"
        remedy = "connect without a handle"
        raise Refusal("setup.sessionResumption.handle", reason, remedy, CloseCode.POLICY)
    if resumption is not None:
        yield "setup.sessionResumption"
    yield from (f"setup.{name}" for name in _set(wanted, _UNUSED_SETUP))
    if wanted.generation_config is not None:
        yield from (f"setup.generationConfig.{n}" for n in _set(wanted.generation_config, _UNUSED_GENERATION))


def _set(message: client.Wire, names: tuple[str, ...]) -> Iterator[str]:
    spelled = dict(zip(message.__struct_fields__, message.__struct_encode_fields__, strict=True))
    return (spelled[name] for name in names if getattr(message, name) not in (None, False, "", [], UNSET))


def _parts(content: client.Content, field: str, ignored: list[str]) -> Iterator[Part]:
    for number, part in enumerate(content.parts):
        if part.function_call is not None:
            call = part.function_call
            yield FunctionCall(call.id, call.name, _object(call.args))
        elif part.function_response is not None:
            answer = part.function_response
            yield FunctionResult(answer.id, answer.name, _object(answer.response))
        elif part.inline_data is not None and part.inline_data.mime_type.startswith("image/"):
            yield Picture(part.inline_data.mime_type, part.inline_data.data)
        elif part.text:
            yield Words(part.text)
        elif part != client.Part():
            ignored.append(f"{field}.parts[{number}]")


def _object(value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"output": value}
