"""The messages a server of the Gemini Live API sends (``BidiGenerateContentServerMessage``).

Members are tested by presence by real clients, so nothing false or empty is ever written.
"""

from enum import StrEnum
from typing import ClassVar

from antiphon.wire.gemini.base import Wire
from antiphon.wire.gemini.client import Content, FunctionCall, VoiceConsentSignature


class ActivityType(StrEnum):
    """Which end of the user's activity was detected."""

    START = "ACTIVITY_START"
    END = "ACTIVITY_END"


class VadSignal(StrEnum):
    """Start and end of speech, as the Vertex dialect names them."""

    START = "VAD_SIGNAL_TYPE_SOS"
    END = "VAD_SIGNAL_TYPE_EOS"


class SetupComplete(Wire):
    """The first message of a server, once."""

    session_id: str = ""
    voice_consent_signature: VoiceConsentSignature | None = None


class Word(Wire):
    """A word of a transcript and when it was said. Offsets are durations (``"1.5s"``)."""

    word: str = ""
    start_offset: str = ""
    end_offset: str = ""


class Transcription(Wire):
    """A fragment of a transcript; fragments join verbatim. Offsets are durations (``"1.5s"``)."""

    text: str = ""
    finished: bool = False
    language_code: str = ""
    speaker_label: str = ""
    words: list[Word] = []
    start_offset: str = ""
    end_offset: str = ""


class SearchEntryPoint(Wire):
    """The queries as HTML, to be shown beside an answer."""

    rendered_content: str = ""


class WebChunk(Wire):
    """A page an answer rests on."""

    uri: str = ""
    title: str = ""
    domain: str = ""


class GroundingChunk(Wire):
    """One source an answer rests on."""

    web: WebChunk | None = None


class Segment(Wire):
    """A stretch of an answer; ``start_index`` and ``end_index`` count bytes of its UTF-8, the end exclusive."""

    part_index: int = 0
    start_index: int = 0
    end_index: int = 0
    text: str = ""


class GroundingSupport(Wire):
    """Which sources (``grounding_chunk_indices``) a stretch of an answer rests on."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] = []
    confidence_scores: list[float] = []


class GroundingMetadata(Wire):
    """What an answer rests on."""

    web_search_queries: list[str] = []
    search_entry_point: SearchEntryPoint | None = None
    grounding_chunks: list[GroundingChunk] = []
    grounding_supports: list[GroundingSupport] = []


class UrlMetadata(Wire):
    """A page that was read, and how that went."""

    retrieved_url: str = ""
    url_retrieval_status: str = ""


class UrlContextMetadata(Wire):
    """The pages that were read for an answer."""

    url_metadata: list[UrlMetadata] = []


class ServerContent(Wire):
    """What the model does.

    ``interaction_status`` (``IN_PROGRESS``, ``IDLE``) is for models that think at length: clients that see it once
    listen to a turn until it is ``IDLE``, and no longer to ``turn_complete``.
    """

    model_turn: Content | None = None
    input_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    generation_complete: bool = False
    interrupted: bool = False
    turn_complete: bool = False
    turn_complete_reason: str = ""
    grounding_metadata: GroundingMetadata | None = None
    url_context_metadata: UrlContextMetadata | None = None
    waiting_for_input: bool = False
    interaction_status: str = ""


class ToolCall(Wire):
    """Functions the model calls."""

    function_calls: list[FunctionCall] = []


class ToolCallCancellation(Wire):
    """Calls whose answers are no longer wanted."""

    ids: list[str] = []


class GoAway(Wire):
    """The connection will end; ``time_left`` is a duration such as ``"50s"``."""

    time_left: str = ""


class SessionResumptionUpdate(Wire):
    """A handle that resumes the session, while it is ``resumable``.

    ``last_consumed_client_message_index`` is there only for clients that asked for ``transparent`` resumption.
    """

    new_handle: str = ""
    resumable: bool = False
    last_consumed_client_message_index: int | None = None


class VoiceActivity(Wire):
    """The user's speech began or ended, at ``audio_offset`` of the input."""

    type: ActivityType | None = None
    audio_offset: str = ""


class VoiceActivityDetectionSignal(Wire):
    """The user's speech began or ended, for those who asked for ``explicitVadSignal``."""

    vad_signal_type: VadSignal | None = None


class ModalityTokenCount(Wire):
    """Tokens of one modality."""

    modality: str = ""
    token_count: int = 0


class UsageMetadata(Wire):
    """The tokens of one turn: the whole context read again, and what was made.

    The Vertex dialect has its own names for what was made; :func:`~antiphon.wire.gemini.encode.encode_server` writes
    them, and both are read.
    """

    ALIASES: ClassVar = {
        "candidates_token_count": "response_token_count",
        "candidates_tokens_details": "response_tokens_details",
    }

    prompt_token_count: int = 0
    cached_content_token_count: int = 0
    response_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    thoughts_token_count: int = 0
    total_token_count: int = 0
    prompt_tokens_details: list[ModalityTokenCount] = []
    cache_tokens_details: list[ModalityTokenCount] = []
    response_tokens_details: list[ModalityTokenCount] = []
    tool_use_prompt_tokens_details: list[ModalityTokenCount] = []
    service_tier: str = ""
    traffic_type: str = ""


class ServerMessage(Wire):
    """One server message: one payload member, and usage beside it."""

    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    go_away: GoAway | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    voice_activity: VoiceActivity | None = None
    voice_activity_detection_signal: VoiceActivityDetectionSignal | None = None
    usage_metadata: UsageMetadata | None = None
