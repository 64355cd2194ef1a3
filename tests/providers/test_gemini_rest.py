"""The dialect of streamGenerateContent."""

from typing import Any

import pytest
from tests.upstream import upstream

from antiphon.providers import errors
from antiphon.providers.gemini_rest import GeminiRest
from antiphon.wire.gemini.client import Content, Part
from antiphon.wire.gemini.generate import GenerateRequest

ASK = GenerateRequest(contents=[Content(role="user", parts=[Part(text="Hi")])])


def part(value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [value]}, **more}]}


async def test_an_answer_with_thoughts_a_signed_call_and_usage() -> None:
    call = {"functionCall": {"id": "7", "name": "f", "args": {"x_y": 1}}, "thoughtSignature": "c2ln"}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 2, "thoughtsTokenCount": 9, "serviceTier": "x"}
    events = [
        part({"text": "Hm.", "thought": True}),
        part({"text": "Well. "}),
        part(call, finishReason="STOP", safetyRatings=[]) | {"usageMetadata": usage, "modelVersion": "m-1"},
    ]
    async with upstream(lambda exchange: exchange.stream(*events)) as peer:
        client = GeminiRest(f"{peer.url}/v1beta", "s3cret")
        chunks = [chunk async for chunk in client.stream("models/m", ASK)]
        parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]  # type: ignore[union-attr]
        assert [(part.text, part.thought) for part in parts] == [("Hm.", True), ("Well. ", False), ("", False)]
        assert parts[2].function_call is not None
        assert (parts[2].function_call.id, parts[2].function_call.args) == ("7", {"x_y": 1})
        assert parts[2].thought_signature == "c2ln"
        assert chunks[2].usage_metadata is not None
        assert chunks[2].usage_metadata.thoughts_token_count == 9
        (asked,) = peer.asked
        assert asked.path == "/v1beta/models/m:streamGenerateContent?alt=sse"
        assert asked.headers["x-goog-api-key"] == "s3cret"
        assert asked.json == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
        await client.aclose()


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, errors.Blocked),
        ({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}, errors.Overloaded),
        ({"candidates": "?"}, errors.Broken),
        (part({"text": "x"}), errors.Broken),
    ],
)
async def test_what_goes_wrong(event: Any, kind: type[Exception]) -> None:
    async with upstream(lambda exchange: exchange.stream(event)) as peer:
        client = GeminiRest(peer.url)
        with pytest.raises(kind):
            _ = [chunk async for chunk in client.stream("m", ASK)]
        await client.aclose()


async def test_a_model_is_checked() -> None:
    async with upstream(lambda exchange: exchange.answer(404, {"error": {"message": "models/x is not found"}})) as peer:
        client = GeminiRest(f"{peer.url}/v1beta")
        with pytest.raises(errors.NotFound, match="models/x is not found"):
            await client.check("x")
        assert peer.asked[0].path == "/v1beta/models/x"
        await client.aclose()
