"""Routes: which engines may answer a model, and in which order."""

from typing import Final

from msgspec import Struct

REFUSE: Final = "refuse"
"""What becomes of a call that no target can take: it is refused."""


class Target(Struct, frozen=True, forbid_unknown_fields=True):
    """An engine of a route.

    Targets of a lower ``priority`` come first; those of the same one share the calls by ``weight``. ``max_calls`` is
    the number of calls at which the engine gets no more by this target; all its calls count, of whatever route.
    """

    engine: str
    weight: int = 1
    priority: int = 0
    max_calls: int | None = None

    def __post_init__(self) -> None:
        if not self.engine:
            raise ValueError("engine must name an engine")
        if self.weight < 1:
            raise ValueError("weight must be positive; leave the target out where it is to get nothing")
        if self.max_calls is not None and self.max_calls < 1:
            raise ValueError("max_calls must be positive; leave it out for no limit")


class Route(Struct, frozen=True, forbid_unknown_fields=True):
    """The engines that may answer a model.

    An engine that failed in a call is not tried again in it before every other was, and then ``retries`` times at
    most. ``when_exhausted`` is what becomes of a call when no target is left: ``refuse`` ends it, and the name of an
    engine gives it to that one, once, whatever its health is. ``profile`` is the model whose rules hold, where the name
    of the route is that of none.
    """

    targets: tuple[Target, ...]
    when_exhausted: str = REFUSE
    retries: int = 1
    profile: str = ""

    def __post_init__(self) -> None:
        if not self.targets:
            raise ValueError('targets must name at least one engine: targets = [{engine = "embedded"}]')
        names = [target.engine for target in self.targets]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"targets names {twice} twice; give it one weight instead")
        if self.retries < 0:
            raise ValueError("retries must not be negative")
        if not self.when_exhausted:
            raise ValueError('when_exhausted must be "refuse" or the name of an engine')

    @property
    def engines(self) -> tuple[str, ...]:
        """Every engine that may get a call, in the order of the priorities."""
        names = [target.engine for target in self.ordered]
        last = self.when_exhausted
        return (*names, last) if last != REFUSE and last not in names else tuple(names)

    @property
    def ordered(self) -> tuple[Target, ...]:
        """The targets by their priorities; those of the same one by weight, the greatest first."""
        return tuple(sorted(self.targets, key=lambda target: (target.priority, -target.weight)))

    @property
    def takes_over(self) -> bool:
        """Whether a call may get a second engine, or the same one a second time."""
        return self.retries > 0 or len(self.engines) > 1
