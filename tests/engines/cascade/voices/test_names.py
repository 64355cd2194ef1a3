"""Which voice of a model speaks for which of the API."""

from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.espeak.voices import PRESETS
from antiphon.engines.cascade.voices.names import choose, choose_by_gender

NAMES = st.sampled_from([*PRESETS, "", "nobody", "kore"])
VOICES = st.lists(st.text("abc_", min_size=1, max_size=5), min_size=1, max_size=12, unique=True)


def test_voices_go_round() -> None:
    assert [choose(name, ["x", "y", "z"]) for name in ("Zephyr", "Puck", "Charon", "Kore")] == ["x", "y", "z", "x"]


def test_the_default_speaks_for_names_that_are_none() -> None:
    assert choose("", ["x", "y", "z"]) == choose("nobody", ["x", "y", "z"]) == choose("puck", ["x", "y", "z"]) == "y"


def test_names_of_the_model_are_taken_as_they_are() -> None:
    assert choose("AF_Heart", ["af_bella", "af_heart"]) == "af_heart"
    assert choose_by_gender("am_adam", ["af_bella"], ["am_adam"]) == "am_adam"


def test_thirty_voices_of_the_right_gender_are_told_apart_where_there_are_enough() -> None:
    female, male = [f"f{number:02}" for number in range(14)], [f"m{number:02}" for number in range(16)]
    chosen = {name: choose_by_gender(name, female, male) for name in PRESETS}
    assert len(set(chosen.values())) == 30
    assert all(voice[0] == PRESETS[name].gender[0] for name, voice in chosen.items())


@given(NAMES, VOICES)
def test_one_that_is_there_is_always_chosen_and_always_the_same(name: str, voices: list[str]) -> None:
    assert choose(name, voices) in voices
    assert choose_by_gender(name, voices, []) == choose_by_gender(name, voices[::-1], [])
    assert choose_by_gender(name, [], voices) in voices
