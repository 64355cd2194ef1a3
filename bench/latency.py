"""From the end of a user's speech to the first sound of the answer, at a client, over a socket, in parts.

The server is a process with the default engine; the client says the sentences of ``antiphon.testing.SPOKEN`` in chunks
of 20 ms as a microphone would. Speech ends with its last sample above -44 dBFS; the clock of the sound is that of the
machine, so the 0 to 20 ms that the last sample waits for its chunk to fill are included. Inside the server, every
event of the engine is timed as it reaches the session. Each session says all sentences, one after the other; the
first is told apart, for a recogniser may have to get used to a microphone.
"""

import asyncio
import time
from collections.abc import Sequence
from statistics import median

from msgspec import Struct

from antiphon.providers.live import LiveConnection, open_session
from antiphon.testing import SPOKEN
from antiphon.wire.gemini.client import Modality
from bench.child import ServerProcess, serving
from bench.load import setup
from bench.parts import Mark
from bench.report import Cell, Sizes, Table
from bench.spoken import Journal, Sentence, sentence, speak

WINDOWS_MS = (500, 300)
ROUNDS = 2
_BEFORE, _AFTER = 0.5, 3.0
_TIMEOUT = 30.0


class Turn(Struct):
    """The parts of one turn, in milliseconds."""

    decided: float
    transcribed: float
    spoken: float
    carried: float
    arrived: float
    """When the answer began to arrive, in seconds of the system's steady clock."""

    @property
    def whole(self) -> float:
        """From the end of speech to the first audio at the client."""
        return self.decided + self.answered

    @property
    def answered(self) -> float:
        """From the decision that the turn is over to the first audio at the client."""
        return self.transcribed + self.spoken + self.carried


async def converse(server: ServerProcess, sentences: Sequence[Sentence], window_ms: int) -> list[Turn]:
    """Say sentences in one session, each when the answer to the one before has played out.

    Raises:
        TimeoutError: no answer came.
    """
    async with open_session(server.url, setup(window_ms, Modality.AUDIO)) as session:
        journal = Journal(session)
        turns: list[Turn] = []
        try:
            for said in sentences:
                turns.append(await _turn(server, session, journal, said))
                if len(turns) < len(sentences):
                    await journal.first("turn", turns[-1].arrived)
        finally:
            await journal.close()
        return turns


async def _turn(server: ServerProcess, session: LiveConnection, journal: Journal, said: Sentence) -> Turn:
    await server.marks()
    began = time.monotonic()
    speaking = asyncio.create_task(speak(session, said.pcm, began))
    try:
        async with asyncio.timeout(_TIMEOUT):
            arrived = await journal.first("audio", began)
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
    return _parts(await server.marks(), began + said.ends, arrived)


def _parts(marks: list[Mark], ended: float, arrived: float) -> Turn:
    """The turn that was answered; a pause within the sentence may have ended one before."""
    spoken = _last(marks, "Speech", arrived, first=True)
    transcribed = _last(marks, "InputTranscript", spoken)
    decided = _last(marks, "ActivityEnded", transcribed)
    return Turn(
        decided=1000 * (decided - ended),
        transcribed=1000 * (transcribed - decided),
        spoken=1000 * (spoken - transcribed),
        carried=1000 * (arrived - spoken),
        arrived=arrived,
    )


def _last(marks: list[Mark], event: str, before: float, *, first: bool = False) -> float:
    times = [mark.time for mark in marks if mark.event == event and mark.time <= before]
    return times[0] if first else times[-1]


async def run(sizes: Sizes) -> Table:
    """All sentences at each silence window."""
    columns = ("window", "turns", "to decision", "transcript", "first sound", "socket", "decision to audio", "in all")
    table = Table("Latency: end of speech to first audio, ms, median / max", columns)
    sentences = [sentence(each.pcm, _BEFORE, _AFTER) for each in list(SPOKEN.values())[: sizes.sessions]]
    async with serving("default", loop=sizes.loop) as server:
        await converse(server, sentences[:1], WINDOWS_MS[0])  # makes a language model
        for window in WINDOWS_MS:
            rounds = [await converse(server, sentences, window) for _ in range(sizes.rounds or ROUNDS)]
            table.rows.append(_row(f"{window} ms, first turns", [turns[0] for turns in rounds]))
            table.rows.append(_row(f"{window} ms, later turns", [turn for turns in rounds for turn in turns[1:]]))
    return table


def _row(name: str, turns: list[Turn]) -> tuple[Cell, ...]:
    """Turns that ended in a pause within their sentence say nothing about its end."""
    whole = [turn for turn in turns if turn.whole >= 0]
    parts = ("decided", "transcribed", "spoken", "carried", "answered", "whole")
    cells = (_summary([getattr(turn, part) for turn in whole]) for part in parts)
    return name, f"{len(whole)} of {len(turns)}", *cells


def _summary(values: list[float]) -> str:
    return f"{median(values):.1f} / {max(values):.1f}" if values else "-"
