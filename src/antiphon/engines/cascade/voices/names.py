"""Which of a model's own voices speaks for one of the thirty voices of the API.

The choice depends on nothing but the name asked for and the voices there are, so a session sounds the same on every
machine and after every restart. A name that is one of the model's own is taken as it is.

- Where a model's voices have a gender, the API's voices of that gender, in the order of
  :data:`~antiphon.engines.cascade.espeak.voices.PRESETS`, go round the model's, sorted by name: with 11 female voices
  the first, the twelfth and so on of the API's sound alike.
- Where they have none, all thirty go round all of them.
- An empty or unknown name is the API's default voice.
"""

from collections.abc import Sequence

from antiphon.engines.cascade.espeak.voices import PRESETS, Gender, preset

_OF_ALL = {name: rank for rank, name in enumerate(PRESETS)}
_OF_GENDER = {
    name: [other for other in PRESETS if PRESETS[other].gender == PRESETS[name].gender].index(name) for name in PRESETS
}


def choose(name: str, voices: Sequence[str]) -> str:
    """The one of ``voices``, of which there is at least one, that speaks for ``name``; they keep their order."""
    own = {voice.casefold(): voice for voice in voices}
    return own.get(name.strip().casefold()) or voices[_OF_ALL[preset(name).name] % len(voices)]


def choose_by_gender(name: str, female: Sequence[str], male: Sequence[str]) -> str:
    """The same where voices have a gender; the other one speaks where there is none of the right one."""
    own = {voice.casefold(): voice for voice in (*female, *male)}
    asked = preset(name)
    wanted: dict[Gender, Sequence[str]] = {"female": female or male, "male": male or female}
    voices = sorted(wanted[asked.gender])
    return own.get(name.strip().casefold()) or voices[_OF_GENDER[asked.name] % len(voices)]
