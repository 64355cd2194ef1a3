"""What the page of relays says of OpenAI Realtime upstreams."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import asdict

from antiphon.engines.assembly import Assembly
from antiphon.engines.relay.openai import OpenAIRealtimeRelay
from antiphon.engines.relay.openai_config import DIALECTS, OpenAIRealtimeConfig
from antiphon.engines.settings import read_engines

PAGE = (Path(__file__).parents[2] / "docs" / "relays.md").read_text()
SECTION = PAGE[PAGE.index("## OpenAI Realtime") :]


def test_its_examples_are_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_KEY"):
        monkeypatch.setenv(name, "s3cret")
    engines = read_engines(tomllib.loads(example)["engines"])
    assert [engine.settings.payer for engine in engines.values()] == ["openai", "azure", ""]
    for engine in engines.values():
        assert isinstance(Assembly().build(engine.settings), OpenAIRealtimeRelay)


def test_it_names_every_setting_and_its_default() -> None:
    assert not [name for name in OpenAIRealtimeConfig.__struct_fields__ if f"`{name}`" not in SECTION]
    shown = SECTION[SECTION.index("### All settings") :]
    defaults = asdict(OpenAIRealtimeConfig("m"))
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|", shown, re.MULTILINE):
        names = re.findall(r"`(\w+)`", row[0])
        values = [value.strip('`" ') for value in row[1].split(",")]
        if len(names) == len(values):
            for name, value in zip(names, values, strict=True):
                if re.fullmatch(r"[\d.]+|true|false", value):
                    assert str(defaults[name]).lower().removesuffix(".0") == value


def test_it_names_every_server() -> None:
    servers = SECTION[SECTION.index("### Servers") : SECTION.index("### All")]
    _, *named = re.findall(r"^\| `([\w-]+)`(?: \(.*?\))? \| ", servers, re.MULTILINE)
    assert named == [*DIALECTS]
