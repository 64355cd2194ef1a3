"""Frames as real clients need them: ASCII, nothing false or empty, small enough."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire.gemini import base, client, hosted, server
from antiphon.wire.gemini.client import Blob, Content, Part, Wire
from antiphon.wire.gemini.decode import decode_server
from antiphon.wire.gemini.encode import (
    MAX_FRAME,
    OUTPUT_MIME_TYPE,
    VERTEX_OUTPUT_MIME_TYPE,
    FrameTooLargeError,
    encode_audio,
    encode_client,
    encode_server,
)
from antiphon.wire.gemini.server import ServerContent, ServerMessage, Transcription


def types_of(module: Any) -> list[type[Wire]]:
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Wire))
    return [kind for kind in kinds if kind.__module__ == module.__name__]


def speech(pcm: bytes, mime_type: str = OUTPUT_MIME_TYPE) -> ServerMessage:
    part = Part(inline_data=Blob(data=pcm, mime_type=mime_type))
    return ServerMessage(server_content=ServerContent(model_turn=Content(role="model", parts=[part])))


def spoken(text: str) -> ServerMessage:
    return ServerMessage(server_content=ServerContent(output_transcription=Transcription(text=text)))


@pytest.mark.parametrize("kind", [kind for module in (base, client, hosted, server) for kind in types_of(module)])
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
        (
            ServerMessage(
                voice_activity_detection_signal=server.VoiceActivityDetectionSignal(
                    vad_signal_type=server.VadSignal.START
                )
            ),
            b'{"voiceActivityDetectionSignal":{"vadSignalType":"VAD_SIGNAL_TYPE_SOS"}}',
        ),
        (
            ServerMessage(
                session_resumption_update=server.SessionResumptionUpdate(last_consumed_client_message_index=0)
            ),
            b'{"sessionResumptionUpdate":{"lastConsumedClientMessageIndex":0}}',
        ),
        (
            ServerMessage(
                server_content=ServerContent(
                    input_transcription=Transcription(
                        text=" hi",
                        speaker_label="A",
                        words=[server.Word(word="hi", start_offset="0.1s", end_offset="0.3s")],
                        start_offset="0.1s",
                        end_offset="0.3s",
                    )
                )
            ),
            b'{"serverContent":{"inputTranscription":{"text":" hi","speakerLabel":"A","words":[{"word":"hi",'
            b'"startOffset":"0.1s","endOffset":"0.3s"}],"startOffset":"0.1s","endOffset":"0.3s"}}}',
        ),
        (
            ServerMessage(
                server_content=ServerContent(
                    grounding_metadata=server.GroundingMetadata(
                        web_search_queries=["q"],
                        search_entry_point=server.SearchEntryPoint(rendered_content="<p>"),
                        grounding_chunks=[server.GroundingChunk(web=server.WebChunk(uri="u", title="t"))],
                        grounding_supports=[
                            server.GroundingSupport(
                                segment=server.Segment(end_index=2, text="hi"), grounding_chunk_indices=[0]
                            )
                        ],
                    )
                )
            ),
            b'{"serverContent":{"groundingMetadata":{"webSearchQueries":["q"],"searchEntryPoint":{"renderedContent":'
            b'"<p>"},"groundingChunks":[{"web":{"uri":"u","title":"t"}}],"groundingSupports":[{"segment":{"endIndex":2,'
            b'"text":"hi"},"groundingChunkIndices":[0]}]}}}',
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


USAGE = server.UsageMetadata(
    prompt_token_count=7,
    response_token_count=5,
    total_token_count=12,
    response_tokens_details=[server.ModalityTokenCount(modality="AUDIO", token_count=5)],
)


class TestVertex:
    def test_usage_has_the_names_that_clients_in_vertex_mode_read(self) -> None:
        message = ServerMessage(server_content=ServerContent(turn_complete=True), usage_metadata=USAGE)
        assert json.loads(encode_server(message, "vertex")) == {
            "serverContent": {"turnComplete": True},
            "usageMetadata": {
                "promptTokenCount": 7,
                "candidatesTokenCount": 5,
                "totalTokenCount": 12,
                "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
                "trafficType": "ON_DEMAND",
            },
        }

    def test_a_traffic_type_of_its_own_stays(self) -> None:
        usage = server.UsageMetadata(total_token_count=1, traffic_type="PROVISIONED_THROUGHPUT")
        frame = encode_server(ServerMessage(usage_metadata=usage), "vertex")
        assert json.loads(frame)["usageMetadata"]["trafficType"] == "PROVISIONED_THROUGHPUT"

    def test_both_dialects_are_read_alike(self) -> None:
        message = ServerMessage(usage_metadata=USAGE)
        gemini, _ = decode_server(encode_server(message))
        vertex, ignored = decode_server(encode_server(message, "vertex"))
        assert ignored == ()
        assert vertex.usage_metadata is not None
        assert gemini == message
        assert msgspec.structs.replace(vertex.usage_metadata, traffic_type="") == USAGE

    @pytest.mark.parametrize(
        "message",
        [ServerMessage(setup_complete=server.SetupComplete(session_id="s")), spoken("é"), ServerMessage()],
    )
    def test_all_else_is_written_alike(self, message: ServerMessage) -> None:
        assert encode_server(message, "vertex") == encode_server(message)

    @given(pcm=st.binary(min_size=1, max_size=2000))
    def test_speech_has_no_rate(self, pcm: bytes) -> None:
        assert encode_audio(pcm, "vertex") == encode_server(speech(pcm, VERTEX_OUTPUT_MIME_TYPE), "vertex")

    def test_user_data_beside_usage_is_untouched(self) -> None:
        call = client.FunctionCall(id="1", name="f", args={"responseTokenCount": [{"a_b": None}]})
        message = ServerMessage(tool_call=server.ToolCall(function_calls=[call]), usage_metadata=USAGE)
        assert json.loads(encode_server(message, "vertex"))["toolCall"]["functionCalls"][0]["args"] == call.args


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
