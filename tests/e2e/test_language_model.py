"""A spoken conversation over a real socket, answered by a language model behind a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from tests.upstream import Behaviour, Exchange, Upstream, said, upstream

from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, language_model
from antiphon.live.effects import Charge, Spend
from antiphon.live.session import Session
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.providers.live import LiveConnection, open_session
from antiphon.testing import SPOKEN, Servers
from antiphon.wire.gemini import client

WEATHER = client.FunctionDeclaration(
    name="weather", description="Tells the weather", parameters={"type": "OBJECT", "properties": {}}
)
SETUP = client.Setup(
    model="gemini-3.8-live",
    system_instruction=client.Content(parts=[client.Part(text="Be Ada.")]),
    tools=[client.Tool(function_declarations=[WEATHER])],
    input_audio_transcription=client.AudioTranscriptionConfig(),
    output_audio_transcription=client.AudioTranscriptionConfig(),
)


class Call:
    """One session, the upstream behind it, and what was spent there."""

    def __init__(self, session: LiveConnection, peer: Upstream, spent: list[UpstreamUsage]) -> None:
        self.session, self.upstream, self.spent = session, peer, spent

    async def speak(self, name: str) -> None:
        for chunk in SPOKEN[name].chunks(silence_after=1.2):
            audio = client.Blob(data=chunk, mime_type="audio/pcm;rate=16000")
            await self.session.send(client.RealtimeInput(audio=audio))

    async def until(self, seen: Callable[[Any], Any]) -> tuple[Any, str]:
        """The first message of which ``seen`` is true, and what was said until then."""
        words = ""
        async with asyncio.timeout(20):
            async for message in self.session.messages():
                content = message.server_content
                if content is not None and content.output_transcription is not None:
                    words += content.output_transcription.text
                if seen(message):
                    return message, words
        raise AssertionError("the session ended")


def turn_complete(message: Any) -> bool:
    return message.server_content is not None and message.server_content.turn_complete


@pytest.fixture
def call(
    antiphon_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Behaviour], AbstractAsyncContextManager[Call]]:
    """Opens a session that is answered by a model that behaves so."""
    spent: list[UpstreamUsage] = []
    receive = Session.receive

    def watched(session: Session, *arguments: Any) -> Any:
        effects = receive(session, *arguments)
        for effect in effects:
            spent.extend(effect.upstream if isinstance(effect, Charge) else ())
            spent.extend([effect.upstream] if isinstance(effect, Spend) else ())
        return effects

    @asynccontextmanager
    async def open_call(behaviour: Behaviour) -> AsyncIterator[Call]:
        async def behave(exchange: Exchange) -> None:
            if exchange.method == "GET":
                await exchange.answer(200, {"data": [{"id": "m"}]})
            else:
                await behaviour(exchange)

        async with upstream(behave) as peer:
            config = LanguageModelConfig(url=f"{peer.url}/v1", model="m", key="s3cret", provider="openai")
            monkeypatch.setattr(antiphon_servers, "_brain", lambda _: language_model(config))
            running = await asyncio.to_thread(antiphon_servers.start, pace_turns=False)
            try:
                async with open_session(running.url, SETUP) as session:
                    yield Call(session, peer, spent)
            finally:
                await asyncio.to_thread(antiphon_servers.stop, running)

    monkeypatch.setattr(Session, "receive", watched)
    return open_call


def asked(call: Call) -> list[Any]:
    """The messages of each request for an answer."""
    return [exchange.json["messages"] for exchange in call.upstream.asked if exchange.method == "POST"]


USAGE = {"prompt_tokens": 120, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 64}}


async def test_a_spoken_question_a_function_and_a_spoken_answer(call: Any) -> None:
    async def behave(exchange: Exchange) -> None:
        if exchange.json["messages"][-1]["role"] == "user":
            fragment = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": "{}"}}
            await exchange.stream(
                {"choices": [{"delta": {"content": "Let me see. "}}]},
                {"choices": [{"delta": {"tool_calls": [fragment]}}]},
                *said(finish="tool_calls", usage=USAGE),
            )
        else:
            await exchange.stream(*said("It is **sun", "ny**, see https://w.example/x.", " Enjoy!", usage=USAGE))

    async with call(behave) as one:
        await one.speak("what_is_two_plus_three")
        message, words = await one.until(lambda message: message.tool_call)
        (function,) = message.tool_call.function_calls
        assert (function.name, function.id, words.strip()) == ("weather", "call_1", "Let me see.")
        answer = client.FunctionResponse(id="call_1", name="weather", response={"output": "sunny"})
        await one.session.send(client.ToolResponse(function_responses=[answer]))
        message, words = await one.until(turn_complete)
        assert words.strip() == "It is sunny, see w.example. Enjoy!"
        first, second = asked(one)
        assert [turn["role"] for turn in first] == ["system", "user"]
        assert "Be Ada." in first[0]["content"]
        assert "spoken aloud" in first[0]["content"]
        assert first[1]["content"].lower().startswith("what is two plus three")
        assert second[2]["tool_calls"][0]["id"] == second[3]["tool_call_id"] == "call_1"
        assert second[3]["content"] == '{"output":"sunny"}'
        assert second[2]["content"].strip() == "Let me see."
    usage = Usage(Tokens(text=120), Tokens(text=9), cached=Tokens(text=64))
    assert one.spent == [UpstreamUsage("openai", "m", usage)] * 2


async def test_barge_in_hangs_up_and_counts_until_then(call: Any) -> None:
    hung_up = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        if len(exchange.json["messages"]) > 2:
            await exchange.stream(*said("Very well.", usage=USAGE))
            return
        await exchange.begin()
        for chunk in said("One, two, three. ", "Four")[:2]:
            await exchange.event(chunk)
        await exchange.gone.wait()
        hung_up.set()

    async with call(behave) as one:
        await one.session.send(client.RealtimeInput(text="Count forever."))
        await one.until(lambda message: message.server_content and message.server_content.output_transcription)
        await one.speak("wait_a_moment")
        await one.until(lambda message: message.server_content and message.server_content.interrupted)
        await asyncio.wait_for(hung_up.wait(), 10)
        while (await one.until(turn_complete))[1].strip() != "Very well.":
            pass
        _, second = asked(one)
        assert "one" in second[2]["content"].lower()
        assert "four" not in second[2]["content"].lower(), "it was never said"
    first, last = one.spent
    assert (first.estimated, last.estimated) == (True, False)
    assert first.usage.response == Tokens(text=6), "21 characters"
    assert first.usage.prompt.text > 100


async def test_a_model_that_is_busy_does_not_end_the_session(call: Any) -> None:
    statuses = iter([429, 200])

    async def behave(exchange: Exchange) -> None:
        if (status := next(statuses)) == 200:
            await exchange.stream(*said("Hello."))
        else:
            await exchange.answer(status, {"error": {"message": "slow down"}}, retry_after="60")

    async with call(behave) as one:
        answers = []
        for _ in range(2):
            await one.session.send(client.RealtimeInput(text="Hi"))
            answers.append((await one.until(turn_complete))[1].strip())
        assert answers[0].startswith("I am sorry")
        assert answers[1] == "Hello."
