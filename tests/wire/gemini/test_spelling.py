"""One member at a time: how a value may be spelled, and what is said when it may not."""

import json
from typing import Any

import pytest

from antiphon.wire.gemini.client import (
    ActivityHandling,
    AudioTranscriptionConfig,
    AutomaticActivityDetection,
    Behavior,
    Content,
    EndSensitivity,
    FunctionDeclaration,
    FunctionResponse,
    GenerationConfig,
    MediaResolution,
    Modality,
    Part,
    PartMediaResolution,
    PartResolution,
    RealtimeInputConfig,
    Scheduling,
    Setup,
    SpeechConfig,
    StartSensitivity,
    ThinkingConfig,
    ThinkingLevel,
    Tool,
    TranscriptionMode,
    TurnCoverage,
    Wire,
)
from antiphon.wire.gemini.decode import convert
from antiphon.wire.gemini.server import UsageMetadata
from antiphon.wire.refusal import CloseCode, Refusal


def read(kind: type[Wire], member: str, value: Any) -> Any:
    """The value that ``kind`` has for ``member`` when it is written as ``value`` in JSON."""
    message, ignored = convert(kind, {member: json.loads(json.dumps(value))}, "x")
    assert not ignored
    names = dict(zip(message.__struct_encode_fields__, message.__struct_fields__, strict=True))
    return getattr(message, names.get(member, member))


def refusal(kind: type[Wire], member: str, value: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        convert(kind, {member: value}, "x")
    assert caught.value.code is CloseCode.INVALID
    return caught.value


@pytest.mark.parametrize("spelling", ["topK", "top_k"])
@pytest.mark.parametrize("value", [40, 40.0, "40", "40.0"])
def test_integers(spelling: str, value: Any) -> None:
    found = read(GenerationConfig, spelling, value)
    assert (found, type(found)) == (40, int)


@pytest.mark.parametrize("value", [-1, "-1", 0, "0", 2**63 - 1, str(2**63 - 1), str(-(2**63))])
def test_integers_of_64_bits(value: Any) -> None:
    assert read(ThinkingConfig, "thinkingBudget", value) == int(value)


@pytest.mark.parametrize("value", [40.5, "many", "", True, [1, 2], {}, "0x10", "1_000", "9" * 5000])
def test_integers_refused(value: Any) -> None:
    assert refusal(GenerationConfig, "top_k", value).field == "x.topK"


@pytest.mark.parametrize("value", [1, 1.0, "1", "1.0", "1e0"])
def test_numbers(value: Any) -> None:
    found = read(GenerationConfig, "temperature", value)
    assert (found, type(found)) == (1.0, float)


@pytest.mark.parametrize("value", ["NaN", "nan", "Infinity", "-Infinity", "inf", "+inf", "1e999", "warm", True, [], {}])
def test_numbers_refused(value: Any) -> None:
    assert refusal(GenerationConfig, "temperature", value).field == "x.temperature"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[(True, True), ("true", True), ("True", True), ("TRUE", True), (1, True), ("1", True)],
        *[(False, False), ("false", False), ("False", False), (0, False), ("0", False)],
    ],
)
def test_booleans(value: Any, expected: bool) -> None:
    assert read(ThinkingConfig, "include_thoughts", value) is expected


@pytest.mark.parametrize("value", ["yes", "", 2, 0.5, [], {}])
def test_booleans_refused(value: Any) -> None:
    found = refusal(ThinkingConfig, "includeThoughts", value)
    assert found.field == "x.includeThoughts"
    assert "expected bool" in found.reason


@pytest.mark.parametrize("value", [1, 1.5, True, [{}], {}])
def test_text_refused(value: Any) -> None:
    found = refusal(Setup, "model", value)
    assert found.field == "x.model"
    assert "expected str" in found.reason


ENUMS = [
    (ThinkingConfig, "thinkingLevel", ThinkingLevel, "THINKING_LEVEL_UNSPECIFIED"),
    (AutomaticActivityDetection, "startOfSpeechSensitivity", StartSensitivity, "START_SENSITIVITY_UNSPECIFIED"),
    (AutomaticActivityDetection, "endOfSpeechSensitivity", EndSensitivity, "END_SENSITIVITY_UNSPECIFIED"),
    (RealtimeInputConfig, "activityHandling", ActivityHandling, "ACTIVITY_HANDLING_UNSPECIFIED"),
    (RealtimeInputConfig, "turnCoverage", TurnCoverage, "TURN_COVERAGE_UNSPECIFIED"),
    (FunctionDeclaration, "behavior", Behavior, "UNSPECIFIED"),
    (FunctionResponse, "scheduling", Scheduling, "SCHEDULING_UNSPECIFIED"),
    (GenerationConfig, "mediaResolution", MediaResolution, "MEDIA_RESOLUTION_UNSPECIFIED"),
    (PartMediaResolution, "level", PartResolution, "MEDIA_RESOLUTION_UNSPECIFIED"),
    (AudioTranscriptionConfig, "mode", TranscriptionMode, "MODE_UNSPECIFIED"),
]


@pytest.mark.parametrize(("kind", "member", "enum", "_unspecified"), ENUMS)
def test_enums_in_any_case(kind: type[Wire], member: str, enum: Any, _unspecified: str) -> None:
    for value in enum:
        for spelling in (value.value, value.lower(), value.title(), f" {value} "):
            assert read(kind, member, spelling) is value


