"""Every kind of engine is made out of its settings, and equal parts are made once."""

from pathlib import Path
from typing import Any

import pytest

from antiphon.audio.frames import VadUnavailable
from antiphon.engines.assembly import Assembly
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.bills import bills
from antiphon.engines.cascade.brain import BuiltinBrain, ScriptBrain
from antiphon.engines.cascade.brain.language_model import LanguageModelBrain, LanguageModelConfig
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.voices.config import VoiceConfig
from antiphon.engines.gates import GateConfig, GatedEngine
from antiphon.engines.gates import engine as gated
from antiphon.engines.native.moshi.engine import MoshiEngine
from antiphon.engines.native.omni.engine import HearingEngine
from antiphon.engines.relay.gemini import GeminiRelay
from antiphon.engines.relay.openai import OpenAIRealtimeRelay
from antiphon.engines.settings import EmbeddedConfig, read_engines

MODEL = {"url": "http://localhost:9/v1", "model": "m"}
HOSTED = {"url": "https://api.openai.com/v1", "model": "m", "key": "env:OPENAI_API_KEY"}


def settings(kind: str, **table: Any) -> Any:
    return read_engines({"mine": {"kind": kind, **table}})["mine"].settings


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ({"kind": "cascade"}, CascadeEngine),
        ({"kind": "gemini-live", "model": "m"}, GeminiRelay),
        ({"kind": "openai-realtime", "model": "m"}, OpenAIRealtimeRelay),
        ({"kind": "moshi", "model": "m"}, MoshiEngine),
        ({"kind": "omni", "model": "m"}, HearingEngine),
        ({"kind": "remote-omni", **MODEL}, HearingEngine),
    ],
)
async def test_every_kind(table: dict[str, Any], kind: type) -> None:
    assert type(Assembly().build(settings(**table))) is kind


class TestBrains:
    def built(self, config: Any) -> CascadeEngine:
        engine = Assembly().build(config)
        assert isinstance(engine, CascadeEngine)
        return engine

    def test_the_one_on_board(self) -> None:
        assert isinstance(self.built(EmbeddedConfig()).brain, BuiltinBrain)
        assert isinstance(self.built(settings("cascade")).brain, BuiltinBrain)

    async def test_a_language_model(self) -> None:
        assert isinstance(self.built(settings("cascade", language_model=MODEL)).brain, LanguageModelBrain)
        config = EmbeddedConfig(language_model=LanguageModelConfig(**MODEL))
        assert isinstance(self.built(config).brain, LanguageModelBrain)

    def test_a_script(self, tmp_path: Path) -> None:
        script = tmp_path / "answers.yaml"
        script.write_text("rules:\n  - when: hello\n    say: la\n")
        assert isinstance(self.built(settings("cascade", script=str(script))).brain, ScriptBrain)
        assert isinstance(self.built(EmbeddedConfig(str(script))).brain, ScriptBrain)

    def test_a_script_with_an_error(self, tmp_path: Path) -> None:
        script = tmp_path / "answers.yaml"
        script.write_text("rules:\n  - when: hello\n    sing: la\n")
        with pytest.raises(EngineUnavailable, match="line 3, rule 1, sing"):
            self.built(settings("cascade", script=str(script)))


@pytest.mark.parametrize(
    "table",
    [
        {"language_model": HOSTED},
        {"recogniser": {"kind": "openai", **HOSTED}},
        {"voice": {"kind": "openai", **HOSTED}},
    ],
)
def test_a_key_that_is_not_there_is_named(table: dict[str, Any]) -> None:
    with pytest.raises(EngineUnavailable, match="OPENAI_API_KEY; set it"):
        Assembly().build(settings("cascade", **table))


@pytest.mark.parametrize("kind", ["gemini-live", "openai-realtime"])
async def test_an_address_that_is_none_is_named(kind: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"^mine: "):
        Assembly().build(settings(kind, model="m", url="nonsense://x"))


def test_equal_parts_are_shared() -> None:
    assembly = Assembly()
    first: Any = assembly.build(settings("cascade"))
    second: Any = assembly.build(settings("cascade", language_model=MODEL))
    other: Any = assembly.build(settings("cascade", voice={"workers": 2}, recogniser={"workers": 1}))
    embedded: Any = assembly.build(EmbeddedConfig())
    assert first.voice._common is second.voice._common is embedded.voice._common
    assert first.voice._common is assembly.voice(VoiceConfig())._common
    assert first.recogniser._common is second.recogniser._common
    assert first.activity._common is other.activity._common is embedded.activity._common
    assert other.voice._common is not first.voice._common
    assert other.recogniser._common is not first.recogniser._common


def test_gates_stand_before_an_engine_that_has_them() -> None:
    far = settings("gemini-live", model="m")
    assert isinstance(Assembly().build(far, GateConfig(silence=True)), GatedEngine)
    assert isinstance(Assembly().build(far, GateConfig(preroll=1)), GeminiRelay)


def test_gates_without_a_detector_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise VadUnavailable("webrtcvad is missing; install it")

    monkeypatch.setattr(gated, "WebRtcVad", fail)
    with pytest.raises(EngineUnavailable, match="gates: webrtcvad is missing; install it"):
        Assembly().build(settings("gemini-live", model="m"), GateConfig(video=True))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"kind": "cascade"}, ()),
        ({"kind": "cascade", "language_model": MODEL}, ()),
        ({"kind": "cascade", "language_model": HOSTED}, (("openai", "m"),)),
        ({"kind": "cascade", "language_model": {"kind": "gemini", "model": "g"}}, (("google", "g"),)),
        ({"kind": "cascade", "language_model": {"kind": "llama", "path": "x"}}, ()),
        (
            {"kind": "cascade", "recogniser": {"kind": "openai", **HOSTED}, "voice": {"kind": "openai", **HOSTED}},
            (("openai", "m"), ("openai", "m")),
        ),
        ({"kind": "gemini-live", "model": "m"}, (("google", "m"),)),
        ({"kind": "gemini-live", "model": "m", "price_model": "p", "provider": "q"}, (("q", "p"),)),
        ({"kind": "gemini-live", "model": "m", "provider": ""}, ()),
        ({"kind": "openai-realtime", "model": "m", "transcription": ""}, (("openai", "m"),)),
        ({"kind": "openai-realtime", "model": "m", "transcription": "t"}, (("openai", "m"), ("openai", "t"))),
        ({"kind": "moshi", "model": "m"}, ()),
        ({"kind": "omni", "model": "m"}, ()),
        ({"kind": "remote-omni", **MODEL, "provider": "p"}, (("p", "m"),)),
    ],
)
def test_who_is_paid(table: dict[str, Any], expected: Any) -> None:
    assert bills(settings(**table)) == expected


def test_the_engine_on_board_costs_what_its_language_model_costs() -> None:
    assert bills(EmbeddedConfig()) == ()
    assert bills(EmbeddedConfig(language_model=LanguageModelConfig(**HOSTED))) == (("openai", "m"),)
