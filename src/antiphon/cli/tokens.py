"""``antiphon token``: an ephemeral token from a running server."""

import asyncio
import json
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from msgspec import Struct

TIMEOUT = 30.0


class TokenError(Exception):
    """There is no token; the message says why."""


class Wish(Struct, frozen=True):
    """What the token is to allow. ``url`` is the server's base URL, ``setup`` a file with a setup as JSON."""

    url: str
    key: str
    uses: int
    minutes: float
    start_within: float
    setup: Path | None
    locks: tuple[str, ...]


async def create(wish: Wish) -> str:
    """The name of a new token.

    Raises:
        TokenError: the server cannot be reached or refuses, or the setup cannot be read.
    """
    return await asyncio.to_thread(_create, wish)


def _create(wish: Wish) -> str:
    body = json.dumps(_body(wish)).encode()
    headers = {"Content-Type": "application/json", **({"x-goog-api-key": wish.key} if wish.key else {})}
    request = urllib.request.Request(f"{wish.url.rstrip('/')}/v1alpha/auth_tokens", body, headers)
    # Like every command about the server, straight to it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT) as response:
            return str(json.load(response)["name"])
    except HTTPError as error:
        raise TokenError(_message(error)) from error
    except (OSError, ValueError, KeyError) as error:
        raise TokenError(f"{wish.url} does not answer: {error}; is `antiphon serve` running there?") from error


def _body(wish: Wish) -> dict[str, Any]:
    now = datetime.now(UTC)
    body = {
        "uses": wish.uses,
        "expireTime": _after(now, 60 * wish.minutes, "--minutes"),
        "newSessionExpireTime": _after(now, wish.start_within, "--start-within"),
        "fieldMask": ",".join(wish.locks),
    }
    return body if wish.setup is None else {**body, "bidiGenerateContentSetup": _read(wish.setup)}


def _after(now: datetime, seconds: float, option: str) -> str:
    try:
        return (now + timedelta(seconds=seconds)).isoformat()
    except (OverflowError, ValueError) as error:
        raise TokenError(f"{option} is out of range; a token lives less than 20 hours") from error


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TokenError(f"{path}: cannot be read as JSON ({error})") from error


def _message(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.url} answered {error.code} {error.reason}"
