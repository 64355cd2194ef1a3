"""Typed messages into frames: ASCII JSON, nothing false or empty."""

import json
import re

import msgspec
import pybase64

from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerMessage

MAX_FRAME = 1 << 20
"""Bytes a Python client takes in one frame (the default of the websockets library)."""

OUTPUT_MIME_TYPE = "audio/pcm;rate=24000"
"""The one MIME type that every client plays."""

_encode = msgspec.json.Encoder().encode
_NON_ASCII = re.compile(r"[^\x00-\x7f]+")
_AUDIO_HEAD = b'{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":{"data":"'
_AUDIO_TAIL = b'","mimeType":"' + OUTPUT_MIME_TYPE.encode() + b'"}}]}}}'


class FrameTooLargeError(ValueError):
    """A message that no client would take."""


def encode_server(message: ServerMessage) -> bytes:
    """A server's message as the bytes of one frame.

    Raises:
        FrameTooLargeError: the frame would exceed :data:`MAX_FRAME`.
    """
    return _sized(_ascii(_encode(message)))


def encode_audio(pcm: bytes) -> bytes:
    """The frame that carries model speech: the same bytes as :func:`encode_server`, without building a message.

    Raises:
        FrameTooLargeError: the frame would exceed :data:`MAX_FRAME`.
    """
    return _sized(_AUDIO_HEAD + pybase64.b64encode(pcm) + _AUDIO_TAIL)


def encode_client(message: client.Message) -> bytes:
    """A client's message as the bytes of one frame, for those who dial out."""
    name = next(name for name, kind in client.MEMBERS.items() if isinstance(message, kind))
    return _ascii(_encode({name: message}))


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
