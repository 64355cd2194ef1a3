"""Arguments by JSON schema, from typed and recognised utterances."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from antiphon.engines.cascade.brain.arguments import complete, fill
from antiphon.engines.cascade.brain.matching import rate
from antiphon.engines.cascade.brain.parameters import missing, parameters, question
from antiphon.engines.cascade.brain.words import phrase
from antiphon.live.setup import Tool

Declare = Callable[..., Tool]
STRING, NUMBER, INTEGER, BOOLEAN = ({"type": kind} for kind in ("string", "number", "integer", "boolean"))
DATE = {"type": "string", "format": "date"}
MOMENT = {"type": "string", "format": "date-time"}
NAMES = {"type": "array", "items": {"type": "string"}}


def enum(*values: Any, kind: str = "string") -> dict[str, Any]:
    return {"type": kind, "enum": list(values)}


FILLED: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    # numbers
    ("set_volume", {"level": INTEGER}, "set the volume to fifty percent", {"level": 50}),
    ("set_volume", {"level": INTEGER}, "set the volume to 50%", {"level": 50}),
    ("set_volume", {"level": INTEGER}, "set the volume to twenty one", {"level": 21}),
    ("set_volume", {"level": NUMBER}, "set the volume to two point five", {"level": 2.5}),
    ("set_volume", {"level": INTEGER}, "set the volume to two point five", {}),
    ("set_volume", {"level": NUMBER | {"maximum": 1}}, "set the volume to fifty percent", {"level": 0.5}),
    ("set_temperature", {"degrees": NUMBER}, "set the temperature to minus five degrees", {"degrees": -5}),
    ("pick", {"number": INTEGER}, "pick the red one", {}),
    ("pick", {"number": INTEGER}, "pick number one", {"number": 1}),
    ("set_timer", {"minutes": INTEGER}, "set a timer for five minutes", {"minutes": 5}),
    ("set_timer", {"seconds": INTEGER}, "set a timer for five minutes", {"seconds": 300}),
    ("set_timer", {"minutes": INTEGER}, "set a timer for an hour and a half", {}),
    ("set_light", {"brightness": INTEGER, "hue": INTEGER}, "set the light hue 120 brightness 40",
     {"brightness": 40, "hue": 120}),
    ("set_light", {"brightness": INTEGER, "hue": INTEGER}, "set light to 40 and 120", {"brightness": 40, "hue": 120}),
    # enums
    ("set_light", {"room": enum("kitchen", "living room")}, "set the living room light", {"room": "living room"}),
    ("set_light", {"room": enum("KITCHEN", "LIVING_ROOM")}, "set the living room light", {"room": "LIVING_ROOM"}),
    ("set_light", {"color": enum("warm", "warm white")}, "set the light to warm white", {"color": "warm white"}),
    ("set_fan", {"speed": enum(1, 2, 3, kind="integer")}, "set the fan to two", {"speed": 2}),
    ("set_fan", {"speed": enum("1", "2")}, "set the fan to two", {"speed": "2"}),
    # booleans
    ("set_lamp", {"on": BOOLEAN}, "turn the lamp off", {"on": False}),
    ("set_lamp", {"on": BOOLEAN}, "turn on the lamp", {"on": True}),
    ("book_room", {"include_breakfast": BOOLEAN}, "book a room with breakfast", {"include_breakfast": True}),
    ("book_room", {"include_breakfast": BOOLEAN}, "book a room without breakfast", {"include_breakfast": False}),
    ("book_room", {"include_breakfast": BOOLEAN}, "book a room", {}),
    # dates and times
    ("get_weather", {"date": DATE}, "what is the weather tomorrow", {"date": "2030-05-02"}),
    ("get_weather", {"day": STRING}, "what is the weather next friday", {"day": "2030-05-03"}),
    ("book_room", {"check_in": DATE, "check_out": DATE}, "book a room from the third of may to may fifth",
     {"check_in": "2030-05-03", "check_out": "2030-05-05"}),
    ("set_alarm", {"time": STRING}, "set an alarm for half past seven", {"time": "07:30"}),
    ("set_alarm", {"time": STRING}, "set an alarm at five pm tomorrow", {"time": "17:00"}),
    ("set_alarm", {"at": MOMENT}, "set an alarm for tomorrow at 7:30", {"at": "2030-05-02T07:30:00"}),
    ("set_alarm", {"at": MOMENT}, "set an alarm for 7 am", {"at": "2030-05-02T07:00:00"}),
    ("set_alarm", {"at": MOMENT}, "set an alarm for 6 pm", {"at": "2030-05-01T18:00:00"}),
    ("set_alarm", {"at": MOMENT}, "set an alarm for tomorrow", {}),
    # texts
    ("get_weather", {"location": STRING}, "what is the weather in paris", {"location": "Paris"}),
    ("get_weather", {"location": STRING}, "What's the weather like in New York?", {"location": "New York"}),
    ("get_weather", {"city": STRING, "date": DATE}, "weather for berlin tomorrow",
     {"city": "Berlin", "date": "2030-05-02"}),
    ("send_message", {"to": STRING, "text": STRING}, "send a message to alice saying I am late",
     {"to": "Alice", "text": "I am late"}),
    ("send_email", {"recipient": STRING}, "send an email to alice@example.org", {"recipient": "alice@example.org"}),
    ("create_playlist", {"name": STRING}, "create a playlist called summer hits", {"name": "summer hits"}),
    ("book_flight", {"origin": STRING, "destination": STRING}, "book a flight from london to new york",
     {"origin": "London", "destination": "New York"}),
    ("get_order", {"order_id": STRING}, "get order four two seven", {"order_id": "427"}),
    ("get_order", {"order_id": STRING}, "get my order AB123 please", {"order_id": "AB123"}),
    ("search", {"query": STRING}, "search for blue shoes", {"query": "blue shoes"}),
    ("add_to_list", {"item": STRING}, "add milk to the list", {"item": "milk"}),
    # lists
    ("schedule_meeting", {"attendees": NAMES}, "schedule a meeting with alice and bob",
     {"attendees": ["Alice", "Bob"]}),
    ("schedule_meeting", {"attendees": NAMES, "topic": STRING},
     "schedule a meeting with Alice, Bob and Carol about the budget",
     {"attendees": ["Alice", "Bob", "Carol"], "topic": "budget"}),
    ("order_pizza", {"toppings": {"type": "array", "items": enum("ham", "olives", "hot peppers")}},
     "order a pizza with hot peppers and ham", {"toppings": ["hot peppers", "ham"]}),
    ("add_numbers", {"values": {"type": "array", "items": {"type": "number"}}}, "add 5 and 7.5", {"values": [5, 7.5]}),
    # what is beyond simple shapes is left out
    ("set_light", {"options": {"type": "object"}, "ref": {"$ref": "#/x"}}, "set the light to 5", {}),
    ("set_light", {"values": {"type": "array", "items": {"type": "object"}}}, "set the light to 5", {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "schemas", "said", "expected"), FILLED)
def test_filled(
    function: Declare, now: datetime, name: str, schemas: dict[str, Any], said: str, expected: dict[str, Any]
) -> None:
    tool = function(name, "", list(schemas), **schemas)
    words = phrase(said, commas=True)
    match = rate(words, tool)
    assert fill(tool, words, match.explained if match else frozenset(), now) == expected


ANSWERS: list[tuple[str, dict[str, Any], str, Any]] = [
    ("room", enum("kitchen", "living room"), "the living room please", "living room"),
    ("room", enum("kitchen", "living room"), "the garden", None),
    ("room", STRING, "in the kitchen", "kitchen"),
    ("level", INTEGER, "fifty percent", 50),
    ("level", INTEGER, "one", 1),
    ("level", INTEGER, "I do not know", None),
    ("date", DATE, "next friday", "2030-05-03"),
    ("time", STRING, "at seven", "07:00"),
    ("confirmed", BOOLEAN, "yes please", True),
    ("confirmed", BOOLEAN, "no", False),
    ("name", STRING, "It is Alice", "Alice"),
    ("people", NAMES, "alice", ["Alice"]),
    ("pin", STRING, "four two seven", "427"),
]


@pytest.mark.parametrize(("name", "schema", "said", "value"), ANSWERS)
def test_answers_to_a_question(
    function: Declare, now: datetime, name: str, schema: dict[str, Any], said: str, value: Any
) -> None:
    tool = function("do_it", "", [name], **{name: schema})
    (asked,) = parameters(tool)
    known = complete(tool, asked, {}, phrase(said), now)
    assert known == (None if value is None else {name: value})


@pytest.mark.parametrize(
    ("name", "schema", "asked"),
    [
        ("room", STRING, "Which room?"),
        ("room", enum("kitchen", "hall"), "Which room? Kitchen or hall?"),
        ("room", enum(*"abcdefgh"), "Which room?"),
        ("colorTemperature", STRING, "Which color temperature?"),
        ("brightness", INTEGER, "What brightness?"),
        ("minutes", INTEGER, "How many minutes?"),
        ("party_size", INTEGER, "What party size?"),
        ("time", STRING, "What time?"),
        ("to", STRING, "To whom?"),
        ("breakfast", BOOLEAN, "Breakfast, yes or no?"),
    ],
)
def test_questions(function: Declare, name: str, schema: dict[str, Any], asked: str) -> None:
    (parameter,) = parameters(function("do_it", "", [name], **{name: schema}))
    assert question(parameter) == asked


def test_only_what_can_be_said_is_missing(function: Declare) -> None:
    tool = function("do_it", "", ["options", "room"], options={"type": "object"}, room=STRING, more=STRING)
    first = missing(tool, {})
    assert first is not None
    assert first.name == "room"
    assert missing(tool, {"room": "kitchen"}) is None
