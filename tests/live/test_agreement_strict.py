"""What a strict server refuses, as the hosted service does, and a lenient one ignores: both say what."""

from typing import Any

import pytest

from antiphon.live import agreement
from antiphon.live.abilities import Abilities
from antiphon.live.policy import Policy
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import MAX_CLOSE_REASON, CloseCode, Refusal

OLD = "models/gemini-2.5-flash-native-audio-preview-12-2025"
MIDDLE = "models/gemini-3.1-flash-live-preview"
NEW = "models/gemini-3.8-live"
THINKING = "models/gemini-3.8-live-extended-thinking"
ABLE = Abilities("able", searches=True, thinks=True)


def function(**members: Any) -> list[Any]:
    return [{"functionDeclarations": [{"name": "f", **members}]}]


def thinking(**members: Any) -> dict[str, Any]:
    return {"thinkingConfig": members}


GENERATION = "setup.generationConfig"
FUNCTION = "setup.tools[0].functionDeclarations[0]"
REFUSED = [
    (NEW, {"generationConfig": thinking(thinkingLevel="LOW")}, f"{GENERATION}.thinkingConfig"),
    (NEW, {"generationConfig": thinking()}, f"{GENERATION}.thinkingConfig"),
    (MIDDLE, {"generationConfig": thinking(thinkingBudget=0)}, f"{GENERATION}.thinkingConfig.thinkingBudget"),
    (THINKING, {"generationConfig": thinking(thinkingBudget=9)}, f"{GENERATION}.thinkingConfig.thinkingBudget"),
    (OLD, {"generationConfig": thinking(thinkingLevel="LOW")}, f"{GENERATION}.thinkingConfig.thinkingLevel"),
    (THINKING, {"generationConfig": thinking(thinkingLevel="MINIMAL")}, f"{GENERATION}.thinkingConfig.thinkingLevel"),
    (MIDDLE, {"generationConfig": thinking(thinkingLevel="XHIGH")}, f"{GENERATION}.thinkingConfig.thinkingLevel"),
    (MIDDLE, {"proactivity": {"proactiveAudio": True}}, "setup.proactivity.proactiveAudio"),
    (NEW, {"proactivity": {"proactiveAudio": False}}, "setup.proactivity.proactiveAudio"),
    (THINKING, {"proactivity": {"proactive_audio": False}}, "setup.proactivity.proactiveAudio"),
    (MIDDLE, {"generationConfig": {"enableAffectiveDialog": True}}, f"{GENERATION}.enableAffectiveDialog"),
    (THINKING, {"generationConfig": {"enableAffectiveDialog": True}}, f"{GENERATION}.enableAffectiveDialog"),
    (MIDDLE, {"tools": function(behavior="NON_BLOCKING")}, f"{FUNCTION}.behavior"),
    (THINKING, {"tools": function(behavior="BLOCKING")}, f"{FUNCTION}.behavior"),
    (NEW, {"tools": [{"codeExecution": {}}]}, "setup.tools[0].codeExecution"),
    (OLD, {"tools": [{"urlContext": {}}]}, "setup.tools[0].urlContext"),
    (OLD, {"tools": [{}, {"googleMaps": {}}]}, "setup.tools[1].googleMaps"),
    (OLD, {"tools": [{"fileSearch": {}}]}, "setup.tools[0].fileSearch"),
    (OLD, {"tools": [{"computer_use": {}}]}, "setup.tools[0].computerUse"),
    (OLD, {"tools": [{"mcpServers": [{"name": "m"}]}]}, "setup.tools[0].mcpServers"),
    (OLD, {"tools": [{"googleSearchRetrieval": {}}]}, "setup.tools[0].googleSearchRetrieval"),
    (OLD, {"tools": function() * 2}, "setup.tools[1].functionDeclarations[0].name"),
    (OLD, {"avatarConfig": {}}, "setup.avatarConfig"),
    (OLD, {"generationConfig": {"translationConfig": {}}}, f"{GENERATION}.translationConfig"),
    (OLD, {"generationConfig": {"stopSequences": ["x"]}}, f"{GENERATION}.stopSequences"),
    (OLD, {"generationConfig": {"responseMimeType": "text/plain"}}, f"{GENERATION}.responseMimeType"),
    (OLD, {"generationConfig": {"responseSchema": {}}}, f"{GENERATION}.responseSchema"),
    (OLD, {"generationConfig": {"responseJsonSchema": {}}}, f"{GENERATION}.responseJsonSchema"),
    (OLD, {"generationConfig": {"responseLogprobs": True}}, f"{GENERATION}.responseLogprobs"),
    (OLD, {"generationConfig": {"logprobs": 3}}, f"{GENERATION}.logprobs"),
    (OLD, {"generationConfig": {"routingConfig": {}}}, f"{GENERATION}.routingConfig"),
    (OLD, {"generationConfig": {"audioTimestamp": True}}, f"{GENERATION}.audioTimestamp"),
    (OLD, {"generationConfig": {"maxOutputTokens": 8_193}}, f"{GENERATION}.maxOutputTokens"),
    (OLD, {"generationConfig": {"responseModalities": ["TEXT", "AUDIO"]}}, f"{GENERATION}.responseModalities"),
    (
        OLD,
        {"generationConfig": {"speechConfig": {"multiSpeakerVoiceConfig": {}}}},
        f"{GENERATION}.speechConfig.multiSpeakerVoiceConfig",
    ),
]
"""A model, a setup it does not take, and the field that is at fault."""

