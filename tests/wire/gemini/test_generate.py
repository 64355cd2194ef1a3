"""Messages of streamGenerateContent."""

import json

import msgspec
import pytest

from antiphon.wire.gemini import client
from antiphon.wire.gemini.generate import GenerateRequest, decode_chunk, encode_request


def test_user_data_keeps_its_keys() -> None:
    call = client.FunctionCall(name="f", args={"snake_case": {"deep_er": 1}})
    result = client.FunctionResponse(name="f", response={"snake_case": 1})
    parts = [client.Part(function_call=call, thought_signature="c2ln"), client.Part(function_response=result)]
    written = json.loads(encode_request(GenerateRequest(contents=[client.Content(role="model", parts=parts)])))
    assert written["contents"][0]["parts"] == [
        {"functionCall": {"name": "f", "args": {"snake_case": {"deep_er": 1}}}, "thoughtSignature": "c2ln"},
        {"functionResponse": {"name": "f", "response": {"snake_case": 1}}},
    ]


def test_unknown_members_are_passed_over() -> None:
    data = (
        b'{"candidates":[{"index":0,"avgLogprobs":-1,"content":{"role":"model","parts":[{"text":"x","new":1}]},'
        b'"groundingMetadata":{"a":1}}],"responseId":"r","usageMetadata":{"promptTokenCount":3,"newCount":4}}'
    )
    chunk = decode_chunk(data)
    content = chunk.candidates[0].content
    assert content is not None
    assert content.parts[0].text == "x"
    assert chunk.usage_metadata is not None
    assert chunk.usage_metadata.prompt_token_count == 3
    with pytest.raises(msgspec.DecodeError):
        decode_chunk(b"<html>")
