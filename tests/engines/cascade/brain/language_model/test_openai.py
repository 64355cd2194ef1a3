"""A model behind /chat/completions."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from tests.upstream import Exchange, said, upstream

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, ModelFailed, build_model
from antiphon.engines.cascade.brain.language_model.messages import Answered, Results, Said
from antiphon.engines.cascade.brain.language_model.model import Called, Reasoned, Request, Text, Told
from antiphon.engines.cascade.brain.language_model.openai import effort
from antiphon.live.history import FunctionCall, FunctionResult, Picture, Words
from antiphon.live.setup import Thinking, Tool
from antiphon.live.tokens import Tokens, Usage

HELLO = Request((Said((Words("Hi"),)),))


def model(url: str, **settings: Any) -> Any:
    return build_model(LanguageModelConfig(url=f"{url}/v1", model="m", **settings))


async def answered(made: Any, request: Request = HELLO) -> list[Any]:
    return [delta async for delta in made.answer(request)]


async def test_a_conversation_in_its_dialect() -> None:
    request = Request(
        (
            Said((Words("Look:"), Picture("image/png", b"\x89PNG"))),
            Answered("", (FunctionCall("a", "f", {"x": 1}), FunctionCall("b", "g", {}))),
            Results((FunctionResult("a", "f", {"output": "é"}), FunctionResult("b", "g", {}))),
            Said((Words("And?"),)),
        ),
        instruction="Be Ada.",
        tools=(Tool("f", "does", {"type": "object", "properties": {"x": {"type": "integer"}}}), Tool("g")),
        thinking=Thinking("minimal"),
        temperature=0.5,
        top_k=3,
        max_output_tokens=50,
        media_resolution="low",
    )
    async with upstream(lambda exchange: exchange.stream(*said("Yes."))) as peer:
        made = model(peer.url, thinking=True)
        assert await answered(made, request) == [Text("Yes.")]
        body = peer.asked[0].json
        assert body["messages"] == [
            {"role": "system", "content": "Be Ada."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look:"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw==", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": '{"output":"é"}'},
            {"role": "tool", "tool_call_id": "b", "content": "{}"},
            {"role": "user", "content": "And?"},
        ]
        assert [tool["function"]["name"] for tool in body["tools"]] == ["f", "g"]
        assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
        assert (body["temperature"], body["top_k"], body["max_tokens"]) == (0.5, 3, 50)
        assert body["stream_options"] == {"include_usage": True}
        assert body["reasoning_effort"] == "low"
        assert not {"seed", "top_p", "max_completion_tokens"} & set(body)
        await made.aclose()


async def test_a_model_that_calls_no_functions_is_told_of_none(caplog: pytest.LogCaptureFixture) -> None:
    async with upstream(lambda exchange: exchange.stream(*said("x"))) as peer:
        made = model(peer.url, tools=False)
        await answered(made, Request(HELLO.messages, tools=(Tool("f"),)))
        assert "tools" not in peer.asked[0].json
        assert "calls no functions (tools)" in caplog.text
        await made.aclose()


async def test_openai_itself_gets_only_what_it_knows() -> None:
    made = build_model(LanguageModelConfig(url="https://api.openai.com/v1", model="m"))
    body = made._chat_request(Request(HELLO.messages, top_k=3, max_output_tokens=50))  # type: ignore[attr-defined]
    assert (body.top_k, body.max_tokens, body.max_completion_tokens, body.reasoning_effort) == (None, None, 50, "")
    assert made.provider == "openai"


async def test_thoughts_calls_and_usage() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 20},
    }
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}}
    bad = {"index": 1, "id": "b", "function": {"name": "f", "arguments": '{"x": '}}
    events = [
        {"choices": [{"delta": {"role": "assistant", "reasoning_content": "Hm."}}]},
        {"choices": [{"delta": {"reasoning": "Well."}}]},
        {"choices": [{"delta": {"tool_calls": [call, bad]}}]},
        {"choices": [{"delta": {}, "finish_reason": "tool_calls"}], "usage": None},
        {"choices": [], "usage": usage},
        "[DONE]",
    ]
    async with upstream(lambda exchange: exchange.stream(*events)) as peer:
        made = model(peer.url)
        *thoughts, told, called = await answered(made)
        assert thoughts == [Reasoned("Hm."), Reasoned("Well.")]
        assert told == Told(Usage(Tokens(text=100), Tokens(text=10), thoughts=20, cached=Tokens(text=64)))
        assert isinstance(called, Called)
        assert called.calls == (FunctionCall("a", "f", {"x": 1}),)
        ((broken, reason),) = called.broken
        assert (broken.id, broken.args) == ("b", {})
        assert "no JSON" in reason
        await made.aclose()


@pytest.mark.parametrize(
    ("status", "passing", "elsewhere"),
    [
        (503, True, True),
        (429, True, True),
        (401, False, True),
        (402, False, True),
        (404, False, True),
        (413, False, True),
        (400, False, False),
    ],
)
async def test_failures_say_whether_they_pass(status: int, passing: bool, elsewhere: bool) -> None:
    async with upstream(lambda exchange: exchange.answer(status, {"error": "no"})) as peer:
        made = model(peer.url, attempts=1)
        with pytest.raises(ModelFailed) as failed:
            await answered(made)
        assert (failed.value.passing, failed.value.elsewhere) == (passing, elsewhere)
        assert peer.url in str(failed.value)
        assert "127.0.0.1" not in failed.value.reason
        assert len(failed.value.reason.encode()) <= 123
        await made.aclose()


async def test_a_filter_that_stops_the_answer() -> None:
    async with upstream(lambda exchange: exchange.stream(*said("I ", finish="content_filter"))) as peer:
        made = model(peer.url)
        with pytest.raises(ModelFailed, match="filter"):
            await answered(made)
        await made.aclose()


async def test_closed_early_the_upstream_sees_the_end_of_the_connection() -> None:
    hung_up = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(said("One. ")[0])
        await exchange.gone.wait()
        hung_up.set()

    async with upstream(behave) as peer:
        made = model(peer.url)
        async with aclosing(made.answer(HELLO)) as deltas:
            assert await anext(deltas) == Text("One. ")
        await asyncio.wait_for(hung_up.wait(), 1)
        await made.aclose()


class TestStarting:
    def behave(self, *names: str) -> Any:
        async def behave(exchange: Exchange) -> None:
            if exchange.method == "GET":
                await exchange.answer(200, {"data": [{"id": name} for name in names]})
            else:
                await exchange.stream(*said("x"))

        return behave

    @pytest.mark.parametrize("name", ["m", "m:latest"])
    async def test_a_local_model_is_loaded_by_asking_for_one_token(self, name: str) -> None:
        async with upstream(self.behave("other", name)) as peer:
            made = model(peer.url)
            await made.start()
            assert peer.asked[-1].json["max_tokens"] == 1
            await made.aclose()

    async def test_a_hosted_one_is_not_asked_for_money(self) -> None:
        async with upstream(self.behave("m")) as peer:
            made = model(peer.url, provider="openai")
            await made.start()
            assert [asked.method for asked in peer.asked] == ["GET"]
            await made.aclose()

    async def test_a_model_that_is_not_there_is_named_with_those_that_are(self) -> None:
        async with upstream(self.behave("other", "another")) as peer:
            with pytest.raises(EngineUnavailable, match=r"has no 'm'; it has other, another"):
                await model(peer.url).start()

    async def test_a_wrong_key(self) -> None:
        async with upstream(lambda exchange: exchange.answer(401, {"error": "bad key s3cret"})) as peer:
            with pytest.raises(EngineUnavailable, match="set its key") as refused:
                await model(peer.url, key="s3cret").start()
            assert "s3cret" not in str(refused.value)

    async def test_nobody_there(self) -> None:
        async with upstream(self.behave()) as peer:
            url = peer.url
        with pytest.raises(EngineUnavailable, match="is it running there"):
            await model(url, attempts=1).start()

    async def test_a_service_without_a_list_is_taken_at_its_word(self) -> None:
        async with upstream(lambda exchange: exchange.answer(404, {})) as peer:
            made = model(peer.url, provider="x")
            await made.start()
            await made.aclose()


@pytest.mark.parametrize(
    ("thinking", "name"),
    [
        (Thinking(), ""),
        (Thinking("high"), "high"),
        (Thinking("minimal"), "low"),
        (Thinking(budget=0), "none"),
        (Thinking(budget=1_000), "low"),
        (Thinking(budget=4_000), "medium"),
        (Thinking(budget=30_000), "high"),
    ],
)
def test_efforts(thinking: Thinking, name: str) -> None:
    assert effort(thinking) == name
