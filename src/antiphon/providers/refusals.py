"""Error answers of upstreams, read leniently: every server has its own shape, and proxies in front of them HTML."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from antiphon.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    Blocked,
    Broken,
    NotFound,
    Overloaded,
    ProviderError,
    QuotaExceeded,
    RateLimited,
    TimedOut,
    TooLong,
)

MAX_SAID = 300
"""Characters of an upstream's own words that are told."""

_TOO_LONG = re.compile(
    r"context[_ ](?:length|window|size)|maximum context|too many (?:input )?tokens|exceeds? the (?:available )?context"
    r"|input token count",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(r"insufficient[_ ]quota|insufficient[_ ]balance|billing|credit", re.IGNORECASE)
_KEY = re.compile(r"api[_ ]?key", re.IGNORECASE)
_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|gsk|xai|pplx)[-_][\w*-]{8,}|\bAIza[\w-]{20,}|(?<=Bearer )\S+")
_OVERLOADED = frozenset({500, 502, 503, 504, 520, 522, 524, 529})
_BY_NAME = {
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "UNAVAILABLE": 503,
    "INTERNAL": 500,
    "DEADLINE_EXCEEDED": 504,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "invalid_request_error": 400,
    "overloaded_error": 529,
    "server_error": 500,
}
"""What errors without a status are called (Google's and OpenAI's names)."""


class Complaint(msgspec.Struct, frozen=True):
    """What an error answer says: its words, the field it names, its own code or status, a pause it asks for."""

    text: str = ""
    field: str = ""
    code: str = ""
    retry_after: float | None = None


def refusal(where: str, status: int, headers: Mapping[str, str], body: bytes, secret: str = "") -> ProviderError:
    """The error that an answer with a status other than 200 is."""
    complaint = read(_json(body))
    pause = _seconds(headers.get("retry-after", ""))
    return _error(where, status, complaint, complaint.retry_after if pause is None else pause, secret)


def stream_error(where: str, error: Any, secret: str = "") -> ProviderError:
    """The error that an error object in the middle of a stream is."""
    complaint = read(error if isinstance(error, dict) and "error" in error else {"error": error})
    code = complaint.code
    status = int(code) if code.isdecimal() and len(code) == 3 else _BY_NAME.get(code, 0)
    return _error(where, status, complaint, complaint.retry_after, secret)


def read(value: Any) -> Complaint:
    """What an error object says, in whatever shape."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return Complaint()
    error = value.get("error", value)
    if isinstance(error, str):
        return Complaint(error)
    if not isinstance(error, dict):
        return Complaint()
    text = next((error[name] for name in ("message", "detail") if isinstance(error.get(name), str)), "")
    codes = [str(error[name]) for name in ("status", "code", "type") if error.get(name) is not None]
    code = next((one for one in codes if one in _BY_NAME or (one.isdecimal() and len(one) == 3)), "")
    field, pause = _details(error.get("details"))
    return Complaint(text, str(error.get("param") or field or ""), code or " ".join(codes), pause)


def _details(details: Any) -> tuple[str, float | None]:
    """The field and the pause in Google's details of an error."""
    field, pause = "", None
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        for violation in detail.get("fieldViolations") or ():
            field = field or str(violation.get("field", ""))
        if isinstance(delay := detail.get("retryDelay"), str):
            pause = _seconds(delay.removesuffix("s"))
    return field, pause


def _error(where: str, status: int, complaint: Complaint, pause: float | None, secret: str) -> ProviderError:
    said = clean(complaint.text, secret)
    everything = f"{complaint.text} {complaint.code}"
    message = f"{where} {_WORDS.get(status, f'answered {status}' if status else 'reported an error')}"
    message = f"{message}: {said}" if said else message
    if status in (401, 403) or (status == 400 and _KEY.search(complaint.text)):
        return AuthenticationFailed(message, status=status)
    if status == 402 or (status == 429 and _NO_MONEY.search(everything)):
        return QuotaExceeded(message, status=status, retry_after=pause)
    if status == 429:
        return RateLimited(message, status=status, retry_after=pause)
    if status == 413 or (status in (400, 422, 500) and _TOO_LONG.search(everything)):
        return TooLong(message, status=status, field=complaint.field)
    if status in (404, 410):
        return NotFound(message, status=status)
    if status == 408:
        return TimedOut(message, status=status)
    if status in _OVERLOADED:
        return Overloaded(message, status=status, retry_after=pause)
    if "content_filter" in everything:
        return Blocked(message, status=status)
    if 400 <= status < 500:
        return BadRequest(message, status=status, field=complaint.field)
    return Broken(message, status=status or None)


_WORDS = {
    401: "does not accept the key (401)",
    403: "does not allow this with this key (403)",
    404: "has no such model or path (404)",
    429: "takes no more requests now (429)",
    503: "is overloaded (503)",
}


def clean(text: str, secret: str) -> str:
    """An upstream's words on one line, without anything that is or looks like a key."""
    if secret:
        text = text.replace(secret, "…")
    text = " ".join(_LOOKS_LIKE_A_KEY.sub("…", text).split())
    return text if len(text) <= MAX_SAID else f"{text[:MAX_SAID]} …"


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _seconds(text: str) -> float | None:
    """``Retry-After``: seconds, or the date of HTTP."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
