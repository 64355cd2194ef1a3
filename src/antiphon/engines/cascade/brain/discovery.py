"""Finds a language model that already runs on this computer.

Only servers that say what they are, and models that they run themselves, are taken: a proxy on one of these ports, or a
model that a local server passes on to a hosted service, is not what its owner meant by using no configuration.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Coroutine, Mapping
from importlib import import_module
from typing import Any, Final

import msgspec
from msgspec import Struct

from antiphon.engines.cascade.brain.language_model.config import LanguageModelConfig
from antiphon.providers.errors import ProviderError
from antiphon.providers.http import Http, Timeouts

TIMEOUT: Final = 0.35
"""Seconds each server has, for everything it is asked."""
MAX_ASKED: Final = 6
"""Models of an Ollama whose abilities are asked for, the newest."""

_NO_CHAT: Final = re.compile(r"embed|rerank|\bbge\b|minilm|whisper|\btts\b|ocr", re.IGNORECASE)
"""Names of models that do not talk, for servers that tell nothing but names."""


class Discovered(Struct, frozen=True):
    """A model that was found: how to reach it, and one line that says so."""

    config: LanguageModelConfig
    sentence: str


class _Model(Struct, frozen=True):
    """A model that can talk; ``settings`` are what its server tells of its abilities."""

    name: str
    settings: dict[str, Any] = {}


_Probe = Callable[[Http], Coroutine[Any, Any, _Model | None]]


async def discover(
    own_ports: Collection[int] = (), within: float = TIMEOUT, ports: Mapping[str, int] | None = None
) -> Discovered | None:
    """The first model found on the usual ports, or None; all are asked at once and nothing else is.

    Servers that hold their model loaded come first. ``own_ports`` are this server's own, ``within`` the seconds it
    takes at most; ``ports`` moves servers elsewhere, by their names in :data:`SERVERS`.
    """
    # The time of servers is not for this side to load its client.
    await asyncio.to_thread(import_module, "aiohttp")
    asked = [(name, (ports or {}).get(name, port), probe) for name, port, probe in SERVERS]
    found = await asyncio.gather(
        *(_found(name, port, probe, within) for name, port, probe in asked if port not in own_ports)
    )
    return next((one for one in found if one is not None), None)


async def _found(name: str, port: int, probe: _Probe, within: float) -> Discovered | None:
    url = f"http://127.0.0.1:{port}"
    http = Http(url, timeouts=Timeouts(within, within, within, attempts=1))
    try:
        async with asyncio.timeout(within):
            model = await probe(http)
    except (ProviderError, TimeoutError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    finally:
        await http.aclose()
    if model is None:
        return None
    config = LanguageModelConfig(url=f"{url}/v1", model=model.name, provider="", **model.settings)
    return Discovered(config, f"Language model: {model.name}, found on this computer ({name} at {url}).")


# --- servers ------------------------------------------------------------------------------------------------


class _Listed(Struct):
    id: str = ""
    owned_by: str | None = None
    type: str | None = None
    state: str | None = None


class _List(Struct):
    data: list[_Listed] | None = None


class _Tag(Struct):
    name: str = ""
    remote_host: str | None = None


class _Tags(Struct):
    models: list[_Tag] | None = None


class _Shown(Struct):
    capabilities: list[str] | None = None


class _Modalities(Struct):
    vision: bool = False


class _Props(Struct):
    modalities: _Modalities | None = None


async def _vllm(http: Http) -> _Model | None:
    names = await _owned(http, ("vllm", "sglang"))
    return _Model(names[0]) if names else None


async def _llama_cpp(http: Http) -> _Model | None:
    names = await _owned(http, ("llamacpp",))
    if not names:
        return None
    try:
        props = msgspec.json.decode(await http.get("props"), type=_Props)
    except ProviderError:
        return _Model(names[0])
    vision = props.modalities is not None and props.modalities.vision
    return _Model(names[0], {"vision": vision})


async def _lm_studio(http: Http) -> _Model | None:
    listed = msgspec.json.decode(await http.get("api/v0/models"), type=_List).data or []
    models = sorted((one for one in listed if one.type in ("llm", "vlm")), key=lambda one: one.state != "loaded")
    return _Model(models[0].id, {"vision": models[0].type == "vlm"}) if models else None


async def _ollama(http: Http) -> _Model | None:
    """The model that is loaded, else one that can call functions, else the newest that can talk."""
    listed, loaded = await asyncio.gather(_tags(http, "api/tags"), _tags(http, "api/ps"))
    names = sorted(listed, key=lambda name: name not in loaded)[:MAX_ASKED]
    shown = await asyncio.gather(*(_capabilities(http, name) for name in names))
    able = [(name, abilities) for name, abilities in zip(names, shown, strict=True) if "completion" in abilities]
    if not able:
        return None
    name, abilities = min(able, key=lambda one: (one[0] not in loaded, "tools" not in one[1]))
    thinking = {"thinking": True, "efforts": {"minimal": "none"}} if "thinking" in abilities else {}
    return _Model(name, {"vision": "vision" in abilities, "tools": "tools" in abilities, **thinking})


async def _owned(http: Http, owners: Collection[str]) -> list[str]:
    """Names of the models that say a server of this kind runs them."""
    listed = msgspec.json.decode(await http.get("v1/models"), type=_List).data or []
    return [one.id for one in listed if one.owned_by in owners and one.id and not _NO_CHAT.search(one.id)]


async def _tags(http: Http, path: str) -> list[str]:
    """Names of an Ollama's own models, in its order; what it passes on to a hosted service is left out."""
    models = msgspec.json.decode(await http.get(path), type=_Tags).models or []
    return [one.name for one in models if one.name and not one.remote_host]


async def _capabilities(http: Http, name: str) -> list[str]:
    """What a model can do. An Ollama that does not say is old: the name decides."""
    body = msgspec.json.encode({"model": name})
    try:
        told = msgspec.json.decode(await http.post("api/show", body), type=_Shown).capabilities
    except ProviderError:
        return []
    return told if told is not None else ([] if _NO_CHAT.search(name) else ["completion"])


SERVERS: Final[tuple[tuple[str, int, _Probe], ...]] = (
    ("vLLM", 8000, _vllm),
    ("llama.cpp", 8080, _llama_cpp),
    ("LM Studio", 1234, _lm_studio),
    ("Ollama", 11434, _ollama),
)
"""Servers, the ports they usually have, and how they are asked; those that hold a model loaded come first."""
