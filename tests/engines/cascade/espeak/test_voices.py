"""The presets: complete, known to espeak-ng, and told apart by their measured sound."""

import itertools
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.espeak import DEFAULT, PRESETS, Preset, find, language_code, preset
from antiphon.engines.cascade.espeak.library import Espeak, WordEvent
from antiphon.engines.cascade.espeak.order import Delivery
from antiphon.engines.cascade.espeak.voices import FALLBACK_LANGUAGE, LANGUAGES

# https://ai.google.dev/gemini-api/docs/speech-generation#voices
STYLES = """
    Zephyr Bright, Puck Upbeat, Charon Informative, Kore Firm, Fenrir Excitable, Leda Youthful, Orus Firm,
    Aoede Breezy, Callirrhoe Easy-going, Autonoe Bright, Enceladus Breathy, Iapetus Clear, Umbriel Easy-going,
    Algieba Smooth, Despina Smooth, Erinome Clear, Algenib Gravelly, Rasalgethi Informative, Laomedeia Upbeat,
    Achernar Soft, Alnilam Firm, Schedar Even, Gacrux Mature, Pulcherrima Forward, Achird Friendly,
    Zubenelgenubi Casual, Vindemiatrix Gentle, Sadachbia Lively, Sadaltager Knowledgeable, Sulafat Warm
"""

# Languages of the Live API that espeak-ng does not have.
WITHOUT_VOICE = "ceb fo gl ha fil km lo mn ps rm rw so st tg wo fy zu ak yo"
LIVE_API_LANGUAGES = """
    af ak sq am ar hy as az eu be bn bs bg my ca ceb zh hr cs da nl en et fo fil fi fr gl ka de el gu ha
    iw hi hu is id ga it ja kn kk km rw ko ku ky lo lv lt mk ms ml mt mi mr mn ne no or om ps fa pl pt pa
    qu ro rm ru sr sd si sk sl so st es sw sv tg ta te th tn tr tk uk ur uz vi cy fy wo yo zu
"""

SENTENCE = "What is the weather like in Paris today? Turn on the lights in the living room."


def test_every_voice_of_the_api_is_there_with_its_style() -> None:
    documented = dict(entry.split() for entry in STYLES.split(","))
    assert {name: preset.style for name, preset in PRESETS.items()} == documented


@pytest.mark.parametrize("name", ["kore", "KORE", " Kore "])
def test_names_are_found_in_any_case(name: str) -> None:
    assert find(name) is PRESETS["Kore"]
    assert preset(name) is PRESETS["Kore"]


@pytest.mark.parametrize("name", ["", "Nobody", "alloy"])
def test_an_unknown_name_is_known_to_be_unknown_and_gets_the_default(name: str) -> None:
    assert find(name) is None
    assert preset(name) is PRESETS[DEFAULT]


@given(st.text())
def test_any_name_gets_a_voice(name: str) -> None:
    assert preset(name) in PRESETS.values()


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("", "en-us"),
        ("en", "en-us"),
        ("en-US", "en-us"),
        ("en_GB", "en"),
        ("en-AU", "en"),
        ("de-DE", "de"),
        ("pt-BR", "pt-br"),
        ("pt-PT", "pt"),
        ("es-ES", "es"),
        ("es-MX", "es-419"),
        ("fr-CA", "fr"),
        ("fr-CH", "fr-ch"),
        ("cmn-CN", "cmn"),
        ("zh-Hans-CN", "cmn"),
        ("zh-HK", "yue"),
        ("iw", "he"),
        ("he-IL", "he"),
        ("no", "nb"),
        ("hi-IN", "hi"),
        ("tlh", "en-us"),
        ("fil-PH", "en-us"),
        ("---", "en-us"),
    ],
)
def test_a_tag_gets_the_closest_language(tag: str, language: str) -> None:
    assert language_code(tag) == language


@given(st.text())
def test_any_tag_gets_a_language(tag: str) -> None:
    assert language_code(tag) in LANGUAGES


def test_languages_of_the_api_are_spoken_where_espeak_has_them() -> None:
    fallen_back = {tag for tag in LIVE_API_LANGUAGES.split() if language_code(tag) == FALLBACK_LANGUAGE}
    assert fallen_back - {"en"} == set(WITHOUT_VOICE.split())


def test_espeak_knows_every_language_and_variant(espeak: Espeak) -> None:
    variants = [preset.variant for preset in PRESETS.values()]
    names = [f"{language}+f5" for language in LANGUAGES] + [f"en-us+{variant}" for variant in variants]
    for name in names:
        assert len(pcm(espeak, Delivery(name, 170, 50, 50, 60), "1")) > 0, name


@pytest.mark.parametrize("variant", ["Alicia", "Marco", "Lee", "Demonic", "ian", "zac", "shelby", "norbert"])
def test_unintelligible_variants_are_not_used(variant: str) -> None:
    assert variant not in {preset.variant for preset in PRESETS.values()}


class Sound(NamedTuple):
    """Median fundamental (Hz), mean log-mel spectrum (dB about its mean), level (RMS) and peak of a voice."""

    fundamental: float
    timbre: np.ndarray
    level: float
    peak: int


@pytest.fixture(scope="module")
def sounds(espeak: Espeak) -> dict[str, Sound]:
    return {name: measure(pcm(espeak, delivery(preset)), espeak.sample_rate) for name, preset in PRESETS.items()}


def delivery(preset: Preset) -> Delivery:
    return Delivery(f"en-us+{preset.variant}", preset.rate, preset.pitch, preset.range, preset.volume)


