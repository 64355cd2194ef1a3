"""What calls with some models would cost: the words of the command line as calls, rules and prices."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec
from msgspec import Struct

from antiphon.live.tokens import PICTURE_TOKENS
from antiphon.meter.forecast import Forecast, Saving, forecast, savings
from antiphon.meter.presets import PRESETS
from antiphon.meter.prices import Price, Prices
from antiphon.meter.services import Service, find
from antiphon.meter.simulation import Call, Compression, Coverage, Gates, Rules, ScenarioError, Silence, simulate

_T = TypeVar("_T")

COVERAGES: dict[str, Coverage] = {
    "activity": "activity",
    "all-video": "activity_and_all_video",
    "all-input": "all_input",
}
TRANSCRIPTS = {"none": (False, False), "user": (True, False), "model": (False, True), "both": (True, True)}

DEFAULT_TRIGGER = Decimal("0.8")
"""The share of the window at which the hosted service compresses if it is not told otherwise; to half of that."""


class Speech(Struct, frozen=True):
    """How long someone speaks in a turn: so many seconds, or a share of it."""

    seconds: float = 0.0
    share: float = 0.0

    def of(self, length: float) -> float:
        """Seconds in a turn of ``length`` seconds."""
        return self.seconds + self.share * length


class Wish(Struct, frozen=True, kw_only=True):
    """What is to be simulated; None leaves a thing to the preset, or to the rules of each model's service.

    ``compress`` are windows to compare, as they were written. ``frame_tokens`` wins over ``media_resolution``.
    """

    models: tuple[str, ...]
    preset: str = "reference"
    minutes: float | None = None
    turns: int | None = None
    user: Speech | None = None
    model: Speech | None = None
    call: dict[str, int | float] = {}
    """Other fields of the call, by their names."""
    transcripts: str | None = None
    transcript_rate: int = 200
    compress: tuple[str, ...] = ()
    setup_counts: bool = True
    coverage: str | None = None
    silence: Silence | None = None
    gates: Gates = Gates()
    media_resolution: str | None = None
    frame_tokens: Decimal | None = None
    cache: float | None = None
    window: int | None = None


class Quote(Struct, frozen=True, kw_only=True):
    """What a call with one model and one window would cost. ``notes`` say what was assumed."""

    label: str
    service: Service
    forecast: Forecast
    savings: tuple[Saving, ...]
    notes: tuple[str, ...]

    @property
    def tells_context(self) -> bool:
        """Whether its context and its memory mean something: they do not where only time is billed."""
        price = self.forecast.price
        return self.service.known and not (isinstance(price, Price) and price.by_the_second)


def quotes(wish: Wish, prices: Prices | None = None) -> list[Quote]:
    """One for each model and window, in their order.

    Raises:
        ScenarioError: the call is impossible, or a word is not understood; the message says which.
    """
    call = call_of(wish)
    known = prices or Prices()
    return [
        _quote(find(name), call, wish, compress, known)
        for name in wish.models
        for compress in (wish.compress or (None,))
    ]


def call_of(wish: Wish) -> Call:
    """The call itself."""
    if wish.preset not in PRESETS:
        raise ScenarioError(f"preset {wish.preset}: there is {_listed(PRESETS)}")
    if (wish.turns is not None and wish.turns < 1) or (wish.minutes is not None and wish.minutes <= 0):
        raise ScenarioError("a call has at least one turn and lasts longer than no time")
    call = PRESETS[wish.preset].with_times(wish.minutes, wish.turns)
    changed: dict[str, int | float] = dict(wish.call)
    if wish.user:
        changed["user"] = wish.user.of(call.length)
    if wish.model:
        changed["model"] = wish.model.of(call.length)
    if wish.transcripts is not None:
        user, model = _chosen("transcripts", TRANSCRIPTS, wish.transcripts)
        changed["user_transcript"] = wish.transcript_rate * user
        changed["model_transcript"] = wish.transcript_rate * model
    return msgspec.structs.replace(call, **changed)


def rules_of(rules: Rules, wish: Wish, compress: str | None) -> Rules:
    """The rules of a service, as far as the wish does not change them."""
    window = wish.window or rules.window
    compression = rules.compression if compress is None else compression_of(compress, window, wish.setup_counts)
    changed: dict[str, object] = {"window": window, "gates": wish.gates, "compression": compression}
    if wish.silence is not None:
        changed["silence"] = wish.silence
    if wish.cache is not None:
        changed["cache"] = wish.cache
    if rules.covers_by_choice:
        changed |= _seen(wish)
    return msgspec.structs.replace(rules, **changed)


def _seen(wish: Wish) -> dict[str, object]:
    """How the wish wants video, and all input, to count."""
    changed: dict[str, object] = {}
    if wish.coverage is not None:
        changed["coverage"] = _chosen("coverage", COVERAGES, wish.coverage)
        if wish.coverage == "all-input" and wish.silence is None:
            changed["silence"] = "kept"
    if wish.media_resolution is not None:
        changed["frame_tokens"] = Decimal(_chosen("media resolution", _RESOLUTIONS, wish.media_resolution))
    if wish.frame_tokens is not None:
        changed["frame_tokens"] = wish.frame_tokens
    return changed


_RESOLUTIONS: dict[str, int] = {name: tokens for name, tokens in PICTURE_TOKENS.items() if name}


def compression_of(text: str, window: int, setup_counts: bool = True) -> Compression | None:
    """The window that ``none``, ``default`` or ``TRIGGER:TARGET`` means; the target is half of it if it is left out.

    Raises:
        ScenarioError: it is none of these.
    """
    if text == "none":
        return None
    if text == "default":
        trigger = int(window * DEFAULT_TRIGGER)
        return Compression(trigger, trigger // 2, setup_counts)
    first, _, second = text.partition(":")
    try:
        trigger = int(first)
        return Compression(trigger, int(second) if second else trigger // 2, setup_counts)
    except ScenarioError:
        raise
    except ValueError:
        raise ScenarioError(f"compress {text}: write none, default or TRIGGER:TARGET in tokens, as 8000:4000") from None


def speech(option: str, text: str) -> Speech:
    """``10`` or ``10s`` are seconds of a turn, ``40%`` a share.

    Raises:
        ScenarioError: it is neither.
    """
    try:
        if text.endswith("%"):
            return Speech(share=float(text[:-1]) / 100)
        return Speech(seconds=float(text.removesuffix("s")))
    except ValueError:
        raise ScenarioError(f"{option} {text}: write seconds of a turn, as 10, or a share, as 40%") from None


def pair(option: str, text: str) -> tuple[int, int]:
    """Two whole numbers with a colon between them.

    Raises:
        ScenarioError: it is not that.
    """
    try:
        first, second = map(int, text.split(":"))
    except ValueError:
        raise ScenarioError(f"{option} {text}: write two numbers of tokens, as 30:120") from None
    return first, second


def tokens(option: str, text: str) -> Decimal:
    """An amount of tokens, which may have a fraction.

    Raises:
        ScenarioError: it is none.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not (value.is_finite() and value >= 0):
        raise ScenarioError(f"{option} {text}: write a number of tokens, as 258")
    return value


def _quote(service: Service, call: Call, wish: Wish, compress: str | None, prices: Prices) -> Quote:
    counted, notes = service.counts(call)
    session = simulate(counted, rules_of(service.rules, wish, compress))
    price = prices.price_of(service.provider, service.model)
    made = forecast(session, price)
    label = service.name if len(wish.compress) < 2 else f"{service.name}, {compress}"
    beside = price.notes if isinstance(price, Price) else ()
    quote = Quote(
        label=label, service=service, forecast=made, savings=(), notes=(*made.reasons, *notes, *service.notes, *beside)
    )
    return msgspec.structs.replace(quote, savings=tuple(savings(made))) if quote.tells_context else quote


def _chosen(option: str, choices: Mapping[str, _T], text: str) -> _T:
    if text not in choices:
        raise ScenarioError(f"{option} {text}: there is {_listed(choices)}")
    return choices[text]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
