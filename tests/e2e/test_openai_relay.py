"""Clients of the Live API talk to a server whose model is an OpenAI Realtime upstream: all is real but the model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from google import genai
from google.genai import types

from antiphon.engines.relay.openai_billing import usage
from antiphon.meter.prices import cost, price_of
from antiphon.providers.live import LiveConnection, open_session
from antiphon.server.config import load_config
from antiphon.server.running import Server
from antiphon.store.database import Database
from antiphon.store.ledger import Ledger, Row
from antiphon.testing.realtime_upstream import Answer, Call, Close, Pause, Report, Say, ScriptedRealtime
from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerMessage
from antiphon.wire.openai.realtime import ResponseUsage

MODEL = "gemini-3.8-live"
LOUD = np.full(320, 4_000, "<i2").tobytes()
"""20 ms of what the upstream takes for speech, at 16 kHz."""
SILENT = bytes(640)
WORDS = client.AudioTranscriptionConfig()
SETUP = client.Setup(
    model=MODEL,
    input_audio_transcription=WORDS,
    output_audio_transcription=WORDS,
    realtime_input_config=client.RealtimeInputConfig(
        automatic_activity_detection=client.AutomaticActivityDetection(silence_duration_ms=200)
    ),
    tools=[client.Tool(function_declarations=[client.FunctionDeclaration(name="weather", description="Tells it")])],
)


class _Mute:
    """Nothing is announced in these tests."""

    async def say(self, generation: int, text: str, setup: object) -> AsyncIterator[Any]:
        return
        yield


@asynccontextmanager
async def serving(upstream: ScriptedRealtime, data: Path, **settings: Any) -> AsyncIterator[Server]:
    engine = {"kind": "openai-realtime", "model": "gpt-realtime", "url": upstream.url, "provider": "openai"}
    config = load_config(
        None,
        {
            "port": 0,
            "tls_port": 0,
            "data_dir": data,
            "drain": 0.0,
            "discovery": False,
            "watermark": False,
            "engines": {"gpt": {**engine, **settings}},
            "routes": {"*": {"targets": [{"engine": "gpt"}], "retries": 2}},
        },
    )
    server = Server(config, announcer=_Mute())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Talk:
    """What a client saw."""

    def __init__(self, session: LiveConnection) -> None:
        self.session = session
        self.messages: list[ServerMessage] = []

    async def speak(self, loud: float, quiet: float = 0.3) -> None:
        for chunk in [LOUD] * round(loud / 0.02) + [SILENT] * round(quiet / 0.02):
            blob = client.Blob(data=chunk, mime_type="audio/pcm;rate=16000")
            await self.session.send(client.RealtimeInput(audio=blob))

    async def until(self, condition: Callable[[ServerMessage], Any]) -> ServerMessage:
        async with asyncio.timeout(10):
            while True:
                message = await self.session.receive()
                self.messages.append(message)
                if condition(message):
                    return message

    async def turn(self) -> None:
        await self.until(lambda message: message.server_content and message.server_content.turn_complete)

    @property
    def seconds(self) -> float:
        parts = [
            part
            for message in self.messages
            if message.server_content and message.server_content.model_turn
            for part in message.server_content.model_turn.parts
        ]
        return sum(len(part.inline_data.data) for part in parts if part.inline_data) / 48_000

    def contents(self, member: str) -> list[Any]:
        found = [getattr(message.server_content, member) for message in self.messages if message.server_content]
        return [value for value in found if value]

    @property
    def said(self) -> str:
        return "".join(each.text for each in self.contents("output_transcription"))

    @property
    def heard(self) -> str:
        return "".join(each.text for each in self.contents("input_transcription"))


async def rows(data: Path) -> list[Row]:
    database = Database(data / "antiphon.sqlite")
    await database.open()
    try:
        return await Ledger(database).read(list)
    finally:
        await database.aclose()


def invoiced(upstream: ScriptedRealtime) -> Decimal:
    """What the upstream would bill for its answers."""
    price = price_of("openai", "gpt-realtime")
    told = [msgspec.convert(each, ResponseUsage) for each in upstream.billed]
    bills = [cost(price, usage(each, speaks=True)).amount for each in told]
    assert all(bill is not None for bill in bills)
    return sum((bill for bill in bills if bill is not None), Decimal(0))


async def test_a_spoken_call_with_an_interruption_and_a_function(tmp_path: Path) -> None:
    long = Answer(Say(3.0, "Let me tell you a very long story."), Pause(5))
    answers = [Answer(Say(0.2, "Good morning.")), long, Answer(Call("weather")), Answer(Say(0.2, "It is cold."))]
    async with ScriptedRealtime(answers, hears=("good morning", "a story", "the weather")) as upstream:
        async with serving(upstream, tmp_path) as server, open_session(server.url, SETUP) as session:
            talk = Talk(session)
            await talk.speak(0.3)
            await talk.turn()
            assert talk.said == "Good morning."
            assert talk.heard == "good morning"
            await talk.speak(0.3)
            await talk.until(lambda message: talk.seconds >= 3.2)
            # Some of it is heard; then the user speaks.
            await asyncio.sleep(0.4)
            await talk.speak(0.3)
            await talk.until(lambda message: message.server_content and message.server_content.interrupted)
            (cut,) = upstream.events("conversation.item.truncate")
            assert 350 <= cut["audio_end_ms"] <= 900
            called = await talk.until(lambda message: message.tool_call)
            assert called.tool_call is not None
            (call,) = called.tool_call.function_calls
            response = client.FunctionResponse(id=call.id, name=call.name, response={"output": "4 degrees"})
            await session.send(client.ToolResponse(function_responses=[response]))
            await talk.turn()
            assert talk.said.endswith("It is cold.")
            assert len(talk.contents("interrupted")) == 1
            # The answer that was interrupted, and three others, of which one called a function.
            assert len(talk.contents("turn_complete")) == 3
            assert len(talk.contents("generation_complete")) == 2
            assert not upstream.refused
            assert len(upstream.billed) == 4
        ledger = [row.entry for row in await rows(tmp_path)]
    paid = [entry for entry in ledger if entry.kind != "window" and entry.billed == "gpt-realtime"]
    assert len(paid) == 4
    assert {entry.provider for entry in paid} == {"openai"}
    total = sum(entry.amount for entry in paid)
    assert Decimal(total).scaleb(-12) == invoiced(upstream)
    scribes = [entry for entry in ledger if entry.billed == "gpt-4o-mini-transcribe" and entry.kind != "window"]
    assert sum(entry.usage.total for entry in scribes) == sum(each["total_tokens"] for each in upstream.transcribed)


async def test_a_session_that_reached_its_longest_duration_goes_on_in_another(tmp_path: Path) -> None:
    expired = Report("session_expired", "invalid_request_error", "Your session hit the maximum duration of 60 minutes.")
    answers = [Answer(Say(0.2, "Hello Ada.")), Answer(expired), Answer(Say(0.2, "You are Ada."))]
    async with (
        ScriptedRealtime(answers, hears=("I am Ada", "who am I")) as upstream,
        serving(upstream, tmp_path) as server,
        open_session(server.url, SETUP) as session,
    ):
        talk = Talk(session)
        await talk.speak(0.3)
        await talk.turn()
        await session.send(client.RealtimeInput(text="Who am I?"))
        await talk.turn()
        assert talk.said == "Hello Ada.You are Ada."
        assert not talk.contents("interrupted")
        assert len(upstream.connections) == 2
        # The second one was told what was said in the first.
        told = [part["text"] for item in upstream.items for part in item.get("content", ()) if "text" in part]
        assert told == ["I am Ada", "Hello Ada.", "Who am I?"]


async def test_an_answer_that_is_lost_in_the_middle_is_given_again(tmp_path: Path) -> None:
    answers = [Answer(Say(0.4, "Once upon"), Close(1011, "oops")), Answer(Say(0.2, "Once upon a time."))]
    async with (
        ScriptedRealtime(answers) as upstream,
        serving(upstream, tmp_path) as server,
        open_session(server.url, SETUP) as session,
    ):
        talk = Talk(session)
        await session.send(client.RealtimeInput(text="A story, please."))
        await talk.until(lambda message: "a time." in talk.said)
        await talk.turn()
        assert len(talk.contents("interrupted")) == 1
        assert len(upstream.events("response.create")) == 2


async def test_the_official_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedRealtime([Answer(Say(0.4, "Good morning."))]) as upstream, serving(upstream, tmp_path) as server:
        assert server.tls is not None
        monkeypatch.setenv("SSL_CERT_FILE", str(server.tls.bundle))
        options = types.HttpOptions(base_url=server.tls_url)
        live = genai.Client(api_key="none", http_options=options).aio.live
        config = types.LiveConnectConfig(
            response_modalities=[types.Modality.AUDIO], output_audio_transcription=types.AudioTranscriptionConfig()
        )
        said, sound = "", b""
        async with live.connect(model=MODEL, config=config) as session:
            await session.send_realtime_input(text="Hello?")
            async for message in session.receive():
                sound += message.data or b""
                content = message.server_content
                if content and content.output_transcription:
                    said += content.output_transcription.text or ""
        assert said == "Good morning."
        assert sound == bytes(upstream.spoken)


async def test_a_session_that_is_lost_while_its_answer_is_heard(tmp_path: Path) -> None:
    """The next one neither repeats the answer nor loses what the user says next, which interrupts it."""
    answers = [Answer(Say(2.0, "A long sentence.")), Answer(Say(0.2, "Yes?"))]
    async with (
        ScriptedRealtime(answers) as upstream,
        serving(upstream, tmp_path) as server,
        open_session(server.url, SETUP) as session,
    ):
        talk = Talk(session)
        await session.send(client.RealtimeInput(text="Go on."))
        await talk.until(lambda message: talk.seconds >= 2.0)
        await upstream.hang_up(1001, "Your session hit the maximum duration of 60 minutes.")
        await talk.speak(0.3)
        await talk.until(lambda message: "Yes?" in talk.said)
        await talk.turn()
        assert talk.said == "A long sentence.Yes?"
        assert len(talk.contents("interrupted")) == 1
        assert len(talk.contents("turn_complete")) == 2
