"""Which function an utterance asks for: the threshold, and what must never be a call."""

from collections.abc import Callable
from typing import Any

import pytest

from antiphon.engines.cascade.brain.matching import THRESHOLD, best_match, enum_place, properties, rate
from antiphon.engines.cascade.brain.words import phrase
from antiphon.live.setup import Tool

ROOM = {"type": "string", "enum": ["kitchen", "living_room", "bedroom"]}
TEXT = {"type": "string"}
Declare = Callable[..., Tool]


@pytest.fixture
def house(function: Declare) -> tuple[Tool, ...]:
    return (
        function("set_light", "Set the brightness of a room's light", room=ROOM, brightness={"type": "integer"}),
        function("turn_on_the_lights", "Turns the lights on in the room."),
        function("turn_off_the_lights", "Turns the lights off in the room."),
        function("get_weather", "Get the weather in a city", location=TEXT),
        function("playMusic", "Play music", genre=TEXT),
        function("send_message", "Send a text message to a contact", recipient=TEXT, text=TEXT),
        function("call_contact", "Call somebody", to=TEXT),
        function("set_timer", "Start a timer", seconds={"type": "number"}),
        function("create_reminder", "Create a reminder", text=TEXT),
        function("cancel_booking", "Cancel a booking", booking_id=TEXT),
        function("open_door"),
        function("lock_door"),
        function("search", "Search the web", query=TEXT),
        function("end_call"),
        function("x17", "Reports the water level of the river Thames", unit=TEXT),
    )


CALLED = [
    ("Turn on the lights.", "turn_on_the_lights"),
    ("turn the lights on", "turn_on_the_lights"),
    ("turn off the lights", "turn_off_the_lights"),
    ("switch the lights off", "turn_off_the_lights"),
    ("lights off", "turn_off_the_lights"),
    ("set the light in the bedroom to fifty", "set_light"),
    ("dim the living room light", "set_light"),
    ("kitchen light fifty percent", "set_light"),
    ("What's the weather in Paris?", "get_weather"),
    ("what is the wether in paris", "get_weather"),
    ("tell me the weather", "get_weather"),
    ("weather in london", "get_weather"),
    ("do you know the weather", "get_weather"),
    ("play some music", "playMusic"),
    ("play jazz", "playMusic"),
    ("send a message to alice", "send_message"),
    ("text a message to bob", "send_message"),
    ("call alice", "call_contact"),
    ("start a timer for ten minutes", "set_timer"),
    ("set the timer", "set_timer"),
    ("remind me to buy milk", "create_reminder"),
    ("cancel my booking", "cancel_booking"),
    ("open the door", "open_door"),
    ("lock the doors", "lock_door"),
    ("search for blue shoes", "search"),
    ("end the call", "end_call"),
    ("what is the water level of the thames", "x17"),
]
NOT_CALLED = [
    "what is my name", "my name is alice", "i like the light in the kitchen", "is the light on", "what is a light",
    "turn on the television", "turn off the radio", "the weather is nice today", "i live in paris", "how are you",
    "what is two plus two", "remember the number 42", "what time is it", "where do i live", "light", "close the window",
    "stop", "play", "hello", "what can you do", "tell me a joke", "my favorite music is jazz", "i have a booking",
    "unlock the car", "what did i just say", "thank you", "kitchen", "",
]  # fmt: skip


@pytest.mark.parametrize(("said", "name"), CALLED)
def test_called(house: tuple[Tool, ...], said: str, name: str) -> None:
    match = best_match(phrase(said), house)
    assert match is not None
    assert match.tool.name == name


@pytest.mark.parametrize("said", NOT_CALLED)
def test_not_called(house: tuple[Tool, ...], said: str) -> None:
    assert best_match(phrase(said), house) is None


@pytest.mark.parametrize(
    ("said", "name", "score"),
    [
        ("light", "set_light", 0.53),
        ("set the kitchen light", "set_light", 1.6),
        ("weather in Paris", "get_weather", 0.67),
        ("turn off the radio", "turn_off_the_lights", 0.48),
    ],
)
def test_the_scores_that_explain_the_threshold(house: tuple[Tool, ...], said: str, name: str, score: float) -> None:
    match = rate(phrase(said), next(tool for tool in house if tool.name == name))
    assert match is not None
    assert match.score == pytest.approx(score, abs=0.005)
    assert (match.score >= THRESHOLD) is (score >= 0.6)


def test_an_opposite_forbids_a_call(function: Declare) -> None:
    assert rate(phrase("turn off the light"), function("turn_on_light")) is None
    assert rate(phrase("unlock the door"), function("lock_door")) is None
    assert rate(phrase("turn the light on and off"), function("turn_on_light")) is not None


def test_of_equals_the_first_declared(function: Declare) -> None:
    one, other = function("ring_bell"), function("ringBell")
    match = best_match(phrase("ring the bell"), [one, other])
    assert match is not None
    assert match.tool is one


@pytest.mark.parametrize(
    ("said", "value", "place"),
    [
        ("in the living room now", "living_room", range(2, 4)),
        ("in the livingroom", "living_room", None),
        ("the kitchens", "KITCHEN", range(1, 2)),
        ("the kitcen", "kitchen", range(1, 2)),
        ("number 3", 3, range(1, 2)),
        ("anything", "", None),
    ],
)
def test_enum_values(said: str, value: Any, place: range | None) -> None:
    assert enum_place(phrase(said).words, value) == place


@pytest.mark.parametrize("parameters", [None, {}, {"properties": 3}, {"properties": {"a": True}}])
def test_odd_schemas_have_no_parameters(parameters: Any) -> None:
    assert properties(Tool("x", "", parameters)) == {}
