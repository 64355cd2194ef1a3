"""Setups as programs: one template for each client."""

import re
import shlex
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from antiphon.console.snippets import frameworks, shapes
from antiphon.console.snippets.hiding import Secret, hidden, secrets
from antiphon.console.snippets.literals import JAVASCRIPT, JSON, PYTHON, literal, quoted
from antiphon.wire.gemini import client

PATH: Final = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
_QUESTIONS: Final = {
    "get_weather": "What is the weather in Paris?",
    "turn_on_the_lights": "Turn on the lights in the kitchen.",
    "search_orders": "Search the orders of Alice.",
}
_QUESTION: Final = "What is two plus three?"

_SDKS: Final = ("Python", "JavaScript", "LiveKit", "Pipecat", "ADK")
_ONLY_VERTEX: Final = (
    "explicitVadSignal",
    "sessionResumption.transparent",
    "safetySettings[].method",
    "tools[].googleSearch.excludeDomains",
    "tools[].googleSearch.blockingConfidence",
)
_ONE_VOICE: Final = "generationConfig.speechConfig.multiSpeakerVoiceConfig"

_LOCAL: Final = ("http://localhost:", "http://127.0.0.1:", "http://[::1]:")


class Address(Struct, frozen=True):
    """Where a server is, for whoever asks. ``tls`` is empty where it has none.

    ``bundle`` and ``ca`` are files to trust, empty where nothing unusual must be trusted. ``is_open``: any key will do.
    """

    plain: str
    tls: str
    bundle: str = ""
    ca: str = ""
    is_open: bool = False


class Snippet(Struct, frozen=True, rename="camel"):
    """A program. ``shell`` is what to do before it runs, ``left_out`` what this client cannot say."""

    target: str
    title: str
    language: str
    file: str
    shell: str
    code: str
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Target(Struct, frozen=True):
    """A client. ``unsaid`` are the fields that it cannot send, ``config`` makes its shape of a setup."""

    title: str
    language: str
    file: str
    template: str
    install: str
    config: Callable[[dict[str, Any]], str]
    unsaid: tuple[str, ...] = ()
    needs_tls: bool = False
    options: Callable[[dict[str, Any]], dict[str, Any]] | None = None


def _framework(
    title: str, install: str, unsaid: tuple[str, ...], options: Callable[[dict[str, Any]], dict[str, Any]]
) -> Target:
    name = title.lower()
    return Target(
        title,
        "python",
        f"talk_{name}.py",
        f"{name}.jinja",
        install,
        _as(PYTHON, shapes.python_config),
        unsaid,
        needs_tls=True,
        options=options,
    )


