import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.endpointing import EXTENSION_MS, goes_on, patience
from antiphon.engines.cascade.sphinx.phrases import SLOTS, everyday

UNFINISHED = """
    i would like to book a table for / send a message to / put it in the / my number is / my name is / what's the
    the meeting starts at / can you tell me / could you / could you please / do you / what did he / is it possible to
    i want to / i'd like / i'm / i think / we need milk and / yes but / no because / what is the weather in
    how far is it from london to / what is two plus / what is ten divided by / set a timer for / remind me to
    tell me about / what about / turn on / switch off / turn on the / book a flight on / the capital of / call me at
    my email address is / my favourite color is / what time is / where are / who is / how do you say good morning in
    i was / so / okay so / and / um / i would like um / well / let me see / the doctor said that i should
    the reason is that i / she told me that she will / my wife is called / it is spelled / my name is spelled a l i
    five five five / my phone number is five five five one two three / the code is one two / double / six point
    take the bus and then / buy milk or / i would prefer a very / there is / this is / a cup of / as soon as
    do you have any information about / i am going to / is there a / give me a recipe for
"""

COMPLETE = """
    i would like to book a table for four people / send a message to michael / what is two plus three / stop
    what is my name / my name is alice / turn on the lights in the kitchen / turn the lights on / turn it off
    what can you do / wait a moment please / where are you from / what are you looking at / who are you talking to
    what is it for / what did we talk about / come on / go on / hold on / come in / plug it in / i think so / yes i am
    no i don't / yes please do that / i can / yes it is / of course you can / i know who you are / if you can
    tell me what time it is / do you know what the time is / as fast as you can / who am i / how old are you
    what would you like / what do you have / so do i / say when / in a while / nothing but / the third of may
    is the light on / set a timer for ten minutes / what's new / call nine one one / one two three four
    my phone number is five five five one two three four / watch tv / it is five p m / vitamin c / room twelve
    thank you / what is that / repeat that / what is it called / on / off / yes / no / okay / right
    who called / what's this song called / what did i say my name was
    you and me / that's what i want / a table for two / i have / what's going on / nice talking to you
"""


def phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for line in text.strip().splitlines() for phrase in line.split("/")]


@pytest.mark.parametrize("words", phrases(UNFINISHED))
def test_a_sentence_that_lacks_its_end_goes_on(words: str) -> None:
    assert goes_on(words)


@pytest.mark.parametrize("words", phrases(COMPLETE))
def test_a_sentence_that_may_be_complete_is(words: str) -> None:
    assert not goes_on(words)


@pytest.mark.parametrize("words", ["", "  ", "...", "um", "Uh,", "Hmm."])
def test_no_words_yet_are_no_sentence(words: str) -> None:
    assert goes_on(words)


@pytest.mark.parametrize(
    ("words", "unfinished"),
    [
        ("My number is...", True),
        ("My number is.", True),
        ("I’m", True),
        ("Milk, eggs,", True),
        ("Wait —", True),
        ("Is it for?", False),
        ("What time is it?", False),
        ("Is there a T.V.?", False),
        ("Stop.", False),
    ],
)
def test_recognisers_that_write_punctuation_are_read_too(words: str, unfinished: bool) -> None:
    assert goes_on(words) is unfinished


def test_what_people_say_to_assistants_hardly_ever_waits() -> None:
    """Of the phrases that a recogniser expects, those that go on are the beginnings among them."""
    said = {" ".join(words) for words, _ in everyday()}
    held = {words for words in said if goes_on(words)}
    numbers = {words for words in held if words.split()[-1] in SLOTS["digit"]}
    plain = {words for words in held if words.split()[-1] in "to is for a in of about um uh hmm".split()}
    assert held - numbers - plain == {
        *("am i", "should i", "can you", "could you", "would you", "could you please", "i need", "remember that"),
        *("remind me", "show me", "can you show me", "can you tell me", "could you tell me", "it is spelled"),
        *("what is the", "what is the difference between", "when was", "who was"),
    }
    assert len(held) < 0.02 * len(said)


@pytest.mark.parametrize(
    ("language", "extended"), [("", True), ("en-US", True), ("EN", True), ("de-DE", False), ("es", False)]
)
def test_nothing_is_known_of_other_languages(language: str, extended: bool) -> None:
    assert patience("my number is", language) == (EXTENSION_MS if extended else 0)
    assert patience("my number is five hundred", language) == 0


def test_an_extension_covers_a_pause_of_a_second() -> None:
    assert EXTENSION_MS >= 1_000


@given(st.text(max_size=40), st.sampled_from(["", "en-GB", "fr"]))
def test_any_text_has_a_patience(words: str, language: str) -> None:
    assert patience(words, language) in (0, EXTENSION_MS)


@given(st.sampled_from(phrases(UNFINISHED)), st.sampled_from(["um", "uh"]), st.integers(1, 3))
def test_hesitation_never_ends_a_sentence(words: str, sound: str, times: int) -> None:
    assert goes_on(" ".join([words, *[sound] * times]))
