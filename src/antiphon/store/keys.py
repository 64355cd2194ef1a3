"""API keys that are made while a server runs: what each allows, kept under the digest of its secret.

A secret has 256 random bits, so its SHA-256 can be looked up as it is: nothing could be guessed from the time that
takes, and no slow hash makes it safer. What belongs to a key belongs to its id, not to its secret: sessions and costs
stay together when the secret is replaced.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, Final, Literal

from msgspec import Struct, structs
from sqlalchemy import JSON, BigInteger, Column, Connection, Float, Integer, Row, String, Table, insert, select, update

from antiphon.store.database import Database
from antiphon.store.tables import metadata

SECRET_PREFIX: Final = "antiphon-"
ID_PREFIX: Final = "ak_"
SECRET_BYTES: Final = 32

GRACE: Final = 24 * 3600.0
"""Seconds for which the old secret stays good when it is replaced, unless said otherwise."""

USE_SECONDS: Final = 60.0
"""How exactly it is known when a key was used last."""

_SCALE: Final = 12
"""Dollars are kept in picodollars."""

State = Literal["active", "expired", "revoked"]

keys = Table(
    "keys",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    # The digest of the secret before, and until when it is good.
    Column("old_digest", String(64), index=True),
    Column("old_until", Float),
    Column("name", String, nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("models", JSON, nullable=False),
    Column("created", Float, nullable=False, index=True),
    Column("created_by", String, nullable=False),
    Column("expires", Float),
    Column("last_used", Float),
    Column("revoked", Float),
    # Picodollars.
    Column("session_limit", BigInteger),
    Column("day_limit", BigInteger),
    Column("month_limit", BigInteger),
    Column("concurrent_limit", Integer),
)


class KeyLimits(Struct, frozen=True):
    """What one key may spend, in dollars, and how many sessions it may have at once. None is no limit of its own."""

    session: Decimal | None = None
    day: Decimal | None = None
    month: Decimal | None = None
    concurrent: int | None = None


class KeyTerms(Struct, frozen=True, kw_only=True):
    """What may be changed of a key. ``models`` are those it may ask for, empty for any.

    ``expires`` is in seconds of the Unix epoch, None for never.
    """

    name: str
    permissions: tuple[str, ...] = ("live",)
    models: tuple[str, ...] = ()
    expires: float | None = None
    limits: KeyLimits = KeyLimits()


class StoredKey(Struct, frozen=True, kw_only=True):
    """A key without its secret. Times are seconds of the Unix epoch; ``id`` is the owner of all that it did.

    ``old_until`` is until when the secret before the present one is good, None for no such secret.
    """

    id: str
    terms: KeyTerms
    created: float
    created_by: str
    last_used: float | None = None
    revoked: float | None = None
    old_until: float | None = None

    def state(self, now: float) -> State:
        """What the key is at a moment."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.terms.expires is not None and self.terms.expires <= now else "active"


