"""What an upstream forgets when its session is resumed, and has to be told again.

A resumption handle stands for the session as it was when the handle was given: what was sent later is lost (reference
of ``SessionResumptionUpdate``). While the model answers or waits for a function, no handle is given. So everything
since the newest one is kept here: turns that are over as words, the input of the turn that is not as it was sent.
"""

from collections import deque
from collections.abc import Iterator

from antiphon.audio.pcm import peak
from antiphon.engines.relay.frames import sound_of
from antiphon.engines.relay.writing import told
from antiphon.live.history import FunctionCall, FunctionResult, Turn, Words

QUIET = 300
"""Peak of 16-bit samples below which sound is certainly no speech: softer than the noise of most rooms."""

LEAD_SECONDS = 0.5
"""Sound that is told again before the first that may be speech."""

Frame = tuple[bytes, float]
"""A client message, and the seconds of sound in it; 0 for any other message."""


class Frames:
    """Messages in order, with the newest ``limit`` seconds of sound; no other message is ever dropped."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self.dropped = 0.0
        """Seconds of sound that were dropped."""
        self._frames: deque[Frame] = deque()
        self._seconds = 0.0

    def __len__(self) -> int:
        return len(self._frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def put(self, frame: bytes, seconds: float) -> None:
        """Add a message; the oldest sound goes if there is too much."""
        self._frames.append((frame, seconds))
        self._seconds += seconds
        if self._seconds > self.limit:
            self._drop(self._seconds - self.limit)

    def take(self) -> Iterator[Frame]:
        """Take messages out, oldest first."""
        while self._frames:
            frame, seconds = self._frames.popleft()
            self._seconds -= seconds
            yield frame, seconds

    def shorten(self, seconds: float) -> None:
        """Keep only the newest ``seconds`` of sound; what goes does not count as dropped."""
        if self._seconds > seconds:
            dropped = self.dropped
            self._drop(self._seconds - seconds)
            self.dropped = dropped

    def clear(self) -> None:
        """Forget everything."""
        self._frames.clear()
        self._seconds = 0.0

    def _drop(self, excess: float) -> None:
        at = 0
        # What floats leave over after many additions is no excess.
        while excess > 1e-6 and at < len(self._frames):
            seconds = self._frames[at][1]
            if not seconds:
                at += 1
                continue
            del self._frames[at]
            excess -= seconds
            self._seconds -= seconds
            self.dropped += seconds


class Journal:
    """Everything since the newest handle, of one conversation. ``seconds`` of sound are kept of a turn."""

    def __init__(self, seconds: float) -> None:
        self.owed = False
        """Whether the user is known to have said something that is not being answered yet."""
        self.calls: dict[str, FunctionCall] = {}
        """Functions that the present answer called, by id."""
        self.results: dict[str, FunctionResult] = {}
        self._answered = Frames(seconds)
        self._newer = Frames(seconds)
        self._turns: list[Turn] = []
        self._heard: list[str] = []
        self._said: list[str] = []

    @property
    def forgotten(self) -> bool:
        """Whether there is a turn that the newest handle does not stand for."""
        return bool(self._turns)

    def sent(self, frame: bytes, seconds: float) -> None:
        """A message was sent."""
        self._newer.put(frame, seconds)

    def heard(self, text: str) -> None:
        """Words of the user became known, or were typed."""
        self._heard.append(text)

    def said(self, text: str) -> None:
        """Words of the model became known."""
        self._said.append(text)

    def begins(self) -> None:
        """The model begins to answer what was sent so far."""
        for frame, seconds in self._newer.take():
            self._answered.put(frame, seconds)
        self.owed = False

    def ends(self) -> None:
        """The answer is there, or will never be: it is a turn of the past."""
        self._turns += self._turn()
        self._answered.clear()
        self._heard, self._said = [], []
        self.calls, self.results = {}, {}

    def reopen(self) -> None:
        """The answer was lost: the input is to be answered again, and its words will be known again."""
        newer = [*self._answered.take(), *self._newer.take()]
        for frame, seconds in newer:
            self._newer.put(frame, seconds)
        self._heard, self._said = [], []
        self.owed = True

    def kept(self) -> None:
        """A handle came that stands for everything that is over."""
        self._turns = []
        if not self.owed:
            self._newer.clear()
            self._heard = []

    def past(self) -> list[bytes]:
        """The messages that tell an upstream the turns it forgot."""
        return [told(tuple(self._turns), complete=False)] if self._turns else []

    def replayed(self) -> list[Frame]:
        """The messages to be sent again after them."""
        if not self.owed:
            self._newer.shorten(_seconds_since_speech(self._newer))
        return list(self._newer)

    def present(self) -> bytes:
        """The present turn in words, with its functions and what they came to, to be answered."""
        return told((*self._turns, *self._turn()), complete=True)

    def _turn(self) -> list[Turn]:
        heard, said = "".join(self._heard), "".join(self._said)
        turns = [Turn("user", (Words(heard),))] if heard else []
        if said or self.calls:
            turns.append(Turn("model", (*((Words(said),) if said else ()), *self.calls.values())))
        if self.results:
            turns.append(Turn("user", tuple(self.results.values())))
        return turns


def _seconds_since_speech(frames: Frames) -> float:
    """How much of the sound is worth telling again, from its end, when nobody is known to have spoken."""
    left = sum(seconds for _, seconds in frames)
    for frame, seconds in frames:
        if seconds and peak(sound_of(frame)) >= QUIET:
            return left + LEAD_SECONDS
        left -= seconds
    return LEAD_SECONDS
