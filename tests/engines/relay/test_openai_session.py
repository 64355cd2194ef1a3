"""What the OpenAI relay makes of a setup: sessions, voices, usage."""

from typing import Any

import pytest
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from tests.engines.relay.talking_openai import PROFILE

from antiphon.engines.cascade.espeak.voices import PRESETS
from antiphon.engines.relay.openai_billing import Bill, usage
from antiphon.engines.relay.openai_config import DIALECTS, OpenAIRealtimeConfig
from antiphon.engines.relay.openai_session import FEMALE, MALE, session, voice
from antiphon.live.setup import ActivityDetection, Setup, Thinking, Tool
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.prices import cost, price_of
from antiphon.testing.realtime_checks import check_session
from antiphon.wire.openai.realtime import ResponseUsage, TokenDetails, TranscriptUsage

CONFIG = OpenAIRealtimeConfig("gpt-realtime")
FULL = Setup(
    PROFILE,
    system_instruction="Be brief.",
    tools=(Tool("add", "Adds", {"type": "object"}), Tool("stop")),
    voice="Kore",
    language="de-DE",
    detection=ActivityDetection(True, "low", "low", 120, None),
    temperature=0.2,
    max_output_tokens=9_000,
    thinking=Thinking("low"),
)


def test_a_session_of_today() -> None:
    spelled = session(CONFIG, FULL)
    check_session(spelled, beta=False)
    assert spelled == {
        "type": "realtime",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {"model": "gpt-4o-mini-transcribe", "language": "de"},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.7,
                    "prefix_padding_ms": 120,
                    "silence_duration_ms": 900,
                    "create_response": True,
                    "interrupt_response": True,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
        },
        "tools": [
            {"type": "function", "name": "add", "description": "Adds", "parameters": {"type": "object"}},
            {"type": "function", "name": "stop", "parameters": {"type": "object", "properties": {}}},
        ],
        "max_output_tokens": 4_096,
    }


def test_a_session_of_the_beta() -> None:
    spelled = session(replace(CONFIG, server="openai-beta"), FULL)
    check_session(spelled, beta=True)
    assert spelled["modalities"] == ["text", "audio"]
    assert spelled["input_audio_format"] == spelled["output_audio_format"] == "pcm16"
    assert spelled["temperature"] == 0.6
    assert spelled["max_response_output_tokens"] == 4_096


@pytest.mark.parametrize("server", DIALECTS)
def test_every_server_gets_a_session(server: Any) -> None:
    config = replace(CONFIG, server=server)
    spelled = session(config, FULL)
    check_session(spelled, beta=config.speaks.beta)
    assert ("tools" in spelled) == config.speaks.calls


def test_what_the_owner_lays_over_it() -> None:
    config = replace(
        CONFIG, session={"audio": {"input": {"noise_reduction": {"type": "near_field"}}}, "tracing": "auto"}
    )
    spelled = session(config, FULL)
    assert spelled["tracing"] == "auto"
    assert spelled["audio"]["input"]["noise_reduction"] == {"type": "near_field"}
    assert spelled["audio"]["input"]["transcription"]["language"] == "de"


def test_turns_by_what_was_said() -> None:
    detection = session(replace(CONFIG, semantic=True), FULL)["audio"]["input"]["turn_detection"]
    assert detection["type"] == "semantic_vad"
    assert detection["eagerness"] == "low"


def test_who_writes_down_what_the_user_says() -> None:
    def asked(**settings: Any) -> object:
        return session(replace(CONFIG, **settings), FULL)["audio"]["input"].get("transcription")

    assert asked() == {"model": "gpt-4o-mini-transcribe", "language": "de"}
    assert asked(transcription="whisper-1", language="fr") == {"model": "whisper-1", "language": "fr"}
    # A server of one's own knows best, and breaks over models that it does not have.
    assert asked(url="http://127.0.0.1:1", server="localai") is None
    assert asked(url="http://127.0.0.1:1", transcription="x") == {"model": "x", "language": "de"}


def test_what_a_server_would_refuse_is_not_sent() -> None:
    spelled = session(replace(CONFIG, server="speaches", url="http://127.0.0.1:1"), FULL)
    assert not {"input_audio_format", "output_audio_format", "input_audio_transcription", "voice"} & spelled.keys()
    assert "prefix_padding_ms" not in spelled["turn_detection"]
    shows = {server: replace(CONFIG, server=server).shows for server in DIALECTS}
    assert [server for server, shown in shows.items() if shown] == ["openai", "localai"]


def test_thinking_and_no_transcripts() -> None:
    spelled = session(replace(CONFIG, thinks=True, transcription=""), FULL)
    assert spelled["reasoning"] == {"effort": "low"}
    assert "transcription" not in spelled["audio"]["input"]


def test_every_voice_of_the_api_has_one_of_the_same_gender() -> None:
    for name, preset in PRESETS.items():
        assert voice(CONFIG, replace(FULL, voice=name)) in (FEMALE if preset.gender == "female" else MALE)