@pytest.mark.parametrize(("kind", "member", "_enum", "unspecified"), ENUMS)
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_unspecified_enums_are_absent(kind: type[Wire], member: str, _enum: Any, unspecified: str, case: Any) -> None:
    assert read(kind, member, case(unspecified)) is None
    assert read(kind, member, "") is None
    assert read(kind, member, None) is None


@pytest.mark.parametrize(("kind", "member", "enum", "_unspecified"), ENUMS)
@pytest.mark.parametrize("value", ["LOUD", "INTERRUPTING", 1, True, [], {}])
def test_unknown_enums_are_refused_with_the_valid_values(
    kind: type[Wire], member: str, enum: Any, _unspecified: str, value: Any
) -> None:
    found = refusal(kind, member, value)
    assert found.field == f"x.{member}"
    assert ", ".join(enum) in str(found)


def test_a_value_as_guides_write_it() -> None:
    assert read(FunctionResponse, "scheduling", "interrupted") is Scheduling.INTERRUPT


def test_short_names_of_prefixed_enums() -> None:
    assert read(AutomaticActivityDetection, "startOfSpeechSensitivity", "low") is StartSensitivity.LOW
    assert read(AutomaticActivityDetection, "endOfSpeechSensitivity", "High") is EndSensitivity.HIGH


def test_other_names_of_a_member() -> None:
    for name in ("responseTokenCount", "response_token_count", "candidatesTokenCount", "candidates_token_count"):
        assert convert(UsageMetadata, {name: "5"}, "") == (UsageMetadata(response_token_count=5), ())
    assert refusal(UsageMetadata, "candidatesTokenCount", "five").field == "x.responseTokenCount"


def test_lists_of_enums() -> None:
    assert read(GenerationConfig, "responseModalities", ["audio", "TEXT"]) == [Modality.AUDIO, Modality.TEXT]
    assert read(GenerationConfig, "response_modalities", "audio") == [Modality.AUDIO]
    assert read(GenerationConfig, "response_modalities", ["MODALITY_UNSPECIFIED"]) == []


def test_an_item_of_a_list_is_named() -> None:
    found = refusal(GenerationConfig, "response_modalities", ["AUDIO", "smell"])
    assert found.field == "x.responseModalities[1]"
    assert found.reason == "invalid value 'smell'"
    assert found.remedy == "use TEXT, AUDIO, IMAGE, VIDEO"


@pytest.mark.parametrize("value", [[], [None], None])
def test_empty_lists(value: Any) -> None:
    assert read(AudioTranscriptionConfig, "languageCodes", value) == []


def test_lists_of_text() -> None:
    assert read(AudioTranscriptionConfig, "language_codes", ["de-DE", "en-US"]) == ["de-DE", "en-US"]
    assert read(AudioTranscriptionConfig, "languageCodes", "de-DE") == ["de-DE"]
    assert refusal(AudioTranscriptionConfig, "languageCodes", ["de-DE", 5]).field == "x.languageCodes[1]"


@pytest.mark.parametrize("member", ["generationConfig", "tools", "sessionResumption", "inputAudioTranscription"])
@pytest.mark.parametrize(("value", "said"), [("text", "text"), (5, "a number"), (True, "a boolean"), ([[]], "a list")])
def test_objects_refused(member: str, value: Any, said: str) -> None:
    found = refusal(Setup, member, value)
    assert found.field.split("[")[0] == f"x.{member}"
    assert "expected an object" in found.reason
    assert said in found.reason or isinstance(value, list)


def test_a_null_in_a_list_of_objects_is_refused() -> None:
    assert refusal(Setup, "tools", [{}, None]).field == "x.tools[1]"


HELLO = Content(parts=[Part(text="hello")])


@pytest.mark.parametrize(
    "value",
    [
        "hello",
        {"parts": [{"text": "hello"}]},
        {"parts": {"text": "hello"}},
        {"role": None, "parts": [{"text": "hello"}]},
    ],
)
def test_contents(value: Any) -> None:
    assert read(Setup, "systemInstruction", value) == HELLO
    assert read(Setup, "system_instruction", value) == HELLO


@pytest.mark.parametrize("kind", [FunctionResponse, Part, Tool])
def test_only_contents_may_be_text(kind: type[Wire]) -> None:
    with pytest.raises(Refusal, match="expected an object, got text"):
        convert(kind, "hello", "x")


def test_nulls_are_absent_and_unknown_members_are_noted() -> None:
    value = {"model": None, "wish": 1, "generationConfig": {"top_k": None, "speechConfig": {"tempo": {"deep": 1}}}}
    message, ignored = convert(Setup, value, "setup")
    assert message == Setup(generation_config=GenerationConfig(speech_config=SpeechConfig()))
    assert ignored == ("setup.wish", "setup.generationConfig.speechConfig.tempo")


def test_ignored_members_of_a_bare_object_have_no_prefix() -> None:
    assert convert(Setup, {"wish": None, "tools": [{}, {"hammer": {}}]}, "")[1] == ("wish", "tools[1].hammer")


@pytest.mark.parametrize("spelling", ["Model", "MODEL", "generation_Config", "generationconfig", "sessionresumption"])
def test_other_spellings_are_unknown(spelling: str) -> None:
    assert convert(Setup, {spelling: "x"}, "setup") == (Setup(), (f"setup.{spelling}",))
