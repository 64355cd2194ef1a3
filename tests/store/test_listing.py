"""Which sessions a search finds, in what order, and what a line of the list adds up."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select, update

from antiphon.live.record import Record
from antiphon.live.timeline import Money, Recording, Timeline, Turn, Words
from antiphon.live.tokens import Usage
from antiphon.store.database import Database
from antiphon.store.listing import Choices, Listed, Search
from antiphon.store.records import Records
from antiphon.store.tables import sessions, summaries, timelines


def record(session_id: str, **changes: Any) -> Record:
    whole = Record(session_id, "gemini-3.8-live", "cascade", 10.0, 3, Usage(), 1000, "bye")
    return msgspec.structs.replace(whole, **changes)


def said(*texts: str, **changes: Any) -> Timeline:
    heard = Words(at=1.0, how="heard", characters=5, text=texts[0] if texts else "")
    turns = [Turn(at=2.0, number=number, text=text) for number, text in enumerate(texts[1:], 1)]
    return Timeline((heard, *turns), **{"turns": len(turns), **changes})


@pytest.fixture
def records(database: Database, now: Any) -> Records:
    return Records(database, now=now)


async def found(records: Records, **wanted: Any) -> list[str]:
    return [each.session_id for each in (await records.search(Search(**wanted), 50)).sessions]


class TestALine:
    async def test_it_adds_up_the_connections_of_a_session(self, records: Records, now: Any) -> None:
        await records.add(
            record("a", close_code=None), "me", said("hi", "yes", cost=Money(Decimal("0.1")), tool_calls=2)
        )
        now.seconds += 100
        cost = Money(Decimal("0.02"), ("no price",))
        kept = said("hi", "a", "b", cost=cost, interruptions=1, recording=Recording("always", ("x.wav",)))
        await records.add(record("a", close_code=1011, close_reason="broke"), "me", kept)
        (line,) = (await records.search(Search(), 5)).sessions
        assert line == Listed(
            2, "a", "me", now.seconds - 110, 20.0, 2, "gemini-3.8-live", "cascade", 3, 1, 2,
            Money(Decimal("0.12"), ("no price",)), 1011, "broke", True,
        )  # fmt: skip
        assert line.failed

    async def test_what_was_not_charged_is_not_free(self, records: Records) -> None:
        await records.add(record("a"), "me", said("hi"))
        assert (await records.search(Search(), 5)).sessions[0].cost is None

    async def test_without_a_timeline_the_record_counts(self, records: Records) -> None:
        await records.add(record("a", turns=3, interruptions=2), "me")
        (line,) = (await records.search(Search(), 5)).sessions
        assert (line.turns, line.interruptions) == (3, 2)


class TestSearch:
    @pytest.mark.parametrize(
        ("wanted", "ids"),
        [
            ({}, ["c", "b", "a"]),
            ({"text": "TRAIN"}, ["b"]),
            ({"text": "train leaves"}, ["b"]),
            ({"text": "train bus"}, []),
            ({"text": "straße"}, ["a"]),
            ({"text": "100%"}, ["c"]),
            ({"text": "1000"}, []),
            ({"text": "broke"}, ["c"]),
            ({"model": "other"}, ["c"]),
            ({"engine": "relay"}, ["b"]),
            ({"engine": "rel"}, []),
            ({"owner": "you"}, ["c"]),
            ({"outcome": "ok"}, ["b", "a"]),
            ({"outcome": "error"}, ["c"]),
            ({"has": ("interruptions",)}, ["b"]),
            ({"has": ("tools",)}, ["c", "b"]),
            ({"has": ("tools", "interruptions")}, ["b"]),
            ({"has": ("recording",)}, ["a"]),
            ({"since": 1_700_000_090.0}, ["c", "b"]),
            ({"until": 1_700_000_090.0}, ["a"]),
        ],
    )
    async def test_what_it_finds(self, records: Records, now: Any, wanted: dict[str, Any], ids: list[str]) -> None:
        sound = Recording("always", ("x.wav",))
        await records.add(record("a", close_code=None), "me", said("Die STRASSE", "ja", recording=sound))
        now.seconds += 100
        kept = said("when", "the train leaves at ten", interruptions=1, tool_calls=1)
        await records.add(record("b", engine="relay", close_code=1001), "me", kept)
        now.seconds += 100
        lost = record("c", model="other", close_code=1011, close_reason="it broke")
        await records.add(lost, "you", said("so", "100% sure", tool_calls=1))
        assert await found(records, **wanted) == ids

    async def test_pages_hold_every_session_once(self, records: Records) -> None:
        for name in "abcda":
            await records.add(record(name), "me", said("hi"))
        ids: list[str] = []
        before = None
        for _ in range(2):
            page = await records.search(Search(), 2, before)
            ids += [each.session_id for each in page.sessions]
            before = page.older
        assert (ids, before) == (["a", "d", "c", "b"], None)

    async def test_the_choices_are_the_owners_own(self, records: Records) -> None:
        await records.add(record("a"), "me")
        await records.add(record("b", model="other", engine="relay"), "you")
        assert await records.choices("me") == Choices(("gemini-3.8-live",), ("cascade",), ("me",))
        assert (await records.choices()).models == ("gemini-3.8-live", "other")


class TestWhatAnOlderServerLeft:
    async def test_it_is_summarised_once(self, records: Records, database: Database) -> None:
        for name in "abc":
            await records.add(record(name), "me", said("hi", f"topic-{name}"))
        await database.run(lambda connection: connection.execute(delete(summaries)))
        assert await found(records, text="topic-b") == ["b"]
        assert await records.summarise() == 0

    async def test_what_nobody_can_read_is_looked_at_once_and_not_listed(
        self, records: Records, database: Database
    ) -> None:
        await records.add(record("a"), "me")
        await records.add(record("b"), "me")
        damage = update(sessions).where(sessions.c.id == "a").values(record=b"{}")
        await database.run(lambda connection: (connection.execute(damage), connection.execute(delete(summaries))))
        assert await found(records) == ["b"]
        assert await records.summarise() == 0


async def test_nothing_is_left_of_what_is_deleted(records: Records, database: Database) -> None:
    await records.add(record("a"), "me", said("hi", "secret"))
    await records.delete("a")
    for table in (sessions, summaries, timelines):
        assert await database.read(lambda connection, table=table: connection.execute(select(table)).all()) == []
