"""Whatever a message holds, it comes back: as we write it, and as clients of every habit would."""

import json
import types
import typing
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from antiphon.wire.gemini import base, client, hosted, server
from antiphon.wire.gemini.client import FunctionCall, FunctionResponse, RealtimeInput, Setup, ToolResponse, Wire
from antiphon.wire.gemini.decode import convert, decode_client, decode_server
from antiphon.wire.gemini.encode import encode_client, encode_server
from antiphon.wire.gemini.server import ServerMessage, ToolCall

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

INT64 = st.integers(-(2**63), 2**63 - 1)
KEYS = st.text(max_size=6) | st.sampled_from(["snake_key", "camelKey", "mime_type", "parts", "data", "type", "__", ""])
SCALARS = (
    st.none()
    | st.booleans()
    | INT64
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["null", "true", "5", "_9j_2Q==", "TYPE_UNSPECIFIED"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
"""Any JSON that a user may send."""
USER_DATA = JSON.filter(lambda value: value is not None)
"""The same, where null means that there is none."""


# --- Messages of any type, built from the types of its fields


@cache
def messages(kind: type[Wire]) -> st.SearchStrategy[Any]:
    """Messages of type ``kind`` with a few of their members set."""
    # Made once for each type: to make a strategy takes longer than to draw from it.
    fields = structs.fields(kind)
    some = st.lists(st.sampled_from(fields), max_size=4, unique_by=lambda field: field.name) if fields else st.just([])
    return _built(kind, some)


@st.composite
def _built(draw: st.DrawFn, kind: type[Wire], some: st.SearchStrategy[list[structs.FieldInfo]]) -> Wire:
    return kind(**{field.name: draw(values(field.type)) for field in draw(some)})


@cache
def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a field of type ``kind``."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return values(present(kind))
    if typing.get_origin(kind) is list:
        return st.lists(values(typing.get_args(kind)[0]), max_size=2)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(list(kind))
    if isinstance(kind, type) and issubclass(kind, Wire):
        return messages(kind)
    return LEAVES[kind]


LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    Any: USER_DATA,
    bool: st.booleans(),
    int: INT64,
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=8),
    bytes: st.binary(max_size=12),
    dict[str, str]: st.dictionaries(KEYS, st.text(max_size=8), max_size=3),
}


def present(kind: Any) -> Any:
    """The type in an optional type."""
    (only,) = [option for option in typing.get_args(kind) if option not in (type(None), msgspec.UnsetType)]
    return only


# --- The habits of clients


@st.composite
def respelled(draw: st.DrawFn, kind: Any, value: Any) -> Any:
    """``value``, JSON of type ``kind``, as another client would write it."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return draw(respelled(present(kind), value))
    if typing.get_origin(kind) is list:
        return draw(respelled_list(typing.get_args(kind)[0], value))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return draw(either(value, value.lower(), value.title()))
    if isinstance(kind, type) and issubclass(kind, Wire):
        return draw(respelled_object(kind, value))
    if kind is Any or typing.get_origin(kind) is dict:
        return value
    return draw(st.sampled_from(list(SPELLINGS[kind](value))))


FEW = st.integers(0, 9)
"""Zero once in a while."""


@cache
def either(*options: Any) -> st.SearchStrategy[Any]:
    """One of a few strings."""
    return st.sampled_from(options)


@st.composite
def respelled_object(draw: st.DrawFn, kind: type[Wire], value: dict[str, Any]) -> dict[str, Any]:
    result = {}
    for field in structs.fields(kind):
        spelling = draw(either(field.name, field.encode_name))
        if field.encode_name in value:
            result[spelling] = draw(respelled(field.type, value[field.encode_name]))
        elif draw(FEW) == 0:
            result[spelling] = None
    order = draw(st.permutations(list(result)))
    return {key: result[key] for key in order}


@st.composite
def respelled_list(draw: st.DrawFn, kind: Any, value: list[Any]) -> Any:
    items = [draw(respelled(kind, item)) for item in value]
    alone = len(items) == 1 and isinstance(items[0], dict)
    return items[0] if alone and draw(st.booleans()) else items


def _base64_spellings(text: str) -> list[str]:
    safe = text.replace("+", "-").replace("/", "_")
    mixed = text.replace("+", "-")
    return [form for spelled in (text, safe, mixed) for form in (spelled, spelled.rstrip("="))]


def _integer_spellings(value: int) -> list[Any]:
    exact = abs(value) < 2**53
    return [value, str(value), *([float(value), str(float(value))] if exact else [])]


SPELLINGS: dict[Any, Any] = {
    bool: lambda value: [value, str(value), str(value).lower(), int(value)],
    int: _integer_spellings,
    float: lambda value: [value, str(value)],
    str: lambda value: [value],
    bytes: _base64_spellings,
}


# --- What is true of every message


def same(left: Any, right: Any) -> bool:
    """Equal, and of equal types: 1, 1.0 and true are three things."""
    return left == right and repr(left) == repr(right)


def clean(kind: Any, value: Any) -> bool:
    """Whether no typed member in ``value`` is false, empty or null; user data is the user's."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return clean(present(kind), value)
    if typing.get_origin(kind) is list:
        return all(clean(typing.get_args(kind)[0], item) for item in value)
    if isinstance(kind, type) and issubclass(kind, Wire):
        fields = {field.encode_name: field.type for field in structs.fields(kind)}
        return all(stated(fields[key], item) and clean(fields[key], item) for key, item in value.items())
    return True


