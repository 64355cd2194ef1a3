"""Whole frames as real clients send them, and frames that are refused."""

import json
from typing import Any

import pytest
from msgspec import UNSET

from antiphon.wire.gemini import server
from antiphon.wire.gemini.client import (
    AudioTranscriptionConfig,
    AutomaticActivityDetection,
    Behavior,
    Blob,
    ClientContent,
    Content,
    ContextUpdate,
    ContextWindowCompression,
    Empty,
    FileData,
    FunctionDeclaration,
    FunctionResponse,
    FunctionResponsePart,
    GenerationConfig,
    HistoryConfig,
    LanguageHints,
    Message,
    Modality,
    Part,
    PrebuiltVoiceConfig,
    Proactivity,
    RealtimeInput,
    RealtimeInputConfig,
    ReplicatedVoiceConfig,
    Scheduling,
    SessionResumptionConfig,
    Setup,
    SlidingWindow,
    SpeechConfig,
    ThinkingConfig,
    ThinkingLevel,
    Tool,
    ToolList,
    ToolResponse,
    TranscriptionMode,
    VoiceConfig,
)
from antiphon.wire.gemini.decode import convert, decode_client, decode_server
from antiphon.wire.gemini.hosted import (
    AvatarConfig,
    CustomizedAvatar,
    GoogleSearch,
    McpServer,
    SafetySetting,
    SearchTypes,
    StreamableHttpTransport,
    TranslationConfig,
)
from antiphon.wire.refusal import CloseCode, Refusal, close_reason


def decode(value: Any) -> Message:
    """The message of a frame in which nothing is ignored."""
    message, ignored = decode_client(json.dumps(value))
    assert ignored == ()
    return message


def refusal(frame: str | bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        decode_client(frame)
    assert caught.value.code is CloseCode.INVALID
    assert close_reason(str(caught.value)).startswith(caught.value.field)
    return caught.value


def user(text: str) -> Content:
    return Content(role="user", parts=[Part(text=text)])


# --- Setup


def test_setup_of_the_python_sdk() -> None:
    # Outer keys are camelCase, the leaves of SDK objects snake_case.
    setup = decode(
        {
            "setup": {
                "model": "models/gemini-3.8-live",
                "generationConfig": {
                    "temperature": 0.5,
                    "topK": 40.0,
                    "responseModalities": ["AUDIO"],
                    "speechConfig": {
                        "voice_config": {"prebuilt_voice_config": {"voice_name": "Puck"}},
                        "language_code": "en-US",
                    },
                    "thinkingConfig": {"thinking_level": "MINIMAL", "include_thoughts": True},
                },
                "systemInstruction": {"parts": [{"text": "be brief"}], "role": "user"},
                "realtimeInputConfig": {"automatic_activity_detection": {"disabled": True, "silence_duration_ms": 500}},
                "contextWindowCompression": {"trigger_tokens": 1000, "sliding_window": {"target_tokens": 500}},
                "sessionResumption": {},
                "inputAudioTranscription": {},
                "historyConfig": {"initial_history_in_client_content": True},
                "proactivity": {"proactive_audio": True},
            }
        }
    )
    assert setup == Setup(
        model="models/gemini-3.8-live",
        generation_config=GenerationConfig(
            temperature=0.5,
            top_k=40,
            response_modalities=[Modality.AUDIO],
            speech_config=SpeechConfig(
                voice_config=VoiceConfig(prebuilt_voice_config=PrebuiltVoiceConfig(voice_name="Puck")),
                language_code="en-US",
            ),
            thinking_config=ThinkingConfig(thinking_level=ThinkingLevel.MINIMAL, include_thoughts=True),
        ),
        system_instruction=user("be brief"),
        realtime_input_config=RealtimeInputConfig(
            automatic_activity_detection=AutomaticActivityDetection(disabled=True, silence_duration_ms=500)
        ),
        context_window_compression=ContextWindowCompression(
            trigger_tokens=1000, sliding_window=SlidingWindow(target_tokens=500)
        ),
        session_resumption=SessionResumptionConfig(),
        input_audio_transcription=AudioTranscriptionConfig(),
        history_config=HistoryConfig(initial_history_in_client_content=True),
        proactivity=Proactivity(proactive_audio=True),
    )


def test_setup_of_the_javascript_sdk() -> None:
    # 64-bit integers travel as text.
    setup = decode(
        {
            "setup": {
                "model": "models/m",
                "contextWindowCompression": {"triggerTokens": "1000", "slidingWindow": {"targetTokens": "500"}},
                "generationConfig": {"responseModalities": ["audio"], "thinkingConfig": {"thinkingBudget": 0}},
            }
        }
    )
    assert setup == Setup(
        model="models/m",
        context_window_compression=ContextWindowCompression(
            trigger_tokens=1000, sliding_window=SlidingWindow(target_tokens=500)
        ),
        generation_config=GenerationConfig(
            response_modalities=[Modality.AUDIO], thinking_config=ThinkingConfig(thinking_budget=0)
        ),
    )


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("be brief", Content(parts=[Part(text="be brief")])),
        ({"parts": [{"text": "be brief"}]}, Content(parts=[Part(text="be brief")])),
        (
            {"role": "system", "parts": [{"text": "a"}, {"text": "b"}]},
            Content(role="system", parts=[Part(text="a"), Part(text="b")]),
        ),
        ({}, Content()),
        (None, None),
    ],
)
@pytest.mark.parametrize("key", ["systemInstruction", "system_instruction"])
def test_system_instructions(key: str, instruction: Any, expected: Content | None) -> None:
    assert decode({"setup": {key: instruction}}) == Setup(system_instruction=expected)


