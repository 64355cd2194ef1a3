"""Admits calls, and knows those that are running."""

import asyncio
import logging
import secrets
from contextlib import suppress

from antiphon.calls.call import Call
from antiphon.calls.clock import Clock
from antiphon.engines.base import Engine
from antiphon.live.inputs import Drain
from antiphon.live.policy import Policy
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.calls")


class Switchboard:
    """All calls of the process, and the engine that answers them."""

    def __init__(self, engine: Engine, policy: Policy, clock: Clock, max_calls: int) -> None:
        self._engine = engine
        self._policy = policy
        self._clock = clock
        self._max_calls = max_calls
        self._draining = False
        self._calls: dict[str, Call] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def admits(self) -> bool:
        """Whether another call would be taken now."""
        return not self._draining and len(self._calls) < self._max_calls

    def place(self) -> Call:
        """A new call. Its owner must await :meth:`finish`.

        Raises:
            Refusal: the server is full or stopping.
        """
        if self._draining:
            raise Refusal("", "the server is stopping", "connect again", CloseCode.GOING_AWAY)
        if len(self._calls) >= self._max_calls:
            reason = f"all {self._max_calls} sessions of this server are taken"
            raise Refusal("", reason, "try again later", CloseCode.INTERNAL)
        call = Call(secrets.token_hex(8), self._engine, self._policy, self._clock)
        self._calls[call.id] = call
        self._empty.clear()
        return call

    async def finish(self, call: Call) -> None:
        """Wait for the end of everything ``call`` started, and forget it."""
        try:
            await call.ended()
        finally:
            del self._calls[call.id]
            if not self._calls:
                self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Admit nobody, let turns finish for ``seconds``, then close what is left."""
        self._draining = True
        for call in tuple(self._calls.values()):
            call.receive(Drain(seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1):
                await self._empty.wait()
