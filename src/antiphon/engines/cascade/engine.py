"""The embedded engine: no download, no key; one set of models for all sessions of the process."""

import asyncio
import logging

from antiphon.audio.frames import VadUnavailable
from antiphon.audio.vad import load_vad
from antiphon.engines.base import Abilities, Conversation, EngineUnavailable
from antiphon.engines.cascade.conversation import CascadeConversation
from antiphon.engines.cascade.ears import Ears
from antiphon.engines.cascade.parts import Brain, Recogniser, Voice
from antiphon.live.setup import Setup

log = logging.getLogger("antiphon.cascade")


class CascadeEngine:
    """Listens with ``recogniser``, thinks with ``brain``, speaks with ``voice``.

    With ``borrows_models`` the recogniser and the voice are somebody else's to start and to close.
    """

    abilities = Abilities(name="cascade")

    def __init__(self, recogniser: Recogniser, brain: Brain, voice: Voice, *, borrows_models: bool = False) -> None:
        self.recogniser = recogniser
        self.brain = brain
        self.voice = voice
        self._borrows_models = borrows_models
        self.vad_name = ""
        self._ears: Ears | None = None

    async def start(self) -> None:
        """Load and warm everything, side by side.

        Raises:
            EngineUnavailable: a part cannot run; the message says what is missing.
        """
        try:
            loaded = await asyncio.to_thread(load_vad)
        except VadUnavailable as error:
            raise EngineUnavailable(str(error)) from error
        self.vad_name = loaded.name
        self._ears = Ears(loaded.vad)
        if not self._borrows_models:
            await asyncio.gather(self.recogniser.start(), self.voice.start())

    async def open(self, setup: Setup) -> Conversation:
        """Begin a conversation; the words it is about are made known to the recogniser."""
        if self._ears is None:
            raise EngineUnavailable("the engine has not been started")
        context = self.recogniser.context(setup.system_instruction, setup.tools, self.brain.phrases())
        return CascadeConversation(setup, self._ears, self.recogniser, self.brain, self.voice, context)

    async def aclose(self) -> None:
        """Free every model, process and task."""
        if self._ears is not None:
            await self._ears.aclose()
        if not self._borrows_models:
            await asyncio.gather(self.recogniser.aclose(), self.voice.aclose())
