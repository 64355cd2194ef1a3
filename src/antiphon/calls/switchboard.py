"""Admits calls, and knows those that are running."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress

from antiphon.calls.call import Admission, Call, Marker
from antiphon.calls.caller import Caller
from antiphon.calls.clock import Clock
from antiphon.calls.line import Announcer
from antiphon.calls.memory import Memory
from antiphon.calls.metering import Metering
from antiphon.calls.observer import Observe, by_nobody
from antiphon.calls.plan import Plan
from antiphon.live.inputs import Drain, Evicted, Refused
from antiphon.live.policy import Policy
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.calls")


class Switchboard:
    """All calls of the process. Which engines may answer one, ``plans`` says by the name of its model.

    Calls look up at ``admission`` what setups refer to and leave in ``memory`` what outlives them; ``metering`` keeps
    account of what they cost, and each has a marker of its own from ``make_marker`` and an observer from ``observe``.
    """

    def __init__(
        self,
        plans: Callable[[str], Plan],
        policy: Policy,
        clock: Clock,
        max_calls: int,
        *,
        admission: Admission | None = None,
        memory: Memory | None = None,
        metering: Metering | None = None,
        make_marker: Callable[[], Marker] | None = None,
        announcer: Announcer | None = None,
        observe: Observe = by_nobody,
    ) -> None:
        self._plans = plans
        self._policy = policy
        self._clock = clock
        self._max_calls = max_calls
        self._admission = admission
        self._memory = memory
        self._metering = metering
        self._make_marker = make_marker
        self._announcer = announcer
        self._observe = observe
        self._draining = False
        # Not by session: that is another one, once a call goes on with it, and two calls may have it for a moment.
        self._calls: set[Call] = set()
        # Those that have begun: of a key there may be so many at once.
        self._counted: set[Call] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def calls(self) -> tuple[Call, ...]:
        """All that run."""
        return tuple(self._calls)

    @property
    def admits(self) -> bool:
        """Whether another call would be taken now."""
        return not self._draining and len(self._calls) < self._max_calls

    def place(self, caller: Caller | None = None) -> Call:
        """A new call, from ``caller``. Its owner must await :meth:`finish`.

        Raises:
            Refusal: the server is full or stopping.
        """
        if self._draining:
            raise Refusal("", "the server is stopping", "connect again", CloseCode.GOING_AWAY)
        if len(self._calls) >= self._max_calls:
            reason = f"all {self._max_calls} sessions of this server are taken"
            raise Refusal("", reason, "try again later", CloseCode.INTERNAL)
        call = Call(
            secrets.token_hex(8),
            self._plans,
            self._policy,
            self._clock,
            caller=caller,
            admission=self._admission,
            memory=self._memory,
            metering=self._metering,
            enter=self._enter,
            evict=self._evict,
            marker=self._make_marker() if self._make_marker else None,
            announcer=self._announcer,
            observe=self._observe,
        )
        self._calls.add(call)
        self._empty.clear()
        return call

    async def finish(self, call: Call) -> None:
        """Wait for the end of everything ``call`` started, and forget it."""
        try:
            await call.ended()
        finally:
            self._calls.discard(call)
            self._counted.discard(call)
            if not self._calls:
                self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Admit nobody, let turns finish for ``seconds``, then close what is left."""
        self._draining = True
        for call in self.calls:
            call.receive(Drain(seconds))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1):
                await self._empty.wait()

    def dismiss(self, unwanted: Callable[[Call], bool], refusal: Refusal) -> int:
        """Close the calls that are ``unwanted``, at once, and say why; how many there were."""
        calls = [call for call in self.calls if not call.session.closed and unwanted(call)]
        for call in calls:
            call.receive(Refused(refusal))
        return len(calls)

    def _enter(self, call: Call, session_id: str) -> None:
        """Count a call that begins. One that goes on with a session takes the place of whoever has it yet.

        Raises:
            Refusal: its key has as many sessions as it may have.
        """
        limit, owner = call.caller.limits.concurrent, call.caller.owner
        others = {each.id for each in self._counted if each.caller.owner == owner and not each.session.closed}
        if limit is not None and len(others - {session_id}) >= limit:
            reason = f"this key may have {limit} sessions at once, and has them"
            raise Refusal("", reason, "end one, or try again later", CloseCode.POLICY)
        self._counted.add(call)

    def _evict(self, successor: Call, session_id: str) -> None:
        """End the calls that have the session with which ``successor`` goes on."""
        for call in self.calls:
            if call is not successor and call.id == session_id:
                call.receive(Evicted())
