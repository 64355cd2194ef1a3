"""Addresses, keys and errors of OpenAI Realtime upstreams."""

import pytest

from antiphon.providers import errors
from antiphon.providers.openai_realtime import Payer, SessionExpired, ended, is_azure, realtime_url, reported
from antiphon.wire.openai.realtime import ErrorDetail


@pytest.mark.parametrize(
    ("base", "version", "url"),
    [
        ("https://api.openai.com/v1", "", "wss://api.openai.com/v1/realtime?model=gpt-realtime"),
        ("http://127.0.0.1:8000", "", "ws://127.0.0.1:8000/v1/realtime?model=gpt-realtime"),
        ("ws://box:8000/v1/realtime/", "", "ws://box:8000/v1/realtime?model=gpt-realtime"),
        ("https://x.openai.azure.com", "", "wss://x.openai.azure.com/openai/v1/realtime?model=gpt-realtime"),
        (
            "https://x.openai.azure.com",
            "2025-04-01-preview",
            "wss://x.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=gpt-realtime",
        ),
    ],
)
def test_where_the_method_is(base: str, version: str, url: str) -> None:
    assert realtime_url(base, "gpt-realtime", api_version=version) == url


def test_a_model_is_quoted_and_may_be_left_out() -> None:
    assert realtime_url("ws://h", "a/b c").endswith("?model=a%2Fb%20c")
    assert realtime_url("ws://h", "") == "ws://h/v1/realtime"


@pytest.mark.parametrize("base", ["", "api.openai.com", "ftp://h", "https://h/v1?key=1", "https://me:pw@h/v1"])
def test_what_is_no_address(base: str) -> None:
    with pytest.raises(ValueError, match="address"):
        realtime_url(base, "m")


async def test_where_the_key_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "k")
    assert await Payer("env:A_KEY").headers({"X": "1"}) == {"Authorization": "Bearer k", "X": "1"}
    assert await Payer("k", azure=True).headers({}) == {"api-key": "k"}
    assert await Payer("").headers({}) == {}
    assert is_azure("https://x.openai.azure.com/openai/v1")
    assert not is_azure("https://api.openai.com/v1")


@pytest.mark.parametrize(
    ("code", "kind", "message", "expected"),
    [
        ("session_expired", "invalid_request_error", "x", SessionExpired),
        ("rate_limit_exceeded", "rate_limit_error", "x", errors.RateLimited),
        ("insufficient_quota", "insufficient_quota", "x", errors.QuotaExceeded),
        ("invalid_api_key", "invalid_request_error", "x", errors.AuthenticationFailed),
        ("model_not_found", "invalid_request_error", "x", errors.NotFound),
        ("context_length_exceeded", "invalid_request_error", "x", errors.TooLong),
        ("invalid_value", "invalid_request_error", "Invalid value: 'my api key'", errors.BadRequest),
        ("", "server_error", "x", errors.Overloaded),
        ("", "", "The server had an error while processing your request.", errors.Overloaded),
        ("strange", "strange", "x", errors.Broken),
    ],
)
def test_whose_fault_a_reported_error_is(code: str, kind: str, message: str, expected: type[Exception]) -> None:
    error = reported("h", ErrorDetail(type=kind, code=code or None, message=message, param="p"))
    assert type(error) is expected
    assert message in str(error)


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (1001, "Your session hit the maximum duration of 60 minutes.", SessionExpired),
        (1006, "", errors.Unreachable),
        (1000, "", errors.Overloaded),
        (1011, "", errors.Overloaded),
        (1008, "policy", errors.BadRequest),
        (4000, "session_limit_reached", errors.BadRequest),
        (3000, "invalid_request_error.invalid_api_key", errors.AuthenticationFailed),
        (1002, "", errors.Broken),
    ],
)
def test_what_an_end_means(code: int, reason: str, expected: type[Exception]) -> None:
    assert type(ended("h", code, reason)) is expected


def test_no_key_in_a_message() -> None:
    assert "t0psecret" not in str(ended("h", 1011, "key t0psecret is bad", "t0psecret"))
    said = "Incorrect API key provided: sk-proj-abcdefgh12345678."
    assert "abcdefgh" not in str(reported("h", ErrorDetail(code="invalid_api_key", message=said)))
