"""Where words begin in speech that is still coming: foreseen from how fast the voice spoke before."""

from typing import Final

from antiphon.engines.cascade.parts import SpokenWord
from antiphon.engines.cascade.voices.timing import words

FIRST_GUESS: Final = 15.0
"""Characters a second of a voice that was never heard: English read aloud at 170 words a minute."""

_LEARNING: Final = 0.3


class Pace:
    """How many characters a second a voice speaks: a moving average over its sentences."""

    def __init__(self) -> None:
        self.rate = FIRST_GUESS

    def learn(self, characters: int, seconds: float) -> None:
        """A sentence of so many characters took so long."""
        if characters >= 8 and seconds > 0:
            self.rate += _LEARNING * (characters / seconds - self.rate)


class Foreseen:
    """The words of one text, handed out when they are expected to begin."""

    def __init__(self, text: str, rate: float) -> None:
        self._words = [(text[start:stop], start / rate) for start, stop in words(text)]

    def begun(self, seconds: float) -> tuple[SpokenWord, ...]:
        """The words that begin before ``seconds``, each once."""
        count = next((number for number, word in enumerate(self._words) if word[1] >= seconds), len(self._words))
        now, self._words = self._words[:count], self._words[count:]
        return tuple(SpokenWord(text, offset) for text, offset in now)

    def rest(self, seconds: float) -> tuple[SpokenWord, ...]:
        """What is left at the end of the sound, which is at ``seconds``."""
        left, self._words = self._words, []
        return tuple(SpokenWord(text, min(offset, seconds)) for text, offset in left)
