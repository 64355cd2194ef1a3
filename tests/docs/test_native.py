"""Every engine of docs/native.md can be built, and every kind of it is there."""

import re
import tomllib
from pathlib import Path

import pytest

from antiphon.engines.assembly import Assembly
from antiphon.engines.settings import KINDS, HearingConfig, read_engines

PAGE = (Path(__file__).parents[2] / "docs" / "native.md").read_text()


def test_every_engine_of_the_page_can_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNI_KEY", "s3cret")
    tables: dict[str, object] = {}
    for block in re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        tables |= tomllib.loads(block)["engines"]
    engines = read_engines(tables)
    assert {engine.kind for engine in engines.values()} == {"moshi", "omni", "remote-omni"}
    for engine in engines.values():
        Assembly().build(engine.settings)


@pytest.mark.parametrize("kind", ["moshi", "omni", "remote-omni"])
def test_settings_that_the_page_names_exist(kind: str) -> None:
    settings = KINDS[kind]
    named = set(re.findall(r"`(\w+)(?: = [^`]+)?`", PAGE))
    kinds = (*KINDS.values(), HearingConfig)
    known = {field for each in kinds for field in each.__struct_fields__}
    assert named & set(settings.__struct_fields__)
    words = {"moshi", "omni", "kind", "generate", "modality", "audio", "input_audio", "inputTranscription"}
    assert {name for name in named if name.islower() and "_" in name} <= known | words
