"""What the gates save on recorded calls: the same calls with and without, in seconds, tokens and money.

The calls are put together from the spoken fixtures with the pauses of people who think, wait and listen, in the noise
of a room. Money is what the list price of the model says, history read again with every turn.
"""

from decimal import Decimal

import numpy as np

from antiphon.audio.webrtc import WebRtcVad
from antiphon.engines.gates.silence import SHORTEST_HANGOVER, SilenceGate
from antiphon.live.events import Audio
from antiphon.live.tokens import AUDIO_TOKENS_PER_SECOND, PICTURE_TOKENS, Tokens, Usage
from antiphon.meter.prices import cost, price_of
from antiphon.testing import SPOKEN
from bench.report import Sizes, Table

MODEL = "gemini-3.8-live"
CALLS = {"brisk": 2.0, "usual": 6.0, "idle": 20.0}
"""Seconds from the end of one thing the user says to the next, the answer included."""
ROOMS = {"silent": 0, "quiet": 20, "noisy": 200}
TURNS = 12


def recorded(pause: float, level: int) -> bytes:
    """One call as its microphone heard it: 16 kHz mono 16 bit."""
    names = sorted(SPOKEN)
    clean = b"".join(SPOKEN[names[turn % len(names)]].pcm + bytes(2 * int(16_000 * pause)) for turn in range(TURNS))
    room = np.random.default_rng(7).normal(0, level, len(clean) // 2) if level else 0
    return (np.frombuffer(clean, "<i2") + room).clip(-32768, 32767).astype("<i2").tobytes()


def gated(pcm: bytes) -> SilenceGate:
    """The call through the gate, in chunks of 20 ms."""
    gate = SilenceGate(WebRtcVad(1), 0.5, SHORTEST_HANGOVER)
    for start in range(0, len(pcm), 640):
        gate.feed(Audio(pcm[start : start + 640], 16_000))
    return gate


def dollars(seconds: float, frames: float) -> Decimal:
    """The input of a call of :data:`TURNS` equal turns, read again with each turn that follows."""
    price, total = price_of("google", MODEL), Decimal(0)
    for turn in range(1, TURNS + 1):
        share = turn / TURNS
        tokens = Tokens(
            audio=round(share * seconds * AUDIO_TOKENS_PER_SECOND), video=round(share * frames * PICTURE_TOKENS[""])
        )
        total += cost(price, Usage(prompt=tokens)).known
    return total


async def run(_: Sizes) -> Table:
    """What passes, and what it costs."""
    table = Table(
        f"Gates: {TURNS} turns on {MODEL}, input only, no compression",
        ("call, room", "seconds", "pass", "saved", "sound, $", "with, $", "and video, $", "with, $"),
        notes=["video: one frame a second, 258 tokens each, or those while somebody may be speaking"],
    )
    for call, pause in CALLS.items():
        for room, level in ROOMS.items():
            gate = gated(recorded(pause, level))
            costs = (
                *(dollars(gate.heard, 0), dollars(gate.passed, 0)),
                *(dollars(gate.heard, gate.heard), dollars(gate.passed, gate.passed)),
            )
            saved = f"{100 * gate.saved / gate.heard:.0f} %"
            table.rows.append((f"{call}, {room}", gate.heard, gate.passed, saved, *(f"{each:.4f}" for each in costs)))
    return table
