"""google-genai ships its own live tests, meant for the hosted service; they pass against this server."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SHARED = ["test_text_input", "test_multi_turn", "test_function_calling"]
"""What is tested of both dialects: the Gemini API's (False) and Vertex AI's (True)."""


@pytest.mark.slow
def test_they_pass(server: Any, tmp_path: Path) -> None:
    # With a project and a location, and credentials that are already there, those of Vertex AI run too.
    cloud = {"GOOGLE_CLOUD_PROJECT": "a-project", "GOOGLE_CLOUD_LOCATION": "us-central1"}
    spec = find_spec("google.genai")
    assert spec is not None
    assert spec.origin is not None
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", str(Path(spec.origin).parent / "tests" / "live_api"), "--mode=api"]
    plugins = [option for name in ("redirected", "credentialed", "no:cacheprovider") for option in ("-p", name)]
    done = subprocess.run(
        [*command, *plugins, "-o", "consider_namespace_packages=true", f"--junitxml={report}"],
        cwd=tmp_path,
        env={**server.environment, **cloud, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _passed(report) >= {
        *(f"{name}[{vertex}]" for name in SHARED for vertex in (False, True)),
        "test_send_tool_response_without_id_raises[False]",
    }


def _passed(report: Path) -> set[str]:
    cases = ElementTree.parse(report).iter("testcase")
    return {case.attrib["name"] for case in cases if case.find("skipped") is None}
