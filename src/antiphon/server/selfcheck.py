"""The server proves itself: one spoken question through its own public door."""

import asyncio
import time
from collections.abc import AsyncIterator

import numpy as np
from msgspec import Struct

from antiphon.audio.pcm import to_int16
from antiphon.audio.resample import resample
from antiphon.engines.cascade.parts import Voice
from antiphon.live.events import OUTPUT_RATE
from antiphon.providers.live import LiveConnection, open_session
from antiphon.wire.gemini import client

QUESTION = "What is two plus three?"
MODEL = "gemini-3.8-live"
TIMEOUT = 30.0
_RATE = 16_000
_CHUNK = _RATE * 2 // 50
_SILENCE = 3.0
_AUDIBLE = 200
"""Of 32,768: quieter than speech, louder than what a synthesiser calls silence."""


class Proof(Struct, frozen=True):
    """What happened. ``delay`` is seconds from the last audible sound of the question to the first of the answer."""

    asked: str
    heard: str
    answered: str
    delay: float


async def self_check(base_url: str, voice: Voice, key: str = "") -> Proof:
    """Ask :data:`QUESTION` aloud, at the pace of speech, and listen.

    Raises:
        LiveError: the door refused.
        TimeoutError: no answer came in :data:`TIMEOUT` seconds.
    """
    spoken = b"".join([chunk.pcm async for chunk in voice.speak(QUESTION, "Charon")])
    question = _audible(resample(spoken, OUTPUT_RATE, _RATE))
    setup = client.Setup(
        model=f"models/{MODEL}",
        input_audio_transcription=client.AudioTranscriptionConfig(),
        output_audio_transcription=client.AudioTranscriptionConfig(),
    )
    async with asyncio.timeout(TIMEOUT), open_session(base_url, setup, key) as session:
        spoken_until: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        speaking = asyncio.create_task(_speak(session, question, spoken_until))
        try:
            return await _listen(session, spoken_until)
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)


def _audible(pcm: bytes) -> bytes:
    """Without the silence at the end, so that the delay is measured from the last sound."""
    loud = np.flatnonzero(np.abs(to_int16(pcm).astype(np.int32)) > _AUDIBLE)
    return pcm[: 2 * (int(loud[-1]) + 1)] if loud.size else pcm


async def _speak(session: LiveConnection, question: bytes, spoken_until: "asyncio.Future[float]") -> None:
    async for chunk in paced(question + bytes(int(_SILENCE * _RATE) * 2)):
        audio = client.Blob(data=chunk[1], mime_type=f"audio/pcm;rate={_RATE}")
        await session.send(client.RealtimeInput(audio=audio))
        if chunk[0] >= len(question) and not spoken_until.done():
            spoken_until.set_result(time.monotonic())


async def paced(pcm: bytes) -> AsyncIterator[tuple[int, bytes]]:
    """Chunks of 20 ms (16 kHz s16le) when a microphone would have them, each with the offset of its end."""
    began = time.monotonic()
    for start in range(0, len(pcm), _CHUNK):
        end = start + _CHUNK
        await asyncio.sleep(max(0.0, began + end / (2 * _RATE) - time.monotonic()))
        yield end, pcm[start:end]


async def _listen(session: LiveConnection, spoken_until: "asyncio.Future[float]") -> Proof:
    heard: list[str] = []
    said: list[str] = []
    first_sound = 0.0
    async for message in session.messages():
        content = message.server_content
        if content is None:
            continue
        if content.model_turn is not None:
            first_sound = first_sound or time.monotonic()
        if content.input_transcription is not None:
            heard.append(content.input_transcription.text)
        if content.output_transcription is not None:
            said.append(content.output_transcription.text)
            if content.output_transcription.finished:
                break
    delay = first_sound - await spoken_until
    return Proof(QUESTION, "".join(heard), "".join(said), delay)