def test_presence_is_kept_apart_from_absence() -> None:
    assert decode({"setup": {"session_resumption": {}}}) == Setup(session_resumption=SessionResumptionConfig())
    assert decode({"setup": {"session_resumption": None}}) == Setup(session_resumption=None)
    assert decode({"setup": {"session_resumption": {"handle": None}}}) == Setup(
        session_resumption=SessionResumptionConfig()
    )


@pytest.mark.parametrize("declarations", [[], None])
def test_empty_function_declarations(declarations: Any) -> None:
    assert decode({"setup": {"tools": [{"functionDeclarations": declarations}]}}) == Setup(tools=[Tool()])


def test_tools() -> None:
    schema = {"type": "object", "properties": {"home_city": {"type": "STRING", "default": None}}}
    tools = [
        {"googleSearch": {}},
        {"google_search": {"search_types": {}}},
        {"functionDeclarations": [{"name": "f", "behavior": "non_blocking", "parameters_json_schema": schema}]},
        {"function_declarations": {"name": "g", "behavior": "UNSPECIFIED", "parameters": schema}},
    ]
    assert decode({"setup": {"tools": tools}}) == Setup(
        tools=[
            Tool(google_search=GoogleSearch()),
            Tool(google_search=GoogleSearch(search_types=SearchTypes())),
            Tool(
                function_declarations=[
                    FunctionDeclaration(name="f", behavior=Behavior.NON_BLOCKING, parameters_json_schema=schema)
                ]
            ),
            Tool(function_declarations=[FunctionDeclaration(name="g", parameters=schema)]),
        ]
    )


def test_unspecified_settings_are_defaults() -> None:
    config = {
        "automaticActivityDetection": {
            "startOfSpeechSensitivity": "START_SENSITIVITY_UNSPECIFIED",
            "endOfSpeechSensitivity": "END_SENSITIVITY_UNSPECIFIED",
        },
        "activityHandling": "ACTIVITY_HANDLING_UNSPECIFIED",
        "turnCoverage": "TURN_COVERAGE_UNSPECIFIED",
    }
    expected = RealtimeInputConfig(automatic_activity_detection=AutomaticActivityDetection())
    assert decode({"setup": {"realtimeInputConfig": config}}) == Setup(realtime_input_config=expected)


