"""A few threads that run a model which releases the interpreter lock, and a bounded line before them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from antiphon.engines.cascade.parts import RecogniserBusy

T = TypeVar("T")


class ModelThreads:
    """Runs blocking work in ``threads`` threads, first come, first served.

    A caller that is cancelled leaves the line; work that has begun cannot be stopped, so its thread stays taken until
    it is done, and its result is thrown away.

    Args:
        threads: how many pieces of work run at once.
        wait: seconds a caller may stand in line.
        line: callers that may stand in line.
        remedy: what an owner does when there are too few threads, for the message of :class:`RecogniserBusy`.
    """

    def __init__(self, threads: int, wait: float, line: int, remedy: str) -> None:
        self._threads = threads
        self._wait = wait
        self._line = line
        self._remedy = remedy
        self._waiting = 0
        self._free: asyncio.Semaphore | None = None
        self._executor: ThreadPoolExecutor | None = None

    def start(self, name: str) -> None:
        """Make the threads, named after ``name``."""
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix=name)
        self._free = asyncio.Semaphore(self._threads)

    @property
    def idle(self) -> bool:
        """Whether work would begin at once."""
        return self._free is not None and not self._free.locked()

    async def run(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises.

        Raises:
            RecogniserBusy: no thread became free in time, the line is full, or the threads are closed.
        """
        executor = await self._take_thread()
        loop = asyncio.get_running_loop()
        done = executor.submit(work)
        done.add_done_callback(lambda _: loop.call_soon_threadsafe(self._give_back))
        return await _result(done)

    async def aclose(self) -> None:
        """Wait for what runs, and end the threads. Idempotent."""
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown)

    async def _take_thread(self) -> ThreadPoolExecutor:
        if self._executor is None or self._free is None:
            raise RecogniserBusy("the recogniser is not running; it was closed or never started")
        if self._free.locked() and self._waiting >= self._line:
            raise RecogniserBusy(f"{self._waiting} utterances wait for the recogniser already; {self._remedy}")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise RecogniserBusy(f"no recogniser became free within {self._wait:g} s; {self._remedy}") from None
        finally:
            self._waiting -= 1
        if self._executor is None:
            self._give_back()
            raise RecogniserBusy("the recogniser was closed")
        return self._executor

    def _give_back(self) -> None:
        assert self._free is not None
        self._free.release()


async def _result(done: Future[T]) -> T:
    return await asyncio.wrap_future(done)
