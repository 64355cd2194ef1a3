"""The messages a client of the Gemini Live API sends (``BidiGenerateContentClientMessage``).

Field names and meanings: https://ai.google.dev/api/live. Fields that user data travels in (function arguments,
responses, JSON schemas) are ``Any``: they pass through untouched. Booleans that mean something even when they are
false are :data:`~msgspec.UNSET` where they are absent.
"""

from enum import StrEnum
from typing import Any

from msgspec import UNSET, UnsetType

from antiphon.wire.gemini import hosted
from antiphon.wire.gemini.base import Empty as Empty
from antiphon.wire.gemini.base import Wire as Wire


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
    INTERRUPTED = "INTERRUPT"
    """As guides of 3.8 models write it."""


class MediaResolution(StrEnum):
    """How closely pictures are looked at."""

    LOW = "MEDIA_RESOLUTION_LOW"
    MEDIUM = "MEDIA_RESOLUTION_MEDIUM"
    HIGH = "MEDIA_RESOLUTION_HIGH"


class PartResolution(StrEnum):
    """How closely one picture is looked at."""

    LOW = "MEDIA_RESOLUTION_LOW"
    MEDIUM = "MEDIA_RESOLUTION_MEDIUM"
    HIGH = "MEDIA_RESOLUTION_HIGH"
    ULTRA_HIGH = "MEDIA_RESOLUTION_ULTRA_HIGH"


class TranscriptionMode(StrEnum):
    """Whether a transcript has every word, or is tidied up."""

    VERBATIM = "VERBATIM"
    SMART = "SMART"


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


class FunctionResponsePart(Wire):
    """Media that belong to a function's answer."""

    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(Wire):
    """A function's answer.

    Official samples put ``scheduling`` inside ``response``, which is the user's own data: it is left there.
    """

    id: str = ""
    name: str = ""
    response: Any = None
    scheduling: Scheduling | None = None
    will_continue: bool = False
    parts: list[FunctionResponsePart] = []


class ExecutableCode(Wire):
    """Code that a hosted model wrote to run it."""

    id: str = ""
    language: str = ""
    code: str = ""


class CodeExecutionResult(Wire):
    """What came of running it."""

    id: str = ""
    outcome: str = ""
    output: str = ""


class VideoMetadata(Wire):
    """Which stretch of a video is meant, and how many frames a second of it. Offsets are durations (``"1.5s"``)."""

    start_offset: str = ""
    end_offset: str = ""
    fps: float | None = None


class PartMediaResolution(Wire):
    """How closely one picture is looked at: by level or by tokens."""

    level: PartResolution | None = None
    num_tokens: int | None = None


class Part(Wire):
    """One piece of content; exactly one of its payload fields is set."""

    text: str = ""
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: ExecutableCode | None = None
    code_execution_result: CodeExecutionResult | None = None
    thought: bool = False
    thought_signature: str = ""
    video_metadata: VideoMetadata | None = None
    media_resolution: PartMediaResolution | None = None


class Content(Wire):
    """One turn of a conversation. Clients send role-less turns: they are the user's."""

    role: str = ""
    parts: list[Part] = []


class PrebuiltVoiceConfig(Wire):
    """A voice by name."""

    voice_name: str = ""


class VoiceConsentSignature(Wire):
    """Says that the owner of a voice agreed to its use; made by the service for a consent it heard."""

    signature: str = ""


class ReplicatedVoiceConfig(Wire):
    """A voice from a sample of it (24 kHz mono s16le)."""

    mime_type: str = ""
    voice_sample_audio: bytes = b""
    consent_audio: bytes = b""
    voice_consent_signature: VoiceConsentSignature | None = None


class VoiceConfig(Wire):
    """The voice that answers."""

    prebuilt_voice_config: PrebuiltVoiceConfig | None = None
    replicated_voice_config: ReplicatedVoiceConfig | None = None
    voice: str = ""


class SpeakerVoiceConfig(Wire):
    """The voice of one speaker of several."""

    speaker: str = ""
    voice_config: VoiceConfig | None = None


class MultiSpeakerVoiceConfig(Wire):
    """The voices of several speakers."""

    speaker_voice_configs: list[SpeakerVoiceConfig] = []


class SpeechConfig(Wire):
    """How the answer sounds."""

    voice_config: VoiceConfig | None = None
    multi_speaker_voice_config: MultiSpeakerVoiceConfig | None = None
    language_code: str = ""


class ThinkingConfig(Wire):
    """How much the model thinks."""

    thinking_level: ThinkingLevel | None = None
    thinking_budget: int | None = None
    include_thoughts: bool = False


class LanguageHints(Wire):
    """The older way to name languages."""

    language_codes: list[str] = []


class AudioTranscriptionConfig(Wire):
    """Asks for a transcript; presence is enough. The last three are what older clients send."""

    language_codes: list[str] = []
    custom_vocabulary: list[str] = []
    word_timestamp: bool = False
    diarization: bool = False
    mode: TranscriptionMode | None = None
    source_text: str = ""
    language_auto: Empty | None = None
    language_hints: LanguageHints | None = None
    adaptation_phrases: list[str] = []


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
    media_resolution: MediaResolution | None = None
    thinking_config: ThinkingConfig | None = None
    enable_affective_dialog: bool | UnsetType = UNSET
    enable_enhanced_civic_answers: bool = False
    audio_transcription_config: AudioTranscriptionConfig | None = None
    translation_config: hosted.TranslationConfig | None = None


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
    google_search: hosted.GoogleSearch | None = None
    google_search_retrieval: hosted.GoogleSearchRetrieval | None = None
    code_execution: Empty | None = None
    url_context: Empty | None = None
    google_maps: hosted.GoogleMaps | None = None
    file_search: Any = None
    computer_use: Any = None
    mcp_servers: list[hosted.McpServer] = []


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

    proactive_audio: bool | UnsetType = UNSET
    proactive_video: bool | UnsetType = UNSET


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
    avatar_config: hosted.AvatarConfig | None = None
    safety_settings: list[hosted.SafetySetting] = []
    labels: dict[str, str] = {}


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
    """The older way to send audio and pictures; some clients send one object instead of a list."""


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
