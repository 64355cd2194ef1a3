"""Frames as real clients need them: ASCII, nothing false or empty, small enough."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire.gemini import client, server
from antiphon.wire.gemini.client import Blob, Content, Part, Wire
from antiphon.wire.gemini.encode import (
    MAX_FRAME,
    OUTPUT_MIME_TYPE,
    FrameTooLargeError,
    encode_audio,
    encode_client,
    encode_server,
)
from antiphon.wire.gemini.server import ServerContent, ServerMessage, Transcription


def types_of(module: Any) -> list[type[Wire]]:
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Wire))
    return [kind for kind in kinds if kind.__module__ == module.__name__]


def speech(pcm: bytes) -> ServerMessage:
    part = Part(inline_data=Blob(data=pcm, mime_type=OUTPUT_MIME_TYPE))
    return ServerMessage(server_content=ServerContent(model_turn=Content(role="model", parts=[part])))


def spoken(text: str) -> ServerMessage:
    return ServerMessage(server_content=ServerContent(output_transcription=Transcription(text=text)))


@pytest.mark.parametrize("kind", [*types_of(client), *types_of(server)])
def test_defaults_are_never_written(kind: type[Wire]) -> None:
    assert msgspec.json.encode(kind()) == b"{}"


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (ServerMessage(), b"{}"),
        (ServerMessage(setup_complete=server.SetupComplete()), b'{"setupComplete":{}}'),
        (
            ServerMessage(setup_complete=server.SetupComplete(session_id="a")),
            b'{"setupComplete":{"sessionId":"a"}}',
        ),
        (ServerMessage(server_content=ServerContent(interrupted=True)), b'{"serverContent":{"interrupted":true}}'),
        (ServerMessage(server_content=ServerContent(interrupted=False)), b'{"serverContent":{}}'),
        (
            ServerMessage(
                server_content=ServerContent(turn_complete=True),
                usage_metadata=server.UsageMetadata(
                    prompt_token_count=7,
                    total_token_count=7,
                    prompt_tokens_details=[server.ModalityTokenCount(modality="AUDIO", token_count=7)],
                ),
            ),
            b'{"serverContent":{"turnComplete":true},"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7,'
            b'"promptTokensDetails":[{"modality":"AUDIO","tokenCount":7}]}}',
        ),
        (
            ServerMessage(
                tool_call=server.ToolCall(function_calls=[client.FunctionCall(id="1", name="f", args={"a_b": None})])
            ),
            b'{"toolCall":{"functionCalls":[{"id":"1","name":"f","args":{"a_b":null}}]}}',
        ),
        (
            ServerMessage(tool_call_cancellation=server.ToolCallCancellation(ids=["1", "2"])),
            b'{"toolCallCancellation":{"ids":["1","2"]}}',
        ),
        (ServerMessage(go_away=server.GoAway(time_left="50s")), b'{"goAway":{"timeLeft":"50s"}}'),
        (
            ServerMessage(session_resumption_update=server.SessionResumptionUpdate(new_handle="h", resumable=True)),
            b'{"sessionResumptionUpdate":{"newHandle":"h","resumable":true}}',
        ),
        (
            ServerMessage(voice_activity=server.VoiceActivity(type=server.ActivityType.START, audio_offset="1.5s")),
            b'{"voiceActivity":{"type":"ACTIVITY_START","audioOffset":"1.5s"}}',
        ),
        (spoken("né 😀"), b'{"serverContent":{"outputTranscription":{"text":"n\\u00e9 \\ud83d\\ude00"}}}'),
        (spoken('"\\\n'), b'{"serverContent":{"outputTranscription":{"text":"\\"\\\\\\n"}}}'),
    ],
)
def test_server_frames(message: ServerMessage, frame: bytes) -> None:
    assert encode_server(message) == frame


@pytest.mark.parametrize(
    ("message", "frame"),
    [
        (client.Setup(), b'{"setup":{}}'),
        (
            client.Setup(model="models/m", session_resumption=client.SessionResumptionConfig()),
            b'{"setup":{"model":"models/m","sessionResumption":{}}}',
        ),
        (client.ClientContent(turn_complete=True), b'{"clientContent":{"turnComplete":true}}'),
        (client.RealtimeInput(text=""), b'{"realtimeInput":{"text":""}}'),
        (client.RealtimeInput(text="ä"), b'{"realtimeInput":{"text":"\\u00e4"}}'),
        (client.RealtimeInput(activity_start=client.Empty()), b'{"realtimeInput":{"activityStart":{}}}'),
        (
            client.RealtimeInput(audio=Blob(data=b"\xfb\xff", mime_type="audio/pcm")),
            b'{"realtimeInput":{"audio":{"data":"+/8=","mimeType":"audio/pcm"}}}',
        ),
        (
            client.ToolResponse(function_responses=[client.FunctionResponse(id="1", response={"a_b": []})]),
            b'{"toolResponse":{"functionResponses":[{"id":"1","response":{"a_b":[]}}]}}',
        ),
        (client.ContextUpdate(tools=client.ToolList()), b'{"contextUpdate":{"tools":{}}}'),
    ],
)
def test_client_frames(message: client.Message, frame: bytes) -> None:
    assert encode_client(message) == frame


@pytest.mark.parametrize("name", list(client.MEMBERS))
def test_every_client_message_has_its_member(name: str) -> None:
    assert json.loads(encode_client(client.MEMBERS[name]())) == {name: {}}  # type: ignore[arg-type]


@given(pcm=st.binary(max_size=2000))
def test_audio_is_the_frame_its_message_would_be(pcm: bytes) -> None:
    # Silence of no length is the one message that would be written shorter.
    if pcm:
        assert encode_audio(pcm) == encode_server(speech(pcm))


@given(text=st.text())
def test_any_text_is_ascii_on_the_wire_and_comes_back(text: str) -> None:
    frame = encode_server(spoken(text))
    assert frame.isascii()
    assert json.loads(frame)["serverContent"]["outputTranscription"].get("text", "") == text


def test_two_hundred_milliseconds_fit() -> None:
    assert len(encode_audio(bytes(9600))) < 13_000


@pytest.mark.parametrize("encode", [encode_audio, lambda pcm: encode_server(speech(pcm))])
def test_the_frame_limit_is_exact(encode: Any) -> None:
    fits = (MAX_FRAME - 1 - len(encode_audio(b""))) // 4 * 3
    assert MAX_FRAME - 4 <= len(encode(bytes(fits))) < MAX_FRAME
    with pytest.raises(FrameTooLargeError, match=r"a message of 104\d+ bytes exceeds the 1048576"):
        encode(bytes(fits + 1))


def test_a_frame_of_the_limit_itself_is_too_large() -> None:
    room = MAX_FRAME - len(encode_server(spoken("a"))) + 1
    assert len(encode_server(spoken("a" * (room - 1)))) == MAX_FRAME - 1
    with pytest.raises(FrameTooLargeError):
        encode_server(spoken("a" * room))


def test_the_frame_limit_counts_what_is_sent() -> None:
    # Escaped, this text is three times as long as in UTF-8.
    assert len(encode_server(spoken("é" * 100_000))) > 600_000
    with pytest.raises(FrameTooLargeError):
        encode_server(spoken("é" * 200_000))
