"""Thoughts that can be given up."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from antiphon.engines.cascade.parts import Say, Thought
from antiphon.engines.cascade.thinking import GivenUp, Thoughts


class Source:
    def __init__(self, waits: bool = False) -> None:
        self.closed = 0
        self._waits = waits

    async def __call__(self) -> AsyncGenerator[Thought, None]:
        try:
            yield Say("one")
            if self._waits:
                await asyncio.Event().wait()
            yield Say("two")
        finally:
            self.closed += 1


async def test_they_come_one_by_one() -> None:
    source = Source()
    thoughts = Thoughts(source())
    assert [await thoughts.next(), await thoughts.next(), await thoughts.next()] == [Say("one"), Say("two"), None]
    await thoughts.aclose()
    assert source.closed == 1


async def test_given_up_while_somebody_waits() -> None:
    source = Source(waits=True)
    thoughts = Thoughts(source())
    await thoughts.next()
    waiting = asyncio.create_task(thoughts.next())
    await asyncio.sleep(0)
    thoughts.give_up()
    with pytest.raises(GivenUp):
        await waiting
    assert source.closed == 1
    await thoughts.aclose()


async def test_given_up_while_nobody_waits() -> None:
    source = Source()
    thoughts = Thoughts(source())
    await thoughts.next()
    thoughts.give_up()
    thoughts.give_up()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert source.closed == 1
    with pytest.raises(GivenUp):
        await thoughts.next()
    await thoughts.aclose()


async def test_a_brain_that_is_too_slow_by_itself_is_no_one_given_up() -> None:
    async def slow() -> AsyncGenerator[Any, None]:
        yield Say("one")
        raise TimeoutError("too slow")

    thoughts = Thoughts(slow())
    await thoughts.next()
    with pytest.raises(TimeoutError, match="too slow"):
        await thoughts.next()
