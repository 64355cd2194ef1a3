import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import msgspec
import psutil
import pytest
from rich.console import Console

from antiphon.cli import environment, serving
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.providers.live import LiveConnection, LiveError, open_session
from antiphon.wire.gemini import client

SETUP = client.Setup(model="models/gemini-3.8-live", output_audio_transcription=client.AudioTranscriptionConfig())

StartServer = Callable[..., Any]


@pytest.fixture
def started(start_server: StartServer) -> Any:
    """A server of the test's own, which it may end."""
    return start_server("--no-self-check", "--recognisers", "1")


def antiphon(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command that is expected to end by itself."""
    ports = {"ANTIPHON_PORT": "0", "ANTIPHON_TLS_PORT": "0", "ANTIPHON_DISCOVERY": "false"}
    return subprocess.run(
        [sys.executable, "-m", "antiphon", *arguments],
        env={**os.environ, **ports, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )


def complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line that says what is wrong."""
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


class TestReady:
    def test_says_where_it_is_in_json(self, server: Any) -> None:
        assert set(server.ready) == {"GOOGLE_GEMINI_BASE_URL", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "server"}
        assert server.ready["GOOGLE_GEMINI_BASE_URL"] == server.tls_url
        assert Path(server.ready["SSL_CERT_FILE"]).is_relative_to(server.data_dir)
        assert server.ready["server"]["pid"] == server.process.pid
        assert server.ready["server"]["needs_key"] is False

    def test_answers_when_it_says_so(self, server: Any) -> None:
        with urlopen(f"{server.url}/readyz") as response:
            assert msgspec.json.decode(response.read())["status"] == "ready"

    def test_is_found_by_the_other_commands(self, server: Any) -> None:
        assert environment.find(server.data_dir).url == server.url


class TestEnd:
    async def test_turns_may_finish(self, started: Any) -> None:
        async with open_session(started.url, SETUP) as session:
            await session.send(client.RealtimeInput(text="What is two plus three?"))
            await session.receive()
            started.process.terminate()
            rest = await _rest(session)
        assert rest == ["go_away", "turn_complete", "1001"]
        assert await asyncio.to_thread(started.process.wait, 30) == 0
        assert not (started.data_dir / "server.json").exists()
        assert "Stopping" in started.log
        assert "Traceback" not in started.log

    async def test_a_second_signal_ends_it_at_once(self, started: Any) -> None:
        async with open_session(started.url, SETUP) as session:
            await session.send(client.RealtimeInput(text="What can you do?"))
            await session.receive()
            started.process.send_signal(signal.SIGINT)
            while not (await session.receive()).go_away:
                pass
            assert await asyncio.to_thread(started.stop, signal.SIGINT) == 130
            assert await _rest(session) == ["None"]

    def test_nothing_outlives_a_server_that_is_killed(self, started: Any) -> None:
        children = psutil.Process(started.process.pid).children(recursive=True)
        assert children
        started.process.kill()
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
        assert started.stop() == -signal.SIGKILL
        # What it left behind misleads nobody.
        assert (started.data_dir / "server.json").exists()
        assert environment.find(started.data_dir).pid == 0


async def _rest(session: LiveConnection) -> list[str]:
    """What still comes until the session is closed, and the code it is closed with."""
    kinds = []
    try:
        async for message in session.messages():
            content = message.server_content
            kinds += ["go_away"] if message.go_away else []
            kinds += ["turn_complete"] if content and content.turn_complete else []
    except LiveError as error:
        kinds.append(str(error.code))
    return kinds


class TestRefusals:
    def test_a_port_that_is_taken(self, server: Any, tmp_path: Path) -> None:
        port = server.url.rpartition(":")[2]
        line = complaint(antiphon("serve", "--port", port, "--data-dir", str(tmp_path)))
        assert f"port {port} on 127.0.0.1" in line
        assert line.endswith("choose another with --port")

    def test_a_tls_port_that_is_taken(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            line = complaint(antiphon("serve", "--tls-port", port, "--data-dir", str(tmp_path)))
        assert port in line
        assert line.endswith("choose another with --tls-port")

    def test_strangers_without_a_key(self, tmp_path: Path) -> None:
        line = complaint(antiphon("serve", "--host", "0.0.0.0", "--data-dir", str(tmp_path)))
        assert "--key SECRET" in line
        assert list(tmp_path.iterdir()) == []

    def test_a_script_with_an_error(self, tmp_path: Path) -> None:
        script = tmp_path / "answers.yaml"
        script.write_text("rules:\n  - when: hello\n    sing: la\n")
        line = complaint(antiphon("serve", "--script", str(script), "--data-dir", str(tmp_path)))
        assert f"{script}, line 3, rule 1, sing" in line

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            ("prot = 1", "prot"),
            ("max_sessions = 'x'", "max_sessions"),
            ("port = ", "TOML"),
            ("[session]\nidle_timeout = 0", "idle"),
        ],
    )
    def test_a_configuration_with_an_error(self, content: str, named: str, tmp_path: Path) -> None:
        config = tmp_path / "antiphon.toml"
        config.write_text(content)
        line = complaint(antiphon("serve", "--config", str(config), "--data-dir", str(tmp_path)))
        assert str(config) in line
        assert named in line

    def test_a_data_directory_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        line = complaint(antiphon("serve", "--data-dir", str(tmp_path / "file" / "below")))
        assert "data directory" in line


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a server tells a human until it has checked itself."""
    options = ["--data-dir", str(tmp_path_factory.mktemp("data")), "--recognisers", "1", "--verbose"]
    process = subprocess.Popen(
        [sys.executable, "-m", "antiphon", "serve", *options],
        env={
            **os.environ,
            "ANTIPHON_PORT": "0",
            "ANTIPHON_TLS_PORT": "0",
            "ANTIPHON_DISCOVERY": "false",
            "COLUMNS": "300",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(90, process.kill)
    watchdog.start()
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told += line
        if line.startswith("Self-check"):
            break
    watchdog.cancel()
    process.terminate()
    process.communicate(timeout=30)
    return told


class TestForHumans:
    def test_addresses_and_the_lines_for_a_shell(self, told: str) -> None:
        assert re.search(r"^Ready\. http://localhost:\d+  https://localhost:\d+$", told, re.MULTILINE)
        assert re.search(r"^  export GOOGLE_GEMINI_BASE_URL=https://localhost:\d+$", told, re.MULTILINE)
        assert re.search(r"^  export SSL_CERT_FILE=\S+ca-bundle\.pem$", told, re.MULTILINE)

    def test_the_limits_of_what_it_understands(self, told: str) -> None:
        assert "Voice activity: " in told
        assert "US English" in told

    def test_it_checks_itself_aloud(self, told: str) -> None:
        found = re.search(
            r"^Self-check: asked aloud (.+), heard (.+), answered (.+) (\d+) ms after", told, re.MULTILINE
        )
        assert found, told
        assert found[1] == "What is two plus three?"
        assert found[2] == "what is two plus three"
        assert found[3] == "2 plus 3 is 5."


async def test_a_self_check_that_fails_is_told_and_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    voice = EspeakVoice()
    await voice.start()
    try:
        nobody: Any = SimpleNamespace(config=SimpleNamespace(any_key=""), url="http://localhost:1")
        await serving._prove(Console(width=300), nobody, voice)
    finally:
        await voice.aclose()
    assert "Self-check failed: http://localhost:1 does not answer" in capsys.readouterr().out
