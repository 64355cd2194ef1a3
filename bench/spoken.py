"""A user at a real client: sentences at the pace of speech over a socket, and when what came back."""

import asyncio
import time
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from antiphon.audio.frames import RATE
from antiphon.audio.pcm import to_int16
from antiphon.providers.live import LiveConnection
from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerContent
from bench.load import chunks

CHUNK_MS = 20
_AUDIBLE = 200
"""Of 32,768: quieter than speech, louder than what a synthesiser calls silence."""


class Sentence(Struct):
    """Sound with quiet around it; where the audible part begins and ends, in seconds."""

    pcm: bytes
    begins: float
    ends: float


def sentence(speech: bytes, before: float, after: float) -> Sentence:
    """``speech`` (16 kHz) without the silence around it, between ``before`` and ``after`` seconds of a quiet room."""
    samples = to_int16(speech)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
    spoken = samples[loud[0] : loud[-1] + 1]
    quiet = np.random.default_rng(0).integers(-3, 4, round((before + after) * RATE) + len(spoken))
    start = round(before * RATE)
    quiet[start : start + len(spoken)] += spoken
    pcm = quiet.clip(-32_768, 32_767).astype("<i2").tobytes()
    return Sentence(pcm, before, before + len(spoken) / RATE)


async def speak(session: LiveConnection, sound: bytes, began: float) -> None:
    """Send ``sound`` as a microphone would that began to record at ``began``."""
    for number, pcm in enumerate(chunks(sound, CHUNK_MS), 1):
        await asyncio.sleep(max(0.0, began + number * CHUNK_MS / 1000 - time.monotonic()))
        blob = client.Blob(data=pcm, mime_type=f"audio/pcm;rate={RATE}")
        await session.send(client.RealtimeInput(audio=blob))


class Arrival(Struct):
    """Something that arrived: ``audio``, ``heard``, ``interrupted`` or ``turn``, and when."""

    kind: str
    time: float


class Journal:
    """What arrived in a session; wait for something with :meth:`first`."""

    def __init__(self, session: LiveConnection) -> None:
        self.arrivals: list[Arrival] = []
        self._news = asyncio.Condition()
        self._task = asyncio.create_task(self._read(session))

    async def first(self, kind: str, after: float = 0.0) -> float:
        """When the first of a kind arrived, not before ``after``."""
        async with self._news:
            while (found := self.find(kind, after)) is None:
                if self._task.done():
                    await self._task
                await self._news.wait()
        return found

    def find(self, kind: str, after: float = 0.0) -> float | None:
        """As :meth:`first`, or None if nothing has."""
        return next((item.time for item in self.arrivals if item.kind == kind and item.time >= after), None)

    def times(self, kind: str) -> Sequence[float]:
        """When each of a kind arrived."""
        return [item.time for item in self.arrivals if item.kind == kind]

    async def close(self) -> None:
        """Read no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self, session: LiveConnection) -> None:
        try:
            async for message in session.messages():
                now = time.monotonic()
                if message.server_content is not None:
                    self.arrivals.extend(Arrival(kind, now) for kind in _kinds(message.server_content))
                async with self._news:
                    self._news.notify_all()
        finally:
            async with self._news:
                self._news.notify_all()


def _kinds(content: ServerContent) -> list[str]:
    found = {
        "audio": content.model_turn is not None,
        "heard": content.input_transcription is not None,
        "interrupted": content.interrupted,
        "turn": content.turn_complete,
    }
    return [kind for kind, there in found.items() if there]
