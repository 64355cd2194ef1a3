"""Engines out of their configuration."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.bills import bills
from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain
from antiphon.engines.native.assembly import native
from antiphon.engines.native.config import MoshiConfig, NativeConfig, OmniConfig, RemoteOmniConfig
from antiphon.engines.native.moshi.engine import MoshiEngine
from antiphon.engines.native.omni.engine import HearingEngine
from antiphon.engines.native.omni.hearing import ModelRecogniser
from antiphon.engines.settings import HearingConfig


@pytest.mark.parametrize(
    ("table", "config"),
    [
        ({"engine": "moshi", "model": "kyutai/moshiko-pytorch-bf16", "slots": 8}, MoshiConfig),
        ({"engine": "omni", "model": "Qwen/Qwen2.5-Omni-7B"}, OmniConfig),
        ({"engine": "remote-omni", "url": "http://localhost:8091/v1", "model": "q"}, RemoteOmniConfig),
    ],
)
def test_the_engine_is_told_by_its_name(table: dict[str, Any], config: type) -> None:
    assert type(msgspec.convert(table, NativeConfig)) is config


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        (MoshiConfig, [{"slots": 0}, {"backlog": -1.0}, {"silence": 0.0}, {"temperature": -0.1}]),
        (OmniConfig, [{"max_batch": 0}, {"sound_seconds": float("inf")}, {"temperature": -1.0}]),
        (RemoteOmniConfig, [{"audio_rate": 0}, {"next_token_timeout": 0.0}]),
    ],
)
def test_values_that_mean_nothing_are_refused(config: Any, changes: list[dict[str, Any]]) -> None:
    needed = {"model": "x", **({"url": "http://x"} if config is RemoteOmniConfig else {})}
    for change in changes:
        (name,) = change
        with pytest.raises(ValueError, match=name):
            config(**needed, **change)


def test_moshi() -> None:
    assert isinstance(native(MoshiConfig("x/y")), MoshiEngine)


def test_a_local_omni_model_reads_and_has_no_tools() -> None:
    engine = native(OmniConfig("x/y"))
    assert isinstance(engine, HearingEngine)
    assert isinstance(engine.recogniser, ModelRecogniser)
    assert not engine.abilities.tools


def test_somebody_else_may_read_and_speak() -> None:
    voice: Any = object()
    reader: Any = object()
    engine = native(OmniConfig("x/y", transcribes=False), voice=voice, recogniser=reader)
    assert isinstance(engine, HearingEngine)
    assert (engine.voice, engine.recogniser) == (voice, reader)


def test_a_remote_one_has_tools() -> None:
    assert native(RemoteOmniConfig("http://localhost:8091/v1", "q")).abilities.tools


def test_an_address_that_is_none() -> None:
    with pytest.raises(EngineUnavailable, match="url must begin with http"):
        native(RemoteOmniConfig("localhost:8091", "q"))


def test_a_key_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = RemoteOmniConfig("http://localhost:8091/v1", "q", key="env:OMNI_KEY")
    monkeypatch.delenv("OMNI_KEY", raising=False)
    with pytest.raises(EngineUnavailable, match="no OMNI_KEY; set it"):
        native(config)
    monkeypatch.setenv("OMNI_KEY", "s3cret")
    native(config)
    assert "env:OMNI_KEY" in repr(config)


def test_a_key_is_never_shown() -> None:
    config = RemoteOmniConfig("http://localhost:8091/v1", "q", key="s3cret")
    assert "s3cret" not in f"{config!r}{config}"


@pytest.mark.parametrize(
    ("url", "paid"),
    [
        ("http://localhost:8091/v1", ""),
        ("https://api.openai.com/v1", "openai"),
        ("https://omni.example/v1", "omni.example"),
    ],
)
def test_the_host_tells_who_is_paid(url: str, paid: str) -> None:
    engine = native(RemoteOmniConfig(url, "q"))
    assert isinstance(engine, HearingEngine)
    assert isinstance(engine.brain, LanguageModelBrain)
    assert engine.brain.model.provider == paid
    assert dict(bills(HearingConfig(RemoteOmniConfig(url, "q")))) == ({paid: "q"} if paid else {})


def test_building_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from antiphon.engines.native.assembly import native; "
        "from antiphon.engines.native.config import MoshiConfig, OmniConfig; "
        "native(MoshiConfig('x/y')); native(OmniConfig('x/y')); "
        "print([name for name in ('torch', 'moshi', 'transformers', 'huggingface_hub') if name in sys.modules])"
    )
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert made.stdout.strip() == "[]"
