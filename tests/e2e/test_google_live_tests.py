"""google-genai ships its own live tests, meant for the hosted service; they pass against this server."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree


def test_they_pass(server: Any, tmp_path: Path) -> None:
    spec = find_spec("google.genai")
    assert spec is not None
    assert spec.origin is not None
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", str(Path(spec.origin).parent / "tests" / "live_api"), "--mode=api"]
    options = ["-o", "consider_namespace_packages=true", "-p", "redirected", "-p", "no:cacheprovider"]
    environment = {"PYTHONPATH": str(Path(__file__).parent), "GOOGLE_GENAI_RUN_GEMINI_ONLY_IN_API_MODE": "1"}
    done = subprocess.run(
        [*command, *options, f"--junitxml={report}"],
        cwd=tmp_path,
        env={**server.environment, **environment},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert _passed(report) >= {
        "test_text_input[False]",
        "test_multi_turn[False]",
        "test_function_calling[False]",
        "test_send_tool_response_without_id_raises[False]",
    }


def _passed(report: Path) -> set[str]:
    cases = ElementTree.parse(report).iter("testcase")
    return {case.attrib["name"] for case in cases if case.find("skipped") is None}
