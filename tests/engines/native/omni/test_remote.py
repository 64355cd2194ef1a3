"""An omni model on another server, in both dialects of spoken answers."""

import asyncio
import base64
from collections.abc import Callable
from contextlib import aclosing, suppress
from io import BytesIO
from typing import Any

import pytest
from tests.upstream import Exchange, said, upstream

from antiphon.audio.wav import read_wav, write_wav
from antiphon.engines.cascade.brain.language_model.messages import Answered, Said
from antiphon.engines.cascade.brain.language_model.model import Delta, ModelFailed, Request, Spoke, Text, Told
from antiphon.engines.native.omni.remote import SECONDS_PER_CHARACTER, RemoteOmniModel
from antiphon.engines.native.omni.sounds import Heard
from antiphon.live.history import Words
from antiphon.providers.openai_chat import OpenAiChat
from antiphon.wire.openai import chat

Noise = Callable[..., bytes]
HELLO = Request((Said((Words("hello"),)),))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def wav(pcm: bytes, rate: int) -> str:
    """A file of sound, as base64."""
    file = BytesIO()
    write_wav(file, pcm, rate)
    return b64(file.getvalue())


def choice(modality: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk."""
    chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    return {**chunk, "modality": modality} if modality else chunk


async def talk(events: list[Any], request: Request = HELLO, **options: Any) -> tuple[list[Delta], Any]:
    """What the model makes of these events, and what it asked for them."""

    async def behave(exchange: Exchange) -> None:
        await exchange.stream(*events)

    options.setdefault("speech", chat.AudioOutput(format="wav", voice="Chelsie"))
    async with upstream(behave) as peer:
        model = RemoteOmniModel(OpenAiChat(f"{peer.url}/v1"), "qwen-omni", **options)
        try:
            return [delta async for delta in model.answer(request)], peer.asked[0].json
        finally:
            await model.aclose()


def heard(deltas: list[Delta]) -> bytes:
    return b"".join(delta.speech.pcm for delta in deltas if isinstance(delta, Spoke))


def words(deltas: list[Delta]) -> list[tuple[str, float]]:
    """Words and where in the whole answer they begin."""
    found, position = [], 0.0
    for delta in deltas:
        if isinstance(delta, Spoke):
            found += [(word.text, round(position + word.offset, 3)) for word in delta.speech.words]
            position += len(delta.speech.pcm) / 48_000
    return found


async def test_openai_sends_sound_and_words_together(noise: Noise) -> None:
    sound = noise(0.5)
    events = [
        choice(role="assistant", audio={"id": "audio_1"}),
        choice(audio={"transcript": "Good"}),
        choice(audio={"transcript": " day.", "data": b64(sound[:9_999])}),
        choice(audio={"data": b64(sound[9_999:])}),
        choice(finish="stop"),
        {
            "choices": [],
            "usage": {"prompt_tokens": 9, "completion_tokens": 30, "completion_tokens_details": {"audio_tokens": 25}},
        },
        "[DONE]",
    ]
    deltas, asked = await talk(events)
    assert heard(deltas) == sound
    assert words(deltas) == [("Good day.", 0.0)]
    (told,) = [delta for delta in deltas if isinstance(delta, Told)]
    assert (told.usage.response.audio, told.usage.response.text) == (25, 5)
    assert asked["modalities"] == ["text", "audio"]
    assert asked["audio"] == {"format": "wav", "voice": "Chelsie"}


async def test_vllm_omni_sends_files_beside_the_words(noise: Noise) -> None:
    sound = noise(0.75)
    events = [
        choice("text", content="It is five o'clock,"),
        choice("text", content=" I think."),
        choice("audio", content=wav(sound[:12_000], 24_000)),
        choice("audio", content=wav(sound[12_000:], 24_000)),
        choice("text", content=" Or six."),
        choice("audio", content=""),
        choice("audio", content="", finish="stop"),
        "[DONE]",
    ]
    deltas, _ = await talk(events)
    assert heard(deltas) == sound
    late = len("It is five o'clock, I think.") * SECONDS_PER_CHARACTER
    assert words(deltas) == [("It is five o'clock, I think.", 0.0), (" Or six.", pytest.approx(late, abs=1e-3))]


async def test_sound_at_another_rate_is_made_ours(noise: Noise) -> None:
    deltas, _ = await talk([choice("audio", content=wav(noise(1.0), 16_000), finish="stop"), "[DONE]"])
    assert len(heard(deltas)) / 48_000 == pytest.approx(1.0, abs=0.001)
    bare, _ = await talk([choice(audio={"data": b64(noise(1.0))}, finish="stop"), "[DONE]"], audio_rate=16_000)
    assert len(heard(bare)) == len(heard(deltas))


async def test_a_server_that_does_not_speak_leaves_it_to_a_voice() -> None:
    deltas, _ = await talk(said("It is ", "five."))
    assert [delta.text for delta in deltas if isinstance(delta, Text)] == ["It is five."]
    assert heard(deltas) == b""


async def test_without_speech_words_come_as_they_are_made() -> None:
    deltas, asked = await talk(said("It is ", "five."), speech=None)
    assert [delta.text for delta in deltas if isinstance(delta, Text)] == ["It is ", "five."]
    assert asked["modalities"] == ["text"]
    assert "audio" not in asked


async def test_what_was_heard_is_sent_as_sound(noise: Noise) -> None:
    sound = noise(0.5)
    messages = (Said((Words("typed"),)), Answered("Yes?"), Said((Words("before"), Heard("read as", sound))))
    _, asked = await talk(said("Fine."), Request(messages, "Be kind.", max_output_tokens=9_000))
    assert asked["messages"][:3] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "typed"},
        {"role": "assistant", "content": "Yes?"},
    ]
    typed, spoken = asked["messages"][3]["content"]
    assert typed == {"type": "text", "text": "before"}
    assert spoken["type"] == "input_audio"
    assert spoken["input_audio"]["format"] == "wav"
    assert read_wav(BytesIO(base64.b64decode(spoken["input_audio"]["data"]))) == (sound, 16_000)
    assert asked["max_tokens"] == 512


@pytest.mark.parametrize("data", ["not base64!", b64(b"RIFF but no file")])
async def test_sound_that_cannot_be_read_is_a_failure(data: str) -> None:
    with pytest.raises(ModelFailed, match="cannot be read") as caught:
        await talk([choice("audio", content=data), *said()])
    assert caught.value.passing


async def test_who_stops_listening_hangs_up(noise: Noise) -> None:
    sound, over = wav(noise(0.5), 24_000), asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.begin()
        with suppress(ConnectionError):
            while not exchange.gone.is_set():
                await exchange.event(choice("audio", content=sound))
        over.set()

    async with upstream(endless) as peer:
        speech = chat.AudioOutput(format="wav")
        model = RemoteOmniModel(OpenAiChat(f"{peer.url}/v1"), "qwen-omni", speech=speech)
        async with aclosing(model.answer(HELLO)) as deltas:
            assert isinstance(await anext(deltas), Spoke)
        async with asyncio.timeout(10):
            await over.wait()
        await model.aclose()
