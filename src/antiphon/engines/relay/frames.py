"""Frames that need not be read: model speech on its way down, and the user's on its way up.

Nearly all frames of a call are sound and nothing else. Those are told by their first and last bytes; their JSON is not
parsed and their base64 not decoded. Whatever is not surely of that shape is for the parser.
"""

import re
from typing import Final

import pybase64
from msgspec import Struct

from antiphon.live.events import OUTPUT_RATE
from antiphon.wire.gemini.encode import OUTPUT_MIME_TYPE

_S: Final = rb"[ \t\r\n]*"
_ROLE: Final = rb'"role"' + _S + b":" + _S + b'"model"'
_MIME: Final = rb'"mimeType"' + _S + b":" + _S + rb'"(audio/pcm(?:;[ ]?rate=(\d{4,6}))?)"'


def _spaced(*pieces: bytes) -> bytes:
    return _S.join(pieces)


_HEAD = re.compile(
    _spaced(b"", rb"\{", b'"serverContent"', b":", rb"\{", b'"modelTurn"', b":", rb"\{", b"")
    + rb"(?:" + _ROLE + _spaced(b"", b",", b"") + rb")?"
    + _spaced(b'"parts"', b":", rb"\[", rb"\{", b'"inlineData"', b":", rb"\{", b"")
    + rb"(?:" + _MIME + _spaced(b"", b",", b"") + rb")?"
    + _spaced(b'"data"', b":", b'"')
)  # fmt: skip
_TAIL = re.compile(
    rb'"' + _S + rb"(?:," + _S + _MIME + _S + rb")?"
    + _spaced(rb"\}", rb"\}", rb"\]", b"")
    + rb"(?:," + _S + _ROLE + _S + rb")?"
    + _spaced(rb"\}", rb"\}", rb"\}", b"")
)  # fmt: skip
_LONGEST_TAIL: Final = 400

_AUDIO_HEAD: Final = b'{"realtimeInput":{"audio":{"data":"'
_CLEAN_HEAD: Final = b'{"serverContent":{"modelTurn":{"role":"model","parts":[{"inlineData":{"data":"'
_CLEAN_TAIL: Final = b'","mimeType":"' + OUTPUT_MIME_TYPE.encode() + b'"}}]}}}'


class SpeechFrame(Struct, frozen=True, gc=False):
    """A frame of model speech alone, as every client plays it, and how many seconds it holds."""

    frame: bytes
    seconds: float


class _Spelling(Struct, frozen=True):
    """What stands before and after the base64 of speech; ``clean`` if every client plays that."""

    head: bytes
    tail: bytes
    clean: bool


_spelling = _Spelling(_CLEAN_HEAD, _CLEAN_TAIL, clean=True)
"""That of the latest frame: an upstream writes all of them alike, and comparing costs less than parsing."""


def speech_frame(frame: bytes) -> SpeechFrame | None:
    """``frame`` if it surely holds one piece of 24 kHz speech and nothing else, whatever its spacing and order.

    A MIME type without a rate, as Vertex AI has it, is written out: some clients play nothing else.
    """
    global _spelling
    spelling = _spelling
    begins, ends = len(spelling.head), len(frame) - len(spelling.tail)
    known = begins < ends and frame.startswith(spelling.head) and frame.endswith(spelling.tail)
    if not known or frame.find(b'"', begins, ends) >= 0:
        spelled = _spelling_of(frame)
        if spelled is None:
            return None
        _spelling = spelling = spelled
        begins, ends = len(spelling.head), len(frame) - len(spelling.tail)
    if frame.find(b"\\", begins, ends) >= 0:
        return None
    seconds = decoded_bytes(frame, begins, ends) / (2 * OUTPUT_RATE)
    if not spelling.clean:
        frame = _CLEAN_HEAD + frame[begins:ends] + _CLEAN_TAIL
    return SpeechFrame(frame, seconds)


def _spelling_of(frame: bytes) -> _Spelling | None:
    """How a frame of speech alone is written; None for any other."""
    head = _HEAD.match(frame)
    if head is None:
        return None
    ends = frame.find(b'"', head.end())
    if ends < 0 or len(frame) - ends > _LONGEST_TAIL:
        return None
    tail = _TAIL.fullmatch(frame, ends)
    if tail is None:
        return None
    mime_type, rate = (head[1], head[2]) if head[1] else (tail[1], tail[2])
    if mime_type is None or int(rate or OUTPUT_RATE) != OUTPUT_RATE:
        return None
    return _Spelling(head[0], tail[0], mime_type == OUTPUT_MIME_TYPE.encode())


def decoded_bytes(frame: bytes, begins: int, ends: int) -> int:
    """How many bytes the base64 between two places of ``frame`` holds, padded or not."""
    while ends > begins and frame[ends - 1] == 61:  # "="
        ends -= 1
    return (ends - begins) * 3 // 4


def audio_frame(pcm: bytes, rate: int) -> bytes:
    """The client message that carries microphone sound."""
    return b'%b%b","mimeType":"audio/pcm;rate=%d"}}}' % (_AUDIO_HEAD, pybase64.b64encode(pcm), rate)


def sound_of(frame: bytes) -> bytes:
    """The sound in a frame that :func:`audio_frame` made."""
    begins = len(_AUDIO_HEAD)
    return pybase64.b64decode(frame[begins : frame.index(b'"', begins)])
