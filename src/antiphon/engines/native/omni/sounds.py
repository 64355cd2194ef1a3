"""What the user said as it sounded, put into the history where a model that hears can have it."""

from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from antiphon.engines.cascade.parts import INPUT_RATE
from antiphon.live.history import History, Part, Turn, Words

_BYTES_PER_SECOND = 2 * INPUT_RATE


class Heard(Words, frozen=True, tag=True):
    """Words, and the sound they were read from: mono 16-bit at 16 kHz. A model without ears reads the words."""

    pcm: bytes = b""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.pcm) / _BYTES_PER_SECOND


class Sound(Struct, eq=False):
    """One utterance: what the recogniser made of it, empty until it did, and how it sounded."""

    text: str = ""
    pcm: bytes = b""


class Sounds:
    """The last ``seconds`` of one user's speech. What is older is forgotten, whole utterances at a time.

    One utterance that is longer than all of that is kept alone, its end of it.
    """

    def __init__(self, seconds: float) -> None:
        self._limit = max(1, int(seconds * INPUT_RATE)) * 2
        self._sounds: deque[Sound] = deque()

    def keep(self, sound: Sound) -> None:
        """Keep what an utterance has come to by now; again and again while it grows."""
        sound.pcm = sound.pcm[-self._limit :]
        if not any(kept is sound for kept in self._sounds):
            self._sounds.append(sound)
        while sum(len(kept.pcm) for kept in self._sounds) > self._limit:
            self._sounds.popleft()

    def heard(self, history: History) -> History:
        """``history`` with sound beside the words that were read from it, as far as it is kept.

        Words find their sound from the newest backwards: the same sentence said twice was said in that order.
        """
        waiting = [sound for sound in self._sounds if sound.text]
        turns: list[Turn] = []
        for turn in reversed(history):
            if waiting and turn.role == "user":
                parts = [_heard(part, waiting) for part in reversed(turn.parts)]
                turn = replace(turn, parts=tuple(reversed(parts)))
            turns.append(turn)
        return tuple(reversed(turns))


def _heard(part: Part, waiting: list[Sound]) -> Part:
    if not isinstance(part, Words):
        return part
    for number in range(len(waiting) - 1, -1, -1):
        sound = waiting[number]
        if sound.text.strip() == part.text.strip():
            del waiting[number:]
            return Heard(part.text, sound.pcm)
    return part
