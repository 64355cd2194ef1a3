"""How an upstream of Google's is told who pays: an API key, a token, or the credentials of this machine."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Protocol

from antiphon.providers.errors import AuthenticationFailed

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_ENVIRONMENT = "env:"


class Credentials(Protocol):
    """Who pays. Never shown: not in logs, not in errors, not in representations."""

    async def headers(self) -> Mapping[str, str]:
        """The headers of a request.

        Raises:
            AuthenticationFailed: there are none to be had; the message says where they were looked for.
        """
        ...

    @property
    def secret(self) -> str:
        """What must be struck out of whatever the upstream says; empty before it is known."""
        ...


class Fixed:
    """A key or a token that was given: ``env:NAME`` is read from the environment, each time anew."""

    def __init__(self, value: str, header: str = "x-goog-api-key", prefix: str = "", setting: str = "key") -> None:
        self._value = value
        self._header = header
        self._prefix = prefix
        self._setting = setting

    @property
    def secret(self) -> str:
        """The key itself."""
        if self._value.startswith(_ENVIRONMENT):
            return os.environ.get(self._value.removeprefix(_ENVIRONMENT), "")
        return self._value

    async def headers(self) -> Mapping[str, str]:
        """The one header; none where no key was given."""
        if not self._value:
            return {}
        if not self.secret:
            name = self._value.removeprefix(_ENVIRONMENT)
            raise AuthenticationFailed(f"{self._setting}: the environment variable {name} is not set; export it")
        return {self._header: self._prefix + self.secret}


class ApplicationDefault:
    """The credentials of this machine (Application Default Credentials), refreshed beside the event loop.

    Needs ``google-auth``: ``pip install 'antiphon[vertex]'``.
    """

    def __init__(self) -> None:
        self._credentials: Any = None
        self._refreshing = asyncio.Lock()

    @property
    def secret(self) -> str:
        """The token of now."""
        return str(getattr(self._credentials, "token", "") or "")

    async def headers(self) -> Mapping[str, str]:
        """The token as a bearer, and the project that pays where the credentials name one."""
        async with self._refreshing:
            if self._credentials is None or not self._credentials.valid:
                await asyncio.to_thread(self._refresh)
        project = getattr(self._credentials, "quota_project_id", None)
        return {"Authorization": f"Bearer {self.secret}"} | ({"x-goog-user-project": project} if project else {})

    def _refresh(self) -> None:
        try:
            import google.auth
            import google.auth.transport.requests
        except ImportError as error:
            remedy = "pip install 'antiphon[vertex]', or give a token"
            raise AuthenticationFailed(f"vertex: google-auth is not installed; {remedy}") from error
        try:
            if self._credentials is None:
                self._credentials, _ = google.auth.default(scopes=[_SCOPE])
            self._credentials.refresh(google.auth.transport.requests.Request())
        except google.auth.exceptions.GoogleAuthError as error:
            remedy = "run `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS"
            raise AuthenticationFailed(f"vertex: no credentials of this machine: {error}; {remedy}") from error
