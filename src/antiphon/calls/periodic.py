"""Work that comes round again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from antiphon.calls.clock import Clock, Timer

log = logging.getLogger("antiphon.calls")


class Periodic:
    """Does ``work`` every ``seconds`` after it was done, until :meth:`aclose`.

    Work that fails is tried again in its time; the log has the first failure of a row.
    """

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float, clock: Clock) -> None:
        self._work = work
        self._seconds = seconds
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._fails = False
        self._timer: Timer = self._arm()

    async def aclose(self) -> None:
        """Stop, in the middle if need be. Idempotent."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _arm(self) -> Timer:
        return self._clock.call_at(self._clock.now() + self._seconds, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._once())

    async def _once(self) -> None:
        try:
            await self._work()
            self._fails = False
        except Exception as error:
            if not self._fails:
                log.error("%s", error, exc_info=error)
            self._fails = True
        self._timer = self._arm()
