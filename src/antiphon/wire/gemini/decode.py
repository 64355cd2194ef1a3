"""Frames of the Gemini Live API into typed messages."""

import re
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct

from antiphon.wire import base64
from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerMessage
from antiphon.wire.gemini.spelling import camel, struct_reader
from antiphon.wire.refusal import Refusal

Frame = str | bytes
Ignored = tuple[str, ...]
"""Paths of members that no message has, and that were passed over."""

_Kind = TypeVar("_Kind", bound=Struct)
_NOTHING: Ignored = ()
_parse = msgspec.json.Decoder().decode


class _AudioBlob(Struct, forbid_unknown_fields=True, gc=False):
    data: str
    mimeType: str = ""  # noqa: N815
    mime_type: str = ""


class _AudioInput(Struct, forbid_unknown_fields=True, gc=False):
    audio: _AudioBlob


class _AudioFrame(Struct, forbid_unknown_fields=True, gc=False):
    realtimeInput: _AudioInput | None = None  # noqa: N815
    realtime_input: _AudioInput | None = None


_parse_audio = msgspec.json.Decoder(_AudioFrame).decode


def decode_client(frame: Frame) -> tuple[client.Message, Ignored]:
    """The message in a client's frame, and the members that were ignored.

    Nearly every frame of a session is one chunk of audio and nothing else: that shape is tried first.

    Raises:
        Refusal: the frame is not JSON, holds no known message or more than one, or a member has the wrong type.
    """
    audio = decode_audio(frame)
    return (audio, _NOTHING) if audio else _decode_any(frame)


def decode_server(frame: Frame) -> tuple[ServerMessage, Ignored]:
    """The message in a server's frame, and the members that were ignored.

    Raises:
        Refusal: the frame is not a JSON object, or a member has the wrong type.
    """
    return convert(ServerMessage, _parse_object(frame), "")


def convert(kind: type[_Kind], value: Any, path: str) -> tuple[_Kind, Ignored]:
    """Parsed JSON as a message of type ``kind``; ``path`` is where it stands in the client's message.

    Raises:
        Refusal: a member has the wrong type; the refusal names it.
    """
    ignored: list[str] = []
    spelled = struct_reader(kind)(value, path, ignored)
    try:
        message = msgspec.convert(spelled, kind, strict=False, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise _type_refusal(error, path) from error
    return message, tuple(ignored)


def decode_audio(frame: Frame) -> client.RealtimeInput | None:
    """The message in a frame that holds a chunk of audio and nothing else; None for any other frame."""
    # Only the one shape: whatever is odd about a frame, the general way says it better.
    try:
        spelled = _parse_audio(frame)
        camel, snake = spelled.realtimeInput, spelled.realtime_input
        if (found := camel or snake) is None or (camel and snake):
            return None
        data = base64.decode(found.audio.data)
    except (msgspec.MsgspecError, Refusal, UnicodeError):
        return None
    mime_type = found.audio.mimeType or found.audio.mime_type
    return client.RealtimeInput(audio=client.Blob(data=data, mime_type=mime_type))


def _decode_any(frame: Frame) -> tuple[client.Message, Ignored]:
    value = _parse_object(frame)
    present = (key for key, member in value.items() if member is not None)
    members = [(name, key) for key in present if (name := camel(key)) in client.MEMBERS]
    if len(members) != 1:
        known = ", ".join(client.MEMBERS)
        found = " and ".join(name for name, _ in members) or "none"
        raise Refusal("message", f"must hold one of {known}; found {found}")
    name, key = members[0]
    message, ignored = convert(client.MEMBERS[name], value[key], name)
    unknown = tuple(other for other in value if camel(other) not in client.MEMBERS)
    return cast("client.Message", message), unknown + ignored


def _parse_object(frame: Frame) -> dict[str, Any]:
    try:
        value = _parse(frame)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refusal("message", f"malformed JSON ({error})", "send one JSON object a frame") from error
    except RecursionError as error:
        raise Refusal("message", "JSON nested too deeply") from error
    if not isinstance(value, dict):
        raise Refusal("message", "must be a JSON object", "send one JSON object a frame")
    return value


def _type_refusal(error: msgspec.ValidationError, path: str) -> Refusal:
    reason, _, where = str(error).partition(" - at `$")
    field = f"{path}{where.rstrip('`')}".lstrip(".")
    return Refusal(field or "message", re.sub(r" \| null", "", reason).replace("`", "").lower())