def test_tools_of_the_hosted_service() -> None:
    transport = {"url": "https://tools.example", "headers": {"X-Snake_key": "v"}, "terminate_on_close": True}
    tools = [
        {"codeExecution": {}, "url_context": {}, "googleMaps": {"enable_widget": True}},
        {"googleSearchRetrieval": {"dynamic_retrieval_config": {"mode": "MODE_DYNAMIC", "dynamicThreshold": 0.5}}},
        {"mcp_servers": [{"name": "t", "streamable_http_transport": transport}]},
    ]
    message = decode({"setup": {"tools": tools}})
    assert isinstance(message, Setup)
    first, second, third = message.tools
    assert (first.code_execution, first.url_context) == (Empty(), Empty())
    assert first.google_maps is not None
    assert first.google_maps.enable_widget
    assert second.google_search_retrieval is not None
    assert second.google_search_retrieval.dynamic_retrieval_config is not None
    assert second.google_search_retrieval.dynamic_retrieval_config.dynamic_threshold == 0.5
    assert third.mcp_servers == [
        McpServer(
            name="t",
            streamable_http_transport=StreamableHttpTransport(
                url="https://tools.example", headers={"X-Snake_key": "v"}, terminate_on_close=True
            ),
        )
    ]


def test_settings_of_the_hosted_service() -> None:
    picture = {"image_mime_type": "image/png", "imageData": "__77"}
    setup = {
        "avatarConfig": {"avatar_name": "Ann", "customizedAvatar": picture, "audioBitrateBps": "64000"},
        "safety_settings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "labels": {"team_name": "a"},
        "generationConfig": {"translation_config": {"target_language_code": "de", "echoTargetLanguage": True}},
    }
    assert decode({"setup": setup}) == Setup(
        avatar_config=AvatarConfig(
            avatar_name="Ann",
            customized_avatar=CustomizedAvatar(image_mime_type="image/png", image_data=b"\xff\xfe\xfb"),
            audio_bitrate_bps=64_000,
        ),
        safety_settings=[SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_NONE")],
        labels={"team_name": "a"},
        generation_config=GenerationConfig(
            translation_config=TranslationConfig(target_language_code="de", echo_target_language=True)
        ),
    )


def test_labels_are_text() -> None:
    found = refusal('{"setup":{"labels":{"team":5}}}')
    assert (found.field, found.reason) == ("setup.labels[...]", "expected str, got int")


@pytest.mark.parametrize("key", ["inputAudioTranscription", "output_audio_transcription"])
def test_audio_transcription(key: str) -> None:
    config = {
        "language_codes": ["de-DE"],
        "wordTimestamp": True,
        "mode": "smart",
        "language_auto": {},
        "languageHints": {"language_codes": ["en-US"]},
        "adaptation_phrases": ["Antiphon"],
    }
    expected = AudioTranscriptionConfig(
        language_codes=["de-DE"],
        word_timestamp=True,
        mode=TranscriptionMode.SMART,
        language_auto=Empty(),
        language_hints=LanguageHints(language_codes=["en-US"]),
        adaptation_phrases=["Antiphon"],
    )
    message = decode({"setup": {key: config}})
    assert isinstance(message, Setup)
    assert expected in (message.input_audio_transcription, message.output_audio_transcription)


@pytest.mark.parametrize("voice_key", ["voice_config", "voiceConfig"])
def test_replicated_voices(voice_key: str) -> None:
    voice = {
        "replicated_voice_config": {"mime_type": "audio/wav", "voice_sample_audio": "__77", "consentAudio": "AA=="}
    }
    message = decode({"setup": {"generationConfig": {"speechConfig": {voice_key: voice}}}})
    expected = ReplicatedVoiceConfig(mime_type="audio/wav", voice_sample_audio=b"\xff\xfe\xfb", consent_audio=b"\0")
    speech = SpeechConfig(voice_config=VoiceConfig(replicated_voice_config=expected))
    assert message == Setup(generation_config=GenerationConfig(speech_config=speech))


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), (False, False), ("false", False), (None, UNSET)]
)
def test_false_is_kept_apart_from_absence_where_models_tell_them_apart(value: Any, expected: Any) -> None:
    setup = {
        "proactivity": {"proactiveAudio": value},
        "generationConfig": {"enable_affective_dialog": value},
    }
    message = decode({"setup": setup})
    assert isinstance(message, Setup)
    assert message.proactivity == Proactivity(proactive_audio=expected)
    assert message.generation_config == GenerationConfig(enable_affective_dialog=expected)


# --- Client content


