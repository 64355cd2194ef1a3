import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from antiphon import __version__
from antiphon.cli import app as commands
from antiphon.cli import doctor, serving, talking
from antiphon.cli.doctor import Finding
from antiphon.engines.base import EngineUnavailable
from antiphon.providers.live import LiveError
from antiphon.server.config import Config, ConfigError, SearchConfig

OPTIONS = {
    "serve": "host port tls-port tls-name key admin-key data-dir script search-folder search-url config recognisers"
    " max-sessions discovery self-check verbose json",
    "config": "",
    "env": "data-dir json",
    "talk": "text wav out url key model voice system data-dir json",
    "sessions": "limit otlp data-dir json",
    "token": "uses minutes start-within setup lock url key data-dir",
    "doctor": "data-dir json",
}


def run(*arguments: str) -> str:
    """What a command prints that ends well."""
    result = CliRunner().invoke(commands.app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0, result.output
    return result.output


class TestHelp:
    def test_names_every_command(self) -> None:
        text = run("--help")
        for command in OPTIONS:
            assert re.search(rf"^\W+{command}\s+\w", text, re.MULTILINE)

    @pytest.mark.parametrize("command", OPTIONS)
    def test_explains_every_option_of_a_command(self, command: str) -> None:
        text = run(command, "--help")
        shown = set(re.findall(r"^\W+--([a-z-]+)", text, re.MULTILINE))
        assert shown == {*OPTIONS[command].split(), "help"}
        for option in OPTIONS[command].split():
            assert re.search(rf"--{option}\b.*>\s+[A-Z]\w* \w+", text), f"--{option} is not explained"

    def test_shows_examples_and_defaults(self) -> None:
        text = run("serve", "--help")
        assert "antiphon serve --script answers.yaml" in text
        defaults = Config()
        for name in ("host", "port", "tls_port", "recognisers", "max_sessions"):
            assert f"[default: {getattr(defaults, name)}]" in text

    def test_is_shown_when_nothing_is_asked(self) -> None:
        done = subprocess.run([sys.executable, "-m", "antiphon"], capture_output=True, text=True, timeout=60)
        assert "Usage:" in done.stdout
        assert "Traceback" not in done.stderr


def test_the_version() -> None:
    assert run("--version").strip() == f"antiphon {__version__}"


def test_options_win_over_the_configuration_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    served: list[Config] = []

    async def serve(read: Callable[[], Config], path: Path | None, **_: Any) -> None:
        served.append(read())

    monkeypatch.setattr(serving, "serve", serve)
    file = tmp_path / "antiphon.toml"
    file.write_text("port = 1\nmax_sessions = 2\nkeys = ['a']\n[session]\nidle_timeout = 3.0\n")
    file.write_text(file.read_text() + "[search]\nfolder = 'docs'\n")
    run("serve", "--config", str(file), "--port", "4", "--key", "b", "--key", "c", "--script", "x.yaml")
    (config,) = served
    assert (config.port, config.max_sessions, config.session.idle_timeout) == (4, 2, 3.0)
    assert config.keys == ("b", "c")
    assert config.script == Path("x.yaml")
    assert config.search == SearchConfig(folder="docs")
    run("serve", "--config", str(file), "--search-folder", "mine")
    run("serve", "--search-url", "https://searx.example")
    assert [one.search for one in served[1:]] == [SearchConfig("mine"), SearchConfig("", "https://searx.example")]


def test_talk_asks_the_server_on_this_computer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wishes: list[talking.Wish] = []

    async def talk(wish: talking.Wish) -> None:
        wishes.append(wish)

    monkeypatch.setattr(talking, "talk", talk)
    monkeypatch.setenv("GOOGLE_API_KEY", "mine")
    run("talk", "--data-dir", str(tmp_path), "--text", "one", "--text", "two", "--system", "Be brief.")
    (wish,) = wishes
    assert (wish.url, wish.key, wish.texts) == ("http://localhost:8080", "mine", ("one", "two"))
    assert (wish.model, wish.voice, wish.system, wish.wav) == ("gemini-3.8-live", "Puck", "Be brief.", None)


class TestDoctor:
    @pytest.fixture
    def finds(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        def finds(*findings: Finding) -> None:
            monkeypatch.setattr(doctor, "diagnose", lambda _: list(findings))

        return finds

    def test_is_content_with_warnings(self, finds: Callable[..., None]) -> None:
        finds(Finding("voice", "ok", "espeak-ng"), Finding("microphone", "warning", "none", "plug one in"))
        text = run("doctor")
        assert "espeak-ng" in text
        assert "plug one in" in text
        assert '"microphone"' in run("doctor", "--json")

    def test_fails_where_something_is_missing(self, finds: Callable[..., None]) -> None:
        finds(Finding("recogniser", "missing", "pocketsphinx", "pip install pocketsphinx"))
        result = CliRunner().invoke(commands.app, ["doctor"])
        assert result.exit_code == 1
        assert "pip install pocketsphinx" in result.output


@pytest.mark.parametrize("error", [ConfigError("the port"), EngineUnavailable("the voice"), LiveError("the line")])
def test_what_users_can_mend_is_said_in_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(commands, "app", fail)
    with pytest.raises(SystemExit) as exit_:
        commands.main()
    assert exit_.value.code == 2
    assert capsys.readouterr().err == f"error: {error}\n"


def test_a_message_with_brackets_is_printed_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ConfigError("add keys = [bold] or [/]")

    monkeypatch.setattr(commands, "app", fail)
    with pytest.raises(SystemExit):
        commands.main()
    assert capsys.readouterr().err == "error: add keys = [bold] or [/]\n"


def test_an_unknown_option_is_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "antiphon", "serve", "--prot", "1"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr
