"""Who may come in: API keys and ephemeral tokens, in every place that clients put them."""

import hashlib
import hmac
from collections.abc import Awaitable, Iterable, Mapping
from typing import TypeVar, cast
from urllib.parse import parse_qs

from msgspec.structs import replace
from starlette.types import Scope

from antiphon.calls.caller import EVERYTHING, LIVE, USUAL, Caller, Grant, Permission
from antiphon.calls.keywatch import objection_to
from antiphon.store.database import StoreError
from antiphon.store.grants import Grants, StoredGrant
from antiphon.store.keys import SECRET_PREFIX, StoredKey, is_stored
from antiphon.store.keys import Keys as StoredKeys
from antiphon.wire.refusal import CloseCode, Refusal

TOKEN_PREFIX = "auth_tokens/"
_CONSTRAINED = "BidiGenerateContentConstrained"
_MAKE_ANOTHER = "make one with POST /v1alpha/auth_tokens"

Found = TypeVar("Found")


class Keys:
    """The keys of this server. Without any, everybody may come in (only ever on a loopback address)."""

    def __init__(self, keys: Iterable[str], admin_keys: Iterable[str] = ()) -> None:
        admins = tuple(admin_keys)
        self._keys = {key.encode(): owner_of(key) for key in (*keys, *admins)}
        self._admins = frozenset(map(owner_of, admins))
        self.owners = frozenset(self._keys.values()) or frozenset([""])
        """Those whose keys are in force; "" on a server without keys."""

    @property
    def open(self) -> bool:
        """Whether everybody may come in."""
        return not self._keys

    def permissions(self, owner: str) -> frozenset[Permission]:
        """What the key of ``owner`` is for."""
        return EVERYTHING if self.open or owner in self._admins else USUAL

    def has(self, shown: str) -> bool:
        """Whether what was shown is one of them; compared as :meth:`owner` does."""
        return bool(self._matches(shown))

    def owner(self, shown: str) -> str:
        """The owner of the key that was shown.

        Raises:
            Refusal: it is no key of this server.
        """
        if not self._keys:
            return ""
        if not shown:
            raise Refusal("", "no API key was sent", "send x-goog-api-key or ?key=", CloseCode.POLICY)
        matches = self._matches(shown)
        if not matches:
            raise Refusal("", "API key not valid. Please pass a valid API key.", "", CloseCode.INVALID)
        return matches[0]

    def _matches(self, shown: str) -> list[str]:
        # Every key is compared, in constant time, so that timing tells nothing.
        encoded = shown.encode()
        return [owner for key, owner in self._keys.items() if hmac.compare_digest(key, encoded)]


class Forbidden(Refusal):
    """A key is good, but not for this."""

    def __init__(self, permission: Permission) -> None:
        reason = f'this API key lacks the permission "{permission}"'
        super().__init__("", reason, "ask the owner of the server for it", CloseCode.POLICY)