def pcm(espeak: Espeak, delivery: Delivery, text: str = SENTENCE) -> np.ndarray:
    sound = bytearray()

    def take(part: bytes, _words: list[WordEvent]) -> bool:
        sound.extend(part)
        return True

    espeak.synthesise(text, delivery, take, end_pause=False)
    return np.frombuffer(bytes(sound), np.int16)


def measure(samples: np.ndarray, rate: int) -> Sound:
    level = float(np.sqrt(np.mean(samples.astype(float) ** 2)))
    return Sound(fundamental(samples, rate), timbre(samples, rate), level, int(np.abs(samples.astype(int)).max()))


def frames(samples: np.ndarray, length: int) -> np.ndarray:
    """Overlapping windowed frames that are not silent."""
    cut = np.lib.stride_tricks.sliding_window_view(samples.astype(float), length)[:: length // 4] * np.hanning(length)
    power = np.mean(cut**2, axis=1)
    return cut[power > 0.01 * power.max()]


def fundamental(samples: np.ndarray, rate: int) -> float:
    """The median over voiced frames of the first strong peak of the autocorrelation, 60 to 450 Hz."""
    window, size = int(0.04 * rate), 4096
    spectra = np.fft.rfft(frames(samples, window), size)
    taper = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), size)) ** 2)
    lags = slice(rate // 450, rate // 60)
    correlation = np.fft.irfft(np.abs(spectra) ** 2)
    normal = correlation[:, lags] / correlation[:, :1] / (taper[lags] / taper[0])
    found = [first_peak(row) for row in normal if row.max() > 0.5]
    return float(np.median([rate / (lag + lags.start) for lag in found if lag]))


def first_peak(row: np.ndarray) -> int:
    """The index of the first local maximum near the highest value: the period, not a multiple of it."""
    inner = row[1:-1]
    peaks = np.flatnonzero((inner >= row[:-2]) & (inner >= row[2:]) & (inner > 0.9 * row.max()))
    return int(peaks[0]) + 1 if len(peaks) else 0


def timbre(samples: np.ndarray, rate: int) -> np.ndarray:
    power = np.abs(np.fft.rfft(frames(samples, 1024))) ** 2 @ mel_bank(1024, rate).T
    decibels = 10 * np.log10(power + 1e-3 * power.mean(axis=1, keepdims=True))
    return (decibels - decibels.mean(axis=1, keepdims=True)).mean(axis=0)


def mel_bank(size: int, rate: int, bands: int = 40) -> np.ndarray:
    edges = 700 * (10 ** (np.linspace(mel(80), mel(8000), bands + 2) / 2595) - 1)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    return np.maximum(0, np.minimum((frequencies - low) / (middle - low), (high - frequencies) / (high - middle)))


def mel(frequency: float) -> float:
    return float(2595 * np.log10(1 + frequency / 700))


def semitones(one: Sound, other: Sound) -> float:
    return float(abs(12 * np.log2(one.fundamental / other.fundamental)))


def decibels(one: Sound, other: Sound) -> float:
    return float(np.sqrt(np.mean((one.timbre - other.timbre) ** 2)))


def test_the_measurement_is_right_about_a_known_sound() -> None:
    rate, pitch = 22_050, 137.0
    buzz = sum(np.sin(2 * np.pi * pitch * k * np.arange(rate) / rate) / k for k in range(1, 20))
    assert fundamental((buzz * 5000).astype(np.int16), rate) == pytest.approx(pitch, rel=0.01)


def test_every_pair_of_voices_can_be_told_apart(sounds: dict[str, Sound]) -> None:
    """Three semitones or 3 dB of spectrum are one step; the nearest pair is 1.03 steps apart."""
    for (one, a), (other, b) in itertools.combinations(sounds.items(), 2):
        steps = np.hypot(semitones(a, b) / 3, decibels(a, b) / 3)
        assert steps > 0.98, f"{one} and {other}: {semitones(a, b):.1f} semitones, {decibels(a, b):.1f} dB"


def test_a_variant_used_twice_differs_by_three_semitones(sounds: dict[str, Sound]) -> None:
    for one, other in itertools.combinations(PRESETS.values(), 2):
        if one.variant == other.variant:
            # The flutter of a voice goes on where the one before stopped, which moves the median by a lag.
            assert semitones(sounds[one.name], sounds[other.name]) > 2.9, (one.name, other.name)


def test_a_listener_hears_thirty_voices_not_one(sounds: dict[str, Sound]) -> None:
    pairs = list(itertools.combinations(sounds.values(), 2))
    assert np.median([semitones(*pair) for pair in pairs]) > 6
    assert np.median([decibels(*pair) for pair in pairs]) > 4.5


def test_women_speak_higher_than_men(sounds: dict[str, Sound]) -> None:
    pitch = {
        gender: np.median([sounds[name].fundamental for name, preset in PRESETS.items() if preset.gender == gender])
        for gender in ("female", "male")
    }
    assert pitch["female"] > 1.7 * pitch["male"]


def test_voices_are_about_equally_loud_and_do_not_clip(sounds: dict[str, Sound]) -> None:
    levels = [sound.level for sound in sounds.values()]
    assert 20 * np.log10(max(levels) / min(levels)) < 3
    assert max(sound.peak for sound in sounds.values()) < 32_000


def test_the_package_leaves_the_library_out_of_the_server() -> None:
    script = (
        "import sys, antiphon.engines.cascade.espeak as package; package.EspeakVoice();"
        "print([name for name in sys.modules if 'espeakng' in name or name.endswith('espeak.library')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
