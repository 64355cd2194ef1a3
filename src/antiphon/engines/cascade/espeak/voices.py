"""The voices and languages a client may name, as espeak-ng speaks them."""

from typing import Literal

from msgspec import Struct

Gender = Literal["female", "male"]


class Preset(Struct, frozen=True):
    """A voice of the API and how espeak-ng comes near to it.

    ``style`` is the word the API's documentation has for the voice. ``variant`` names a voice variant of espeak-ng,
    ``rate`` is words per minute, ``pitch`` and ``range`` (of the intonation) are 0-99, and ``volume`` (0-200)
    brings all presets to about the same loudness.
    """

    name: str
    style: str
    gender: Gender
    variant: str
    rate: int
    pitch: int
    range: int
    volume: int


DEFAULT = "Puck"
"""The voice of a session that names none."""

# Names, styles and genders: https://ai.google.dev/gemini-api/docs/speech-generation#voices and
# https://cloud.google.com/text-to-speech/docs/chirp3-hd. Variants that a recogniser cannot understand are out.
# Within a family of variants that sound alike (klatt*, edward*, robosoft2, Reed; f1, f2, f5; robosoft4, robosoft6,
# Henrique, Diogo) pitches lie about three semitones apart.
# name, style, gender, variant, rate, pitch, range, volume
_ALL = (
    Preset("Zephyr", "Bright", "female", "f5", 174, 57, 55, 70),
    Preset("Puck", "Upbeat", "male", "edward", 174, 68, 55, 55),
    Preset("Charon", "Informative", "male", "klatt5", 166, 29, 35, 60),
    Preset("Kore", "Firm", "female", "f5", 168, 20, 32, 90),
    Preset("Fenrir", "Excitable", "male", "klatt4", 180, 78, 75, 55),
    Preset("Leda", "Youthful", "female", "f5", 176, 86, 55, 65),
    Preset("Orus", "Firm", "male", "edward2", 166, 51, 28, 85),
    Preset("Aoede", "Breezy", "female", "f2", 178, 46, 50, 65),
    Preset("Callirrhoe", "Easy-going", "female", "f3", 162, 31, 40, 80),
    Preset("Autonoe", "Bright", "female", "f3", 172, 69, 55, 65),
    Preset("Enceladus", "Breathy", "male", "klatt2", 162, 50, 35, 200),
    Preset("Iapetus", "Clear", "male", "m3", 166, 48, 40, 75),
    Preset("Umbriel", "Easy-going", "male", "Henrique", 160, 20, 40, 130),
    Preset("Algieba", "Smooth", "male", "Diogo", 164, 60, 30, 110),
    Preset("Despina", "Smooth", "female", "robosoft6", 166, 60, 30, 95),
    Preset("Erinome", "Clear", "female", "Reed", 168, 99, 40, 45),
    Preset("Algenib", "Gravelly", "male", "robosoft2", 162, 12, 35, 90),
    Preset("Rasalgethi", "Informative", "male", "m1", 170, 78, 35, 75),
    Preset("Laomedeia", "Upbeat", "female", "f2", 178, 82, 60, 55),
    Preset("Achernar", "Soft", "female", "f3", 160, 58, 28, 70),
    Preset("Alnilam", "Firm", "male", "m6", 168, 30, 28, 85),
    Preset("Schedar", "Even", "male", "sandro", 166, 30, 15, 60),
    Preset("Gacrux", "Mature", "female", "f1", 160, 18, 35, 80),
    Preset("Pulcherrima", "Forward", "female", "robosoft6", 176, 91, 50, 55),
    Preset("Achird", "Friendly", "male", "sandro", 172, 75, 50, 45),
    Preset("Zubenelgenubi", "Casual", "male", "m3", 176, 82, 45, 65),
    Preset("Vindemiatrix", "Gentle", "female", "robosoft6", 160, 76, 30, 65),
    Preset("Sadachbia", "Lively", "male", "robosoft4", 178, 81, 65, 80),
    Preset("Sadaltager", "Knowledgeable", "male", "pablo", 164, 35, 35, 60),
    Preset("Sulafat", "Warm", "female", "edward2", 164, 98, 40, 70),
)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in _ALL}
"""The thirty voices by name."""

_BY_FOLDED_NAME = {name.casefold(): preset for name, preset in PRESETS.items()}


def find(name: str) -> Preset | None:
    """The voice of this name, in any case; None if there is none, so that a caller can tell its client."""
    return _BY_FOLDED_NAME.get(name.strip().casefold())


def preset(name: str) -> Preset:
    """The voice of this name, in any case, or the default for an empty or unknown name."""
    return find(name) or PRESETS[DEFAULT]


FALLBACK_LANGUAGE = "en-us"
"""What speaks a language that espeak-ng does not have."""

_LANGUAGES = """
    af am an ar as az ba be bg bn bpy bs ca cmn cs cv cy da de el en en-gb-scotland en-us eo es es-419 et eu
    fa fi fr-be fr-ch fr ga gd gn grc gu hak haw he hi hr ht hu hy hyw ia id io is it ja jbo ka kk kl kn ko
    kok ku ky la lb lfn lt ltg lv mi mk ml mr ms mt mto my nb nci ne nl nog om or pa pap pl pt pt-br qu quc ro
    ru sd shn si sk sl smj sq sr sv sw ta te th ti tk tn tr tt ug uk ur uz vi vi-vn-x-central vi-vn-x-south
    yue
"""
LANGUAGES = frozenset(_LANGUAGES.split())
"""Languages of espeak-ng 1.52 under its own names (``en`` is British), constructed and test languages left out."""

_CALLED_OTHERWISE = {
    "en": "en-us",
    "en-gb": "en",
    "en-au": "en",
    "en-ie": "en",
    "en-in": "en",
    "en-nz": "en",
    "en-za": "en",
    "es-es": "es",
    "es": "es-419",
    "in": "id",
    "iw": "he",
    "no": "nb",
    "nn": "nb",
    "zh": "cmn",
    "zh-hk": "yue",
    "zh-mo": "yue",
}
"""Tags whose voice has another name. Bare ``es`` stands for the regions of the Americas that the API lists."""


def language_code(tag: str) -> str:
    """The espeak-ng language for a BCP-47 tag such as ``pt-BR``: the closest one it has, else American English."""
    subtags = tag.strip().replace("_", "-").casefold().split("-")
    while subtags:
        candidate = "-".join(subtags)
        candidate = _CALLED_OTHERWISE.get(candidate, candidate)
        if candidate in LANGUAGES:
            return candidate
        subtags.pop()
    return FALLBACK_LANGUAGE
