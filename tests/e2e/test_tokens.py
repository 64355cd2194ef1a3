"""Unmodified clients make ephemeral tokens with a key and hold conversations with nothing but the token."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CLIENTS = Path(__file__).parent / "clients"
TIMEOUT = 90.0
KEY = "s3cret"

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def locked(start_server: Any) -> Any:
    """A server that wants a key."""
    return start_server("--no-self-check", "--recognisers", "1", "--key", KEY)


@pytest.fixture(scope="module", params=["python", pytest.param("node", marks=pytest.mark.needs_node)])
def facts(request: pytest.FixtureRequest, locked: Any) -> Facts:
    """What happened in all the scenarios of one client."""
    if request.param == "python":
        return _run([sys.executable, str(CLIENTS / "tokens.py")], CLIENTS, locked)
    return _run(["node", str(CLIENTS / "tokens.mjs")], request.getfixturevalue("node_folder"), locked)


def test_a_token_opens_one_session(facts: Facts) -> None:
    once = _went_well(facts["once"])
    assert once["prefix"] == "auth_tokens"
    assert once["first"] == {"said": "2 plus 3 is 5.", "audio": True}
    assert once["second"]["code"] == 1008
    assert "every use of this ephemeral token is spent" in once["second"]["reason"]


@pytest.mark.parametrize("scenario", ["everything_is_locked", "what_is_set_is_locked"])
def test_what_the_token_sets_holds(facts: Facts, scenario: str) -> None:
    assert _went_well(facts[scenario]) == {"said": "2 plus 3 is 5.", "audio": True}


def test_a_locked_default_holds(facts: Facts) -> None:
    assert _went_well(facts["a_default_is_locked"]) == [{"said": "", "audio": True}] * 2


def test_a_spent_token_resumes_its_session(facts: Facts) -> None:
    assert _went_well(facts["resumed"]) == {"said": "Your name is Alice.", "audio": True}


def test_a_mistake_is_told_to_the_maker(facts: Facts) -> None:
    mistake = _went_well(facts["a_mistake"])
    assert mistake["code"] == 400
    assert "fieldMask: temprature is no field of a setup; did you mean" in mistake["reason"]


def test_a_token_makes_no_tokens(facts: Facts) -> None:
    # The Python SDK does not even try; what the server says is in tests/server/test_auth_tokens.py.
    tried = facts.get("a_token_makes_no_tokens", {"kind": "EphemeralTokenAPIKeyError"})
    assert tried == {"kind": "EphemeralTokenAPIKeyError"}


def test_no_secret_is_in_the_log(facts: Facts, locked: Any) -> None:
    assert facts
    assert KEY not in locked.log
    assert "auth_tokens/" not in locked.log.replace("/v1alpha/auth_tokens", "")
    assert "Traceback" not in locked.log


def test_the_token_tests_of_google_genai_pass(server: Any, tmp_path: Path) -> None:
    """They are meant for the hosted service, and make tokens with every kind of lock."""
    spec = find_spec("google.genai")
    assert spec is not None
    assert spec.origin is not None
    command = [sys.executable, "-m", "pytest", "-q", str(Path(spec.origin).parent / "tests" / "tokens"), "--mode=api"]
    options = ["-o", "consider_namespace_packages=true", "-p", "redirected", "-p", "no:cacheprovider"]
    environment = {
        "PYTHONPATH": str(Path(__file__).parent),
        "GOOGLE_GENAI_RUN_GEMINI_ONLY_IN_API_MODE": "1",
        "GOOGLE_GENAI_REPLAYS_DIRECTORY": str(tmp_path),
    }
    done = subprocess.run(
        [*command, *options],
        cwd=tmp_path,
        env={**server.environment, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout


def _run(command: list[str], folder: Path, server: Any) -> Facts:
    environment = {**server.environment, "GOOGLE_API_KEY": KEY, "BASE_URL": server.url}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    facts: Facts = json.loads(done.stdout.splitlines()[-1])
    return facts


def _went_well(facts: Any) -> Any:
    assert "error" not in facts, facts["error"]
    return facts
