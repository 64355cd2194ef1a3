"""What the hosted OpenAI Realtime service refuses of a client's events; used by the scripted upstream.

From the API's reference and from errors that clients of it report.
"""

from typing import Any, Final

MAX_ID: Final = 32
"""Characters of an id of an item or a call."""

BETA: Final = {
    "conversation.item.added": "conversation.item.created",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
}
"""What the beta calls the events of today."""

_SESSION: Final = frozenset(
    "type model instructions output_modalities audio tools tool_choice max_output_tokens reasoning truncation include"
    " prompt tracing parallel_tool_calls".split()
)
_BETA_SESSION: Final = frozenset(
    "instructions modalities voice input_audio_format output_audio_format input_audio_transcription turn_detection"
    " tools tool_choice temperature max_response_output_tokens input_audio_noise_reduction speed tracing".split()
)
_DETECTION: Final = frozenset(
    "type threshold prefix_padding_ms silence_duration_ms create_response interrupt_response idle_timeout_ms"
    " eagerness".split()
)
_PARTS: Final = {
    ("user", False): {"input_text", "input_audio", "input_image"},
    ("user", True): {"input_text", "input_audio"},
    ("system", False): {"input_text"},
    ("system", True): {"input_text"},
    ("assistant", False): {"output_text", "output_audio"},
    ("assistant", True): {"text"},
}


class Refused(Exception):
    """An event is refused, as the service reports it."""

    def __init__(self, code: str, message: str, param: str = "", kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.kind = kind


def check_session(session: dict[str, Any], *, beta: bool) -> None:
    """Refuse what no session has.

    Raises:
        Refused: a member is unknown, or has a value that it may not have.
    """
    if not beta and session.get("type") != "realtime":
        raise Refused("missing_required_parameter", "Missing required parameter: 'session.type'.", "session.type")
    _known(session, _BETA_SESSION if beta else _SESSION, "session")
    modalities = session.get("modalities" if beta else "output_modalities")
    if not beta and modalities is not None and modalities not in (["audio"], ["text"]):
        raise Refused("invalid_value", f"Invalid modalities: {modalities}.", "session.output_modalities")
    held = session if beta else session.get("audio", {}).get("input", {})
    detection = held.get("turn_detection")
    if detection is not None:
        _known(detection, _DETECTION, "session.turn_detection")
    if not beta and "format" in held and held["format"] != {"type": "audio/pcm", "rate": 24_000}:
        raise Refused("invalid_value", "Only a 24kHz sample rate is supported.", "session.audio.input.format")
    if beta and not 0.6 <= session.get("temperature", 0.8) <= 1.2:
        raise Refused("decimal_below_min_value", "Invalid temperature.", "session.temperature")
    limit = session.get("max_response_output_tokens" if beta else "max_output_tokens", 1)
    if limit != "inf" and not 1 <= limit <= 4_096:
        raise Refused("integer_above_max_value", "Invalid limit of tokens.", "session.max_output_tokens")
    for number, tool in enumerate(session.get("tools", ())):
        _known(tool, frozenset(("type", "name", "description", "parameters")), f"session.tools[{number}]")
        if not tool.get("name") or tool.get("type") != "function":
            raise Refused("missing_required_parameter", "Missing required parameter.", f"session.tools[{number}].name")


def check_item(item: dict[str, Any], calls: set[str | None], *, beta: bool) -> None:
    """Refuse what no item is; ``calls`` are the ids of all calls so far.

    Raises:
        Refused: the item has a member or a value that it may not have.
    """
    for name in ("id", "call_id"):
        if len(item.get(name, "")) > MAX_ID:
            said = f"Invalid 'item.{name}': string too long. Expected a string with maximum length {MAX_ID}."
            raise Refused("string_above_max_length", said, f"item.{name}")
    match item.get("type"):
        case "message":
            _check_message(item, beta=beta)
        case "function_call":
            if not item.get("name") or not item.get("call_id"):
                raise Refused("missing_required_parameter", "Missing required parameter: 'item.name'.", "item.name")
        case "function_call_output":
            if item.get("call_id") not in calls:
                said = f"Tool call ID '{item.get('call_id')}' not found in conversation."
                raise Refused("invalid_tool_call_id", said, "item.call_id")
        case other:
            raise Refused("invalid_value", f"Invalid value: {other!r}.", "item.type")


def _check_message(item: dict[str, Any], *, beta: bool) -> None:
    allowed = _PARTS.get((item.get("role", ""), beta))
    if allowed is None:
        raise Refused("invalid_value", f"Invalid value: {item.get('role')!r}.", "item.role")
    for number, part in enumerate(item.get("content", ())):
        field = f"item.content[{number}]"
        if part.get("type") not in allowed:
            said = f"Invalid value: {part.get('type')!r}. Supported values are: {sorted(allowed)}."
            raise Refused("invalid_value", said, f"{field}.type")
        if part["type"] == "input_image" and not part.get("image_url", "").startswith(
            ("data:image/jpeg;base64,", "data:image/png;base64,")
        ):
            raise Refused("invalid_value", "Invalid image.", f"{field}.image_url")


def _known(value: dict[str, Any], names: frozenset[str], field: str) -> None:
    for name in value:
        if name not in names:
            raise Refused("unknown_parameter", f"Unknown parameter: '{field}.{name}'.", f"{field}.{name}")
