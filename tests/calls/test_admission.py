"""What sessions begin with: constrained by their token, continued by their handle, counted once."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.calls.admission import Admission
from antiphon.calls.caller import Caller, Grant
from antiphon.live.inputs import Begin
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import Database
from antiphon.store.grants import Grants, StoredGrant, digest
from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import CloseCode, Refusal

NOW = 1_000_000.0
SNAPSHOT = Snapshot("session", "models/m", (), Usage(Tokens(), Tokens()), 3)
RESUMING = client.Setup(model="models/m", session_resumption=client.SessionResumptionConfig(handle="h"))
ANYTHING = client.Setup(model="models/theirs", generation_config=client.GenerationConfig(temperature=0.1, seed=5))


class Kept:
    """Sessions of one owner, by handle."""

    async def load(self, handle: str, owner: str) -> Snapshot:
        if (handle, owner) != ("h", "owner"):
            raise Refusal("setup.sessionResumption.handle", "Requested entity was not found.", "", CloseCode.POLICY)
        return SNAPSHOT


class World:
    """An admission, and the time on the wall."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.grants = Grants(database, lambda: self.now)
        self.admission = Admission(self.grants, Kept())

    async def holder(self, **wishes: Any) -> Caller:
        """Somebody with a token made with ``wishes``."""
        plain = StoredGrant("owner", None, (), 1, NOW + 1800, NOW + 60)
        stored = replace(plain, **wishes)
        grant_id = digest(await self.grants.create(stored))
        grant = Grant(grant_id, stored.setup, stored.field_mask, stored.expires, stored.new_session_expires)
        return Caller("owner", grant)

    async def begin(self, setup: client.Setup, caller: Caller) -> Begin:
        return await self.admission.begin(setup, caller)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    database = Database(tmp_path / "store.sqlite")
    await database.open()
    yield World(database)
    await database.aclose()


class TestWithAKey:
    async def test_the_setup_is_the_clients(self, world: World) -> None:
        assert await world.begin(ANYTHING, Caller("owner")) == Begin(ANYTHING)

    async def test_a_handle_brings_its_session(self, world: World) -> None:
        assert await world.begin(RESUMING, Caller("owner")) == Begin(RESUMING, SNAPSHOT)

    async def test_a_handle_of_somebody_else_does_not(self, world: World) -> None:
        with pytest.raises(Refusal, match="not found"):
            await world.begin(RESUMING, Caller("another"))

    async def test_an_empty_handle_asks_for_a_new_session(self, world: World) -> None:
        setup = client.Setup(model="models/m", session_resumption=client.SessionResumptionConfig())
        assert (await world.begin(setup, Caller("owner"))).snapshot is None


class TestTheConstraint:
    async def test_a_setup_replaces_the_connections(self, world: World) -> None:
        caller = await world.holder(setup={"model": "models/ours", "systemInstruction": {"parts": [{"text": "x"}]}})
        begin = await world.begin(ANYTHING, caller)
        assert begin.setup == client.Setup(
            model="models/ours", system_instruction=client.Content(parts=[client.Part(text="x")])
        )

    async def test_a_mask_locks_what_it_names(self, world: World, caplog: pytest.LogCaptureFixture) -> None:
        setup = {"generationConfig": {"temperature": 0.9}}
        caller = await world.holder(setup=setup, field_mask=("generationConfig.temperature",))
        with caplog.at_level(logging.INFO, "antiphon.calls"):
            begin = await world.begin(ANYTHING, caller)
        assert begin.setup == replace(ANYTHING, generation_config=client.GenerationConfig(temperature=0.9, seed=5))
        assert caplog.messages == [f"token {caller.grant.id[:8]}… overrules the connection's generationConfig"]

    async def test_a_token_without_one_leaves_the_setup_and_says_nothing(self, world: World, caplog: Any) -> None:
        with caplog.at_level(logging.INFO, "antiphon.calls"):
            assert (await world.begin(ANYTHING, await world.holder())).setup == ANYTHING
        assert not caplog.messages

    async def test_a_setup_that_was_stored_reads_as_it_was_sent(self, world: World) -> None:
        sent = {"realtime_input_config": {"automatic_activity_detection": {"disabled": True}}, "model": "m"}
        caller = await world.holder(setup=sent)
        assert (await world.begin(ANYTHING, caller)).setup == convert(client.Setup, sent, "")[0]

    async def test_a_handle_that_the_token_rules_out_is_refused_not_dropped(self, world: World) -> None:
        caller = await world.holder(field_mask=("sessionResumption",))
        with pytest.raises(
            Refusal, match=r"^setup\.sessionResumption\.handle: .*; connect without a handle"
        ) as refused:
            await world.begin(RESUMING, caller)
        assert refused.value.code == 1008
        assert (await world.begin(ANYTHING, caller)).snapshot is None


class TestUses:
    async def test_one_use_is_one_session(self, world: World) -> None:
        caller = await world.holder()
        await world.begin(ANYTHING, caller)
        with pytest.raises(Refusal, match=r"^every use of this ephemeral token is spent; make another") as refused:
            await world.begin(ANYTHING, caller)
        assert refused.value.code == 1008

    async def test_of_two_that_want_the_last_use_one_gets_it(self, world: World) -> None:
        caller = await world.holder(uses_left=1)
        got = await asyncio.gather(*(world.begin(ANYTHING, caller) for _ in range(8)), return_exceptions=True)
        assert sum(isinstance(each, Begin) for each in got) == 1
        assert sum(isinstance(each, Refusal) for each in got) == 7

    async def test_without_a_limit_there_is_none(self, world: World) -> None:
        caller = await world.holder(uses_left=None)
        for _ in range(3):
            await world.begin(ANYTHING, caller)

    async def test_resuming_is_no_use(self, world: World) -> None:
        caller = await world.holder()
        await world.begin(ANYTHING, caller)
        for _ in range(3):
            assert (await world.begin(RESUMING, caller)).snapshot == SNAPSHOT

    async def test_a_handle_that_leads_nowhere_costs_none(self, world: World) -> None:
        caller = await world.holder()
        lost = replace(RESUMING, session_resumption=client.SessionResumptionConfig(handle="lost"))
        with pytest.raises(Refusal, match="not found"):
            await world.begin(lost, caller)
        await world.begin(ANYTHING, caller)


class TestTimes:
    async def test_the_session_is_told_what_is_left(self, world: World) -> None:
        caller = await world.holder()
        world.now += 30
        assert (await world.begin(ANYTHING, caller)).expires_in == 1770

    async def test_no_session_begins_too_late(self, world: World) -> None:
        caller = await world.holder()
        world.now += 60
        with pytest.raises(Refusal, match=r"^newSessionExpireTime of this ephemeral token has passed; make") as refused:
            await world.begin(ANYTHING, caller)
        assert refused.value.code == 1008

    async def test_one_that_is_resumed_may(self, world: World) -> None:
        caller = await world.holder()
        world.now += 1799
        begin = await world.begin(RESUMING, caller)
        assert (begin.snapshot, begin.expires_in) == (SNAPSHOT, 1)

    async def test_nothing_after_the_end(self, world: World) -> None:
        caller = await world.holder()
        world.now += 1800
        for setup in (ANYTHING, RESUMING):
            with pytest.raises(Refusal, match=r"^this ephemeral token has expired; make another") as refused:
                await world.begin(setup, caller)
            assert refused.value.code == 1008
