"""What a server finds when it looks: records, timelines by hand, sound that can be measured, costs and tokens."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from antiphon.audio.wav import write_wav
from antiphon.calls.recording import FOLDER
from antiphon.live.record import Record
from antiphon.live.timeline import (
    Activity,
    Gap,
    Money,
    Recording,
    Remark,
    Stage,
    Timeline,
    ToolUse,
    Turn,
    Words,
)
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.audit import Audit, AuditEntry, AuditFilter
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.grants import Grants, StoredGrant
from antiphon.store.ledger import Entry, Ledger
from antiphon.store.records import Records

Result = TypeVar("Result")

DAY = 86_400.0

USAGE = Usage(Tokens(40, 50), Tokens(1, 25), Tokens(3), thoughts=4)
FILES = {side: f"20231114T221320Z-abcd-{side}.wav" for side in ("user", "model")}

TIMELINE = Timeline(
    entries=(
        Remark(at=0.0, about="route", text="cascade was chosen: it is ready"),
        Stage(at=0.1, what="opened", engine="cascade"),
        Activity(at=1.2, ended=3.4, offset=1.0, end_offset=3.0),
        Words(at=3.4, how="heard", characters=34, text="When does the train to Bern leave?"),
        Turn(
            at=3.5, number=1, first=4.0, complete=4.8, ended=8.0, latency=1.0, spoken=4.0, heard=4.0,
            outcome="complete", characters=35, text="The train to Bern leaves at eleven.",
            marks=((0, 0.0), (18, 2.0)), usage=USAGE, cost=Money(Decimal("0.0125")), billed=("google/gemini-x",),
        ),
        ToolUse(
            at=3.6, ended=3.9, id="c1", name="timetable", turn=1, outcome="answered",
            arguments='{"to":"Bern"}', result='{"at":"<11:00>"}',
        ),
        Activity(at=10.0, ended=11.5, offset=10.0, end_offset=11.0),
        Words(at=11.5, how="heard", characters=10, text="And later?"),
        Turn(
            at=11.6, number=2, first=12.0, interrupted=13.0, ended=13.0, latency=1.0, spoken=3.0, heard=1.0,
            outcome="interrupted", characters=29, text="There is one each hour, until", usage=USAGE,
            cost=Money(Decimal(0), ("no price",)),
        ),
        Gap(at=14.0, where="upstream", seconds=0.5, reason="1011", lost="cascade", next="cascade"),
        Remark(at=15.0, about="close", text="1000: bye"),
    ),
    turns=2, interruptions=1, tool_calls=1, usage=USAGE + USAGE, cost=Money(Decimal("0.0125"), ("no price",)),
)  # fmt: skip


def apart(work: Coroutine[Any, Any, Result]) -> Result:
    """What ``work`` returns, on a loop of its own: that of a browser runs in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def in_database(data_dir: Path, work: Callable[[Database], Coroutine[Any, Any, Result]]) -> Result:
    """What ``work`` does with the database of a server."""

    async def inside() -> Result:
        database = Database(data_dir / FILE_NAME)
        await database.open()
        try:
            return await work(database)
        finally:
            await database.aclose()

    return apart(inside())


def logged(data_dir: Path, action: str) -> list[AuditEntry]:
    """What the log of changes has of an action, the newest first."""
    return in_database(data_dir, lambda database: Audit(database).read(AuditFilter(action)))


def record(session_id: str, **changes: Any) -> Record:
    """A record that fits the timeline."""
    whole = Record(session_id, "gemini-3.8-live", "cascade", 15.0, 2, USAGE + USAGE, 1000, "bye", ("setup.x",))
    return msgspec.structs.replace(whole, **changes)


def recorded(timeline: Timeline = TIMELINE) -> Timeline:
    """The same of a call that was recorded."""
    return msgspec.structs.replace(timeline, recording=Recording("always", tuple(FILES.values())))


def seed(
    data_dir: Path, *sessions: Record, owner: str = "", timeline: Timeline | None = TIMELINE, now: float | None = None
) -> None:
    """Keep records, as a server does at the end of a call."""

    async def work(database: Database) -> None:
        records = Records(database, now=lambda: now) if now else Records(database)
        for each in sessions:
            await records.add(each, owner, timeline)

    in_database(data_dir, work)


def spend(data_dir: Path, owner: str, dollars: float = 0.5, **changes: Any) -> None:
    """A call that an owner had: one answer, and a minute."""
    at = changes.pop("at", time.time())
    name = f"{owner}{at}{changes}"
    common = {
        "call": name,
        "session_id": name,
        "at": at,
        "owner": owner,
        "model": "gemini-3.8-live",
        "engine": "google",
    }
    usage = Usage(Tokens(100, 1500), Tokens(20, 250))
    answer = {"provider": "google", "billed": "gemini-3.8-live", "usage": usage, "told": usage}
    answer |= {"generation": 1, "kind": "generation", "amount": int(dollars * 10**12), **changes}
    entries = [
        Entry(**{**common, "generation": 0, "kind": "window", "window": 1, "open_seconds": 60.0, **_model(changes)}),
        Entry(**{**common, **answer}),
    ]
    in_database(data_dir, lambda database: Ledger(database).add(entries))


def grant(data_dir: Path, owner: str, **changes: Any) -> str:
    """A token that lives; its secret."""
    now = time.time()
    fields = {"owner": owner, "setup": None, "field_mask": (), "uses_left": 1, "expires": now + 1800}
    fields |= {"new_session_expires": now + 60, **changes}
    return in_database(data_dir, lambda database: Grants(database).create(StoredGrant(**fields)))


def sound(data_dir: Path, session_id: str) -> dict[str, Path]:
    """Recordings: the user speaks where the timeline says so, loud, and the model softly."""
    folder = data_dir / FOLDER / session_id
    folder.mkdir(parents=True, exist_ok=True)
    paths = {side: folder / name for side, name in FILES.items()}
    write_wav(paths["user"], _tones(16_000, 12.0, 16_000, (1.0, 3.0), (10.0, 11.0)), 16_000)
    write_wav(paths["model"], _tones(24_000, 13.0, 4_000, (4.0, 8.0), (12.0, 13.0)), 24_000)
    return paths


def _tones(rate: int, seconds: float, level: int, *stretches: tuple[float, float]) -> bytes:
    at = np.arange(round(seconds * rate)) / rate
    loud = np.any([(at >= begins) & (at < ends) for begins, ends in stretches], axis=0)
    # As syllables: the envelope of speech.
    envelope = level * (0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 1.7 * at)))
    return (np.sin(2 * np.pi * 220 * at) * envelope * loud).astype("<i2").tobytes()


def _model(changes: dict[str, Any]) -> dict[str, Any]:
    return {"model": changes["model"]} if "model" in changes else {}
