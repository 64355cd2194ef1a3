"""One call: performs the effects of its session, in order, and decides nothing about the protocol."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from msgspec.structs import replace

from antiphon.calls.caller import Caller
from antiphon.calls.clock import Clock, Timer
from antiphon.calls.line import Announcer, Line
from antiphon.calls.memory import Keeping, Memory
from antiphon.calls.metering import Metering, Tab, own_limits
from antiphon.calls.observer import Ending, Observe, by_nobody
from antiphon.calls.outbox import Hangup, Outbox
from antiphon.calls.plan import Plan
from antiphon.live.effects import (
    Abandon,
    Announce,
    Charge,
    Close,
    Note,
    Open,
    Save,
    Send,
    SendFrame,
    SendSpeech,
    Spend,
    Tell,
    Unheard,
)
from antiphon.live.events import Failure, Interrupt, ModelEvent, Used
from antiphon.live.generation import BYTES_PER_SECOND
from antiphon.live.inputs import Begin, Evicted, Refused, Saved, Tick
from antiphon.live.policy import Policy
from antiphon.live.record import Record
from antiphon.live.session import Event, Session
from antiphon.live.snapshot import Snapshot
from antiphon.store.resumptions import SupersededError
from antiphon.wire.gemini import client
from antiphon.wire.gemini.dialect import Dialect
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.calls")

LAST_WORDS_SECONDS = 5.0
"""How long the end of a call waits for what is being written of it."""


class Admission(Protocol):
    """Looks up what a setup refers to."""

    async def begin(self, setup: client.Setup, caller: Caller) -> Begin:
        """What the session begins with.

        Raises:
            Refusal: the caller may not have it, or it is not there.
        """
        ...


class Marker(Protocol):
    """Marks the speech of one call as made by a machine."""

    def mark(self, event: ModelEvent) -> tuple[ModelEvent, ...]:
        """What to pass on in place of ``event``."""
        ...


class Call:
    """A conversation between a door and an engine.

    The door hands the client's setup to :meth:`begin`, every other message to :meth:`receive`, and writes what it gets
    from ``outbox``. Everything the call started has ended once :meth:`ended` returns.

    ``plans`` has the plan of the model that the setup names: which engines may answer. ``enter`` sees, by the session
    it will have, whether the call may begin, and may raise a Refusal; ``evict`` ends the other calls
    that have the session of this one; ``marker`` is this call's alone; ``announcer`` says what no engine made;
    ``observe`` makes who looks on.
    """

    def __init__(
        self,
        session_id: str,
        plans: Callable[[str], Plan],
        policy: Policy,
        clock: Clock,
        *,
        caller: Caller | None = None,
        admission: Admission | None = None,
        memory: Memory | None = None,
        metering: Metering | None = None,
        enter: Callable[["Call", str], None] = lambda call, session_id: None,
        evict: Callable[["Call", str], None] = lambda call, session_id: None,
        marker: Marker | None = None,
        announcer: Announcer | None = None,
        observe: Observe = by_nobody,
    ) -> None:
        self.caller = caller or Caller()
        self.outbox = Outbox()
        self.session = Session(policy, clock.now(), session_id)
        self._plans = plans
        self._clock = clock
        self._admission = admission
        self._keeping = Keeping(memory, self.caller.owner)
        self._observer = observe(self.session, self.caller)
        own = own_limits(self.caller.owner, self.caller.limits)
        self._tab = Tab(metering, self.session, self.caller.owner, self.receive, self._observer, own)
        self._enter = enter
        self._evict = evict
        self._marker = marker
        self._announcer = announcer
        self._begun = False
        self._record: Record | None = None
        self._line: Line | None = None
        self._saves: set[asyncio.Task[None]] = set()
        self._timer: Timer | None = None
        self._timer_due = 0.0
        self._closed = asyncio.Event()
        self._perform: dict[type, Callable[..., None]] = {
            Send: lambda effect: self.outbox.put(effect.message),
            SendSpeech: self.outbox.put,
            SendFrame: self.outbox.put,
            Tell: self._tell,
            Open: self._open,
            Abandon: lambda effect: self.line.abandon(effect.reason),
            Announce: self._announce,
            Unheard: lambda effect: self.line.skip(effect.seconds),
            Charge: self._charge,
            Spend: self._spend,
            Save: self._save,
            Note: lambda effect: log.warning("%s: %s", self.id, effect.text),
            Close: self._close,
        }
        self._arm()

    @property
    def id(self) -> str:
        """The name of the session; that of an earlier one, once the call goes on with it."""
        return self.session.id

    @property
    def epoch(self) -> int:
        """The epoch of the session; 0 while nothing of it is kept."""
        return self._keeping.epoch

    @property
    def wants_frame(self) -> bool:
        """Whether a frame of video that comes now would be kept."""
        return self.session.wants_frame(self._clock.now())

    @property
    def line(self) -> Line:
        """The engine's side of the call."""
        assert self._line is not None, "there is no engine before the setup"
        return self._line

    async def begin(self, setup: client.Setup, dialect: Dialect = "gemini") -> None:
        """Take the client's setup, once what it refers to was looked up. The next message waits for that."""
        if self._begun:
            # The session refuses a second one, whatever it refers to.
            self.receive(Begin(setup))
            return
        self._begun = True
        try:
            begin = Begin(setup) if self._admission is None else await self._admission.begin(setup, self.caller)
            asked = begin.setup.model
            begin = self._planned(begin, dialect)
            session_id = begin.snapshot.session_id if begin.snapshot else self.id
            self._enter(self, session_id)
            await self._tab.admit(asked, session_id)
            if begin.snapshot is not None and not self.session.closed:
                # Nobody is evicted for a setup that will be refused.
                self.session.agree(begin)
                await self._keeping.take_over(begin.snapshot.session_id)
                self._evict(self, begin.snapshot.session_id)
        except Refusal as refusal:
            self.receive(Refused(refusal))
        except Exception as error:
            log.exception("%s: the setup could not be looked up", self.id)
            self.receive(Failure("internal error; the log of the server has it", detail=repr(error)))
        else:
            self.receive(begin)

    def _planned(self, begin: Begin, dialect: Dialect) -> Begin:
        """The beginning with the engine that will answer."""
        plan = self._plans(begin.setup.model)
        self._line = self._new_line(plan)
        setup = replace(begin.setup, model=plan.model) if plan.model else begin.setup
        return replace(begin, setup=setup, abilities=plan.abilities, dialect=dialect)

    def _new_line(self, plan: Plan) -> Line:
        return Line(plan, self._clock, self.receive, self._mark, self._announcer, lambda: self.id)

    def _open(self, effect: Open) -> None:
        if self._line is None:
            # A setup that refers to nothing, and came without :meth:`begin`.
            self._line = self._new_line(self._plans(effect.setup.profile.id))
        self._tab.begin()
        self._line.open(effect)

    def _mark(self, event: ModelEvent) -> tuple[ModelEvent, ...]:
        return (event,) if self._marker is None else self._marker.mark(event)

    def receive(self, event: Event, frame: bytes = b"") -> None:
        """Take what happened and do what the session wants done about it.

        ``frame`` is the client's message as it came, for engines that can pass it on.
        """
        self._process(event, frame)
        self._arm()

    def hear(self, message: client.RealtimeInput) -> None:
        """Take a message that holds a chunk of sound and nothing else: it makes no deadline of the session earlier."""
        self._process(message)
        if self._timer is None:
            self._arm()

    def _process(self, event: Event, frame: bytes = b"") -> None:
        if type(event) is Used and self.session.closed:
            # Whatever is told when the engine is let go was spent all the same.
            self._spend(Spend(event.generation, event.upstream))
            return
        now = self._clock.now()
        try:
            effects = self.session.receive(event, now, frame)
        except Exception as error:
            log.exception("%s: the session failed on %s", self.id, type(event).__name__)
            event = Failure("internal error; the log of the server has it", detail=repr(error))
            effects = self.session.receive(event, now)
        self._observer.saw(event, effects, now)
        for effect in effects:
            self._perform[type(effect)](effect)

    async def ended(self) -> None:
        """Wait until the session is closed and everything it started has ended."""
        await self._closed.wait()
        if self.outbox.dropped_bytes:
            dropped = self.outbox.dropped_bytes
            log.warning("%s: %d bytes of speech were dropped: the client read too slowly", self.id, dropped)
        try:
            if self._line is not None:
                await self._line.aclose()
        finally:
            await self._finish_keeping()

    def _tell(self, effect: Tell) -> None:
        if type(effect.event) is Interrupt:
            self.outbox.forget_speech_before(effect.event.generation)
        try:
            self.line.tell(effect.event)
        except Exception as error:
            # After the other effects of the same event: one of them may be the close.
            asyncio.get_running_loop().call_soon(self.line.fail, error)

    def _announce(self, effect: Announce) -> None:
        self._tab.announce(effect.generation)
        self.line.announce(effect)

    def _charge(self, effect: Charge) -> None:
        log.info(
            "%s: generation %d used %d + %d tokens",
            self.id,
            effect.generation,
            effect.usage.prompt.total,
            effect.usage.response.total,
        )
        self._tab.charge(effect)

    def _spend(self, effect: Spend) -> None:
        log.info("%s: generation %d spent more at %s", self.id, effect.generation, effect.upstream.provider)
        self._tab.spend(effect)

    def _save(self, effect: Save) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(effect.snapshot))
        self._saves.add(task)
        task.add_done_callback(self._saves.discard)

    async def _keep(self, snapshot: Snapshot) -> None:
        try:
            handle = await self._keeping.keep(snapshot)
        except SupersededError:
            self.receive(Evicted())
        else:
            self.receive(Saved(handle, snapshot.next_generation))

    async def _finish_keeping(self) -> None:
        """Let what is being kept be kept, and the record with it, but not forever."""
        timeline = self._observer.finish(self._ending())
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await asyncio.gather(*self._saves)
                await self._keeping.finish(self.id, self._record, timeline)
        except TimeoutError:
            log.error("%s: its end could not be kept within %g s", self.id, LAST_WORDS_SECONDS)

    def _ending(self) -> Ending:
        unsent = self.outbox.dropped_bytes / BYTES_PER_SECOND
        line = self._line
        if line is None:
            return Ending(self._record, unsent=unsent)
        return Ending(self._record, line.told_gaps, line.decisions, line.dropped_seconds, unsent)

    def _close(self, effect: Close) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._tab.end()
        level = logging.INFO if effect.code in (None, CloseCode.NORMAL) else logging.WARNING
        log.log(level, "%s: closed %s: %s", self.id, effect.code or "", effect.reason)
        if effect.code is not None:
            self.outbox.put(Hangup(effect.code, effect.reason))
        self._closed.set()
        # Connections that never said what they want, such as those of port scanners, are not worth one.
        if self._begun:
            self._record = self.session.record(self._clock.now())

    def _arm(self) -> None:
        """Wake the session at its deadline. A timer that fires too early is set again then."""
        deadline = self.session.deadline
        if deadline is None or (self._timer is not None and self._timer_due <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = deadline
        self._timer = self._clock.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        deadline = self.session.deadline
        if deadline is not None and self._clock.now() >= deadline:
            self.receive(Tick())
        else:
            self._arm()
