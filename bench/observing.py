"""What looking on at a call costs it: by the message of sound, beside what the session itself makes of the message.

Nobody, a timeline with metrics, and both with a recording are told of the same messages in one run; each figure is the
best of several rounds. What a recording is written with is another thread's, and not in it.
"""

import tempfile
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

from antiphon.calls.caller import Caller
from antiphon.calls.observer import NOBODY
from antiphon.calls.recording import RecordingConfig, Recordings
from antiphon.calls.timeline import Chronicle
from antiphon.live import events
from antiphon.live.inputs import Begin, EngineOpened
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.server.metrics import Metrics
from antiphon.wire.gemini import client
from bench.report import Sizes, Table

ROUNDS = 15
MESSAGES = 5000

_SOUND = client.RealtimeInput(audio=client.Blob(data=bytes(640), mime_type="audio/pcm;rate=16000"))
_SPEECH = events.Speech(1, bytes(960))
_OPENING = (Begin(client.Setup(model="gemini-3.8-live")), EngineOpened(), client.RealtimeInput(text="hi"), _SPEECH)


async def run(sizes: Sizes) -> Table:
    """The table: a row for each direction and each way to look on."""
    table = Table("Looking on, by the message of 20 ms", ("", "added µs", "to the session's own"))
    with tempfile.TemporaryDirectory() as folder:
        recordings = Recordings(Path(folder), RecordingConfig(mode="always"), capacity=1 << 50)
        for name, recorded in (("timeline, metrics", False), ("and a recording", True)):
            for what, message in (("sound of the user", _SOUND), ("speech of the model", _SPEECH)):
                added, own = _measure(message, recordings, recorded, sizes.rounds or ROUNDS)
                table.rows.append((f"{what}: {name}", added, f"x {1 + added / own:.2f}"))
        await recordings.aclose()
    return table


def _measure(message: Any, recordings: Recordings, recorded: bool, rounds: int) -> tuple[float, float]:
    """Microseconds that looking on adds to a message, and those of the session."""
    session = Session(Policy(messages_per_second=1e9), 0.0, "bench")
    metrics = Metrics(lambda: 0, lambda: ())
    record = recordings.record if recorded else lambda session_id, labels: None
    chronicle = Chronicle(session, Caller(), 0.0, [metrics], record=record)
    for event in _OPENING:
        chronicle.saw(event, session.receive(event, 1.0), 1.0)
    effects = session.receive(message, 1.0)
    own = _best(lambda: session.receive(message, 1.0), rounds)
    nobody = _best(lambda: NOBODY.saw(message, effects, 1.0), rounds)
    return _best(lambda: chronicle.saw(message, effects, 1.0), rounds, recordings._waiting.clear) - nobody, own


def _best(work: Callable[[], object], rounds: int, after: Callable[[], None] = lambda: None) -> float:
    found = []
    for _ in range(rounds):
        found.append(timeit.timeit(work, number=MESSAGES))
        after()
    return 1e6 * min(found) / MESSAGES
