"""A voice session that has not taken place: what each of its generations would read and make, in tokens.

A live session is charged for every generation, and a generation reads the whole context again: the system instruction
and the tools, every exchange in the window, what the user just said and showed. So a call costs more than its minutes
times a price, and by how much depends on how long its turns are, on the window and on what the service puts into it.
No formula gives that once the window slides, so the session is played turn by turn.

The rules that are followed (Live API best practices, "Pricing and billing", 2026-09-15, and the Cloud price footnotes):

- What was said stays in the window as audio, of both sides, and is read again as audio input. Transcripts are charged
  as text that was made, once, and are not read again; neither are thoughts.
- A function call ends a generation; its result begins another one, which reads everything again.
- When the context has passed the trigger at the end of an exchange, the oldest exchanges go until it is at its target,
  or only the newest is left. The setup stays. Whether the setup counts towards the trigger is not documented.
- The frames of a turn are those of its whole length, or those that came while the user spoke (``turnCoverage``).

Times are seconds since the call began. Tokens are whole numbers, rounded up by turn; prices come later.
"""

import math
from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import astuple

from antiphon.live.tokens import AUDIO_TOKENS_PER_SECOND, PICTURE_TOKENS, Tokens, Usage

Silence = Literal["free", "once", "kept"]
Coverage = Literal["activity", "activity_and_all_video", "all_input"]


class ScenarioError(ValueError):
    """A call cannot be simulated as it was described; the message names the setting and what it may be."""


class Compression(Struct, frozen=True):
    """The window slides once the context is over ``trigger`` tokens, and then holds ``target`` at most."""

    trigger: int
    target: int
    setup_counts: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.target <= self.trigger:
            raise ScenarioError(f"compress {self.trigger}:{self.target}: the target is from 1 up to the trigger")


class Gates(Struct, frozen=True):
    """What Antiphon does not send on: ``silence``, and ``video`` while nobody speaks.

    ``margin`` is how many seconds of either still pass in each turn: what is kept from before speech begins, and how
    long it takes to be sure that it ended.
    """

    silence: bool = False
    video: bool = False
    margin: float = 1.0


class Rules(Struct, frozen=True, kw_only=True):
    """How a service reads and counts a session.

    ``window`` is the most tokens that a generation reads. ``silence`` says what sound without speech costs: nothing,
    its tokens when it comes, or those in every later generation as well. ``frame_tokens`` are those of one frame of
    video; a fraction is rounded up over the frames of a turn. The service takes ``max_frames_per_second``.
    ``covers_by_choice``: a client may set the ``coverage`` and how finely frames are seen.

    ``cache`` is the share of what was read before that is found in a cache, where the service has one: all that the
    prompt of the generation before began with, until the window slides. ``audio_cap`` and ``video_cap`` are how many
    seconds a session without compression lasts; sessions that slide are not capped, except by ``cap``.
    """

    window: int = 131_072
    coverage: Coverage = "activity"
    silence: Silence = "free"
    compression: Compression | None = None
    input_rate: int = AUDIO_TOKENS_PER_SECOND
    output_rate: int = AUDIO_TOKENS_PER_SECOND
    covers_by_choice: bool = True
    frame_tokens: Decimal = Decimal(PICTURE_TOKENS[""])
    max_frames_per_second: float = 1.0
    cache: float = 0.0
    audio_cap: float = math.inf
    video_cap: float = math.inf
    cap: float = math.inf
    gates: Gates = Gates()


class Call(Struct, frozen=True, kw_only=True):
    """What happens in a call: ``turns`` exchanges of equal length in ``seconds``.

    In each the user speaks for ``user`` seconds and the model for ``model``; the rest is silence. ``setup`` are the
    tokens of system instruction and tools, ``frames_per_second`` those of the user's video. ``user_transcript`` and
    ``model_transcript`` are tokens of transcript for a minute of either's speech. ``thoughts`` are tokens that each
    generation thinks. Every ``tool_every``-th turn calls a function, with so many tokens of call and of result; every
    ``search_every``-th searches with ``queries`` queries, and the first ``free_searches`` of such turns are free.
    """

    seconds: float = 600.0
    turns: int = 30
    user: float = 10.0
    model: float = 10.0
    setup: int = 2000
    frames_per_second: float = 0.0
    user_transcript: int = 0
    model_transcript: int = 0
    thoughts: int = 0
    tool_every: int = 0
    call_tokens: int = 30
    result_tokens: int = 120
    search_every: int = 0
    queries: int = 1
    free_searches: int = 0

    def __post_init__(self) -> None:
        if self.turns < 1 or not 0 < self.seconds < math.inf:
            raise ScenarioError("a call has at least one turn and lasts longer than no time")
        for name in self.__struct_fields__:
            if not 0 <= getattr(self, name) < math.inf:
                raise ScenarioError(f"{name.replace('_', ' ')} cannot be {getattr(self, name)}")
        if self.user + self.model > self.length + 1e-6:
            raise ScenarioError(
                f"a turn lasts {self.length:.1f} s, too short for {self.user:g} s of the user and {self.model:g} s of "
                "the model: fewer turns, more minutes or less speech"
            )

    @property
    def length(self) -> float:
        """How many seconds one exchange lasts."""
        return self.seconds / self.turns


