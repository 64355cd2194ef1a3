"""A relay in front of this very server: the dialect as it is really spoken, with sound that is really heard."""

import asyncio

import pytest
from tests.engines.relay.talking import MODEL, SETUP

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.conversation import GeminiConversation
from antiphon.engines.relay.gemini import relay
from antiphon.live.events import (
    Audio,
    Content,
    GenerationComplete,
    Interrupted,
    ModelEvent,
    OutputTranscript,
    Relayed,
    RelayedSpeech,
    TurnComplete,
    Used,
    UserWords,
)
from antiphon.live.history import model, user
from antiphon.live.seed import Seed
from antiphon.testing import SPOKEN, Servers

QUESTION = SPOKEN["what_is_two_plus_three"]


async def turn(conversation: GeminiConversation) -> list[ModelEvent]:
    """Everything until a turn is complete, frames taken apart."""
    events: list[ModelEvent] = []
    async with asyncio.timeout(20):
        async for event in conversation:
            events += event.events if isinstance(event, Relayed) else (event,)
            if isinstance(events[-1], TurnComplete):
                return events
    raise AssertionError("the conversation ended")


def said(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, OutputTranscript))


async def test_a_spoken_question_is_answered_through_the_relay(antiphon_servers: Servers) -> None:
    server = antiphon_servers.start(pace_turns=False)
    engine = relay(GeminiRelayConfig(MODEL, server.url))
    conversation = await engine.open(SETUP)
    for chunk in QUESTION.chunks(silence_after=1.5):
        conversation.send(Audio(chunk, QUESTION.rate))
    events = await turn(conversation)

    assert "two plus three" in "".join(event.text for event in events if isinstance(event, UserWords)).lower()
    assert "5" in said(events)
    spoken = sum(event.seconds for event in events if isinstance(event, RelayedSpeech))
    assert spoken > 0.5
    assert [event.generation for event in events if isinstance(event, GenerationComplete)] == [1]
    (used,) = [event.upstream.usage for event in events if isinstance(event, Used)]
    assert used.response.audio == pytest.approx(25 * spoken, abs=1.5)
    await engine.aclose()
    antiphon_servers.stop(server)


async def test_a_history_is_known_and_a_cut_connection_is_not_noticed(antiphon_servers: Servers) -> None:
    server = antiphon_servers.start(pace_turns=False)
    engine = relay(GeminiRelayConfig(MODEL, server.url))
    history = (user("My name is Alice."), model("Hello, Alice."))
    conversation = await engine.open(SETUP, Seed(history, 3))
    conversation.send(Content((user("What is my name?"),), complete=True, realtime=True))
    events = await turn(conversation)
    assert "Alice" in said(events)
    assert isinstance(events[-1], TurnComplete)
    assert events[-1].generation == 3

    await asyncio.sleep(0.1)
    conversation._link._socket._transport.disconnect(False)
    conversation.send(Content((user("What is my name?"),), complete=True, realtime=True))
    events = await turn(conversation)
    assert "Alice" in said(events)
    assert not any(isinstance(event, Interrupted) for event in events)
    assert [gap.resumed for gap in conversation.gaps] == [True]
    await engine.aclose()
    antiphon_servers.stop(server)


async def test_a_key_that_the_server_does_not_know(antiphon_servers: Servers) -> None:
    server = antiphon_servers.start(keys=["right"])
    with pytest.raises(EngineUnavailable, match="see `key`"):
        await relay(GeminiRelayConfig(MODEL, server.url, key="wrong")).open(SETUP)
    engine = relay(GeminiRelayConfig(MODEL, server.url, key="right"))
    await engine.open(SETUP)
    await engine.aclose()
    antiphon_servers.stop(server)
