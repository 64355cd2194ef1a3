"""The dialect of /chat/completions, as servers really speak it."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.upstream import Exchange, said, upstream

from antiphon.providers import errors
from antiphon.providers.openai_chat import Calls, OpenAiChat, WrittenCall
from antiphon.wire.openai import chat

ASK = chat.ChatRequest(model="m", messages=[chat.Message(role="user", content="Hi")], stream=True)


def fragments(*values: Any) -> list[chat.ToolCallDelta]:
    read = json.dumps({"choices": [{"delta": {"tool_calls": list(values)}}]}).encode()
    (choice,) = chat.decode_chunk(read).choices or ()
    assert choice.delta is not None
    return choice.delta.tool_calls or []


async def chunks(client: OpenAiChat) -> list[chat.Chunk]:
    return [chunk async for chunk in client.stream(ASK)]


async def test_a_whole_answer_cut_between_any_two_bytes() -> None:
    data = b"".join(
        f"data: {event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)}\n\n".encode()
        for event in said("Grüß ", "dich", usage={"prompt_tokens": 3, "completion_tokens": 2})
    )

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        for byte in data:
            await exchange.send(bytes([byte]))
        await exchange.end()

    async with upstream(behave) as peer:
        client = OpenAiChat(f"{peer.url}/v1/", "s3cret", extra={"chat_template_kwargs": {"enable_thinking": False}})
        read = await chunks(client)
        texts = [choice.delta.content for chunk in read for choice in chunk.choices or () if choice.delta]
        assert texts == ["Grüß ", "dich", None]
        assert read[-1].usage == chat.Usage(prompt_tokens=3, completion_tokens=2)
        (asked,) = peer.asked
        assert asked.path == "/v1/chat/completions"
        assert asked.headers["authorization"] == "Bearer s3cret"
        assert asked.json == {
            "model": "m",
            "messages": [{"role": "user", "content": "Hi"}],
            "stream": True,
            "chat_template_kwargs": {"enable_thinking": False},
        }
        await client.aclose()


async def test_its_connection_is_used_for_the_next_answer() -> None:
    async with upstream(lambda exchange: exchange.stream(*said("x"))) as peer:
        client = OpenAiChat(peer.url)
        for _ in range(3):
            await chunks(client)
        assert peer.connections == 1
        await client.aclose()


async def test_a_server_that_never_hangs_up_is_not_waited_for() -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        for event in said("x"):
            await exchange.event(event)
        await exchange.gone.wait()

    async with upstream(behave) as peer:
        client = OpenAiChat(peer.url)
        async with asyncio.timeout(1):
            assert len(await chunks(client)) == 2
        await client.aclose()


@pytest.mark.parametrize("ending", [["[DONE]"], []])
async def test_the_sentinel_may_be_missing_but_not_the_reason_to_stop(ending: list[str]) -> None:
    whole = said("x")[:-1] + ending
    async with upstream(lambda exchange: exchange.stream(*whole)) as peer:
        client = OpenAiChat(peer.url)
        assert len(await chunks(client)) == 2
        await client.aclose()


async def test_a_stream_that_ends_in_the_middle_is_told_so() -> None:
    async with upstream(lambda exchange: exchange.stream(said("x")[0])) as peer:
        client = OpenAiChat(peer.url)
        with pytest.raises(errors.Broken, match="ended its answer in the middle"):
            await chunks(client)
        await client.aclose()


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"error": {"message": "overloaded", "type": "server_error"}}, errors.Overloaded),
        ({"choices": "?"}, errors.Broken),
        ("<html>", errors.Broken),
    ],
)
async def test_what_goes_wrong_in_the_middle(event: Any, kind: type[Exception]) -> None:
    async with upstream(lambda exchange: exchange.stream(said("x")[0], event)) as peer:
        client = OpenAiChat(peer.url)
        with pytest.raises(kind):
            await chunks(client)
        await client.aclose()


async def test_models_are_listed() -> None:
    listed = {"object": "list", "data": [{"id": "a", "owned_by": "vllm", "permission": []}, {"id": "b"}]}
    async with upstream(lambda exchange: exchange.answer(200, listed)) as peer:
        client = OpenAiChat(f"{peer.url}/v1/chat/completions")
        assert [(model.id, model.owned_by) for model in await client.models()] == [("a", "vllm"), ("b", None)]
        assert peer.asked[0].path == "/v1/models"
        peer.behaviour = lambda exchange: exchange.answer(200, b"<html>")
        with pytest.raises(errors.Broken, match="no list of models"):
            await client.models()
        await client.aclose()


@given(st.lists(st.integers(1, 7)))
def test_calls_are_put_together_from_any_fragments(cuts: list[int]) -> None:
    arguments, pieces = '{"city": "Wien", "n": 3}', []
    rest = arguments
    for cut in cuts:
        pieces.append(rest[:cut])
        rest = rest[cut:]
    calls = Calls()
    calls.feed(fragments({"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}))
    calls.feed(fragments({"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}))
    for piece in [*pieces, rest]:
        calls.feed(fragments({"index": 0, "function": {"arguments": piece}}))
    assert calls.written() == (WrittenCall("a", "f", arguments), WrittenCall("b", "g", "{}"))


@pytest.mark.parametrize(
    ("values", "written"),
    [
        pytest.param(
            [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}],
            [("a", "f", '{"x":1}')],
            id="arguments as an object",
        ),
        pytest.param(
            [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
                {"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}},
            ],
            [("a", "f", "{}"), ("b", "g", "{}")],
            id="all numbered 0",
        ),
        pytest.param(
            [{"id": "a", "function": {"name": "f", "arguments": "{"}}, {"function": {"arguments": "}"}}],
            [("a", "f", "{}")],
            id="no number",
        ),
        pytest.param(
            [{"function": {"name": "f", "arguments": "{}"}}, {"function": {"name": "g", "arguments": "{}"}}],
            [("", "f", "{}"), ("", "g", "{}")],
            id="neither number nor id",
        ),
        pytest.param(
            [
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}},
                {"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}},
            ],
            [("a", "f", "{}")],
            id="id and name repeated",
        ),
        pytest.param([{"index": 0, "id": "a", "function": None}], [], id="nothing called"),
    ],
)
def test_the_ways_of_servers_to_number_calls(values: list[Any], written: list[tuple[str, str, str]]) -> None:
    calls = Calls()
    for value in values:
        calls.feed(fragments(value))
    assert calls.written() == tuple(WrittenCall(*call) for call in written)
