"""From microphone sound to final transcripts: activity detection, speculation and recognition of one session."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from antiphon.audio.activity import (
    ActivityDetector,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
)
from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, RATE, frames_for
from antiphon.audio.resample import Resampler
from antiphon.engines.cascade.ears import Ears, activity_config
from antiphon.engines.cascade.parts import Hypothesis, RecogniserBusy, Utterance
from antiphon.live.events import ActivityEnded, ActivityStarted, Audio, InputTranscript, ModelEvent
from antiphon.live.setup import ActivityDetection

log = logging.getLogger("antiphon.cascade")

LEAD_IN_FRAMES = frames_for(320)
"""Sound before the onset that a recogniser needs to settle on the first words; silence, where there was none."""


class Listener:
    """Listens to one session. Reports activities, and one final transcript for each, in order."""

    def __init__(
        self,
        detection: ActivityDetection,
        ears: Ears,
        new_utterance: Callable[[], Utterance],
        emit: Callable[[ModelEvent], None],
    ) -> None:
        self._emit = emit
        self._new_utterance = new_utterance
        self._resampler = Resampler(RATE, RATE)
        self._utterance: Utterance | None = None
        self._final: asyncio.Task[Hypothesis] | None = None
        self._pause: list[bytes] = []
        self._ended: asyncio.Queue[tuple[Utterance, asyncio.Task[Hypothesis]]] = asyncio.Queue()
        self._transcriber = asyncio.create_task(self._transcribe())
        self._detector = ActivityDetector(activity_config(detection))
        look_back = 2 * frames_for(self._detector.config.prefix_padding_ms)
        self._recent: deque[bytes] = deque(maxlen=max(LEAD_IN_FRAMES, look_back))
        self._fed_samples = 0
        self._flush_at: int | None = None
        self._ear = ears.attach(self._on_frame, self._detector.skip) if detection.automatic else None

    def hear(self, audio: Audio) -> None:
        """Take sound at any rate."""
        if audio.rate != self._resampler.source_rate:
            self._resampler = Resampler(audio.rate, RATE)
        pcm = self._resampler.feed(audio.pcm)
        if self._ear is not None:
            self._fed_samples += len(pcm) // 2
            self._ear.feed(pcm)
        elif self._utterance is not None:
            self._utterance.feed(pcm)

    def begin(self) -> None:
        """The client says that the user begins to speak."""
        self._utterance = self._new_utterance()
        self._utterance.feed(bytes(LEAD_IN_FRAMES * FRAME_BYTES))

    def end(self) -> None:
        """The client says that the user is done."""
        if self._utterance is not None:
            self._utterance.feed(self._resampler.flush())
            self._end_utterance(self._utterance)

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
        self._transcriber.cancel()
        await asyncio.gather(self._transcriber, return_exceptions=True)
        while not self._ended.empty():
            await self._drop(*self._ended.get_nowait())
        if self._utterance is not None:
            await self._drop(self._utterance, self._final)

    # --- frames and what they mean --------------------------------------------------------------------------

    def _on_frame(self, probability: float, frame: bytes) -> None:
        event = self._detector.feed(probability)
        self._recent.append(frame)
        if self._utterance is not None:
            # While a guess at the final transcript is being made, more sound would undo it.
            if self._final is None:
                self._utterance.feed(frame)
            else:
                self._pause.append(frame)
        if event is not None:
            self._on_speech(event)
        if self._flush_at is not None:
            self._flush_if_heard()

    def _flush_if_heard(self) -> None:
        if self._flush_at is None or self._detector.now < self._flush_at:
            return
        self._flush_at = None
        event = self._detector.flush()
        if event is not None:
            self._on_speech(event)

    def _on_speech(self, event: SpeechEvent) -> None:
        match event:
            case SpeechStarted(onset, decided):
                self._start_utterance((decided - onset) // FRAME_SAMPLES)
                self._emit(ActivityStarted(onset / RATE))
            case SpeechPaused():
                self._speculate()
            case SpeechResumed():
                self._resume()
            case SpeechEnded(end, _):
                self._emit(ActivityEnded(end / RATE))
                if self._utterance is not None:
                    self._end_utterance(self._utterance)

    def _start_utterance(self, frames: int) -> None:
        self._utterance = self._new_utterance()
        wanted = max(frames, LEAD_IN_FRAMES)
        recent = b"".join(list(self._recent)[-wanted:])
        self._utterance.feed(recent.rjust(wanted * FRAME_BYTES, b"\0"))

    def _speculate(self) -> None:
        """Ask for the final transcript now: when the silence lasts, it is ready at the end of the turn."""
        if self._utterance is not None:
            self._final = asyncio.create_task(self._utterance.finish())

    def _resume(self) -> None:
        """The guess was wrong. What was said meanwhile is heard now."""
        if self._final is not None:
            self._final.add_done_callback(_retrieve)
        self._final = None
        pause, self._pause = self._pause, []
        if self._utterance is not None and pause:
            self._utterance.feed(b"".join(pause))

    def _end_utterance(self, utterance: Utterance) -> None:
        final = self._final or asyncio.create_task(utterance.finish())
        self._ended.put_nowait((utterance, final))
        self._utterance, self._final, self._pause = None, None, []

    async def _transcribe(self) -> None:
        """Report finals in the order of their activities."""
        while True:
            utterance, final = await self._ended.get()
            try:
                text = (await final).text
            except RecogniserBusy as error:
                log.warning("%s", error)
                text = ""
            finally:
                await utterance.aclose()
            self._emit(InputTranscript(text, final=True))

    async def _drop(self, utterance: Utterance, final: "asyncio.Task[Hypothesis] | None") -> None:
        if final is not None:
            final.cancel()
            await asyncio.gather(final, return_exceptions=True)
        await utterance.aclose()


def _retrieve(task: "asyncio.Task[Hypothesis]") -> None:
    """Look at a result nobody wants, so that its failure is not reported as overlooked."""
    if not task.cancelled():
        task.exception()
