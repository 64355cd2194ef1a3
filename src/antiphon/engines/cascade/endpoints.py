"""What the recogniser and the voice of an OpenAI-compatible service have in common."""

import os
from typing import Final

from msgspec import UNSET, UnsetType
from yarl import URL

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.building import PROVIDERS
from antiphon.providers.errors import AuthenticationFailed, ProviderError, QuotaExceeded, Unreachable
from antiphon.providers.http import is_local
from antiphon.providers.openai_audio import OpenAiAudio

ENVIRONMENT: Final = "env:"


def secret(part: str, key: str) -> str:
    """The key itself, where ``key`` may be ``env:NAME``; empty where none is set.

    Raises:
        EngineUnavailable: the environment variable is not set.
    """
    if not key.startswith(ENVIRONMENT):
        return key
    name = key.removeprefix(ENVIRONMENT)
    value = os.environ.get(name, "")
    if not value:
        raise EngineUnavailable(f"{part}: key is {key}, but the environment has no {name}; set it")
    return value


def payee(provider: str | UnsetType, base: URL) -> str:
    """Who is paid: ``provider`` if it is set, nobody on a private network, else who is known to be at that host.

    A host that nobody knows is named itself: its price is unknown, and not nothing.
    """
    if provider is not UNSET:
        return str(provider)
    host = base.host or ""
    if is_local(host):
        return ""
    return next((name for end, name in PROVIDERS.items() if host == end or host.endswith(f".{end}")), host)


async def check(part: str, client: OpenAiAudio) -> None:
    """See that the service is there and takes the key. One that only answers oddly is taken at its word.

    Raises:
        EngineUnavailable: it cannot be reached, or refuses the key; the message has the remedy.
    """
    try:
        await client.probe()
    except Unreachable as error:
        raise EngineUnavailable(f"{part}: {error}; start the server, or correct url") from error
    except (AuthenticationFailed, QuotaExceeded) as error:
        raise EngineUnavailable(f"{part}: {error}; set key") from error
    except ProviderError:
        pass


def primary_language(*tags: str) -> str:
    """The language of the first BCP-47 tag that is not empty, as ISO 639 has it: ``pt`` for ``pt-BR``."""
    tag = next(filter(None, (tag.strip() for tag in tags)), "")
    return tag.replace("_", "-").split("-")[0].casefold()
