"""The brain as a whole: whatever is said, one thought comes back, the same every time."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.parts import Call, Prompt, Say
from antiphon.live.history import FunctionCall, FunctionResult, History, Part, Picture, Turn, Words, model, user
from antiphon.live.setup import Tool

BRAIN = BuiltinBrain(lambda: datetime(2030, 5, 1, 17, 5))

VOCABULARY = """what is my the name remember that number four two seven turn on off light kitchen and to percent of
    plus divided by zero tomorrow next friday third may half past in for convert miles kilometers say stop you i am
    live count power root square when where how many please call not a point hundred million with called until "
    yes no 42 1e9 12:99 2030-02-31 3rd ? . , - * ( ) {0} % ^ ' é 猫""".split()
utterances = st.one_of(st.text(max_size=80), st.lists(st.sampled_from(VOCABULARY), max_size=14).map(" ".join))

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
schemas = st.one_of(
    anything,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "number", "integer", "boolean", "array", "object", 7])},
        optional={
            "enum": st.lists(st.one_of(st.text(max_size=8), st.integers()), max_size=3),
            "format": st.sampled_from(["date", "date-time", "time", "email", 1]),
            "items": anything | st.just({"type": "string"}) | st.just({"type": "number"}),
            "maximum": st.integers() | st.text(max_size=1),
        },
    ),
)
names = st.sampled_from(["set_light", "turn_off", "getWeather", "call", "x", "_", "send_message"]) | st.text(max_size=9)
parameter_names = st.sampled_from(["room", "to", "date", "time", "minutes", "order_id", "on", "text"]) | st.text(
    max_size=4
)
tools = st.builds(
    Tool,
    names,
    utterances,
    st.none()
    | st.fixed_dictionaries(
        {"properties": st.dictionaries(parameter_names, schemas, max_size=4) | anything},
        optional={"required": st.lists(parameter_names, max_size=3) | anything, "type": st.just("object")},
    ),
)
parts: st.SearchStrategy[Part] = st.one_of(
    utterances.map(Words),
    st.builds(Picture, st.just("image/png"), st.binary(max_size=2)),
    st.builds(FunctionCall, st.just("call-1"), names, st.dictionaries(st.text(max_size=3), anything, max_size=2)),
    st.builds(
        FunctionResult,
        st.just("call-1"),
        names,
        st.dictionaries(st.sampled_from(["output", "result", "error", "a"]), anything, max_size=2),
    ),
)
turns = st.builds(Turn, st.sampled_from(["user", "model"]), st.lists(parts, max_size=3).map(tuple))
prompts = st.builds(
    Prompt, st.lists(turns, max_size=7).map(tuple), utterances, st.lists(tools, max_size=3).map(tuple), st.just("")
)


@settings(max_examples=400, deadline=None)
@given(prompts)
def test_any_prompt_has_one_thought_and_always_the_same(prompt: Prompt) -> None:
    thought = BRAIN.decide(prompt)
    assert BRAIN.decide(prompt) == thought
    if isinstance(thought, Say):
        assert thought.text.strip()
    else:
        assert isinstance(thought, Call)
        assert {one.name for one in thought.calls} <= {tool.name for tool in prompt.tools}
        assert len({one.id for one in thought.calls}) == len(thought.calls) > 0


@settings(max_examples=150, deadline=None)
@given(st.lists(utterances, min_size=1, max_size=6), st.lists(tools, max_size=3).map(tuple))
def test_any_conversation_can_go_on(lines: list[str], declared: tuple[Tool, ...]) -> None:
    history: History = ()
    made: list[str] = []
    for line in lines:
        history = (*history, user(line))
        thought = BRAIN.decide(Prompt(history, "You are Ada. Tea is at 5.", declared))
        if isinstance(thought, Call):
            made += [one.id for one in thought.calls]
            done = tuple(FunctionResult(one.id, one.name, {"result": "ok"}) for one in thought.calls)
            history = (*history, Turn("model", thought.calls), Turn("user", done))
            thought = BRAIN.decide(Prompt(history, "", declared))
        assert isinstance(thought, Say)
        history = (*history, model(thought.text))
    assert len(set(made)) == len(made)


