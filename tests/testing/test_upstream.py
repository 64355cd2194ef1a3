"""The scripted upstream, seen by a plain client: what others build their tests on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from antiphon.providers.live import LiveConnection, LiveError, open_session
from antiphon.testing.upstream import Answer, Bill, Call, Close, Cut, End, GoAway, Say, ScriptedUpstream
from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerMessage

SETUP = client.Setup(
    model="models/m",
    session_resumption=client.SessionResumptionConfig(),
    input_audio_transcription=client.AudioTranscriptionConfig(),
)


@asynccontextmanager
async def session(upstream: ScriptedUpstream, handle: str = "", key: str = "") -> AsyncIterator[LiveConnection]:
    setup = client.Setup(model="m", session_resumption=client.SessionResumptionConfig(handle=handle))
    async with open_session(upstream.url, setup if handle else SETUP, key) as opened:
        yield opened


async def turn(opened: LiveConnection, text: str = "go on") -> list[ServerMessage]:
    """Everything until the turn is complete and a handle came."""
    await opened.send(client.RealtimeInput(text=text))
    messages = []
    async for message in opened.messages():
        messages.append(message)
        if message.session_resumption_update is not None and len(messages) > 1:
            break
    return messages


async def test_an_answer_and_what_was_used_for_it() -> None:
    async with ScriptedUpstream([Answer(Say(0.4, "Hi."), End())]) as upstream, session(upstream) as opened:
        await opened.receive()
        messages = await turn(opened, "hello")
        contents = [message.server_content for message in messages if message.server_content]
        assert [content.generation_complete for content in contents] == [False, False, False, True, False]
        assert contents[-1].turn_complete
        usage = next(message.usage_metadata for message in messages if message.usage_metadata)
        assert usage.response_token_count == 10
        assert [each["responseTokenCount"] for each in upstream.told] == [10]
        assert len(upstream.spoken) == round(0.4 * 48_000)
        assert upstream.context == ["user: hello", "model: Hi."]
        assert upstream.messages("realtimeInput") == [{"text": "hello"}]


async def test_a_resumed_session_knows_what_its_handle_stood_for() -> None:
    answers = [Answer(Say(0.2, "One."), End()), Answer(Say(0.2, "Two."), End()), Answer(Say(0.2, "Three."), End())]
    async with ScriptedUpstream(answers) as upstream:
        async with session(upstream) as opened:
            await opened.receive()
            update = (await turn(opened, "a"))[-1].session_resumption_update
            await turn(opened, "b")
        assert update is not None
        async with session(upstream, update.new_handle) as opened:
            await opened.receive()
            await turn(opened, "c")
        assert upstream.context == ["user: a", "model: One.", "user: c", "model: Three."]


@pytest.mark.parametrize(
    ("settings", "handle", "key", "error"),
    [
        ({"key": "k"}, "", "other", "1007: API key not valid"),
        ({}, "unknown", "", "1008: BidiGenerateContent session not found"),
        ({"refuses_resumption": Close(1007, "Invalid session handle")}, "h", "", "1007: Invalid session handle"),
    ],
)
async def test_refusals(settings: dict, handle: str, key: str, error: str) -> None:
    async with ScriptedUpstream(**settings) as upstream:
        with pytest.raises(LiveError, match=error):
            async with session(upstream, handle, key) as opened:
                await opened.receive()


async def test_a_second_connection_to_a_session_that_is_open_elsewhere() -> None:
    async with ScriptedUpstream(exclusive=True) as upstream, session(upstream) as opened:
        update = (await opened.receive()).session_resumption_update
        assert update is not None
        with pytest.raises(LiveError, match="1011"):
            async with session(upstream, update.new_handle) as second:
                await second.receive()


@pytest.mark.parametrize(
    ("steps", "error"),
    [((Cut(),), "lost"), ((Close(1011, "Internal error encountered."),), "1011"), ((GoAway(0.01),), "1011: Deadline")],
)
async def test_ends(steps: tuple, error: str) -> None:
    async def listen() -> None:
        async with session(upstream) as opened:
            await opened.send(client.RealtimeInput(text="go"))
            async for _ in opened.messages():
                pass

    async with ScriptedUpstream([Answer(Bill(), *steps)]) as upstream:
        with pytest.raises(LiveError, match=error):
            await listen()
    # What a generation that never ended had used is charged all the same.
    assert len(upstream.told) == 1


async def test_functions_wait_for_their_results() -> None:
    async with ScriptedUpstream([Answer(Call(("f", "g")), Say(0.2, "Done."), End())]) as upstream:
        async with session(upstream) as opened:
            await opened.receive()
            await opened.send(client.RealtimeInput(text="go"))
            call = (await opened.receive()).tool_call
            assert call is not None
            for function in call.function_calls:
                answer = client.FunctionResponse(id=function.id, name=function.name, response={"ok": True})
                await opened.send(client.ToolResponse(function_responses=[answer]))
            async for message in opened.messages():
                if message.server_content and message.server_content.turn_complete:
                    break
        assert upstream.context[1:] == ['result of f: {"ok": true}', 'result of g: {"ok": true}', "model: Done."]
        assert len(upstream.told) == 2
