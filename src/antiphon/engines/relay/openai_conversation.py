"""One caller of an OpenAI Realtime upstream.

- An answer is asked for once, and only while none is being made: what is asked meanwhile waits for its end. The
  upstream answers what the user says by itself; where both happen at once it refuses ours, and is asked again only if
  its own answer began before it knew what ours was about.
- The results of functions are told as they come; the answer goes on when all of its calls have theirs.
- What interrupts stops the answer, and the words that were not heard are cut from it upstream.
- A picture or frame of video is told when the user begins to speak, marks a turn or writes: each stays in the context
  and is paid for again with every answer.
- Nothing resumes a session upstream. When it ends, or is about to, the conversation is
  :class:`~antiphon.live.events.Lost`, between two answers where there is time; whoever takes the call over is told what
  was said.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence

from antiphon.audio.frames import RATE
from antiphon.audio.resample import Resampler
from antiphon.engines.cascade.ears import Ears
from antiphon.engines.relay.journal import Frames
from antiphon.engines.relay.openai_billing import Bill
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.relay.openai_hearing import Hearing
from antiphon.engines.relay.openai_items import items, picture_part, result_item
from antiphon.engines.relay.openai_link import Link, Place
from antiphon.engines.relay.openai_reading import Reader
from antiphon.engines.relay.openai_session import changes, session, silence_ms
from antiphon.live.events import (
    OUTPUT_RATE,
    ActivityEnd,
    ActivityEnded,
    ActivityStart,
    ActivityStarted,
    Audio,
    Content,
    Failure,
    Image,
    Interrupt,
    Lost,
    ModelEvent,
    Speech,
    StreamEnd,
    ToolResults,
    Update,
    UserEvent,
)
from antiphon.live.history import FunctionResult, History, Turn
from antiphon.live.playback import PlaybackClock
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.tokens import UpstreamUsage
from antiphon.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    Broken,
    NotFound,
    ProviderError,
    QuotaExceeded,
    TimedOut,
    TooLong,
)
from antiphon.providers.openai_realtime import ACTIVE, HARMLESS, SessionExpired, reported
from antiphon.wire.openai import realtime as wire

log = logging.getLogger("antiphon.relay")

MAX_WAITING = 512
"""Events that wait to be taken before the upstream has to wait; half of them must be gone before it goes on."""

LEAST_COMMIT_SECONDS = 0.1
"""The least sound that is a turn: shorter ones are refused upstream."""

CANCEL_SECONDS = 2.0
"""How long an answer that was stopped may take to end before the next one is asked for all the same."""

SETTLE_SECONDS = 1.5
"""How long after the user's turn its own answer may take to begin, before what was owed besides is asked for."""

CUT_SECONDS = 0.03
"""How long an answer waits for the word of the session how much was heard of the one before, which may be nothing."""

_BYTES_PER_SECOND = 2 * OUTPUT_RATE
INVALID = 1007
_OWNERS_FAULT = (AuthenticationFailed, QuotaExceeded, NotFound)
_IGNORED = ("truncate", "cancel", "commit", "picture")
"""What events are named after whose refusal changes nothing."""


