"""``antiphon serve`` with a configuration of engines and routes, and what it finds by itself."""

import asyncio
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon.calls.station import EngineStatus
from antiphon.cli import serving
from antiphon.engines.cascade.brain.discovery import Discovered
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig
from antiphon.engines.settings import EmbeddedConfig, EngineConfig
from antiphon.providers.live import LiveConnection, open_session
from antiphon.routing.route import Route, Target
from antiphon.server.config import Config
from antiphon.wire.gemini import client

SETUP = client.Setup(
    model="models/receptionist",
    generation_config=client.GenerationConfig(response_modalities=[client.Modality.TEXT]),
)
FOUND = Discovered(LanguageModelConfig(url="http://localhost:9/v1", model="m"), "Language model: m, found.")

SCRIPT = """
rules:
  - when: hello
    say: {answer}
"""

CONFIG = """
[engines.desk]
kind = "cascade"
script = "{script}"
[engines.desk.recogniser]
workers = 1
[routes.receptionist]
profile = "gemini-3.8-live"
targets = [{{ engine = "desk" }}]
"""


async def ask(session: LiveConnection) -> str:
    """What the model writes to a greeting."""
    await session.send(client.RealtimeInput(text="hello"))
    said = ""
    async for message in session.messages():
        content = message.server_content
        if content and content.model_turn:
            said += "".join(part.text or "" for part in content.model_turn.parts)
        if content and content.turn_complete:
            break
    return said


class Files:
    """A configuration and its scripts."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "antiphon.toml"
        self._folder = folder

    def answer(self, answer: str) -> None:
        """Let the desk answer so from now on."""
        script = self._folder / f"{answer}.yaml"
        script.write_text(SCRIPT.format(answer=answer))
        self.config.write_text(CONFIG.format(script=script))

    def break_(self) -> None:
        self.config.write_text("[engines")


def told(server: Any) -> str:
    """What the server wrote, however its lines were broken."""
    return " ".join(server.log.split())


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (another process brings it about)
            await asyncio.sleep(0.05)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is no SIGHUP here")
async def test_a_server_takes_its_file_again_while_a_session_runs(start_server: Any, tmp_path: Path) -> None:
    files = Files(tmp_path)
    files.answer("first")
    server = start_server("--config", str(files.config), "--no-self-check")
    async with open_session(server.url, SETUP) as session:
        assert await ask(session) == "first"
        files.answer("second")
        server.process.send_signal(signal.SIGHUP)
        await _until(lambda: "started desk; replaced desk" in told(server))
        assert await ask(session) == "first"
        async with open_session(server.url, SETUP) as other:
            assert await ask(other) == "second"
        files.break_()
        await _until(lambda: "configuration not changed" in told(server))
        async with open_session(server.url, SETUP) as other:
            assert await ask(other) == "second"
    assert await asyncio.to_thread(server.stop) == 0
    assert "Traceback" not in server.log


class TestDiscovery:
    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            (Config(), FOUND.config),
            (Config(discovery=False), None),
            (Config(script=Path("x.yaml")), None),
            (Config(engines={"home": EngineConfig("cascade", None)}), None),
            (Config(language_model=LanguageModelConfig(url="http://x/v1", model="own")), "own"),
        ],
    )
    def test_what_was_found_answers_where_there_is_room(self, config: Config, expected: Any) -> None:
        model = serving._with(FOUND, config).language_model
        assert (model.model if model and expected == "own" else model) == expected
        assert serving._with(None, config) == config

    def test_it_becomes_the_brain_on_board(self) -> None:
        settings = serving._with(FOUND, Config()).embedded.settings
        assert settings == EmbeddedConfig(language_model=FOUND.config)

    @pytest.mark.parametrize(
        ("config", "asked"),
        [(Config(port=7, tls_port=None), [(7, 0)]), (Config(discovery=False), []), (Config(script=Path("x")), [])],
    )
    async def test_nobody_is_asked_where_it_is_switched_off(
        self, config: Config, asked: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ports: list[Any] = []

        async def discover(own_ports: Any) -> None:
            ports.append(own_ports)

        def make(config: Config, **_: Any) -> None:
            raise SystemExit

        monkeypatch.setattr(serving, "discover", discover)
        monkeypatch.setattr(serving, "Server", make)
        monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
        with pytest.raises(SystemExit):
            await serving.serve(lambda: config, self_check=False, verbose=False, as_json=True)
        assert ports == asked


class TestAnnouncement:
    def lines(self, config: Config, found: Discovered | None = None) -> list[str]:
        statuses = [EngineStatus("home", "ready", 0)]
        server: Any = SimpleNamespace(config=config, engines=statuses, running={})
        return serving._engine_lines(server, found)

    def test_the_engine_on_board_needs_no_line(self) -> None:
        assert self.lines(Config()) == []

    def test_a_language_model_that_was_found_has_one(self) -> None:
        assert self.lines(Config(), FOUND) == [FOUND.sentence]

    def test_engines_and_routes_have_two(self) -> None:
        config = Config(engines={"home": EngineConfig("cascade", None)}, routes={"*": Route((Target("home"),))})
        assert self.lines(config) == ["Engines: home (cascade).", "Routes: *: home."]


@pytest.mark.parametrize(
    ("route", "checked"), [(Route((Target("embedded"),)), True), (Route((Target("home"), Target("embedded"))), False)]
)
async def test_only_what_is_on_board_is_checked_without_being_asked(
    route: Route, checked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    proved: list[Any] = []

    async def prove(*arguments: Any) -> None:
        proved.append(arguments)

    monkeypatch.setattr(serving, "_prove", prove)
    config = Config(engines={"home": EngineConfig("cascade", None)}, routes={"*": route})
    server: Any = SimpleNamespace(config=config, voice=object())
    console: Any = None
    task = serving._begin_to_prove(console, server)
    assert (task is not None) == checked
    if task is not None:
        await task
        assert proved == [(console, server, server.voice)]
