"""One answer while it is thought and spoken. It can be suspended, and go on where the user stopped listening.

Offsets inside are seconds of the whole answer, however often it was interrupted; what is emitted counts from where the
present generation began.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Final

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from antiphon.engines.cascade.parts import (
    Brain,
    Call,
    Fail,
    Ground,
    Prompt,
    Say,
    Speak,
    SpeechChunk,
    SpokenWord,
    Think,
    Thought,
    Used,
    Voice,
)
from antiphon.engines.cascade.sentences import Sentences
from antiphon.engines.cascade.thinking import GivenUp, Thoughts
from antiphon.live.events import (
    OUTPUT_RATE,
    Failure,
    GenerationComplete,
    Grounding,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Speech,
    ToolCalls,
)
from antiphon.live.events import Used as Spent
from antiphon.live.grounding import GroundedSearch, Support
from antiphon.live.history import FunctionCall, model
from antiphon.live.playback import PlaybackClock
from antiphon.live.setup import Setup
from antiphon.live.tokens import UpstreamUsage

log = logging.getLogger("antiphon.cascade")

MAX_LEAD: Final = 20.0
"""Seconds of speech that may be ahead of the user's ear: what an interruption throws away at most."""

KEPT_BEHIND: Final = 5.0
"""Seconds of speech that are kept after they were heard by the clock of this side: the session's may be behind it."""

LONGEST_WORD: Final = 1.0
"""What began longer ago than this is no word that was cut, but a passage of a voice that does not tell its words."""

_SAME_MOMENT: Final = 1e-6
"""Seconds: sums of floats for the same moment differ by less."""

_AUDIBLE: Final = 200
"""Of 32,768: quieter than speech, louder than what a synthesiser calls silence."""


class Sound(Struct, frozen=True, gc=False):
    """Speech that was made, and where in the answer it begins, in seconds."""

    offset: float
    pcm: bytes

    @property
    def ends(self) -> float:
        """Where it ends, in seconds."""
        return self.offset + len(self.pcm) / (2 * OUTPUT_RATE)

    def after(self, begins: float) -> "Sound":
        """The part of it after this moment of the answer."""
        return Sound(max(self.offset, begins), self.between(begins, self.ends))

    def between(self, begins: float, ends: float) -> bytes:
        """The part of it within these bounds."""
        first, last = (max(0, round((bound - self.offset) * OUTPUT_RATE)) * 2 for bound in (begins, ends))
        return self.pcm[first:last]


