"""Spoken sentences with known text: WAV files, 16 kHz mono, said by synthetic voices (flite, ``rms`` and ``slt``)."""

from importlib import resources
from pathlib import Path

from msgspec import Struct

from antiphon.audio.wav import read_wav

_TEXTS = (
    "What is two plus three?",
    "My name is Alice.",
    "What is my name?",
    "Turn on the lights in the kitchen.",
    "What can you do?",
    "Wait a moment please.",
)
_NAMES = (
    "what_is_two_plus_three",
    "my_name_is_alice",
    "what_is_my_name",
    "turn_on_the_kitchen_lights",
    "what_can_you_do",
    "wait_a_moment",
)


class Spoken(Struct, frozen=True):
    """A sentence as sound."""

    text: str
    path: Path
    rate: int = 16_000

    @property
    def pcm(self) -> bytes:
        """The sound: mono 16-bit little-endian at :attr:`rate`."""
        return read_wav(self.path).pcm

    def chunks(self, seconds: float = 0.02, silence_after: float = 0.0) -> list[bytes]:
        """The sound as a microphone would deliver it, ``seconds`` a chunk, with silence after it."""
        size = 2 * int(self.rate * seconds)
        sound = self.pcm + bytes(2 * int(self.rate * silence_after))
        return [sound[start : start + size] for start in range(0, len(sound), size)]


_FOLDER = Path(str(resources.files("antiphon.testing"))) / "speech"
SPOKEN = {name: Spoken(text, _FOLDER / f"{name}.wav") for name, text in zip(_NAMES, _TEXTS, strict=True)}
"""All sentences, by name."""
