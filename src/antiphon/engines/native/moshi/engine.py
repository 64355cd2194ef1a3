"""The engine of a full-duplex model: one batched model for all sessions of the process."""

import asyncio
import logging
from collections.abc import Callable

from antiphon.engines.base import NOTHING, EngineUnavailable
from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.moshi.conversation import MoshiConversation
from antiphon.engines.native.moshi.frames import FrameModel
from antiphon.engines.native.moshi.model import load
from antiphon.engines.native.moshi.stage import Stage
from antiphon.engines.native.moshi.turns import Turns
from antiphon.live.abilities import Abilities
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup

log = logging.getLogger("antiphon.native")


class MoshiEngine:
    """Answers with a Moshi model. It has no tools, reads no text, sees nothing and has its own voice."""

    def __init__(self, config: MoshiConfig, load: Callable[[MoshiConfig], FrameModel] = load) -> None:
        self.abilities = Abilities(name="moshi", modalities=frozenset({"audio"}), tools=False, takes_turns=True)
        self._config = config
        self._load = load
        self._stage: Stage | None = None

    @property
    def sessions(self) -> int:
        """How many slots are taken."""
        return self._stage.sessions if self._stage is not None else 0

    async def start(self) -> None:
        """Load the model, warm it, and see how long a step takes.

        Raises:
            EngineUnavailable: a package or the model is missing, or the model cannot be loaded.
        """
        if self._stage is None:
            self._stage = await asyncio.to_thread(self._make_stage)

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> MoshiConversation:
        """Take a slot for a conversation.

        What was said in others before cannot be told to this model: only the number of the next answer is kept.

        Raises:
            EngineUnavailable: all slots are taken, or the model failed.
        """
        if self._stage is None:
            raise EngineUnavailable("the engine has not been started")
        conversation = MoshiConversation(self._stage, Turns(seed.generation, self._config.silence))
        if seed.history:
            conversation.note("what was said before")
        for wanted in ("system_instruction", "tools", "voice", "language"):
            if getattr(setup, wanted):
                conversation.note(wanted)
        return conversation

    async def aclose(self) -> None:
        """End the model's thread and free the model. Idempotent."""
        stage, self._stage = self._stage, None
        if stage is not None:
            await asyncio.to_thread(stage.close)

    def _make_stage(self) -> Stage:
        try:
            stage = Stage(self._load(self._config), self._config.backlog)
            stage.start()
        except EngineUnavailable:
            raise
        except Exception as error:
            raise EngineUnavailable(f"model {self._config.model} cannot be loaded: {error!r}") from error
        return stage
