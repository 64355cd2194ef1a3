"""What is remembered of sessions, and for how long."""

from typing import Any

import pytest
from sqlalchemy import update

from antiphon.live.record import Record
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import Database
from antiphon.store.records import Entry, Records
from antiphon.store.tables import sessions

TTL = 30 * 86_400.0


def record(session_id: str = "a", seconds: float = 10.0) -> Record:
    usage = Usage(Tokens(1, 2, 3, 4), Tokens(5, 6), Tokens(7), thoughts=8, searches=9)
    ignored, notes = ("setup.x", "setup.y"), ("late",)
    return Record(session_id, "gemini-3.8-live", "puppet", seconds, 3, usage, 1000, "bye", ignored, notes, 1, 2, 4)


@pytest.fixture
def records(database: Database, now: Any) -> Records:
    return Records(database, TTL, now)


async def test_a_record_comes_back_whole(records: Records, now: Any) -> None:
    await records.add(record(), "me")
    assert await records.latest(10) == [Entry(now.seconds - 10.0, "me", record())]


async def test_a_client_that_left_has_no_code(records: Records) -> None:
    left = Record("a", "m", "e", 1.0, 0, Usage(), None, "the client left")
    await records.add(left, "")
    (entry,) = await records.latest(1)
    assert entry.record == left


async def test_the_newest_come_first(records: Records, now: Any) -> None:
    for name in "abc":
        await records.add(record(name), "me")
        now.seconds += 1
    assert [entry.record.session_id for entry in await records.latest(2)] == ["c", "b"]


async def test_a_session_has_a_record_for_each_connection(records: Records) -> None:
    await records.add(record("a", 10.0), "me")
    await records.add(record("b"), "me")
    await records.add(record("a", 20.0), "me")
    assert [entry.record.seconds for entry in await records.of("a")] == [10.0, 20.0]
    assert await records.of("c") == []


async def test_other_processes_see_them(records: Records, open_database: Any) -> None:
    await records.add(record(), "me")
    assert len(await Records(await open_database()).latest(10)) == 1


async def test_old_ones_are_deleted(records: Records, now: Any) -> None:
    await records.add(record("a", 10.0), "me")
    now.seconds += TTL - 10.0
    await records.add(record("b"), "me")
    assert await records.expire() == 0
    now.seconds += 1
    assert await records.expire() == 1
    assert [entry.record.session_id for entry in await records.latest(10)] == ["b"]


async def test_without_a_limit_they_stay(database: Database, now: Any) -> None:
    records = Records(database, now=now)
    await records.add(record(), "me")
    now.seconds *= 10
    assert await records.expire() == 0


async def test_one_that_cannot_be_read_hides_no_other(
    records: Records, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await records.add(record("a"), "me")
    await records.add(record("b"), "me")
    damage = update(sessions).where(sessions.c.id == "a").values(record=b"{}")
    await database.run(lambda connection: connection.execute(damage))
    assert [entry.record.session_id for entry in await records.latest(10)] == ["b"]
    assert "the record of session a cannot be read" in caplog.text
