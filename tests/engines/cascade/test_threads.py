"""The line before the threads of a model."""

import asyncio
import threading

import pytest

from antiphon.engines.cascade.parts import RecogniserBusy
from antiphon.engines.cascade.threads import ModelThreads


class Work:
    """Work that takes until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go_on.wait(10)
        return threading.current_thread().name


async def begun(work: Work) -> None:
    assert await asyncio.to_thread(work.begun.wait, 10)


def started(threads: int = 1, wait: float = 10.0, line: int = 4) -> ModelThreads:
    made = ModelThreads(threads, wait, line, "buy more")
    made.start("model")
    return made


async def test_work_runs_in_a_thread_of_its_own() -> None:
    threads, work = started(), Work()
    work.go_on.set()
    assert (await threads.run(work)).startswith("model")
    await threads.aclose()


async def test_what_work_raises_is_raised() -> None:
    threads = started()
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 / 0)
    assert await threads.run(lambda: 5) == 5
    await threads.aclose()


async def test_who_waits_too_long_is_told_what_to_do() -> None:
    threads, work = started(wait=0.01), Work()
    running = asyncio.create_task(threads.run(work))
    await begun(work)
    with pytest.raises(RecogniserBusy, match=r"within 0\.01 s; buy more"):
        await threads.run(lambda: None)
    work.go_on.set()
    await running
    await threads.aclose()


async def test_a_full_line_takes_nobody() -> None:
    threads, work = started(line=1), Work()
    running = asyncio.create_task(threads.run(work))
    await begun(work)
    waiting = asyncio.create_task(threads.run(lambda: "next"))
    await asyncio.sleep(0)
    with pytest.raises(RecogniserBusy, match="1 utterances wait"):
        await threads.run(lambda: None)
    work.go_on.set()
    await running
    assert await waiting == "next"
    await threads.aclose()


async def test_who_leaves_the_line_does_not_run() -> None:
    threads, work, ran = started(), Work(), []
    running = asyncio.create_task(threads.run(work))
    await begun(work)
    waiting = asyncio.create_task(threads.run(lambda: ran.append(1)))
    await asyncio.sleep(0)
    waiting.cancel()
    work.go_on.set()
    await running
    assert await threads.run(lambda: "after") == "after"
    assert ran == []
    await threads.aclose()


async def test_a_thread_stays_taken_while_work_that_nobody_wants_is_done() -> None:
    threads, work = started(), Work()
    running = asyncio.create_task(threads.run(work))
    await begun(work)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not threads.idle
    work.go_on.set()
    assert await threads.run(lambda: "after") == "after"
    await threads.aclose()


async def test_closed_threads_take_nothing() -> None:
    threads = started()
    await threads.aclose()
    await threads.aclose()
    with pytest.raises(RecogniserBusy, match="not running"):
        await threads.run(lambda: None)


async def test_closing_waits_for_work_and_turns_away_who_waits() -> None:
    threads, work = started(), Work()
    running = asyncio.create_task(threads.run(work))
    await begun(work)
    waiting = asyncio.create_task(threads.run(lambda: None))
    await asyncio.sleep(0)
    closing = asyncio.create_task(threads.aclose())
    await asyncio.sleep(0)
    work.go_on.set()
    await asyncio.gather(running, closing)
    with pytest.raises(RecogniserBusy, match="closed"):
        await waiting