async def test_a_question_before_a_late_result_is_answered_after_it() -> None:
    """The result stopped its answer before any of it was heard."""
    late = FunctionResult("call-1", "get_weather", {"sky": "clear"})
    prompt = Prompt((user("what is 2 plus 2"), Turn("user", (late,))))
    assert [thought async for thought in BRAIN.reply(prompt)] == [
        Say("The sky is clear."), Say(" "), Say("2 plus 2 is 4."),
    ]  # fmt: skip
    told = Prompt((user("The user opened page 3."), Turn("user", (late,))))
    assert [thought async for thought in BRAIN.reply(told)] == [Say("The sky is clear.")]


async def test_reply_yields_the_one_thought() -> None:
    prompt = Prompt((user("what is 2 plus 2"),))
    assert [thought async for thought in BRAIN.reply(prompt)] == [Say("2 plus 2 is 4.")]


def test_a_very_long_history_and_utterance_are_answered() -> None:
    history = tuple(turn for _ in range(3_000) for turn in (user("which one?"), model("Which room?")))
    tool = Tool("set_light", "", {"properties": {"room": {"type": "string"}}, "required": ["room"]})
    assert BRAIN.decide(Prompt((*history, user("set the light " * 5_000)), "", (tool,)))


def test_of_a_long_text_the_end_is_answered(chat: Any) -> None:
    context = "The report has many pages. " * 60 + "The password is swordfish. " + "More pages follow it. " * 60
    assert chat().say(context + "What is 2 plus 2?") == "2 plus 2 is 4."
    assert chat().say(context + "What is the password?") == "The password is swordfish."


@pytest.mark.parametrize("history", [(), (model("Hello."),), (user(""),), (user(" \n"),), (user("…?!"),)])
def test_nothing_said_is_said_so(history: History) -> None:
    assert BRAIN.decide(Prompt(history)) == Say("Sorry, I did not catch that.")


def test_the_remedy_is_given_once(chat: Any) -> None:
    conversation = chat()
    first = conversation.say("why is the sky blue")
    assert first == (
        'I heard: "why is the sky blue". I have no language model; connect one to talk about anything: '
        "see the documentation on language models."
    )
    assert conversation.say("why is grass green") == 'I heard: "why is grass green".'


def test_a_long_utterance_is_not_read_back_whole(chat: Any) -> None:
    assert len(chat().say("blah " * 300)) < 300


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("Hello! What's your name?", "I am Ada."),
        ("Good morning. Please remember that the code is 12. Thanks!", "Okay, I will remember that the code is 12."),
        ("My name is Alice. What is 2+2?", "2 plus 2 is 4."),
    ],
)
def test_the_last_sentence_that_has_an_answer_is_answered(chat: Any, said: str, answer: str) -> None:
    assert chat("You are Ada.").say(said) == answer


def test_phrases_are_plain_words() -> None:
    phrases = BRAIN.phrases()
    assert "what is your name" in phrases
    assert all(one == one.lower() and "?" not in one for one in phrases)


def test_googles_own_live_test_passes(chat: Any, function: Any) -> None:
    """The prompts of ``tests/live_api/test_live_session.py`` in google-genai 3.4."""
    lights = function("turn_on_the_lights", "Turns the lights on in the room.")
    assert chat().say("Say hello.") == "Hello."
    memory = chat()
    assert memory.say("Remember the number 42. Just acknowledge it.")
    assert "42" in memory.say("What number did I ask you to remember?")
    calling = chat(tools=[lights])
    assert calling.call("Please turn on the lights.") == [("turn_on_the_lights", {})]
    assert calling.results({"result": "ok"}) == "Done."