def _as(dialect: Any, shape: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Callable[[dict[str, Any]], str]:
    return lambda setup: literal(shape(setup), dialect)


TARGETS: Final = {
    "python": Target(
        "Python",
        "python",
        "talk.py",
        "python.jinja",
        "pip install google-genai",
        _as(PYTHON, shapes.python_config),
        (*_ONLY_VERTEX, _ONE_VOICE, "toolConfig"),
        needs_tls=True,
    ),
    "javascript": Target(
        "JavaScript",
        "javascript",
        "talk.mjs",
        "javascript.jinja",
        "npm install @google/genai",
        _as(JAVASCRIPT, shapes.javascript_config),
        (*_ONLY_VERTEX, _ONE_VOICE, "toolConfig", "historyConfig"),
    ),
    "websocket": Target("WebSocket", "python", "talk_raw.py", "websocket.jinja", "pip install websockets", _as(PYTHON)),
    "livekit": _framework(
        "LiveKit",
        'pip install "livekit-agents[google]"',
        frameworks.unsaid(frameworks.LIVEKIT_SAYS),
        lambda setup: {"options": frameworks.livekit(setup)},
    ),
    "pipecat": _framework(
        "Pipecat",
        'pip install "pipecat-ai[google]"',
        frameworks.unsaid(frameworks.PIPECAT_SAYS, frameworks.PIPECAT_ALWAYS),
        lambda setup: {"options": frameworks.pipecat(setup)},
    ),
    "adk": _framework(
        "ADK",
        "pip install google-adk",
        frameworks.unsaid(frameworks.ADK_SAYS),
        lambda setup: {"options": frameworks.adk(setup)["run"], "generation": frameworks.adk(setup)["generation"]},
    ),
    "curl": Target("curl", "sh", "token.sh", "curl.jinja", "", _as(JSON)),
}

_environment: Final = Environment(
    loader=PackageLoader("antiphon.console", "snippets"),
    # Text, not HTML: what goes in was quoted for the language.
    autoescape=False,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _heredoc(text: str) -> str:
    """JSON in a here-document in which the shell puts variables."""
    escaped = re.sub(r"[\\$`]", r"\\\g<0>", text)
    return re.sub("\0(.*?)\0", r"$\1", escaped)


_environment.filters.update(quoted=quoted, shell=shlex.quote, heredoc=_heredoc)


def snippet(wanted: client.Setup, target: str, address: Address) -> Snippet:
    """The program of a target for a setup.

    Raises:
        KeyError: there is no such target.
    """
    chosen = TARGETS[target]
    said, left_out = shapes.without(hidden(msgspec.to_builtins(wanted)), chosen.unsaid)
    needed = secrets(said)
    context = {
        **_facts(wanted, said, needed),
        "config": chosen.config(said),
        "base": _base(chosen, address),
        "path": PATH,
        "left_out": left_out,
        "install": chosen.install,
        "trusts": bool(address.ca),
    }
    if chosen.options is not None:
        context |= {name: literal(value, PYTHON) for name, value in chosen.options(said).items()}
        context |= {
            "instructions": frameworks.instruction(said),
            "declarations": literal(frameworks.functions(said), PYTHON),
        }
    code = _environment.get_template(chosen.template).render(context)
    shell = "\n".join(_shell(chosen, address, needed)) + "\n"
    notes = tuple(_notes(chosen, address, left_out))
    return Snippet(
        target, chosen.title, chosen.language, chosen.file, shell, code, left_out=tuple(left_out), notes=notes
    )


def _base(target: Target, address: Address) -> str:
    return address.tls if _speaks_tls(target, address) else address.plain


def _speaks_tls(target: Target, address: Address) -> bool:
    """Without TLS on the same computer where the client can do that, with it from elsewhere."""
    return bool(address.tls) and (target.needs_tls or not address.plain.startswith(_LOCAL))


def _facts(wanted: client.Setup, said: dict[str, Any], needed: list[Secret]) -> dict[str, Any]:
    """What the templates ask of a setup."""
    generation, live = said.get("generationConfig", {}), said.get("realtimeInputConfig", {})
    names = [each.name for tool in wanted.tools for each in tool.function_declarations]
    question = next((_QUESTIONS[name] for name in names if name in _QUESTIONS), _QUESTION)
    return {
        "model": wanted.model.removeprefix("models/"),
        "question": question,
        "functions": bool(names),
        "speaks": generation.get("responseModalities") != ["TEXT"],
        "captions": "outputAudioTranscription" in said,
        "manual": live.get("automaticActivityDetection", {}).get("disabled", False),
        "resumes": "sessionResumption" in said,
        "has_secrets": bool(needed),
        "has_bytes": "base64.b64decode" in literal(shapes.python_config(said), PYTHON),
    }


def _shell(target: Target, address: Address, needed: list[Secret]) -> list[str]:
    lines = [target.install] if target.install else []
    if target.title in _SDKS:
        lines.append(f"export GOOGLE_GEMINI_BASE_URL={_base(target, address)}")
    if address.bundle and _speaks_tls(target, address):
        if target.title == "JavaScript":
            lines.append(f"export NODE_EXTRA_CA_CERTS={shlex.quote(address.ca)}")
        else:
            lines.append(f"export SSL_CERT_FILE={shlex.quote(address.bundle)}")
    if address.is_open:
        lines.append('export GOOGLE_API_KEY="${GOOGLE_API_KEY:-local}"')
    else:
        lines.append("# and set GOOGLE_API_KEY to a key of this server")
    lines += [f"# and set {secret.name} to your own" for secret in needed]
    return lines


def _notes(target: Target, address: Address, left_out: list[str]) -> list[str]:
    notes = []
    if left_out:
        notes.append(f"Left out, because this client cannot send it: {', '.join(left_out)}.")
    if target.needs_tls and not address.tls:
        notes.append("google-genai for Python, which this one uses, speaks TLS only: start the server with a tls_port.")
    if address.bundle and address.bundle == PurePath(address.bundle).name:
        notes.append(f"Copy {address.bundle} and {address.ca} from the folder tls in the data folder of the server.")
    if target.options is not None:
        notes.append("The tests of this server do not run this one: frameworks change often.")
    if target.title == "curl":
        notes.append("curl cannot hold the conversation itself: it makes a token with which a browser can.")
    return notes
