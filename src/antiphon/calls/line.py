"""The engine's side of a call: opens conversations, one after the other if need be, and loses nothing between them.

When an engine is lost in the middle of a call, the next one of the call's plan takes over. What the user said since the
engine before heard their last word is told again, and what comes while no engine is there waits: sound for at most
:data:`KEPT_SECONDS`, the oldest goes first and is counted; everything else is kept, in order.
"""

import asyncio
import logging
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import Any, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from antiphon.calls.clock import Clock
from antiphon.calls.hearing_again import from_activity, speech_begins
from antiphon.calls.plan import Placement, Plan
from antiphon.engines.base import Conversation, EngineUnavailable
from antiphon.live import timeline
from antiphon.live.effects import Announce, Open
from antiphon.live.events import (
    ActivityEnd,
    ActivityEnded,
    ActivityStart,
    ActivityStarted,
    Audio,
    Failure,
    GenerationComplete,
    Image,
    Lost,
    ModelEvent,
    Relayed,
    StreamEnd,
    Used,
    UserEvent,
)
from antiphon.live.inputs import EngineLost, EngineOpened
from antiphon.live.setup import Setup

log = logging.getLogger("antiphon.calls")

KEPT_SECONDS = 30.0
"""How much of the user's sound can be told again."""

KEPT_PICTURES = 60
"""How many pictures can be shown again: the newest, of twice as many that wait at most."""

MAX_KEPT = 20_000
"""How many events wait at most, whatever they are: a minute of sound in chunks of 3 ms."""

OPEN_SECONDS = 10.0
"""How long an engine may take to begin a conversation."""

TAKE_OVER_SECONDS = 20.0
"""How long a call waits for an engine that takes over before it ends."""

CLOSE_SECONDS = 5.0
"""How long a conversation that was lost may take to let go."""

SETTLE_SECONDS = 0.5
"""How long a conversation that was closed may take to tell what it used."""

_INPUT = (Audio, ActivityStart, ActivityEnd, StreamEnd, Image)


class Announcer(Protocol):
    """Says what no engine made, with a voice of the server's own."""

    def say(self, generation: int, text: str, setup: Setup) -> AsyncIterator[ModelEvent]:
        """The events of ``text``, spoken or written as ``setup`` has it, without the end of the generation."""
        ...


class Gap(Struct, frozen=True):
    """A time without an engine. ``began`` in seconds of the call's clock; ``taken_over_by`` is empty when none did."""

    began: float
    seconds: float
    reason: str
    lost: str
    taken_over_by: str


