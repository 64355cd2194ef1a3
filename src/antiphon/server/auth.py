"""Who may come in: API keys and ephemeral tokens, in every place that clients put them."""

import hashlib
import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.types import Scope

from antiphon.calls.caller import EVERYTHING, USUAL, Caller, Grant, Permission
from antiphon.store.database import StoreError
from antiphon.store.grants import Grants, StoredGrant
from antiphon.wire.refusal import CloseCode, Refusal

TOKEN_PREFIX = "auth_tokens/"
_CONSTRAINED = "BidiGenerateContentConstrained"
_MAKE_ANOTHER = "make one with POST /v1alpha/auth_tokens"


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

    def owner(self, shown: str) -> str:
        """The owner of the key that was shown.

        Raises:
            Refusal: it is no key of this server.
        """
        if not self._keys:
            return ""
        if not shown:
            raise Refusal("", "no API key was sent", "send x-goog-api-key or ?key=", CloseCode.POLICY)
        # Every key is compared, in constant time, so that timing tells nothing.
        encoded = shown.encode()
        matches = [owner for key, owner in self._keys.items() if hmac.compare_digest(key, encoded)]
        if not matches:
            raise Refusal("", "API key not valid. Please pass a valid API key.", "", CloseCode.INVALID)
        return matches[0]


class Gate:
    """Says who is at the other end of a connection or request.

    Tokens open one method of the Live API and nothing else. A key opens that one too, unless ``strict``, as the
    hosted service is: it can do everything a token can.
    """

    def __init__(
        self, keys: Iterable[str], grants: Grants, *, admin_keys: Iterable[str] = (), strict: bool = False
    ) -> None:
        self._keys = Keys(keys, admin_keys)
        self._grants = grants
        self._strict = strict

    async def admit(self, scope: Scope) -> Caller:
        """Let a connection or request in.

        Raises:
            Refusal: it shows neither a key of this server nor a token that is good here; or the database failed.
        """
        shown = credential(scope)
        constrained = scope["type"] == "websocket" and scope["path"].rstrip("/").endswith(_CONSTRAINED)
        if shown.startswith(TOKEN_PREFIX):
            return await self._holder(shown, scope["type"], constrained)
        owner = self._keys.owner(shown)
        if constrained and self._strict:
            reason = "this method takes an ephemeral token, not an API key"
            raise Refusal("", reason, "dial BidiGenerateContent", CloseCode.POLICY)
        return Caller(owner, permissions=self._keys.permissions(owner))

    @property
    def open(self) -> bool:
        """Whether everybody may come in without a key, which is only ever so on a loopback address."""
        return self._keys.open

    async def admit_key(self, key: str) -> Caller:
        """Who shows ``key``.

        Raises:
            Refusal: it is no key of this server.
        """
        owner = self._keys.owner(key)
        return Caller(owner, permissions=self._keys.permissions(owner))

    async def recall(self, owner: str) -> Caller | None:
        """Who showed a key before; None once that key is no longer in force."""
        if owner not in self._keys.owners:
            return None
        return Caller(owner, permissions=self._keys.permissions(owner))

    async def _holder(self, token: str, kind: str, constrained: bool) -> Caller:
        if not constrained:
            raise Refusal("", "an ephemeral token is not an API key", _remedy(kind), CloseCode.POLICY)
        try:
            found = await self._grants.find(token.removeprefix(TOKEN_PREFIX))
        except StoreError as error:
            raise Refusal("", "the server cannot look up tokens", "try again", CloseCode.INTERNAL) from error
        if found is None or found[1].owner not in self._keys.owners:
            # A key that was taken out of force takes its tokens with it.
            raise Refusal("", "ephemeral token not valid", _MAKE_ANOTHER, CloseCode.INVALID)
        grant_id, stored = found
        if stored.expires <= self._grants.now():
            raise Refusal("", "this ephemeral token has expired", _MAKE_ANOTHER, CloseCode.INVALID)
        return Caller(stored.owner, _grant(grant_id, stored))


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


def _remedy(kind: str) -> str:
    return f"dial {_CONSTRAINED} with it, or send an API key" if kind == "websocket" else "send an API key"


def _grant(grant_id: str, stored: StoredGrant) -> Grant:
    return Grant(grant_id, stored.setup, stored.field_mask, stored.expires, stored.new_session_expires)
