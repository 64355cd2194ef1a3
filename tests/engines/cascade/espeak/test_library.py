import gc

import numpy as np
import pytest

from antiphon.engines.cascade.espeak.library import Espeak, EspeakError, WordEvent
from antiphon.engines.cascade.espeak.order import Delivery

PLAIN = Delivery("en-us", 170, 50, 50, 100)


def spoken(espeak: Espeak, text: str, delivery: Delivery = PLAIN, *, end_pause: bool = False) -> np.ndarray:
    sound = bytearray()

    def take(pcm: bytes, _words: list[WordEvent]) -> bool:
        sound.extend(pcm)
        return True

    espeak.synthesise(text, delivery, take, end_pause=end_pause)
    return np.frombuffer(bytes(sound), np.int16)


def words(espeak: Espeak, text: str) -> list[WordEvent]:
    events: list[WordEvent] = []
    espeak.synthesise(text, PLAIN, lambda _sound, words: not events.extend(words), end_pause=False)
    return events


def test_sound_has_the_rate_that_espeak_states(espeak: Espeak) -> None:
    assert espeak.sample_rate == 22_050
    assert 0.5 < len(spoken(espeak, "Hello there.")) / espeak.sample_rate < 1.5


def test_it_speaks_on_after_another_one_came_and_went(espeak: Espeak) -> None:
    spoken(Espeak(), "Another.")
    gc.collect()
    assert len(spoken(espeak, "This one.")) > 0


def test_words_are_found_at_their_characters(espeak: Espeak) -> None:
    text = "Zoë’s naïve 𝔘 test, ok"
    found = [text[event.position : event.position + event.length] for event in words(espeak, text)]
    assert found[1:] == ["naïve", "𝔘", "test", "ok"]
    assert words(espeak, text)[0].position == 0


def test_words_are_timed_in_samples_of_each_synthesis(espeak: Espeak) -> None:
    first, again = words(espeak, "one two three"), words(espeak, "one two three")
    assert first[0].sample == again[0].sample == 0
    assert [event.sample for event in first] == sorted(event.sample for event in first)
    assert first[-1].sample < len(spoken(espeak, "one two three"))


def test_the_delivery_changes_the_sound(espeak: Espeak) -> None:
    plain = spoken(espeak, "Good morning")
    faster = spoken(espeak, "Good morning", Delivery("en-us", 300, 50, 50, 100))
    quieter = spoken(espeak, "Good morning", Delivery("en-us", 170, 50, 50, 40))
    assert len(faster) < 0.8 * len(plain)
    assert np.abs(quieter.astype(int)).max() < 0.6 * np.abs(plain.astype(int)).max()


def test_an_end_pause_is_silence_after_the_text(espeak: Espeak) -> None:
    rate = espeak.sample_rate
    paused, plain = spoken(espeak, "Yes.", end_pause=True), spoken(espeak, "Yes.")
    assert 0.1 < (len(paused) - len(plain)) / rate < 0.6
    assert not np.any(paused[-rate // 10 :])


def test_the_taker_stops_the_synthesis(espeak: Espeak) -> None:
    taken: list[int] = []

    def take(sound: bytes, _words: list[WordEvent]) -> bool:
        taken.append(len(sound))
        return len(taken) < 3

    espeak.synthesise("One two three. " * 50, PLAIN, take, end_pause=False)
    assert len(taken) == 3
    assert len(spoken(espeak, "Still fine")) > 0


def test_what_the_taker_raises_is_raised(espeak: Espeak) -> None:
    def take(_sound: bytes, _words: list[WordEvent]) -> bool:
        raise ZeroDivisionError("in the callback")

    with pytest.raises(ZeroDivisionError, match="in the callback"):
        espeak.synthesise("Hello", PLAIN, take, end_pause=False)
    assert len(spoken(espeak, "Still fine")) > 0


def test_an_unknown_voice_is_named(espeak: Espeak) -> None:
    with pytest.raises(EspeakError, match="klingon-x"):
        spoken(espeak, "Hello", Delivery("klingon-x", 170, 50, 50, 100))


@pytest.mark.parametrize("text", ["", "...", " \n "])
def test_text_without_words_makes_no_words(espeak: Espeak, text: str) -> None:
    assert words(espeak, text) == []
    assert not np.any(np.abs(spoken(espeak, text)) > 16)


def test_markup_is_text(espeak: Espeak) -> None:
    assert len(words(espeak, "<b>loud</b>")) > 1
