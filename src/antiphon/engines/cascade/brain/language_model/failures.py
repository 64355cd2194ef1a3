"""What the errors of providers mean for a conversation."""

import logging

from antiphon.engines.cascade.brain.language_model.model import ModelFailed
from antiphon.providers.errors import Blocked, Broken, Overloaded, ProviderError, RateLimited, TimedOut, Unreachable

log = logging.getLogger("antiphon.language_model")

_PASSING = (Blocked, Broken, Overloaded, RateLimited, TimedOut, Unreachable)
"""What asking again, or asking something else, may help against. The others are for the owner to see to."""


def as_failure(error: ProviderError) -> ModelFailed:
    """The failure of a model that a provider's error is."""
    return ModelFailed(str(error), passing=isinstance(error, _PASSING), elsewhere=error.elsewhere)


def log_warning(text: str) -> None:
    """Tell the owner of something that is no failure yet."""
    log.warning("%s", text)
