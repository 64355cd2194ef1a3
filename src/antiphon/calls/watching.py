"""Those who look on at calls while they run.

Whoever watches a call is told all of it so far, and from then on what changed. What changed is kept as a set of numbers
for each watcher, never as a queue: one who reads slowly hears of fewer steps and misses nothing. A call that nobody
watches pays a comparison for each event that its timeline looks at, and nothing for sound.

Everything here belongs to one event loop, and nothing raises into a call.
"""

import asyncio
import copy
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, Self

from msgspec import Struct

from antiphon.calls.bill import Bill
from antiphon.calls.caller import Caller
from antiphon.live.machine import User
from antiphon.live.session import Session
from antiphon.live.timeline import Entry, Money, Turn
from antiphon.live.tokens import Usage
from antiphon.meter.prices import Prices

LULL = 0.1
"""Seconds between two news of a call to one watcher, at least."""

Doing = Literal["listening", "hearing", "thinking", "speaking", "tool"]


class Watched(Protocol):
    """A call that tells of itself: its timeline, written while it happens."""

    session: Session
    caller: Caller
    began: float
    """When it began, by the clock of the calls."""
    entries: list[Entry]
    """In the order in which they came: the number of an entry never changes."""
    turn: Turn | None
    """The latest."""
    usage: Usage
    bill: Bill
    content: bool
    watches: "set[Watch]"

    @property
    def turns(self) -> int:
        """How many ended."""
        ...

    @property
    def money(self) -> Money | None:
        """What it cost until now; None without metering."""
        ...


class Running(Struct, frozen=True, kw_only=True):
    """A call that runs. ``began`` is in seconds of the Unix epoch, ``clock`` the same moment by the clock of the calls.

    ``cost`` is None without metering. ``content``: its timeline holds words.
    """

    session_id: str
    owner: str
    model: str
    engine: str
    began: float
    clock: float
    seconds: float
    turns: int
    doing: Doing
    cost: Money | None
    content: bool


class Context(Struct, frozen=True):
    """Tokens that the model read last, of the ``window`` it can read.

    If the window slides, it does so at ``trigger`` tokens, down to ``target``.
    """

    tokens: int
    window: int
    trigger: int | None = None
    target: int | None = None


class End(Struct, frozen=True):
    """How a call ended; no code where the client left."""

    code: int | None
    reason: str


class News(Struct, frozen=True, kw_only=True):
    """What became of a call since the last time: entries that are new or changed, with their numbers, and its state.

    ``usage`` and ``bill`` are those of this connection so far. Nothing follows once there is an ``end``.
    """

    entries: tuple[tuple[int, Entry], ...]
    running: Running
    usage: Usage
    bill: Bill
    context: Context
    end: End | None = None


class Watch:
    """News of one call, for one watcher: an iterator that ends after the end of the call. Close it, or use ``with``."""

    def __init__(self, watching: "Watching", call: Watched, lull: float = LULL) -> None:
        self._watching = watching
        self._call = call
        self._lull = lull
        self._changed = set(range(len(call.entries)))
        self._end: End | None = None
        self._over = False
        self._last = 0.0
        self._stirred = asyncio.Event()
        self._stirred.set()
        call.watches.add(self)

    @property
    def running(self) -> Running:
        """The call as it is now."""
        return self._watching.describe(self._call)

    def stir(self, number: int | None = None) -> None:
        """Something changed; of the timeline, its entry ``number``."""
        if number is not None:
            self._changed.add(number)
        self._stirred.set()

    def end(self, end: End) -> None:
        """The call is over."""
        self._end = end
        self._stirred.set()

    def close(self) -> None:
        """Look away. Idempotent."""
        self._over = True
        self._call.watches.discard(self)
        self._stirred.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> News:
        """The next news, as soon as there are any and the last are not too fresh."""
        await self._stirred.wait()
        loop = asyncio.get_running_loop()
        wait = self._last + self._lull - loop.time()
        if wait > 0 and self._end is None and not self._over:
            await asyncio.sleep(wait)
        if self._over:
            raise StopAsyncIteration
        self._last = loop.time()
        self._stirred.clear()
        return self._take()

    def _take(self) -> News:
        numbers, self._changed = sorted(self._changed), set()
        if self._end is not None:
            self.close()
        call = self._call
        return News(
            # Copies: the timeline goes on changing its own.
            entries=tuple((number, copy.copy(call.entries[number])) for number in numbers),
            running=self.running,
            usage=call.usage,
            bill=call.bill,
            context=_context(call),
            end=self._end,
        )


