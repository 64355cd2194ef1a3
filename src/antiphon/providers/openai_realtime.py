"""The address of an OpenAI Realtime upstream, who pays for it, and what its errors and its end mean.

The socket is that of :mod:`antiphon.providers.gemini_live`: what goes over it is another matter. Codes of errors are
those of the service's reference and of what several clients report of it; a session that reached its longest duration
is told as ``session_expired``, an ``invalid_request_error`` that is nobody's fault, or in the words of a close frame.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from antiphon.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    Broken,
    NotFound,
    Overloaded,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TooLong,
    Unreachable,
)
from antiphon.providers.gemini_live import ABNORMAL
from antiphon.providers.google_credentials import Fixed
from antiphon.providers.refusals import clean
from antiphon.wire.openai.realtime import ErrorDetail

OPENAI_URL: Final = "https://api.openai.com/v1"
AZURE_SUFFIXES: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
"""How the hosts of Azure's resources end."""

_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}

HARMLESS: Final = frozenset(
    {"response_cancel_not_active", "input_audio_buffer_commit_empty", "item_truncate_invalid_item_id"}
)
"""Errors of what came too late to matter."""

ACTIVE: Final = "conversation_already_has_active_response"
"""The code of an answer that was asked for while another was being made."""

_EXPIRED = re.compile(r"maximum duration|session[_ ]expired", re.IGNORECASE)
_QUOTA = re.compile(r"insufficient_quota|quota|billing", re.IGNORECASE)
_RATE = re.compile(r"rate_limit|too many requests|tokens per min", re.IGNORECASE)
_KEY = re.compile(r"invalid_api_key|api[_ ]key|unauthori[sz]ed|authentication|permission", re.IGNORECASE)
_MODEL = re.compile(r"model_not_found|model .*does not exist|deploymentnotfound", re.IGNORECASE)
_LONG = re.compile(r"context[_ ](?:length|window)|maximum context", re.IGNORECASE)
_SERVER = re.compile(r"server_error|internal_error|overloaded|server had an error", re.IGNORECASE)


class SessionExpired(Overloaded):
    """The session reached its longest duration: another one goes on."""


def is_azure(base: str) -> bool:
    """Whether ``base`` is a resource of Azure's."""
    return (urlsplit(base).hostname or "").endswith(AZURE_SUFFIXES)


def realtime_url(base: str, model: str, *, api_version: str = "") -> str:
    """The address of the Realtime method for ``model`` at ``base`` (http, https, ws or wss).

    ``base`` ends where paths of the API begin (``https://host/v1``), or with the method itself. Azure's resources have
    it under ``/openai/v1``; a preview named by ``api_version`` is under ``/openai`` and calls the model a deployment.

    Raises:
        ValueError: ``base`` is no such address, or holds a query, where keys end up in logs.
    """
    parts = urlsplit(base)
    scheme = _SCHEMES.get(parts.scheme, "")
    if not scheme or not parts.hostname:
        raise ValueError(f"{parts.scheme or base[:40]!r} is no address of a server; use https://host/v1")
    if parts.query or parts.username:
        raise ValueError("the address must hold neither a query nor a user; give the key as `key`")
    path = parts.path.rstrip("/")
    if not path and is_azure(base):
        path = "/openai" if api_version else "/openai/v1"
    if not path.endswith("/realtime"):
        path = f"{path or '/v1'}/realtime"
    asked = {"api-version": api_version, "deployment": model} if api_version else {"model": model} if model else {}
    return urlunsplit((scheme, parts.netloc, path, urlencode(asked, quote_via=quote), ""))


class Payer:
    """The key, in the header that a server reads it from: ``api-key`` at Azure, else a bearer token."""

    def __init__(self, key: str, *, azure: bool = False) -> None:
        self._fixed = Fixed(key, "api-key") if azure else Fixed(key, "Authorization", "Bearer ")

    @property
    def secret(self) -> str:
        """What must be struck out of whatever the upstream says."""
        return self._fixed.secret

    async def headers(self, extra: Mapping[str, str]) -> dict[str, str]:
        """The headers to dial with, the key first.

        Raises:
            AuthenticationFailed: the variable that the key is in is not set.
        """
        return {**await self._fixed.headers(), **extra}


def reported(host: str, error: ErrorDetail, secret: str = "") -> ProviderError:
    """What an error that the upstream reports means."""
    said, field = clean(error.message or "", secret), error.param or ""
    codes = f"{error.code or ''} {error.type or ''}"
    message = f"{host} reported {error.code or error.type or 'an error'}" + (f": {said}" if said else "")
    # Where there is a code, the words may be the client's own.
    known = _by_words(message, codes if error.code else f"{codes} {said}", field)
    return known or (BadRequest(message, field=field) if "invalid" in codes else Broken(message))


def ended(host: str, code: int, reason: str, secret: str = "") -> ProviderError:
    """What the end of a connection means. The same code stands for many things, so the words decide first."""
    said = clean(reason, secret)
    if code == ABNORMAL:
        return Unreachable(f"{host}: the connection was lost")
    message = f"{host} closed {code}" + (f": {said}" if said else "")
    known = _by_words(message, said, "")
    if known is not None:
        return known
    if code in (1007, 1008, 1009) or 4000 <= code < 4100:
        return BadRequest(message)
    if code in (1000, 1001, 1005, 1011, 1012, 1013):
        return Overloaded(message)
    return Broken(message)


def _by_words(message: str, words: str, field: str) -> ProviderError | None:
    if _EXPIRED.search(words):
        return SessionExpired(message)
    if _QUOTA.search(words):
        return QuotaExceeded(message)
    if _RATE.search(words):
        return RateLimited(message)
    if _KEY.search(words):
        return AuthenticationFailed(message)
    if _MODEL.search(words):
        return NotFound(message)
    if _LONG.search(words):
        return TooLong(message, field=field)
    return Overloaded(message) if _SERVER.search(words) else None
