"""Voices out of settings."""

from typing import Any

import msgspec
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.espeak import EspeakVoice
from antiphon.engines.cascade.voices.config import VoiceConfig, voice
from antiphon.engines.cascade.voices.endpoint import EndpointVoice
from antiphon.engines.cascade.voices.local import LocalVoice

SERVICE = {"kind": "openai", "url": "https://tts.example.com/v1", "model": "tts-1"}


def config(**settings: Any) -> VoiceConfig:
    return msgspec.convert(settings, VoiceConfig)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, EspeakVoice),
        ({"kind": "kokoro", "path": "~/kokoro"}, LocalVoice),
        ({"kind": "piper", "path": "voices"}, LocalVoice),
        (SERVICE, EndpointVoice),
    ],
)
def test_each_kind_has_its_voice(settings: dict[str, Any], kind: type) -> None:
    assert type(voice(config(**settings))) is kind


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "kokoro"}, "path is missing, which kind 'kokoro' needs"),
        ({"kind": "openai", "model": "tts-1"}, "url is missing"),
        ({"workers": 0}, "workers must be positive"),
        ({"rate": 0}, "rate must be 4000 to 192000"),
        ({"format": "mp3"}, "mp3"),
        ({"speed": 2}, "speed"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        config(**settings)


def test_a_key_is_never_shown() -> None:
    assert "sk-secret" not in repr(config(**SERVICE, key="sk-secret"))
    assert "env:TTS_KEY" in str(config(**SERVICE, key="env:TTS_KEY"))


def test_a_key_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TTS_KEY", raising=False)
    with pytest.raises(EngineUnavailable, match="voice: key is env:TTS_KEY, but the environment has no TTS_KEY"):
        voice(config(**SERVICE, key="env:TTS_KEY"))


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="voice: url must begin with"):
        voice(config(kind="openai", url="tts.example.com", model="m"))
