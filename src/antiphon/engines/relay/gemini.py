"""The engine that passes conversations on to a Gemini Live upstream: Developer API, Vertex AI, or any other server."""

import asyncio
import ssl

from antiphon.engines.base import NOTHING, EngineUnavailable
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.conversation import GeminiConversation
from antiphon.engines.relay.link import Line
from antiphon.live.abilities import Abilities
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.providers.errors import AuthenticationFailed, NotFound, ProviderError, QuotaExceeded, Unreachable


class GeminiRelay:
    """The :class:`~antiphon.engines.base.Engine` of one upstream. ``tls`` replaces the usual trust in certificates.

    Raises:
        ValueError: the configured address is none.
    """

    def __init__(self, config: GeminiRelayConfig, tls: ssl.SSLContext | None = None) -> None:
        self._config = config
        self._line = Line(config, tls)
        self._open: set[GeminiConversation] = set()
        self.abilities = Abilities(
            config.name,
            images=True,
            searches=True,
            thinks=True,
            takes_turns=True,
            paces=True,
            relays=True,
        )

    async def start(self) -> None:
        """See that there is a key; nothing is dialled before there is a call.

        Raises:
            EngineUnavailable: there are no credentials.
        """
        try:
            await self._line.credentials.headers()
        except ProviderError as error:
            raise EngineUnavailable(f"{self._config.name}: {error}") from error

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> GeminiConversation:
        """Begin a conversation with the upstream.

        Raises:
            EngineUnavailable: the upstream cannot be reached, or refuses; the message says whose fault it is.
        """
        conversation = GeminiConversation(self._config, self._line, setup, seed)
        try:
            await conversation.begin()
        except ProviderError as error:
            raise EngineUnavailable(f"{self._config.name}: {error}{_remedy(error, self._config)}") from error
        self._open = {each for each in self._open if not each.closed} | {conversation}
        return conversation

    async def aclose(self) -> None:
        """End every conversation. Idempotent."""
        await asyncio.gather(*(conversation.aclose() for conversation in self._open))
        self._open.clear()


def relay(config: GeminiRelayConfig, tls: ssl.SSLContext | None = None) -> GeminiRelay:
    """The engine that ``config`` describes.

    Raises:
        ValueError: the configured address is none.
    """
    return GeminiRelay(config, tls)


def _remedy(error: ProviderError, config: GeminiRelayConfig) -> str:
    match error:
        case AuthenticationFailed():
            return f"; see `{'vertex.token' if config.vertex and not config.key else 'key'}`"
        case QuotaExceeded():
            return "; see the plan and the billing of the key's project"
        case NotFound():
            return f"; see `model` ({config.model})"
        case Unreachable():
            return f"; see `url` ({config.base})"
    return ""