class Watching:
    """The calls that run, and who watches them. ``now`` is the time of day and ``clock`` that of the calls, in seconds.

    ``prices`` are those of the bills.
    """

    def __init__(self, prices: Prices, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self.prices = prices
        self._now = now
        self._clock = clock
        self._calls: dict[str, Watched] = {}
        self._begun: set[asyncio.Event] = set()
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether nobody may watch any more."""
        return self._closed

    def calls(self) -> list[Running]:
        """All calls that run and whose setup was agreed, in the order in which they began."""
        return [self.describe(call) for call in self._calls.values()]

    def watch(self, session_id: str, *, lull: float = LULL) -> Watch | None:
        """Watch a session; None if it does not run. ``lull`` is the least time between two news, in seconds."""
        call = self._calls.get(session_id)
        return None if call is None or self._closed else Watch(self, call, lull)

    async def wait_for(
        self, session_id: str, seconds: float, wanted: Callable[[Running], bool] = lambda running: True
    ) -> Running | None:
        """The session once it runs, if it is ``wanted``; None if it does not within ``seconds``."""
        begun = asyncio.Event()
        self._begun.add(begun)
        try:
            async with asyncio.timeout(seconds):
                while not self._closed:
                    call = self._calls.get(session_id)
                    if call is not None and wanted(running := self.describe(call)):
                        return running
                    await begun.wait()
                    begun.clear()
        except TimeoutError:
            pass
        finally:
            self._begun.discard(begun)
        return None

    def describe(self, call: Watched) -> Running:
        """A call as it is now."""
        session, clock = call.session, self._clock()
        setup = session.setup
        assert setup is not None
        return Running(
            session_id=session.id,
            owner=call.caller.owner,
            model=setup.profile.id,
            engine=session.dialogue.abilities.name,
            began=self._now() - (clock - call.began),
            clock=call.began,
            seconds=max(0.0, clock - call.began),
            turns=call.turns,
            doing=_doing(call),
            cost=call.money,
            content=call.content,
        )

    def begin(self, call: Watched) -> None:
        """A call was set up. One that goes on with the session of another takes its place."""
        self._calls.pop(call.session.id, None)
        self._calls[call.session.id] = call
        for event in self._begun:
            event.set()

    def finish(self, call: Watched, end: End) -> None:
        """A call is over."""
        if self._calls.get(call.session.id) is call:
            del self._calls[call.session.id]
        for watch in tuple(call.watches):
            watch.end(end)

    def close(self) -> None:
        """Nobody may watch any more: the server stops."""
        self._closed = True
        for call in self._calls.values():
            for watch in tuple(call.watches):
                watch.close()
        for event in self._begun:
            event.set()


def stir(call: Watched, entries: Sequence[Entry | None] = ()) -> None:
    """Tell those who watch ``call`` that something changed, and which of its entries did."""
    for entry in entries:
        number = next((n for n in reversed(range(len(call.entries))) if call.entries[n] is entry), None)
        for watch in call.watches:
            watch.stir(number)
    for watch in call.watches:
        watch.stir()


def _doing(call: Watched) -> Doing:
    dialogue, turn = call.session.dialogue, call.turn
    if dialogue.user.state is User.ACTIVE:
        return "hearing"
    if turn is None or turn.ended is not None or turn.interrupted is not None:
        return "listening"
    if dialogue.calls.pending:
        return "tool"
    return "thinking" if turn.first is None else "speaking"


def _context(call: Watched) -> Context:
    setup = call.session.setup
    assert setup is not None
    compression = setup.compression
    read = [entry for entry in reversed(call.entries) if type(entry) is Turn and entry.usage.total][:1]
    tokens = read[0].usage.prompt.total + read[0].usage.tool_prompt.total if read else 0
    return Context(
        tokens or call.session.context.tokens.total,
        setup.profile.input_token_limit,
        compression.trigger_tokens if compression else None,
        compression.target_tokens if compression else None,
    )
