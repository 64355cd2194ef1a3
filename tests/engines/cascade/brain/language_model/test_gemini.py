"""A model behind streamGenerateContent."""

from typing import Any

import pytest
from tests.upstream import Exchange, upstream

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, ModelFailed, build_model
from antiphon.engines.cascade.brain.language_model.gemini import MAX_REMEMBERED, UNSIGNED
from antiphon.engines.cascade.brain.language_model.messages import Answered, Results, Said
from antiphon.engines.cascade.brain.language_model.model import Called, Reasoned, Request, Text, Told
from antiphon.live.history import FunctionCall, FunctionResult, Picture, Words
from antiphon.live.setup import Thinking, Tool
from antiphon.live.tokens import Tokens, Usage
from antiphon.wire.gemini import client
from antiphon.wire.gemini.generate import Candidate

HELLO = Request((Said((Words("Hi"),)),))


def part(value: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"role": "model", "parts": [value]}, **more}]}


DONE = part({"text": "."}, finishReason="STOP")


def model(url: str, **settings: Any) -> Any:
    return build_model(LanguageModelConfig(kind="gemini", url=f"{url}/v1beta", model="m", key="s3cret", **settings))


async def answered(made: Any, request: Request = HELLO) -> list[Any]:
    return [delta async for delta in made.answer(request)]


async def test_a_conversation_in_its_dialect() -> None:
    schema = {"type": "object", "properties": {"x_y": {"type": "integer"}}}
    request = Request(
        (Said((Words("Look:"), Picture("image/png", b"\x89PNG"))),),
        instruction="Be Ada.",
        tools=(Tool("f", "does", schema),),
        thinking=Thinking("low", include_thoughts=True),
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        seed=7,
        max_output_tokens=50,
        media_resolution="low",
    )
    async with upstream(lambda exchange: exchange.stream(part({"text": "Hm.", "thought": True}), DONE)) as peer:
        made = model(peer.url)
        assert await answered(made, request) == [Reasoned("Hm."), Text(".")]
        assert peer.asked[0].json == {
            "contents": [
                {
                    "role": "user",
                    "parts": [{"text": "Look:"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}}],
                }
            ],
            "systemInstruction": {"parts": [{"text": "Be Ada."}]},
            "tools": [{"functionDeclarations": [{"name": "f", "description": "does", "parametersJsonSchema": schema}]}],
            "generationConfig": {
                "temperature": 0.5,
                "topP": 0.9,
                "topK": 3,
                "seed": 7,
                "maxOutputTokens": 50,
                "mediaResolution": "MEDIA_RESOLUTION_LOW",
                "thinkingConfig": {"thinkingLevel": "LOW", "includeThoughts": True},
            },
        }
        await made.aclose()


@pytest.mark.parametrize(
    ("thinking", "written"),
    [(Thinking(), None), (Thinking(budget=0), {"thinkingBudget": 0}), (Thinking("high", 5), {"thinkingLevel": "HIGH"})],
)
async def test_thinking_by_level_or_by_budget(thinking: Thinking, written: Any) -> None:
    async with upstream(lambda exchange: exchange.stream(DONE)) as peer:
        made = model(peer.url)
        await answered(made, Request(HELLO.messages, thinking=thinking))
        assert peer.asked[0].json["generationConfig"].get("thinkingConfig") == written
        await made.aclose()