@pytest.mark.parametrize(
    ("config", "asked", "chosen"),
    [
        (CONFIG, "", ""),
        (CONFIG, "cedar", "cedar"),
        (CONFIG, "Alloy", "alloy"),
        (replace(CONFIG, voice="verse"), "Kore", "verse"),
        (replace(CONFIG, voices={"kore": "sage"}), "Kore", "sage"),
        (replace(CONFIG, url="http://box:1"), "Kore", ""),
        (replace(CONFIG, url="http://box:1", voices={"": "af_heart"}), "Kore", "af_heart"),
        (replace(CONFIG, server="openai-beta"), "Kore", "sage"),
    ],
)
def test_whose_voice_it_is(config: OpenAIRealtimeConfig, asked: str, chosen: str) -> None:
    assert voice(config, replace(FULL, voice=asked)) == chosen


@pytest.mark.parametrize(
    ("url", "provider", "payer"),
    [
        ("", UNSET, "openai"),
        ("https://x.openai.azure.com", UNSET, "azure"),
        ("ws://127.0.0.1:8000/v1", UNSET, ""),
        ("https://api.openai.com.example/v1", UNSET, "api.openai.com.example"),
        ("http://127.0.0.1:8000/v1", "openai", "openai"),
        ("", "", ""),
    ],
)
def test_who_is_paid(url: str, provider: str | UnsetType, payer: str) -> None:
    assert OpenAIRealtimeConfig("m", url=url, provider=provider).payer == payer


def test_no_secret_in_the_representation_of_a_configuration() -> None:
    config = OpenAIRealtimeConfig("m", key="k3y", headers={"X": "h3ader"}, session={"prompt": "s3ssion"})
    assert not any(secret in repr(config) for secret in ("k3y", "h3ader", "s3ssion"))


# --- usage --------------------------------------------------------------------------------------------------

GPT = UpstreamUsage("openai", "gpt-realtime")
SCRIBE = UpstreamUsage("openai", "gpt-4o-mini-transcribe")


def test_an_invoice_to_the_cent() -> None:
    """1,000 text and 10,000 audio tokens in, 8,000 of the audio cached; 200 text and 1,500 audio tokens out."""
    told = ResponseUsage(
        input_tokens=11_000,
        output_tokens=1_700,
        input_token_details=TokenDetails(
            text_tokens=1_000,
            audio_tokens=10_000,
            cached_tokens=8_000,
            cached_tokens_details=TokenDetails(text_tokens=0, audio_tokens=8_000),
        ),
        output_token_details=TokenDetails(text_tokens=200, audio_tokens=1_500),
    )
    used = usage(told, speaks=True)
    spent = cost(price_of("openai", "gpt-realtime"), used).amount
    assert spent is not None
    # $4 and $32 in, $0.40 cached, $16 and $64 out, a million.
    assert float(spent) == pytest.approx(0.004 + 2_000 * 32e-6 + 8_000 * 0.4e-6 + 200 * 16e-6 + 1_500 * 64e-6)


def test_what_has_no_modality() -> None:
    told = ResponseUsage(input_tokens=100, output_tokens=50, input_token_details=TokenDetails(audio_tokens=30))
    assert usage(told, speaks=True) == Usage(Tokens(text=70, audio=30), Tokens(audio=50))
    assert usage(told, speaks=False) == Usage(Tokens(text=70, audio=30), Tokens(text=50))


def test_a_cache_of_which_only_the_sum_is_told() -> None:
    details = TokenDetails(text_tokens=40, audio_tokens=100, cached_tokens=90)
    told = ResponseUsage(input_tokens=140, output_tokens=1, input_token_details=details)
    assert usage(told, speaks=True).cached == Tokens(text=40, audio=50)


def test_a_response_is_charged_once() -> None:
    bill = Bill(GPT, SCRIBE, speaks=True)
    told = ResponseUsage(input_tokens=10, output_tokens=5)
    assert bill.done("r1", told) is not None
    assert bill.done("r1", told) is None
    # Servers without names for their responses say each once.
    assert bill.done("", told) == bill.done("", told) is not None


def test_what_was_not_told_is_an_estimate_and_what_failed_is_free() -> None:
    bill = Bill(GPT, SCRIBE, speaks=True)
    bill.read(characters=40, seconds=2.0)
    bill.began()
    bill.made(seconds=1.5, characters=20)
    used = bill.done("r1", None)
    assert used is not None
    assert used.estimated
    assert used.usage == Usage(Tokens(text=10, audio=20), Tokens(text=5, audio=30))
    assert bill.done("r2", None, failed=True) is None
    assert bill.done("r3", ResponseUsage(input_tokens=0, output_tokens=0)) is None
    # The next one reads all of it.
    again = bill.done("r4", None)
    assert again is not None
    assert again.usage.prompt == Tokens(text=15, audio=50)


def test_a_transcription_is_charged_once() -> None:
    bill = Bill(GPT, SCRIBE, speaks=True)
    told = TranscriptUsage(type="duration", seconds=2.5)
    assert bill.transcribed("i1", told) == replace(SCRIBE, seconds=2.5)
    assert bill.transcribed("i1", told) is None
    assert bill.transcribed("i2", None) is None
