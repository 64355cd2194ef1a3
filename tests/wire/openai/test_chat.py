"""Messages of /chat/completions."""

import json

import msgspec
import pytest

from antiphon.wire.openai import chat


def test_nothing_is_written_that_was_not_said() -> None:
    request = chat.ChatRequest(
        model="m",
        messages=[
            chat.Message(role="user", content="Hi"),
            chat.Message(
                role="assistant",
                content=None,
                tool_calls=[
                    chat.ToolCall(id="1", type="function", function=chat.Function(name="f", arguments="{}")),
                ],
            ),
            chat.Message(role="tool", content="", tool_call_id="1"),
        ],
    )
    assert json.loads(chat.encode_request(request)) == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
            {"role": "tool", "content": "", "tool_call_id": "1"},
        ],
    }


def test_extra_members_are_added_and_replace() -> None:
    request = chat.ChatRequest(model="m", messages=[], temperature=0.5)
    body = json.loads(chat.encode_request(request, {"temperature": 1, "keep_alive": "5m"}))
    assert body == {"model": "m", "messages": [], "temperature": 1, "keep_alive": "5m"}


def test_chunks_are_read_leniently() -> None:
    data = (
        b'{"id":"x","created":1,"system_fingerprint":null,"usage":null,"error":null,'
        b'"choices":[{"index":0,"logprobs":null,"finish_reason":null,'
        b'"delta":{"role":"assistant","content":null,"tool_calls":null,"refusal":null}}]}'
    )
    chunk = chat.decode_chunk(data)
    assert chunk.choices == [chat.Choice(delta=chat.Delta())]
    assert (chunk.usage, chunk.error) == (None, None)
    with pytest.raises(msgspec.DecodeError):
        chat.decode_chunk(b'{"choices": 1}')
