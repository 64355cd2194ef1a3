"""Events of the OpenAI Realtime API in both spellings."""

import json
from typing import Any

import pybase64
import pytest

from antiphon.wire.openai import realtime as wire


def read(event: dict[str, Any], **names: str) -> wire.ServerEvent:
    return wire.decode(json.dumps(event).encode(), wire.BETA_NAMES | names)


@pytest.mark.parametrize("name", ["response.audio.delta", "response.output_audio.delta"])
def test_both_spellings_of_sound(name: str) -> None:
    event = read({"type": name, "response_id": "r", "item_id": "i", "content_index": 0, "delta": "AAAA"})
    assert event == wire.AudioDelta(response_id="r", item_id="i", content_index=0, delta="AAAA")


@pytest.mark.parametrize("beta", wire.BETA_NAMES)
def test_every_name_of_the_beta_is_one_of_today(beta: str) -> None:
    assert type(read({"type": beta})) is type(read({"type": wire.BETA_NAMES[beta]}))
    assert not isinstance(read({"type": beta}), wire.Unknown)


def test_a_servers_own_name() -> None:
    assert read({"type": "transcript.delta", "delta": "x"}) == wire.Unknown(type="transcript.delta")
    said = read({"type": "transcript.delta", "delta": "x"}, **{"transcript.delta": "response.output_text.delta"})
    assert said == wire.TextDelta(delta="x")


def test_the_end_of_a_response_with_all_it_used() -> None:
    details = {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64}
    cached = {"cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0}}
    usage = {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121, "input_token_details": details | cached}
    event = read({"type": "response.done", "response": {"id": "r", "status": "completed", "usage": usage, "x": [1]}})
    assert isinstance(event, wire.ResponseDone)
    assert event.response.usage is not None
    assert event.response.usage.input_token_details is not None
    assert event.response.usage.input_token_details.cached_tokens_details == wire.TokenDetails(
        text_tokens=64, audio_tokens=0, image_tokens=0
    )


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"[",
        b"3",
        b'"x"',
        b"{}",
        b'{"type":3}',
        b'{"type":"error","error":[]}',
        b"\xff",
        b'{"type":"x","y":"\xff"}',
    ],
)
def test_nonsense_is_unknown(frame: bytes) -> None:
    assert isinstance(wire.decode(frame), wire.Unknown)


def test_nulls_and_gaps_are_borne() -> None:
    assert (
        read({"type": "response.done", "response": {"id": None, "usage": None, "output": None}}) == wire.ResponseDone()
    )
    assert read({"type": "session.created"}) == wire.SessionCreated()
    assert read({"type": "error"}) == wire.Error()


def test_what_is_written_holds_nothing_needless() -> None:
    item = wire.Item(type="message", role="user", content=[wire.ItemPart(type="input_text", text="hi")])
    assert json.loads(wire.encode(wire.CreateItem(event_id="e", item=item))) == {
        "type": "conversation.item.create",
        "event_id": "e",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    }
    assert json.loads(wire.encode(wire.CreateResponse())) == {"type": "response.create"}
    cut = json.loads(wire.encode(wire.TruncateItem(item_id="i", content_index=0, audio_end_ms=0)))
    assert cut == {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 0}


def test_manual_turns_are_written_as_null() -> None:
    session = wire.Session(type="realtime", audio=wire.Audio(input=wire.AudioInput(turn_detection=None)))
    written = json.loads(wire.encode(wire.SessionUpdate(session=session)))
    assert written["session"] == {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


def test_sound_is_base64() -> None:
    frame = json.loads(wire.append_frame(b"\x00\xff\x7f"))
    assert frame == {"type": "input_audio_buffer.append", "audio": pybase64.b64encode(b"\x00\xff\x7f").decode()}
