"""Bad input on real sockets: each has its close code and a reason that names the field, and harms nobody else."""

import asyncio
import base64
import json
from typing import Any

import pytest

from antiphon.live.policy import Policy
from antiphon.testing.clock import VirtualClock

SETUP = {"setup": {"model": "models/gemini-3.8-live"}}


def audio(pcm: bytes = bytes(640), mime_type: str = "audio/pcm;rate=16000") -> dict[str, Any]:
    return {"realtimeInput": {"audio": {"data": base64.b64encode(pcm).decode(), "mimeType": mime_type}}}


def setup(**members: Any) -> dict[str, Any]:
    return {"setup": {"model": "models/gemini-3.8-live", **members}}


FIRST = [
    ({"realtimeInput": {"text": "hi"}}, 1007, "setup: must be the first message, got realtimeInput"),
    ({"clientContent": {}}, 1007, "setup: must be the first message, got clientContent"),
    ({"setup": {}}, 1007, "setup.model: is missing; use models/"),
    ({"setup": {"model": "models/gpt-4"}}, 1008, "setup.model: models/gpt-4 is not found; use gemini-"),
    ({"setup": {"model": 4}}, 1007, "setup.model: expected str, got int"),
    ({"setup": []}, 1007, "setup: expected"),
    (setup(generationConfig={"temperature": "hot"}), 1007, "setup.generationConfig.temperature: "),
    (setup(generationConfig={"responseModalities": ["SMELL"]}), 1007, "setup.generationConfig.responseModalities"),
    (setup(generationConfig={"responseModalities": ["VIDEO"]}), 1007, "setup.generationConfig.responseModalities"),
    (setup(tools=[{"functionDeclarations": [{"name": "a b"}]}]), 1007, "setup.tools[0].functionDeclarations[0].name"),
    (
        setup(realtimeInputConfig={"automaticActivityDetection": {"silenceDurationMs": -1}}),
        1007,
        "setup.realtimeInputConfig.automaticActivityDetection.silenceDurationMs: -1 is out of range",
    ),
    (setup(sessionResumption={"handle": "x"}), 1007, "setup.sessionResumption.handle: Invalid session handle"),
    (setup(labels={"team": 5}), 1007, "setup.labels[...]: expected str, got int"),
    ("{", 1007, "message: malformed JSON"),
    ("", 1007, "message: malformed JSON"),
    ("[]", 1007, "message: must be a JSON object"),
    ("{}", 1007, "message: must hold one of setup, "),
    ('{"setup":{},"clientContent":{}}', 1007, "message: must hold one of setup, "),
    ("[" * 100_000, 1007, "message: "),
    (b"\x00\xff\xfe" * 50, 1007, "message: malformed JSON"),
    (b"", 1007, "message: malformed JSON"),
]

OPEN = [
    (SETUP, 1007, "setup: was sent twice; open a new connection to change it"),
    (audio(b"odd"), 1007, "realtimeInput.audio.data: 3 bytes are not whole 16-bit samples"),
    (audio(mime_type="audio/pcm;rate=12"), 1007, "realtimeInput.audio.mimeType: unknown rate '12'"),
    (audio(mime_type="audio/ogg"), 1007, "realtimeInput.audio.mimeType: audio/ogg is not raw audio"),
    (
        {"realtimeInput": {"audio": {"data": "§§§§", "mimeType": "audio/pcm"}}},
        1007,
        "realtimeInput.audio.data: ",
    ),
    ({"realtimeInput": {"mediaChunks": [{"data": "AA==", "mimeType": "audio/pcm"}]}}, 1007, "realtimeInput.mediaC"),
    ({"realtimeInput": {"video": {"data": "AA==", "mimeType": "video/mp4"}}}, 1007, "realtimeInput.video.mimeType"),
    ({"realtimeInput": {"video": {"data": "AA==", "mimeType": "image/jpeg"}}}, 1007, "realtimeInput.video.data: is no"),
    ({"realtimeInput": {"text": 5}}, 1007, "realtimeInput.text: "),
    ({"realtimeInput": {"activityStart": {}}}, 1007, "realtimeInput.activityStart: not allowed with automatic"),
    ({"realtimeInput": {"activityEnd": {}}}, 1007, "realtimeInput.activityEnd: not allowed with automatic"),
    ({"clientContent": {"turns": [{"role": "god", "parts": []}]}}, 1007, "clientContent.turns[0].role: invalid"),
    ({"clientContent": {"turns": [{"parts": [{"text": {}}]}]}}, 1007, "clientContent.turns[0].parts[0].text: "),
    ({"toolResponse": {"functionResponses": [{"id": []}]}}, 1007, "toolResponse.functionResponses[0].id: "),
    ({"unheardOf": {}}, 1007, "message: must hold one of setup, "),
    (json.dumps(audio())[:-1], 1007, "message: malformed JSON"),
    (b"\x80" * 1000, 1007, "message: malformed JSON"),
]


