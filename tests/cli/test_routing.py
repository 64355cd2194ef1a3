"""Configurations in words: checked, explained, and without their secrets."""

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from antiphon.calls.station import EngineStatus
from antiphon.cli import app as commands
from antiphon.cli import routing
from antiphon.server import explanation
from antiphon.server.config import Config, ConfigError, load_config

ENGINES = """
keys = ["s3cret"]
watermark_key = "s3cret"
[search]
searxng = "https://user:s3cret@searx.example"
[prices."google/m"]
hour = 2.7
[engines.google]
kind = "gemini-live"
model = "m"
key = "s3cret"
setup = { x = "s3cret" }
vertex = { project = "p", token = "s3cret" }
[engines.realtime]
kind = "openai-realtime"
model = "m"
key = "env:SOME_KEY"
headers = { authorization = "s3cret" }
session = { x = "s3cret" }
[engines.heard]
kind = "remote-omni"
url = "http://host/v1"
model = "m"
[engines.heard.voice]
kind = "openai"
url = "https://host/v1"
model = "m"
key = "s3cret"
[engines.home]
kind = "cascade"
[engines.home.language_model]
url = "http://localhost:9/v1"
model = "m"
extra = { a = { b = "s3cret" } }
[routes."*"]
targets = [{ engine = "google", weight = 2 }, { engine = "home" }, { engine = "heard", priority = 1 }]
when_exhausted = "embedded"
retries = 0
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "antiphon.toml"
    path.write_text(ENGINES)
    monkeypatch.setenv("SOME_KEY", "s3cret")
    return path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands.app, ["config", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


class TestExplain:
    def test_no_secret_is_shown_but_where_it_comes_from(self, file: Path) -> None:
        told = run("explain", str(file)) + run("explain", str(file), "--json")
        assert "s3cret" not in told
        assert "env:SOME_KEY" in told

    def test_it_is_a_configuration_file(self, file: Path, tmp_path: Path) -> None:
        again = tmp_path / "again.toml"
        again.write_text(run("explain", str(file)))
        first, second = load_config(file, {}), load_config(again, {})
        assert second.routes == first.routes
        assert second.engines["home"].kind == "cascade"
        assert second.engines.keys() == first.engines.keys()
        assert second.prices == first.prices
        assert second.session == first.session

    def test_without_a_file_it_shows_the_defaults(self, tmp_path: Path) -> None:
        shown = tomllib.loads(run("explain"))
        assert shown["port"] == Config().port
        assert shown["routes"]["*"]["targets"] == [{"engine": "embedded", "weight": 1, "priority": 0}]

    def test_for_programs(self, file: Path) -> None:
        told = json.loads(run("explain", str(file), "--json"))
        assert told["order"] == {"*": ["google", "home", "heard", "embedded"]}
        assert told["settings"]["engines"]["google"]["key"] == "…"

    def test_it_says_what_a_route_does(self, file: Path) -> None:
        lines = list(explanation.explain(load_config(file, {})))
        assert lines[lines.index("# *:") :] == [
            "# *:",
            "#   1. google (gemini-live): priority 0, 2 of 3 calls",
            "#   2. home (cascade): priority 0, 1 of 3 calls",
            "#   3. heard (remote-omni): priority 1",
            "#   then: embedded, once, whatever its health is",
            "#   none is retried",
        ]


class TestCheck:
    def test_says_what_there_is(self, file: Path) -> None:
        told = "4 engines beside the one on board, 1 route; not started, for no route names it: realtime"
        assert run("check", str(file)) == f"{file}: {told}\n"
        assert json.loads(run("check", str(file), "--json")) == {"file": str(file), "told": told}

    def test_a_key_that_is_not_there_is_told(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        path = tmp_path / "antiphon.toml"
        table = '[engines.home]\nkind = "cascade"\n[engines.home.language_model]\nurl = "http://x/v1"\nmodel = "m"\n'
        path.write_text(f'{table}key = "env:NO_SUCH_KEY"\n')
        with pytest.raises(ConfigError, match=r"engines.home: language model: .*NO_SUCH_KEY; set it"):
            routing.check(load_config(path, {}))

    @pytest.mark.parametrize("kind", ["gemini-live", "openai-realtime"])
    def test_a_key_of_a_relay_that_is_not_there_is_told(
        self, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        path = tmp_path / "antiphon.toml"
        path.write_text(f'[engines.far]\nkind = "{kind}"\nmodel = "m"\nkey = "env:NO_SUCH_KEY"\n')
        with pytest.raises(ConfigError, match=r"engines.far.*NO_SUCH_KEY"):
            routing.check(load_config(path, {}))

    def test_one_that_is_optional_may_lack_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        path = tmp_path / "antiphon.toml"
        path.write_text('[engines.far]\nkind = "gemini-live"\nmodel = "m"\nkey = "env:NO_SUCH_KEY"\noptional = true\n')
        assert "would be served without: engines.far: far: key is env:NO_SUCH_KEY" in run("check", str(path))

    def test_a_wrong_file_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "antiphon.toml"
        path.write_text('[engines.home]\nkind = "cascade"\nvoce = 1\n')
        with pytest.raises(ConfigError, match=r"engines.home.voce: is no setting; did you mean voice\?"):
            commands.app(["config", "check", str(path)], standalone_mode=False)


class TestSummary:
    def test_engines_and_routes_in_two_lines(self, file: Path) -> None:
        statuses = [EngineStatus("google", "down", 0, "no key"), EngineStatus("embedded", "ready", 0)]
        assert routing.summary(load_config(file, {}), statuses) == [
            "Engines: google (gemini-live; down: no key), embedded (on board).",
            "Routes: *: google and home (2:1), then heard, then embedded.",
        ]

    def test_only_the_engine_on_board_is_not_worth_a_line(self, file: Path) -> None:
        assert routing.is_plain(Config())
        assert not routing.is_plain(load_config(file, {}))

    @pytest.mark.parametrize(("model", "engine"), [("gemini-3.8-live", "google"), ("models/x", "google")])
    def test_who_is_first(self, file: Path, model: str, engine: str) -> None:
        assert routing.first_engine(load_config(file, {}), model) == engine
        assert routing.first_engine(Config(), model) == "embedded"
        routes: Any = {"other": Config().routes["*"]}
        assert routing.first_engine(msgspec.structs.replace(Config(), routes=routes), model) == ""
