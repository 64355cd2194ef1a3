"""The events of the OpenAI Realtime API, as a client sends and reads them, in its released (GA) and its beta spelling.

Fields: https://platform.openai.com/docs/api-reference/realtime-client-events and -server-events. What the beta named
otherwise is read under its present name; what is unknown is an :class:`Unknown`. Self-hosted servers leave fields out
and write ``null`` for others, hence the many ``None``.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pybase64
from msgspec import UNSET, Struct, UnsetType

# --- what both sides hold -----------------------------------------------------------------------------------


class Wire(Struct, omit_defaults=True, kw_only=True):
    """Base of what an event holds: nothing is written that has its default value."""


class ItemPart(Wire):
    """One piece of a message: ``input_text``, ``input_image``, ``output_text`` (beta: ``text``), as ``type`` says."""

    type: str | None = None
    text: str | None = None
    image_url: str | None = None
    detail: str | None = None
    transcript: str | None = None


class Item(Wire):
    """An item of the conversation: a ``message``, a ``function_call`` or a ``function_call_output``.

    Ids are of the client's choosing where it sends one, of 32 characters at most; so are those of calls.
    """

    id: str | None = None
    type: str | None = None
    role: str | None = None
    status: str | None = None
    content: list[ItemPart] | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    output: str | None = None


# --- what a client sends ------------------------------------------------------------------------------------


class ClientEvent(Struct, omit_defaults=True, kw_only=True, tag_field="type"):
    """Base of a client's events. An error that one causes names its ``event_id``."""

    event_id: str = ""


class Format(Wire):
    """Sound of one channel; ``rate`` in samples per second."""

    type: str = ""
    rate: int = 0


class Transcription(Wire):
    """What writes down what the user says; ``language`` in ISO 639-1."""

    model: str = ""
    language: str = ""
    prompt: str = ""


class TurnDetection(Wire):
    """How the server finds the user's turns."""

    type: str = ""
    threshold: float | None = None
    prefix_padding_ms: int | None = None
    silence_duration_ms: int | None = None
    eagerness: str = ""
    create_response: bool | None = None
    interrupt_response: bool | None = None


class Tool(Wire):
    """A function that the model may call; ``parameters`` is a JSON schema."""

    type: str = ""
    name: str = ""
    description: str = ""
    parameters: Any = None


class AudioInput(Wire):
    """The user's sound. ``turn_detection`` None, and written so: the client marks the turns."""

    format: Format | UnsetType = UNSET
    transcription: Transcription | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET


class AudioOutput(Wire):
    """The model's sound."""

    format: Format | UnsetType = UNSET
    voice: str = ""


class Audio(Wire):
    """The sound of both sides."""

    input: AudioInput | UnsetType = UNSET
    output: AudioOutput | UnsetType = UNSET


class Reasoning(Wire):
    """How much a model thinks that does."""

    effort: str = ""


class Session(Wire):
    """A session as it is configured. Only what is there is changed; an empty instruction, or list, clears."""

    type: str = ""
    instructions: str | UnsetType = UNSET
    output_modalities: list[str] | UnsetType = UNSET
    audio: Audio | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: str = ""
    max_output_tokens: int | None = None
    reasoning: Reasoning | UnsetType = UNSET


class BetaSession(Wire):
    """A session as the beta spells it."""

    instructions: str | UnsetType = UNSET
    modalities: list[str] | UnsetType = UNSET
    voice: str = ""
    input_audio_format: str = ""
    output_audio_format: str = ""
    input_audio_transcription: Transcription | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: str = ""
    temperature: float | None = None
    max_response_output_tokens: int | None = None


class SessionUpdate(ClientEvent, tag="session.update"):
    """Configure the session; ``session`` is a :class:`Session`, a :class:`BetaSession`, or one with more laid over."""

    session: Any


class CommitInput(ClientEvent, tag="input_audio_buffer.commit"):
    """The sound so far is a turn of the user's."""


class ClearInput(ClientEvent, tag="input_audio_buffer.clear"):
    """The sound so far is none."""


class CreateItem(ClientEvent, tag="conversation.item.create"):
    """Add an item at the end of the conversation. Nothing is answered yet."""

    item: Item


