"""Telling frames of speech from all others, without reading them."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.relay.frames import audio_frame, decoded_bytes, sound_of, speech_frame
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import decode_client, decode_server
from antiphon.wire.gemini.encode import encode_audio

PCM = bytes(range(256)) * 4
DATA = base64.b64encode(PCM).decode()
PART = {"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": DATA}}


def message(*parts: dict, role: bool = True, **content: object) -> dict:
    turn = {"role": "model"} if role else {}
    return {"serverContent": {"modelTurn": {**turn, "parts": list(parts)}, **content}}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separators", [None, (",", ":")])
@pytest.mark.parametrize(
    "told",
    [
        message(PART),
        message(PART, role=False),
        message({"inlineData": {"data": DATA, "mimeType": "audio/pcm;rate=24000"}}),
        {"serverContent": {"modelTurn": {"parts": [PART], "role": "model"}}},
    ],
    ids=["role", "no role", "data first", "role last"],
)
def test_speech_alone_goes_on_as_it_is(told: dict, indent: int | None, separators: tuple | None) -> None:
    frame = json.dumps(told, indent=indent, separators=separators).encode() + b"\n"
    speech = speech_frame(frame)
    assert speech is not None
    assert speech.frame is frame
    assert speech.seconds == len(PCM) / 48_000


def test_what_this_server_itself_sends_is_known() -> None:
    speech = speech_frame(encode_audio(PCM))
    assert speech is not None
    assert speech.seconds == len(PCM) / 48_000


@pytest.mark.parametrize("mime_type", ["audio/pcm", "audio/pcm; rate=24000"])
def test_other_spellings_of_its_type_are_made_the_one_that_all_clients_play(mime_type: str) -> None:
    told = message({"inlineData": {"mimeType": mime_type, "data": DATA}})
    speech = speech_frame(json.dumps(told).encode())
    assert speech is not None
    assert speech.frame == encode_audio(PCM)


@pytest.mark.parametrize(
    "told",
    [
        message(PART, PART),
        message(PART, {"text": "x"}),
        message(PART, turnComplete=True),
        message(PART) | {"usageMetadata": {}},
        message({"inlineData": {"mimeType": "audio/pcm;rate=16000", "data": DATA}}),
        message({"inlineData": {"mimeType": "image/png", "data": DATA}}),
        message({"inlineData": {"data": DATA}}),
        message({"inlineData": {**PART["inlineData"], "x": 1}}),
        {"serverContent": {"turnComplete": True}},
        {"usageMetadata": {}} | message(PART),
        {},
    ],
)
def test_everything_else_is_read(told: dict) -> None:
    assert speech_frame(json.dumps(told).encode()) is None


WHOLE = encode_audio(PCM)


@pytest.mark.parametrize("frame", [b"", b"{", WHOLE[:-1], WHOLE + b"}", WHOLE[:120]])
def test_broken_frames_are_read(frame: bytes) -> None:
    assert speech_frame(frame) is None


def test_escapes_in_the_data_are_read() -> None:
    assert speech_frame(encode_audio(PCM).replace(b"AAEC", rb"\u0041AEC")) is None


@given(st.binary(max_size=200))
def test_seconds_are_those_of_the_bytes(pcm: bytes) -> None:
    frame = encode_audio(pcm)
    speech = speech_frame(frame)
    assert speech is not None
    assert speech.seconds * 48_000 == pytest.approx(len(pcm))
    unpadded = base64.b64encode(pcm).rstrip(b"=")
    assert decoded_bytes(unpadded, 0, len(unpadded)) == len(pcm)


NAMES = "serverContent modelTurn parts inlineData data mimeType role turnComplete".split()
KEYS = st.sampled_from(NAMES)
LEAVES = st.none() | st.booleans() | st.text(max_size=8)
TREES = st.recursive(LEAVES, lambda x: st.dictionaries(KEYS, x | st.lists(x, max_size=2), max_size=3))


@given(TREES)
def test_nothing_but_speech_is_taken_for_it(told: object) -> None:
    frame = json.dumps(told).encode()
    if speech_frame(frame) is not None:
        content = decode_server(frame)[0].server_content
        assert content is not None
        assert content.model_turn is not None
        assert len(content.model_turn.parts) == 1


@given(st.binary(max_size=300), st.sampled_from([8_000, 16_000, 24_000, 48_000]))
def test_sound_goes_up_as_a_client_would_send_it(pcm: bytes, rate: int) -> None:
    frame = audio_frame(pcm, rate)
    blob = client.Blob(data=pcm, mime_type=f"audio/pcm;rate={rate}")
    assert decode_client(frame) == (client.RealtimeInput(audio=blob), ())
    assert sound_of(frame) == pcm
