"""The model that hears whether somebody speaks, loaded and listening for all sessions of an engine, or of several."""

import asyncio

from antiphon.audio.frames import VadUnavailable
from antiphon.audio.vad import load_vad
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.ears import Ears


class VoiceActivity:
    """Ears with the best model that is installed."""

    def __init__(self) -> None:
        self.name = ""
        """The model's, for people; empty before it is loaded."""
        self._ears: Ears | None = None

    @property
    def ears(self) -> Ears:
        """Where sessions are heard."""
        assert self._ears is not None, "start() first"
        return self._ears

    async def start(self) -> None:
        """Load the model.

        Raises:
            EngineUnavailable: none can be loaded; the message names the reasons.
        """
        try:
            loaded = await asyncio.to_thread(load_vad)
        except VadUnavailable as error:
            raise EngineUnavailable(str(error)) from error
        self.name, self._ears = loaded.name, Ears(loaded.vad)

    async def aclose(self) -> None:
        """Hear nobody any more. Idempotent."""
        if self._ears is not None:
            await self._ears.aclose()