class Generation(Struct, frozen=True, kw_only=True):
    """One charge: what a generation of turn ``turn`` reads and makes; ``at`` is when it is over.

    ``setup``, ``history`` and ``fresh`` are what it reads: the instruction and tools, what was read or made before, and
    what is new. ``silence`` is sound without speech that is charged and not kept. ``cached_setup`` and ``cached`` are
    the parts of ``setup`` and ``history`` that come from a cache.
    """

    turn: int
    at: float
    setup: int
    history: Tokens
    fresh: Tokens
    made: Tokens
    silence: int = 0
    transcripts: int = 0
    thoughts: int = 0
    searches: int = 0
    cached_setup: int = 0
    cached: Tokens = Tokens()

    @property
    def context(self) -> int:
        """How many tokens the model reads to begin it."""
        return self.setup + self.history.total + self.fresh.total

    @property
    def usage(self) -> Usage:
        """The same as the service's ``usageMetadata`` would have it."""
        return Usage(
            prompt=self.history + self.fresh + Tokens(text=self.setup, audio=self.silence),
            response=self.made + Tokens(text=self.transcripts),
            thoughts=self.thoughts,
            searches=self.searches,
            cached=self.cached + Tokens(text=self.cached_setup),
        )


class Ending(Struct, frozen=True):
    """When the service would end the session, and why."""

    at: float
    why: str


class Session(Struct, frozen=True, kw_only=True):
    """A simulated session, played to its end even if the service would have ended it before (``ending``).

    ``peak`` is the most that a generation read. ``memory`` is how many seconds back the model remembers when it
    remembers least, once the window slides; the whole call if it never does. ``fills`` is when the context passes the
    trigger, or the window if it does not slide; after the end of the call at its average pace, None if never.
    ``slides`` is how often the window slid.
    """

    call: Call
    rules: Rules
    generations: tuple[Generation, ...]
    peak: int
    memory: float
    slides: int
    fills: float | None
    ending: Ending | None

    @property
    def usage(self) -> Usage:
        """What all generations used together."""
        return sum((generation.usage for generation in self.generations), Usage())


def simulate(call: Call, rules: Rules) -> Session:
    """Play ``call`` by ``rules``.

    Raises:
        ScenarioError: the service takes fewer frames a second.
    """
    if call.frames_per_second > rules.max_frames_per_second:
        most = rules.max_frames_per_second
        raise ScenarioError(f"video {call.frames_per_second:g}: the service takes {most:g} frames a second at most")
    window = _Window(call.setup, rules)
    generations: list[Generation] = []
    for number in range(1, call.turns + 1):
        generations += _exchange(call, rules, number, window)
        window.slide(number * call.length)
    return Session(
        call=call,
        rules=rules,
        generations=tuple(generations),
        peak=max(generation.context for generation in generations),
        memory=min(window.memories, default=call.seconds),
        slides=len(window.memories),
        fills=_fills(call, rules, window, generations),
        ending=_ending(call, rules, generations),
    )


class _Window:
    """The exchanges that are still read: when each began, and its tokens."""

    def __init__(self, setup: int, rules: Rules) -> None:
        self.setup = setup
        self.history = Tokens()
        self.memories: list[float] = []
        """Seconds that were left in the window, each time it slid."""
        self._rules = rules
        self._exchanges: deque[tuple[float, Tokens]] = deque()
        self._seen: Tokens | None = None
        """What of the history the last generation read at its beginning; None before the first generation."""

    @property
    def total(self) -> int:
        """The tokens that count towards a limit."""
        compression = self._rules.compression
        return self.history.total + (self.setup if compression is None or compression.setup_counts else 0)

    def begin(self, at: float) -> None:
        self._exchanges.append((at, Tokens()))

    def append(self, fresh: Tokens, made: Tokens) -> None:
        """A generation read all there was and ``fresh``, and made something."""
        began, tokens = self._exchanges.pop()
        self._exchanges.append((began, tokens + fresh + made))
        self._seen = self.history + fresh
        self.history += fresh + made

    def cached(self) -> tuple[int, Tokens]:
        """What of the setup and of the history comes from the cache."""
        share = self._rules.cache
        if self._seen is None or not share:
            return 0, Tokens()
        return int(self.setup * share), Tokens(*(int(tokens * share) for tokens in astuple(self._seen)))

    def slide(self, now: float) -> None:
        """Let the oldest exchanges go if the context is over the trigger."""
        compression = self._rules.compression
        if compression is None or self.total <= compression.trigger:
            return
        while self.total > compression.target and len(self._exchanges) > 1:
            self._exchanges.popleft()
            self.history = sum((tokens for _, tokens in self._exchanges), Tokens())
            self._seen = Tokens()
        self.memories.append(now - self._exchanges[0][0])


