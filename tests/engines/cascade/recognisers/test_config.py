"""Recognisers out of settings."""

import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.endpoints import payee, primary_language
from antiphon.engines.cascade.recognisers import RecogniserConfig, recogniser
from antiphon.engines.cascade.recognisers.endpoint import EndpointRecogniser
from antiphon.engines.cascade.recognisers.sherpa import SherpaRecogniser
from antiphon.engines.cascade.recognisers.whisper import WhisperRecogniser
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser
from antiphon.providers.openai_audio import OpenAiAudio

SERVICE = {"kind": "openai", "url": "http://localhost:1/v1", "model": "whisper-1"}


def config(**settings: Any) -> RecogniserConfig:
    return msgspec.convert(settings, RecogniserConfig)


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, SphinxRecogniser),
        ({"kind": "faster-whisper", "path": "~/whisper"}, WhisperRecogniser),
        ({"kind": "sherpa-onnx", "path": "zipformer"}, SherpaRecogniser),
        (SERVICE, EndpointRecogniser),
    ],
)
def test_each_kind_has_its_recogniser(settings: dict[str, Any], kind: type) -> None:
    assert type(recogniser(config(**settings))) is kind


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "faster-whisper"}, "path is missing, which kind 'faster-whisper' needs"),
        ({"kind": "openai", "url": "http://x"}, "model is missing"),
        ({"wait": 0}, "wait must be positive"),
        ({"threads": -1}, "threads must not be negative"),
        ({"kind": "vosk"}, "vosk"),
        ({"folder": "x"}, "folder"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        config(**settings)


def test_a_key_is_never_shown() -> None:
    assert "sk-secret" not in repr(config(**SERVICE, key="sk-secret"))
    assert "env:ASR_KEY" in str(config(**SERVICE, key="env:ASR_KEY"))


def test_a_key_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASR_KEY", raising=False)
    with pytest.raises(EngineUnavailable, match="the environment has no ASR_KEY; set it"):
        recogniser(config(**SERVICE, key="env:ASR_KEY"))
    monkeypatch.setenv("ASR_KEY", "sk-secret")
    assert isinstance(recogniser(config(**SERVICE, key="env:ASR_KEY")), EndpointRecogniser)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match="recogniser: url must begin with"):
        recogniser(config(kind="openai", url="ftp://x", model="m"))


@pytest.mark.parametrize(
    ("kind", "module", "extra"),
    [("faster-whisper", "faster_whisper", "whisper"), ("sherpa-onnx", "sherpa_onnx", "sherpa")],
)
async def test_a_missing_package_is_named_with_its_extra(
    kind: Any, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(EngineUnavailable, match=rf'{module} cannot be imported.*pip install "antiphon\[{extra}\]"'):
        await recogniser(RecogniserConfig(kind=kind, path=str(tmp_path))).start()


def test_who_is_paid_is_known_by_the_host() -> None:
    hosts = ("https://api.openai.com/v1", "http://localhost:8000", "http://10.0.0.5/v1", "https://asr.example.com/v1")
    clients = [OpenAiAudio(url).http.base for url in hosts]
    assert [payee(msgspec.UNSET, base) for base in clients] == ["openai", "", "", "asr.example.com"]
    assert payee("groq", clients[1]) == "groq"


def test_languages_are_those_of_iso_639() -> None:
    assert [primary_language(*tags) for tags in (("pt-BR", "de"), ("", "de_AT"), (), ("",))] == ["pt", "de", "", ""]
