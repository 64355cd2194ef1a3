"""An engine without a mind of its own: the test says what it does, and sees what it was told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from antiphon.calls.call import Call
from antiphon.calls.memory import Memory
from antiphon.calls.outbox import Outbox
from antiphon.calls.plan import always
from antiphon.engines.base import NOTHING, Abilities
from antiphon.live.events import ModelEvent, UserEvent
from antiphon.live.inputs import ClientLeft
from antiphon.live.policy import Policy
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client


class Line:
    """A conversation that says what :meth:`say` was given."""

    def __init__(self) -> None:
        self.told: list[UserEvent] = []
        self.on_send: Callable[[UserEvent], None] = self.told.append
        self.closes = 0
        self._events: asyncio.Queue[ModelEvent | BaseException | None] = asyncio.Queue()

    def say(self, *events: ModelEvent | BaseException | None) -> None:
        """Yield events; raise an exception; end at None."""
        for event in events:
            self._events.put_nowait(event)

    def send(self, event: UserEvent) -> None:
        self.on_send(event)

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        while (event := await self._events.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event

    async def aclose(self) -> None:
        self.closes += 1
        self.say(None)


class Engine:
    """Opens the one :class:`Line` it has, unless ``fail`` is set; waits for ``may_open`` first."""

    abilities = Abilities("line")

    def __init__(self) -> None:
        self.line = Line()
        self.fail: Exception | None = None
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.setups: list[Setup] = []

    async def start(self) -> None: ...

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
        self.setups.append(setup)
        await self.may_open.wait()
        if self.fail is not None:
            raise self.fail
        return self.line

    async def aclose(self) -> None: ...


@pytest.fixture
async def engine() -> Engine:
    return Engine()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(now=1000.0)


@pytest.fixture
async def call(engine: Engine, clock: VirtualClock) -> AsyncIterator[Call]:
    """A call that ends with its test."""
    call = Call("a-call", always(engine), Policy(), clock)
    yield call
    call.receive(ClientLeft())
    await call.ended()


@pytest.fixture
async def opened(call: Call) -> Call:
    """A call whose session is open; its ``setupComplete`` is taken."""
    call.receive(client.Setup(model="gemini-3.8-live"))
    await call.outbox.get()
    return call


async def settle() -> None:
    """Let every task do what it can do now."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture(name="settle")
def settle_fixture() -> Callable[[], Coroutine[Any, Any, None]]:
    return settle


@pytest.fixture
def waiting() -> Callable[[Outbox], Coroutine[Any, Any, list[Any]]]:
    """Takes everything that waits in an outbox."""

    async def waiting(outbox: Outbox) -> list[Any]:
        items: list[Any] = []
        while True:
            getting = asyncio.ensure_future(outbox.get())
            await settle()
            if not getting.done():
                getting.cancel()
                return items
            items.append(getting.result())

    return waiting


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], Coroutine[Any, Any, None]]:
    """Waits for what another thread brings about."""

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():  # noqa: ASYNC110 (another thread brings it about)
                await asyncio.sleep(0.001)

    return until


OpenMemory = Callable[[], Coroutine[Any, Any, Memory]]


@pytest.fixture
async def open_memory(tmp_path: Path) -> AsyncIterator[OpenMemory]:
    """Opens the same database once more, as another process would."""
    memories: list[Memory] = []

    async def open_memory() -> Memory:
        memory = Memory(tmp_path, 7200.0, 86_400.0, lambda: 1_700_000_000.0)
        memories.append(memory)
        await memory.open()
        return memory

    yield open_memory
    for memory in memories:
        await memory.aclose()


@pytest.fixture
async def memory(open_memory: OpenMemory) -> Memory:
    return await open_memory()


@pytest.fixture(autouse=True)
async def no_task_left() -> AsyncIterator[None]:
    """Whatever a test started has ended with it."""
    before = asyncio.all_tasks()
    yield
    await settle()
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert not left
