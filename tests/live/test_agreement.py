"""What a client asks for, and what it gets."""

from typing import Any

import pytest

from antiphon.live import agreement
from antiphon.live.history import FunctionCall, FunctionResult, Picture, Words
from antiphon.live.setup import ActivityDetection, Setup, Tool
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import CloseCode, Refusal

MODEL = "models/gemini-3.1-flash-live-preview"


def agree(**members: Any) -> tuple[Setup, list[str]]:
    wanted, _ = convert(client.Setup, {"model": MODEL, **members}, "setup")
    return agreement.agree(wanted)


def refusal(**members: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        agree(**members)
    return caught.value


def content(value: Any) -> client.Content:
    return convert(client.Content, value, "content")[0]


def test_a_bare_setup_gets_the_defaults() -> None:
    setup, ignored = agree()
    assert ignored == []
    assert (setup.profile.id, setup.modality, setup.interruptible) == ("gemini-3.1-flash-live-preview", "audio", True)
    assert setup.detection == ActivityDetection()


@pytest.mark.parametrize(
    "name",
    [
        "gemini-3.8-live",
        "models/gemini-3.8-live",
        "publishers/google/models/gemini-3.8-live",
        "projects/p/locations/l/publishers/google/models/gemini-3.8-live",
    ],
)
def test_models_are_known_under_every_path(name: str) -> None:
    assert agree(model=name)[0].profile.id == "gemini-3.8-live"


@pytest.mark.parametrize("name", ["gemini-2.0-flash-exp", "gemini-live-2.5-flash-preview"])
def test_retired_names_are_aliases(name: str) -> None:
    assert agree(model=name)[0].profile.generation == (2, 5)


def test_an_unknown_model_is_a_matter_of_policy() -> None:
    error = refusal(model="models/llama")
    assert (error.field, error.code) == ("setup.model", CloseCode.POLICY)
    assert "gemini-3.8-live" in error.remedy


def test_a_missing_model_is_invalid() -> None:
    assert refusal(model="").code is CloseCode.INVALID


@pytest.mark.parametrize(
    ("modalities", "expected", "ignored"),
    [([], "audio", 0), (["audio"], "audio", 0), (["TEXT"], "text", 0), (["TEXT", "AUDIO"], "audio", 1)],
)
def test_modalities(modalities: list[str], expected: str, ignored: int) -> None:
    setup, fields = agree(generationConfig={"responseModalities": modalities})
    assert (setup.modality, len(fields)) == (expected, ignored)


def test_pictures_are_not_to_be_had() -> None:
    assert refusal(generationConfig={"responseModalities": ["IMAGE"]}).field.endswith("responseModalities")


@pytest.mark.parametrize(
    "instruction", ["Be brief.\nBe kind.", {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}]
)
def test_instructions_are_text(instruction: Any) -> None:
    assert agree(systemInstruction=instruction)[0].system_instruction == "Be brief.\nBe kind."


@pytest.mark.parametrize(
    "speech",
    [
        {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        {"voice_config": {"prebuilt_voice_config": {"voice_name": "Kore"}}},
        {"voiceConfig": {"voice": "Kore"}},
    ],
)
def test_voices(speech: Any) -> None:
    assert agree(generationConfig={"speechConfig": {**speech, "languageCode": "de-DE"}})[0].voice == "Kore"


def test_activity_detection_is_taken_as_it_is_asked_for() -> None:
    detection = {
        "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
        "endOfSpeechSensitivity": "END_SENSITIVITY_UNSPECIFIED",
        "prefixPaddingMs": "20",
        "silenceDurationMs": 100.0,
    }
    setup, _ = agree(
        realtimeInputConfig={"automaticActivityDetection": detection, "activityHandling": "NO_INTERRUPTION"}
    )
    assert setup.detection == ActivityDetection(True, "low", "high", 20, 100)
    assert not setup.interruptible


@pytest.mark.parametrize("field", ["prefixPaddingMs", "silenceDurationMs"])
@pytest.mark.parametrize("value", [-1, 60_001])
def test_impossible_times_are_refused_by_name(field: str, value: int) -> None:
    error = refusal(realtimeInputConfig={"automaticActivityDetection": {field: value}})
    assert error.field == f"setup.realtimeInputConfig.automaticActivityDetection.{field}"


def test_functions_are_declared_either_way() -> None:
    openapi = {"type": "OBJECT", "properties": {"type": {"type": "STRING", "enum": ["A"]}}}
    schema = {"type": "object", "properties": {"x": {"type": "integer"}}}
    setup, _ = agree(
        tools=[
            {"functionDeclarations": [{"name": "f", "description": "does f", "parameters": openapi}]},
            {"function_declarations": [{"name": "g", "parameters_json_schema": schema}, {"name": "h"}]},
        ]
    )
    assert setup.tools == (
        Tool("f", "does f", {"type": "object", "properties": {"type": {"type": "string", "enum": ["A"]}}}),
        Tool("g", "", schema),
        Tool("h"),
    )


@pytest.mark.parametrize("name", ["", "1st", "a b", "x" * 129, "naïve"])
def test_impossible_function_names_are_refused(name: str) -> None:
    error = refusal(tools=[{}, {"functionDeclarations": [{"name": "ok"}, {"name": name}]}])
    assert error.field == "setup.tools[1].functionDeclarations[1].name"


def test_too_many_functions_are_refused() -> None:
    names = [{"name": f"f{number}"} for number in range(513)]
    assert "513 functions" in refusal(tools=[{"functionDeclarations": names}]).reason


def test_what_is_set_in_vain_is_named() -> None:
    _, ignored = agree(
        tools=[{"googleSearch": {}, "codeExecution": {}}],
        sessionResumption={},
        generationConfig={"thinkingConfig": {"thinkingLevel": "LOW"}, "enableAffectiveDialog": True},
        contextWindowCompression={"slidingWindow": {}},
    )
    assert sorted(ignored) == [
        "setup.contextWindowCompression",
        "setup.generationConfig.enableAffectiveDialog",
        "setup.generationConfig.thinkingConfig",
        "setup.sessionResumption",
        "setup.tools[0].codeExecution",
        "setup.tools[0].googleSearch",
    ]


def test_a_handle_nobody_gave_is_refused() -> None:
    error = refusal(sessionResumption={"handle": "abc"})
    assert (error.field, error.code) == ("setup.sessionResumption.handle", CloseCode.POLICY)


@pytest.mark.parametrize(("role", "expected"), [("", "user"), ("user", "user"), ("system", "user"), ("model", "model")])
def test_roles(role: str, expected: str) -> None:
    turn, _ = agreement.turn(content({"role": role, "parts": [{"text": "hi"}]}), "turns[0]")
    assert (turn.role, turn.text) == (expected, "hi")


def test_every_kind_of_part() -> None:
    turn, ignored = agreement.turn(
        content(
            {
                "parts": [
                    {"text": "look"},
                    {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                    {"functionCall": {"id": "1", "name": "f", "args": {"a_b": 1}}},
                    {"functionResponse": {"id": "1", "name": "f", "response": 5}},
                    {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
                    {"fileData": {"fileUri": "gs://x"}},
                    {},
                ]
            }
        ),
        "turns[0]",
    )
    assert turn.parts == (
        Words("look"),
        Picture("image/png", bytes(3)),
        FunctionCall("1", "f", {"a_b": 1}),
        FunctionResult("1", "f", {"output": 5}),
    )
    assert ignored == ["turns[0].parts[4]", "turns[0].parts[5]"]
