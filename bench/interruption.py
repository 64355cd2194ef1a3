"""How fast an answer stops when the user speaks into it.

The server never stops talking; the client lets it talk for a while, then says a sentence. Two moments: right after
the first sound, while the server sends ahead as fast as it can, and seconds later, while it sends at the pace of
speech. The onset is timed in the server as its engine reports it, everything else as it arrives at the client: audio
that left the server after the onset must arrive after it, so nothing is overlooked, and time on the socket counts.
"""

import asyncio
import time
from statistics import median

from msgspec import Struct

from antiphon.providers.live import open_session
from antiphon.testing import SPOKEN
from antiphon.wire.gemini import client
from antiphon.wire.gemini.client import Modality
from bench.child import ServerProcess, serving
from bench.load import setup
from bench.report import Sizes, Table, percentile
from bench.spoken import Journal, Sentence, sentence, speak

ROUNDS = 6
MOMENTS = {"while sending ahead": 0.0, "while sending at pace": 3.0}
_TIMEOUT = 30.0
_AFTERWARDS = 0.5


class Interruption(Struct):
    """Milliseconds: from the start of speech to the onset; from there on. Below zero is before the onset."""

    onset: float
    last_audio: float
    told: float
    audio_afterwards: int
    """Frames of audio that arrived between the onset and the news of it, or later."""


async def interrupt(server: ServerProcess, said: Sentence, after: float) -> Interruption:
    """Start an answer, speak into it ``after`` seconds of it, and see what still arrives."""
    async with asyncio.timeout(_TIMEOUT), open_session(server.url, setup(500, Modality.AUDIO)) as session:
        await server.marks()
        journal = Journal(session)
        await session.send(client.RealtimeInput(text="Talk."))
        await asyncio.sleep(max(0.0, await journal.first("audio") + after - time.monotonic()))
        began = time.monotonic()
        speaking = asyncio.create_task(speak(session, said.pcm, began))
        told = await journal.first("interrupted")
        await asyncio.sleep(_AFTERWARDS)
        audio = journal.times("audio")
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await journal.close()
    onset = next(mark.time for mark in await server.marks() if mark.event == "ActivityStarted")
    return Interruption(
        onset=1000 * (onset - began - said.begins),
        last_audio=1000 * (max(audio) - onset),
        told=1000 * (told - onset),
        audio_afterwards=sum(each > onset for each in audio),
    )


async def run(sizes: Sizes) -> Table:
    """Interrupt at both moments."""
    columns = ("moment", "times", "speech to onset", "onset to last audio", "onset to interrupted", "audio after onset")
    table = Table("Interruption: ms, median / max", columns)
    sentences = [sentence(each.pcm, 0.1, 2.0) for each in SPOKEN.values()]
    async with serving("talking", loop=sizes.loop) as server:
        for name, after in MOMENTS.items():
            count = sizes.rounds or ROUNDS
            every = [await interrupt(server, sentences[number % len(sentences)], after) for number in range(count)]
            table.rows.append(
                (
                    name,
                    count,
                    *(_summary([getattr(each, field) for each in every]) for field in ("onset", "last_audio", "told")),
                    f"{sum(each.audio_afterwards for each in every)} frames",
                )
            )
    table.notes.append("below zero: the last audio had arrived before the onset was decided")
    return table


def _summary(values: list[float]) -> str:
    return f"{median(values):.1f} / {percentile(values, 100):.1f}"
