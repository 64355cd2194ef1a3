"""The messages a client of the Gemini Live API sends (``BidiGenerateContentClientMessage``).

Field names and meanings: https://ai.google.dev/api/live. Fields that user data travels in (function arguments,
responses, JSON schemas) are ``Any``: they pass through untouched.
"""

from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType


class Wire(Struct, rename="camel", omit_defaults=True, kw_only=True):
    """Base of all messages: camelCase on the wire, and nothing written that has its default value."""


class Empty(Wire):
    """An object whose presence is its whole meaning."""


class Modality(StrEnum):
    """What a model answers in."""

    TEXT = "TEXT"
    AUDIO = "AUDIO"
    IMAGE = "IMAGE"
    VIDEO = "VIDEO"


class StartSensitivity(StrEnum):
    """How easily the onset of speech is detected."""

    HIGH = "START_SENSITIVITY_HIGH"
    LOW = "START_SENSITIVITY_LOW"


class EndSensitivity(StrEnum):
    """How easily the end of speech is detected."""

    HIGH = "END_SENSITIVITY_HIGH"
    LOW = "END_SENSITIVITY_LOW"


class ActivityHandling(StrEnum):
    """What the user's activity does to an answer that is being given."""

    INTERRUPTS = "START_OF_ACTIVITY_INTERRUPTS"
    NO_INTERRUPTION = "NO_INTERRUPTION"


class TurnCoverage(StrEnum):
    """Which input belongs to a turn."""

    ONLY_ACTIVITY = "TURN_INCLUDES_ONLY_ACTIVITY"
    ALL_INPUT = "TURN_INCLUDES_ALL_INPUT"
    AUDIO_ACTIVITY_AND_ALL_VIDEO = "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"


class ThinkingLevel(StrEnum):
    """How much a model thinks before it answers."""

    MINIMAL = "MINIMAL"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    XHIGH = "XHIGH"


class Behavior(StrEnum):
    """Whether the model waits for a function's answer."""

    BLOCKING = "BLOCKING"
    NON_BLOCKING = "NON_BLOCKING"


class Scheduling(StrEnum):
    """When the answer of a non-blocking function is spoken."""

    SILENT = "SILENT"
    WHEN_IDLE = "WHEN_IDLE"
    INTERRUPT = "INTERRUPT"


class Blob(Wire):
    """Media: raw bytes and their MIME type."""

    data: bytes = b""
    mime_type: str = ""


class FileData(Wire):
    """Media by reference."""

    file_uri: str = ""
    mime_type: str = ""


class FunctionCall(Wire):
    """A function the model calls."""

    id: str = ""
    name: str = ""
    args: Any = None


class FunctionResponse(Wire):
    """A function's answer."""

    id: str = ""
    name: str = ""
    response: Any = None
    scheduling: Scheduling | None = None
    will_continue: bool = False
    parts: list[Any] = []


class Part(Wire):
    """One piece of content; exactly one of its payload fields is set."""

    text: str = ""
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: Any = None
    code_execution_result: Any = None
    thought: bool = False
    thought_signature: str = ""
    video_metadata: Any = None
    media_resolution: Any = None


class Content(Wire):
    """One turn of a conversation. Clients send role-less turns: they are the user's."""

    role: str = ""
    parts: list[Part] = []


class PrebuiltVoiceConfig(Wire):
    """A voice by name."""

    voice_name: str = ""