class OpenAIRealtimeConversation:
    """The :class:`~antiphon.engines.base.Conversation` of a relay. Made by :class:`OpenAIRealtimeRelay`, begun once."""

    def __init__(
        self, config: OpenAIRealtimeConfig, place: Place, setup: Setup, seed: Seed, ears: Ears | None = None
    ) -> None:
        self.waiting = Frames(config.buffer_seconds)
        """What is to be sent once there is room; ``waiting.dropped`` seconds of sound were not kept."""
        self._config = config
        self._dialect = config.speaks
        self._place = place
        self._setup = setup
        self._seed = seed
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._link = Link(place, self)
        self._events: deque[ModelEvent] = deque()
        self._waker: asyncio.Future[None] | None = None
        self._paused = self._over = self._lost = False
        self._resampler: Resampler | None = None
        self._rate = RATE if ears is not None else self._dialect.input_rate
        self._onward = Resampler(self._rate, self._dialect.input_rate)
        self._hearing: Hearing | None = None
        if ears is not None and setup.detection.automatic:
            self._hearing = Hearing(ears, setup.detection, self._turn_began, self._say, self._turn_ended)
        self._speech_began = 0.0
        self._heard = self._sent = self._uncommitted = 0.0
        self._injected: list[tuple[float, float]] = []
        self._numbers = 0
        self._collecting = setup.initial_history and not seed.history
        self._marked = self._unanswered = False
        self._picture: Image | None = None
        self._shown_at = float("-inf")
        self._asked = self._owed = False
        self._asked_at: float | None = None
        self._ask_at: float | None = None
        self._holds = False
        self._held_for = 0
        self._unread: set[str] = set()
        self._missed = False
        self._cancelled_at: float | None = None
        self._expires_at: float | None = None
        self._playback = PlaybackClock()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        payer = config.payer
        self._bill = Bill(
            UpstreamUsage(payer, config.price_model or config.model),
            UpstreamUsage(payer, config.transcription_price_model or config.scribe),
            speaks=setup.modality == "audio",
        )
        self.reader = Reader(
            setup, seed.generation - 1, self._bill, place=self._place_in_input, rate=self._dialect.output_rate
        )

    async def begin(self) -> None:
        """Open the connection, configure the session and tell what was said before.

        Raises:
            ProviderError: the upstream could not be reached, or refused.
        """
        history = self._seed.history
        update = wire.SessionUpdate(
            event_id=self._name("session"), session=session(self._config, self._setup, self._told_history)
        )
        seeds = self._item_frames(history, "seed") if self._dialect.items else []
        self._bill.read(characters=len(self._setup.system_instruction) + sum(len(turn.text) for turn in history))
        await self._link.open([wire.encode(update), *seeds])
        self._unread.clear()
        self._last = self._loop.time()
        self._expires_at = self._expiry()
        self._link.adopt()
        self._arm()

    @property
    def closed(self) -> bool:
        """Whether the conversation was closed."""
        return self._over

    @property
    def unread(self) -> int:
        """Frames of the upstream that nothing was made of."""
        return self._link.unread

    # --- the contract ---------------------------------------------------------------------------------------

    def send(self, event: UserEvent) -> None:
        """Take what the user does."""
        if self._over or self._lost:
            return
        match event:
            case Audio(pcm, rate):
                self._hear(pcm, rate)
            case Image():
                self._show(event)
            case StreamEnd():
                self._end_stream()
            case ActivityStart():
                self._start_activity()
            case ActivityEnd():
                self._end_activity()
            case Content():
                self._write(event)
            case ToolResults():
                self._answer(event)
            case Update(setup):
                self._update(setup)
            case Interrupt(generation, heard):
                self._cut(generation, heard)
        self._arm()

    async def __aiter__(self) -> AsyncIterator[ModelEvent]:
        """What the model does, until the conversation is closed."""
        while True:
            while self._events:
                yield self._events.popleft()
                if self._paused and len(self._events) <= MAX_WAITING // 2:
                    self._paused = False
                    self._link.resume()
            if self._over:
                return
            self._waker = self._loop.create_future()
            await self._waker

    async def aclose(self) -> None:
        """End the connection. Idempotent."""
        self._over = True
        self._wake()
        if self._timer is not None:
            self._timer.cancel()
        if self._hearing is not None:
            self._hearing.close()
        await self._link.aclose()

    # --- the user's sound -----------------------------------------------------------------------------------

    def _hear(self, pcm: bytes, rate: int) -> None:
        self._heard += len(pcm) / (2 * rate)
        resampler = self._resampler
        if resampler is None or resampler.source_rate != rate:
            self._flush_resampler()
            resampler = self._resampler = Resampler(rate, self._rate)
        self._listen(resampler.feed(pcm))

    def _listen(self, pcm: bytes) -> None:
        """Take sound at the rate that it is listened to."""
        if self._hearing is not None:
            self._hearing.feed(pcm)
        else:
            self._say(pcm)

    def _say(self, pcm: bytes) -> None:
        self._append(self._onward.feed(pcm))

    def _append(self, pcm: bytes) -> None:
        if not pcm:
            return
        seconds = len(pcm) / (2 * self._dialect.input_rate)
        self._sent += seconds
        self._uncommitted += seconds
        self._post(wire.append_frame(pcm), seconds)

    def _flush_resampler(self) -> None:
        """Send what the conversion still holds back."""
        if self._resampler is not None:
            self._listen(self._resampler.flush())

    def _silence(self, seconds: float) -> None:
        """Send silence that nobody recorded."""
        self._injected.append((self._sent, seconds))
        self._append(bytes(2 * int(seconds * self._dialect.input_rate)))

    def _end_stream(self) -> None:
        """The microphone paused. The upstream ends a turn when it hears silence, so it gets some."""
        self._flush_resampler()
        if self._hearing is not None:
            self._hearing.flush()
        else:
            self._silence(silence_ms(self._config, self._setup) / 1000 + 0.3)

    def _turn_began(self, offset: float) -> None:
        """The user was heard to speak, here."""
        self.reader.speaking = True
        self._emit([ActivityStarted(offset)])
        self._begin_turn()

    def _turn_ended(self, offset: float) -> None:
        self.reader.speaking = False
        self._emit([ActivityEnded(offset)])
        self._end_turn()

    def _place_in_input(self, milliseconds: float | None) -> float:
        """A place in the upstream's input as one in the session's, which has none of the silence that was added."""
        if milliseconds is None:
            return self._heard
        seconds = milliseconds / 1000
        added = sum(min(lasts, max(0.0, seconds - at)) for at, lasts in self._injected)
        return min(max(0.0, seconds - added), self._heard)

    def _start_activity(self) -> None:
        self._marked = True
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._uncommitted = 0.0
        if self._setup.interruptible:
            self._stop()
        self._tell_picture()

    def _end_activity(self) -> None:
        self._marked = False
        self._flush_resampler()
        self._end_turn()

    def _end_turn(self) -> None:
        """Have the sound since the turn began answered."""
        self._append(self._onward.flush())
        if self._uncommitted:
            if self._uncommitted < LEAST_COMMIT_SECONDS:
                self._silence(LEAST_COMMIT_SECONDS - self._uncommitted + 0.01)
            self._bill.read(seconds=self._uncommitted)
            self._post(wire.encode(wire.CommitInput(event_id=self._name("commit"))))
            self._unanswered = True
        self._tell_picture()
        if self._unanswered:
            self._ask()

    # --- what the user shows and writes ---------------------------------------------------------------------

    def _show(self, picture: Image) -> None:
        if not self._config.shows:
            return
        self._picture = picture
        if self._marked or self.reader.speaking:
            self._tell_picture()

    def _tell_picture(self) -> None:
        """Tell the newest picture, unless another was told a moment ago."""
        picture, now = self._picture, self._loop.time()
        if picture is None or now < self._shown_at + self._config.frame_seconds:
            return
        self._picture, self._shown_at = None, now
        part = picture_part(picture.mime_type, picture.data)
        if part is not None:
            self._create(wire.Item(type="message", role="user", content=[part]), "picture")

    def _write(self, content: Content) -> None:
        text = any(turn.text.strip() for turn in content.turns)
        if content.realtime and not text:
            # A blank text makes the model speak about what it has not answered yet.
            if self._unanswered:
                self._ask()
            return
        collecting, self._collecting = self._collecting, self._collecting and not content.complete
        asks = content.complete and not collecting
        if (asks or not content.realtime) and (self._setup.interruptible or not content.realtime):
            self._stop()
        if asks:
            self._tell_picture()
        for frame in self._item_frames(content.turns, "content"):
            self._post(frame)
        self._bill.read(characters=sum(len(turn.text) for turn in content.turns))
        self._unanswered |= bool(content.turns)
        if asks and not self._marked:
            self._ask()

    def _item_frames(self, turns: History, kind: str) -> list[bytes]:
        made = items(turns, self._dialect, sees=self._config.shows)
        return [self._item_frame(item, kind) for item in made]

    def _item_frame(self, item: wire.Item, kind: str) -> bytes:
        name = self._name(kind)
        if self._dialect.acknowledges:
            item.id = name
            self._unread.add(name)
        return wire.encode(wire.CreateItem(event_id=name, item=item))

    def _create(self, item: wire.Item, kind: str) -> None:
        self._post(self._item_frame(item, kind))

    def _update(self, setup: Setup) -> None:
        self._setup = self.reader.setup = setup
        changed = changes(self._config, setup, self._told_history)
        self._post(wire.encode(wire.SessionUpdate(event_id=self._name("session"), session=changed)))

    @property
    def _told_history(self) -> History:
        """What was said before, for an upstream that is told it in the instruction."""
        return () if self._dialect.items else self._seed.history

    # --- functions ------------------------------------------------------------------------------------------

    def _answer(self, event: ToolResults) -> None:
        rounds = {self._tell_result(result) for result in event.results}
        still = set(self.reader.waiting.values())
        self._unanswered = True
        if rounds - still:
            self._ask()

    def _tell_result(self, result: FunctionResult) -> int:
        """Tell what a call came to; returns the generation that waited for it, 0 where none did."""
        waited = self.reader.answered(result.id)
        if waited is None:
            # It was answered before, or another engine made the call.
            for frame in self._item_frames((Turn("user", (result,)),), "result"):
                self._post(frame)
            return 0
        item = result_item(result, result.id)
        self._bill.read(characters=len(item.output or ""))
        self._create(item, "result")
        return waited

    # --- answers --------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Ask for an answer as soon as none is being made; the user's turn that is under way brings its own."""
        listening = self._setup.detection.automatic and self.reader.speaking
        if self.reader.active is not None or self._asked or listening:
            self._owed = True
            return
        if self.reader.uncut not in (0, self._held_for):
            self._held_for = self.reader.uncut
            self._ask_at = self._loop.time() + CUT_SECONDS
            self._owed = self._holds = True
            return
        self._owed, self._asked, self._ask_at, self._holds = False, True, None, False
        self._asked_at = self._loop.time()
        self._post(wire.encode(wire.CreateResponse(event_id=self._name("ask"))))

    def _ask_if_owed(self) -> None:
        if self._owed:
            self._ask()

    def _stop(self) -> None:
        """Interrupt the present answer."""
        self._emit(self.reader.interrupt())
        self._cancel()

    def _cancel(self) -> None:
        """Stop the response under way, if there is one."""
        active = self.reader.active
        if active is None or self._cancelled_at is not None:
            return
        active.dead = True
        self._cancelled_at = self._loop.time()
        if self._dialect.cancels:
            # Named, lest it stops the next one where this one ends by itself meanwhile.
            self._post(wire.encode(wire.CancelResponse(event_id=self._name("cancel"), response_id=active.id)))

    def _cut(self, generation: int, heard: float) -> None:
        """The session ended an answer, of which ``heard`` seconds were heard."""
        active = self.reader.active
        if active is not None and active.generation < generation and not active.dead:
            self._cancel()
        cuts = self.reader.cuts(generation - 1, heard)
        for cut in cuts if self._dialect.truncates else ():
            event = wire.TruncateItem(
                event_id=self._name("truncate"),
                item_id=cut.item_id,
                content_index=cut.content_index,
                audio_end_ms=cut.ms,
            )
            self._post(wire.encode(event))
        if self._holds:
            self._ask_if_owed()

    # --- up -------------------------------------------------------------------------------------------------

    def _name(self, kind: str) -> str:
        self._numbers += 1
        return f"{kind}_{self._numbers}"

    def _post(self, frame: bytes, seconds: float = 0.0) -> None:
        if not self.waiting and self._link.writable:
            self._link.send(frame)
        else:
            self.waiting.put(frame, seconds)

    def on_writable(self) -> None:
        """The upstream takes more."""
        for frame, _ in self.waiting.take():
            self._link.send(frame)

    # --- down: the link's owner -----------------------------------------------------------------------------

    def on_event(self, event: wire.ServerEvent) -> None:
        """The upstream said something."""
        if self._over or self._lost:
            return
        self._last = self._loop.time()
        if isinstance(event, wire.Error):
            self._on_error(event.error)
        elif isinstance(event, wire.ItemAdded):
            self._unread.discard(event.item.id or "")
        else:
            self._take(event)
        self._consider_leaving()
        self._arm()

    def _take(self, event: wire.ServerEvent) -> None:
        was_active = self.reader.active
        self._emit(self.reader.read(event))
        if self.reader.failure is not None:
            self._on_failed(self.reader.failure)
            return
        if self.reader.active is not None and self.reader.active is not was_active:
            self._began()
        elif was_active is not None and self.reader.active is None:
            self._cancelled_at = None
            self._ask_if_owed()
        if isinstance(event, wire.SpeechStarted):
            self._speech_began = (event.audio_start_ms or 0.0) / 1000
            self._on_speech_started(was_active is not None)
        elif isinstance(event, wire.SpeechStopped):
            self._bill.read(seconds=max(0.0, (event.audio_end_ms or 0.0) / 1000 - self._speech_began))
            self._ask_at = self._loop.time() + SETTLE_SECONDS if self._owed else None

    def _began(self) -> None:
        """A response began; it reads everything that the upstream said it knows."""
        self._asked, self._asked_at, self._cancelled_at = False, None, None
        self._missed = bool(self._unread)
        self._owed &= self._missed
        self._unanswered = self._missed

    def _on_speech_started(self, answering: bool) -> None:
        self._tell_picture()
        if answering and self._setup.interruptible and not self._dialect.interrupts:
            self._cancel()

    def on_lost(self, error: ProviderError) -> None:
        """The connection ended."""
        self._lose(error, retry=not isinstance(error, BadRequest))

    def _emit(self, events: Sequence[ModelEvent]) -> None:
        if self._lost or self._over or not events:
            return
        for event in events:
            if type(event) is Speech:
                self._playback.send(len(event.pcm) / _BYTES_PER_SECOND, self._loop.time())
        self._events.extend(events)
        self._wake()
        if len(self._events) > MAX_WAITING and not self._paused:
            self._paused = True
            self._link.pause()

    def _wake(self) -> None:
        waker, self._waker = self._waker, None
        if waker is not None and not waker.done():
            waker.set_result(None)

    # --- errors ---------------------------------------------------------------------------------------------

    def _on_error(self, error: wire.ErrorDetail) -> None:
        cause = (error.event_id or "").rsplit("_", 1)[0]
        if error.code == ACTIVE:
            # Its own answer was there first.
            self._asked, self._asked_at = False, None
            self._owed |= self._missed or self.reader.active is None
            if self._owed and self.reader.active is None:
                self._ask_at = self._loop.time() + SETTLE_SECONDS
            return
        failed = reported(self._place.host, error, self._place.payer.secret)
        if error.code in HARMLESS or (cause in _IGNORED and isinstance(failed, BadRequest)):
            log.info("%s", failed)
        elif not isinstance(failed, BadRequest | Broken):
            self._lose(failed, retry=not isinstance(failed, _OWNERS_FAULT))
        elif cause in ("content", "session", "result"):
            self._fail(failed)
        elif cause in ("ask", "seed"):
            self._lose(failed)
        else:
            log.warning("%s", failed)

    def _on_failed(self, error: wire.ErrorDetail) -> None:
        """A response failed."""
        failed = reported(self._place.host, error, self._place.payer.secret)
        self.reader.failure = None
        if isinstance(failed, BadRequest) and not isinstance(failed, TooLong):
            self._fail(failed)
        else:
            self._lose(failed, retry=not isinstance(failed, _OWNERS_FAULT))

    def _lose(self, error: ProviderError, *, retry: bool = True) -> None:
        """Nothing can be done here any more: somebody else may take the call over."""
        log.warning("%s", error)
        retry = retry and not isinstance(error, _OWNERS_FAULT)
        self._end([Lost("the hosted model was lost", str(error), retry)])

    def _fail(self, error: ProviderError) -> None:
        """The client sent what the upstream does not take, and has to know."""
        said = str(error).removeprefix(f"{self._place.host} reported ")
        self._end([Failure(f"the hosted model refused it: {said}", INVALID, str(error))])

    def _end(self, last: Iterable[ModelEvent]) -> None:
        if self._lost or self._over:
            return
        self._emit([*self.reader.abandon(), *last])
        self._lost = True
        self._link.abort()

    # --- waiting --------------------------------------------------------------------------------------------

    def _expiry(self) -> float | None:
        """When the upstream ends the session, on the loop's clock."""
        told, limit = self._link.session.expires_at, self._config.session_seconds
        if told:
            return self._loop.time() + max(0.0, told - time.time())
        return self._loop.time() + limit if limit else None

    @property
    def _leave_at(self) -> float | None:
        return None if self._expires_at is None else self._expires_at - self._config.leave_seconds

    def _consider_leaving(self) -> None:
        """Go shortly before the session ends, while nothing is under way."""
        leave_at = self._leave_at
        if leave_at is None or self._lost or self._over or self._loop.time() < leave_at:
            return
        if self._quiet:
            self._lose(SessionExpired(f"{self._place.host}: the session is about to reach its longest duration"))

    @property
    def _quiet(self) -> bool:
        """Whether nobody says or waits for anything, as far as is known here."""
        waits = self._owed or self._asked or self._marked
        return self.reader.quiet and not waits and self._loop.time() >= self._playback.ends

    @property
    def _stalls_at(self) -> float | None:
        """When the upstream will have kept silent for too long."""
        patience = self._config.stall_seconds
        if not patience or self._paused:
            return None
        if self.reader.active is not None:
            return self._last + patience
        return None if self._asked_at is None else max(self._last, self._asked_at) + patience

    @property
    def _cancel_ends(self) -> float | None:
        return None if self._cancelled_at is None else self._cancelled_at + CANCEL_SECONDS

    def _arm(self) -> None:
        """Wake when something is due. A timer that fires too early is set again then."""
        now = self._loop.time()
        leave_at = None if self._leave_at is None else max(self._leave_at, self._playback.ends)
        leave_at = leave_at if leave_at is not None and leave_at > now else None
        times = (self._stalls_at, leave_at, self._ask_at, self._cancel_ends)
        due = min((each for each in times if each is not None), default=None)
        if due is None or self._over or self._lost or (self._timer is not None and self._timer_due <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._check)

    def _check(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._stalls_at is not None and now >= self._stalls_at:
            self._lose(TimedOut(f"{self._place.host} stalled: nothing came for {self._config.stall_seconds:g} s"))
            return
        if self._cancel_ends is not None and now >= self._cancel_ends:
            # Its end was left out.
            self._cancelled_at = None
            self._emit(self.reader.abandon())
            self._ask_if_owed()
        if self._ask_at is not None and now >= self._ask_at:
            self._ask_at = None
            self._ask_if_owed()
        self._consider_leaving()
        self._arm()
