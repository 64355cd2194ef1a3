"""Handles: for whom they are good, for how long, and what is left of a process that was killed."""

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from antiphon.live.history import Picture, Turn, Words
from antiphon.live.snapshot import KeptTurn, Snapshot
from antiphon.live.tokens import Tokens, Usage
from antiphon.store import tables
from antiphon.store.database import Database
from antiphon.store.resumptions import HANDLES, Resumptions, SupersededError
from antiphon.wire.refusal import MAX_CLOSE_REASON, Refusal

TTL = 7200.0
ME, YOU = "me", "you"


def snapshot(number: int = 1, session_id: str = "a", *pictures: bytes) -> Snapshot:
    parts = (Words(f"turn {number}"), *(Picture("image/png", each) for each in pictures))
    return Snapshot(session_id, "gemini-3.8-live", (KeptTurn(Turn("user", parts), Tokens(text=3)),), Usage(), number)


async def rows(database: Database, table: Any) -> int:
    counted = await database.read(lambda each: each.execute(select(func.count()).select_from(table)).scalar_one())
    return int(counted)


@pytest.fixture
def resumptions(database: Database, now: Any) -> Resumptions:
    return Resumptions(database, TTL, now)


@pytest.fixture
async def elsewhere(open_database: Any, now: Any) -> Resumptions:
    """The same store, in another process."""
    return Resumptions(await open_database(), TTL, now)


class TestHandles:
    async def test_lead_back(self, resumptions: Resumptions) -> None:
        handle = await resumptions.keep(snapshot(1, "a", b"png"), ME)
        assert await resumptions.load(handle, ME) == snapshot(1, "a", b"png")
        assert await resumptions.load(handle, ME) == snapshot(1, "a", b"png"), "more than once"

    async def test_lead_back_in_another_process(self, resumptions: Resumptions, elsewhere: Resumptions) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        assert await elsewhere.load(handle, ME) == snapshot()

    async def test_are_opaque_and_all_different(self, resumptions: Resumptions) -> None:
        handles = {await resumptions.keep(snapshot(), ME) for _ in range(10)}
        assert len(handles) == 10
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", handle) for handle in handles)

    async def test_are_not_in_the_file(self, resumptions: Resumptions, database: Database) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        stored = b"".join(each.read_bytes() for each in database.path.parent.iterdir())
        assert b"turn 1" in stored
        assert handle.encode() not in stored

    async def test_the_newest_few_of_a_session_are_good(self, resumptions: Resumptions) -> None:
        handles = [await resumptions.keep(snapshot(number), ME) for number in range(HANDLES + 2)]
        for number, handle in enumerate(handles):
            if number < 2:
                with pytest.raises(Refusal):
                    await resumptions.load(handle, ME)
            else:
                assert await resumptions.load(handle, ME) == snapshot(number)

    async def test_sessions_do_not_push_out_each_others(self, resumptions: Resumptions) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        for number in range(HANDLES + 1):
            await resumptions.keep(snapshot(number, "b"), ME)
        assert await resumptions.load(handle, ME) == snapshot()


