"""The contract between a call and what answers it."""

from collections.abc import AsyncIterator
from typing import Protocol

from antiphon.live.abilities import Abilities
from antiphon.live.events import ModelEvent, UserEvent
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup

NOTHING = Seed()
"""A conversation that begins at the beginning."""


class Conversation(Protocol):
    """One caller. Takes what the user does, yields what the model does."""

    def send(self, event: UserEvent) -> None:
        """Take a user event. Never waits: what takes time is queued, so events keep the order of the session's."""

    def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does, until :meth:`aclose`; after that, what is left to tell: what was used."""
        ...

    async def aclose(self) -> None:
        """End every task this conversation started. Idempotent."""


class Engine(Protocol):
    """Answers conversations. One engine serves many; models are loaded once and are warm after ``start``."""

    @property
    def abilities(self) -> Abilities:
        """What this engine can do."""
        ...

    async def start(self) -> None:
        """Load and warm every model.

        Raises:
            EngineUnavailable: something is missing; the message says what and how to get it.
        """

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Conversation:
        """Begin a conversation, ready to take events; ``seed`` is what was said in others before it.

        Raises:
            EngineUnavailable: the engine cannot take this conversation now.
        """
        ...

    async def aclose(self) -> None:
        """Free every model, process and task. Idempotent."""


class EngineUnavailable(Exception):
    """An engine cannot start or take a conversation; the message says why and what to do."""
