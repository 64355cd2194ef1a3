"""The example of the page of engines and routes can be used as it stands, and does what the page says."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from antiphon.cli import app as commands
from antiphon.cli import routing
from antiphon.engines.settings import KINDS
from antiphon.routing.breaker import BreakerConfig
from antiphon.server.config import load_config

PAGE = (Path(__file__).parents[2] / "docs" / "engines-and-routes.md").read_text()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    path = tmp_path / "antiphon.toml"
    path.write_text(example)
    monkeypatch.setenv("GEMINI_API_KEY", "s3cret-1")
    monkeypatch.setenv("GEMINI_API_KEY_2", "s3cret-2")
    return path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands.app, ["config", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_it_can_be_used(file: Path) -> None:
    assert run("check", str(file)) == f"{file}: 3 engines beside the one on board, 3 routes\n"


def test_it_does_what_the_page_says(file: Path) -> None:
    told = run("explain", str(file))
    assert told[told.index("# gemini-3.8-live:") :].splitlines() == [
        "# gemini-3.8-live:",
        "#   1. google (gemini-live): priority 0, 3 of 4 calls, while it has fewer than 50 calls",
        "#   2. google-2 (gemini-live): priority 0, 1 of 4 calls",
        "#   3. home (cascade): priority 1",
        "#   then: embedded, once, whatever its health is",
        "#   one that failed in a call is retried in it",
        "# receptionist (rules of gemini-3.8-live):",
        "#   1. home (cascade): priority 0",
        "#   then: the call is refused, or ends, with 1011 and may be tried again",
        "#   one that failed in a call is retried in it",
        "# *:",
        "#   1. embedded (on board): priority 0",
        "#   then: the call is refused, or ends, with 1011 and may be tried again",
        "#   one that failed in a call is retried in it",
    ]
    assert "s3cret" not in told


def test_it_is_announced_in_two_lines(file: Path) -> None:
    _, routes = routing.summary(load_config(file, {}), [])
    assert routes == (
        "Routes: gemini-3.8-live: google and google-2 (3:1), then home, then embedded; receptionist: home; *: embedded."
    )


def test_it_names_every_kind_and_the_numbers_that_hold() -> None:
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
    breaker = BreakerConfig()
    assert (breaker.failures, breaker.rate, breaker.calls, breaker.window) == (3, 0.5, 10, 60)
    assert (breaker.pause, breaker.longest_pause, breaker.proof) == (5, 300, 30)