class Line:
    """The conversations of one call. What they do is handed to ``receive``, through ``mark``.

    Nothing is done before :meth:`open` and after :meth:`aclose`.
    """

    def __init__(
        self,
        plan: Plan,
        clock: Clock,
        receive: Callable[[Any], None],
        mark: Callable[[ModelEvent], tuple[ModelEvent, ...]],
        announcer: Announcer | None = None,
        name: Callable[[], str] = lambda: "",
    ) -> None:
        self.gaps: list[Gap] = []
        self.upstream_gaps: list[Gap] = []
        """Times in which an engine was there, and its upstream was not."""
        self.decisions: list[tuple[float, str]] = []
        """What the plan of the call decided, where it tells, and when."""
        self.dropped_seconds = 0.0
        """Sound of the user that no engine heard, because none came in time."""
        self._plan = plan
        self._clock = clock
        self._receive = receive
        self._mark = mark
        self._announcer = announcer
        self._name = name
        self._placement: Placement | None = None
        self._conversation: Conversation | None = None
        self._opened_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._pump: asyncio.Task[None] | None = None
        self._kept: list[tuple[float, UserEvent]] = []
        self._pictures = 0
        self._kept_from = self._offset = self._base = 0.0
        self._lost_at: float | None = None
        self._lost_offset = 0.0
        self._lost_name = self._reason = ""
        self._over = False

    @property
    def told_gaps(self) -> list[timeline.Gap]:
        """All gaps, as a timeline has them; they begin in seconds of the call's clock."""
        kinds: tuple[tuple[Literal["engine", "upstream"], list[Gap]], ...]
        kinds = (("engine", self.gaps), ("upstream", self.upstream_gaps))
        return [
            timeline.Gap(
                at=gap.began, where=where, seconds=gap.seconds, reason=gap.reason, lost=gap.lost, next=gap.taken_over_by
            )
            for where, gaps in kinds
            for gap in gaps
        ]

    # --- what the session wants -----------------------------------------------------------------------------

    def open(self, effect: Open) -> None:
        """Open the next conversation of the plan."""
        if not self._over:
            self._pump = self._start(self._converse(effect))

    def tell(self, event: UserEvent) -> None:
        """Hand an event to the engine; what the user says and shows waits while there is none.

        Raises:
            Exception: whatever the engine raised.
        """
        if type(event) in _INPUT:
            self._keep(event)
        if self._conversation is not None:
            self._conversation.send(event)

    def skip(self, seconds: float) -> None:
        """So much sound of the user no engine is told; the session counts it all the same."""
        self._offset += seconds

    def abandon(self, reason: str) -> None:
        """Give the present conversation up."""
        if self._conversation is not None:
            self._lose(reason, retry=True)

    def fail(self, error: Exception) -> None:
        """The present conversation could not take an event."""
        if self._conversation is not None:
            log.error("%s: the engine failed", self._name(), exc_info=error)
            self._lose(_FAILED, repr(error))

    def announce(self, effect: Announce) -> None:
        """Let the engine go, and say something in its place."""
        self._hang_up()
        self._over = True
        if self._pump is not None:
            # It may be looking for an engine, which is wanted no more; nor is it a failure if there is none.
            self._pump.cancel()
        self._start(self._say(effect))

    async def aclose(self) -> None:
        """End everything. Idempotent."""
        self._over = True
        self._hang_up()
        for task in self._tasks:
            if task.get_name() != _CLOSING:
                task.cancel()
        while self._tasks:
            # Not gathered: whoever is cancelled while it waits here does not cancel what lets an engine go.
            await asyncio.wait(self._tasks)

    # --- conversations --------------------------------------------------------------------------------------

    async def _converse(self, effect: Open) -> None:
        opened = await self._find(effect)
        if opened is None:
            return
        self._conversation, self._opened_at = opened, self._clock.now()
        if self._over:
            # Nobody waits for it any more.
            self._hang_up()
            return
        self._receive(EngineOpened(self._engine.abilities))
        self._take_over(effect)
        await self._listen(opened)

    async def _find(self, effect: Open) -> Conversation | None:
        """A conversation with the first engine of the plan that begins one."""
        reason = self._reason
        while not self._overdue:
            placement = self._placement or self._choose()
            self._placement = None
            if placement is None:
                break
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    conversation = await placement.engine.open(effect.setup, effect.seed)
            except (EngineUnavailable, TimeoutError) as error:
                reason = str(error) or f"{placement.name} did not begin within {OPEN_SECONDS:g} s"
                placement.failed(reason)
            except Exception as error:
                log.error("%s: %s failed to begin", self._name(), placement.name, exc_info=error)
                reason = _FAILED
                placement.failed(reason)
            except BaseException:
                placement.release()
                raise
            else:
                self._placement = placement
                placement.opened()
                return conversation
            placement.release()
        self._note_gap("")
        self._receive(Failure(reason or "no engine is left for this model"))
        return None

    @property
    def _overdue(self) -> bool:
        return self._lost_at is not None and self._clock.now() > self._lost_at + TAKE_OVER_SECONDS

    @property
    def _engine(self) -> Any:
        assert self._placement is not None
        return self._placement.engine

    def _take_over(self, effect: Open) -> None:
        """Tell an engine that takes over what the one before did not hear to the end."""
        assert self._placement is not None
        if self._lost_at is None:
            self._base = 0.0
            return
        begins = self._lost_offset if effect.replay_from is None else effect.replay_from
        self._note_gap(self._placement.name)
        kept = [(offset, event) for offset, event in self._kept if offset >= begins]
        kept = kept[speech_begins(kept) :] if effect.setup.detection.automatic else from_activity(kept)
        self._base = kept[0][0] if kept else self._offset
        self.dropped_seconds += max(0.0, self._kept_from - begins)
        for _, event in kept:
            if self._conversation is not None:
                self._conversation.send(event)

    async def _listen(self, conversation: Conversation) -> None:
        """Hand on what the engine does until it ends or is lost."""
        try:
            async for event in conversation:
                if conversation is not self._conversation:
                    self._take_use(event)
                    return
                if type(event) is Lost:
                    self._lose(event.reason, event.detail, retry=event.retry)
                    return
                for each in self._placed(event):
                    for marked in self._mark(each):
                        self._receive(marked)
        except asyncio.CancelledError:
            if self._over:
                raise
            self._lose_this(conversation, _ENDED)
        except Exception as error:
            log.error("%s: the engine failed", self._name(), exc_info=error)
            self._lose_this(conversation, _FAILED, repr(error))
        else:
            self._lose_this(conversation, _ENDED)

    def _placed(self, event: ModelEvent) -> tuple[ModelEvent, ...]:
        """The event with its offsets on the session's clock: an engine counts the sound that it heard."""
        if not self._base:
            return (event,)
        if isinstance(event, ActivityStarted | ActivityEnded):
            return (replace(event, offset=event.offset + self._base),)
        if isinstance(event, Relayed) and any(isinstance(e, ActivityStarted | ActivityEnded) for e in event.events):
            return tuple(placed for each in event.events for placed in self._placed(each))
        return (event,)

    def _choose(self) -> Placement | None:
        placement = self._plan.choose()
        told: Sequence[str] = getattr(self._plan, "decisions", ())
        self.decisions += [(self._clock.now(), text) for text in told[len(self.decisions) :]]
        return placement

    def _lose_this(self, conversation: Conversation, reason: str, detail: str = "") -> None:
        """This conversation is gone, which means nothing if another one has taken over."""
        if conversation is self._conversation:
            self._lose(reason, detail)

    def _lose(self, reason: str, detail: str = "", *, retry: bool = True) -> None:
        """The conversation is gone: the next engine takes over, or the call ends."""
        if self._over or self._placement is None:
            return
        lost, self._placement = self._placement, None
        lost.failed(reason, retry=retry)
        self._lost_name, self._reason = lost.name, reason
        self._lost_at, self._lost_offset = self._clock.now(), self._offset
        self._let_go(lost)
        self._placement = self._choose()
        if self._placement is None:
            self._receive(Failure(reason, detail=detail))
            return
        log.warning("%s: %s was lost (%s), %s takes over", self._name(), lost.name, detail or reason, self._next_name)
        self._receive(EngineLost(reason))

    @property
    def _next_name(self) -> str:
        return self._placement.name if self._placement else ""

    def _note_gap(self, taken_over_by: str) -> None:
        if self._lost_at is not None:
            seconds = self._clock.now() - self._lost_at
            self.gaps.append(Gap(self._lost_at, seconds, self._reason, self._lost_name, taken_over_by))
            self._lost_at = None

    def _note_upstream_gaps(self, conversation: Conversation, name: str) -> None:
        """Engines that resume their upstream themselves say how long that took."""
        for gap in getattr(conversation, "gaps", ()):
            after = name if gap.resumed else ""
            self.upstream_gaps.append(Gap(self._opened_at + gap.began, gap.seconds, gap.why, name, after))

    def _hang_up(self) -> None:
        self._note_gap("")
        placement, self._placement = self._placement, None
        if placement is not None:
            self._let_go(placement)

    def _let_go(self, placement: Placement) -> None:
        conversation, self._conversation = self._conversation, None
        if conversation is None:
            placement.release()
            return
        self._note_upstream_gaps(conversation, placement.name)
        task = self._start(self._close(conversation, placement))
        task.set_name(_CLOSING)

    async def _close(self, conversation: Conversation, placement: Placement) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await conversation.aclose()
                await self._settle(conversation)
        except TimeoutError:
            log.error("%s: %s did not let go within %g s", self._name(), placement.name, CLOSE_SECONDS)
        except Exception as error:
            log.error("%s: %s failed to let go", self._name(), placement.name, exc_info=error)
        finally:
            placement.release()

    async def _settle(self, conversation: Conversation) -> None:
        """Take what a conversation that is closed has still to tell: what it used."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                async for event in conversation:
                    self._take_use(event)

    def _take_use(self, event: ModelEvent) -> None:
        """Of a conversation that is over, only what it used is of any consequence."""
        for each in event.events if isinstance(event, Relayed) else (event,):
            if isinstance(each, Used):
                self._receive(each)

    async def _say(self, effect: Announce) -> None:
        with suppress(EngineUnavailable):
            if self._announcer is not None:
                async for event in self._announcer.say(effect.generation, effect.text, effect.setup):
                    for marked in self._mark(event):
                        self._receive(marked)
        for marked in self._mark(GenerationComplete(effect.generation)):
            self._receive(marked)

    # --- what the user said ---------------------------------------------------------------------------------

    def _keep(self, event: UserEvent) -> None:
        offset = self._offset
        if isinstance(event, Audio):
            self._offset += len(event.pcm) / (2 * event.rate)
        if not self._plan.takes_over:
            return
        self._kept.append((offset, event))
        self._pictures += isinstance(event, Image)
        if offset - self._kept_from > 2 * KEPT_SECONDS:
            self._forget(bisect_left(self._kept, offset - KEPT_SECONDS, key=itemgetter(0)))
        elif len(self._kept) > MAX_KEPT:
            self._forget(MAX_KEPT // 2)
        elif self._pictures > 2 * KEPT_PICTURES:
            self._forget_pictures()

    def _forget(self, count: int) -> None:
        """Forget the oldest events, but for the mark of an activity that they are not all of."""
        marks = [kept for kept in self._kept[:count] if isinstance(kept[1], ActivityStart | ActivityEnd)]
        begun = [kept for kept in marks[-1:] if isinstance(kept[1], ActivityStart)]
        self._kept_from = self._kept[count][0]
        self._kept = begun + self._kept[count:]
        self._pictures = sum(isinstance(event, Image) for _, event in self._kept)

    def _forget_pictures(self) -> None:
        pictures = [number for number, (_, event) in enumerate(self._kept) if isinstance(event, Image)]
        old = set(pictures[:-KEPT_PICTURES])
        self._kept = [kept for number, kept in enumerate(self._kept) if number not in old]
        self._pictures = KEPT_PICTURES

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:
            log.error("%s: the line failed", self._name(), exc_info=error)
            self._receive(Failure("internal error; the log of the server has it", detail=repr(error)))


_CLOSING = "closing"
_ENDED = "the engine ended the conversation"
_FAILED = "the engine failed; the log of the server has it"
