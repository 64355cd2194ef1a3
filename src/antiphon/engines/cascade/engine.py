"""The embedded engine: no download, no key; one set of models for all sessions of the process."""

import asyncio
from typing import Protocol

from antiphon.engines.base import NOTHING, Conversation, EngineUnavailable
from antiphon.engines.cascade.conversation import CascadeConversation
from antiphon.engines.cascade.ears import Ears
from antiphon.engines.cascade.parts import Brain, Managed, Recogniser, Search, Voice
from antiphon.engines.cascade.voice_activity import VoiceActivity
from antiphon.live.abilities import Abilities
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup


class Activity(Protocol):
    """Where sessions are heard, by a model of this name; see :class:`.voice_activity.VoiceActivity`."""

    @property
    def name(self) -> str: ...
    @property
    def ears(self) -> Ears: ...
    async def start(self) -> None: ...
    async def aclose(self) -> None: ...


class CascadeEngine:
    """Listens with ``recogniser``, thinks with ``brain``, speaks with ``voice``, and looks things up with ``search``.

    With ``borrows_models`` the recogniser and the voice are somebody else's to start and to close. ``activity`` may be
    replaced, before the start, by one that engines share.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        brain: Brain,
        voice: Voice,
        *,
        search: Search | None = None,
        borrows_models: bool = False,
    ) -> None:
        self.recogniser = recogniser
        self.brain = brain
        self.voice = voice
        self.search = search
        thinks = bool(getattr(brain, "thinks", False))
        self.abilities = Abilities(name="cascade", continues=True, searches=search is not None, thinks=thinks)
        self._borrows_models = borrows_models
        self.activity: Activity = VoiceActivity()
        self._ears: Ears | None = None

    @property
    def vad_name(self) -> str:
        """What hears whether somebody speaks; empty before the start."""
        return self.activity.name

    async def start(self) -> None:
        """Load and warm everything, side by side.

        Raises:
            EngineUnavailable: a part cannot run; the message says what is missing.
        """
        await self.activity.start()
        self._ears = self.activity.ears
        await asyncio.gather(*(part.start() for part in self._own_parts))

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Conversation:
        """Begin a conversation; the words it is about are made known to the recogniser."""
        if self._ears is None:
            raise EngineUnavailable("the engine has not been started")
        context = self.recogniser.context(setup.system_instruction, setup.tools, self.brain.phrases(), setup.language)
        return CascadeConversation(
            setup, self._ears, self.recogniser, self.brain, self.voice, context, search=self.search
        )

    async def aclose(self) -> None:
        """Free every model, process and task."""
        await self.activity.aclose()
        await asyncio.gather(*(part.aclose() for part in self._own_parts))

    @property
    def _own_parts(self) -> list[Managed]:
        parts: list[Managed] = [] if self._borrows_models else [self.recogniser, self.voice]
        mine = (self.brain, self.search)
        return [*parts, *(part for part in mine if isinstance(part, Managed))]
