"""The thoughts of a brain, taken one by one, that can be given up while nobody waits for the next."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from antiphon.engines.cascade.parts import Thought


class GivenUp(Exception):
    """The brain was closed before it had thought to the end."""


class Thoughts:
    """What ``thoughts`` yields; :meth:`give_up` ends it at once, wherever it is."""

    def __init__(self, thoughts: AsyncGenerator[Thought, None]) -> None:
        self._thoughts = thoughts
        self._given_up = False
        self._waiting: asyncio.Timeout | None = None
        self._closing: asyncio.Task[None] | None = None

    async def next(self) -> Thought | None:
        """The next thought; None when there are no more.

        Raises:
            GivenUp: the rest was given up.
        """
        if self._given_up:
            raise GivenUp
        try:
            async with asyncio.timeout(None) as self._waiting:
                return await anext(self._thoughts, None)
        except TimeoutError:
            if self._given_up:
                raise GivenUp from None
            raise
        finally:
            self._waiting = None

    def give_up(self) -> None:
        """Close the brain now: whoever waits for its next thought, or asks for it, learns that there is none."""
        if self._given_up:
            return
        self._given_up = True
        loop = asyncio.get_running_loop()
        if self._waiting is not None:
            self._waiting.reschedule(loop.time())
        else:
            self._closing = loop.create_task(self._thoughts.aclose())

    async def aclose(self) -> None:
        """Close the brain. Idempotent."""
        if self._closing is not None:
            with contextlib.suppress(Exception):
                await self._closing
        await self._thoughts.aclose()
