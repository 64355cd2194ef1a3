"""Ephemeral tokens: what each allows, kept under the digest of the token."""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    Integer,
    Row,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from antiphon.store.database import Database
from antiphon.store.tables import metadata

TOKEN_BYTES = 32

GRACE = 3600.0
"""Seconds that an expired token is kept, so that its holder can be told that it expired."""

grants = Table(
    "grants",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("setup", JSON(none_as_null=True)),
    Column("field_mask", JSON, nullable=False),
    Column("uses_left", Integer),
    Column("expires", Float, nullable=False, index=True),
    Column("new_session_expires", Float, nullable=False),
)


class GrantLimitError(Exception):
    """The owner has as many living tokens as one may have."""


class StoredGrant(Struct, frozen=True):
    """A token as its maker wished it. Times are seconds of the Unix epoch; ``uses_left`` None is no limit.

    ``setup`` is JSON as a client would send it, None for none; ``field_mask`` names the fields it locks.
    """

    owner: str
    setup: dict[str, Any] | None
    field_mask: tuple[str, ...]
    uses_left: int | None
    expires: float
    new_session_expires: float


class Grants:
    """The tokens of all owners. ``now`` is wall-clock time: tokens outlive the process that made them."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time, per_owner: int = 10_000) -> None:
        self.now = now
        self.per_owner = per_owner
        self._database = database

    async def create(self, grant: StoredGrant) -> str:
        """Keep ``grant`` and return the secret that stands for it, which nothing but its holder knows.

        Raises:
            GrantLimitError: its owner has too many living ones.
            StoreError: the database failed.
        """
        secret = secrets.token_hex(TOKEN_BYTES)
        await self._database.run(lambda connection: self._insert(connection, digest(secret), grant))
        return secret

    async def find(self, secret: str) -> tuple[str, StoredGrant] | None:
        """The id and the grant that ``secret`` stands for; None when there never was one or it is deleted.

        An expired one may still be found.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(grants).where(grants.c.id == digest(secret))
        row = await self._database.read(lambda connection: connection.execute(wanted).one_or_none())
        return (row.id, _grant(row)) if row else None

    async def use(self, grant_id: str) -> bool:
        """Take one use; False when none is left or no session may begin any more. Two never get the last one.

        Raises:
            StoreError: the database failed.
        """
        taken = (
            update(grants)
            .where(grants.c.id == grant_id, grants.c.uses_left.is_(None) | (grants.c.uses_left > 0))
            .where(grants.c.expires > (now := self.now()), grants.c.new_session_expires > now)
            .values(uses_left=grants.c.uses_left - 1)
        )
        return await self._database.run(lambda connection: connection.execute(taken).rowcount == 1)

    async def living(self) -> list[tuple[str, StoredGrant]]:
        """Every token that has not expired, with its id; those that end last first.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(grants).where(grants.c.expires > self.now()).order_by(grants.c.expires.desc(), grants.c.id)
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return [(row.id, _grant(row)) for row in rows]

    async def revoke(self, grant_id: str) -> StoredGrant | None:
        """Make a token worthless; what it was, None where there is none.

        Raises:
            StoreError: the database failed.
        """

        def work(connection: Connection) -> StoredGrant | None:
            row = connection.execute(select(grants).where(grants.c.id == grant_id)).one_or_none()
            connection.execute(delete(grants).where(grants.c.id == grant_id))
            return _grant(row) if row else None

        return await self._database.run(work)

    async def revoke_all(self, owner: str) -> int:
        """Make every token of an owner worthless; how many there were.

        Raises:
            StoreError: the database failed.
        """
        mine = delete(grants).where(grants.c.owner == owner)
        return await self._database.run(lambda connection: connection.execute(mine).rowcount)

    async def expire(self) -> int:
        """Delete whatever expired more than :data:`GRACE` ago; how many there were.

        Raises:
            StoreError: the database failed.
        """
        stale = delete(grants).where(grants.c.expires <= self.now() - GRACE)
        return await self._database.run(lambda connection: connection.execute(stale).rowcount)

    def _insert(self, connection: Connection, grant_id: str, grant: StoredGrant) -> None:
        mine = grants.c.owner == grant.owner
        count = select(func.count()).where(mine)
        if connection.execute(count).scalar_one() >= self.per_owner:
            connection.execute(delete(grants).where(mine, grants.c.expires <= self.now()))
            if connection.execute(count).scalar_one() >= self.per_owner:
                raise GrantLimitError(f"{self.per_owner} tokens are alive")
        values = {name: getattr(grant, name) for name in StoredGrant.__struct_fields__}
        connection.execute(insert(grants).values(id=grant_id, **values))


def digest(secret: str) -> str:
    """What a secret is stored under."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _grant(row: Row[Any]) -> StoredGrant:
    values = {name: getattr(row, name) for name in StoredGrant.__struct_fields__}
    return StoredGrant(**{**values, "field_mask": tuple(row.field_mask)})
