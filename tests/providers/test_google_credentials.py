"""Who pays: keys, tokens, and the credentials of a machine."""

import threading
from typing import Any

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError

from antiphon.providers.errors import AuthenticationFailed
from antiphon.providers.google_credentials import ApplicationDefault, Fixed


async def test_a_key_is_one_header() -> None:
    assert await Fixed("k1").headers() == {"x-goog-api-key": "k1"}
    assert await Fixed("t", "Authorization", "Bearer ").headers() == {"Authorization": "Bearer t"}
    assert await Fixed("").headers() == {}


async def test_a_key_of_the_environment_is_read_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = Fixed("env:SOME_KEY")
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(AuthenticationFailed, match="SOME_KEY is not set; export it"):
        await credentials.headers()
    monkeypatch.setenv("SOME_KEY", "k2")
    assert await credentials.headers() == {"x-goog-api-key": "k2"}
    assert credentials.secret == "k2"


class Machine:
    """Credentials as google-auth has them."""

    def __init__(self) -> None:
        self.valid = False
        self.token = ""
        self.quota_project_id = "payer"
        self.refreshed_in: list[str] = []

    def refresh(self, request: Any) -> None:
        self.refreshed_in.append(threading.current_thread().name)
        self.valid, self.token = True, f"token-{len(self.refreshed_in)}"


async def test_the_credentials_of_the_machine_are_refreshed_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = Machine()
    monkeypatch.setattr(google.auth, "default", lambda scopes: (machine, "project"))
    credentials = ApplicationDefault()
    expected = {"Authorization": "Bearer token-1", "x-goog-user-project": "payer"}
    assert await credentials.headers() == await credentials.headers() == expected
    machine.valid = False
    assert (await credentials.headers())["Authorization"] == "Bearer token-2"
    assert credentials.secret == "token-2"
    assert threading.current_thread().name not in machine.refreshed_in


async def test_a_machine_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(scopes: list[str]) -> None:
        raise DefaultCredentialsError("none were found")

    monkeypatch.setattr(google.auth, "default", none)
    with pytest.raises(AuthenticationFailed, match="gcloud auth application-default login"):
        await ApplicationDefault().headers()