@pytest.mark.parametrize("member", ["clientContent", "client_content"])
@pytest.mark.parametrize("complete", ["turnComplete", "turn_complete"])
def test_client_content(member: str, complete: str) -> None:
    frame = {member: {"turns": [{"parts": [{"text": "hello"}], "role": "user"}], complete: True}}
    assert decode(frame) == ClientContent(turns=[user("hello")], turn_complete=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({}, ClientContent()),
        ({"turns": [], "turnComplete": True}, ClientContent(turn_complete=True)),
        ({"turns": None, "turnComplete": "true"}, ClientContent(turn_complete=True)),
        ({"turnComplete": False}, ClientContent()),
        ({"turns": [{"parts": [{"text": "x"}]}]}, ClientContent(turns=[Content(parts=[Part(text="x")])])),
        ({"turns": {"role": "user", "parts": {"text": "x"}}}, ClientContent(turns=[user("x")])),
        ({"turns": "x"}, ClientContent(turns=[Content(parts=[Part(text="x")])])),
        ({"turns": [{"role": "model"}]}, ClientContent(turns=[Content(role="model")])),
    ],
)
def test_turns(content: Any, expected: ClientContent) -> None:
    assert decode({"clientContent": content}) == expected


def test_an_image_between_texts() -> None:
    parts = [{"text": "what"}, {"inlineData": {"data": "__77", "mime_type": "image/png"}}, {"text": "is this"}]
    message = decode({"client_content": {"turns": [{"parts": parts, "role": "user"}]}})
    image = Part(inline_data=Blob(data=b"\xff\xfe\xfb", mime_type="image/png"))
    assert message == ClientContent(
        turns=[Content(role="user", parts=[Part(text="what"), image, Part(text="is this")])]
    )


# --- Real-time input

PCM = b"\xff\xfe\xfb\xff"


@pytest.mark.parametrize("member", ["realtimeInput", "realtime_input"])
@pytest.mark.parametrize("mime_type", ["mimeType", "mime_type"])
@pytest.mark.parametrize("data", ["__77_w==", "__77_w", "//77/w==", "//77/w", "_/77_w"])
def test_audio(member: str, mime_type: str, data: str) -> None:
    expected = RealtimeInput(audio=Blob(data=PCM, mime_type="audio/pcm;rate=16000"))
    frame = json.dumps({member: {"audio": {"data": data, mime_type: "audio/pcm;rate=16000"}}})
    for form in (frame, frame.encode()):
        assert decode_client(form) == (expected, ())
    assert decode({member: {"audio": {mime_type: "audio/pcm;rate=16000", "data": data}, "text": None}}) == expected


@pytest.mark.parametrize(
    ("audio", "expected"),
    [
        ({"data": "AAAA"}, Blob(data=b"\0\0\0")),
        ({"data": "", "mimeType": "audio/pcm"}, Blob(mime_type="audio/pcm")),
        ({"data": None, "mimeType": None}, Blob()),
        ({"mimeType": "audio/pcm"}, Blob(mime_type="audio/pcm")),
        ({}, Blob()),
    ],
)
def test_audio_with_members_missing(audio: Any, expected: Blob) -> None:
    assert decode({"realtimeInput": {"audio": audio}}) == RealtimeInput(audio=expected)


def test_audio_with_an_unknown_member() -> None:
    message, ignored = decode_client('{"realtimeInput":{"audio":{"data":"AAAA","displayName":"mic"}}}')
    assert message == RealtimeInput(audio=Blob(data=b"\0\0\0"))
    assert ignored == ("realtimeInput.audio.displayName",)


