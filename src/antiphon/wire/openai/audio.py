"""``/audio/transcriptions`` and ``/audio/speech`` of OpenAI's API, as its servers and their kin speak them.

Source: https://platform.openai.com/docs/api-reference/audio. The servers of vLLM, speaches, LocalAI and whisper.cpp
answer less: everything but the text may be missing.
"""

from io import BytesIO
from typing import Final
from wave import open as open_wave

import msgspec
from msgspec import UNSET, Struct, UnsetType

_LINE: Final = "\r\n"


class InputTokenDetails(Struct, frozen=True):
    """The input tokens of a transcription by modality."""

    text_tokens: int = 0
    audio_tokens: int = 0


class TranscriptionUsage(Struct, frozen=True):
    """What a transcription used: tokens, or ``seconds`` of audio; ``type`` says which, but not everywhere."""

    type: str = ""
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokenDetails | None = None


class Transcription(Struct, frozen=True):
    """An answer in the format ``json`` or ``verbose_json``; ``duration`` is of the latter, in seconds."""

    text: str
    usage: TranscriptionUsage | None = None
    duration: float | None = None


class SpeechRequest(Struct, frozen=True):
    """A text to speak."""

    model: str
    input: str
    voice: str
    response_format: str = "pcm"
    instructions: str | UnsetType = UNSET


def decode_transcription(body: bytes) -> Transcription:
    """Read an answer.

    Raises:
        msgspec.DecodeError: it is not one.
    """
    return msgspec.json.decode(body, type=Transcription, strict=False)


def encode_transcription_request(fields: dict[str, str], pcm: bytes, rate: int, boundary: str) -> bytes:
    """A ``multipart/form-data`` body: ``fields`` that are not empty, and mono 16-bit ``pcm`` as a WAV file."""
    parts = [_part(f'name="{name}"', "", value.encode(), boundary) for name, value in fields.items() if value]
    parts.append(_part('name="file"; filename="audio.wav"', "audio/wav", _wav(pcm, rate), boundary))
    return b"".join([*parts, f"--{boundary}--{_LINE}".encode()])


def _part(disposition: str, media_type: str, content: bytes, boundary: str) -> bytes:
    lines = [f"--{boundary}", f"Content-Disposition: form-data; {disposition}"]
    lines += [f"Content-Type: {media_type}"] if media_type else []
    return _LINE.join([*lines, "", ""]).encode() + content + _LINE.encode()


def _wav(pcm: bytes, rate: int) -> bytes:
    file = BytesIO()
    with open_wave(file, "wb") as wave:
        wave.setnchannels(1)
        wave.setsampwidth(2)
        wave.setframerate(rate)
        wave.writeframes(pcm)
    return file.getvalue()
