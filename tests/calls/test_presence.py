"""Several processes with one database: each keeps what it has alive, and gives up what went on elsewhere."""

from typing import Any

import pytest

from antiphon.calls.memory import Memory
from antiphon.calls.presence import Presence
from antiphon.live.inputs import Evicted
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Usage
from antiphon.store.database import Database
from antiphon.store.resumptions import Resumptions


class FakeCall:
    """A call whose session has a name and an epoch, and that only remembers what it received."""

    def __init__(self, session_id: str, epoch: int) -> None:
        self.id = session_id
        self.epoch = epoch
        self.received: list[Any] = []

    def receive(self, event: Evicted) -> None:
        self.received.append(event)


def snapshot(session_id: str) -> Snapshot:
    return Snapshot(session_id, "gemini-3.8-live", (), Usage(), 1)


@pytest.fixture
async def here(memory: Memory) -> Resumptions:
    for name in ("a", "b"):
        await memory.resumptions.keep(snapshot(name), "me")
    return memory.resumptions


@pytest.fixture
async def elsewhere(open_memory: Any) -> Resumptions:
    memory: Memory = await open_memory()
    return memory.resumptions


class Reads:
    """Counts the transactions of a database that only read."""

    def __init__(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        read = database.read

        async def counted(work: Any) -> Any:
            self.count += 1
            return await read(work)

        monkeypatch.setattr(database, "read", counted)


class TestLook:
    async def test_a_session_that_went_on_elsewhere_is_given_up(
        self, here: Resumptions, elsewhere: Resumptions
    ) -> None:
        mine, other = FakeCall("a", 1), FakeCall("b", 1)
        presence = Presence(here, lambda: (mine, other))
        await presence.look()
        assert mine.received == []
        await elsewhere.take_over("a")
        await presence.look()
        assert mine.received == [Evicted()]
        assert other.received == []

    async def test_what_happened_before_the_first_look_is_seen(self, here: Resumptions, elsewhere: Resumptions) -> None:
        mine = FakeCall("a", 1)
        await elsewhere.take_over("a")
        await Presence(here, lambda: (mine,)).look()
        assert mine.received == [Evicted()]

    async def test_whoever_has_the_newest_epoch_stays(self, here: Resumptions, elsewhere: Resumptions) -> None:
        mine = FakeCall("a", await here.take_over("a"))
        presence = Presence(here, lambda: (mine,))
        await presence.look()
        await elsewhere.keep(snapshot("c"), "me")
        await presence.look()
        assert mine.received == []

    async def test_a_session_that_is_gone_from_the_store_stays(self, here: Resumptions, elsewhere: Resumptions) -> None:
        mine = FakeCall("never kept", 1)
        await Presence(here, lambda: (mine,)).look()
        assert mine.received == []

    async def test_as_long_as_nobody_writes_nothing_is_read(
        self, here: Resumptions, elsewhere: Resumptions, memory: Memory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        presence = Presence(here, lambda: (FakeCall("a", 1),))
        await presence.look()
        reads = Reads(memory.database, monkeypatch)
        await presence.look()
        assert reads.count == 1, "the version, and no more"
        await elsewhere.keep(snapshot("c"), "me")
        await presence.look()
        assert reads.count == 3

    async def test_calls_of_which_nothing_is_kept_cost_nothing(
        self, here: Resumptions, memory: Memory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        reads = Reads(memory.database, monkeypatch)
        await Presence(here, lambda: (FakeCall("a", 0),)).look()
        assert reads.count == 0

    async def test_a_call_that_comes_while_it_looks_is_not_missed(
        self, here: Resumptions, elsewhere: Resumptions, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The other process writes before the version is read, and the call is there only after."""
        calls = [FakeCall("b", 1)]
        version = here.version

        async def slow() -> int:
            mine = FakeCall("a", await here.take_over("a"))
            await elsewhere.take_over("a")
            found = await version()
            calls.append(mine)
            return found

        presence = Presence(here, lambda: calls)
        await presence.look()
        monkeypatch.setattr(here, "version", slow)
        await presence.look()
        assert calls[1].received == [Evicted()]


class TestAffirm:
    async def test_sessions_that_run_are_told_to_run(self, here: Resumptions, monkeypatch: pytest.MonkeyPatch) -> None:
        touched: list[tuple[str, ...]] = []

        async def touch(*session_ids: str) -> None:
            touched.append(session_ids)

        monkeypatch.setattr(here, "touch", touch)
        calls = [FakeCall("a", 1), FakeCall("kept nothing", 0), FakeCall("b", 3)]
        await Presence(here, lambda: calls).affirm()
        await Presence(here, lambda: calls[1:2]).affirm()
        assert touched == [("a", "b")]
