from collections.abc import Callable

import numpy as np
import pytest

from antiphon.engines.cascade.sphinx import aside
from antiphon.engines.cascade.sphinx import decoders as module
from antiphon.engines.cascade.sphinx.decoders import Decoders, plain
from antiphon.engines.cascade.sphinx.phrases import context_phrases
from antiphon.live.setup import Tool
from antiphon.testing.spoken import SPOKEN

Speak = Callable[[str], bytes]

LIGHTS = Tool(
    "set_lights",
    "Turns the lights of a room on or off.",
    {"type": "object", "properties": {"room": {"type": "string", "enum": ["kitchen", "bedroom"]}}},
)
HOME = context_phrases("You are the assistant of a smart home.", (LIGHTS,)).phrases


def room(samples: int) -> bytes:
    """The faint noise of a room."""
    return np.random.default_rng(1).integers(-3, 4, samples).astype("<i2").tobytes()


def frames(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + 1024] for start in range(0, len(pcm), 1024)]


def recognise(decoders: Decoders, pcm: bytes, phrases: tuple[str, ...] = HOME) -> str:
    decoders.begin(phrases)
    for frame in frames(pcm):
        decoders.feed(frame)
    return decoders.read()


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "my name is alice",
        "turn on the lights in the kitchen",
        "what is my name",
        "set a timer for ten minutes",
    ],
)
def test_everyday_sentences_are_understood(decoders: Decoders, speak: Speak, text: str) -> None:
    assert recognise(decoders, speak(text)) == text


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_a_clearer_voice_is_understood(decoders: Decoders, name: str) -> None:
    spoken = SPOKEN[name]
    assert recognise(decoders, room(4_800) + spoken.pcm + room(4_000)) == spoken.text.lower().rstrip("?.")


def test_a_quiet_microphone_is_understood(decoders: Decoders) -> None:
    spoken = SPOKEN["turn_on_the_kitchen_lights"]
    quiet = (np.frombuffer(spoken.pcm, "<i2") * 0.1).astype("<i2").tobytes()
    assert recognise(decoders, room(4_800) + quiet + room(4_000)) == "turn on the lights in the kitchen"


def test_the_sound_of_a_session_is_learnt_from_enough_of_it(decoders: Decoders, speak: Speak) -> None:
    assert recognise(decoders, speak("turn on the lights in the kitchen"))
    learnt = decoders.mean
    assert len(learnt.split(",")) == 13
    decoders.begin(HOME, learnt)
    decoders.feed(speak("stop"))
    assert decoders.read() == "stop"
    decoders.begin(HOME)
    decoders.feed(bytes(32_000))
    decoders.read()
    assert decoders.mean == ""


def test_the_better_reading_wins(decoders: Decoders, speak: Speak) -> None:
    """Each decoder is better at what it expects; together they are as good as the better one, or nearly."""
    texts = ["turn off the light in the bedroom", "she grew up on a farm near the river with four brothers"]
    missing = [0, 0, 0]
    for text in texts:
        best = recognise(decoders, speak(text))
        for index, heard in enumerate((*(reading for reading, *_ in decoders.readings), best)):
            missing[index] += len(set(text.split()) - set(heard.split()))
    general, application, dual = missing
    assert dual <= min(general, application)
    assert dual < max(general, application)


def test_nothing_heard_is_nothing_read(decoders: Decoders) -> None:
    decoders.begin(HOME)
    assert decoders.read() == ""
    decoders.feed(b"")
    assert decoders.read() == ""


def test_silence_has_few_words(decoders: Decoders) -> None:
    assert len(recognise(decoders, bytes(32_000)).split()) <= 1


def test_an_odd_byte_is_survived(decoders: Decoders, speak: Speak) -> None:
    decoders.begin(HOME)
    decoders.feed(b"\0")
    decoders.feed(speak("stop"))
    assert decoders.read() == "stop"


def test_glimpses_grow_and_change_nothing(decoders: Decoders, speak: Speak) -> None:
    pcm = speak("turn on the lights in the kitchen")
    whole, mean = recognise(decoders, pcm), decoders.mean
    decoders.begin(HOME, mean)
    glimpses = []
    for number, frame in enumerate(frames(pcm)):
        decoders.feed(frame)
        if number % 8 == 7:
            glimpses.append(decoders.glimpse())
    assert decoders.read() == whole
    seen = list(dict.fromkeys(filter(None, glimpses)))
    assert len(seen) >= 3
    assert any(words.startswith("turn on") and words != whole for words in seen)


def test_there_is_no_glimpse_before_anything_is_decoded(decoders: Decoders, speak: Speak) -> None:
    decoders.begin(HOME)
    assert decoders.glimpse() == ""
    decoders.feed(speak("stop")[:8_192])
    assert decoders.glimpse() == ""


@pytest.mark.parametrize("copies", [True, False])
def test_an_early_reading_loses_nothing(
    decoders: Decoders, speak: Speak, copies: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aside, "AVAILABLE", copies and aside.AVAILABLE)
    pcm = speak("turn on the lights in the kitchen")
    whole = recognise(decoders, pcm)
    half = len(pcm) // 2048 * 1024
    decoders.begin(HOME)
    decoders.feed(pcm[:half])
    early = decoders.read()
    assert early.startswith("turn on")
    assert decoders.read() == early
    for frame in frames(pcm[half:]):
        decoders.feed(frame)
    assert decoders.read() == whole


def test_utterances_do_not_depend_on_what_came_before(decoders: Decoders, speak: Speak) -> None:
    pcm = speak("what is five plus three")
    first = recognise(decoders, pcm)
    recognise(decoders, speak("the old bridge was closed for repairs"), ())
    assert recognise(decoders, pcm) == first


def test_long_speech_is_cut_at_pauses_and_complete(
    decoders: Decoders, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEGMENT_SECONDS", 2)
    monkeypatch.setattr(module, "LONGEST_SECONDS", 9)
    pcm = speak("turn on the lights in the kitchen")
    assert recognise(decoders, 3 * pcm) == " ".join(3 * ["turn on the lights in the kitchen"])


def test_speech_without_pauses_is_cut_anyway(decoders: Decoders, speak: Speak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SECONDS", 1.5)
    words = recognise(decoders, speak("turn on the lights in the kitchen and the bedroom")).split()
    assert words[:3] == ["turn", "on", "the"]
    assert "bedroom" in words


@pytest.mark.slow
def test_models_of_many_applications(decoders: Decoders, speak: Speak, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are kept: the first is loaded again."""
    monkeypatch.setattr(module, "_CACHED_MODELS", 1)
    pcm = speak("stop")
    for number in range(2):
        assert recognise(decoders, pcm, (f"application {number}",)) == "stop"
    decoders.end()
    decoders.prepare(HOME)
    assert recognise(decoders, pcm, ("application zero",)) == "stop"


def test_words_of_an_application_are_expected(decoders: Decoders, speak: Speak) -> None:
    phrases = ("defrost the flux capacitor",)
    assert recognise(decoders, speak("defrost the flux capacitor"), phrases) == "defrost the flux capacitor"


@pytest.mark.parametrize(
    ("marked", "text"),
    [
        ("<s> what is <sil> a(2) read(3) [NOISE] ++UH++ </s>", "what is a read"),
        ("it's", "it's"),
        ("<sil>", ""),
    ],
)
def test_plain(marked: str, text: str) -> None:
    assert plain(marked) == text
