"""Ephemeral tokens on the wire: made over HTTP, shown on a socket, constrained, counted, and gone at their end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon.testing import VirtualClock

SERVICE = "/ws/google.ai.generativelanguage.v1alpha.GenerativeService."
PLAIN, CONSTRAINED = f"{SERVICE}BidiGenerateContent", f"{SERVICE}BidiGenerateContentConstrained"
MODEL = "models/gemini-3.8-live"
KEY = {"x-goog-api-key": "s3cret"}

Make = Callable[..., Awaitable[str]]


@pytest.fixture
async def locked(serve: Any) -> Any:
    """A server with a key."""
    return await serve(keys=("s3cret",))


@pytest.fixture
def make(get: Any) -> Make:
    """Makes a token."""

    async def make(server: Any, **body: Any) -> str:
        response = await get(f"{server.url}/v1alpha/auth_tokens", "POST", json=body, headers=KEY)
        assert response.status_code == 200, response.text
        return str(response.json()["name"])

    return make


async def test_it_opens_its_method_wherever_clients_put_it(locked: Any, make: Make, dial: Any) -> None:
    token = await make(locked, uses=3)
    for query, headers in (
        (f"?access_token={token}", {}),
        ("", {"authorization": f"Token {token}", "x-goog-api-key": token}),
        (f"?key={token}", {}),
    ):
        client = await dial(locked, f"/{CONSTRAINED}{query}", additional_headers=headers)
        assert "setupComplete" in await client.setup()


async def test_it_opens_nothing_else(locked: Any, make: Make, dial: Any, get: Any) -> None:
    token = await make(locked)
    client = await dial(locked, f"{PLAIN}?key={token}")
    reason = "an ephemeral token is not an API key; dial BidiGenerateContentConstrained with it, or send an API key"
    assert await client.closed() == (1008, reason)
    response = await get(f"{locked.url}/v1/models?key={token}")
    assert response.status_code == 401


async def test_a_setup_that_is_locked_is_what_the_engine_gets(
    locked: Any, make: Make, dial: Any, puppet: Any, until: Any
) -> None:
    setup = {"model": MODEL, "systemInstruction": "be brief", "outputAudioTranscription": {}}
    client = await dial(locked, f"{CONSTRAINED}?access_token={await make(locked, bidiGenerateContentSetup=setup)}")
    await client.setup(model="models/unknown", systemInstruction="be rude", inputAudioTranscription={})
    await until(lambda: puppet.opened == 1)
    got = puppet.latest.setup
    assert (got.system_instruction, got.transcribe_output, got.transcribe_input) == ("be brief", True, False)


async def test_a_field_that_is_locked_too_and_no_other(
    locked: Any, make: Make, dial: Any, puppet: Any, until: Any
) -> None:
    setup = {"generationConfig": {"temperature": 0.5}}
    token = await make(locked, bidiGenerateContentSetup=setup, fieldMask="temperature,output_audio_transcription")
    client = await dial(locked, f"{CONSTRAINED}?access_token={token}")
    wanted = {"temperature": 0.1, "maxOutputTokens": 9}
    await client.setup(generationConfig=wanted, systemInstruction="be rude", outputAudioTranscription={})
    await until(lambda: puppet.opened == 1)
    got = puppet.latest.setup
    assert (got.temperature, got.max_output_tokens, got.system_instruction) == (0.5, 9, "be rude")
    assert not got.transcribe_output


async def test_of_two_connections_that_want_its_one_use_one_gets_it(locked: Any, make: Make, dial: Any) -> None:
    token = await make(locked)
    clients = [await dial(locked, f"{CONSTRAINED}?access_token={token}") for _ in range(4)]
    await asyncio.gather(*(client.send({"setup": {"model": MODEL}}) for client in clients))

    async def outcome(client: Any) -> Any:
        try:
            return "setupComplete" in await client.receive()
        except Exception:
            return await client.closed()

    outcomes = await asyncio.gather(*map(outcome, clients))
    reason = "every use of this ephemeral token is spent; make another one with POST /v1alpha/auth_tokens"
    assert sorted(outcomes, key=str) == [(1008, reason)] * 3 + [True]


class TestTime:
    @pytest.fixture
    def clock(self) -> VirtualClock:
        return VirtualClock()

    @pytest.fixture
    async def timed(self, serve: Any, clock: VirtualClock) -> Any:
        return await serve(clock, keys=("s3cret",))

    async def test_after_a_minute_no_session_begins(
        self, timed: Any, clock: VirtualClock, make: Make, dial: Any
    ) -> None:
        token = await make(timed)
        clock.advance(60)
        client = await dial(timed, f"{CONSTRAINED}?access_token={token}")
        await client.send({"setup": {"model": MODEL}})
        reason = "newSessionExpireTime of this ephemeral token has passed"
        assert await client.closed() == (1008, f"{reason}; make another one with POST /v1alpha/auth_tokens")

    async def test_when_it_has_expired_it_opens_nothing(
        self, timed: Any, clock: VirtualClock, make: Make, dial: Any
    ) -> None:
        token = await make(timed)
        clock.advance(1800)
        client = await dial(timed, f"{CONSTRAINED}?access_token={token}")
        reason = "this ephemeral token has expired; make one with POST /v1alpha/auth_tokens"
        assert await client.closed() == (1007, reason)

    async def test_a_session_ends_with_its_token(self, timed: Any, clock: VirtualClock, make: Make, dial: Any) -> None:
        client = await dial(timed, f"{CONSTRAINED}?access_token={await make(timed)}")
        assert "setupComplete" in await client.setup()
        for _ in range(29):
            clock.advance(60)
            await client.text("Are you there?")
            await client.turn()
        clock.advance(60)
        code, reason = await client.closed()
        assert code == 1008
        assert "token" in reason
