"""Real clients of several versions."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "clients"
CLIENT_TIMEOUT = 90.0


class Client:
    """A program that talks to the server through one version of one SDK."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._command = command
        self._folder = folder
        self._environment = environment

    def converse(self, *scenarios: str) -> dict[str, Any]:
        """Hold the conversations (all of them unless some are named); what happened, by scenario."""
        done = subprocess.run(
            [*self._command, *scenarios],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT,
        )
        assert done.returncode == 0, done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts


@pytest.fixture(scope="session")
def python_client(server: Any, speech: Path, installed: Callable[..., Path]) -> Callable[[str], Client]:
    """Makes a client on google-genai: of the project's environment, or of a version in an environment of its own."""

    def make(version: str) -> Client:
        python = _python_with(version, installed) if version else sys.executable
        return Client([str(python), str(CLIENTS / "converse.py"), str(speech)], CLIENTS, server.environment)

    return make


@pytest.fixture(scope="session")
def node_client(server: Any, speech: Path, node_folder: Path) -> Callable[[str], Client]:
    """Makes a client on @google/genai: told a base URL in the program, or by the environment alone."""

    def make(base_url: str) -> Client:
        environment = {**server.environment, "BASE_URL": base_url}
        return Client(["node", str(CLIENTS / "converse.mjs"), str(speech)], node_folder, environment)

    return make


def _python_with(version: str, installed: Callable[..., Path]) -> Path:
    """The interpreter of an environment that holds google-genai of one version and nothing of this project."""
    # Without pip of its own, which not every system can give it: ours installs into it.
    venv = [sys.executable, "-m", "venv", "--clear", "--without-pip", "."]
    install = [sys.executable, "-m", "pip", "--python", "bin/python", "install", "--quiet", "--no-compile"]
    folder = installed(f"google-genai-{version}", venv, [*install, f"google-genai=={version}"])
    return folder / "bin" / "python"
