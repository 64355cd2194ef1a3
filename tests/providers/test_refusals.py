"""Whose fault an error answer is, in the shapes that servers have for it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from antiphon.providers import errors
from antiphon.providers.refusals import MAX_SAID, refusal, stream_error

WHERE = "https://api.example"


def refused(status: int, body: Any, **headers: str) -> errors.ProviderError:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return refusal(WHERE, status, {name.replace("_", "-"): value for name, value in headers.items()}, data, "s3cret")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}}, errors.AuthenticationFailed),
        (403, {"error": "no"}, errors.AuthenticationFailed),
        (400, {"error": {"message": "API key not valid.", "status": "INVALID_ARGUMENT"}}, errors.AuthenticationFailed),
        (402, {}, errors.QuotaExceeded),
        (429, {"error": {"message": "x", "code": "insufficient_quota"}}, errors.QuotaExceeded),
        (429, {"error": {"message": "slow down"}}, errors.RateLimited),
        (404, {"error": {"message": 'model "x" not found'}}, errors.NotFound),
        (413, b"", errors.TooLong),
        (400, {"object": "error", "message": "This model's maximum context length is 8 tokens"}, errors.TooLong),
        (400, {"error": {"type": "exceed_context_size_error", "message": "x"}}, errors.TooLong),
        (400, {"error": {"message": "bad", "param": "temperature"}}, errors.BadRequest),
        (422, {"detail": [{"loc": ["body"]}]}, errors.BadRequest),
        (302, b"", errors.Broken),
        (408, b"", errors.TimedOut),
        (500, b"<html>nginx</html>", errors.Overloaded),
        (503, [{"error": {"message": "try later", "status": "UNAVAILABLE"}}], errors.Overloaded),
        (529, {}, errors.Overloaded),
    ],
)
def test_statuses(status: int, body: Any, kind: type) -> None:
    error = refused(status, body)
    assert type(error) is kind
    assert error.status == status
    assert str(error).startswith(WHERE)


def test_a_refusal_says_who_must_act_and_whether_to_go_elsewhere() -> None:
    bad = refused(400, {"error": {"message": "bad", "param": "temperature"}})
    assert isinstance(bad, errors.BadRequest)
    assert (bad.field, bad.fault, bad.elsewhere, bad.again) == ("temperature", "request", False, False)
    busy = refused(503, {})
    assert (busy.fault, busy.elsewhere, busy.again) == ("upstream", True, True)
    assert refused(413, b"").elsewhere, "another model may have a larger window"
    assert refused(401, {}).fault == "account"


def test_googles_details_name_field_and_pause() -> None:
    details = [
        {"@type": "BadRequest", "fieldViolations": [{"field": "contents[0].parts"}]},
        {"@type": "RetryInfo", "retryDelay": "12.5s"},
    ]
    error = refused(429, {"error": {"message": "x", "details": details}})
    assert error.retry_after == 12.5
    bad = refused(400, {"error": {"message": "x", "details": details}})
    assert isinstance(bad, errors.BadRequest)
    assert bad.field == "contents[0].parts"


def test_the_pause_comes_from_the_header_in_seconds_or_as_a_date() -> None:
    assert refused(429, {}, retry_after="3").retry_after == 3
    later = refused(503, {}, retry_after=format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert later.retry_after is not None
    assert 50 < later.retry_after <= 60
    assert refused(503, {}, retry_after="soon").retry_after is None


@pytest.mark.parametrize("key", ["s3cret", "sk-proj-abcdef0123456789", "AIza" + "x" * 35, "gsk_abcdefgh"])
def test_no_key_is_ever_told(key: str) -> None:
    error = refused(401, {"error": {"message": f"Incorrect API key provided: {key}. Find yours at x."}})
    assert key not in str(error)
    assert key not in repr(error)
    assert "Find yours at x." in str(error)


def test_long_words_are_cut() -> None:
    assert len(str(refused(400, {"error": "x" * 5_000}))) < MAX_SAID + 100


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"message": "x", "type": "server_error"}, errors.Overloaded),
        ({"message": "x", "code": 429}, errors.RateLimited),
        ({"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}, errors.Overloaded),
        ("out of memory", errors.Broken),
        ({"message": "x", "code": "content_filter"}, errors.Blocked),
        (["?"], errors.Broken),
        (None, errors.Broken),
    ],
)
def test_errors_in_a_stream(value: Any, kind: type) -> None:
    assert type(stream_error(WHERE, value)) is kind
