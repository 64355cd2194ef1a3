"""What was said in a session is known later in it, and only in it."""

from typing import Any

import pytest

from antiphon.engines.cascade.brain.memory import told
from antiphon.live.history import FunctionResult, Turn, model, user

REMEMBERED = [
    # told, asked, answered
    ("My name is Alice.", "What's my name?", "Your name is Alice."),
    ("my name is alice", "what is my name", "Your name is Alice."),
    ("my name is alice", "do you remember my name", "Your name is Alice."),
    ("my name is alice", "who am i", "Your name is Alice."),
    ("call me bob please", "what am i called", "Your name is Bob."),
    ("Hi, I'm called Mary Ann.", "what is my name", "Your name is Mary Ann."),
    ("I live in London.", "where do I live?", "You live in London."),
    ("i live in new york", "where do i live", "You live in New York."),
    ("i live in a small house", "where do i live", "You live in a small house."),
    ("I am from Brazil", "where am i from", "You are from Brazil."),
    ("I am 30 years old", "how old am i", "You are 30 years old."),
    ("i am thirty years old", "how old am i", "You are 30 years old."),
    ("My favorite color is blue.", "what is my favorite color", "Your favorite color is blue."),
    ("my favourite colour is blue", "whats my favorite color", "Your favourite colour is blue."),
    ("my favourite number is forty two", "what is my favorite number", "Your favourite number is 42."),
    ("remember that the door code is 4 2 7", "what is the door code", "The door code is 4 2 7."),
    ("remember that the door code is four two seven", "what's the door code", "The door code is 4 2 7."),
    ("The magic number is 42.", "what number did i tell you", "The magic number is 42."),
    ("the magic number is forty two", "what was the magic number", "The magic number is 42."),
    ("Remember the number 42. Just acknowledge it.", "What number did I ask you to remember?", "The number is 42."),
    ("remember the number forty two just acknowledge it", "what number did i ask you to remember", "The number is 42."),
    ("remember 42", "which number did i tell you", "You asked me to remember 42."),
    ("i parked on level three", "where did i park", "You parked on level 3."),
    ("Don't forget that my dog likes cheese", "what does my dog like to eat cheese", "Your dog likes cheese."),
    ("the restaurant closes at eleven", "when does the restaurant close", "The restaurant closes at 11."),
    ("My wife is called Ann and our flight is LH 40.", "what is my flight", "Your flight is LH 40."),
    ("my birthday is the third of may", "when is my birthday", "Your birthday is the third of may."),
    ("my appointment is tomorrow", "when is my appointment", "Your appointment is tomorrow."),
    ("Alice has two cats.", "what does alice have how many cats", "Alice has 2 cats."),
]


@pytest.mark.parametrize(("told_first", "asked", "answered"), REMEMBERED)
def test_remembered(chat: Any, told_first: str, asked: str, answered: str) -> None:
    conversation = chat()
    assert not conversation.say(told_first).startswith("I heard")
    conversation.say("what is two plus two")
    assert conversation.say(asked) == answered


ACKNOWLEDGED = [
    ("my name is alice", "Nice to meet you, Alice."),
    ("my name is alice and i live in london", "Nice to meet you, Alice. I will remember that you live in London."),
    ("The magic number is 42.", "Okay, I will remember that the magic number is 42."),
    ("my dog is brown and my cat is black", "Okay, I will remember that your dog is brown, and your cat is black."),
]


@pytest.mark.parametrize(("said", "answer"), ACKNOWLEDGED)
def test_what_is_told_is_said_back(chat: Any, said: str, answer: str) -> None:
    assert chat().say(said) == answer


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("what is my name", "I do not know your name. You have not told me yet."),
        ("where do i live", "I do not know. You have not told me yet."),
        ("what is my favorite color", "I do not know your favorite color. You have not told me yet."),
        ("what do you know about me", "You have not told me anything yet."),
        ("what did i just say", "You have not said anything before that."),
    ],
)
def test_what_was_never_told_is_not_known(chat: Any, asked: str, answered: str) -> None:
    assert chat().say(asked) == answered


def test_a_newer_fact_replaces_the_older(chat: Any) -> None:
    conversation = chat()
    for line in ("my name is alice", "i live in london", "my name is bob", "i live in paris", "where do i live"):
        conversation.say(line)
    assert conversation.say("what is my name") == "Your name is Bob."
    assert conversation.say("what do you know about me") == "Your name is Bob. You live in Paris."


def test_attributes_are_not_confused(chat: Any) -> None:
    conversation = chat()
    conversation.say("my favorite color is blue")
    conversation.say("my favorite food is pizza")
    assert conversation.say("what is my favorite color") == "Your favorite color is blue."
    assert conversation.say("what is my favorite song").startswith("I do not know")


def test_what_was_just_said(chat: Any) -> None:
    conversation = chat()
    conversation.say("The sky is green")
    assert conversation.say("What did I just say?") == "You said: The sky is green."


def test_facts_an_application_put_into_the_history(chat: Any) -> None:
    injected = (user("The guest's name is Bob. The room number is 12."), model("Your booking ends on Friday."))
    conversation = chat(history=injected)
    assert conversation.say("what is the room number") == "The room number is 12."
    assert conversation.say("when does my booking end") == "Your booking ends on Friday."
    assert conversation.say("what is the name of the guest") == "The guest's name is Bob."


def test_spoken_results_and_quotes_of_the_user_are_no_facts() -> None:
    result = Turn("user", (FunctionResult("call-1", "get_temperature", {"output": 21}),))
    history = (user("what is the temperature"), result, model("The temperature is 21."), model("You said: Hi there."))
    assert told(history) == []


@pytest.mark.parametrize(
    "text", ["what is my name", "turn on the light", "hello there", "i want a pizza", "you are nice", "it is cold", ""]
)
def test_questions_and_commands_are_no_facts(text: str) -> None:
    assert told((user(text),)) == []


def test_a_session_knows_nothing_of_another(chat: Any) -> None:
    chat().say("my name is alice")
    assert "alice" not in chat().say("what is my name").lower()
