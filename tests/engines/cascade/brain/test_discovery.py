"""Finding a language model on this computer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from tests.upstream import Exchange, upstream

from antiphon.engines.cascade.brain.discovery import SERVERS, Discovered, discover
from antiphon.testing import RunningServer

Behaviour = Callable[[Exchange], Awaitable[None]]


def serves(**paths: Any) -> Behaviour:
    """Answers paths (``/`` is written ``__``) with JSON, everything else with 404."""

    async def behave(exchange: Exchange) -> None:
        found = paths.get(exchange.path.strip("/").replace("/", "__"))
        found = found(exchange.json) if callable(found) else found
        await (exchange.answer(404, {}) if found is None else exchange.answer(200, found))

    return behave


def listed(owner: str, *names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": owner} for name in names]}


VLLM = serves(v1__models=listed("vllm", "Qwen/Qwen3-8B"))
LLAMA = serves(v1__models=listed("llamacpp", "gemma.gguf"), props={"modalities": {"vision": True, "audio": False}})
LM_STUDIO = serves(
    api__v0__models={
        "data": [
            {"id": "nomic", "type": "embeddings", "state": "loaded"},
            {"id": "llama", "type": "llm", "state": "not-loaded"},
            {"id": "qwen-vl", "type": "vlm", "state": "loaded"},
        ]
    }
)
CAPABILITIES = {
    "nomic-embed-text": ["embedding"],
    "llava": ["completion", "vision"],
    "qwen3": ["completion", "tools", "thinking"],
    "old": None,
}


def ollama(*names: str, loaded: tuple[str, ...] = (), hosted: tuple[str, ...] = ()) -> Behaviour:
    tags = [{"name": name, "size": 1} for name in names]
    tags += [{"name": name, "remote_host": "https://ollama.com"} for name in hosted]
    return serves(
        api__tags={"models": tags},
        api__ps={"models": [{"name": name} for name in loaded]},
        api__show=lambda body: {"capabilities": CAPABILITIES[body["model"]]},
    )


async def found(**behaviours: Behaviour) -> Discovered | None:
    """What is discovered where these servers run and no others."""
    async with AsyncExitStack() as stack:
        nobody = await stack.enter_async_context(upstream(serves()))
        ports = {name: nobody.port for name, _, _ in SERVERS}
        for name, behaviour in behaviours.items():
            peer = await stack.enter_async_context(upstream(behaviour))
            ports[NAMES[name]] = peer.port
        return await discover(ports=ports)


NAMES = {"vllm": "vLLM", "llama": "llama.cpp", "lm_studio": "LM Studio", "ollama": "Ollama"}


@pytest.mark.parametrize(
    ("behaviours", "model", "server", "vision"),
    [
        ({"vllm": VLLM}, "Qwen/Qwen3-8B", "vLLM", False),
        ({"llama": LLAMA}, "gemma.gguf", "llama.cpp", True),
        ({"lm_studio": LM_STUDIO}, "qwen-vl", "LM Studio", True),
        ({"ollama": ollama("nomic-embed-text", "llava", "qwen3")}, "qwen3", "Ollama", False),
        ({"ollama": ollama("qwen3", "llava", loaded=("llava",))}, "llava", "Ollama", True),
        ({"ollama": ollama("old")}, "old", "Ollama", False),
        ({"ollama": ollama("qwen3"), "llama": LLAMA}, "gemma.gguf", "llama.cpp", True),
    ],
)
async def test_what_runs_is_found(behaviours: Any, model: str, server: str, vision: bool) -> None:
    one = await found(**behaviours)
    assert one is not None
    assert (one.config.model, one.config.vision is True, one.config.provider) == (model, vision, "")
    assert one.config.url.endswith("/v1")
    assert one.sentence.startswith(f"Language model: {model}, found on this computer ({server} at http://127.0.0.1:")
    assert "\n" not in one.sentence


async def test_a_model_that_thinks_may_be_told_not_to() -> None:
    one = await found(ollama=ollama("qwen3"))
    assert one is not None
    assert (one.config.thinking, one.config.efforts) == (True, {"minimal": "none"})


@pytest.mark.parametrize(("name", "tools"), [("qwen3", True), ("llava", False)])
async def test_one_that_calls_no_functions_is_not_told_of_any(name: str, tools: bool) -> None:
    one = await found(ollama=ollama(name))
    assert one is not None
    assert one.config.tools is tools


@pytest.mark.parametrize(
    "behaviours",
    [
        {"ollama": ollama("nomic-embed-text")},
        {"ollama": ollama(hosted=("gpt-oss:120b-cloud",))},
        {"vllm": serves(v1__models=listed("openai", "gpt-4o"))},
        {"vllm": serves(v1__models=listed("vllm", "bge-m3-embedding"))},
        {"llama": serves(v1__models=listed("antiphon", "gemini-3.8-live"))},
        {"llama": serves(v1__models=["?"])},
        {"lm_studio": serves(api__v0__models={"data": None})},
        {},
    ],
)
async def test_nothing_else_is_taken_for_one(behaviours: Any) -> None:
    assert await found(**behaviours) is None


async def test_this_server_is_not_asked() -> None:
    async with upstream(LLAMA) as peer:
        ports = {**{name: peer.port for name, _, _ in SERVERS}}
        assert await discover({peer.port}, ports=ports) is None
        assert not peer.asked


def test_another_antiphon_is_none(antiphon_server: RunningServer) -> None:
    port = int(antiphon_server.url.rpartition(":")[2])
    assert asyncio.run(discover(ports={name: port for name, _, _ in SERVERS})) is None


async def test_no_key_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, "s3cret")
    assert await found() is None


async def test_servers_that_say_nothing_cost_half_a_second_together() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.gone.wait()

    async with upstream(silent) as peer:
        began = time.monotonic()
        assert await discover(ports={name: peer.port for name, _, _ in SERVERS}, within=0.1) is None
        assert time.monotonic() - began < 0.4
        assert len(peer.asked) >= len(SERVERS)
