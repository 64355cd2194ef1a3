"""Every snippet is run as users run it: the setup it sends is the one of the settings, and an answer arrives."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from msgspec import structs
from websockets.sync.client import connect

from antiphon.console import fields
from antiphon.console.snippets import TARGETS, Address, literals, shapes, snippet
from antiphon.live.inputs import Begin
from antiphon.live.session import Session
from antiphon.testing.server import RunningServer, Servers
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.gemini.spelling import camel

MODEL = "models/gemini-3.8-live"
PATIENCE = 90
"""Seconds for one program; they share the processors."""

LIGHTS = {
    "name": "turn_on_the_lights",
    "description": "Turns on the lights in a room.",
    "parameters": {
        "type": "OBJECT",
        "properties": {"room": {"type": "STRING", "description": "The room."}},
        "required": ["room"],
    },
}
SETUPS: dict[str, dict[str, Any]] = {
    "minimal": {"model": MODEL},
    "full": {
        "model": "models/gemini-3.1-flash-live-preview",
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "temperature": 0.5,
            "topP": 0.9,
            "topK": 40,
            "maxOutputTokens": 1000,
            "presencePenalty": 0.5,
            "stopSequences": ["stop"],
            "mediaResolution": "MEDIA_RESOLUTION_LOW",
            "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
            "speechConfig": {
                "languageCode": "en-US",
                "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}},
            },
        },
        "systemInstruction": {"parts": [{"text": 'Say "hello" in $5 `words` or less.\n\\ Ünïcode 🎈'}]},
        "tools": [
            {"googleSearch": {}},
            {"functionDeclarations": [LIGHTS]},
            {
                "functionDeclarations": [
                    {"name": "other", "parametersJsonSchema": {"type": "object", "additionalProperties": False}}
                ]
            },
        ],
        "realtimeInputConfig": {
            "automaticActivityDetection": {
                "startOfSpeechSensitivity": "START_SENSITIVITY_LOW",
                "endOfSpeechSensitivity": "END_SENSITIVITY_HIGH",
                "prefixPaddingMs": 20,
                "silenceDurationMs": 700,
            },
            "activityHandling": "NO_INTERRUPTION",
            "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY",
        },
        "sessionResumption": {"transparent": True},
        "contextWindowCompression": {"triggerTokens": 30000, "slidingWindow": {"targetTokens": 1000}},
        "inputAudioTranscription": {"languageCodes": ["en-US"], "customVocabulary": ["Antiphon"]},
        "outputAudioTranscription": {},
        "proactivity": {"proactiveVideo": False},
        "historyConfig": {"initialHistoryInClientContent": True},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "labels": {"team": "voice"},
        "explicitVadSignal": True,
    },
    "tool": {"model": MODEL, "outputAudioTranscription": {}, "tools": [{"functionDeclarations": [LIGHTS]}]},
    "push to talk": {
        "model": MODEL,
        "outputAudioTranscription": {},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
    },
    "text": {"model": MODEL, "generationConfig": {"responseModalities": ["TEXT"]}},
}
FRAMEWORKS = ("livekit", "pipecat", "adk")
ADDRESS = Address("http://localhost:1", "https://localhost:2", "/tls/ca-bundle.pem", "/tls/ca.pem", is_open=True)
CASES = [(target, name) for target in ("python", "javascript", "websocket") for name in SETUPS]


class Run(NamedTuple):
    """What came of a program."""

    output: str
    snippet: dict[str, Any]
    sent: client.Setup | None


def decoded(setup: dict[str, Any]) -> client.Setup:
    return convert(client.Setup, setup, "setup")[0]


def comparable(setup: client.Setup) -> Any:
    """A setup without what clients say in their own ways: who gives instructions, and how functions are bundled."""
    functions = [each for tool in setup.tools for each in tool.function_declarations]
    others = [structs.replace(tool, function_declarations=[]) for tool in setup.tools]
    tools = [tool for tool in others if tool != client.Tool()]
    instruction = setup.system_instruction and structs.replace(setup.system_instruction, role="")
    bundled = [*tools, client.Tool(function_declarations=functions)] if functions else tools
    return spelled(msgspec.to_builtins(structs.replace(setup, tools=bundled, system_instruction=instruction)))


def spelled(value: Any) -> Any:
    """JSON in one spelling: SDKs write members of members, and times, in their own."""
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if isinstance(value, dict):
        return {camel(name): spelled(each) for name, each in value.items()}
    return value.replace("+00:00", "Z") if isinstance(value, str) else value


def seeded(setup: dict[str, Any], number: int) -> dict[str, Any]:
    """A setup that is told from all others by its seed."""
    return {**setup, "generationConfig": {**setup.get("generationConfig", {}), "seed": number}}


def ask(server: RunningServer, setup: Any, target: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/console/api/code", json={"setup": setup, "target": target})


def environment(server: RunningServer, shell: str) -> dict[str, str]:
    """The environment after the lines for the shell, past what installs something."""
    lines = "\n".join(line for line in shell.splitlines() if line.startswith("export "))
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    proxies = {name: value for name, value in server.environment.items() if name.lower() == "no_proxy"}
    done = subprocess.run(["sh", "-c", f"{lines}\nenv"], env=kept | proxies, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def run(server: RunningServer, code: dict[str, Any], folder: Path, interpreter: str) -> str:
    folder.mkdir(parents=True)
    path = folder / code["file"]
    path.write_text(code["code"])
    done = subprocess.run(
        [interpreter, str(path)],
        env=environment(server, code["shell"]),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def started(antiphon_servers: Servers) -> Any:
    server = antiphon_servers.start(pace_turns=False, session={"filler_delay": 5.0})
    yield server
    antiphon_servers.stop(server)


@pytest.fixture(scope="module")
def begun() -> Any:
    """Every setup that a session of this process was asked for, tokens heeded, by its seed."""
    seen: dict[int, client.Setup] = {}
    agree = Session.agree

    def remembering(self: Session, begin: Begin) -> Any:
        generation = begin.setup.generation_config
        if generation is not None and generation.seed is not None:
            seen[generation.seed] = begin.setup
        return agree(self, begin)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "agree", remembering)
        yield seen


@pytest.fixture(scope="module")
def runs(
    started: RunningServer,
    begun: dict[int, client.Setup],
    node_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """All programs, side by side."""
    scratch = tmp_path_factory.mktemp("snippets")
    # A module finds the SDK from the folder it is in.
    beside_node = node_folder / f"snippets-{os.getpid()}"

    def one(number: int) -> Run:
        target, name = CASES[number]
        code = ask(started, seeded(SETUPS[name], number), target).json()
        folder = (beside_node if target == "javascript" else scratch) / f"{target}-{number}"
        output = run(started, code, folder, "node" if target == "javascript" else sys.executable)
        return Run(output, code, begun.get(number))

    try:
        with ThreadPoolExecutor(3) as pool:
            yield dict(
                zip(CASES, [*map(_result, [pool.submit(one, number) for number in range(len(CASES))])], strict=True)
            )
    finally:
        shutil.rmtree(beside_node, ignore_errors=True)


def _result(future: Any) -> Any:
    """What a program came to; what went wrong is told by the test of that program."""
    error = future.exception()
    return error if error is not None else future.result()


@pytest.fixture
def outcome(runs: Any) -> Callable[[str, str], Run]:
    def find(target: str, name: str) -> Run:
        found = runs[target, name]
        if isinstance(found, BaseException):
            raise found
        return found

    return find


@pytest.mark.needs_node
@pytest.mark.slow
class TestEveryProgram:
    @pytest.mark.parametrize(("target", "name"), CASES)
    def test_sends_the_setup_of_the_settings(self, outcome: Any, target: str, name: str) -> None:
        got = outcome(target, name)
        assert got.sent is not None
        wanted = seeded(SETUPS[name], CASES.index((target, name)))
        for path in got.snippet["leftOut"]:
            parts = path.split(".")
            holder = wanted
            for part in parts[:-1]:
                holder[part] = holder = dict(holder[part])
            del holder[parts[-1]]
        assert comparable(got.sent) == comparable(decoded(wanted))

    @pytest.mark.parametrize(("target", "name"), CASES)
    def test_gets_an_answer(self, outcome: Any, target: str, name: str) -> None:
        output = outcome(target, name).output
        seconds = float(re.search(r"([\d.]+) s of speech", output)[1])
        if name in ("tool", "full"):
            assert re.search(r"turn_on_the_lights\(.*kitchen", output)
            assert "Done." in output
        if name in ("push to talk", "text"):
            assert "2 plus 3 is 5." in output
        assert seconds == 0 if name == "text" else seconds > 0.5

    @pytest.mark.parametrize("target", ["python", "javascript", "websocket"])
    def test_says_what_it_left_out(self, outcome: Any, target: str) -> None:
        got = outcome(target, "full").snippet
        assert (
            set(got["leftOut"])
            == {
                "python": {"explicitVadSignal", "sessionResumption.transparent"},
                "javascript": {"explicitVadSignal", "sessionResumption.transparent", "historyConfig"},
                "websocket": set(),
            }[target]
        )
        for path in got["leftOut"]:
            assert any(path in note for note in got["notes"])
            assert path in got["code"]


@pytest.mark.needs_node
@pytest.mark.slow
class TestEveryField:
    """Each setting alone, through the SDKs: what is not named as left out arrives."""

    PYTHON = """