async def test_signatures_and_ids_go_back_with_the_results() -> None:
    signed = part({"functionCall": {"id": "7", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"})
    unsigned = part({"functionCall": {"name": "g", "args": {}}}, finishReason="STOP")
    async with upstream(lambda exchange: exchange.stream(signed, unsigned)) as peer:
        made = model(peer.url)
        (called,) = await answered(made)
        assert isinstance(called, Called)
        first, second = called.calls
        assert first == FunctionCall("7", "f", {"a": 1})
        assert second.id.startswith("call-")
        peer.behaviour = lambda exchange: exchange.stream(DONE)
        renamed = FunctionCall("7-12-3", "f", {"a": 1})
        results = (FunctionResult(renamed.id, "f", {"output": 1}), FunctionResult(second.id, "g", {}))
        foreign = (Answered("", (FunctionCall("x", "h", {}),)), Results((FunctionResult("x", "h", {}),)))
        await answered(made, Request((*HELLO.messages, Answered("", (renamed, second)), Results(results), *foreign)))
        contents = peer.asked[1].json["contents"]
        assert contents[1]["parts"] == [
            {"functionCall": {"id": "7-12-3", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
            {"functionCall": {"name": "g", "args": {}}},
        ]
        assert contents[2]["parts"] == [
            {"functionResponse": {"id": "7-12-3", "name": "f", "response": {"output": 1}}},
            {"functionResponse": {"name": "g", "response": {}}},
        ]
        assert contents[3]["parts"][0]["thoughtSignature"] == UNSIGNED
        await made.aclose()


async def test_a_service_that_misses_a_signature_is_asked_again_with_the_value_for_none() -> None:
    missing = {"error": {"code": 400, "message": "Function call is missing a thought_signature in functionCall parts."}}
    history = (*HELLO.messages, Answered("", (FunctionCall("x", "f", {}),)), Results((FunctionResult("x", "f", {}),)))

    async def behave(exchange: Exchange) -> None:
        if UNSIGNED.encode() in exchange.body:
            await exchange.stream(DONE)
        else:
            await exchange.answer(400, missing)

    async with upstream(behave) as peer:
        made = model(peer.url)
        assert await answered(made, Request(history)) == [Text(".")]
        assert await answered(made, Request(history)) == [Text(".")]
        assert len(peer.asked) == 3, "it is remembered that it wants them"
        await made.aclose()


async def test_another_refusal_is_told() -> None:
    async with upstream(lambda exchange: exchange.answer(400, {"error": {"message": "bad contents"}})) as peer:
        made = model(peer.url)
        with pytest.raises(ModelFailed, match="bad contents"):
            await answered(made)
        assert len(peer.asked) == 1
        await made.aclose()


async def test_usage_by_modality() -> None:
    usage = {
        "promptTokenCount": 300,
        "candidatesTokenCount": 20,
        "thoughtsTokenCount": 7,
        "toolUsePromptTokenCount": 4,
        "cachedContentTokenCount": 30,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 42}, {"modality": "IMAGE", "tokenCount": 258}],
    }
    async with upstream(lambda exchange: exchange.stream({**DONE, "usageMetadata": usage})) as peer:
        made = model(peer.url)
        told, _ = await answered(made)
        assert told == Told(
            Usage(
                Tokens(text=42, image=258),
                Tokens(text=20),
                Tokens(text=4),
                thoughts=7,
                cached=Tokens(text=30),
            )
        )
        await made.aclose()


async def test_ends_that_are_none() -> None:
    async with upstream(lambda exchange: exchange.stream(part({"text": "I"}, finishReason="SAFETY"))) as peer:
        made = model(peer.url)
        with pytest.raises(ModelFailed, match="SAFETY") as stopped:
            await answered(made)
        assert stopped.value.passing
        peer.behaviour = lambda exchange: exchange.stream({"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]})
        (called,) = await answered(made)
        assert called.calls == ()
        assert "anew" in called.broken[0][1]
        await made.aclose()


async def test_it_starts_only_with_a_model_that_is_there() -> None:
    async with upstream(lambda exchange: exchange.answer(404, {"error": {"message": "models/m is not found"}})) as peer:
        with pytest.raises(EngineUnavailable, match="models/m is not found"):
            await model(peer.url).start()


async def test_signatures_are_not_kept_forever() -> None:
    made = build_model(LanguageModelConfig(kind="gemini", model="m"))
    for number in range(MAX_REMEMBERED + 5):
        parts = [client.Part(function_call=client.FunctionCall(id=str(number), name="f"))]
        list(made._calls(Candidate(content=client.Content(parts=parts))))  # type: ignore[attr-defined]
    assert len(made._signed) == MAX_REMEMBERED  # type: ignore[attr-defined]