class Keys:
    """The keys of a database. ``now`` is the time of day, in seconds of the Unix epoch."""

    def __init__(self, database: Database, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._database = database
        # When each was used last, as far as this process saw it and has not written it.
        self._used: dict[str, float] = {}
        self._written: dict[str, float] = {}

    async def create(self, terms: KeyTerms, created_by: str) -> tuple[StoredKey, str]:
        """A new key and its secret, which is nowhere else from then on.

        Raises:
            StoreError: the database failed.
        """
        secret = _new_secret()
        key = StoredKey(id=ID_PREFIX + secrets.token_hex(6), terms=terms, created=self.now(), created_by=created_by)
        row = {"id": key.id, "digest": _digest(secret), "created": key.created, "created_by": created_by}
        await self._database.run(lambda connection: connection.execute(insert(keys).values(**row, **_columns(terms))))
        return key, secret

    async def all(self) -> list[StoredKey]:
        """Every key there ever was, the newest first.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(keys).order_by(keys.c.created.desc(), keys.c.id)
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return [self._key(row) for row in rows]

    async def find(self, secret: str) -> StoredKey | None:
        """The key that ``secret`` opens; None for none. It may be expired or revoked.

        Raises:
            StoreError: the database failed.
        """
        digest = _digest(secret)
        old = (keys.c.old_digest == digest) & (keys.c.old_until > self.now())
        wanted = select(keys).where((keys.c.digest == digest) | old)
        row = await self._database.read(lambda connection: connection.execute(wanted).one_or_none())
        return self._key(row) if row else None

    async def get(self, key_id: str) -> StoredKey | None:
        """A key by its id; None where there is none.

        Raises:
            StoreError: the database failed.
        """
        return (await self.get_all((key_id,))).get(key_id)

    async def get_all(self, ids: Iterable[str]) -> dict[str, StoredKey]:
        """Those of ``ids`` that there are.

        Raises:
            StoreError: the database failed.
        """
        wanted = select(keys).where(keys.c.id.in_(tuple(ids)))
        rows = await self._database.read(lambda connection: connection.execute(wanted).all())
        return {row.id: self._key(row) for row in rows}

    async def update(self, key_id: str, terms: KeyTerms) -> StoredKey | None:
        """Change what a key allows; the key as it is then, None where there is none.

        Raises:
            StoreError: the database failed.
        """
        return await self._change(key_id, _columns(terms))

    async def revoke(self, key_id: str) -> StoredKey | None:
        """Make a key worthless for ever; None where there is none. Idempotent.

        Raises:
            StoreError: the database failed.
        """
        known = await self.get(key_id)
        if known is None or known.revoked is not None:
            return known
        return await self._change(key_id, {"revoked": self.now(), "old_digest": None, "old_until": None})

    async def rotate(self, key_id: str, grace: float = GRACE) -> tuple[StoredKey, str] | None:
        """Give a key a new secret. The old one stays good for ``grace`` seconds, and one before that no longer.

        None where there is no such key, or it is revoked.

        Raises:
            StoreError: the database failed.
        """
        secret = _new_secret()
        until = self.now() + grace if grace > 0 else None
        changed = (
            update(keys)
            .where(keys.c.id == key_id, keys.c.revoked.is_(None))
            .values(digest=_digest(secret), old_digest=keys.c.digest if until else None, old_until=until)
        )
        done = await self._database.run(lambda connection: connection.execute(changed).rowcount)
        key = await self.get(key_id) if done else None
        return None if key is None else (key, secret)

    def note_use(self, key: StoredKey) -> None:
        """The key was used now; :meth:`write_uses` will say so."""
        now = self.now()
        if now - max(self._written.get(key.id, 0.0), key.last_used or 0.0) >= USE_SECONDS:
            self._used[key.id] = now

    async def write_uses(self) -> None:
        """Write when keys were used last, of each at most once a minute.

        Raises:
            StoreError: the database failed.
        """
        used, self._used = self._used, {}
        if not used:
            return
        self._written |= used

        def work(connection: Connection) -> None:
            for key_id, moment in used.items():
                connection.execute(update(keys).where(keys.c.id == key_id).values(last_used=moment))

        await self._database.run(work)

    async def _change(self, key_id: str, values: dict[str, Any]) -> StoredKey | None:
        changed = update(keys).where(keys.c.id == key_id).values(values)
        await self._database.run(lambda connection: connection.execute(changed))
        return await self.get(key_id)

    def _key(self, row: Row[Any]) -> StoredKey:
        key = _read(row)
        used = self._used.get(key.id)
        return key if used is None else structs.replace(key, last_used=used)


def is_stored(owner: str) -> bool:
    """Whether an owner is a key of the database."""
    return owner.startswith(ID_PREFIX)


def _new_secret() -> str:
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _columns(terms: KeyTerms) -> dict[str, Any]:
    return {
        "name": terms.name,
        "permissions": list(terms.permissions),
        "models": list(terms.models),
        "expires": terms.expires,
        "session_limit": _stored(terms.limits.session),
        "day_limit": _stored(terms.limits.day),
        "month_limit": _stored(terms.limits.month),
        "concurrent_limit": terms.limits.concurrent,
    }


def _read(row: Row[Any]) -> StoredKey:
    session, day, month = map(_dollars, (row.session_limit, row.day_limit, row.month_limit))
    terms = KeyTerms(
        name=row.name,
        permissions=tuple(row.permissions),
        models=tuple(row.models),
        expires=row.expires,
        limits=KeyLimits(session, day, month, row.concurrent_limit),
    )
    return StoredKey(
        id=row.id,
        terms=terms,
        created=row.created,
        created_by=row.created_by,
        last_used=row.last_used,
        revoked=row.revoked,
        old_until=row.old_until,
    )


def _stored(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount.scaleb(_SCALE))


def _dollars(amount: int | None) -> Decimal | None:
    return None if amount is None else Decimal(amount).scaleb(-_SCALE).normalize()
