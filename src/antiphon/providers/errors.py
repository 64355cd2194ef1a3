"""Every way in which an upstream fails, split by whose fault it is and whether another target may be tried.

No message holds a key, a header or a query: only the address without them, and what the upstream itself said, with the
key struck out of it.
"""

from typing import ClassVar, Literal

Fault = Literal["request", "account", "upstream", "network"]
"""Who must do something: whoever wrote the request, the owner of the key, the upstream, or whoever runs the network."""


class ProviderError(Exception):
    """An upstream did not answer as it should.

    ``elsewhere`` says that another target may be tried with the same request, ``again`` that this one may, later.
    ``status`` is that of HTTP, where there was one; ``retry_after`` the seconds the upstream asks to wait.
    """

    fault: ClassVar[Fault] = "upstream"
    elsewhere: ClassVar[bool] = True
    again: ClassVar[bool] = False

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class AuthenticationFailed(ProviderError):
    """The key is missing, wrong, or not allowed to do this (401, 403)."""

    fault = "account"


class QuotaExceeded(ProviderError):
    """There is no money or quota left (402, or a 429 that says so): waiting for seconds does not help."""

    fault = "account"


class RateLimited(ProviderError):
    """Too many requests at once (429); see ``retry_after``."""

    fault = "account"
    again = True


class NotFound(ProviderError):
    """The model or the path is not there (404)."""

    fault = "request"


class BadRequest(ProviderError):
    """The request is refused (other 4xx); ``field`` is what the upstream names, where it does."""

    fault = "request"
    elsewhere = False

    def __init__(self, message: str, *, status: int | None = None, field: str = "") -> None:
        super().__init__(message, status=status)
        self.field = field


class TooLong(BadRequest):
    """The prompt does not fit into the model's context, or the body is too large: another model may take it."""

    elsewhere = True


class Blocked(ProviderError):
    """The upstream's filters stopped the prompt or the answer."""

    fault = "request"


class Overloaded(ProviderError):
    """The upstream cannot answer now (500, 502, 503, 504, 529, or an error in the stream that says so)."""

    again = True


class TimedOut(ProviderError):
    """The upstream did not answer, or not go on, in time."""


class Unreachable(ProviderError):
    """No connection: refused, no such host, no route, TLS."""

    fault = "network"
    again = True


class Broken(ProviderError):
    """The answer ended in the middle, or is not what the dialect says."""