HONOURED = [
    (OLD, {"generationConfig": {"responseModalities": ["TEXT"]}}, f"{GENERATION}.responseModalities"),
    (THINKING, {"generationConfig": {"responseModalities": ["TEXT"]}}, f"{GENERATION}.responseModalities"),
    (NEW, {"explicitVadSignal": True}, "setup.explicitVadSignal"),
    (NEW, {"sessionResumption": {"transparent": True}}, "setup.sessionResumption.transparent"),
    (NEW, {"generationConfig": {"enableAffectiveDialog": False}}, f"{GENERATION}.enableAffectiveDialog"),
    (MIDDLE, {"proactivity": {"proactiveAudio": False}}, "setup.proactivity.proactiveAudio"),
    ("models/gemini-2.0-flash-exp", {}, "setup.model"),
]
"""The same for what a lenient server can do nevertheless, so that it has nothing to name."""

GRANTED: list[tuple[str, dict[str, Any]]] = [
    (OLD, {"generationConfig": {**thinking(thinkingBudget=-1), "enableAffectiveDialog": True}}),
    (OLD, {"proactivity": {"proactiveAudio": True}, "tools": function(behavior="NON_BLOCKING")}),
    (OLD, {"generationConfig": {"responseModalities": ["AUDIO"], "maxOutputTokens": 8_192, "candidateCount": 1}}),
    (MIDDLE, {"generationConfig": thinking(thinkingLevel="MINIMAL"), "tools": function(behavior="BLOCKING")}),
    (MIDDLE, {"historyConfig": {"initialHistoryInClientContent": True}, "sessionResumption": {}}),
    (NEW, {"proactivity": {"proactiveAudio": True}, "tools": [*function(behavior="BLOCKING"), {"googleSearch": {}}]}),
    (NEW, {"proactivity": {}, "contextWindowCompression": {"slidingWindow": {}}}),
    (THINKING, {"generationConfig": thinking(thinkingLevel="HIGH"), "tools": function(behavior="NON_BLOCKING")}),
    (f"publishers/google/{NEW}", {"explicitVadSignal": True, "sessionResumption": {"transparent": True}}),
    ("models/gemini-live-2.5-flash-native-audio", {}),
]
"""What the models do take."""


def setup(model: str, members: Any) -> client.Setup:
    return convert(client.Setup, {"model": model, **members}, "setup")[0]


def refusal(model: str, members: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        agreement.agree(setup(model, members), Policy(strict=True), ABLE)
    return caught.value


@pytest.mark.parametrize(("model", "members", "field"), [*REFUSED, *HONOURED])
def test_a_strict_server_refuses_by_name_and_with_a_remedy(model: str, members: Any, field: str) -> None:
    error = refusal(model, members)
    assert error.field == field
    assert error.remedy
    assert error.code in (CloseCode.INVALID, CloseCode.POLICY)
    assert len(str(error).encode()) <= MAX_CLOSE_REASON


@pytest.mark.parametrize(("model", "members", "field"), REFUSED)
def test_a_lenient_server_goes_on_without_it_and_names_it(model: str, members: Any, field: str) -> None:
    _, ignored = agreement.agree(setup(model, members), Policy(), ABLE)
    assert [entry.partition(" (")[0] for entry in ignored] == [field]
    assert ignored[0].endswith(")"), "with the reason"


@pytest.mark.parametrize(("model", "members", "field"), HONOURED)
def test_a_lenient_server_does_what_it_can(model: str, members: Any, field: str) -> None:
    assert agreement.agree(setup(model, members), Policy(), ABLE)[1] == []


@pytest.mark.parametrize(("model", "members"), GRANTED)
def test_both_take_what_the_model_has(model: str, members: Any) -> None:
    strict = agreement.agree(setup(model, members), Policy(strict=True), ABLE)
    assert strict == agreement.agree(setup(model, members), Policy(), ABLE)
    assert strict[1] == []


def test_a_model_that_was_shut_down_has_a_successor() -> None:
    error = refusal("models/gemini-2.0-flash-live-001", {})
    assert (error.code, error.remedy) == (CloseCode.POLICY, "use gemini-3.8-live")
