"""Names and facts of the system instruction."""

from typing import Any

import pytest

from antiphon.engines.cascade.brain.persona import assistant_name, facts

HOTEL = (
    "You are Ada, the assistant of the Blue Whale hotel. Breakfast is from 7 to 10. The pool opens at 8 in the "
    "morning. Be brief. Never speak about politics. The wifi password is whale42.\n- Checkout: 11 am.\n"
    "- Pets are welcome."
)
ANSWERS = [
    ("What's your name?", "I am Ada."),
    ("what is your name", "I am Ada."),
    ("can you tell me what is your name", "I am Ada."),
    ("Who are you?", "I am Ada, the assistant of the Blue Whale hotel."),
    ("when is breakfast", "Breakfast is from 7 to 10."),
    ("What time is breakfast?", "Breakfast is from 7 to 10."),
    ("can you tell me when breakfast is", "Breakfast is from 7 to 10."),
    ("breakfast please", "Breakfast is from 7 to 10."),
    ("what time does the pool open", "The pool opens at 8 in the morning."),
    ("when is the pool opening", "The pool opens at 8 in the morning."),
    ("what is the wifi password", "The wifi password is whale42."),
    ("tell me about checkout", "Checkout: 11 am."),
    ("when do i have to checkout", "Checkout: 11 am."),
    ("are pets welcome", "Pets are welcome."),
    ("hello ada", "Hello. I am Ada."),
    ("hey ada what is your name", "I am Ada."),
]


@pytest.mark.parametrize(("asked", "answered"), ANSWERS)
def test_answers_out_of_the_instruction(chat: Any, asked: str, answered: str) -> None:
    assert chat(HOTEL).say(asked) == answered


@pytest.mark.parametrize(
    "asked", ["when is dinner", "what about politics", "where is the sauna", "i had breakfast in bed"]
)
def test_what_the_instruction_does_not_say_is_not_answered_with_it(chat: Any, asked: str) -> None:
    assert chat(HOTEL).say(asked) not in {fact.text for fact in facts(HOTEL)}


def test_what_the_user_says_is_newer_than_the_instruction(chat: Any) -> None:
    conversation = chat(HOTEL)
    conversation.say("The wifi password is new99.")
    assert conversation.say("what is the wifi password") == "The wifi password is new99."


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        ("You are Ada.", "Ada"),
        ("you're Ada Lovelace, a poet", "Ada Lovelace"),
        ("Your name is Bob and you sell cars", "Bob"),
        ("You are called Eve", "Eve"),
        ("Call yourself Max.", "Max"),
        ("You are a helpful assistant.", ""),
        ("Be nice. You are Zoe.", "Zoe"),
        ("", ""),
    ],
)
def test_names(instruction: str, name: str) -> None:
    assert assistant_name(instruction) == name


@pytest.mark.parametrize(
    ("instruction", "who"),
    [
        ("You are a helpful assistant for a bakery.", "I am a helpful assistant for a bakery."),
        ("Your name is Bob. Be brief.", "I am Bob."),
        ("", "I am the built-in assistant of this server."),
    ],
)
def test_who_it_is(chat: Any, instruction: str, who: str) -> None:
    assert chat(instruction).say("who are you") == who


def test_orders_are_no_facts() -> None:
    assert [
        fact.text for fact in facts("You are Ada. Be brief. Answer in German. The bar is closed. If asked, smile.")
    ] == ["The bar is closed."]


def test_it_answers_in_english_whatever_the_instruction_asks(chat: Any) -> None:
    assert chat("Answer in French.").say("what is 1 + 1") == "1 plus 1 is 2."
