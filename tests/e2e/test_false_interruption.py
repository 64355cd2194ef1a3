"""A listener's "okay" into a long answer, spoken, over a real socket: the answer goes on to its end."""

import asyncio
from typing import Any

import numpy as np
import pytest

from antiphon.audio.resample import resample
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.live.events import OUTPUT_RATE
from antiphon.providers.live import LiveConnection, open_session
from antiphon.testing import Servers
from antiphon.wire.gemini import client

NUMBERS = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
SCRIPT = f"rules:\n  - when: count\n    say: '{NUMBERS.replace(' ', ', ')}.'\notherwise: {{say: 'You spoke.'}}\n"
RATE = 16_000
CHUNK = RATE * 2 // 50


@pytest.fixture
async def okay() -> bytes:
    """A listener's word, and the silence after it."""
    voice = EspeakVoice()
    await voice.start()
    spoken = b"".join([chunk.pcm async for chunk in voice.speak("Okay.", "Charon")])
    await voice.aclose()
    return resample(spoken, OUTPUT_RATE, RATE) + bytes(RATE * 2 * 2)


async def speak(session: LiveConnection, pcm: bytes) -> None:
    for start in range(0, len(pcm), CHUNK):
        blob = client.Blob(data=pcm[start : start + CHUNK], mime_type=f"audio/pcm;rate={RATE}")
        await session.send(client.RealtimeInput(audio=blob))
        await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_an_answer_goes_on_after_a_backchannel(antiphon_servers: Servers, okay: bytes) -> None:
    running = antiphon_servers.start(SCRIPT)
    setup = client.Setup(model="gemini-3.8-live", output_audio_transcription=client.AudioTranscriptionConfig())
    turns: list[dict[str, Any]] = [{"said": "", "sound": b"", "interrupted": False}]
    async with open_session(running.url, setup) as session, asyncio.timeout(40), asyncio.TaskGroup() as tasks:
        await session.send(client.RealtimeInput(text="count"))
        tasks.create_task(speak(session, bytes(RATE * 3) + okay))
        async for message in session.messages():
            content = message.server_content
            if content is None:
                continue
            turn = turns[-1]
            turn["said"] += content.output_transcription.text if content.output_transcription else ""
            turn["interrupted"] |= content.interrupted
            for part in content.model_turn.parts if content.model_turn else ():
                turn["sound"] += part.inline_data.data if part.inline_data else b""
            if content.turn_complete and not turn["interrupted"]:
                break
            if content.turn_complete:
                turns.append({"said": "", "sound": b"", "interrupted": False})
    antiphon_servers.stop(running)
    first, second = turns
    assert first["interrupted"]
    assert second["said"].rstrip(". ").endswith("fifteen")
    assert "You spoke" not in second["said"]
    assert 2.0 < len(second["sound"]) / (2 * OUTPUT_RATE) < len(first["sound"]) / (2 * OUTPUT_RATE)
    assert np.abs(np.frombuffer(second["sound"], "<i2")).max() > 1000
