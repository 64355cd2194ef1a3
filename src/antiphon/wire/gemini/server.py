"""The messages a server of the Gemini Live API sends (``BidiGenerateContentServerMessage``).

Members are tested by presence by real clients, so nothing false or empty is ever written.
"""

from enum import StrEnum
from typing import Any

from antiphon.wire.gemini.client import Content, FunctionCall, Wire


class ActivityType(StrEnum):
    """Which end of the user's activity was detected."""

    START = "ACTIVITY_START"
    END = "ACTIVITY_END"


class SetupComplete(Wire):
    """The first message of a server, once."""

    session_id: str = ""


class Transcription(Wire):
    """A fragment of a transcript; fragments join verbatim."""

    text: str = ""
    finished: bool = False
    language_code: str = ""


class ServerContent(Wire):
    """What the model does."""

    model_turn: Content | None = None
    input_transcription: Transcription | None = None
    interim_input_transcription: Transcription | None = None
    output_transcription: Transcription | None = None
    generation_complete: bool = False
    interrupted: bool = False
    turn_complete: bool = False
    turn_complete_reason: str = ""
    grounding_metadata: Any = None
    url_context_metadata: Any = None
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
    """A handle that resumes the session."""

    new_handle: str = ""
    resumable: bool = False
    last_consumed_client_message_index: int | None = None


class VoiceActivity(Wire):
    """The user's speech began or ended, at ``audio_offset`` of the input."""

    type: ActivityType | None = None
    audio_offset: str = ""


class ModalityTokenCount(Wire):
    """Tokens of one modality."""

    modality: str = ""
    token_count: int = 0


class UsageMetadata(Wire):
    """The tokens of one turn: the whole context read again, and what was made."""

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


class ServerMessage(Wire):
    """One server message: one payload member, and usage beside it."""

    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: ToolCallCancellation | None = None
    go_away: GoAway | None = None
    session_resumption_update: SessionResumptionUpdate | None = None
    voice_activity: VoiceActivity | None = None
    voice_activity_detection_signal: Any = None
    usage_metadata: UsageMetadata | None = None
