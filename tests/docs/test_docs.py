"""Everything that the documentation tells people to run is run, and every link leads somewhere."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import yaml

from antiphon.calls.recording import CONSENT_LABEL, RecordingConfig
from antiphon.calls.station import EngineStatus
from antiphon.engines.cascade.brain import ScriptBrain
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, language_model
from antiphon.live.policy import Policy
from antiphon.meter.budgets import BudgetConfig
from antiphon.meter.prices import OwnPrice, Prices, Unknown
from antiphon.server.config import Config, SearchConfig, load_config
from antiphon.server.metrics import Metrics
from antiphon.server.telemetry_config import TelemetryConfig
from antiphon.wire.gemini import client, server

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TIMEOUT = 90.0

ELSEWHERE = {
    "make serve": "tests/cli/test_serving.py runs what the target runs; test_make_has_the_target",
    "make test": "whoever runs this; test_make_has_the_target",
    'eval "$(antiphon env)"': "the programs of the page are run after it; tests/cli/test_environment.py",
    "pytest test_weather.py": "test_the_project_of_a_page_passes",
    "antiphon serve --search-url https://searx.example": "nobody there; tests/engines/cascade/search/test_searxng.py",
    "make bench": "minutes long; tests/bench runs each benchmark small; test_make_has_the_target",
    "python -m bench --list": "tests/bench",
    "python -m bench sessions --sessions 200 --chunks 20": "tests/bench",
    "antiphon config check antiphon.toml": "tests/docs/test_engines_and_routes.py",
    "antiphon config explain antiphon.toml": "tests/docs/test_engines_and_routes.py",
    "antiphon serve --config antiphon.toml": "its engines are nobody's here; tests/server/test_engines.py",
    "antiphon watermark detect answer.wav": "tests/cli/test_watermark.py",
    "antiphon watermark detect --json *.wav": "tests/cli/test_watermark.py",
    "antiphon watermark embed spoken.wav marked.wav": "tests/cli/test_watermark.py",
    "python -m bench watermark": "tests/bench/test_watermark.py",
    "antiphon models pull whisper-small kokoro": "tests/cli/test_models.py",
    "antiphon models pull nemotron-en --yes": "tests/cli/test_models.py",
    "antiphon models pull hf:Systran/faster-whisper-small.en --name my-whisper": "tests/cli/test_models.py",
    "antiphon models pull https://example.com/voice.onnx --sha256 5efe09e6...": "tests/cli/test_models.py",
    "antiphon models remove kokoro": "tests/cli/test_models.py",
    "antiphon keys change ak_1f0c9a53b7d2 --day 20 --concurrent none": "tests/cli/test_keys.py",
    "antiphon keys rotate ak_1f0c9a53b7d2": "tests/cli/test_keys.py",
    "antiphon keys rotate ak_1f0c9a53b7d2 --grace 0s": "tests/cli/test_keys.py",
    "antiphon keys revoke ak_1f0c9a53b7d2": "tests/cli/test_keys.py",
}
"""Lines of shell that are not run as they stand, and what runs them instead."""

PRINTS = {
    "README.md": [["2 plus 3 is 5."]],
    "docs/console.md": [['"running":', '"choices":'], ["Ready."]],
    "docs/cost-of-a-call.md": [
        ["gemini-3.8-live  $0.8325"],
        ["gemini-3.8-live, none", "$3.02", "8000:4000  $1.03"],
        ["$0.1457", "$0.1084", "$0.06986"],
        ["gpt-realtime-mini", "$0.40"],
        ['"model":"gemini-3.8-live"', "gemini-3.8-live,60,"],
    ],
    "docs/costs.md": [["billed,calls,open_seconds,", '"currency":"USD"']],
    "docs/javascript.md": [["12 times 12 is 144."]],
    "docs/keys.md": [["antiphon-", "$5.00 a day, 2 at once"], ["Ready."], ["key.create", "whole; the last is"]],
    "docs/language-models.md": [["on this computer"]],
    "docs/models-on-disk.md": [
        ["whisper-small", "kokoro"],
        ['"name": "piper-de_DE-thorsten-high"', "no models are installed in"],
    ],
    "docs/python.md": [["12 times 12 is 144."], ["heard: what is two plus three"]],
    "docs/running.md": [["--tls-name"], ["Ready."]],
    "docs/search.md": [["Ready."]],
    "docs/tokens.md": [["12 times 12 is 144."], ["auth_tokens/", '{"name":"auth_tokens/']],
    "docs/websocket.md": [["setupComplete", "12 times 12 is 144."], ['"models/gemini-3.8-live"']],
}
"""What the programs and commands of a page print, in their order."""

_NODE = pytest.mark.needs_node
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FILE_NAME = re.compile(r"# (\S+\.\w+)\n")


class Block(NamedTuple):
    """A fenced code block."""

    page: str
    line: int
    language: str
    code: str

    @property
    def file(self) -> str:
        """The file it is, where its first line says so."""
        found = _FILE_NAME.match(self.code)
        return found[1] if found else ""

    @property
    def commands(self) -> list[str]:
        """The lines of shell that are to be run as they stand."""
        lines = (line.partition("   #")[0].strip() for line in self.code.splitlines())
        return [line for line in lines if line and line not in ELSEWHERE]


def _blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(str(page.relative_to(ROOT)), line, found[1], found[2])


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


BLOCKS = [block for page in PAGES for block in _blocks(page) if block.language]
RUN = [
    block
    for block in BLOCKS
    if not block.file and (block.language in ("python", "javascript") or (block.language == "sh" and block.commands))
]
LINKS = [(page, target) for page in PAGES for target in _LINK.findall(_prose(page)) if "://" not in target]


def _label(block: Block) -> str:
    return f"{block.page}:{block.line}"


class Runner:
    """Runs blocks as people would, against a server that is not where the documentation says."""

    def __init__(self, server: Any, folder: Path) -> None:
        self._server = server
        self._folder = folder
        self._environment = {
            name: value for name, value in server.environment.items() if name not in ("GOOGLE_API_KEY", *server.ready)
        } | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "SECRET": "s3cret",
            "ANTIPHON_PORT": "0",
            "ANTIPHON_TLS_PORT": "0",
            "ANTIPHON_DISCOVERY": "false",
            "COLUMNS": "200",
        }

    def shell(self, commands: list[str]) -> str:
        """What the commands print. A command that serves is ended when it is ready."""
        if commands[-1].startswith("antiphon serve") and "--help" not in commands[-1]:
            return self._serve(commands[-1])
        return self._bash("\n".join(commands))

    def python(self, code: str) -> str:
        """What a Python program prints."""
        (self._folder / "program.py").write_text(self._here(code))
        return self._bash('eval "$(antiphon env)"\npython program.py')

    def javascript(self, code: str, modules: Path) -> str:
        """What a Node.js program prints."""
        (self._folder / "node_modules").symlink_to(modules / "node_modules")
        (self._folder / "program.mjs").write_text(self._here(code))
        return self._bash('eval "$(antiphon env)"\nnode program.mjs')

    def _here(self, code: str) -> str:
        code = code.replace("http://localhost:8080", self._server.url)
        code = code.replace("ws://localhost:8080", self._server.url.replace("http", "ws", 1))
        return code.replace(".venv/bin/activate", f"{sys.prefix}/bin/activate")

    def _bash(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._here(script)],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _serve(self, command: str) -> str:
        environment = {**self._environment, "ANTIPHON_DATA_DIR": str(self._folder)}
        serving = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], env=environment, stderr=subprocess.PIPE, text=True
        )
        watchdog = threading.Timer(TIMEOUT, serving.kill)
        watchdog.start()
        assert serving.stderr is not None
        told = serving.stderr.readline()
        serving.send_signal(signal.SIGTERM)
        serving.communicate()
        watchdog.cancel()
        return told


@pytest.fixture
def runner(server: Any, tmp_path: Path) -> Runner:
    return Runner(server, tmp_path)


@pytest.mark.parametrize(
    "block",
    [pytest.param(block, id=_label(block), marks=_NODE if block.language == "javascript" else ()) for block in RUN],
)
def test_what_a_page_says_works(block: Block, runner: Runner, request: pytest.FixtureRequest) -> None:
    number = [other for other in RUN if other.page == block.page].index(block)
    expected = PRINTS[block.page][number]
    if block.language == "javascript":
        printed = runner.javascript(block.code, request.getfixturevalue("node_folder"))
    elif block.language == "python":
        printed = runner.python(block.code)
    else:
        missing: Callable[[str], None] = request.getfixturevalue("missing")
        for tool in {"curl", "bash"} & {word for line in block.commands for word in line.split()}:
            if not shutil.which(tool):
                missing(f"{tool} is not installed")
        printed = runner.shell(block.commands)
    for text in expected:
        assert text in printed


def test_every_block_is_covered() -> None:
    assert {block.language for block in BLOCKS} <= {"sh", "python", "javascript", "yaml", "toml"}
    counts = {page: sum(block.page == page for block in RUN) for page in {block.page for block in RUN}}
    assert counts == {page: len(expected) for page, expected in PRINTS.items()}
    assert {block.page for block in BLOCKS if block.language == "toml"} == {
        "docs/costs.md",
        "docs/engines.md",
        "docs/engines-and-routes.md",
        "docs/running.md",
        "docs/language-models.md",
        "docs/native.md",
        "docs/observing.md",
        "docs/relays.md",
    }
    written = {line.partition("   #")[0].strip() for block in BLOCKS for line in block.code.splitlines()}
    assert written >= ELSEWHERE.keys(), "these lines are on no page any more"


@pytest.mark.parametrize("page", sorted({block.page for block in BLOCKS if block.file}))
@pytest.mark.slow
def test_the_project_of_a_page_passes(page: str, tmp_path: Path) -> None:
    """Files that a page shows, each named in its first line, are a project whose tests pass."""
    files = [block for block in BLOCKS if block.page == page and block.file]
    for block in files:
        (tmp_path / block.file).write_text(block.code)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers -p no:cacheprovider\n")
    tests = [block.file for block in files if block.file.startswith("test_")]
    command = [sys.executable, "-m", "pytest", "-q", *tests]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout
    count = sum(block.code.count("\ndef test_") for block in files)
    assert f"{count} passed" in done.stdout


@pytest.mark.parametrize("target", ["serve", "test", "bench"])
def test_make_has_the_target(target: str, missing: Callable[[str], None]) -> None:
    if not shutil.which("make"):
        missing("make is not installed")
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"serve": "antiphon serve", "test": "-m pytest", "bench": "-m bench"}[target] in done.stdout


class TestTheConfiguration:
    @pytest.fixture
    def toml(self) -> str:
        (block,) = (block for block in BLOCKS if block.language == "toml" and block.page == "docs/running.md")
        return block.code

    def test_shows_the_defaults(self, toml: str, tmp_path: Path) -> None:
        file = tmp_path / "antiphon.toml"
        file.write_text(toml)
        assert load_config(file, {}) == Config()

    def test_shows_every_setting(self, toml: str) -> None:
        optional = dict.fromkeys(re.findall(r"^# (\w+) = ", toml, re.MULTILINE))
        shown = tomllib.loads(toml)
        session, search = shown.pop("session"), shown["search"]
        assert {*shown, *optional, "session"} == set(Config.__struct_fields__)
        assert set(shown["telemetry"]) == set(TelemetryConfig.__struct_fields__)
        assert set(shown["recording"]) == set(RecordingConfig.__struct_fields__)
        assert set(search) == set(SearchConfig.__struct_fields__)
        assert set(session) == set(Policy.__struct_fields__)


def test_every_language_model_of_its_page_can_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = [
        tomllib.loads(block.code)
        for block in BLOCKS
        if block.page == "docs/language-models.md" and block.language == "toml"
    ]
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "s3cret")
    for table in tables:
        language_model(msgspec.convert(table.pop("language_model"), LanguageModelConfig))
        assert not table
    page = (ROOT / "docs" / "language-models.md").read_text()
    assert not [name for name in LanguageModelConfig.__struct_fields__ if f"`{name}`" not in page]


def test_every_price_and_budget_of_its_page_can_be_set() -> None:
    (block,) = (block for block in BLOCKS if block.page == "docs/costs.md" and block.language == "toml")
    shown = tomllib.loads(block.code)
    prices = msgspec.convert(shown.pop("prices"), dict[str, OwnPrice])
    assert not [
        name for name, price in prices.items() if isinstance(Prices(prices).price_of(*name.split("/")), Unknown)
    ]
    assert {*shown.pop("budget")} == {*BudgetConfig.__struct_fields__}
    assert not shown
    page = (ROOT / "docs" / "costs.md").read_text()
    assert not [name for name in OwnPrice.__struct_fields__ if name not in page and name != "least_seconds"]


def test_the_settings_of_observing_can_be_set(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    tables = [block.code for block in BLOCKS if block.page == "docs/observing.md" and block.language == "toml"]
    file.write_text("\n".join(tables))
    config = load_config(file, {})
    assert (config.recording.mode, config.telemetry.otlp) == ("consented", "http://localhost:4318/v1/traces")


def test_every_metric_is_on_its_page() -> None:
    page = (ROOT / "docs" / "observing.md").read_text()
    shown = set(re.findall(r"`(antiphon_\w+)`", page)) - {CONSENT_LABEL}
    metrics = Metrics(lambda: 0, lambda: [EngineStatus("a", "ready", 0)])
    served = {family.name: family.type for family in metrics.registry.collect() if family.name.startswith("antiphon_")}
    suffixes = {"counter": "_total", "info": "_info"}
    assert shown == {name + suffixes.get(kind, "") for name, kind in served.items()}


def test_yaml_is_a_script(tmp_path: Path) -> None:
    scripts = [block.code for block in BLOCKS if block.language == "yaml"]
    scripts += [path.read_text() for path in (ROOT / "docs").rglob("*.yaml")]
    assert len(scripts) >= 2
    for number, script in enumerate(scripts):
        file = tmp_path / f"{number}.yaml"
        file.write_text(script)
        assert len(ScriptBrain.from_file(file)._script.rules) == len(yaml.safe_load(script)["rules"])


@pytest.mark.parametrize(("page", "target"), LINKS, ids=[f"{page.name}->{target}" for page, target in LINKS])
def test_links_lead_somewhere(page: Path, target: str) -> None:
    path, _, anchor = target.partition("#")
    place = (page.parent / path).resolve() if path else page
    assert place.is_relative_to(ROOT)
    assert place.exists()
    if anchor:
        assert anchor in _anchors(place)


def _anchors(page: Path) -> set[str]:
    """What can follow the ``#`` of a link to a page, as GitHub makes it of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(_prose(page))}


def _protocol_rows() -> Iterator[list[str]]:
    for line in (ROOT / "docs" / "live-api.md").read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| what |", "| field |", "| message |", "| rule |")):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


@pytest.mark.parametrize("row", [pytest.param(row, id=row[0][:60]) for row in _protocol_rows()])
def test_every_claim_about_the_protocol_has_a_test(row: list[str]) -> None:
    file, _, path = row[-1].strip("`").partition("::")
    names = [name for name in path.split("::") if name]
    scope: Any = ast.parse((ROOT / "tests" / file).read_text())
    for name in names:
        scope = next(node for node in scope.body if getattr(node, "name", "") == name)


def test_every_field_of_the_protocol_is_on_its_page() -> None:
    page = (ROOT / "docs" / "live-api.md").read_text()
    messages = (client.Setup, client.GenerationConfig, client.RealtimeInputConfig, client.Tool, client.RealtimeInput)
    answers = (server.ServerMessage, server.ServerContent, server.UsageMetadata, server.Transcription)
    for message in messages + answers:
        missing = [name for name in message.__struct_encode_fields__ if not re.search(rf"\b{name}\b", page)]
        assert not missing, message
