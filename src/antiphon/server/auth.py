"""Who may come in: API keys, in every place that clients put them."""

import hmac
from collections.abc import Iterable
from urllib.parse import parse_qs

from starlette.types import Scope

from antiphon.wire.refusal import CloseCode, Refusal

TOKEN_PREFIX = "auth_tokens/"


class Keys:
    """The keys of this server. Without any, everybody may come in (only ever on a loopback address)."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._keys = tuple(key.encode() for key in keys)

    def check(self, scope: Scope) -> None:
        """Let the connection in.

        Raises:
            Refusal: it shows no key of this server.
        """
        if not self._keys:
            return
        shown = credential(scope)
        if not shown:
            raise Refusal("", "no API key was sent", "send x-goog-api-key or ?key=", CloseCode.POLICY)
        # Every key is compared, in constant time, so that timing tells nothing.
        matches = [hmac.compare_digest(key, shown.encode()) for key in self._keys]
        if not any(matches):
            raise Refusal("", "API key not valid. Please pass a valid API key.", "", CloseCode.INVALID)


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
