"""What several rooms share: servers as processes of their own, foreign software, and what it means to miss it."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings
from tests import extras

from antiphon.testing import SPOKEN

# Continuous integration repeats the same examples; everywhere else new ones are tried each time.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

START_TIMEOUT = 90.0
STOP_TIMEOUT = 30.0
INSTALLED = Path(sys.prefix) / "clients"
OLDEST_NODE = 18
REAL_TIME = "real_time"
MAX_WORKERS = 6
"""Each may load models of half a gigabyte."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: the tests of real time mostly wait."""
    return min(MAX_WORKERS, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers take whole files, whose fixtures are made once; one takes all tests of real time. The slow come first."""
    if not hasattr(config, "workerinput"):
        return
    slow = set()
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
        if item.get_closest_marker("slow"):
            slow.add(_group(item))
    items.sort(key=lambda item: (_group(item) != REAL_TIME, _group(item) not in slow))


def _group(item: pytest.Item) -> str:
    return REAL_TIME if item.get_closest_marker(REAL_TIME) else item.nodeid.partition("::")[0]


class ServerProcess:
    """``antiphon serve`` as its users start it, on free ports, with a data directory of its own."""

    def __init__(self, data_dir: Path, *options: str, **environment: str) -> None:
        self.data_dir = data_dir
        self._log = data_dir / "stderr.txt"
        command = [sys.executable, "-m", "antiphon", "serve", "--data-dir", str(data_dir), "--json", *options]
        # What happens to run on this computer answers no test.
        ports = {"ANTIPHON_PORT": "0", "ANTIPHON_TLS_PORT": "0", "ANTIPHON_DISCOVERY": "false"}
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **ports, **environment}
            )
        self.ready = self._wait_until_ready()

    @property
    def url(self) -> str:
        """Base URL without TLS."""
        return str(self.ready["server"]["url"])

    @property
    def tls_url(self) -> str:
        """Base URL with TLS."""
        return str(self.ready["server"]["tls_url"])

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program that is to talk to this server, and of ``antiphon`` commands about it."""
        exports = {name: value for name, value in self.ready.items() if isinstance(value, str)}
        return {**os.environ, **exports, "GOOGLE_API_KEY": "local", "ANTIPHON_DATA_DIR": str(self.data_dir)}

    @property
    def log(self) -> str:
        """What the server has written for humans."""
        return self._log.read_text()

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """End the server; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        status = self.process.wait(STOP_TIMEOUT)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def _wait_until_ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        watchdog = threading.Timer(START_TIMEOUT, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            status = self.stop()
            raise AssertionError(f"antiphon serve ended with {status} before it was ready:\n{self.log}")
        ready: dict[str, Any] = json.loads(line)
        return ready


StartServer = Callable[..., ServerProcess]


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Starts ``antiphon serve`` with options; all are ended when the tests are over."""
    started: list[ServerProcess] = []

    def start(*options: str, **environment: str) -> ServerProcess:
        server = ServerProcess(tmp_path_factory.mktemp("server"), *options, **environment)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def server(start_server: StartServer) -> ServerProcess:
    """One server with the settings of the default install, for all tests that only talk to it."""
    return start_server("--no-self-check")


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of the spoken sentences."""
    return SPOKEN["what_is_two_plus_three"].path.parent


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """Says that a tool a test needs is missing: a skip; a failure where nothing may be left out."""
    return extras.missing


@pytest.fixture(scope="session")
def installed(missing: Callable[[str], NoReturn]) -> Callable[..., Path]:
    """Installs something, once, in a folder of the project's environment, by commands that are run there."""

    def install(name: str, *commands: list[str]) -> Path:
        folder = INSTALLED / name
        folder.mkdir(parents=True, exist_ok=True)
        with (INSTALLED / f"{name}.lock").open("w") as lock:
            # Two runs of the tests may be here at once.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / ".complete").exists():
                for command in commands:
                    _run(command, folder, missing)
                (folder / ".complete").touch()
        return folder

    return install


@pytest.fixture(scope="session")
def node_folder(installed: Callable[..., Path], missing: Callable[[str], NoReturn]) -> Path:
    """A folder with the newest @google/genai that runs on the Node.js found."""
    if not shutil.which("node") or not shutil.which("npm"):
        missing("Node.js or npm is not installed")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = int(version.lstrip("v").split(".")[0])
    if major < OLDEST_NODE:
        missing(f"Node.js {OLDEST_NODE} or newer is needed, this is {version}")
    # npm takes the newest of a range whose "engines" fit.
    quietly = ["--no-audit", "--no-fund", "--silent"]
    return installed(f"node-{major}", ["npm", "install", "--prefix", ".", *quietly, "@google/genai@>=1"])


def _run(command: list[str], folder: Path, missing: Callable[[str], NoReturn]) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        missing(f"{' '.join(command[-3:])} failed: {' '.join(last)}")
