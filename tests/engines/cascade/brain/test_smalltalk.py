"""Manners, echoes and counting."""

from typing import Any

import pytest

EXCHANGES = [
    ("Hello!", "Hello."),
    ("hi there", "Hello."),
    ("Say hello.", "Hello."),
    ("Good morning.", "Good morning."),
    ("good evening", "Good evening."),
    ("How are you?", "I am well, thank you."),
    ("hello how are you", "I am well, thank you."),
    ("thank you very much", "You are welcome."),
    ("Thanks!", "You are welcome."),
    ("goodbye", "Goodbye."),
    ("Bye bye.", "Goodbye."),
    ("stop", "Okay."),
    ("Never mind.", "Okay."),
    ("please stop", "Okay."),
    ("are you there", "I am here."),
    ("Hello? Can you hear me?", "I am here."),
    ("yes", "Okay."),
    ("repeat that", "I have not said anything yet."),
    ("what can you do", "I can calculate, convert units, tell the date and time, and remember what you tell me."),
    ("Say: good morning, everyone!", "Good morning, everyone."),
    ("please say the word banana", "Banana."),
    ("repeat after me I am a parrot", "I am a parrot."),
    ("count to five", "1, 2, 3, 4, 5."),
    ("count from three to six", "3, 4, 5, 6."),
    ("count down from 3", "3, 2, 1."),
    ("count backwards from three to zero", "3, 2, 1, 0."),
    ("count to a million", "I count at most 200 numbers at a time."),
]


@pytest.mark.parametrize(("said", "answer"), EXCHANGES)
def test_exchanges(chat: Any, said: str, answer: str) -> None:
    assert chat().say(said) == answer


def test_the_last_words_are_repeated(chat: Any) -> None:
    conversation = chat()
    conversation.say("what is 6 times 7")
    for asked in ("Could you repeat that, please?", "say that again", "pardon"):
        assert conversation.say(asked) == "6 times 7 is 42."


def test_the_abilities_name_the_functions(chat: Any, function: Any) -> None:
    tools = [function(f"do_thing_{word}") for word in ("a", "b", "c", "d", "e", "f", "g")]
    answer = chat(tools=tools).say("what can you do")
    assert "do thing a" in answer
    assert answer.endswith("do thing e and 2 more.")


@pytest.mark.parametrize("said", ["say that", "say something nice about me please", "count sheep", "repeat it for him"])
def test_no_echo_without_words_to_say(chat: Any, said: str) -> None:
    assert chat().say(said).startswith(("I heard", "I have not said"))
