"""What an upstream says it used, once per generation.

Each record of the service is the total of one generation (not of the session): the whole context read again, and what
was made. It may come several times while the generation is made, on any frame, before it, or after its end. Answers
with function calls are several generations, one up to each call and one after the last results; what a session pays is
the sum over all of them (catalogue of prices, billing rules; measured against invoices by several people).
"""

from antiphon.live.tokens import Tokens, Usage
from antiphon.wire.gemini.server import ModalityTokenCount, UsageMetadata

_NAMES = {"AUDIO": "audio", "IMAGE": "image", "VIDEO": "video"}
_FIELDS = ("text", "audio", "image", "video")


class Bill:
    """Collapses the records of one conversation. ``speaks``: what is made without a modality is speech."""

    def __init__(self, *, speaks: bool) -> None:
        self._speaks = speaks
        self._pending: UsageMetadata | None = None
        # Before the first generation there is none that a record could be the late one of.
        self._billed: UsageMetadata | None = UsageMetadata()
        self._over = True
        self._called = False
        self._final = True
        self._repeated: UsageMetadata | None = None

    def content(self) -> None:
        """The model makes something: unless it was at it already, a generation begins."""
        self._repeated = None
        if self._over:
            self._billed, self._over, self._called, self._final = None, False, False, False

    def answered(self) -> None:
        """Functions were answered: what is used next, is used for the next generation."""
        if self._called and self._billed is not None:
            billed = self._billed
            self.content()
            self._repeated = billed

    def told(self, record: UsageMetadata, *, final: bool = False) -> Usage | None:
        """A record came, with the end of the turn if it is ``final``; what to charge for it now, if anything."""
        if record == self._repeated:
            return None
        late = self._over and not self._final
        self._final |= final or late
        if not self._over:
            self._pending = record
            return None
        if record == self._billed:
            return None
        if self._billed is None or (self._called and final):
            self._billed = record
            return usage(record, speaks=self._speaks)
        if self._called or late:
            more = _more(usage(record, speaks=self._speaks), usage(self._billed, speaks=self._speaks))
            self._billed = record
            return more
        # The generation before is paid: an early record of the next one.
        self._pending = record
        return None

    def over(self, *, called: bool = False) -> Usage | None:
        """The generation is over, because functions are ``called`` or for good; what to charge for it."""
        record, self._pending = self._pending, None
        self._over, self._called = True, called
        if record is None:
            return None
        self._billed = record
        return usage(record, speaks=self._speaks)

    def gone(self) -> None:
        """The upstream that made the last generation is gone: no record of it will come any more."""
        self._billed, self._final, self._called = UsageMetadata(), True, False


def usage(record: UsageMetadata, *, speaks: bool) -> Usage:
    """A record by modality. What has none is text, but for what a model that ``speaks`` made: that is audio."""
    made = _tokens(record.response_tokens_details)
    left = record.response_token_count - made.total
    if left > 0:
        made += Tokens(audio=left) if speaks and not record.response_tokens_details else Tokens(text=left)
    return Usage(
        prompt=_counted(record.prompt_token_count, record.prompt_tokens_details),
        response=made,
        tool_prompt=_counted(record.tool_use_prompt_token_count, record.tool_use_prompt_tokens_details),
        thoughts=record.thoughts_token_count,
        cached=_counted(record.cached_content_token_count, record.cache_tokens_details),
    )


def _counted(count: int, details: list[ModalityTokenCount]) -> Tokens:
    tokens = _tokens(details)
    return tokens + Tokens(text=max(0, count - tokens.total))


def _tokens(details: list[ModalityTokenCount]) -> Tokens:
    counts = dict.fromkeys(_FIELDS, 0)
    for detail in details:
        counts[_NAMES.get(detail.modality.upper(), "text")] += detail.token_count
    return Tokens(**counts)


def _more(now: Usage, before: Usage) -> Usage:
    """What a later record of the same generation adds; never less than nothing."""
    return Usage(
        prompt=_less(now.prompt, before.prompt),
        response=_less(now.response, before.response),
        tool_prompt=_less(now.tool_prompt, before.tool_prompt),
        thoughts=max(0, now.thoughts - before.thoughts),
        cached=_less(now.cached, before.cached),
    )


def _less(more: Tokens, less: Tokens) -> Tokens:
    return Tokens(**{name: max(0, getattr(more, name) - getattr(less, name)) for name in _FIELDS})
