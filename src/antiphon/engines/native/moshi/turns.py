"""Answers out of a stream that never ends: where the model begins to speak, and where it is done. Pure."""

import codecs
from collections import deque
from enum import Enum, auto
from typing import Final

from antiphon.engines.native.moshi.frames import FRAME_SECONDS, Said
from antiphon.live.events import GenerationComplete, GenerationStarted, ModelEvent, OutputTranscript, Speech

ONSET_FRAMES: Final = 2
"""So many audible frames in a row begin an answer that has no words yet: a single one may be a click."""

LEAD_IN_FRAMES: Final = 1
"""So many frames before the onset belong to the answer: a soft beginning is quieter than what is called audible."""


class State(Enum):
    """What the model is doing, as far as the user is concerned."""

    QUIET = auto()
    SPEAKING = auto()
    MUTED = auto()
    """It was interrupted, and whatever it goes on to say until its next pause is not for the user."""


class Turns:
    """Numbers answers from ``generation`` on. ``silence`` is how many seconds without words and sound end one.

    While an answer lasts every frame of it is passed on, pauses included, so its clock is that of the model.
    """

    def __init__(self, generation: int, silence: float) -> None:
        self.state = State.QUIET
        self._next = generation
        self._end_frames = max(1, round(silence / FRAME_SECONDS))
        self._recent: deque[Said] = deque(maxlen=LEAD_IN_FRAMES + ONSET_FRAMES)
        self._audible = 0
        self._quiet = 0
        self._frames = 0
        self._worded = False
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def take(self, said: Said) -> list[ModelEvent]:
        """What a frame of the model means for the user."""
        audible = said.audible
        self._audible = self._audible + 1 if audible else 0
        self._quiet = 0 if audible or said.text else self._quiet + 1
        if self.state is State.SPEAKING:
            return self._go_on(said)
        self._recent.append(said)
        if self.state is State.MUTED and self._quiet >= self._end_frames:
            self.state = State.QUIET
        if self.state is State.QUIET and (said.text or self._audible >= ONSET_FRAMES):
            return self._begin()
        return []

    def interrupt(self, generation: int) -> None:
        """Every answer numbered below ``generation`` is dead; the model itself goes on."""
        if self.state is State.SPEAKING and self._next <= generation:
            self.state = State.MUTED
            self._recent.clear()
        self._next = max(self._next, generation)

    def _begin(self) -> list[ModelEvent]:
        self.state = State.SPEAKING
        self._frames = 0
        self._worded = False
        self._decoder.reset()
        onset = LEAD_IN_FRAMES + max(1, self._audible)
        recent = list(self._recent)[-onset:]
        self._recent.clear()
        events: list[ModelEvent] = [GenerationStarted(self._next)]
        self._next += 1
        for said in recent:
            events += self._speak(said)
        return events

    def _go_on(self, said: Said) -> list[ModelEvent]:
        events = self._speak(said)
        if self._quiet >= self._end_frames:
            self.state = State.QUIET
            events.append(GenerationComplete(self._next - 1))
        return events

    def _speak(self, said: Said) -> list[ModelEvent]:
        generation, offset = self._next - 1, self._frames * FRAME_SECONDS
        self._frames += 1
        text = self._decoder.decode(said.text)
        if not self._worded:
            text = text.lstrip()
        if not text:
            return [Speech(generation, said.pcm)]
        self._worded = True
        return [Speech(generation, said.pcm), OutputTranscript(generation, text, offset)]