class TestRefusals:
    async def test_a_stranger_finds_nothing(self, resumptions: Resumptions) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        with pytest.raises(Refusal) as someone_elses:
            await resumptions.load(handle, YOU)
        with pytest.raises(Refusal) as nobodys:
            await resumptions.load("A" * 32, YOU)
        assert someone_elses.value.args == nobodys.value.args

    async def test_an_unknown_handle_is_refused_as_the_hosted_service_does(self, resumptions: Resumptions) -> None:
        with pytest.raises(Refusal) as refused:
            await resumptions.load("A" * 32, ME)
        assert refused.value.code == 1008
        assert refused.value.field == "setup.sessionResumption.handle"
        assert refused.value.reason == "Requested entity was not found."
        assert len(str(refused.value)) <= MAX_CLOSE_REASON

    @pytest.mark.parametrize("handle", ["x", "A" * 31, "A" * 33, "A" * 31 + "!", "A" * 31 + "\n", "é" * 32, " " * 32])
    async def test_what_is_no_handle_is_told_so(self, resumptions: Resumptions, handle: str) -> None:
        with pytest.raises(Refusal, match="Invalid session handle") as refused:
            await resumptions.load(handle, ME)
        assert refused.value.code == 1007
        assert handle not in str(refused.value)
        assert len(str(refused.value)) <= MAX_CLOSE_REASON

    async def test_a_snapshot_of_a_later_release_is_not_found(
        self, resumptions: Resumptions, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        await database.run(lambda connection: connection.execute(update(tables.snapshots).values(version=99)))
        with pytest.raises(Refusal, match="Requested entity was not found"):
            await resumptions.load(handle, ME)
        assert "a stored session cannot be resumed: it is of version 99" in caplog.text


class TestTime:
    async def test_a_handle_is_good_for_a_while_after_the_last_save(self, resumptions: Resumptions, now: Any) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        now.seconds += TTL
        assert await resumptions.load(handle, ME) == snapshot()
        now.seconds += 1
        with pytest.raises(Refusal):
            await resumptions.load(handle, ME)

    async def test_a_session_that_runs_keeps_all_its_handles_good(self, resumptions: Resumptions, now: Any) -> None:
        first, second = [await resumptions.keep(snapshot(number), ME) for number in (1, 2)]
        for _ in range(5):
            now.seconds += TTL
            await resumptions.touch("a", "b")
        assert await resumptions.load(first, ME) == snapshot(1)
        assert await resumptions.load(second, ME) == snapshot(2)

    async def test_going_on_keeps_them_good(self, resumptions: Resumptions, now: Any) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        now.seconds += TTL
        await resumptions.take_over("a")
        now.seconds += TTL
        assert await resumptions.load(handle, ME) == snapshot()

    async def test_what_expired_is_deleted_whole(self, resumptions: Resumptions, database: Database, now: Any) -> None:
        await resumptions.keep(snapshot(1, "a", b"png"), ME)
        now.seconds += TTL
        kept = await resumptions.keep(snapshot(1, "b", b"png"), ME)
        assert await resumptions.expire() == 0
        now.seconds += 1
        assert await resumptions.expire() == 1
        assert [await rows(database, table) for table in (tables.resumable, tables.snapshots, tables.pictures)] == [
            1
        ] * 3
        assert await resumptions.load(kept, ME) == snapshot(1, "b", b"png")


class TestPictures:
    async def test_are_stored_once_for_a_session(self, resumptions: Resumptions, database: Database) -> None:
        for number in range(3):
            handle = await resumptions.keep(snapshot(number, "a", b"one", b"two"), ME)
        assert await rows(database, tables.pictures) == 2
        assert await resumptions.load(handle, ME) == snapshot(2, "a", b"one", b"two")

    async def test_go_with_the_last_snapshot_they_are_in(self, resumptions: Resumptions, database: Database) -> None:
        await resumptions.keep(snapshot(0, "a", b"one", b"two"), ME)
        for number in range(1, HANDLES):
            await resumptions.keep(snapshot(number, "a", b"two"), ME)
        assert await rows(database, tables.pictures) == 2
        handle = await resumptions.keep(snapshot(HANDLES, "a", b"two"), ME)
        assert await rows(database, tables.pictures) == 1
        assert await resumptions.load(handle, ME) == snapshot(HANDLES, "a", b"two")


class TestEpochs:
    async def test_grow_with_every_connection(self, resumptions: Resumptions, elsewhere: Resumptions) -> None:
        await resumptions.keep(snapshot(), ME)
        assert await elsewhere.epochs(["a", "b"]) == {"a": 1}
        assert await elsewhere.take_over("a") == 2
        assert await resumptions.take_over("a") == 3
        assert await resumptions.epochs(["a"]) == {"a": 3}

    async def test_whoever_has_an_old_one_keeps_nothing(
        self, resumptions: Resumptions, elsewhere: Resumptions, database: Database
    ) -> None:
        handle = await resumptions.keep(snapshot(), ME)
        epoch = await elsewhere.take_over("a")
        with pytest.raises(SupersededError, match="session a went on with another connection"):
            await resumptions.keep(snapshot(2), ME)
        assert await rows(database, tables.snapshots) == 1
        newer = await elsewhere.keep(snapshot(3), ME, epoch)
        assert await elsewhere.load(newer, ME) == snapshot(3)
        assert await elsewhere.load(handle, ME) == snapshot(), "the handle it began from stays good"

    async def test_a_session_that_is_gone_is_not_gone_on_with(self, resumptions: Resumptions) -> None:
        with pytest.raises(Refusal, match="Requested entity was not found"):
            await resumptions.take_over("a")

    async def test_a_process_that_slept_too_long_keeps_its_session(self, resumptions: Resumptions, now: Any) -> None:
        await resumptions.keep(snapshot(), ME)
        epoch = await resumptions.take_over("a")
        now.seconds += 2 * TTL
        assert await resumptions.expire() == 1
        handle = await resumptions.keep(snapshot(2), ME, epoch)
        assert await resumptions.load(handle, ME) == snapshot(2)
        assert await resumptions.epochs(["a"]) == {"a": epoch}

    async def test_of_many_at_once_each_is_another(self, resumptions: Resumptions, elsewhere: Resumptions) -> None:
        await resumptions.keep(snapshot(), ME)
        epochs = await asyncio.gather(*(each.take_over("a") for each in (resumptions, elsewhere) * 10))
        assert sorted(epochs) == list(range(2, 22))


PROGRAM = """
import asyncio, pathlib, sys
from antiphon.live.history import Picture, Turn, Words
from antiphon.live.snapshot import KeptTurn, Snapshot
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import Database
from antiphon.store.resumptions import Resumptions

async def main():
    database = Database(pathlib.Path(sys.argv[1]))
    await database.open()
    resumptions = Resumptions(database, 7200, lambda: 1_700_000_000.0)
    for number in range(10**6):
        parts = (Words(f"turn {number}"), Picture("image/png", b"png"))
        turns = (KeptTurn(Turn("user", parts), Tokens(text=3)),)
        handle = await resumptions.keep(Snapshot("a", "gemini-3.8-live", turns, Usage(), number), "me")
        print(number, handle, flush=True)

asyncio.run(main())
"""


def killed(path: Path) -> list[str]:
    """What a process printed that gave away handles until it was killed."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return lines


async def test_handles_survive_the_process_that_gave_them(resumptions: Resumptions, database: Database) -> None:
    """However a process ends, what it gave away is good: here it is killed while it writes."""
    lines = await asyncio.to_thread(killed, database.path)
    # It may have died in the middle of a line, and after keeping one more than it told of.
    for line in [line for line in lines if line.endswith("\n")][1 - HANDLES :]:
        number, handle = line.split()
        assert await resumptions.load(handle, ME) == snapshot(int(number), "a", b"png")
