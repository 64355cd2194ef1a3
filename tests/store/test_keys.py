"""Stored keys: found by their secret, which is nowhere; changed, replaced and revoked."""

import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from antiphon.store.database import Database
from antiphon.store.keys import GRACE, SECRET_PREFIX, USE_SECONDS, KeyLimits, Keys, KeyTerms, is_stored

TERMS = KeyTerms(
    name="phone app",
    permissions=("live", "sessions"),
    models=("gemini-3.8-live",),
    expires=1_800_000_000.0,
    limits=KeyLimits(Decimal("0.5"), Decimal("5"), Decimal("100.25"), 3),
)


@pytest.fixture
def keys(database: Database, now: Any) -> Keys:
    return Keys(database, now)


class TestCreation:
    async def test_a_key_is_found_by_its_secret_and_by_its_id(self, keys: Keys, now: Any) -> None:
        key, secret = await keys.create(TERMS, "admin")
        assert secret.startswith(SECRET_PREFIX)
        assert len(secret) == len(SECRET_PREFIX) + 43, "256 bits"
        assert (key.terms, key.created, key.created_by, key.last_used) == (TERMS, now(), "admin", None)
        assert is_stored(key.id)
        assert await keys.find(secret) == await keys.get(key.id) == key
        assert await keys.all() == [key]

    async def test_another_secret_finds_nothing(self, keys: Keys) -> None:
        _, secret = await keys.create(TERMS, "")
        assert await keys.find(secret[:-1]) is None
        assert await keys.find("") is None
        assert await keys.get("ak_other") is None

    async def test_the_secret_is_nowhere(self, keys: Keys, database: Database) -> None:
        _, secret = await keys.create(TERMS, "")
        with sqlite3.connect(database.path) as connection:
            dump = "\n".join(connection.iterdump())
        assert "phone app" in dump
        assert secret.removeprefix(SECRET_PREFIX) not in dump

    async def test_the_newest_is_listed_first(self, keys: Keys, now: Any) -> None:
        first, _ = await keys.create(TERMS, "")
        now.seconds += 1
        second, _ = await keys.create(TERMS, "")
        assert [key.id for key in await keys.all()] == [second.id, first.id]
        assert await keys.get_all([first.id, "ak_other"]) == {first.id: first}


class TestChanges:
    async def test_all_its_terms_may_change(self, keys: Keys) -> None:
        key, secret = await keys.create(TERMS, "")
        other = KeyTerms(name="new", limits=KeyLimits(day=Decimal("0.000001")))
        changed = await keys.update(key.id, other)
        assert changed is not None
        assert changed.terms == other
        assert await keys.find(secret) == changed
        assert await keys.update("ak_other", other) is None

    async def test_it_expires_and_is_still_found(self, keys: Keys, now: Any) -> None:
        _, secret = await keys.create(TERMS, "")
        found = await keys.find(secret)
        assert found is not None
        assert found.state(TERMS.expires - 1) == "active"  # type: ignore[operator]
        assert found.state(TERMS.expires) == "expired"  # type: ignore[arg-type]

    async def test_revoked_is_for_ever(self, keys: Keys, now: Any) -> None:
        key, secret = await keys.create(TERMS, "")
        revoked = await keys.revoke(key.id)
        assert revoked is not None
        assert revoked.revoked == now()
        now.seconds += 10
        assert await keys.revoke(key.id) == revoked == await keys.find(secret)
        assert revoked.state(now()) == "revoked"
        assert await keys.rotate(key.id) is None
        assert await keys.revoke("ak_other") is None


class TestRotation:
    async def test_both_secrets_are_good_for_a_while(self, keys: Keys, now: Any) -> None:
        key, old = await keys.create(TERMS, "")
        rotated = await keys.rotate(key.id)
        assert rotated is not None
        changed, new = rotated
        assert (changed.id, changed.terms, changed.old_until) == (key.id, TERMS, now() + GRACE)
        assert await keys.find(old) == await keys.find(new) == changed
        now.seconds += GRACE
        assert await keys.find(old) is None
        assert await keys.find(new) == changed

    async def test_or_only_the_new_one(self, keys: Keys) -> None:
        key, old = await keys.create(TERMS, "")
        rotated = await keys.rotate(key.id, grace=0)
        assert rotated is not None
        assert await keys.find(old) is None
        assert await keys.find(rotated[1]) == rotated[0]

    async def test_never_three(self, keys: Keys) -> None:
        key, first = await keys.create(TERMS, "")
        await keys.rotate(key.id)
        await keys.rotate(key.id)
        assert await keys.find(first) is None

    async def test_revoking_ends_both(self, keys: Keys) -> None:
        key, old = await keys.create(TERMS, "")
        rotated = await keys.rotate(key.id)
        assert rotated is not None
        await keys.revoke(key.id)
        assert await keys.find(old) is None
        found = await keys.find(rotated[1])
        assert found is not None
        assert found.revoked is not None


class TestUse:
    async def test_it_is_written_once_a_minute(self, keys: Keys, database: Database, now: Any) -> None:
        key, _ = await keys.create(TERMS, "")
        elsewhere = Keys(database, now)
        seen = []
        for _ in range(2 * int(USE_SECONDS / 20)):
            keys.note_use(key)
            await keys.write_uses()
            (written,) = await elsewhere.all()
            seen.append(written.last_used)
            now.seconds += 20
        begin = now() - 2 * USE_SECONDS
        assert seen == [begin, begin, begin, begin + 60, begin + 60, begin + 60]

    async def test_it_is_seen_before_it_is_written(self, keys: Keys, now: Any) -> None:
        key, _ = await keys.create(TERMS, "")
        keys.note_use(key)
        assert (await keys.get_all([key.id]))[key.id].last_used == now()


async def test_another_process_sees_it(open_database: Any, now: Any, tmp_path: Path) -> None:
    one, other = Keys(await open_database(), now), Keys(await open_database(), now)
    key, secret = await one.create(TERMS, "")
    assert await other.find(secret) == key
    await other.revoke(key.id)
    found = await one.find(secret)
    assert found is not None
    assert found.revoked is not None
