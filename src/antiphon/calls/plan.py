"""Which engines may answer a call, and in which order."""

from collections.abc import Callable
from typing import Protocol

from antiphon.engines.base import Engine
from antiphon.live.abilities import Abilities


class Placement(Protocol):
    """One engine that a call was given to. It counts as busy with the call until :meth:`release`."""

    @property
    def name(self) -> str:
        """What its owner calls it."""
        ...

    @property
    def engine(self) -> Engine:
        """The engine."""
        ...

    def opened(self) -> None:
        """It began the conversation."""

    def failed(self, reason: str, *, retry: bool = True) -> None:
        """It could not begin, or was lost; ``retry``: another conversation of the same engine may do better."""

    def release(self) -> None:
        """The call has nothing to do with it any more. Idempotent."""


class Plan(Protocol):
    """The engines that may answer one call."""

    @property
    def model(self) -> str:
        """The model whose profile holds, where the client's own name for it is none; else empty."""
        ...

    @property
    def abilities(self) -> Abilities:
        """Those of the engine that is chosen first."""
        ...

    @property
    def takes_over(self) -> bool:
        """Whether there may be another conversation after the first was lost."""
        ...

    def choose(self) -> Placement | None:
        """The next engine to try; None when none is left."""
        ...


class OneEngine:
    """The plan of calls that one engine answers, or nobody."""

    model = ""
    takes_over = False

    def __init__(self, engine: Engine) -> None:
        self._engine: Engine | None = engine
        self.abilities = engine.abilities

    def choose(self) -> Placement | None:
        """The engine, once."""
        engine, self._engine = self._engine, None
        return None if engine is None else _Only(engine)


class _Only:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.name = engine.abilities.name

    def opened(self) -> None:
        pass

    def failed(self, reason: str, *, retry: bool = True) -> None:
        pass

    def release(self) -> None:
        pass


def always(engine: Engine) -> Callable[[str], Plan]:
    """Plans for a server where one engine answers every model."""
    return lambda model: OneEngine(engine)
