"""The bodies of transcription requests and answers."""

import io
import wave
from email import message_from_bytes

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire.openai import audio

PCM = bytes(range(200))


@given(st.dictionaries(st.sampled_from(["model", "language", "prompt"]), st.text(st.characters(codec="utf-8"))))
def test_a_request_is_a_form_that_others_can_read(fields: dict[str, str]) -> None:
    fields = {name: value for name, value in fields.items() if "\r" not in value and "\n" not in value}
    body = audio.encode_transcription_request(fields, PCM, 16_000, "x" * 32)
    form = message_from_bytes(b"Content-Type: multipart/form-data; boundary=" + b"x" * 32 + b"\r\n\r\n" + body)
    parts = {part.get_param("name", header="content-disposition"): part for part in form.get_payload()}  # type: ignore[union-attr]
    file = parts.pop("file")
    assert file.get_filename() == "audio.wav"
    with wave.open(io.BytesIO(file.get_payload(decode=True))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.readframes(200)) == (16_000, 1, PCM)
    read = {name: part.get_payload(decode=True).decode() for name, part in parts.items()}
    assert read == {name: value for name, value in fields.items() if value}


def test_answers_are_read_leniently() -> None:
    verbose = audio.decode_transcription(b'{"task": "transcribe", "text": "hi", "duration": "1.5", "segments": []}')
    assert (verbose.text, verbose.duration, verbose.usage) == ("hi", 1.5, None)
    assert audio.decode_transcription(b'{"text": "", "usage": {"type": "duration", "seconds": 3}}').usage == (
        audio.TranscriptionUsage("duration", 3.0)
    )


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b'{"words": []}', b'{"text": 5}'])
def test_what_is_no_answer_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        audio.decode_transcription(body)
