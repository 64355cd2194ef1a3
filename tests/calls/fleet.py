"""Engines that do nothing but count, for whatever looks after engines."""

import asyncio
from typing import Any

from antiphon.calls.station import Wanted
from antiphon.engines.base import NOTHING, Abilities, EngineUnavailable
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup


class Silent:
    """An engine that starts unless ``fails`` says why not, once ``may_start`` lets it."""

    def __init__(self, name: str, fails: str | Exception = "") -> None:
        self.name = name
        self.abilities = Abilities(name)
        self.fails = fails
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.starts = self.closes = 0

    async def start(self) -> None:
        self.starts += 1
        await self.may_start.wait()
        if self.fails:
            raise self.fails if isinstance(self.fails, Exception) else EngineUnavailable(self.fails)

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Any:
        raise EngineUnavailable("it is only for show")

    async def aclose(self) -> None:
        self.closes += 1


def wanted(engine: Silent, settings: Any = None, *, optional: bool = False) -> Wanted:
    """What a configuration would say of ``engine``."""
    return Wanted(settings or engine.name, lambda: engine, optional, f"engines.{engine.name}")
