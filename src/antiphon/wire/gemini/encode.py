"""Typed messages into frames: ASCII JSON, nothing false or empty.

In the Vertex dialect, speech is ``audio/pcm`` without a rate, and usage has other names for what was made; clients in
Vertex mode read only those. What else tells the two hosted services apart is of no use to a client and is not
imitated: an empty ``outputTranscription`` ahead of every answer, ``generationComplete`` after a ``toolCall`` although
the generation goes on. ``sessionId`` and the role of a model's turn are written in both.
"""

import json
import re
from typing import Any

import msgspec
import pybase64

from antiphon.wire.gemini import client
from antiphon.wire.gemini.dialect import Dialect
from antiphon.wire.gemini.server import ServerMessage, UsageMetadata
from antiphon.wire.gemini.spelling import camel

MAX_FRAME = 1 << 20
"""Bytes a Python client takes in one frame (the default of the websockets library)."""

OUTPUT_MIME_TYPE = "audio/pcm;rate=24000"
"""The one MIME type that every client of the Gemini dialect plays."""

VERTEX_OUTPUT_MIME_TYPE = "audio/pcm"

_encode = msgspec.json.Encoder().encode
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_AUDIO_HEAD = b'{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":{"data":"'
_AUDIO_TAIL: dict[Dialect, bytes] = {
    "gemini": b'","mimeType":"' + OUTPUT_MIME_TYPE.encode() + b'"}}]}}}',
    "vertex": b'","mimeType":"' + VERTEX_OUTPUT_MIME_TYPE.encode() + b'"}}]}}}',
}
_VERTEX_USAGE = {camel(ours): camel(theirs) for theirs, ours in UsageMetadata.ALIASES.items()}


class FrameTooLargeError(ValueError):
    """A message that no client would take."""


def encode_server(message: ServerMessage, dialect: Dialect = "gemini") -> bytes:
    """A server's message as the bytes of one frame.

    Raises:
        FrameTooLargeError: the frame would exceed :data:`MAX_FRAME`.
    """
    if dialect == "vertex" and message.usage_metadata is not None:
        return _sized(_ascii(_encode(_vertex_usage(message))))
    return _sized(_ascii(_encode(message)))


def encode_audio(pcm: bytes, dialect: Dialect = "gemini") -> bytes:
    """The frame that carries model speech: the same bytes as :func:`encode_server`, without building a message.

    Raises:
        FrameTooLargeError: the frame would exceed :data:`MAX_FRAME`.
    """
    return _sized(_AUDIO_HEAD + pybase64.b64encode(pcm) + _AUDIO_TAIL[dialect])


def encode_client(message: client.Message) -> bytes:
    """A client's message as the bytes of one frame, for those who dial out."""
    name = next(name for name, kind in client.MEMBERS.items() if isinstance(message, kind))
    return _ascii(_encode({name: message}))


def _vertex_usage(message: ServerMessage) -> dict[str, Any]:
    spelled: dict[str, Any] = msgspec.to_builtins(message)
    usage = {_VERTEX_USAGE.get(name, name): value for name, value in spelled["usageMetadata"].items()}
    # As for everybody who has not bought throughput in advance.
    return {**spelled, "usageMetadata": {**usage, "trafficType": usage.get("trafficType", "ON_DEMAND")}}


def _sized(frame: bytes) -> bytes:
    if len(frame) >= MAX_FRAME:
        raise FrameTooLargeError(f"a message of {len(frame)} bytes exceeds the {MAX_FRAME} that clients take")
    return frame


def _ascii(frame: bytes) -> bytes:
    # Google's own raw-socket sample decodes frames as ASCII.
    if frame.isascii():
        return frame
    return _NON_ASCII.sub(_escape, frame.decode()).encode("ascii")


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
