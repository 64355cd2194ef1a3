"""The price list of genai-prices (MIT): some 2,300 models of 47 providers, dated, from the package itself.

It is imported when the first price is asked for (some 0.2 s, 40 MB), and never fetches anything: its updater is opt-in
and not opted into. Its prices are read, and its arithmetic is not used: that has no place for what is unknown, and
charges the sound of a model without a price for sound as text.
"""

import importlib
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache, partial
from typing import Any

from msgspec import Struct

from antiphon.meter.rates import Rates

_FIELDS = {
    "input_mtok": "text_in",
    "input_text_mtok": "text_in",
    "input_audio_mtok": "audio_in",
    "input_image_mtok": "image_in",
    "input_video_mtok": "video_in",
    "output_mtok": "text_out",
    "output_text_mtok": "text_out",
    "output_audio_mtok": "audio_out",
    "output_image_mtok": "image_out",
    "output_video_mtok": "video_out",
    "output_reasoning_mtok": "thoughts",
    "cache_read_mtok": "cached_text",
    "cache_text_read_mtok": "cached_text",
    "cache_audio_read_mtok": "cached_audio",
    "cache_image_read_mtok": "cached_image",
    "cache_video_read_mtok": "cached_video",
    "web_searches_kcount": "search",
    "requests_kcount": "request",
    "audio_hours": "hour",
    "input_audio_hours": "hour",
    "output_audio_hours": "hour",
}
"""Their names and ours. Where two mean the same here, the later one in their own order, the narrower, counts."""

_THOUSANDS = frozenset(("search", "request"))

_BESIDE = {
    "input_mchars": "characters",
    "input_text_messages_kcount": "text messages",
    "input_document_kpages": "pages",
    "input_annotated_document_kpages": "pages",
    "input_gpixels": "pixels",
}
"""What some models are priced by that a conversation does not count."""

_lock = threading.Lock()


class Listing(Struct, frozen=True):
    """One row of the list. ``above`` are other rates for prompts of more than so many tokens, in rising order.

    ``beside`` names what the model is priced by too, and what is not counted here.
    """

    rates: Rates
    above: tuple[tuple[int, Rates], ...] = ()
    beside: tuple[str, ...] = ()


def version() -> str:
    """The name and release of the list."""
    return f"genai-prices {_library().__version__}"


def find(provider: str, model: str, at: datetime) -> Listing | None:
    """The row for a model as it was valid at ``at``; None when the list does not have it."""
    try:
        _, found = _library().data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return _listing(found.get_prices(at))


@cache
def _library() -> Any:
    with _lock:
        return importlib.import_module("genai_prices")


def _listing(prices: Any) -> Listing:
    values = {name: value for name, value in vars(prices).items() if value is not None}
    starts = sorted({tier.start for value in values.values() for tier in getattr(value, "tiers", ())})
    above = tuple((start, _rates(values, partial(_at, start))) for start in starts)
    beside = tuple(dict.fromkeys(_BESIDE[name] for name in values if name in _BESIDE))
    return Listing(_rates(values, _base), above, beside)


def _rates(values: dict[str, Any], choose: Callable[[Any], Decimal]) -> Rates:
    return Rates(**dict(_converted(values, choose)))


def _converted(values: dict[str, Any], choose: Callable[[Any], Decimal]) -> Iterator[tuple[str, Decimal]]:
    for theirs, ours in _FIELDS.items():
        if theirs in values:
            value = choose(values[theirs])
            yield ours, value / 1000 if ours in _THOUSANDS else value


def _base(value: Any) -> Decimal:
    return Decimal(value) if isinstance(value, Decimal) else Decimal(value.base)


def _at(start: int, value: Any) -> Decimal:
    """The price for prompts of more than ``start`` tokens."""
    if isinstance(value, Decimal):
        return value
    fitting = [tier.price for tier in value.tiers if tier.start <= start]
    return Decimal(fitting[-1] if fitting else value.base)
