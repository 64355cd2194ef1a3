"""The engine that passes conversations on to an OpenAI Realtime upstream: OpenAI's, Azure's, or any server's."""

import asyncio
import ssl

from antiphon.audio.frames import VadUnavailable
from antiphon.audio.vad import load_vad
from antiphon.engines.base import NOTHING, EngineUnavailable
from antiphon.engines.cascade.ears import Ears
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.relay.openai_conversation import OpenAIRealtimeConversation
from antiphon.engines.relay.openai_link import Place
from antiphon.live.abilities import Abilities
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    NotFound,
    ProviderError,
    QuotaExceeded,
    Unreachable,
)


class OpenAIRealtimeRelay:
    """The :class:`~antiphon.engines.base.Engine` of one upstream. ``tls`` replaces the usual trust in certificates.

    Raises:
        ValueError: the configured address is none.
    """

    def __init__(self, config: OpenAIRealtimeConfig, tls: ssl.SSLContext | None = None) -> None:
        self._config = config
        self._place = Place(config, tls)
        self._open: set[OpenAIRealtimeConversation] = set()
        self._ears: Ears | None = None
        self.abilities = Abilities(
            config.name,
            images=config.shows,
            tools=config.speaks.calls,
            thinks=config.thinks,
            takes_turns=True,
        )

    async def start(self) -> None:
        """See that there is a key; nothing is dialled before there is a call.

        Raises:
            EngineUnavailable: the variable that the key is in is not set, or the user's turns are to be found here and
                there is no model for it.
        """
        try:
            await self._place.headers()
            if not self._config.speaks.detects and self._ears is None:
                self._ears = Ears((await asyncio.to_thread(load_vad)).vad)
        except (ProviderError, VadUnavailable) as error:
            raise EngineUnavailable(f"{self._config.name}: {error}") from error

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> OpenAIRealtimeConversation:
        """Begin a conversation with the upstream.

        Raises:
            EngineUnavailable: the upstream cannot be reached, or refuses; the message says whose fault it is.
        """
        conversation = OpenAIRealtimeConversation(self._config, self._place, setup, seed, self._ears)
        try:
            await conversation.begin()
        except ProviderError as error:
            await conversation.aclose()
            raise EngineUnavailable(f"{self._config.name}: {error}{_remedy(error, self._config)}") from error
        self._open = {each for each in self._open if not each.closed} | {conversation}
        return conversation

    async def aclose(self) -> None:
        """End every conversation. Idempotent."""
        await asyncio.gather(*(conversation.aclose() for conversation in self._open))
        self._open.clear()
        if self._ears is not None:
            await self._ears.aclose()


def realtime_relay(config: OpenAIRealtimeConfig, tls: ssl.SSLContext | None = None) -> OpenAIRealtimeRelay:
    """The engine that ``config`` describes.

    Raises:
        ValueError: the configured address is none.
    """
    return OpenAIRealtimeRelay(config, tls)


def _remedy(error: ProviderError, config: OpenAIRealtimeConfig) -> str:
    match error:
        case AuthenticationFailed():
            return "; see `key`"
        case QuotaExceeded():
            return "; see the plan and the billing of the key's account"
        case NotFound():
            return f"; see `model` ({config.model})"
        case Unreachable():
            return f"; see `url` ({config.base})"
        case BadRequest(field=field) if field:
            return f"; see `session` and `dialect` ({field})"
    return ""
