"""What the errors of providers mean for a conversation."""

import logging

from antiphon.engines.cascade.brain.language_model.model import NO_ANSWER, ModelFailed
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
    Unreachable,
)

log = logging.getLogger("antiphon.language_model")

_PASSING = (Blocked, Broken, Overloaded, RateLimited, TimedOut, Unreachable)
"""What asking again, or asking something else, may help against. The others are for the owner to see to."""
_REASONS: tuple[tuple[type[ProviderError], str], ...] = (
    (AuthenticationFailed, "the language model does not accept this server's key; its owner must set it"),
    (QuotaExceeded, "this server's account with its language model is used up; its owner must see to it"),
    (NotFound, "this server's language model is not there any more; its owner must name another"),
    (TooLong, "the conversation is too long for the language model; use contextWindowCompression"),
    (BadRequest, "the language model refuses what it is asked; the log of the server says why"),
)
"""What clients are told; each fits into a close frame."""


def as_failure(error: ProviderError) -> ModelFailed:
    """The failure of a model that a provider's error is."""
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), NO_ANSWER)
    passing = isinstance(error, _PASSING)
    return ModelFailed(str(error), passing=passing, elsewhere=error.elsewhere, reason=reason)


def log_warning(text: str) -> None:
    """Tell the owner of something that is no failure yet."""
    log.warning("%s", text)
