"""The setups that upstreams get."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.engines.relay.config import GeminiRelayConfig, Vertex
from antiphon.engines.relay.setup import upstream_setup
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import ActivityDetection, Compression, Setup, Thinking, Tool

M31, M38, M25 = "gemini-3.1-flash-live-preview", "gemini-3.8-live", "gemini-2.5-flash-native-audio-preview-12-2025"
EXTENDED = "gemini-3.8-live-extended-thinking"
PLAIN = Setup(PROFILES[M31], coverage="activity_and_all_video")
VERTEX = Vertex("p", "europe-west4")


def sent(wanted: Setup = PLAIN, model: str = M31, handle: str = "", **config: Any) -> dict[str, Any]:
    seeded = config.pop("seeded", False)
    frame = upstream_setup(GeminiRelayConfig(model, **config), wanted, handle=handle, seeded=seeded)
    return json.loads(frame)["setup"]


def test_a_plain_session() -> None:
    assert sent() == {
        "model": f"models/{M31}",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
    }


def test_everything_a_client_may_agree_on() -> None:
    tool = Tool("lights", "Switches lights.", {"type": "object", "properties": {"on": {"type": "boolean"}}})
    setup = Setup(
        PROFILES[M25],
        system_instruction="Be brief.",
        tools=(tool, Tool("later", blocking=False)),
        search=True,
        voice="Puck",
        language="de-DE",
        detection=ActivityDetection(True, "low", "low", prefix_padding_ms=20, silence_ms=300),
        interruptible=False,
        coverage="all_input",
        media_resolution="low",
        thinking=Thinking(budget=512, include_thoughts=True),
        proactive=True,
        affective=True,
        temperature=0.5,
        top_p=0.9,
        top_k=20,
        seed=7,
        max_output_tokens=100,
    )
    message = sent(setup, M25)
    assert message["systemInstruction"] == {"role": "user", "parts": [{"text": "Be brief."}]}
    assert message["tools"] == [
        {"googleSearch": {}},
        {
            "functionDeclarations": [
                {"name": "lights", "description": "Switches lights.", "parametersJsonSchema": tool.parameters},
                {"name": "later", "behavior": "NON_BLOCKING"},
            ]
        },
    ]
    assert message["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Puck"}}, "languageCode": "de-DE"},
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
        "thinkingConfig": {"thinkingBudget": 512, "includeThoughts": True},
        "enableAffectiveDialog": True,
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 20,
        "seed": 7,
        "maxOutputTokens": 100,
    }
    assert message["realtimeInputConfig"] == {
        "automaticActivityDetection": {
            "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
            "endOfSpeechSensitivity": "END_SENSITIVITY_LOW",
            "prefixPaddingMs": 20,
            "silenceDurationMs": 300,
        },
        "activityHandling": "NO_INTERRUPTION",
        "turnCoverage": "TURN_INCLUDES_ALL_INPUT",
    }
    assert message["proactivity"] == {"proactiveAudio": True}


@pytest.mark.parametrize("model", [M31, M38, EXTENDED])
def test_what_the_upstreams_model_does_not_have_is_left_out(model: str) -> None:
    thinking = Thinking("minimal", 100, include_thoughts=True)
    setup = Setup(PROFILES[M25], thinking=thinking, proactive=True, affective=True)
    message = sent(setup, model)
    assert "proactivity" not in message
    assert "enableAffectiveDialog" not in message["generationConfig"]
    thought = message["generationConfig"].get("thinkingConfig")
    level = {"thinkingLevel": "MINIMAL"} if model == M31 else {}
    assert thought == (None if model == M38 else {**level, "includeThoughts": True})


def test_behaviour_of_functions_is_said_where_it_is_not_the_models_own() -> None:
    setup = Setup(PROFILES[M38], tools=(Tool("f"), Tool("g", blocking=False)))
    functions = sent(setup, M38)["tools"][0]["functionDeclarations"]
    assert [each.get("behavior") for each in functions] == ["BLOCKING", None]
    functions = sent(setup, M31)["tools"][0]["functionDeclarations"]
    assert [each.get("behavior") for each in functions] == [None, None]


def test_manual_turns() -> None:
    message = sent(replace(PLAIN, detection=ActivityDetection(automatic=False)))
    assert message["realtimeInputConfig"] == {"automaticActivityDetection": {"disabled": True}}


def test_vertex() -> None:
    setup = Setup(PROFILES[M38], coverage="activity_and_all_video", initial_history=True, vad_signal=True)
    message = sent(setup, "gemini-live-2.5-flash", seeded=True, vertex=VERTEX)
    assert message["model"] == "projects/p/locations/europe-west4/publishers/google/models/gemini-live-2.5-flash"
    assert message["explicitVadSignal"] is True
    assert "historyConfig" not in message
    assert "realtimeInputConfig" not in message


@pytest.mark.parametrize(
    ("wanted", "cap", "window"),
    [
        (None, None, {"slidingWindow": {}}),
        (None, 16_000, {"triggerTokens": 16_000, "slidingWindow": {"targetTokens": 8_000}}),
        (Compression(9_000, 3_000), 16_000, {"triggerTokens": 9_000, "slidingWindow": {"targetTokens": 3_000}}),
        (Compression(90_000, 30_000), 16_000, {"triggerTokens": 16_000, "slidingWindow": {"targetTokens": 8_000}}),
        (Compression(90_000, 30_000), None, {"triggerTokens": 90_000, "slidingWindow": {"targetTokens": 30_000}}),
    ],
)
def test_the_context_is_capped(wanted: Compression | None, cap: int | None, window: dict[str, Any]) -> None:
    message = sent(Setup(PROFILES[M31], compression=wanted), context_cap=cap)
    assert message["contextWindowCompression"] == window


def test_transcripts_are_asked_for_when_somebody_wants_them() -> None:
    assert "outputAudioTranscription" not in sent(transcripts=False)
    assert "inputAudioTranscription" in sent(Setup(PROFILES[M31], transcribe_input=True), transcripts=False)
    assert "outputAudioTranscription" not in sent(Setup(PROFILES[M31], modality="text"))


def test_history_is_collected_first_and_not_again_after_a_resumption() -> None:
    collects = {"initialHistoryInClientContent": True}
    setup = Setup(PROFILES[M31], initial_history=True)
    assert sent(seeded=True)["historyConfig"] == sent(setup)["historyConfig"] == collects
    assert "historyConfig" not in sent(setup, handle="h")
    assert sent(handle="h")["sessionResumption"] == {"handle": "h"}
    assert "sessionResumption" not in sent(resume=False)


def test_the_owners_settings_go_first() -> None:
    overlay = {"generationConfig": {"temperature": 0.1}, "labels": {"team": "voice"}}
    message = sent(Setup(PROFILES[M31], voice="Puck", temperature=1.0), voice="Kore", language="fr-FR", setup=overlay)
    assert message["generationConfig"]["temperature"] == 0.1
    assert message["generationConfig"]["responseModalities"] == ["AUDIO"]
    speech = message["generationConfig"]["speechConfig"]
    assert speech == {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}, "languageCode": "fr-FR"}
    assert message["labels"] == {"team": "voice"}


@pytest.mark.parametrize(
    ("config", "payer"),
    [
        ({}, "google"),
        ({"vertex": VERTEX}, "google"),
        ({"url": "http://127.0.0.1:8000"}, ""),
        ({"url": "https://googleapis.com.evil.example"}, "googleapis.com.evil.example"),
        ({"url": "http://127.0.0.1:8000", "provider": "google"}, "google"),
        ({"provider": ""}, ""),
    ],
)
def test_who_is_paid(config: dict[str, Any], payer: str) -> None:
    assert GeminiRelayConfig("m", **config).payer == payer


def test_addresses() -> None:
    assert GeminiRelayConfig("m").base == "https://generativelanguage.googleapis.com"
    assert GeminiRelayConfig("m", vertex=VERTEX).base == "https://europe-west4-aiplatform.googleapis.com"
    assert GeminiRelayConfig("m", vertex=Vertex("p", "global")).base == "https://aiplatform.googleapis.com"
    assert GeminiRelayConfig("m", "ws://localhost:8080", vertex=VERTEX).base == "ws://localhost:8080"
    assert GeminiRelayConfig("publishers/google/models/m").path == "publishers/google/models/m"