@pytest.mark.parametrize("member", ["mediaChunks", "media_chunks"])
def test_legacy_media_chunks(member: str) -> None:
    chunk = {"mimeType": "audio/pcm", "data": "AAAA"}
    audio = Blob(data=b"\0\0\0", mime_type="audio/pcm")
    assert decode({"realtime_input": {member: [chunk]}}) == RealtimeInput(media_chunks=[audio])
    assert decode({"realtimeInput": {member: chunk}}) == RealtimeInput(media_chunks=[audio])
    assert decode({"realtimeInput": {member: [chunk, chunk]}}) == RealtimeInput(media_chunks=[audio, audio])
    assert decode({"realtimeInput": {member: []}}) == RealtimeInput()


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, RealtimeInput()),
        ({"text": "hi"}, RealtimeInput(text="hi")),
        ({"text": ""}, RealtimeInput(text="")),
        ({"text": " "}, RealtimeInput(text=" ")),
        ({"text": None}, RealtimeInput(text=UNSET)),
        ({"activityStart": {}}, RealtimeInput(activity_start=Empty())),
        ({"activity_end": {}}, RealtimeInput(activity_end=Empty())),
        ({"activityStart": None, "audio_stream_end": "true"}, RealtimeInput(audio_stream_end=True)),
        ({"audioStreamEnd": False}, RealtimeInput()),
        (
            {"video": {"data": "_9j_2Q==", "mime_type": "image/jpeg"}},
            RealtimeInput(video=Blob(data=b"\xff\xd8\xff\xd9", mime_type="image/jpeg")),
        ),
    ],
)
def test_members_of_realtime_input(members: Any, expected: RealtimeInput) -> None:
    assert decode({"realtimeInput": members}) == expected


def test_all_members_of_realtime_input_at_once() -> None:
    blob, expected = {"data": "AAAA"}, Blob(data=b"\0\0\0")
    members = {
        "activityStart": {},
        "audio": blob,
        "video": blob,
        "text": "x",
        "media_chunks": blob,
        "activityEnd": {},
    }
    assert decode({"realtimeInput": members | {"audioStreamEnd": True}}) == RealtimeInput(
        audio=expected,
        video=expected,
        text="x",
        activity_start=Empty(),
        activity_end=Empty(),
        audio_stream_end=True,
        media_chunks=[expected],
    )


# --- Tool responses and context updates


def test_media_of_a_tool_response() -> None:
    parts = [{"inline_data": {"mime_type": "image/png", "data": "__77"}}, {"fileData": {"file_uri": "u"}}]
    message = decode({"toolResponse": {"functionResponses": [{"id": "1", "parts": parts}]}})
    image = Blob(data=b"\xff\xfe\xfb", mime_type="image/png")
    expected = [FunctionResponsePart(inline_data=image), FunctionResponsePart(file_data=FileData(file_uri="u"))]
    assert message == ToolResponse(function_responses=[FunctionResponse(id="1", parts=expected)])


@pytest.mark.parametrize("member", ["toolResponse", "tool_response"])
def test_tool_response_of_the_python_sdk(member: str) -> None:
    answer = {
        "will_continue": False,
        "scheduling": "SILENT",
        "id": "1",
        "name": "f",
        "response": {"snake_key": None},
    }
    expected = FunctionResponse(id="1", name="f", response={"snake_key": None}, scheduling=Scheduling.SILENT)
    assert decode({member: {"functionResponses": [answer]}}) == ToolResponse(function_responses=[expected])
    assert decode({member: {"function_responses": answer}}) == ToolResponse(function_responses=[expected])


@pytest.mark.parametrize(
    "response",
    [
        {"result": "ok", "scheduling": "INTERRUPT"},
        {"result": "ok", "scheduling": "nonsense", "willContinue": "x"},
        {"output": {"function_responses": [{"id": 1}], "inlineData": {"data": "not base64!"}}},
        ["a", None, {"b": []}],
        "text",
        0,
        False,
    ],
)
def test_the_response_itself_is_left_alone(response: Any) -> None:
    message = decode({"toolResponse": {"functionResponses": [{"id": "1", "response": response}]}})
    assert message == ToolResponse(function_responses=[FunctionResponse(id="1", response=response)])


def test_an_unknown_scheduling_is_refused_by_its_path() -> None:
    frame = '{"tool_response":{"function_responses":[{"id":"1"},{"id":"2","scheduling":"LATER"}]}}'
    found = refusal(frame)
    assert found.field == "toolResponse.functionResponses[1].scheduling"
    assert (found.reason, found.remedy) == ("invalid value 'LATER'", "use SILENT, WHEN_IDLE, INTERRUPT")