def stated(kind: Any, value: Any) -> bool:
    return value is not None and (kind in MEANINGFUL_WHEN_EMPTY or value not in (False, "", []))


MEANINGFUL_WHEN_EMPTY = (Any, str | msgspec.UnsetType, bool | msgspec.UnsetType, int | None, float | None)
"""Zero or false of a setting and empty text of the user say something: absence is another value there."""

KINDS = [
    kind
    for module in (base, client, hosted, server)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Wire) and kind.__module__ == module.__name__ and kind is not Wire
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
@QUICK
def test_every_type_comes_back_however_it_is_spelled(kind: type[Wire], data: st.DataObject) -> None:
    message = data.draw(messages(kind))
    written = json.loads(msgspec.json.encode(message))
    assert clean(kind, written)
    spelled = data.draw(respelled(kind, written))
    found, ignored = convert(kind, json.loads(json.dumps(spelled)), "x")
    assert same(found, message)
    assert ignored == ()


@pytest.mark.parametrize("name", list(client.MEMBERS))
@given(data=st.data())
@QUICK
def test_client_messages_come_back(name: str, data: st.DataObject) -> None:
    message: Any = data.draw(messages(client.MEMBERS[name]))
    frame = encode_client(message)
    assert frame.isascii()
    for form in (frame, frame.decode()):
        found, ignored = decode_client(form)
        assert same(found, message)
        assert ignored == ()


@pytest.mark.parametrize("name", list(client.MEMBERS))
@given(data=st.data())
@QUICK
def test_client_frames_come_back_however_they_are_spelled(name: str, data: st.DataObject) -> None:
    message: Any = data.draw(messages(client.MEMBERS[name]))
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    spelled = data.draw(respelled(client.MEMBERS[name], json.loads(encode_client(message))[name]))
    frame = json.dumps({data.draw(st.sampled_from([name, snake])): spelled}, ensure_ascii=data.draw(st.booleans()))
    found, ignored = decode_client(frame)
    assert same(found, message)
    assert ignored == ()


@given(data=st.data())
@QUICK
def test_server_messages_come_back(data: st.DataObject) -> None:
    message: Any = data.draw(messages(ServerMessage))
    frame = encode_server(message)
    assert frame.isascii()
    assert clean(ServerMessage, json.loads(frame))
    found, ignored = decode_server(frame)
    assert same(found, message)
    assert ignored == ()


@pytest.mark.parametrize("field", structs.fields(ServerMessage), ids=lambda field: field.name)
@given(data=st.data())
@QUICK
def test_every_member_of_a_server_message_comes_back(field: Any, data: st.DataObject) -> None:
    message = ServerMessage(**{field.name: data.draw(values(field.type))})
    frame = encode_server(message)
    assert list(json.loads(frame)) == [field.encode_name]
    assert same(decode_server(frame)[0], message)


@given(
    blob=messages(client.Blob),
    member=st.sampled_from(["realtimeInput", "realtime_input"]),
    data=st.data(),
)
@QUICK
def test_the_short_way_for_audio_reads_as_the_long_way_does(
    blob: client.Blob, member: str, data: st.DataObject
) -> None:
    spelled = data.draw(respelled(client.Blob, json.loads(msgspec.json.encode(blob))))
    value = {"audio": spelled}
    expected = convert(RealtimeInput, value, "realtimeInput")
    assert decode_client(json.dumps({member: value})) == expected
    assert expected == (RealtimeInput(audio=blob), ())


# --- User data


def _through_client(message: client.Message) -> Any:
    return decode_client(encode_client(message))[0]


@given(value=USER_DATA)
@settings(deadline=None)
def test_user_data_of_clients_is_untouched(value: Any) -> None:
    answer = FunctionResponse(id="1", response=value)
    assert same(_through_client(ToolResponse(function_responses=[answer])).function_responses, [answer])
    declaration = client.FunctionDeclaration(parameters=value, parameters_json_schema=value, response_json_schema=value)
    setup = Setup(tools=[client.Tool(function_declarations=[declaration], file_search=value)], tool_config=value)
    assert same(_through_client(setup), setup)
    part = client.Part(function_call=FunctionCall(name="f", args=value))
    content = client.ClientContent(turns=[client.Content(parts=[part])])
    assert same(_through_client(content), content)


@given(value=USER_DATA)
@settings(deadline=None)
def test_user_data_of_clients_is_untouched_as_json(value: Any) -> None:
    frame = json.dumps({"tool_response": {"function_responses": [{"response": value}]}})
    message, ignored = decode_client(frame)
    assert isinstance(message, ToolResponse)
    assert same(message.function_responses[0].response, value)
    assert ignored == ()


@given(value=USER_DATA)
@settings(deadline=None)
def test_user_data_of_servers_is_untouched(value: Any) -> None:
    call = ServerMessage(tool_call=ToolCall(function_calls=[FunctionCall(id="1", args=value)]))
    frame = encode_server(call)
    assert same(json.loads(frame)["toolCall"]["functionCalls"][0]["args"], value)
    assert same(decode_server(frame)[0], call)