def _exchange(call: Call, rules: Rules, number: int, window: _Window) -> Iterator[Generation]:
    """The generations of turn ``number``: one, or with a function two."""
    begins = (number - 1) * call.length
    heard, silence = _heard(call, rules, number)
    spoken = Tokens(audio=_count(call.model, rules.output_rate))
    calls = call.tool_every and number % call.tool_every == 0
    rounds = [(heard, Tokens(text=call.call_tokens)), (Tokens(text=call.result_tokens), spoken)]
    window.begin(begins)
    for fresh, made in rounds if calls else [(heard, spoken)]:
        last = made is spoken
        cached_setup, cached = window.cached()
        yield Generation(
            turn=number,
            at=begins + call.user + (call.model if last else 0.0),
            setup=call.setup,
            history=window.history,
            fresh=fresh,
            made=made,
            silence=silence if fresh is heard else 0,
            transcripts=_transcripts(call) if last else 0,
            thoughts=call.thoughts,
            searches=_searches(call, number) if last else 0,
            cached_setup=cached_setup,
            cached=cached,
        )
        window.append(fresh, made)


def _heard(call: Call, rules: Rules, number: int) -> tuple[Tokens, int]:
    """What the user brought to turn ``number``, and the silence that is charged and not kept, in tokens."""
    silence = _count(_silence(call, rules), rules.input_rate)
    kept, once = (silence, 0) if rules.silence == "kept" else (0, silence)
    video = math.ceil(_frames(call, rules, number) * rules.frame_tokens)
    return Tokens(audio=_count(call.user, rules.input_rate) + kept, video=video), once


def _silence(call: Call, rules: Rules) -> float:
    """Seconds of a turn in which the user does not speak and the service charges for it; the model may be speaking."""
    if rules.silence == "free":
        return 0.0
    quiet = call.length - call.user
    return min(quiet, rules.gates.margin) if rules.gates.silence else quiet


def _frames(call: Call, rules: Rules, number: int) -> int:
    """The frames that belong to turn ``number``; fractions go to later turns, none get lost."""
    seconds = call.length
    if rules.coverage == "activity":
        seconds = call.user
    elif rules.gates.video:
        seconds = min(seconds, call.user + rules.gates.margin)
    each = round(seconds * call.frames_per_second, 6)
    return math.floor(round(each * number, 6)) - math.floor(round(each * (number - 1), 6))


def _transcripts(call: Call) -> int:
    return math.ceil((call.user * call.user_transcript + call.model * call.model_transcript) / 60 - 1e-9)


def _searches(call: Call, number: int) -> int:
    """The queries of turn ``number`` that are charged."""
    if not call.search_every or number % call.search_every:
        return 0
    return call.queries if number // call.search_every > call.free_searches else 0


def _fills(call: Call, rules: Rules, window: _Window, generations: list[Generation]) -> float | None:
    compression = rules.compression
    limit = compression.trigger if compression else rules.window
    outside = call.setup if compression and not compression.setup_counts else 0
    for generation in generations:
        if generation.context + generation.made.total - outside > limit:
            return generation.at
    if not window.history.total:
        return None
    return max(0.0, limit - call.setup + outside) / window.history.total * call.seconds


def _ending(call: Call, rules: Rules, generations: list[Generation]) -> Ending | None:
    """What ends the session first, if anything does."""
    endings = [Ending(rules.cap, f"no session lasts longer than {rules.cap / 60:g} minutes")]
    if rules.compression is None:
        video = call.frames_per_second > 0
        cap, kind = (rules.video_cap, "with video") if video else (rules.audio_cap, "without video")
        endings.append(Ending(cap, f"no session {kind} lasts longer than {cap / 60:g} minutes without compression"))
    full = (generation.at for generation in generations if generation.context > rules.window)
    endings.append(Ending(next(full, math.inf), f"the context no longer fits into {rules.window:,} tokens"))
    first = min(endings, key=lambda ending: ending.at)
    return first if first.at < call.seconds else None


def _count(seconds: float, rate: int) -> int:
    """Tokens of sound; the noise of floats does not make another one."""
    return math.ceil(round(seconds * rate, 6))