@pytest.mark.parametrize("member", ["contextUpdate", "context_update"])
@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ({}, ContextUpdate()),
        ({"tools": {}}, ContextUpdate(tools=ToolList())),
        ({"tools": {"tools": []}}, ContextUpdate(tools=ToolList())),
        (
            {"tools": {"tools": [{"googleSearch": {}}]}},
            ContextUpdate(tools=ToolList(tools=[Tool(google_search=GoogleSearch())])),
        ),
        (
            {"systemInstruction": {"parts": [{"text": "x"}], "role": "user"}},
            ContextUpdate(system_instruction=user("x")),
        ),
    ],
)
def test_context_updates(member: str, update: Any, expected: ContextUpdate) -> None:
    assert decode({member: update}) == expected


# --- What is ignored


def test_unknown_members_are_ignored_and_named() -> None:
    frame = {
        "setup": {
            "enableAffectiveDialog": True,
            "tools": [{}, {"function_declarations": [{"strict": True}]}],
            "x": None,
        },
        "requestId": 5,
    }
    message, ignored = decode_client(json.dumps(frame))
    assert message == Setup(tools=[Tool(), Tool(function_declarations=[FunctionDeclaration()])])
    assert ignored == (
        "requestId",
        "setup.enableAffectiveDialog",
        "setup.tools[1].functionDeclarations[0].strict",
        "setup.x",
    )


def test_null_messages_are_absent() -> None:
    frame = {"setup": None, "client_content": None, "realtimeInput": {"text": "x"}, "toolResponse": None}
    assert decode(frame) == RealtimeInput(text="x")


def test_the_last_of_equal_keys_counts() -> None:
    assert decode_client('{"setup":{"model":"a"},"setup":{"model":"b"}}') == (Setup(model="b"), ())


# --- What is refused

ONE_OF = "must hold one of setup, clientContent, realtimeInput, toolResponse, contextUpdate; found "


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("{}", ONE_OF + "none"),
        ('{"setup":null}', ONE_OF + "none"),
        ('{"hello":{}}', ONE_OF + "none"),
        ('{"Setup":{}}', ONE_OF + "none"),
        ('{"setup":{},"clientContent":{}}', ONE_OF + "setup and clientContent"),
        ('{"client_content":{},"clientContent":{}}', ONE_OF + "clientContent and clientContent"),
        (
            '{"realtimeInput":{"audio":{"data":"AA"}},"realtime_input":{"audio":{"data":"AA"}}}',
            ONE_OF + "realtimeInput and realtimeInput",
        ),
        ("[]", "must be a JSON object"),
        ('"setup"', "must be a JSON object"),
        ("null", "must be a JSON object"),
        ("1", "must be a JSON object"),
    ],
)
def test_frames_without_one_message(frame: str, reason: str) -> None:
    found = refusal(frame)
    assert (found.field, found.reason) == ("message", reason)


@pytest.mark.parametrize(
    "frame",
    [
        *[
            "",
            " ",
            "{",
            '{"setup":{}',
            '{"setup":{}}x',
            '{"setup":{}}{"setup":{}}',
            "{'setup':{}}",
            '{"setup":{},}',
        ],
        *[
            '{"setup":NaN}',
            '{"setup":{"labels":Infinity}}',
            '{"setup":{"labels":1e999}}',
            '{"setup":{"labels":01}}',
        ],
        *[
            '\ufeff{"setup":{}}',
            '{"setup":{"model":"\ud800"}}',
            '{"setup":{"model":"\\ud800"}}',
            '{"setup":{"model":"\n"}}',
        ],
        *[
            b"",
            b"\x00",
            b"\xff\xfe",
            b'{"setup":{"model":"\xff"}}',
            b'\xef\xbb\xbf{"setup":{}}',
            b"RIFF\x00\x00WAVE",
        ],
        '{"setup":{"labels":' + "9" * 5000 + "}}",
    ],
)
def test_frames_that_are_not_json(frame: str | bytes) -> None:
    found = refusal(frame)
    assert found.field == "message"
    assert found.reason.startswith("malformed JSON (")
    assert found.remedy == "send one JSON object a frame"


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"":'])
def test_frames_nested_too_deeply(opening: str) -> None:
    closing = "".join({"[": "]", "{": "}"}[letter] for letter in reversed(opening) if letter in "[{")
    depth = 200_000
    found = refusal('{"setup":{"labels":' + opening * depth + "1" + closing * depth + "}}")
    assert str(found) == "message: JSON nested too deeply"


