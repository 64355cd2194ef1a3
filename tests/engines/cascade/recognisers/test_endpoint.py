"""Recognition by a service, against a real server that answers as it should, late, wrongly or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.engines.cascade.recognisers.conftest import Form
from tests.engines.cascade.recognisers.tiny import tone
from tests.extras import until
from tests.upstream import Exchange, Upstream, upstream

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import Hypothesis, RecogniserBusy, RecogniserFailed
from antiphon.engines.cascade.recognisers.endpoint import EndpointRecogniser
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.providers.http import Timeouts
from antiphon.providers.openai_audio import OpenAiAudio

KEY = "sk-very-secret"
QUICK = Timeouts(connect=0.5, first=0.2, next=0.2, attempts=2, patience=0.5)
"""For services that hang."""
PATIENT = Timeouts(connect=20.0, first=20.0, next=20.0, attempts=2, patience=0.5)
"""For all others: a busy machine is no failure."""
SECOND = tone("a")


@asynccontextmanager
async def service(
    behaviour: Callable[[Exchange], Awaitable[None]], timeouts: Timeouts = PATIENT, **options: Any
) -> Any:
    async with upstream(behaviour) as peer:
        client = OpenAiAudio(f"{peer.url}/v1", KEY, timeouts=timeouts)
        recogniser = EndpointRecogniser(client, "whisper-1", provider="openai", **options)
        try:
            yield recogniser, peer
        finally:
            await recogniser.aclose()


async def read(recogniser: EndpointRecogniser, sound: bytes = SECOND) -> Hypothesis:
    context = recogniser.context("Ask for Anna Meyer.", (), ("gute Nacht",), "de-AT")
    utterance = recogniser.utterance(context)
    utterance.feed(sound)
    try:
        return await utterance.finish()
    finally:
        await utterance.aclose()


def answer(body: Any, status: int = 200) -> Callable[[Exchange], Awaitable[None]]:
    return lambda exchange: exchange.answer(status, body)


async def test_the_request_is_what_the_api_wants() -> None:
    async with service(answer({"text": " Gute Nacht.\n"})) as (recogniser, peer):
        assert (await read(recogniser)).text == "Gute Nacht."
        (asked,) = peer.asked
        form = Form(asked)
        assert asked.path == "/v1/audio/transcriptions"
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert form.fields == {
            "model": "whisper-1",
            "language": "de",
            "prompt": "gute Nacht, Anna Meyer",
            "response_format": "json",
        }
        assert 'filename="audio.wav"' in form.head
        assert (form.rate, form.samples.tobytes()) == (16_000, SECOND)


async def test_what_is_too_short_for_services_is_padded() -> None:
    async with service(answer({"text": "yes"})) as (recogniser, peer):
        await read(recogniser, b"\1\0" * 100)
        assert Form(peer.asked[0]).samples.tobytes() == b"\1\0" * 100 + bytes(6_200)


DETAILS = {"text_tokens": 4, "audio_tokens": 10}


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "input_token_details": DETAILS},
            UpstreamUsage("openai", "whisper-1", Usage(Tokens(text=4, audio=10), Tokens(text=45))),
        ),
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 45},
            UpstreamUsage("openai", "whisper-1", Usage(Tokens(audio=14), Tokens(text=45))),
        ),
        ({"type": "duration", "seconds": 2}, UpstreamUsage("openai", "whisper-1", seconds=2.0)),
        (None, UpstreamUsage("openai", "whisper-1", seconds=1.0, estimated=True)),
        ({}, UpstreamUsage("openai", "whisper-1", seconds=1.0, estimated=True)),
    ],
)
async def test_usage_is_told_as_the_service_tells_it(usage: Any, told: UpstreamUsage) -> None:
    async with service(answer({"text": "x", "usage": usage, "task": "transcribe"})) as (recogniser, _):
        assert (await read(recogniser)).used == told


async def hang(exchange: Exchange) -> None:
    await exchange.gone.wait()


async def test_giving_up_hangs_up_and_is_paid_for() -> None:
    gone = asyncio.Event()

    async def hang_first(exchange: Exchange) -> None:
        if gone.is_set():
            await exchange.answer(200, {"text": "x", "usage": {"seconds": 1.5}})
        await exchange.gone.wait()
        gone.set()

    async with service(hang_first) as (recogniser, peer):
        utterance = recogniser.utterance(recogniser.context(""))
        utterance.feed(SECOND)
        guess = asyncio.create_task(utterance.finish())
        await until(lambda: peer.asked)
        guess.cancel()
        async with asyncio.timeout(2):
            await gone.wait()
        utterance.feed(SECOND[:16_000])
        final = await utterance.finish()
        assert final.used == UpstreamUsage("openai", "whisper-1", seconds=2.5, estimated=True)
        await utterance.aclose()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "recogniser: .*Incorrect API key"),
        (answer({"error": {"message": "no such model"}}, 404), "no such model"),
        (answer(b"<html>Bad Gateway</html>", 502), "502"),
        (answer(b"I hear you"), "no transcription in JSON"),
        (answer({"words": []}), "no transcription in JSON"),
        (hang, r"sent nothing for 0\.2 s"),
    ],
)
async def test_failures_are_told_by_name_and_without_the_key(behaviour: Any, said: str) -> None:
    async with service(behaviour, QUICK if behaviour is hang else PATIENT) as (recogniser, _):
        with pytest.raises(RecogniserFailed, match=said) as failure:
            await read(recogniser)
        assert KEY not in str(failure.value)


async def test_a_connection_that_breaks_is_tried_again_once() -> None:
    async def break_first(exchange: Exchange, asked: list[int] = []) -> None:  # noqa: B006
        asked.append(1)
        exchange.die() if len(asked) == 1 else await exchange.answer(200, {"text": "again"})

    async with service(break_first) as (recogniser, peer):
        assert (await read(recogniser)).text == "again"
        assert len(peer.asked) == 2


async def test_requests_at_once_are_bounded() -> None:
    async with service(hang, concurrency=1, wait=0.01) as (recogniser, peer):
        first = asyncio.create_task(read(recogniser))
        await until(lambda: peer.asked)
        with pytest.raises(RecogniserBusy, match=r"within 0\.01 s; raise concurrency"):
            await read(recogniser)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_words_in_between_cost_nothing_unless_wanted() -> None:
    async with service(answer({"text": "x"})) as (recogniser, peer):
        utterance = recogniser.utterance(recogniser.context(""))
        utterance.feed(SECOND)
        assert await utterance.partial() == Hypothesis("")
        assert peer.asked == []
        await utterance.aclose()


@pytest.mark.parametrize("status", [200, 404, 500])
async def test_a_service_that_is_there_will_do(status: int) -> None:
    async with service(answer({"data": []}, status)) as (recogniser, _):
        await recogniser.start()


async def test_a_service_that_refuses_the_key_will_not() -> None:
    async with service(answer({"error": {"message": "bad key"}}, 401)) as (recogniser, _):
        with pytest.raises(EngineUnavailable, match=r"recogniser: .*bad key.*; set key"):
            await recogniser.start()


async def test_a_service_that_is_not_there_will_not() -> None:
    async with upstream(hang) as peer:
        url = _closed(peer)
    recogniser = EndpointRecogniser(OpenAiAudio(url, timeouts=QUICK), "whisper-1")
    with pytest.raises(EngineUnavailable, match=r"cannot be reached.*start the server, or correct url"):
        await recogniser.start()
    await recogniser.aclose()


def _closed(peer: Upstream) -> str:
    return peer.url