class TruncateItem(ClientEvent, tag="conversation.item.truncate"):
    """Of a spoken item only the first ``audio_end_ms`` were heard. More than there is, is an error."""

    item_id: str
    content_index: int
    audio_end_ms: int


class CreateResponse(ClientEvent, tag="response.create"):
    """Answer what was said. An error while another answer is being made."""


class CancelResponse(ClientEvent, tag="response.cancel"):
    """Stop the answer that is being made, if it is ``response_id`` where that is there. An error when there is none."""

    response_id: str = ""


_encode = msgspec.json.Encoder().encode


def encode(event: ClientEvent) -> bytes:
    """The frame of a client's event."""
    return _encode(event)


def append_frame(pcm: bytes) -> bytes:
    """The frame of ``input_audio_buffer.append`` with this sound."""
    return b'{"type":"input_audio_buffer.append","audio":"%b"}' % pybase64.b64encode(pcm)


# --- what a server sends ------------------------------------------------------------------------------------


class ServerEvent(Struct, kw_only=True):
    """Base of a server's events."""


class Unknown(ServerEvent):
    """An event of another kind, or one that does not look as it should; ``type`` is its name, where it has one."""

    type: str


class SessionInfo(Struct):
    """What matters of a session as the server describes it; ``expires_at`` in seconds of the Unix epoch."""

    id: str | None = None
    model: str | None = None
    expires_at: float | None = None


class SessionCreated(ServerEvent):
    """The first event of a connection."""

    session: SessionInfo = msgspec.field(default_factory=SessionInfo)


class SessionUpdated(ServerEvent):
    """The session is configured as was asked."""

    session: SessionInfo = msgspec.field(default_factory=SessionInfo)


class ErrorDetail(Struct):
    """What went wrong; ``event_id`` is that of the client's event that caused it."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None
    event_id: str | None = None


class Error(ServerEvent):
    """Something went wrong; most often the session goes on."""

    error: ErrorDetail = msgspec.field(default_factory=ErrorDetail)


class SpeechStarted(ServerEvent):
    """The user speaks, since ``audio_start_ms`` of all sound that was sent in this session."""

    item_id: str | None = None
    audio_start_ms: float | None = None


class SpeechStopped(ServerEvent):
    """The user stopped speaking, at ``audio_end_ms``."""

    item_id: str | None = None
    audio_end_ms: float | None = None


class Committed(ServerEvent):
    """The user's turn is an item now."""

    item_id: str | None = None


class ItemAdded(ServerEvent):
    """An item is part of the conversation."""

    item: Item = msgspec.field(default_factory=Item)


class ItemTruncated(ServerEvent):
    """A spoken item was cut."""

    item_id: str | None = None
    audio_end_ms: float | None = None


class TranscriptTokens(Struct):
    """Which tokens a transcription read."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class TranscriptUsage(Struct):
    """What a transcription used: ``seconds`` where its ``type`` is ``duration``, else tokens."""

    type: str | None = None
    seconds: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: TranscriptTokens | None = None


class InputTranscriptDelta(ServerEvent):
    """More words of an item of the user's."""

    item_id: str | None = None
    delta: str | None = None


class InputTranscriptCompleted(ServerEvent):
    """All words of an item of the user's. Billed apart from the model."""

    item_id: str | None = None
    transcript: str | None = None
    usage: TranscriptUsage | None = None


class InputTranscriptFailed(ServerEvent):
    """The words of an item of the user's will not be known."""

    item_id: str | None = None
    error: ErrorDetail | None = None


class TokenDetails(Struct):
    """Tokens by modality; ``cached_tokens`` of them came from a cache."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: "TokenDetails | None" = None


class ResponseUsage(Struct):
    """What a response used: the whole conversation read again, and what was made. Cached tokens are among the input."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: TokenDetails | None = None
    output_token_details: TokenDetails | None = None


class StatusDetails(Struct):
    """Why a response is not complete."""

    type: str | None = None
    reason: str | None = None
    error: ErrorDetail | None = None


class Response(Struct):
    """An answer: ``in_progress``, ``completed``, ``cancelled``, ``incomplete`` or ``failed``."""

    id: str | None = None
    status: str | None = None
    status_details: StatusDetails | None = None
    output: list[Item] | None = None
    usage: ResponseUsage | None = None