class VoiceConfig(Wire):
    """The voice that answers."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: Any = None
    voice: str = ""


class SpeechConfig(Wire):
    """How the answer sounds."""

    voice_config: VoiceConfig | None = None
    multi_speaker_voice_config: Any = None
    language_code: str = ""


class ThinkingConfig(Wire):
    """How much the model thinks."""

    thinking_level: ThinkingLevel | None = None
    thinking_budget: int | None = None
    include_thoughts: bool = False


class GenerationConfig(Wire):
    """How answers are generated."""

    candidate_count: int | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop_sequences: list[str] = []
    response_modalities: list[Modality] = []
    response_mime_type: str = ""
    response_schema: Any = None
    response_json_schema: Any = None
    response_format: Any = None
    response_logprobs: bool = False
    logprobs: int | None = None
    routing_config: Any = None
    audio_timestamp: bool = False
    speech_config: SpeechConfig | None = None
    media_resolution: str = ""
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool = False
    enable_enhanced_civic_answers: bool = False
    audio_transcription_config: Any = None
    translation_config: Any = None


class FunctionDeclaration(Wire):
    """A function the model may call; ``parameters`` is an OpenAPI subset, the other is JSON Schema."""

    name: str = ""
    description: str = ""
    parameters: Any = None
    parameters_json_schema: Any = None
    response: Any = None
    response_json_schema: Any = None
    behavior: Behavior | None = None


class Tool(Wire):
    """Functions, or one of the tools a hosted model brings along."""

    function_declarations: list[FunctionDeclaration] = []
    google_search: Any = None
    google_search_retrieval: Any = None
    code_execution: Any = None
    url_context: Any = None
    google_maps: Any = None
    file_search: Any = None
    computer_use: Any = None
    mcp_servers: Any = None


class AutomaticActivityDetection(Wire):
    """How the server finds the user's turns."""

    disabled: bool = False
    start_of_speech_sensitivity: StartSensitivity | None = None
    end_of_speech_sensitivity: EndSensitivity | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None


class RealtimeInputConfig(Wire):
    """How real-time input is treated."""

    automatic_activity_detection: AutomaticActivityDetection | None = None
    activity_handling: ActivityHandling | None = None
    turn_coverage: TurnCoverage | None = None
    interim_transcript_timestamp_enabled: bool = False


class AudioTranscriptionConfig(Wire):
    """Asks for a transcript; presence is enough."""

    language_codes: list[str] = []
    custom_vocabulary: list[str] = []
    word_timestamp: bool = False
    diarization: bool = False
    mode: str = ""
    source_text: Any = None
    language_auto: Any = None
    language_hints: Any = None
    adaptation_phrases: list[Any] = []


class SessionResumptionConfig(Wire):
    """Asks for handles to resume with, or resumes."""

    handle: str = ""
    transparent: bool = False


class SlidingWindow(Wire):
    """Keeps the newest ``target_tokens``."""

    target_tokens: int | None = None


class ContextWindowCompression(Wire):
    """How the context is kept within the model's window."""

    trigger_tokens: int | None = None
    sliding_window: SlidingWindow | None = None


class HistoryConfig(Wire):
    """How the first client content is treated."""

    initial_history_in_client_content: bool = False


class Proactivity(Wire):
    """Whether the model may stay silent or speak unasked."""

    proactive_audio: bool = False
    proactive_video: bool = False


class Setup(Wire):
    """The first message of a session, once."""

    model: str = ""
    generation_config: GenerationConfig | None = None
    system_instruction: Content | None = None
    tools: list[Tool] = []
    tool_config: Any = None
    realtime_input_config: RealtimeInputConfig | None = None
    session_resumption: SessionResumptionConfig | None = None
    context_window_compression: ContextWindowCompression | None = None
    input_audio_transcription: AudioTranscriptionConfig | None = None
    output_audio_transcription: AudioTranscriptionConfig | None = None
    proactivity: Proactivity | None = None
    history_config: HistoryConfig | None = None
    explicit_vad_signal: bool = False
    avatar_config: Any = None
    safety_settings: list[Any] = []
    labels: Any = None


class ClientContent(Wire):
    """Turns to append to the conversation, in order."""

    turns: list[Content] = []
    turn_complete: bool = False


class RealtimeInput(Wire):
    """What the user does now; any combination of members."""

    audio: Blob | None = None
    video: Blob | None = None
    text: str | UnsetType = UNSET
    activity_start: Empty | None = None
    activity_end: Empty | None = None
    audio_stream_end: bool = False
    media_chunks: list[Blob] = []


class ToolResponse(Wire):
    """Answers to function calls."""

    function_responses: list[FunctionResponse] = []


class ToolList(Wire):
    """A wrapper that tells "no tools" from "tools unchanged"."""

    tools: list[Tool] = []


class ContextUpdate(Wire):
    """Changes the instruction or the tools of a running session."""

    system_instruction: Content | None = None
    tools: ToolList | None = None


Message = Setup | ClientContent | RealtimeInput | ToolResponse | ContextUpdate

MEMBERS: dict[str, type[Wire]] = {
    "setup": Setup,
    "clientContent": ClientContent,
    "realtimeInput": RealtimeInput,
    "toolResponse": ToolResponse,
    "contextUpdate": ContextUpdate,
}
"""The one member each client message has, by its name on the wire."""