class TestMessages:
    async def test_what_is_wrong_from_the_start(self, server: Any, dial: Any, puppet: Any) -> None:
        for frame, code, reason in FIRST:
            client = await dial(server)
            await client.send(frame)
            await check(client, frame, code, reason)
        assert puppet.opened == 0, "no engine is bothered with it"

    async def test_what_is_wrong_later(self, server: Any, dial: Any, puppet: Any) -> None:
        for frame, code, reason in OPEN:
            client = await dial(server)
            await client.setup()
            await client.send(frame)
            await check(client, frame, code, reason)
        assert puppet.opened == len(OPEN)

    async def test_a_text_frame_that_is_no_utf_8_is_a_protocol_error(self, client: Any) -> None:
        await client.setup()
        await client.socket.send(b"\xff\xfe", text=True)
        assert (await client.closed())[0] == 1007

    async def test_nothing_after_the_refusal_is_acted_on(self, client: Any, puppet: Any) -> None:
        await client.setup()
        await client.send("{")
        await client.text("still there?")
        assert (await client.closed())[0] == 1007
        assert puppet.latest.sent == []

    async def test_what_cannot_be_honoured_is_passed_over_and_logged(
        self, client: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        await client.setup(colour="red", safetySettings=[{"category": "ANY"}])
        await client.send({"realtimeInput": {"text": "hi", "mood": 1}, "trace": "x"})
        assert await client.turn()
        assert "setup.colour" in caplog.text
        assert "setup.safetySettings" in caplog.text
        assert "trace, realtimeInput.mood" in caplog.text


async def check(client: Any, frame: Any, code: int, reason: str) -> None:
    """The close has the code, and a reason that names the field in the bytes there are."""
    closed = await client.closed()
    assert closed[0] == code, (frame, closed)
    assert closed[1].startswith(reason), (frame, closed)
    assert len(closed[1].encode()) <= 123


class TestSizes:
    @pytest.fixture
    async def small(self, serve: Any) -> Any:
        return await serve(max_message_bytes=2_000)

    async def test_a_frame_at_the_limit_passes(self, small: Any, dial: Any) -> None:
        client = await dial(small)
        await client.setup()
        frame = json.dumps({"realtimeInput": {"text": ""}})
        await client.send(frame.replace('""', f'"{"x" * (2_000 - len(frame))}"'))
        assert await client.turn()

    @pytest.mark.parametrize("letter", ["x", "é"])
    async def test_a_frame_over_the_limit_is_told_both_numbers(self, small: Any, dial: Any, letter: str) -> None:
        client = await dial(small)
        await client.setup()
        text = letter * (2_400 // len(letter.encode()))
        await client.socket.send(f'{{"realtimeInput":{{"text":"{text}"}}}}')
        assert await client.closed() == (
            1009,
            "message: 2429 bytes exceed the 2000 of this server; send smaller chunks",
        )

    async def test_a_frame_over_twice_the_limit_is_not_even_read(self, small: Any, dial: Any) -> None:
        client = await dial(small)
        await client.setup()
        await client.send("x" * 4_100)
        assert (await client.closed())[0] == 1009

    async def test_fragments_count_together(self, small: Any, dial: Any) -> None:
        client = await dial(small)
        await client.setup()
        await client.socket.send(iter(["x" * 1_500] * 3))
        assert (await client.closed())[0] == 1009


class TestLimits:
    async def test_a_full_house_closes_with_what_to_do(self, serve: Any, dial: Any, until: Any) -> None:
        server = await serve(max_sessions=2)
        first, second = await dial(server), await dial(server)
        await first.setup()
        await second.setup()
        third = await dial(server)
        assert await third.closed() == (1011, "all 2 sessions of this server are taken; try again later")
        first.vanish()
        await until(lambda: server.sessions == 1)
        assert "setupComplete" in await (await dial(server)).setup()
        await second.text("are you still there?")
        assert await second.turn()

    async def test_a_flood_of_messages_is_stopped(self, serve: Any, dial: Any) -> None:
        client = await dial(await serve(session=Policy(messages_per_second=3), clock=VirtualClock()))
        await client.setup()
        for _ in range(30):
            await client.audio()
        await client.text("hi")
        assert await client.closed() == (
            1008,
            "messages: more than 3 a second; send audio in chunks of 20 to 100 ms",
        )

    async def test_a_flood_before_the_engine_is_open_is_stopped(
        self, serve: Any, dial: Any, puppet: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(puppet, "open", hang)
        client = await dial(await serve(session=Policy(max_early_messages=5)))
        await client.send(SETUP)
        for _ in range(6):
            await client.text("hi")
        assert (await client.closed())[1] == "setup: too many messages before setupComplete; wait for it"

    async def test_an_idle_client_is_let_go(self, serve: Any, dial: Any) -> None:
        clock = VirtualClock()
        client = await dial(await serve(clock))
        await client.setup()
        clock.advance(1799)
        await client.text("still here")
        await client.turn()
        clock.advance(1799)
        await client.text("still here")
        await client.turn()
        clock.advance(1800)
        assert await client.closed() == (1008, "idle: nothing was received for 1800 s")

    async def test_a_setup_that_never_comes_is_not_waited_for(self, serve: Any, dial: Any, until: Any) -> None:
        clock = VirtualClock()
        server = await serve(clock)
        client = await dial(server)
        await until(lambda: server.sessions == 1)
        clock.advance(30)
        assert await client.closed() == (1008, "setup: was not complete within 30 s")

    async def test_an_engine_that_never_opens_is_not_waited_for(
        self, serve: Any, dial: Any, puppet: Any, until: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, setups = VirtualClock(), []
        monkeypatch.setattr(puppet, "open", lambda setup, seed: setups.append(setup) or hang(setup))
        client = await dial(await serve(clock))
        await client.send(SETUP)
        await until(lambda: bool(setups))
        clock.advance(30)
        assert await client.closed() == (1008, "setup: was not complete within 30 s")


async def hang(_: Any) -> Any:
    """An engine's ``open`` that never comes back."""
    await asyncio.Event().wait()
