"""Tokens in the database: found by their secret alone, used exactly as often as they may be, gone when expired."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import func, select

from antiphon.store import grants as table
from antiphon.store.database import Database
from antiphon.store.grants import GrantLimitError, Grants, StoredGrant

NOW = 1_000_000.0
GRANT = StoredGrant(
    owner="somebody",
    setup={"model": "models/m", "generationConfig": {"temperature": 0.5}},
    field_mask=("model", "generationConfig.temperature"),
    uses_left=1,
    expires=NOW + 1800,
    new_session_expires=NOW + 60,
)


class Wall:
    """A clock on the wall that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(tmp_path / "store.sqlite")
    await database.open()
    yield database
    await database.aclose()


@pytest.fixture
def grants(database: Database, wall: Wall) -> Grants:
    return Grants(database, wall, per_owner=3)


async def rows(database: Database) -> list[Any]:
    return list(await database.read(lambda connection: connection.execute(select(table.grants)).all()))


async def test_what_was_kept_is_found(grants: Grants) -> None:
    secret = await grants.create(GRANT)
    assert await grants.find(secret) == (table.digest(secret), GRANT)


async def test_a_token_without_anything_is_kept_as_such(grants: Grants) -> None:
    bare = replace(GRANT, setup=None, field_mask=(), uses_left=None)
    found = await grants.find(await grants.create(bare))
    assert found is not None
    assert found[1] == bare


@pytest.mark.parametrize("secret", ["", "x", "0" * 64])
async def test_nothing_else_is(grants: Grants, secret: str) -> None:
    await grants.create(GRANT)
    assert await grants.find(secret) is None


async def test_secrets_are_long_and_differ(grants: Grants) -> None:
    secrets = {await grants.create(GRANT) for _ in range(3)}
    assert len(secrets) == 3
    assert {len(secret) for secret in secrets} == {2 * table.TOKEN_BYTES}


async def test_only_the_digest_is_on_disk(grants: Grants, database: Database) -> None:
    secret = await grants.create(GRANT)
    (row,) = await rows(database)
    assert row.id == hashlib.sha256(secret.encode()).hexdigest()
    files = database.path.parent.glob("store.sqlite*")
    assert not any(secret.encode() in file.read_bytes() for file in files)


async def test_one_use_is_one(grants: Grants) -> None:
    grant_id = table.digest(await grants.create(GRANT))
    assert [await grants.use(grant_id) for _ in range(3)] == [True, False, False]


async def test_without_a_limit_there_is_none(grants: Grants) -> None:
    grant_id = table.digest(await grants.create(replace(GRANT, uses_left=None)))
    assert all([await grants.use(grant_id) for _ in range(5)])


async def test_an_unknown_one_has_no_use(grants: Grants) -> None:
    assert not await grants.use("unknown")


@pytest.mark.parametrize("seconds", [60, 1800])
async def test_no_session_begins_when_its_time_has_passed(grants: Grants, wall: Wall, seconds: float) -> None:
    grant_id = table.digest(await grants.create(replace(GRANT, uses_left=None)))
    wall.now += seconds - 0.001
    assert await grants.use(grant_id) == (seconds == 60)
    wall.now += 0.001
    assert not await grants.use(grant_id)


async def test_of_many_that_want_the_last_uses_as_many_get_them(database: Database, wall: Wall) -> None:
    """Two databases on one file are what two processes are."""
    other = Database(database.path)
    await other.open()
    here, there = Grants(database, wall), Grants(other, wall)
    grant_id = table.digest(await here.create(replace(GRANT, uses_left=7)))
    got = await asyncio.gather(*(each.use(grant_id) for each in [here, there] * 10))
    await other.aclose()
    assert sum(got) == 7


async def test_an_expired_one_is_found_for_a_while_and_then_deleted(
    grants: Grants, database: Database, wall: Wall
) -> None:
    secret = await grants.create(GRANT)
    await grants.create(replace(GRANT, expires=GRANT.expires + 1))
    wall.now = GRANT.expires + table.GRACE - 1
    assert await grants.expire() == 0
    assert await grants.find(secret)
    wall.now += 1
    assert await grants.expire() == 1
    assert await grants.find(secret) is None
    assert len(await rows(database)) == 1


async def test_an_owner_has_so_many_and_no_more(grants: Grants, wall: Wall) -> None:
    for _ in range(grants.per_owner):
        await grants.create(GRANT)
    with pytest.raises(GrantLimitError):
        await grants.create(GRANT)
    await grants.create(replace(GRANT, owner="somebody else"))
    wall.now += 1800
    await grants.create(replace(GRANT, expires=wall.now + 1))


async def test_at_once_nobody_gets_more_either(grants: Grants, database: Database) -> None:
    got = await asyncio.gather(*(grants.create(GRANT) for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(each, str) for each in got) == grants.per_owner
    count = select(func.count()).select_from(table.grants)
    assert await database.read(lambda connection: connection.execute(count).scalar_one()) == grants.per_owner


async def test_tokens_outlive_the_process(grants: Grants, database: Database, wall: Wall) -> None:
    secret = await grants.create(GRANT)
    await database.aclose()
    again = Database(database.path)
    await again.open()
    assert await Grants(again, wall).find(secret) == (table.digest(secret), GRANT)
    await again.aclose()


class TestLookingAndRevoking:
    async def test_those_that_live_are_listed_those_that_end_last_first(self, grants: Grants, wall: Wall) -> None:
        longer = replace(GRANT, expires=NOW + 3600)
        ids = [table.digest(await grants.create(grant)) for grant in (GRANT, longer)]
        assert await grants.living() == [(ids[1], longer), (ids[0], GRANT)]
        wall.now += 1800
        assert await grants.living() == [(ids[1], longer)]

    async def test_one_is_revoked(self, grants: Grants) -> None:
        secret, other = await grants.create(GRANT), await grants.create(GRANT)
        assert await grants.revoke(table.digest(secret)) == GRANT
        assert await grants.revoke(table.digest(secret)) is None
        assert await grants.find(secret) is None
        assert await grants.find(other) is not None

    async def test_all_of_an_owner_are(self, grants: Grants) -> None:
        for owner in ("somebody", "somebody", "another"):
            await grants.create(replace(GRANT, owner=owner))
        assert await grants.revoke_all("somebody") == 2
        assert [grant.owner for _, grant in await grants.living()] == ["another"]