class Gate:
    """Says who is at the other end of a connection or request.

    Keys are those of the configuration, and those that are ``stored``. Tokens open one method of the Live API and
    nothing else. A key opens that one too, unless ``strict``, as the hosted service is: it can do everything a token
    can.
    """

    def __init__(
        self,
        keys: Iterable[str],
        grants: Grants,
        *,
        admin_keys: Iterable[str] = (),
        strict: bool = False,
        stored: StoredKeys | None = None,
    ) -> None:
        self._keys = Keys(keys, admin_keys)
        self._grants = grants
        self._strict = strict
        self._stored = stored

    async def admit(self, scope: Scope, permission: Permission | None = None) -> Caller:
        """Let a connection or request in, which needs ``permission``.

        Raises:
            Refusal: it shows neither a key of this server nor a token that is good here; or the database failed.
            Forbidden: what it shows is good for other things.
        """
        shown = credential(scope)
        constrained = scope["type"] == "websocket" and scope["path"].rstrip("/").endswith(_CONSTRAINED)
        if shown.startswith(TOKEN_PREFIX):
            return await self._holder(shown, scope["type"], constrained)
        caller = await self.admit_key(shown)
        if permission is not None and not caller.may(permission):
            raise Forbidden(permission)
        if constrained and self._strict:
            reason = "this method takes an ephemeral token, not an API key"
            raise Refusal("", reason, "dial BidiGenerateContent", CloseCode.POLICY)
        return caller

    @property
    def open(self) -> bool:
        """Whether everybody may come in without a key, which is only ever so on a loopback address."""
        return self._keys.open

    @property
    def configured(self) -> Mapping[str, frozenset[Permission]]:
        """The owners whose keys are in the configuration, and what those are for."""
        owners = () if self._keys.open else sorted(self._keys.owners)
        return {owner: self._keys.permissions(owner) for owner in owners}

    async def admit_key(self, key: str) -> Caller:
        """Who shows ``key``.

        Raises:
            Refusal: it is no key of this server, or no longer; or the database failed.
        """
        if self._stored is not None and key.startswith(SECRET_PREFIX) and not self._keys.has(key):
            stored = await _looked_up(self._stored.find(key), "keys")
            if stored is not None:
                self._check(stored)
                self._stored.note_use(stored)
                return _caller(stored)
        return self._configured(self._keys.owner(key))

    async def recall(self, owner: str) -> Caller | None:
        """Who showed a key before; None once that key is no longer in force.

        Raises:
            StoreError: the database failed.
        """
        if owner in self._keys.owners:
            return self._configured(owner)
        if self._stored is None or not is_stored(owner):
            return None
        stored = await self._stored.get(owner)
        if stored is None or stored.state(self._stored.now()) != "active":
            return None
        return _caller(stored)

    def _configured(self, owner: str) -> Caller:
        return Caller(owner, permissions=self._keys.permissions(owner))

    def _check(self, stored: StoredKey) -> None:
        assert self._stored is not None
        if objection := objection_to(stored, self._stored.now()):
            raise objection

    async def _holder(self, token: str, kind: str, constrained: bool) -> Caller:
        if not constrained:
            raise Refusal("", "an ephemeral token is not an API key", _remedy(kind), CloseCode.POLICY)
        found = await _looked_up(self._grants.find(token.removeprefix(TOKEN_PREFIX)), "tokens")
        if found is None:
            raise _invalid()
        grant_id, stored = found
        if stored.expires <= self._grants.now():
            raise Refusal("", "this ephemeral token has expired", _MAKE_ANOTHER, CloseCode.INVALID)
        maker = await self._maker(stored.owner)
        if not maker.may("live"):
            raise Forbidden("live")
        return replace(maker, grant=_grant(grant_id, stored), permissions=LIVE)

    async def _maker(self, owner: str) -> Caller:
        """Whose token it is: a key that goes out of force takes its tokens with it."""
        if owner in self._keys.owners:
            return Caller(owner)
        if self._stored is None or not is_stored(owner):
            raise _invalid()
        stored = await _looked_up(self._stored.get(owner), "keys")
        if stored is None:
            raise _invalid()
        self._check(stored)
        return _caller(stored)


def owner_of(key: str) -> str:
    """What names the owner of a key without telling the key."""
    return hashlib.sha256(b"antiphon owner " + key.encode()).hexdigest()[:16]


def credential(scope: Scope) -> str:
    """What a request shows: Authorization, ``access_token``, ``x-goog-api-key`` or ``key``, in that order."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    # JavaScript clients paste the key into the query as it is, and a key may hold a plus sign.
    query = parse_qs(scope.get("query_string", b"").decode("latin-1").replace("+", "%2B"))
    scheme, _, authorization = headers.get("authorization", "").partition(" ")
    shown = (
        authorization.strip() if scheme.lower() in ("bearer", "token") else "",
        query.get("access_token", [""])[0],
        headers.get("x-goog-api-key", ""),
        query.get("key", [""])[0],
    )
    return next((value for value in shown if value), "")


async def _looked_up(looking: Awaitable[Found], what: str) -> Found:
    try:
        return await looking
    except StoreError as error:
        raise Refusal("", f"the server cannot look up {what}", "try again", CloseCode.INTERNAL) from error


def _invalid() -> Refusal:
    return Refusal("", "ephemeral token not valid", _MAKE_ANOTHER, CloseCode.INVALID)


def _caller(key: StoredKey) -> Caller:
    terms = key.terms
    permissions = frozenset(cast("tuple[Permission, ...]", terms.permissions)) & EVERYTHING
    return Caller(key.id, permissions=permissions, models=terms.models, name=terms.name, limits=terms.limits)


def _remedy(kind: str) -> str:
    return f"dial {_CONSTRAINED} with it, or send an API key" if kind == "websocket" else "send an API key"


def _grant(grant_id: str, stored: StoredGrant) -> Grant:
    return Grant(grant_id, stored.setup, stored.field_mask, stored.expires, stored.new_session_expires)