class Reply:
    """The answer of one generation, and of those that go on with it.

    Emits what it makes at once, but never more than :data:`MAX_LEAD` ahead of the user's ear, and keeps the speech that
    may not have been heard yet. While it is suspended it makes nothing and takes no more thoughts of its brain.

    A brain with ``patience`` is closed when the suspension has lasted that long, and with it the upstream that it asks:
    false interruptions are found out sooner, and what an upstream makes for a real one is made, and paid, for nobody.
    Should the answer go on all the same, the brain is asked anew for what comes after the last whole sentence. The next
    answer and the end of the session close it at once.
    """

    def __init__(
        self, generation: int, setup: Setup, brain: Brain, voice: Voice, emit: Callable[[ModelEvent], None]
    ) -> None:
        self.generation = generation
        self._setup = setup
        self._brain = brain
        self._voice = voice
        self._emit = emit
        self._running = asyncio.Event()
        self._running.set()
        self._clock = PlaybackClock()
        self._position = 0.0
        self._origin = 0.0
        self._sounds: deque[Sound] = deque()
        self._words: list[SpokenWord] = []
        self._undelivered: Sequence[ModelEvent] = ()
        self._written_bytes = 0
        self._lost_bytes = 0
        self._grounding: list[GroundedSearch] = []
        self._calls: tuple[FunctionCall, ...] = ()
        self._complete = False
        self._thoughts: Thoughts | None = None
        self._told = ""
        self._giving_up: asyncio.TimerHandle | None = None

    async def make(self, prompt: Prompt) -> None:
        """Think and speak, from the beginning or after the results of functions. A failure is emitted, not raised."""
        self._calls, self._told = (), ""
        try:
            await self._think_out(replace(prompt, spend=self._spend))
        except Exception as error:
            await self._on_failure(error)
        await self._linger()

    def suspend(self, undelivered: Sequence[ModelEvent] = ()) -> None:
        """Emit nothing any more. ``undelivered`` was emitted, but nobody has taken it."""
        self._running.clear()
        self._undelivered = undelivered
        self._be_patient()
        patience: float | None = getattr(self._brain, "patience", None)
        if patience is not None and self._thoughts is not None:
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_later(patience, self._thoughts.give_up)

    def go_on(self, generation: int, heard: float) -> None:
        """Say as ``generation`` what was not heard in the first ``heard`` seconds of the generation before, and go on.

        A word that was cut is said again.
        """
        self.generation = generation
        self._origin = self._beginning(self._origin + heard)
        self._lost_bytes = self._bytes_before()
        self._clock = PlaybackClock()
        self._repeat_undelivered()
        self._repeat_speech()
        self._repeat_rest()
        self._be_patient()
        self._running.set()

    def _be_patient(self) -> None:
        """Do not give the brain up any more."""
        if self._giving_up is not None:
            self._giving_up.cancel()

    # --- thinking -------------------------------------------------------------------------------------------

    async def _think_out(self, prompt: Prompt) -> None:
        """Think to the end, in as many pieces as it takes."""
        rest = prompt
        while True:
            try:
                return await self._think(rest)
            except GivenUp:
                await self._running.wait()
                said = (model(self._told),) if self._told else ()
                rest = replace(prompt, history=(*prompt.history, *said))

    async def _think(self, prompt: Prompt) -> None:
        sentences = Sentences(eager=self._setup.modality == "audio")
        async with aclosing(Thoughts(self._brain.reply(prompt))) as self._thoughts:
            while (thought := await self._thoughts.next()) is not None:
                if isinstance(thought, Used):
                    self._spend(thought.upstream)
                    continue
                await self._running.wait()
                if not await self._perform(thought, sentences):
                    return
        self._thoughts = None
        await self._say(sentences.flush())
        await self._finish()

    def _spend(self, upstream: UpstreamUsage) -> None:
        """Tell what an upstream was used for, also while nothing else is told: it is paid for."""
        self._emit(Spent(self.generation, upstream))

    async def _perform(self, thought: Thought, sentences: Sentences) -> bool:
        """Do what was thought; whether more may follow."""
        match thought:
            case Say(text):
                await self._say(sentences.feed(text))
            case Speak(speech):
                await self._pass_on(speech)
            case Think(text):
                if self._setup.thinking.include_thoughts:
                    self._emit(ModelText(self.generation, text, thought=True))
            case Ground(grounding):
                self._grounding.append(grounding)
                self._emit(Grounding(self.generation, after(grounding, self._lost_bytes)))
            case Call(calls):
                await self._say(sentences.flush())
                await self._running.wait()
                self._calls = calls
                self._emit(ToolCalls(self.generation, calls))
            case Fail(code, reason):
                self._emit(Failure(reason, code))
        return not isinstance(thought, Call | Fail)

    async def _finish(self) -> None:
        await self._running.wait()
        self._complete = True
        self._emit(GenerationComplete(self.generation))

    async def _on_failure(self, error: Exception) -> None:
        if self._running.is_set():
            log.exception("an answer failed")
            self._emit(Failure("the engine failed while it answered", detail=repr(error)))
            return
        # A brain that was left waiting may give up. What is there already is said; it is no reason to end the session.
        log.warning("the rest of an interrupted answer is lost: %r", error)
        await self._finish()

    # --- speaking -------------------------------------------------------------------------------------------

    async def _say(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self._told += sentence
            if self._setup.modality == "text":
                await self._running.wait()
                self._written_bytes += len(sentence.encode())
                self._emit(ModelText(self.generation, sentence))
            else:
                await self._speak(sentence)

    async def _speak(self, sentence: str) -> None:
        begins = self._position
        speech = self._voice.speak(sentence, self._setup.voice, self._setup.language)
        async with aclosing(speech) as chunks:
            async for chunk in chunks:
                if chunk.used is not None:
                    self._spend(chunk.used)
                await self._hold_lead()
                await self._running.wait()
                self._utter(chunk, begins)

    async def _pass_on(self, speech: SpeechChunk) -> None:
        """Speech that needs no voice of ours."""
        text = "".join(word.text for word in speech.words)
        self._told += text
        if self._setup.modality == "audio":
            await self._hold_lead()
        await self._running.wait()
        if self._setup.modality == "audio":
            self._utter(speech, begins=self._position)
        elif text:
            self._written_bytes += len(text.encode())
            self._emit(ModelText(self.generation, text))

    async def _hold_lead(self) -> None:
        """Wait while more speech is made than anybody could have heard."""
        ahead = self._clock.ends - _now()
        if ahead > MAX_LEAD:
            await asyncio.sleep(ahead - MAX_LEAD)

    def _utter(self, chunk: SpeechChunk, begins: float) -> None:
        if chunk.pcm:
            sound = Sound(self._position, chunk.pcm)
            self._sounds.append(sound)
            self._position = sound.ends
            self._play(sound.pcm)
            self._forget_heard()
        if chunk.words:
            words = [SpokenWord(word.text, begins + word.offset) for word in chunk.words]
            self._words += words
            self._transcribe(words)

    def _transcribe(self, words: Sequence[SpokenWord]) -> None:
        text = "".join(word.text for word in words)
        self._emit(OutputTranscript(self.generation, text, words[0].offset - self._origin))

    def _play(self, pcm: bytes) -> None:
        self._clock.send(len(pcm) / (2 * OUTPUT_RATE), _now())
        self._emit(Speech(self.generation, pcm))

    def _forget_heard(self) -> None:
        heard = self._origin + self._clock.heard(_now())
        while self._sounds and self._sounds[0].ends < heard - KEPT_BEHIND:
            self._sounds.popleft()

    async def _linger(self) -> None:
        """Keep the sound for as long as it may have to be said again."""
        while self._sounds:
            await asyncio.sleep(max(0.0, self._clock.ends + KEPT_BEHIND - _now()))
            await self._running.wait()
            if _now() >= self._clock.ends + KEPT_BEHIND:
                self._sounds.clear()

    # --- going on -------------------------------------------------------------------------------------------

    def _beginning(self, heard: float) -> float:
        """Where to begin anew: at the word that was being said at ``heard``, or there if none was."""
        heard = min(heard, self._position)
        words = [word.offset for word in self._words]
        begun = max((offset for offset in words if offset < heard), default=heard)
        follower = min((offset for offset in words if offset >= heard), default=self._position)
        cut = heard - begun < LONGEST_WORD and _audible(self._sound(heard, follower))
        oldest = self._sounds[0].offset if self._sounds else self._position
        return max(begun if cut else heard, oldest)

    def _sound(self, begins: float, ends: float) -> bytes:
        return b"".join(sound.between(begins, ends) for sound in self._sounds)

    def _bytes_before(self) -> int:
        """Length of the text that comes before the present generation, as UTF-8."""
        if self._setup.modality == "text":
            texts = [event.text for event in self._undelivered if isinstance(event, ModelText) and not event.thought]
            return self._written_bytes - len("".join(texts).encode())
        before = (word.text for word in self._words if word.offset < self._origin - _SAME_MOMENT)
        return len("".join(before).encode())

    def _repeat_undelivered(self) -> None:
        undelivered, self._undelivered = self._undelivered, ()
        for event in undelivered:
            if isinstance(event, ModelText):
                self._emit(replace(event, generation=self.generation))

    def _repeat_speech(self) -> None:
        unheard = (sound for sound in self._sounds if sound.ends > self._origin)
        self._sounds = deque(sound.after(self._origin) for sound in unheard)
        words = deque(word for word in self._words if word.offset >= self._origin - _SAME_MOMENT)
        for sound in self._sounds:
            self._play(sound.pcm)
            while words and words[0].offset < sound.ends:
                self._transcribe([words.popleft()])
        if words:
            self._transcribe(list(words))

    def _repeat_rest(self) -> None:
        for grounding in self._grounding:
            self._emit(Grounding(self.generation, after(grounding, self._lost_bytes), repeated=True))
        if self._calls:
            # The client was told that the calls are cancelled; an id is never called twice.
            self._calls = tuple(replace(call, id=f"{call.id}-{self.generation}") for call in self._calls)
            self._emit(ToolCalls(self.generation, self._calls))
        if self._complete:
            self._emit(GenerationComplete(self.generation))


def after(grounding: GroundedSearch, lost_bytes: int) -> GroundedSearch:
    """The same for an answer of which the first bytes are missing."""
    supports = (support for support in grounding.supports if support.end > lost_bytes)
    return replace(grounding, supports=tuple(_support_after(support, lost_bytes) for support in supports))


def _support_after(support: Support, lost_bytes: int) -> Support:
    cut = max(0, lost_bytes - support.start)
    text = support.text.encode()[cut:].decode(errors="ignore")
    return replace(support, text=text, start=support.start + cut - lost_bytes, end=support.end - lost_bytes)


def _audible(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    return bool(len(samples)) and int(np.abs(samples).max()) > _AUDIBLE


def _now() -> float:
    return asyncio.get_running_loop().time()
