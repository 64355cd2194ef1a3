"""One caller of a Gemini Live upstream, over as many connections as it takes.

The upstream ends connections after some ten minutes, and now and then for no reason. As long as it gave a handle to
resume with, none of that is seen outside:

- ``goAway``: between two turns, once a handle stands for all of them, a second connection is made with it, and the
  first is closed when that is ready. Some refuse a second one while the first is open: then the first is closed before.
  A turn that is still under way shortly before the end goes over as well, unless the model is in the middle of an
  answer: that may get to its end, or be cut.
- A connection that is lost, or stalls, is replaced at once. What the handle does not stand for is told again
  (:mod:`antiphon.engines.relay.journal`). Upstreams do not go on with an answer that was cut: it ends here as
  interrupted, and what the user said is answered anew, as the next generation; if that is cut as well, the conversation
  is lost, for nobody wants to be interrupted twice. An answer that only waits for functions,
  or for the first word after them, is not cut: it goes on as the same generation once their results, told in words,
  are there; they are not called again.
- Sound that comes while there is no connection waits, the newest seconds of it; everything else waits in order.

Where there is no handle, or the upstream does not know it any more, the conversation is
:class:`~antiphon.live.events.Lost`: whoever takes the call over is told what was said. What the client did wrong ends
the session with the upstream's own code and words.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable

from msgspec import Struct

from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.frames import audio_frame, speech_frame
from antiphon.engines.relay.journal import Frames, Journal
from antiphon.engines.relay.link import Line, Link
from antiphon.engines.relay.reading import NAMELESS, Reader, State, duration_seconds
from antiphon.engines.relay.setup import collects_history, update, upstream_profile, upstream_setup
from antiphon.engines.relay.watch import Watch
from antiphon.engines.relay.writing import told, written
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    ActivityStarted,
    Audio,
    Content,
    Failure,
    GenerationComplete,
    GenerationStarted,
    Grounding,
    Image,
    Interrupt,
    Interrupted,
    Lost,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Relayed,
    RelayedSpeech,
    Speech,
    StreamEnd,
    ToolCalls,
    ToolResults,
    Update,
    UserEvent,
    UserWords,
)
from antiphon.live.history import FunctionResult, Turn, Words
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.tokens import UpstreamUsage
from antiphon.providers.errors import AuthenticationFailed, NotFound, ProviderError, QuotaExceeded, TimedOut
from antiphon.providers.gemini_live import ClientsFault, ResumptionRefused
from antiphon.wire.gemini import server
from antiphon.wire.gemini.decode import decode_server
from antiphon.wire.gemini.encode import encode_client
from antiphon.wire.refusal import Refusal

log = logging.getLogger("antiphon.relay")

MAX_WAITING = 512
"""Events that wait to be taken before the upstream has to wait; half of them must be gone before it goes on."""

MAX_LOSSES = 3
"""Connections in a row that may be lost before an answer is complete: the next would be lost as well."""

_PAUSES = (0.0, 0.1, 0.3, 0.6, 1.0)
"""Seconds before each attempt to resume; the last one is repeated."""

_MADE = (GenerationStarted, Speech, RelayedSpeech, OutputTranscript, ModelText, ToolCalls, Grounding)
_OWNERS_FAULT = (AuthenticationFailed, QuotaExceeded, NotFound)


class Gap(Struct, frozen=True):
    """A time without an upstream: when it ``began`` (seconds since the conversation did), how long it was, and why."""

    began: float
    seconds: float
    why: str
    resumed: bool


class GeminiConversation:
    """The :class:`~antiphon.engines.base.Conversation` of a relay. Made by :class:`GeminiRelay`, begun once."""

    def __init__(self, config: GeminiRelayConfig, line: Line, setup: Setup, seed: Seed) -> None:
        self.gaps: list[Gap] = []
        """Times without an upstream, in order."""
        self.waiting = Frames(config.buffer_seconds)
        """What is to be sent once there is room; ``waiting.dropped`` seconds of sound were not kept."""
        self._config = config
        self._line = line
        self._setup = setup
        self._seed = seed
        self._profile = upstream_profile(config, setup)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._heard = 0.0
        self._events: deque[ModelEvent] = deque()
        self._waker: asyncio.Future[None] | None = None
        self._paused = False
        self._over = self._lost = False
        self._link: Link | None = None
        self._news = False
        self._handle = ""
        self._unkept: set[str] = set()
        self._orphans: set[str] = set()
        self._collecting = setup.initial_history and collects_history(config, self._profile) and not seed.history
        self._mending: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._gone_at: float | None = None
        self._why = ""
        self._losses = 0
        self._cut = False
        self._dead = 0
        self._journal = Journal(config.replay_seconds)
        payer = UpstreamUsage(config.payer, config.price_model or config.model)
        self._reader = Reader(
            setup,
            seed.generation - 1,
            payer,
            vertex=config.vertex is not None,
            heard=lambda: self._heard,
            clock=self._loop.time,
        )
        self._watch = Watch(self._reader, config.stall_seconds, self._check)

    async def begin(self) -> None:
        """Open the first connection and tell what was said before.

        Raises:
            ProviderError: the upstream could not be reached, or refused.
        """
        link = Link(self._line, self, self._setup)
        await link.open(upstream_setup(self._config, self._setup, seeded=bool(self._seed.history)))
        self._link = link
        self._watch.connected()
        if self._seed.history:
            link.send(self._history())
        link.adopt()

    @property
    def closed(self) -> bool:
        """Whether the conversation was closed."""
        return self._over

    # --- the contract ---------------------------------------------------------------------------------------

    def send(self, event: UserEvent) -> None:
        """Take what the user does, and pass it on in the same moment where the upstream is there."""
        if type(event) is Audio:
            seconds = len(event.pcm) / (2 * event.rate)
            self._heard += seconds
            self._post(audio_frame(event.pcm, event.rate), seconds)
            return
        match event:
            case Image() | StreamEnd():
                self._post(written(event))
            case ActivityStart() | ActivityEnd():
                self._mark(event)
            case Content():
                self._write(event)
            case ToolResults():
                self._answer(event)
            case Update(setup):
                self._update(setup)
            case Interrupt(generation):
                # The upstream interrupts itself; what it still makes of a dead answer is not passed on.
                self._dead = max(self._dead, generation)

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does, until the conversation is closed."""
        while True:
            while self._events:
                yield self._events.popleft()
                if self._paused and len(self._events) <= MAX_WAITING // 2:
                    self._read_on()
            if self._over:
                return
            self._waker = self._loop.create_future()
            await self._waker

    async def aclose(self) -> None:
        """End every connection and task. Idempotent."""
        self._over = True
        self._wake()
        self._watch.stop()
        if self._mending is not None:
            self._mending.cancel()
            await asyncio.gather(self._mending, return_exceptions=True)
        link, self._link = self._link, None
        if link is not None:
            await link.aclose()
        await asyncio.gather(*self._closing, return_exceptions=True)

    # --- up -------------------------------------------------------------------------------------------------

    def _post(self, frame: bytes, seconds: float = 0.0) -> None:
        link = self._link
        if link is not None and not self.waiting and link.writable:
            link.send(frame)
            self._journal.sent(frame, seconds)
        else:
            self.waiting.put(frame, seconds)

    def _flush(self) -> None:
        link = self._link
        if link is None:
            return
        for frame, seconds in self.waiting.take():
            link.send(frame)
            self._journal.sent(frame, seconds)

    def _mark(self, event: ActivityStart | ActivityEnd) -> None:
        self._reader.asked()
        self._journal.owed = True
        self._post(written(event))

    def _write(self, event: Content) -> None:
        text = "\n".join(filter(str.strip, (turn.text for turn in event.turns)))
        self._reader.asked()
        if text:
            self._journal.heard(text)
        if self._collecting:
            self._collecting = not event.complete
        elif event.complete and (text or not event.realtime):
            self._journal.owed = True
            self._watch.owe()
        self._post(written(event))

    def _answer(self, event: ToolResults) -> None:
        """Pass results on, to the upstream that made the calls; one that forgot them is told in words."""
        for result in event.results:
            if result.id in self._journal.calls:
                self._journal.results[result.id] = result
        forgotten = [result for result in event.results if result.id in self._orphans]
        known = tuple(result for result in event.results if result.id not in self._orphans)
        self._orphans -= {result.id for result in forgotten}
        self._reader.answered([result.id for result in event.results])
        if known:
            plain = not forgotten and not any(result.id.startswith(NAMELESS) for result in known)
            kept = event if plain else ToolResults(event.generation, tuple(map(_named, known)), ())
            self._post(written(kept))
        if forgotten:
            self._tell_forgotten(forgotten)
        if self._reader.silent and not self._reader.pending:
            self._watch.owe()

    def _tell_forgotten(self, results: list[FunctionResult]) -> None:
        if self._reader.silent and self._journal.calls:
            if self._link is not None and self._orphans.isdisjoint(self._journal.calls):
                self._post(self._journal.present())
        else:
            self._post(told((Turn("user", tuple(results)),), complete=True))

    def _update(self, setup: Setup) -> None:
        self._setup = self._reader.setup = setup
        if self._config.context_updates:
            self._post(encode_client(update(setup, self._profile)))
        else:
            self._consider_leaving()

    def _history(self) -> bytes:
        """What was said before, in a way that nothing of it is answered."""
        history = self._seed.history
        collects = collects_history(self._config, self._profile)
        if not collects and self._profile.generation < (3, 0) and history[-1].role == "model":
            # Older models take a history that ends with the user's turn only (Pipecat and LiveKit do the same).
            history = (*history, Turn("user", (Words("."),)))
        return told(history, complete=collects)

    # --- down: the links' owner -----------------------------------------------------------------------------

    def on_frame(self, link: Link, frame: bytes) -> None:
        """A frame of the upstream came."""
        if link is not self._link:
            return
        self._watch.heard()
        speech = speech_frame(frame)
        if speech is not None:
            events = self._reader.speech(speech)
            if len(events) == 1:
                self._watch.goes_on()
                self._emit(events)
                return
        else:
            events = self._read(frame)
        self._take(events)

    def on_writable(self, link: Link) -> None:
        """The upstream takes more."""
        if link is self._link:
            self._flush()

    def on_lost(self, link: Link, error: ProviderError) -> None:
        """A connection ended."""
        if link is self._link and not self._over:
            self._break(error)

    def _read(self, frame: bytes) -> list[ModelEvent]:
        if len(frame) <= 4 and frame.strip() == b"{}":
            return []
        try:
            message, _ = decode_server(frame)
        except Refusal as refusal:
            log.warning("%s: a frame was skipped: %s", self._line.host, refusal)
            return []
        events = self._reader.read(message, frame)
        self._news |= bool(events)
        if (kept := message.session_resumption_update) is not None and kept.resumable and kept.new_handle:
            self._keep(kept)
        if message.go_away is not None:
            self._go_away(message.go_away)
        return events

    def _take(self, events: list[ModelEvent]) -> None:
        """Note what was said, and hand it on."""
        for event in events:
            for each in event.events if type(event) is Relayed else (event,):
                self._note(each)
        self._emit(events)
        self._consider_leaving()
        self._watch.arm()

    def _note(self, event: ModelEvent) -> None:
        journal = self._journal
        match event:
            case UserWords(text, _):
                journal.heard(text)
                journal.owed |= self._reader.state in (State.IDLE, State.INTERRUPTED)
            case ActivityStarted():
                journal.owed = True
            case GenerationStarted():
                journal.begins()
                self._watch.answers()
            case OutputTranscript(_, text, _):
                journal.said(text)
            case ModelText(_, text, thought):
                journal.said("" if thought else text)
            case RelayedSpeech() | Speech():
                self._watch.goes_on()
            case ToolCalls(_, calls):
                journal.calls |= {call.id: call for call in calls}
                self._unkept.update(call.id for call in calls)
            case GenerationComplete():
                journal.ends()
                self._losses, self._cut = 0, False
            case Interrupted():
                journal.ends()

    def _emit(self, events: list[ModelEvent]) -> None:
        if self._lost or self._over:
            return
        if self._reader.number < self._dead:
            events = [each for event in events for each in self._alive(event)]
        self._events.extend(events)
        self._wake()
        if len(self._events) > MAX_WAITING and self._link is not None and not self._paused:
            self._paused = True
            self._link.pause()

    def _alive(self, event: ModelEvent) -> Iterable[ModelEvent]:
        """The event, or what of it does not belong to an answer that the session ended itself."""
        if type(event) is Relayed and any(type(each) in _MADE for each in event.events):
            return [each for each in event.events if type(each) not in _MADE]
        return () if type(event) in _MADE else (event,)

    def _wake(self) -> None:
        waker, self._waker = self._waker, None
        if waker is not None and not waker.done():
            waker.set_result(None)

    def _read_on(self) -> None:
        self._paused = False
        if self._link is not None:
            self._link.resume()

    # --- life -----------------------------------------------------------------------------------------------

    def _keep(self, update: server.SessionResumptionUpdate) -> None:
        """A newer handle came. The first one of a connection, before anything else, stands for what it resumed."""
        self._handle = update.new_handle
        if self._news:
            self._journal.kept()
            self._unkept.clear()

    def _go_away(self, notice: server.GoAway) -> None:
        left = duration_seconds(notice.time_left) or 0.0
        self._watch.leave_in(left - min(self._config.leave_seconds, left / 2))
        log.info("%s: goes away in %g s", self._line.host, left)

    @property
    def _quiet(self) -> bool:
        """Whether nothing would be lost with this connection."""
        journal = self._journal
        fresh = not self._handle or (not journal.forgotten and self._unkept.isdisjoint(self._reader.pending))
        return self._reader.state is State.IDLE and not journal.owed and not self._watch.owed and fresh

    def _consider_leaving(self) -> None:
        """Go over to another connection if this one will end, or has another setup, and the moment is good."""
        watch, link = self._watch, self._link
        if link is None or self._mending is not None or self._over or self._lost:
            return
        if not watch.leaving and (link.setup is self._setup or self._config.context_updates):
            return
        late = watch.late and self._reader.state is not State.MAKING
        if not self._quiet and not late:
            return
        self._why = f"{self._line.host}: {'goAway' if watch.leaving else 'the setup changed'}"
        if self._handle:
            self._mending = self._loop.create_task(self._mend())
        else:
            self._lose(ProviderError(f"{self._why}, without a handle to resume with"))

    def _break(self, error: ProviderError) -> None:
        """There is no connection any more, or none that is worth anything."""
        link, self._link = self._link, None
        self._watch.disconnected()
        if link is not None:
            link.abort()
        if self._gone_at is None:
            self._gone_at, self._why = self._loop.time(), str(error)
        self._orphans |= self._unkept & self._reader.pending.keys()
        self._losses += 1
        log.warning("%s", error)
        if isinstance(error, ClientsFault) and self._losses == 1:
            self._fail(error)
        elif isinstance(error, _OWNERS_FAULT) and not isinstance(error, ResumptionRefused):
            self._lose(error, retry=False)
        elif not self._handle or self._losses > MAX_LOSSES or (self._cut and self._is_cut):
            self._lose(error)
        elif self._mending is None:
            self._mending = self._loop.create_task(self._mend())

    @property
    def _is_cut(self) -> bool:
        """Whether the model is in the middle of what it has to say."""
        return self._reader.state is State.MAKING and not self._reader.silent

    async def _mend(self) -> None:
        """Get a connection with the newest handle: beside the present one while there is one, else at once."""
        try:
            if self._link is not None:
                await self._switch()
            if self._link is None and not self._lost:
                await self._resume()
        finally:
            self._mending = None
        self._consider_leaving()

    async def _switch(self) -> None:
        handle, link = self._handle, Link(self._line, self, self._setup)
        try:
            await link.open(upstream_setup(self._config, self._setup, handle=handle))
        except ProviderError as error:
            # Some refuse a second connection while the first is open.
            log.info("%s: not beside the present connection: %s", self._line.host, error)
            self._leave()
            return
        if self._link is not None and self._is_needed(handle):
            link.abort()
            return
        if self._link is not None:
            old, self._link = self._link, None
            self._start_closing(old)
        self._go_on_with(link)

    def _is_needed(self, handle: str) -> bool:
        """Whether more has happened on the present connection than a resumption with ``handle`` knows."""
        if self._reader.state is State.MAKING:
            return True
        return not self._watch.late and (handle != self._handle or not self._quiet)

    def _leave(self) -> None:
        """Give the present connection up for another one."""
        link, self._link = self._link, None
        self._watch.disconnected()
        if link is not None:
            link.abort()
            self._gone_at = self._loop.time()
            self._orphans |= self._unkept & self._reader.pending.keys()

    async def _resume(self) -> None:
        started = self._loop.time()
        left = self._config.resume_seconds
        error: ProviderError = TimedOut(f"{self._line.host} was not back within {left:g} s")
        for attempt in range(1000):
            await asyncio.sleep(_PAUSES[min(attempt, len(_PAUSES) - 1)])
            left = started + self._config.resume_seconds - self._loop.time()
            if left <= 0 or self._lost:
                break
            link = Link(self._line, self, self._setup)
            try:
                async with asyncio.timeout(left):
                    await link.open(upstream_setup(self._config, self._setup, handle=self._handle))
            except TimeoutError:
                break
            except (ResumptionRefused, ClientsFault) as refused:
                error = refused
                break
            except _OWNERS_FAULT as refused:
                self._lose(refused, retry=False)
                return
            except ProviderError as failed:
                error = failed
            else:
                self._go_on_with(link)
                return
        self._lose(error)

    def _go_on_with(self, link: Link) -> None:
        """A connection resumed the session: tell what it forgot, and what waited."""
        self._link, self._news = link, False
        self._watch.connected()
        self._close_gap(resumed=True)
        for frame in self._retold():
            link.send(frame)
        if self._journal.owed or self._reader.silent:
            self._watch.owe()
        self._flush()
        if self._paused:
            link.pause()
        link.adopt()
        self._watch.arm()

    def _retold(self) -> list[bytes]:
        """Settle the present turn; the messages that the upstream needs to go on."""
        reader, journal = self._reader, self._journal
        if reader.state is State.MAKING and journal.calls and reader.silent:
            # It waits for functions, or was about to go on after them; it must not call them again.
            self._take(reader.last_words())
            ready = self._orphans.isdisjoint(journal.calls)
            return [journal.present()] if ready else []
        if reader.state is State.MAKING and journal.calls:
            self._cut = True
            self._take(reader.settle())
            return [journal.present()]
        if reader.state is State.MAKING:
            journal.reopen()
            self._cut = True
        self._take(reader.settle())
        replayed = journal.replayed()
        reader.base = self._heard - sum(seconds for _, seconds in (*replayed, *self.waiting))
        return [*journal.past(), *(frame for frame, _ in replayed)]

    def _close_gap(self, *, resumed: bool) -> None:
        if self._gone_at is None:
            return
        gap = Gap(self._gone_at - self._began, self._loop.time() - self._gone_at, self._why, resumed)
        self._gone_at = None
        self.gaps.append(gap)
        log.info("%s: %.3f s without it, %s", self._line.host, gap.seconds, "resumed" if resumed else "not resumed")

    def _start_closing(self, link: Link) -> None:
        task = self._loop.create_task(link.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # --- ends -----------------------------------------------------------------------------------------------

    def _lose(self, error: ProviderError, *, retry: bool = True) -> None:
        """Nothing can be done here any more: somebody else may take the call over."""
        self._end([Lost("the hosted model was lost", str(error), retry)])

    def _fail(self, error: ClientsFault) -> None:
        """The client sent what the upstream does not take, and has to know."""
        self._end([Failure(error.reason or str(error), error.code, str(error))])

    def _end(self, last: list[ModelEvent]) -> None:
        if self._lost or self._over:
            return
        self._close_gap(resumed=False)
        self._emit([*self._reader.last_words(), *last])
        self._lost = True
        self._watch.stop()
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    # --- waiting --------------------------------------------------------------------------------------------

    def _check(self) -> None:
        """Something may be overdue."""
        if self._over or self._lost:
            return
        if self._watch.stalled:
            self._stalled()
        self._consider_leaving()
        self._watch.arm()

    def _stalled(self) -> None:
        if self._reader.state in (State.COMPLETE, State.INTERRUPTED):
            # All of the answer is there; only the word that it was heard is missing.
            self._take(self._reader.settle(late=True))
            return
        patience = self._config.stall_seconds
        self._break(TimedOut(f"{self._line.host} stalled: nothing came for {patience:g} s"))


def _named(result: FunctionResult) -> FunctionResult:
    """The result with the id that the upstream knows: none, where it gave none."""
    return FunctionResult("", result.name, result.response) if result.id.startswith(NAMELESS) else result
