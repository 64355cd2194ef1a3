"""Speech by a service, against a real server that answers as it should, late, wrongly or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from tests.engines.cascade.voices.conftest import noise, speak
from tests.extras import until
from tests.upstream import Exchange, upstream

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import SpeechChunk, VoiceFailed
from antiphon.engines.cascade.voices.endpoint import EndpointVoice
from antiphon.live.tokens import Tokens, Usage
from antiphon.providers.http import Timeouts
from antiphon.providers.openai_audio import OpenAiAudio

KEY = "sk-very-secret"
QUICK = Timeouts(connect=0.5, first=0.2, next=0.2, attempts=2, patience=0.5)
"""For services that hang."""
PATIENT = Timeouts(connect=20.0, first=20.0, next=20.0, attempts=2, patience=0.5)
"""For all others: a busy machine is no failure."""
HELLO = "Hello there, how are you?"


@asynccontextmanager
async def service(
    behaviour: Callable[[Exchange], Awaitable[None]], timeouts: Timeouts = PATIENT, **options: Any
) -> Any:
    async with upstream(behaviour) as peer:
        client = OpenAiAudio(f"{peer.url}/v1", KEY, timeouts=timeouts)
        voice = EndpointVoice(client, "tts-1", provider="openai", **options)
        try:
            yield voice, peer
        finally:
            await voice.aclose()


async def collect(voice: EndpointVoice, text: str = HELLO, name: str = "") -> list[SpeechChunk]:
    return [chunk async for chunk in voice.speak(text, name, "de-DE")]


async def test_the_request_is_what_the_api_wants() -> None:
    async with service(speak, instructions="Whisper.") as (voice, peer):
        await collect(voice, "**Hello** there 😀", "Kore")
        (asked,) = peer.asked
        assert asked.path == "/v1/audio/speech"
        assert asked.headers["authorization"] == f"Bearer {KEY}"
        assert asked.json.pop("input").split() == ["Hello", "there"]
        assert asked.json | {"input": ""} == {
            "model": "tts-1",
            "voice": "coral",
            "response_format": "pcm",
            "instructions": "Whisper.",
            "input": "",
        }


async def test_sound_is_handed_on_as_it_comes() -> None:
    go_on = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin("audio/pcm")
        await exchange.send(bytes(4_800))
        await go_on.wait()
        await exchange.send(bytes(4_800))
        await exchange.end()

    async with service(behave) as (voice, _), aclosing(voice.speak(HELLO)) as chunks:
        assert len((await anext(chunks)).pcm) == 4_800
        go_on.set()
        assert sum(len(chunk.pcm) for chunk in [chunk async for chunk in chunks]) == 4_800


async def test_the_sound_is_what_the_service_sent() -> None:
    async with service(speak) as (voice, _):
        assert b"".join(chunk.pcm for chunk in await collect(voice)) == noise(HELLO)


async def test_closing_early_hangs_up() -> None:
    gone = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin("audio/pcm")
        await exchange.send(bytes(48_000))
        await exchange.gone.wait()
        gone.set()

    async with service(behave) as (voice, _):
        async with aclosing(voice.speak(HELLO)) as chunks:
            await anext(chunks)
        async with asyncio.timeout(2):
            await gone.wait()


async def test_what_is_used_is_told_every_second_and_adds_up() -> None:
    async with service(speak) as (voice, _):
        text = "a" * 100  # five seconds
        told = [chunk.used for chunk in await collect(voice, text) if chunk.used is not None]
        assert 3 <= len(told) <= 7
        assert {(used.provider, used.model, used.estimated) for used in told} == {("openai", "tts-1", True)}
        assert sum((used.usage for used in told), Usage()) == Usage(Tokens(text=25), Tokens(audio=125))
        assert round(sum(used.seconds for used in told), 6) == 5


async def test_words_are_foreseen_better_with_every_sentence() -> None:
    """The service speaks 20 characters a second."""
    async with service(speak) as (voice, _):

        async def error() -> float:
            words = [word for chunk in await collect(voice) for word in chunk.words]
            return abs(words[-1].offset - HELLO.index("you") / 20)

        errors = [await error() for _ in range(8)]
        assert errors[0] > 0.15
        assert errors[-1] < 0.05


async def test_a_service_has_voices_of_its_own() -> None:
    async with service(speak, voices=("sky", "river"), voice="Puck") as (voice, peer):
        for name in ("", "Zephyr", "River", "Puck"):
            await collect(voice, "Hello", name)
        assert [asked.json["voice"] for asked in peer.asked] == ["river", "sky", "river", "river"]


async def test_what_is_not_pronounced_costs_nothing() -> None:
    async with service(speak) as (voice, peer):
        assert await collect(voice, "...") == [SpeechChunk(b"", (await collect(voice, "..."))[0].words)]
        assert peer.asked == []


def answer(body: Any, status: int = 200, **headers: str) -> Callable[[Exchange], Awaitable[None]]:
    return lambda exchange: exchange.answer(status, body, **headers)


async def hang(exchange: Exchange) -> None:
    await exchange.gone.wait()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401), "voice: .*Incorrect API key"),
        (answer({"error": {"message": "no such voice"}}, 400), "no such voice"),
        (answer(b"<html>", 503), "503"),
        (answer({"detail": "no"}), "answered with application/json; it must send pcm or wav"),
        (answer(b"ID3\4" + bytes(99), **{"Content-Type": "audio/mpeg"}), "audio/mpeg"),
        (answer(b"", **{"Content-Type": "audio/pcm"}), "without any sound"),
        (hang, r"sent nothing for 0\.2 s"),
    ],
)
async def test_failures_are_told_by_name_and_without_the_key(behaviour: Any, said: str) -> None:
    async with service(behaviour, QUICK if behaviour is hang else PATIENT) as (voice, _):
        with pytest.raises(VoiceFailed, match=said) as failure:
            await collect(voice)
        assert KEY not in str(failure.value)


@pytest.mark.parametrize("ending", ["die", "hang"])
async def test_an_answer_that_breaks_off_ends_the_speech(ending: str, caplog: pytest.LogCaptureFixture) -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.begin("audio/pcm")
        await exchange.send(noise("half"))
        await asyncio.sleep(0.02)
        exchange.die() if ending == "die" else await exchange.gone.wait()

    async with service(behave, QUICK if ending == "hang" else PATIENT) as (voice, _):
        chunks = await collect(voice)
    assert b"".join(chunk.pcm for chunk in chunks) == noise("half")
    assert "".join(word.text for chunk in chunks for word in chunk.words) == HELLO
    assert "could not be spoken to its end" in caplog.text


async def test_a_service_that_is_there_will_do() -> None:
    async with service(answer({"detail": "Not Found"}, 404)) as (voice, _):
        await voice.start()


async def test_a_service_that_refuses_the_key_will_not() -> None:
    async with service(answer({"error": {"message": "bad key"}}, 401)) as (voice, _):
        with pytest.raises(EngineUnavailable, match=r"voice: .*bad key.*; set key"):
            await voice.start()


async def test_many_speak_at_once() -> None:
    async with service(speak) as (voice, peer):
        spoken = await asyncio.gather(*(collect(voice, "Hello " * number) for number in range(1, 9)))
        assert [sum(len(chunk.pcm) for chunk in chunks) for chunks in spoken] == [
            len(noise(("Hello " * number).strip())) for number in range(1, 9)
        ]
        await until(lambda: len(peer.asked) == 8)
