"""What a table of an engine may say, and what a wrong one is told."""

from typing import Any

import pytest

from antiphon.engines.cascade.brain.language_model import LanguageModelConfig
from antiphon.engines.cascade.recognisers.config import RecogniserConfig
from antiphon.engines.cascade.voices.config import VoiceConfig
from antiphon.engines.gates.config import GateConfig
from antiphon.engines.native.config import MoshiConfig, OmniConfig, RemoteOmniConfig
from antiphon.engines.relay.config import GeminiRelayConfig, Vertex
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.settings import (
    KINDS,
    CascadeConfig,
    EngineConfig,
    HearingConfig,
    SettingError,
    read_engines,
)

MODEL = {"url": "http://localhost:9/v1", "model": "m"}


@pytest.mark.parametrize(
    ("table", "settings"),
    [
        ({"kind": "cascade"}, CascadeConfig()),
        (
            {"kind": "cascade", "language_model": MODEL, "voice": {"workers": 2}, "recogniser": {"wait": 1}},
            CascadeConfig(
                language_model=LanguageModelConfig(**MODEL),
                voice=VoiceConfig(workers=2),
                recogniser=RecogniserConfig(wait=1),
            ),
        ),
        ({"kind": "gemini-live", "model": "m"}, GeminiRelayConfig("m", name="mine")),
        ({"kind": "gemini-live", "model": "m", "name": "x"}, GeminiRelayConfig("m", name="x")),
        (
            {"kind": "gemini-live", "model": "m", "vertex": {"project": "p"}},
            GeminiRelayConfig("m", vertex=Vertex("p"), name="mine"),
        ),
        ({"kind": "openai-realtime", "model": "m"}, OpenAIRealtimeConfig("m", name="mine")),
        ({"kind": "moshi", "model": "m"}, MoshiConfig("m")),
        ({"kind": "omni", "model": "m"}, HearingConfig(OmniConfig("m"))),
        (
            {"kind": "omni", "model": "m", "voice": {"workers": 2}, "recogniser": {"workers": 3}},
            HearingConfig(OmniConfig("m"), RecogniserConfig(workers=3), VoiceConfig(workers=2)),
        ),
        (
            {"kind": "remote-omni", "model": "m", "url": "http://x", "voice": "Cherry"},
            HearingConfig(RemoteOmniConfig("http://x", "m", voice="Cherry")),
        ),
    ],
)
def test_a_table_is_an_engine(table: dict[str, Any], settings: Any) -> None:
    engines = read_engines({"mine": table})
    assert engines == {"mine": EngineConfig(table["kind"], settings)}
    assert read_engines({"mine": {**table, "optional": True}})["mine"].optional is True
    assert read_engines({"mine": {**table, "gates": {"silence": True}}})["mine"].gates == GateConfig(silence=True)


def test_every_kind_is_tried() -> None:
    cases = test_a_table_is_an_engine.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {table["kind"] for table, _ in cases} == set(KINDS)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "engines: must be tables; write [engines.NAME]"),
        ({"a": 1}, "engines.a: must be a table; write [engines.a]"),
        ({"embedded": {"kind": "cascade"}}, "engines.embedded: is the engine on board"),
        ({"a b": {}}, 'engines."a b".kind: is missing; set it to one of cascade, gemini-live'),
        ({"a": {"kind": "gemini"}}, "engines.a.kind: 'gemini' is no kind of engine; set it to one of cascade"),
        ({"a": {"kind": ["x"]}}, "engines.a.kind: ['x'] is no kind of engine"),
        ({"a": {"kind": "cascade", "optional": "yes"}}, "engines.a.optional: must be true or false"),
        ({"a": {"kind": "cascade", "voic": {}}}, "engines.a.voic: is no setting; did you mean voice?"),
        (
            {"a": {"kind": "cascade", "recogniser": {"pth": "x"}}},
            "engines.a.recogniser.pth: is no setting; did you mean path?",
        ),
        (
            {"a": {"kind": "cascade", "language_model": {**MODEL, "zzz": 1}}},
            "engines.a.language_model.zzz: is no setting; there are kind, url, model,",
        ),
        (
            {"a": {"kind": "cascade", "recogniser": {"kind": "openai"}}},
            "engines.a.recogniser: url is missing, which kind 'openai' needs",
        ),
        (
            {"a": {"kind": "cascade", "voice": {"kind": "kokro"}}},
            "engines.a.voice.kind: Invalid enum value 'kokro'",
        ),
        (
            {"a": {"kind": "cascade", "language_model": MODEL, "script": "x.yaml"}},
            "engines.a: script and language_model are both set; set one of them",
        ),
        ({"a": {"kind": "gemini-live"}}, "engines.a.model: is missing; set it"),
        ({"a": {"kind": "cascade", "gates": {"silnce": 1}}}, "engines.a.gates.silnce: is no setting; did you mean sil"),
        ({"a": {"kind": "cascade", "gates": True}}, "engines.a.gates: Expected object, got bool"),
        ({"a": {"kind": "gemini-live", "model": 5}}, "engines.a.model: Expected str, got int"),
        (
            {"a": {"kind": "gemini-live", "model": "m", "vertex": {"projct": "x"}}},
            "engines.a.vertex.projct: is no setting; did you mean project?",
        ),
        ({"a": {"kind": "moshi", "model": "m", "slots": 0}}, "engines.a: slots must be positive"),
        (
            {"a": {"kind": "omni", "model": "m", "voice": {"wrkers": 1}}},
            "engines.a.voice.wrkers: is no setting; did you mean workers?",
        ),
    ],
)
def test_a_wrong_one_is_told_where_and_what_to_do(tables: Any, message: str) -> None:
    with pytest.raises(SettingError) as error:
        read_engines(tables)
    assert str(error.value).startswith(message)


def test_keys_are_never_shown() -> None:
    engines = read_engines(
        {
            "a": {"kind": "gemini-live", "model": "m", "key": "s3cret", "vertex": {"project": "p", "token": "s3cret"}},
            "b": {"kind": "openai-realtime", "model": "m", "key": "s3cret", "headers": {"x": "s3cret"}},
            "c": {
                "kind": "cascade",
                "language_model": {**MODEL, "key": "s3cret"},
                "recogniser": {"kind": "openai", "key": "s3cret", **MODEL},
                "voice": {"kind": "openai", "key": "s3cret", **MODEL},
            },
        }
    )
    assert "s3cret" not in repr(engines) + str(engines)
