"""Any subset of the documented setup, in any spelling: each field is honoured or named, and none is refused."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.live import agreement, profiles
from antiphon.live.abilities import Abilities
from antiphon.live.policy import Policy
from antiphon.live.setup import Setup
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal


class Field(NamedTuple):
    """A documented field: values that clients send, and whether a setup is what a value asks for."""

    path: str
    values: tuple[Any, ...]
    honoured: Callable[[Setup, Any], bool]


def attribute(name: str, convert: Callable[[Any], Any] = lambda value: value) -> Callable[[Setup, Any], bool]:
    """Whether the attribute of a setup is the value that was asked for."""
    return lambda setup, value: getattr(setup, name) == convert(value)


def never(_setup: Setup, _value: Any) -> bool:
    """For what nothing here has a use for."""
    return False


def enum(prefix: str = "") -> Callable[[str], str]:
    return lambda value: value.upper().removeprefix(prefix).lower()


def as_modality(setup: Setup, value: Any) -> bool:
    return isinstance(value, str) and setup.modality == value.lower()


def as_coverage(setup: Setup, value: str) -> bool:
    names = {"ONLY_ACTIVITY": "activity", "AUDIO_ACTIVITY_AND_ALL_VIDEO": "activity_and_all_video"}
    name = value.upper().removeprefix("TURN_INCLUDES_")
    expected = setup.profile.default_coverage if "UNSPECIFIED" in name else names.get(name, name.lower())
    return setup.coverage == expected


def as_sensitivity(which: str) -> Callable[[Setup, str], bool]:
    return lambda setup, value: getattr(setup.detection, which) == ("low" if "LOW" in value.upper() else "high")


def as_tools(setup: Setup, value: Any) -> bool:
    if "googleSearch" in value[0]:
        return setup.search
    declarations = value[0].get("functionDeclarations", value[0].get("function_declarations"))
    if declarations is None or len(setup.tools) != 1:
        return False
    wanted = declarations[0].get("behavior")
    blocking = setup.profile.default_blocking if wanted is None else wanted == "BLOCKING"
    return setup.tools[0].blocking == blocking


def compression(name: str) -> Callable[[Setup, Any], bool]:
    return lambda setup, value: getattr(setup.compression, name) == int(value)


FUNCTION = {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a_b": {"type": "STRING"}}}}
FIELDS = [
    Field("generationConfig.responseModalities", (["AUDIO"], ["text"], "AUDIO", ["TEXT", "AUDIO"]), as_modality),
    Field("generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName", ("Kore",), attribute("voice")),
    Field("generationConfig.speechConfig.languageCode", ("de-DE",), attribute("language")),
    Field("generationConfig.speechConfig.multiSpeakerVoiceConfig", ({},), never),
    Field(
        "generationConfig.mediaResolution",
        ("MEDIA_RESOLUTION_LOW", "media_resolution_high", "medium"),
        attribute("media_resolution", enum("MEDIA_RESOLUTION_")),
    ),
    Field(
        "generationConfig.thinkingConfig.thinkingLevel",
        ("MINIMAL", "low", "MEDIUM", "High", "XHIGH"),
        lambda setup, value: setup.thinking.level == value.lower(),
    ),
    Field(
        "generationConfig.thinkingConfig.thinkingBudget",
        (0, 256, "1024"),
        lambda setup, value: setup.thinking.budget == int(value),
    ),
    Field(
        "generationConfig.thinkingConfig.includeThoughts",
        (True,),
        lambda setup, value: setup.thinking.include_thoughts,
    ),
    Field("generationConfig.enableAffectiveDialog", (True, False), attribute("affective")),
    Field("generationConfig.temperature", (0, 0.7, 2.0), attribute("temperature")),
    Field("generationConfig.topP", (0.95, 1), attribute("top_p")),
    Field("generationConfig.topK", (40.0, 1, "64"), attribute("top_k", float)),
    Field("generationConfig.seed", (7, "-7"), attribute("seed", int)),
    Field("generationConfig.maxOutputTokens", (1, 8_192, 65_536, "100"), attribute("max_output_tokens", int)),
    Field("generationConfig.candidateCount", (1, 2), lambda setup, value: value == 1),
    Field("generationConfig.presencePenalty", (0.5,), never),
    Field("generationConfig.frequencyPenalty", (-0.5,), never),
    Field("generationConfig.stopSequences", (["."],), never),
    Field("generationConfig.responseMimeType", ("text/plain",), never),
    Field("generationConfig.responseSchema", ({"type": "OBJECT"},), never),
    Field("generationConfig.responseJsonSchema", ({"type": "object"},), never),
    Field("generationConfig.responseFormat", ({"text": {}},), never),
    Field("generationConfig.responseLogprobs", (True,), never),
    Field("generationConfig.logprobs", (3,), never),
    Field("generationConfig.routingConfig", ({"autoMode": {}},), never),
    Field("generationConfig.audioTimestamp", (True,), never),
    Field("generationConfig.enableEnhancedCivicAnswers", (True,), never),
    Field("generationConfig.audioTranscriptionConfig", ({},), never),
    Field("generationConfig.translationConfig.targetLanguageCode", ("de",), never),
    Field(
        "systemInstruction",
        ("Be brief.", {"parts": [{"text": "Be brief."}]}),
        lambda setup, _: setup.system_instruction == "Be brief.",
    ),
    Field(
        "tools",
        (
            [{"functionDeclarations": [FUNCTION]}],
            [{"function_declarations": [{**FUNCTION, "behavior": "BLOCKING"}]}],
            [{"functionDeclarations": [{"name": "f", "behavior": "NON_BLOCKING", "parametersJsonSchema": {}}]}],
            [{"googleSearch": {}}],
            [{"codeExecution": {}}],
            [{"url_context": {}}],
            [{"mcpServers": [{"name": "m", "streamableHttpTransport": {"url": "https://example.org"}}]}],
        ),
        as_tools,
    ),
    Field("toolConfig", ({"functionCallingConfig": {"mode": "ANY"}},), never),
    Field(
        "realtimeInputConfig.automaticActivityDetection.disabled",
        (True, False),
        lambda setup, value: setup.detection.automatic is not value,
    ),
    Field(
        "realtimeInputConfig.automaticActivityDetection.startOfSpeechSensitivity",
        ("START_SENSITIVITY_HIGH", "start_sensitivity_low", "START_SENSITIVITY_UNSPECIFIED"),
        as_sensitivity("start_sensitivity"),
    ),
    Field(
        "realtimeInputConfig.automaticActivityDetection.endOfSpeechSensitivity",
        ("END_SENSITIVITY_HIGH", "LOW"),
        as_sensitivity("end_sensitivity"),
    ),
    Field(
        "realtimeInputConfig.automaticActivityDetection.prefixPaddingMs",
        (0, 20.0, "300"),
        lambda setup, value: setup.detection.prefix_padding_ms == int(value),
    ),
    Field(
        "realtimeInputConfig.automaticActivityDetection.silenceDurationMs",
        (100, 2000.0),
        lambda setup, value: setup.detection.silence_ms == int(value),
    ),
    Field(
        "realtimeInputConfig.activityHandling",
        ("NO_INTERRUPTION", "START_OF_ACTIVITY_INTERRUPTS"),
        lambda setup, value: setup.interruptible == (value != "NO_INTERRUPTION"),
    ),
    Field(
        "realtimeInputConfig.turnCoverage",
        (
            "TURN_INCLUDES_ALL_INPUT",
            "turn_includes_only_activity",
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
            "TURN_COVERAGE_UNSPECIFIED",
        ),
        as_coverage,
    ),
    Field("realtimeInputConfig.interimTranscriptTimestampEnabled", (True,), never),
    Field("sessionResumption.handle", ("abc", ""), lambda setup, _: setup.resumable),
    Field("sessionResumption.transparent", (True, False), attribute("transparent")),
    Field("contextWindowCompression.triggerTokens", (50_000, "104857"), compression("trigger_tokens")),
    Field("contextWindowCompression.slidingWindow.targetTokens", (0, "12800"), compression("target_tokens")),
    Field("inputAudioTranscription", ({},), attribute("transcribe_input", lambda _: True)),
    Field("inputAudioTranscription.languageCodes", (["de-DE"],), never),
    Field("inputAudioTranscription.mode", ("SMART",), never),
    Field("outputAudioTranscription", ({},), attribute("transcribe_output", lambda _: True)),
    Field("outputAudioTranscription.wordTimestamp", (True,), never),
    Field("proactivity.proactiveAudio", (True, False), attribute("proactive")),
    Field("proactivity.proactiveVideo", (True,), never),
    Field("historyConfig.initialHistoryInClientContent", (True, False), attribute("initial_history")),
    Field("explicitVadSignal", (True, False), attribute("vad_signal")),
    Field("avatarConfig.avatarName", ("Someone",), never),
    Field("safetySettings", ([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],), never),
    Field("labels", ({"team": "voice"},), never),
]

MODELS = st.sampled_from([*profiles.PROFILES, *profiles.ALIASES])
PREFIXES = st.sampled_from(["", "models/", "publishers/google/models/", "projects/p/locations/l/models/"])
ABILITIES = st.builds(
    Abilities, st.just("any"), tools=st.booleans(), searches=st.booleans(), thinks=st.booleans(), images=st.booleans()
)


def snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


@st.composite
def setups(draw: st.DrawFn) -> tuple[dict[str, Any], list[tuple[Field, Any]]]:
    """A setup as a client might send it, and the fields it has."""
    chosen = draw(st.lists(st.sampled_from(FIELDS), unique_by=lambda field: field.path, max_size=12))
    in_snake: dict[str, bool] = {}
    setup: dict[str, Any] = {"model": draw(PREFIXES) + draw(MODELS)}
    fields = []
    for field in sorted(chosen):
        value = draw(st.sampled_from(field.values))
        keys = []
        for name in field.path.split("."):
            if name not in in_snake:
                in_snake[name] = draw(st.booleans())
            keys.append(snake(name) if in_snake[name] else name)
        inside = setup
        for key in keys[:-1]:
            inside = inside.setdefault(key, {})
        inside.setdefault(keys[-1], dict(value) if isinstance(value, dict) else value)
        fields.append((field, value))
    return setup, fields


def named(path: str, ignored: list[str]) -> bool:
    paths = [entry.partition(" (")[0].removeprefix("setup.") for entry in ignored]
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in paths) or any(
        other.startswith((f"{path}.", f"{path}[")) for other in paths
    )


@given(setups(), ABILITIES)
def test_every_field_is_honoured_or_named(
    sent: tuple[dict[str, Any], list[tuple[Field, Any]]], able: Abilities
) -> None:
    setup, fields = sent
    wanted, unread = convert(client.Setup, setup, "setup")
    assert unread == ()
    agreed, ignored = agreement.agree(wanted, Policy(), able)
    for field, value in fields:
        single = value[0] if field.path.endswith("Modalities") and len(value) == 1 else value
        assert named(field.path, ignored) or field.honoured(agreed, single), field.path


@given(setups(), ABILITIES)
def test_a_strict_server_grants_the_same_or_names_a_field_of_the_setup(
    sent: tuple[dict[str, Any], list[tuple[Field, Any]]], able: Abilities
) -> None:
    wanted, _ = convert(client.Setup, sent[0], "setup")
    strict = granted(wanted, Policy(strict=True), able)
    if isinstance(strict, Refusal):
        paths = ["model", *(field.path for field, _ in sent[1])]
        assert named(strict.field.removeprefix("setup."), paths)
        assert strict.remedy
    else:
        assert strict == granted(wanted, Policy(), able)


def granted(wanted: client.Setup, policy: Policy, able: Abilities) -> tuple[Setup, list[str]] | Refusal:
    try:
        return agreement.agree(wanted, policy, able)
    except Refusal as refusal:
        return refusal


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        (client.Setup, ""),
        (client.GenerationConfig, "generationConfig."),
        (client.RealtimeInputConfig, "realtimeInputConfig."),
        (client.Proactivity, "proactivity."),
        (client.SessionResumptionConfig, "sessionResumption."),
    ],
)
def test_no_field_is_forgotten(kind: type[client.Wire], prefix: str) -> None:
    known = {field.path.removeprefix(prefix).split(".")[0] for field in FIELDS if field.path.startswith(prefix)}
    assert set(kind.__struct_encode_fields__) - {"model"} <= known
