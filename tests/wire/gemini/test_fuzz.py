"""No frame does worse than to be refused."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from antiphon.wire.gemini.client import MEMBERS, Wire
from antiphon.wire.gemini.decode import decode_client, decode_server
from antiphon.wire.gemini.encode import encode_client, encode_server
from antiphon.wire.refusal import MAX_CLOSE_REASON, Refusal, close_reason

LOOSE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

NAMES = sorted(
    {name for kind in Wire.__subclasses__() for f in structs.fields(kind) for name in (f.name, f.encode_name)}
)
MEMBER_NAMES = [*MEMBERS, "client_content", "realtime_input", "tool_response", "context_update"]

KEYS = (
    st.sampled_from(NAMES) | st.sampled_from(MEMBER_NAMES) | st.text(st.characters(exclude_categories=[]), max_size=5)
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**64, -(2**64), 10**400, "9" * 5000])
    | st.floats()
    | st.text(st.characters(exclude_categories=[]), max_size=10)
    | st.sampled_from(["null", "true", "NaN", "1e999", "AUDIO", "x_UNSPECIFIED", "AAAA", "__77_w", "A", "\ud800"])
)
WILD = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5))
"""JSON of the members that messages have, in places where they do not belong."""
FRAMES = st.dictionaries(st.sampled_from(MEMBER_NAMES) | KEYS, WILD, max_size=3)

VALID = [
    '{"setup":{"model":"models/m","generationConfig":{"topK":40,"responseModalities":["AUDIO"]},"tools":[{}]}}',
    '{"client_content":{"turns":[{"parts":[{"text":"hello \\ud83d\\ude00"}],"role":"user"}],"turnComplete":true}}',
    '{"realtime_input":{"audio":{"data":"__77_w==","mime_type":"audio/pcm;rate=16000"}}}',
    '{"toolResponse":{"functionResponses":[{"id":"1","response":{"a":[1,null,1e5]},"scheduling":"SILENT"}]}}',
]


def read(frame: str | bytes) -> None:
    """Reads ``frame`` as either side's; what is understood can be written again, what is refused can be said."""
    read_as(frame, decode_client, encode_client)
    read_as(frame, decode_server, encode_server)


def read_as(frame: str | bytes, decode: Callable[..., Any], encode: Callable[..., bytes]) -> None:
    try:
        message, ignored = decode(frame)
    except Refusal as refusal:
        said = str(refusal)
    else:
        assert encode(message).isascii()
        said = ", ".join(ignored)
    assert len(close_reason(said).encode()) <= MAX_CLOSE_REASON


@given(frame=st.text(st.characters(exclude_categories=[])) | st.binary())
@example(frame="\ufeff{}")
@example(frame="\ud800")
@LOOSE
def test_any_text_or_bytes(frame: str | bytes) -> None:
    read(frame)


@given(value=FRAMES | WILD, ascii_only=st.booleans())
@settings(LOOSE, max_examples=400)
def test_any_json(value: object, ascii_only: bool) -> None:
    read(json.dumps(value, ensure_ascii=ascii_only))


@given(members=st.lists(st.tuples(st.sampled_from(MEMBER_NAMES), FRAMES), max_size=3))
@LOOSE
def test_any_members_in_any_message_even_twice(members: list[tuple[str, object]]) -> None:
    read("{" + ",".join(f'"{name}":{json.dumps(value)}' for name, value in members) + "}")


@given(frame=st.sampled_from(VALID), cut=st.tuples(st.integers(0, 200), st.integers(0, 20)), put=st.binary(max_size=4))
@settings(LOOSE, max_examples=400)
def test_any_damage_to_a_valid_frame(frame: str, cut: tuple[int, int], put: bytes) -> None:
    start, length = cut
    read(frame.encode()[:start] + put + frame.encode()[start + length :])


@given(
    depth=st.integers(0, 3000),
    opening=st.sampled_from(['{"a":', "[", '{"parts":', '{"turns":[', '{"audio":{"data":']),
    head=st.sampled_from(['{"setup":{"labels":', '{"clientContent":', '{"realtimeInput":', "", '{"serverContent":']),
    closed=st.booleans(),
)
@LOOSE
def test_any_depth(depth: int, opening: str, head: str, closed: bool) -> None:
    body = head + opening * depth + "1"
    closing = {"{": "}", "[": "]"}
    tail = "".join(closing[letter] for letter in reversed(body) if letter in closing) if closed else ""
    read(body + tail)


def test_the_frames_that_are_damaged_are_valid() -> None:
    for frame in VALID:
        assert decode_client(frame)[1] == ()
