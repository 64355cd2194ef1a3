"""From microphone sound to transcripts: the activities of one session, when they end, and what was said in them."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from antiphon.audio.activity import (
    ActivityDetector,
    SpeechEnded,
    SpeechEvent,
    SpeechHeld,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    State,
)
from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE, frames_for
from antiphon.audio.resample import Resampler
from antiphon.engines.cascade.ears import Ears, activity_config
from antiphon.engines.cascade.endpointing import EXTENSION_MS, patience
from antiphon.engines.cascade.hearing import Hearing
from antiphon.engines.cascade.parts import RecogniserFailed, Utterance
from antiphon.live.events import ActivityEnded, ActivityStarted, Audio, Failure, InputTranscript, ModelEvent, Used
from antiphon.live.setup import ActivityDetection
from antiphon.live.tokens import UpstreamUsage

log = logging.getLogger("antiphon.cascade")

LEAD_IN_FRAMES = frames_for(320)
"""Sound before the onset that a recogniser needs to settle on the first words; silence, where there was none."""

MOST_FAILURES = 3
"""Utterances in a row that a recogniser may fail to read before the session ends: a caller must not talk to a wall."""


class Listener:
    """Listens to one session. Reports activities, and one final transcript for each, in order.

    A silence that the client asked for ends a turn exactly. Where it asked for none, the usual one does, unless the
    words say that the sentence goes on (:mod:`.endpointing`). What a pause says is known only when the words are; until
    then it lasts, for as long as it might: no answer could begin without them anyway.

    With ``interim`` the words so far are reported while the user speaks.
    """

    def __init__(
        self,
        detection: ActivityDetection,
        ears: Ears,
        new_utterance: Callable[[], Utterance],
        emit: Callable[[ModelEvent], None],
        *,
        language: str = "",
        interim: bool = False,
    ) -> None:
        self._emit = emit
        self._new_utterance = new_utterance
        self._language = language
        self._patient = detection.automatic and detection.silence_ms is None
        self._on_interim = self._report_interim if interim else None
        self._resampler = Resampler(RATE, RATE)
        self._hearing: Hearing | None = None
        self._over: asyncio.Queue[Hearing] = asyncio.Queue()
        self._owed_finals = 0
        self._failures = 0
        self._transcriber = asyncio.create_task(self._transcribe())
        self._detector = ActivityDetector(activity_config(detection))
        look_back = 2 * frames_for(self._detector.config.prefix_padding_ms)
        self._recent: deque[bytes] = deque(maxlen=max(LEAD_IN_FRAMES, look_back))
        self._fed_samples = 0
        self._flush_at: int | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._ear = ears.attach(self._on_frame, self._detector.skip) if detection.automatic else None

    def hear(self, audio: Audio) -> None:
        """Take sound at any rate."""
        if audio.rate != self._resampler.source_rate:
            self._resampler = Resampler(audio.rate, RATE)
        pcm = self._resampler.feed(audio.pcm)
        if self._ear is not None:
            self._fed_samples += len(pcm) // 2
            self._ear.feed(pcm)
        elif self._hearing is not None:
            self._hearing.feed(pcm)

    def begin(self) -> None:
        """The client says that the user begins to speak."""
        self._hearing = self._new_hearing()
        self._hearing.feed(bytes(LEAD_IN_FRAMES * FRAME_BYTES))

    def end(self) -> None:
        """The client says that the user is done."""
        if self._hearing is not None:
            self._hearing.feed(self._resampler.flush())
            self._end_hearing()

    def flush(self) -> None:
        """The microphone pauses: open speech ends where the sound does."""
        if self._ear is None:
            return
        missing = -self._fed_samples % FRAME_SAMPLES
        self._fed_samples += missing
        self._flush_at = self._fed_samples
        self._ear.feed(bytes(2 * missing))
        self._flush_if_heard()

    async def aclose(self) -> None:
        """Stop listening and give the recogniser back."""
        if self._ear is not None:
            self._ear.close()
            if self._ear.dropped_ms:
                log.warning("%d ms of input were dropped: more came than could be listened to", self._ear.dropped_ms)
        self._forget_stall()
        self._transcriber.cancel()
        await asyncio.gather(self._transcriber, return_exceptions=True)
        while not self._over.empty():
            await self._over.get_nowait().aclose()
        if self._hearing is not None:
            await self._hearing.aclose()

    # --- frames and what they mean --------------------------------------------------------------------------

    def _on_frame(self, probability: float, frame: bytes) -> None:
        event = self._detector.feed(probability)
        self._recent.append(frame)
        if self._hearing is not None:
            self._hearing.feed(frame)
        self._on_speech(event)
        if self._flush_at is not None:
            self._flush_if_heard()

    def _flush_if_heard(self) -> None:
        if self._flush_at is None or self._detector.now < self._flush_at:
            return
        self._flush_at = None
        self._on_speech(self._detector.flush())

    def _on_speech(self, event: SpeechEvent | None) -> None:
        match event:
            case SpeechStarted(onset, decided):
                self._begin_hearing((decided - onset) // FRAME_SAMPLES)
                self._emit(ActivityStarted(onset / RATE))
            case SpeechPaused():
                self._on_pause()
            case SpeechHeld():
                self._await_sound()
            case SpeechResumed():
                self._forget_stall()
                if self._hearing is not None:
                    self._hearing.go_on()
            case SpeechEnded(end, _):
                self._forget_stall()
                self._emit(ActivityEnded(end / RATE))
                self._end_hearing()

    def _new_hearing(self) -> Hearing:
        return Hearing(self._new_utterance(), self._on_interim, self._report_used)

    def _begin_hearing(self, frames: int) -> None:
        self._hearing = self._new_hearing()
        wanted = max(frames, LEAD_IN_FRAMES)
        recent = b"".join(list(self._recent)[-wanted:])
        self._hearing.feed(recent.rjust(wanted * FRAME_BYTES, b"\0"))

    def _end_hearing(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            hearing.end()
            self._owed_finals += 1
            self._over.put_nowait(hearing)

    # --- pauses: how long they may last ---------------------------------------------------------------------

    def _on_pause(self) -> None:
        if self._hearing is not None:
            self._hearing.guess(self._on_words)
        if self._patient:
            self._detector.extend(EXTENSION_MS)

    def _on_words(self, words: str | None) -> None:
        """What was said before the pause is known: now it is clear how long the pause may last."""
        if self._patient:
            extension = 0 if words is None else patience(words, self._language)
            self._on_speech(self._detector.extend(extension))

    def _await_sound(self) -> None:
        """The turn would be over but for its extension: a microphone that falls silent must not keep it open."""
        loop = asyncio.get_running_loop()
        self._stall = loop.call_later(EXTENSION_MS / 1000, self._on_stall, self._detector.now)

    def _on_stall(self, heard_samples: int) -> None:
        self._stall = None
        if self._detector.state is not State.HELD:
            return
        if self._detector.now > heard_samples:
            self._await_sound()
        else:
            self._on_speech(self._detector.flush())

    def _forget_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    # --- transcripts ----------------------------------------------------------------------------------------

    def _report_interim(self, words: str) -> bool:
        # While the final of an activity before is owed, nobody could tell whose words these are.
        if self._owed_finals:
            return False
        self._emit(InputTranscript(words, final=False))
        return True

    def _report_used(self, used: UpstreamUsage) -> None:
        # Nothing is being answered yet: no generation has this number, so it is charged by itself.
        self._emit(Used(0, used))

    async def _transcribe(self) -> None:
        """Report finals in the order of their activities."""
        while True:
            hearing = await self._over.get()
            try:
                words = await self._final_words(hearing)
                self._owed_finals -= 1
                self._emit(InputTranscript(words, final=True))
            finally:
                await hearing.aclose()

    async def _final_words(self, hearing: Hearing) -> str:
        try:
            words = await hearing.words()
        except RecogniserFailed as error:
            self._on_failure(error)
            return ""
        self._failures = 0
        return words

    def _on_failure(self, error: RecogniserFailed) -> None:
        log.warning("an utterance could not be read: %s", error)
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self._emit(Failure("the recogniser fails again and again", detail=str(error)))
