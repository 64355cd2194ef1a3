"""Time that stands still until a test moves it: half an hour of silence costs no time at all."""

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count

from antiphon.calls.clock import Timer


class VirtualClock:
    """A :class:`~antiphon.calls.clock.Clock` in seconds that moves only by :meth:`advance`.

    Give it to a server in place of its own clock, and limits such as ``idle_timeout`` or ``tool_timeout`` are
    reached when the test says so::

        clock = VirtualClock()
        server = Server(config, engine, clock)
        ...
        clock.advance(1800)     # every session that was idle for half an hour is closed now

    A server that runs in a thread of its own needs its ``loop`` told here; then :meth:`advance` may be called from
    any thread and returns when every timer that came due has been called in the server's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None, now: float = 0.0) -> None:
        self._loop = loop
        self._now = now
        self._timers: list[tuple[float, int, _Timer]] = []
        self._numbers = count()

    def now(self) -> float:
        """The time."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` when the clock gets to ``when``; soon, in the event loop, if that has passed."""
        if when <= self._now:
            return (self._loop or asyncio.get_running_loop()).call_soon(callback)
        timer = _Timer(callback)
        # Timers due at the same moment fire in the order they were set.
        heapq.heappush(self._timers, (when, next(self._numbers), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: what comes due is called in order, each at its own moment.

        That includes timers set on the way. What a callback leaves to the event loop, such as waking a task,
        happens when the loop runs next.

        Raises:
            ValueError: time does not go backwards.
        """
        if seconds < 0:
            raise ValueError(f"time cannot go back by {-seconds:g} s")
        if self._loop is None or self._loop is _running_loop():
            self._advance(seconds)
            return
        done: Future[None] = Future()
        self._loop.call_soon_threadsafe(_report, done, self._advance, seconds)
        done.result()

    def _advance(self, seconds: float) -> None:
        end = self._now + seconds
        while self._timers and self._timers[0][0] <= end:
            when, _, timer = heapq.heappop(self._timers)
            self._now = max(self._now, when)
            timer.fire()
        self._now = max(self._now, end)


class _Timer:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self._callback = None

    def fire(self) -> None:
        if self._callback is not None:
            self._callback()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _report(done: "Future[None]", work: Callable[[float], None], seconds: float) -> None:
    try:
        work(seconds)
    except BaseException as error:
        done.set_exception(error)
    else:
        done.set_result(None)
