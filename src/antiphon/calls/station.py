"""One engine in service: when it starts and ends, and which calls it has."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from msgspec import Struct

from antiphon.calls.clock import Clock, Timer
from antiphon.engines.base import Engine, EngineUnavailable
from antiphon.routing.health import Health, Lease

log = logging.getLogger("antiphon.calls")

FIRST_PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 300.0
"""Seconds after which an optional engine that could not start is tried again, twice as long each time."""


class Wanted(Struct, frozen=True):
    """An engine that a configuration names. ``make`` makes it, unstarted, and may raise EngineUnavailable.

    Equal ``settings`` mean the same engine: it goes on when the configuration is read again. A server starts without
    an ``optional`` one that cannot start, and tries again. ``where`` is its place in the configuration, for messages.
    ``bills`` says who is paid for its answers, by provider and model; None where nobody knows beforehand.
    """

    settings: Any
    make: Callable[[], Engine]
    optional: bool = False
    where: str = ""
    bills: tuple[tuple[str, str], ...] | None = None

    def is_same(self, other: "Wanted") -> bool:
        """Whether both are one engine."""
        return (self.settings, self.optional) == (other.settings, other.optional)


class EngineStatus(Struct, frozen=True):
    """How an engine does. ``detail`` says why it gets no calls; ``replaced`` ones finish those they have.

    ``error`` is why it failed the last time, ``failed`` how many seconds ago that was; None for never.
    """

    name: str
    state: Literal["ready", "down", "resting", "replaced"]
    calls: int
    detail: str = ""
    error: str = ""
    failed: float | None = None


class Station:
    """An engine with its name and its health. It may be closed when it is retired and has no call left."""

    def __init__(self, name: str, wanted: Wanted, clock: Clock) -> None:
        self.name = name
        self.wanted = wanted
        self.health = Health()
        self._clock = clock
        self._engine: Engine | None = None
        self._retired = False
        self._failure: tuple[float, str] | None = None
        self._timer: Timer | None = None
        self._pause = FIRST_PAUSE
        self._starting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def engine(self) -> Engine:
        """The engine; there is one unless the health says that it is down."""
        assert self._engine is not None, f"{self.name} does not run"
        return self._engine

    async def start(self) -> None:
        """Make the engine and start it. One that is optional may be down afterwards, and is tried again.

        Raises:
            EngineUnavailable: it cannot start, and is not optional.
        """
        try:
            await self._start()
        except EngineUnavailable as error:
            if not self.wanted.optional:
                raise
            self._retry_later(error)

    def take(self, *, anyway: bool = False) -> Lease:
        """Count a call; see :meth:`Health.take`."""
        return self.health.take(self._clock.now(), anyway=anyway)

    def release(self, lease: Lease) -> None:
        """A call has nothing to do with the engine any more."""
        lease.release(self._clock.now())
        self._close_when_idle()

    def retire(self) -> None:
        """No call will come any more: close the engine once the last one has left."""
        self._retired = True
        self._close_when_idle()

    @property
    def is_closed(self) -> bool:
        """Whether it was retired, and nothing of it is left."""
        return self._retired and self._engine is None and not self._tasks

    async def aclose(self) -> None:
        """Close the engine, whoever has it. Idempotent."""
        self._retired = True
        self._disarm()
        if self._starting is not None:
            self._starting.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close()

    def status(self) -> EngineStatus:
        """How it does now."""
        objection = self.health.objection(self._clock.now())
        if self._retired:
            return EngineStatus(self.name, "replaced", self.health.calls)
        state: Literal["ready", "down", "resting"] = "down" if self.health.down else "resting" if objection else "ready"
        at, error = self._failure or (None, "")
        failed = None if at is None else self._clock.now() - at
        return EngineStatus(self.name, state, self.health.calls, self.health.down or objection, error, failed)

    def note(self, error: str) -> None:
        """It failed, for a reason that the owner of the server wants to know."""
        self._failure = self._clock.now(), error

    async def _start(self) -> None:
        engine = self.wanted.make()
        try:
            await engine.start()
        except BaseException as error:
            await engine.aclose()
            if isinstance(error, EngineUnavailable) or not isinstance(error, Exception):
                raise
            log.error("%s failed to start", self.name, exc_info=error)
            raise EngineUnavailable("it failed to start; the log of the server has it") from error
        self._engine = engine
        self.health.down = ""

    # --- trying again ---------------------------------------------------------------------------------------

    def _retry_later(self, error: EngineUnavailable) -> None:
        if str(error) != self.health.down:
            log.warning("engine %s does not run, and is tried again: %s", self.name, error)
        self.health.down = str(error)
        self.note(str(error))
        self._timer = self._clock.call_at(self._clock.now() + self._pause, self._start_again)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _start_again(self) -> None:
        self._starting = self._begin(self._retry())

    async def _retry(self) -> None:
        try:
            await self._start()
        except EngineUnavailable as error:
            if not self._retired:
                self._retry_later(error)
        else:
            log.warning("engine %s runs now", self.name)
            self._close_when_idle()

    # --- the end --------------------------------------------------------------------------------------------

    def _close_when_idle(self) -> None:
        if self._retired and not self.health.calls:
            self._disarm()
            self._begin(self._close())

    async def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is None:
            return
        try:
            await engine.aclose()
        except Exception as error:
            log.error("engine %s could not be closed in order", self.name, exc_info=error)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