import asyncio, base64, os
from google import genai

client = genai.Client()
CONFIGS = [
%s
]

async def one(config):
    try:
        async with client.aio.live.connect(model="gemini-3.8-live", config=config):
            pass
    except Exception as error:
        print(config, repr(error))

async def main():
    for config in CONFIGS:
        await one(config)

asyncio.run(main())
"""
    JAVASCRIPT = """
import { GoogleGenAI } from "@google/genai";
const ai = new GoogleGenAI({ apiKey: process.env.GOOGLE_API_KEY });
const configs = [
%s
];
for (const config of configs) {
  try {
    await new Promise((resolve, reject) => {
      const callbacks = { onmessage: resolve, onclose: (event) => reject(new Error(event.reason)) };
      ai.live.connect({ model: "gemini-3.8-live", config, callbacks }).then((session) => session.close(), reject);
    });
  } catch (error) {
    console.log(JSON.stringify(config), String(error));
  }
}
process.exit(0);
"""

    @pytest.mark.parametrize(
        ("target", "program", "shape", "dialect"),
        [
            ("python", PYTHON, shapes.python_config, literals.PYTHON),
            ("javascript", JAVASCRIPT, shapes.javascript_config, literals.JAVASCRIPT),
        ],
    )
    def test_arrives(
        self,
        started: RunningServer,
        begun: dict[int, client.Setup],
        node_folder: Path,
        target: str,
        program: str,
        shape: Any,
        dialect: Any,
    ) -> None:
        first = 2000 if target == "python" else 4000
        setups = [seeded(each, first + number) for number, each in enumerate(probes())]
        said = [shapes.without(msgspec.to_builtins(decoded(each)), TARGETS[target].unsaid)[0] for each in setups]
        lines = ",\n".join(literals.literal(shape(each), dialect) for each in said)
        folder = node_folder / f"every-{os.getpid()}"
        told = {"code": program % lines, "file": "talk.py" if target == "python" else "talk.mjs", "shell": ""}
        told["shell"] = ask(started, {"model": MODEL}, target).json()["shell"]
        try:
            output = run(started, told, folder, "node" if target == "javascript" else sys.executable)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        assert output == ""
        lost = [
            each
            for number, each in enumerate(said)
            if first + number not in begun or comparable(begun[first + number]) != comparable(decoded(each))
        ]
        assert lost == []


def probes() -> list[dict[str, Any]]:
    """One setup for each setting, but for handles: there is no session to go on with."""
    known = [each for each in fields.fields() if each.path not in ("model", "sessionResumption.handle")]
    return [fields.put({"model": MODEL}, each.path, value) for each in known for value in each.probes[:1]]


class TestCurl:
    @pytest.mark.parametrize("name", SETUPS)
    def test_makes_a_token_that_begins_a_session_with_the_settings(
        self, started: RunningServer, begun: dict[int, client.Setup], tmp_path: Path, name: str
    ) -> None:
        number = 1000 + list(SETUPS).index(name)
        setup = seeded(SETUPS[name], number)
        code = ask(started, setup, "curl").json()
        output = run(started, code, tmp_path / "curl", "sh")
        assert f'"name":"{setup["model"]}"' in output.replace(" ", "")
        assert re.search(r'"totalTokens": ?\d', output)
        token = re.search(r"auth_tokens/[\w-]+", output)[0]
        url = started.url.replace("http", "ws", 1)
        method = "google.ai.generativelanguage.v1alpha.GenerativeService.BidiGenerateContentConstrained"
        with connect(f"{url}/ws/{method}?access_token={token}", proxy=None) as socket:
            socket.send('{"setup": {"generationConfig": {"temperature": 1}}}')
            assert "setupComplete" in msgspec.json.decode(socket.recv())
        assert comparable(begun[number]) == comparable(decoded(setup))


class TestFrameworks:
    """What is not run here is at least a program, and says what it leaves out and that nobody ran it."""

    @pytest.mark.parametrize("name", SETUPS)
    @pytest.mark.parametrize("target", FRAMEWORKS)
    def test_are_programs(self, target: str, name: str) -> None:
        told = snippet(decoded(SETUPS[name]), target, ADDRESS)
        compile(told.code, told.file, "exec")
        assert any("do not run this one" in note for note in told.notes)
        assert ("turn_on_the_lights" in told.code) == (name in ("tool", "full"))
        assert '"https://localhost:2"' in told.code
        assert "export SSL_CERT_FILE=/tls/ca-bundle.pem" in told.shell

    @pytest.mark.parametrize("target", FRAMEWORKS)
    def test_every_setting_is_in_the_program_or_left_out_by_name(self, target: str) -> None:
        setup = decoded(SETUPS["full"])
        told = snippet(setup, target, ADDRESS)
        builtins = msgspec.to_builtins(setup)
        for each in fields.fields():
            value = fields.get(builtins, each.path)
            if isinstance(value, (str, float, int)) and not isinstance(value, bool):
                wanted = str(value).removeprefix("models/")
                assert each.path in told.left_out or wanted in told.code, each.path
        assert set(told.left_out) >= {"labels", "explicitVadSignal", "sessionResumption.transparent"}

    def test_options_have_the_names_of_their_framework(self) -> None:
        setup = decoded(SETUPS["full"])
        livekit = snippet(setup, "livekit", ADDRESS).code
        assert '"realtime_input_config": types.RealtimeInputConfig(' in livekit
        assert '"voice": "Kore"' in livekit
        pipecat = snippet(setup, "pipecat", ADDRESS).code
        assert '"max_tokens": 1000' in pipecat
        assert "contextWindowCompression.slidingWindow.targetTokens" in snippet(setup, "pipecat", ADDRESS).left_out
        assert '"start_sensitivity": "START_SENSITIVITY_LOW"' in pipecat
        adk = snippet(setup, "adk", ADDRESS).code
        assert adk.index("RUN = ") < adk.index('"turn_coverage"') < adk.index("GENERATION = ") < adk.index('"top_k"')


class TestSecrets:
    SETUP = {
        "model": MODEL,
        "sessionResumption": {"handle": "handle-of-mine"},
        "tools": [
            {
                "mcpServers": [
                    {
                        "name": "mine",
                        "streamableHttpTransport": {
                            "url": "https://me:pass-of-mine@tools.example/mcp?key=key-of-mine",
                            "headers": {"Authorization": "Bearer bearer-of-mine"},
                        },
                    }
                ]
            }
        ],
        "labels": {"api_key": "label-of-mine", "team": "voice"},
    }

    @pytest.mark.parametrize("target", TARGETS)
    def test_are_in_no_program(self, target: str) -> None:
        told = snippet(decoded(self.SETUP), target, Address("http://localhost:1", "https://localhost:2"))
        assert "of-mine" not in told.code + told.shell
        if target in FRAMEWORKS:
            return
        assert "SESSION_HANDLE" in told.code
        assert "SESSION_HANDLE" in told.shell
        assert "AUTHORIZATION" in told.code
        assert "voice" in told.code
        assert "https://tools.example/mcp" in told.code

    def test_a_parameter_may_be_called_a_key(self) -> None:
        function = {"name": "f", "parameters": {"type": "OBJECT", "properties": {"key": {"type": "STRING"}}}}
        setup = decoded({"model": MODEL, "tools": [{"functionDeclarations": [function]}]})
        assert "API" not in snippet(setup, "websocket", Address("http://localhost:1", "")).shell.replace("_API_KEY", "")
        assert '"key": {"type": "STRING"}' in snippet(setup, "websocket", Address("http://localhost:1", "")).code

    def test_the_environment_has_them_in_the_token_as_well(self, started: RunningServer, tmp_path: Path) -> None:
        setup = decoded({"model": MODEL, "labels": {"token": "x", "price": '$5 `or` "so" \\n'}})
        told = snippet(setup, "curl", Address("http://localhost:1", ""))
        body = told.code[told.code.rindex("<<JSON") : told.code.rindex("\nJSON")].split("\n", 1)[1]
        script = tmp_path / "echo.sh"
        script.write_text(f"cat <<JSON\n{body}\nJSON\n")
        done = subprocess.run(["sh", str(script)], env={"TOKEN": "mine"}, capture_output=True, text=True, check=True)
        labels = msgspec.json.decode(done.stdout)["bidiGenerateContentSetup"]["labels"]
        assert labels == {"token": "mine", "price": '$5 `or` "so" \\n'}


class TestAddresses:
    def test_elsewhere_files_have_no_paths(self, start: Any) -> None:
        server = start(tls_names=("box.example",))
        asked = {"setup": {"model": MODEL}, "target": "python"}
        port = server.url.rpartition(":")[2]
        answer = httpx.post(
            f"{server.url}/console/api/code", json=asked, headers={"host": f"box.example:{port}"}
        ).json()
        assert f"https://box.example:{server.tls_url.rpartition(':')[2]}" in answer["code"]
        assert "export SSL_CERT_FILE=ca-bundle.pem" in answer["shell"]
        assert any("ca-bundle.pem" in note for note in answer["notes"])

    def test_behind_another_port_it_is_that_one(self, start: Any) -> None:
        server = start(tls_names=("box.example",))
        asked = {"setup": {"model": MODEL}, "target": "websocket"}
        answer = httpx.post(f"{server.url}/console/api/code", json=asked, headers={"host": "box.example"}).json()
        assert "ws://box.example/ws/" in answer["code"]
        assert "SSL_CERT_FILE" not in answer["shell"]

    def test_a_server_with_keys_asks_for_one(self, start: Any) -> None:
        server = start(keys=("secret-key-of-mine",))
        headers = {"x-goog-api-key": "secret-key-of-mine"}
        asked = {"setup": {"model": MODEL}, "target": "python"}
        answer = httpx.post(f"{server.url}/console/api/code", json=asked, headers=headers).json()
        assert "set GOOGLE_API_KEY to a key of this server" in answer["shell"]
        assert "secret-key-of-mine" not in f"{answer}"


class TestBadInput:
    def test_an_unknown_target_is_named(self, started: RunningServer) -> None:
        answer = ask(started, {"model": MODEL}, "cobol")
        assert answer.status_code == 400
        assert "'cobol' is not one of python" in answer.json()["error"]["message"]

    def test_a_field_of_the_wrong_type_is_named(self, started: RunningServer) -> None:
        answer = ask(started, {"model": MODEL, "generationConfig": {"topK": "many"}}, "python")
        assert answer.status_code == 400
        assert "setup.generationConfig.topK" in answer.json()["error"]["message"]
