"""Browsers that showed a key once, and a secret in a cookie since."""

import hashlib
import secrets
import time
from collections.abc import Callable

from sqlalchemy import Column, Float, String, Table, delete, insert, select, update

from antiphon.store.database import Database
from antiphon.store.tables import metadata

LIFETIME = 12 * 3600.0
"""Seconds after which a key must be shown again."""

logins = Table(
    "logins",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("expires", Float, nullable=False, index=True),
)


class Logins:
    """All logins of a database. ``now`` is the time of day, in seconds of the Unix epoch."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._now = now

    async def begin(self, owner: str) -> str:
        """Let ``owner`` in; the secret that says so, good for :data:`LIFETIME`.

        Raises:
            StoreError: the database failed.
        """
        secret, expires = secrets.token_urlsafe(32), self._now() + LIFETIME
        stale = delete(logins).where(logins.c.expires <= self._now())
        new = insert(logins).values(id=_digest(secret), owner=owner, expires=expires)
        await self._database.run(lambda connection: (connection.execute(stale), connection.execute(new)))
        return secret

    async def owner(self, secret: str) -> str | None:
        """Whom ``secret`` lets in; None when it is none, or expired.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(logins.c.owner).where(logins.c.id == _digest(secret), logins.c.expires > self._now())
        return await self._database.read(lambda connection: connection.execute(wanted).scalar_one_or_none())

    async def end_soon(self, owner: str, seconds: float, spared: str = "") -> None:
        """Let no login of ``owner`` last longer than ``seconds`` from now, but for that of the secret ``spared``.

        Raises:
            StoreError: the database failed.
        """
        latest = self._now() + seconds
        those = (logins.c.owner == owner, logins.c.id != _digest(spared), logins.c.expires > latest)
        shortened = update(logins).where(*those).values(expires=latest)
        await self._database.run(lambda connection: connection.execute(shortened))

    async def end(self, secret: str) -> None:
        """Make ``secret`` worthless.

        Raises:
            StoreError: the database failed.
        """
        over = delete(logins).where(logins.c.id == _digest(secret))
        await self._database.run(lambda connection: connection.execute(over))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
