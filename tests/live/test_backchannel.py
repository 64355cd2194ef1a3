import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.backchannel import LONGEST, LONGEST_NOISE, is_backchannel


@pytest.mark.parametrize(
    "words",
    [
        "mm-hm",
        "Mm-hmm.",
        "mhm",
        "uh-huh",
        "Uh huh!",
        "hmm",
        "yeah",
        "Yeah, yeah.",
        "yes",
        "okay",
        "OK",
        "right",
        "Right, okay",
        "all right",
        "sure",
        "I see.",
        "yeah i see",
        "wow",
        "got it",
        "mm okay",
        "go on",
        "of course",
    ],
)
def test_a_listener_says_these(words: str) -> None:
    assert is_backchannel(words, 0.6)


@pytest.mark.parametrize(
    "words",
    [
        "stop",
        "Stop!",
        "no",
        "oh",
        "wait",
        "yes please book it",
        "okay stop",
        "yeah but what about tuesday",
        "right now",
        "sure thing cancel it",
        "hold on",
        "go on monday",
        "go",
        "i",
        "got",
        "uh what",
        "that one",
        "back",
        "next",
        "help",
        "thank you",
        "да",
        "はい",
        "42",
    ],
)
def test_who_wants_something_says_more(words: str) -> None:
    assert not is_backchannel(words, 0.6)


@pytest.mark.parametrize("words", ["yes", "yeah", "okay", "Sure.", "mm yes", "of course"])
def test_assent_to_a_question_is_an_answer(words: str) -> None:
    assert not is_backchannel(words, 0.6, asked=True)


@pytest.mark.parametrize("words", ["", "mm-hm", "uh", "wow", "i see"])
def test_other_sounds_answer_no_question(words: str) -> None:
    assert is_backchannel(words, 0.6, asked=True)


@pytest.mark.parametrize("words", ["", "  ", "...", "the", "but ah", "but the", "as a", "that", "and", "m m h m"])
def test_noise_is_nothing_however_it_is_read(words: str) -> None:
    assert is_backchannel(words, 0.5)


@pytest.mark.parametrize("words", ["the", "but ah", "and"])
def test_what_says_nothing_for_long_may_be_the_beginning_of_something(words: str) -> None:
    assert is_backchannel(words, LONGEST_NOISE)
    assert not is_backchannel(words, LONGEST_NOISE + 0.01)


@given(st.sampled_from(["", "mm-hm", "yeah", "okay right", "the"]), st.floats(LONGEST, 60, exclude_min=True))
def test_long_sounds_are_no_backchannel(words: str, seconds: float) -> None:
    assert not is_backchannel(words, seconds)


@given(
    st.text(alphabet="abcdeghmnorstuy -'.", max_size=30), st.sampled_from(["stop", "no", "wait", "cancel", "book it"])
)
def test_an_order_is_never_overheard(around: str, order: str) -> None:
    assert not is_backchannel(f"{around} {order}", 0.5)
    assert not is_backchannel(f"{order} {around}", 0.5)


@given(st.sampled_from("mhm yeah okay right".split()), st.integers(1, 4))
def test_spelling_does_not_matter(word: str, times: int) -> None:
    said = ", ".join([word.title()] * times) + "."
    assert is_backchannel(said, 1.0)