class ResponseCreated(ServerEvent):
    """The model begins to answer."""

    response: Response = msgspec.field(default_factory=Response)


class ResponseDone(ServerEvent):
    """The answer is over, however; what it used is in it."""

    response: Response = msgspec.field(default_factory=Response)


class OutputItem(ServerEvent):
    """An item of an answer begins, or is complete."""

    response_id: str | None = None
    item: Item = msgspec.field(default_factory=Item)


class AudioDelta(ServerEvent):
    """More sound, in base64."""

    response_id: str | None = None
    item_id: str | None = None
    content_index: int | None = None
    delta: str = ""


class AudioTranscriptDelta(ServerEvent):
    """More words of the sound."""

    response_id: str | None = None
    item_id: str | None = None
    delta: str | None = None


class AudioTranscriptDone(ServerEvent):
    """All words of an item's sound."""

    response_id: str | None = None
    item_id: str | None = None
    transcript: str | None = None


class TextDelta(ServerEvent):
    """More words of a written answer."""

    response_id: str | None = None
    item_id: str | None = None
    delta: str | None = None


class TextDone(ServerEvent):
    """All words of a written answer."""

    response_id: str | None = None
    item_id: str | None = None
    text: str | None = None


class FunctionCallDone(ServerEvent):
    """A function call is complete. The beta leaves the name to the item."""

    response_id: str | None = None
    item_id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class RateLimit(Struct):
    """How much of a limit is left."""

    name: str | None = None
    limit: float | None = None
    remaining: float | None = None
    reset_seconds: float | None = None


class RateLimitsUpdated(ServerEvent):
    """How much of the limits is left after a response began."""

    rate_limits: list[RateLimit] | None = None


_KINDS: Final[dict[str, type[ServerEvent]]] = {
    "session.created": SessionCreated,
    "session.updated": SessionUpdated,
    "error": Error,
    "input_audio_buffer.speech_started": SpeechStarted,
    "input_audio_buffer.speech_stopped": SpeechStopped,
    "input_audio_buffer.committed": Committed,
    "conversation.item.added": ItemAdded,
    "conversation.item.truncated": ItemTruncated,
    "conversation.item.input_audio_transcription.delta": InputTranscriptDelta,
    "conversation.item.input_audio_transcription.completed": InputTranscriptCompleted,
    "conversation.item.input_audio_transcription.failed": InputTranscriptFailed,
    "response.created": ResponseCreated,
    "response.done": ResponseDone,
    "response.output_item.added": OutputItem,
    "response.output_item.done": OutputItem,
    "response.output_audio.delta": AudioDelta,
    "response.output_audio_transcript.delta": AudioTranscriptDelta,
    "response.output_audio_transcript.done": AudioTranscriptDone,
    "response.output_text.delta": TextDelta,
    "response.output_text.done": TextDone,
    "response.function_call_arguments.done": FunctionCallDone,
    "rate_limits.updated": RateLimitsUpdated,
}

BETA_NAMES: Final[dict[str, str]] = {
    "conversation.item.created": "conversation.item.added",
    "response.audio.delta": "response.output_audio.delta",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
}
"""What the beta called events, and what they are called now."""

NEEDLESS: Final[frozenset[str]] = frozenset(
    {
        "conversation.created",
        "conversation.item.done",
        "conversation.item.deleted",
        "conversation.item.retrieved",
        "input_audio_buffer.cleared",
        "response.audio.done",
        "response.output_audio.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.function_call_arguments.delta",
    }
)
"""Events that are known and tell nothing that others do not tell."""


class _Head(Struct):
    type: str = ""


_head = msgspec.json.Decoder(_Head).decode
_DECODERS: Final = {name: msgspec.json.Decoder(kind).decode for name, kind in _KINDS.items()}


def decode(frame: bytes | str, names: Mapping[str, str] = BETA_NAMES) -> ServerEvent:
    """The event in a server's frame. ``names`` says what a server calls otherwise."""
    try:
        name = _head(frame).type
        read = _DECODERS.get(names.get(name, name))
        return Unknown(type=name) if read is None else read(frame)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Unknown(type=_name(frame))


def _name(frame: bytes | str) -> str:
    try:
        return _head(frame).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
