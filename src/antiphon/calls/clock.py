"""Time as calls see it, so that tests can hold it in their hands."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """Something that will be called."""

    def cancel(self) -> None:
        """Call it off."""


class Clock(Protocol):
    """A steady clock in seconds."""

    def now(self) -> float:
        """The time."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` at ``when``, or soon if that has passed."""
        ...


class LoopClock:
    """The clock of the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` at ``when``."""
        return self._loop.call_at(when, callback)


def time_of_day(clock: Clock) -> Callable[[], float]:
    """Seconds of the Unix epoch as ``clock`` counts on from now: they stand still where it does."""
    offset = time.time() - clock.now()
    return lambda: offset + clock.now()
