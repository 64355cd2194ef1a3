"""Unmodified clients in Vertex mode, sent to a server in every way that their settings have."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "clients"
TIMEOUT = 90.0
WAYS = ["environment", "vertex_environment", "express", "project", "root", "own_path", "whole_path"]


def run(command: list[str], folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What a program printed."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


@pytest.fixture(scope="module")
def python_facts(server: Any) -> dict[str, Any]:
    return run([sys.executable, str(CLIENTS / "vertex.py")], CLIENTS, server.environment)


@pytest.fixture(scope="module")
def node_facts(server: Any, node_folder: Path) -> dict[str, Any]:
    environment = {**server.environment, "BASE_URL": server.url}
    return run(["node", str(CLIENTS / "vertex.mjs")], node_folder, environment)


@pytest.mark.parametrize("way", WAYS)
def test_python_calls_a_function_answers_without_its_id_and_reads_the_usage(
    python_facts: dict[str, Any], way: str
) -> None:
    facts = python_facts[way]
    assert "error" not in facts, facts["error"]
    assert facts["calls"] == ["turn_on_the_lights"]
    assert facts["said"] == "The lights are on."
    assert facts["types"] == ["audio/pcm"]
    assert facts["audio"] > 24_000
    assert facts["session"]
    assert facts["usage"] > 0
    assert "AUDIO" in facts["modalities"]
    assert facts["traffic"] == "ON_DEMAND"


@pytest.mark.needs_node
@pytest.mark.parametrize("way", ["root", "own_path", "express"])
def test_javascript_is_answered_and_reads_the_usage(node_facts: dict[str, Any], way: str) -> None:
    facts = node_facts[way]
    assert "error" not in facts, facts["error"]
    assert facts["said"] == "2 plus 3 is 5."
    assert facts["types"] == ["audio/pcm"]
    assert facts["usage"] > 0
