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
REAL_TIME = (
    "tests/bench/test_bench.py::TestEveryBenchmark",
    "tests/e2e/test_clients.py",
    "tests/e2e/test_false_interruption.py",
)
"""Tests that speak and listen at the pace of a microphone for long: one process has all of them, so that they never
run beside each other."""
MAX_WORKERS = 6
"""Each may load models of half a gigabyte."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: the tests of real time mostly wait."""
    return min(MAX_WORKERS, (os.cpu_count() or 1) + 1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Processes take whole files, whose fixtures are then made once, in the order of collection."""
    from xdist.scheduler import LoadScopeScheduling

    class Sharing(LoadScopeScheduling):
        # Not --dist loadgroup: with pytest 9.2 it no longer sees groups (pytest-xdist issue 1386).
        def _split_scope(self, nodeid: str) -> str:
            return _share(nodeid)

    config.option.loadscopereorder = False
    return Sharing(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Processes that share the tests begin with what takes long, so that none has it left at the end."""
    if not hasattr(config, "workerinput"):
        return
    slow = {_share(item.nodeid) for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (_share(item.nodeid) != "real time", _share(item.nodeid) not in slow))


def _share(nodeid: str) -> str:
    """What is given to one process as a whole: the file of a test, or all tests of real time."""
    return "real time" if nodeid.startswith(REAL_TIME) else nodeid.partition("::")[0]


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
def server(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> ServerProcess:
    """One server with the settings of the default install but one, for all tests that only talk to it."""
    config = tmp_path_factory.mktemp("patient") / "antiphon.toml"
    # On a busy machine a client may not answer a function call within 0.3 s, and would hear that it takes a while.
    config.write_text("[session]\nfiller_delay = 5.0\n")
    return start_server("--no-self-check", "--config", str(config))


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