@pytest.mark.parametrize("member", ["setup", "clientContent", "realtimeInput", "toolResponse", "contextUpdate"])
@pytest.mark.parametrize(
    ("value", "said"), [("[]", "a list"), ('""', "text"), ("0", "a number"), ("false", "a boolean")]
)
def test_messages_that_are_no_objects(member: str, value: str, said: str) -> None:
    assert str(refusal(f'{{"{member}":{value}}}')) == f"{member}: expected an object, got {said}"


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ('{"setup":{"model":5}}', "setup.model: expected str, got int"),
        ('{"setup":{"generation_config":{"top_k":40.5}}}', "setup.generationConfig.topK: expected int, got float"),
        (
            '{"client_content":{"turns":[{},{"parts":[{},{"text":5}]}]}}',
            "clientContent.turns[1].parts[1].text: expected str, got int",
        ),
        ('{"clientContent":{"turnComplete":"soon"}}', "clientContent.turnComplete: expected bool, got str"),
        ('{"clientContent":{"turns":[null]}}', "clientContent.turns[0]: expected an object, got null"),
        ('{"realtimeInput":{"audio":"AAAA"}}', "realtimeInput.audio: expected an object, got text"),
        (
            '{"realtimeInput":{"audio":{"data":[1,2]}}}',
            "realtimeInput.audio.data: expected base64 text, got a list",
        ),
        (
            '{"realtimeInput":{"activityStart":true}}',
            "realtimeInput.activityStart: expected an object, got a boolean",
        ),
        (
            '{"toolResponse":{"functionResponses":["done"]}}',
            "toolResponse.functionResponses[0]: expected an object, got text",
        ),
        (
            '{"realtime_input":{"audio":{"data":"?"}}}',
            "realtimeInput.audio.data: is not base64; send standard or URL-safe base64",
        ),
        (
            '{"realtime_input":{"media_chunks":[{"data":"AAAA"},{"data":"A"}]}}',
            "realtimeInput.mediaChunks[1].data: is not base64; send standard or URL-safe base64",
        ),
        (
            '{"setup":{"generationConfig":{"responseModalities":["smell"]}}}',
            "setup.generationConfig.responseModalities[0]: invalid value 'smell'; use TEXT, AUDIO, IMAGE, VIDEO",
        ),
    ],
)
def test_a_refusal_names_the_member(frame: str, text: str) -> None:
    assert str(refusal(frame)) == text


# --- Server messages


def test_a_bare_object_is_a_server_message_that_says_nothing() -> None:
    assert decode_server(b"{}") == (server.ServerMessage(), ())


def test_server_messages_in_both_spellings() -> None:
    frame = b'{"server_content":{"turn_complete":true,"modelTurn":null},"usageMetadata":{"total_token_count":"32"}}\n'
    expected = server.ServerMessage(
        server_content=server.ServerContent(turn_complete=True),
        usage_metadata=server.UsageMetadata(total_token_count=32),
    )
    assert decode_server(frame) == (expected, ())


def test_unknown_members_of_a_server_message() -> None:
    message, ignored = decode_server('{"error":{"code":1},"goAway":{"timeLeft":"50s","why":"x"}}')
    assert message == server.ServerMessage(go_away=server.GoAway(time_left="50s"))
    assert ignored == ("error", "goAway.why")


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ("[]", "message"),
        ("{", "message"),
        ('{"goAway":5}', "goAway"),
        ('{"goAway":{"timeLeft":5}}', "goAway.timeLeft"),
        ('{"voiceActivity":{"type":"CLAP"}}', "voiceActivity.type"),
    ],
)
def test_server_messages_refused(frame: str, field: str) -> None:
    with pytest.raises(Refusal) as caught:
        decode_server(frame)
    assert caught.value.field == field


def test_convert_names_the_place_it_is_told() -> None:
    with pytest.raises(Refusal) as caught:
        convert(Setup, {"labels": {}, "model": 5}, "bidiGenerateContentSetup")
    assert caught.value.field == "bidiGenerateContentSetup.model"
