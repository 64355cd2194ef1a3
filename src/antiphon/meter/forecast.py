"""What a simulated session would cost, of what that is made up, and what a change would save.

Every generation is charged by itself, as the services do; the total is the sum. Money is exact: ``Decimal`` dollars.
What has no known price makes the total unknown, never free.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import accumulate
from typing import Literal

import msgspec
from msgspec import Struct

from antiphon.live.tokens import PICTURE_TOKENS, Tokens, UpstreamUsage, Usage
from antiphon.meter.money import ZERO
from antiphon.meter.prices import Cost, Price, Unknown, cost
from antiphon.meter.simulation import Call, Compression, Generation, Rules, Session, simulate

Part = Literal[
    "history", "setup", "input", "silence", "answers", "thinking", "transcripts", "searches", "time", "requests"
]

PARTS: Mapping[Part, Callable[[Generation], Usage]] = {
    "history": lambda each: Usage(prompt=each.history, cached=each.cached),
    "setup": lambda each: Usage(prompt=Tokens(text=each.setup), cached=Tokens(text=each.cached_setup)),
    "input": lambda each: Usage(prompt=each.fresh),
    "silence": lambda each: Usage(prompt=Tokens(audio=each.silence)),
    "answers": lambda each: Usage(response=each.made),
    "thinking": lambda each: Usage(thoughts=each.thoughts),
    "transcripts": lambda each: Usage(response=Tokens(text=each.transcripts)),
    "searches": lambda each: Usage(searches=each.searches),
}
"""What a generation is charged for. Together they are its usage."""

SAVING_WINDOWS = (Compression(25_000, 8_000), Compression(8_000, 4_000))


class Point(Struct, frozen=True):
    """What the call has cost so far, ``at`` seconds after it began."""

    at: float
    cost: Decimal


class Forecast(Struct, frozen=True, kw_only=True):
    """What ``session`` costs. ``total`` is None where a price is missing, and ``reasons`` say which.

    ``parts`` add up to the total; ``points`` are the bill as it grows. ``video`` is what the frames that the model
    read cost, within those.
    """

    session: Session
    price: Price | Unknown
    total: Decimal | None
    reasons: tuple[str, ...] = ()
    parts: dict[Part, Decimal] = {}
    points: tuple[Point, ...] = ()
    video: Decimal = ZERO

    @property
    def per_minute(self) -> Decimal | None:
        """The total by minutes of the call."""
        return None if self.total is None else self.total * 60 / Decimal(str(self.session.call.seconds))

    def cost_at(self, seconds: float) -> Decimal:
        """What the call had cost after so many seconds."""
        return max((point.cost for point in self.points if point.at <= seconds), default=ZERO)


class Change(Struct, frozen=True, kw_only=True):
    """Something that could be done otherwise: ``options`` of the command line, or what they cannot say in ``what``."""

    options: str
    what: str
    call: Call
    rules: Rules


class Saving(Struct, frozen=True, kw_only=True):
    """What ``change`` makes of the bill. ``saved`` is negative if it makes it larger."""

    change: Change
    total: Decimal
    saved: Decimal
    memory: float


def forecast(session: Session, price: Price | Unknown) -> Forecast:
    """Price ``session``."""
    costs = _costs(session, price)
    whole = sum(costs, Cost())
    if whole.amount is None:
        return Forecast(session=session, price=price, total=None, reasons=whole.reasons)
    seen = Usage(prompt=Tokens(video=session.usage.prompt.video))
    return Forecast(
        session=session,
        price=price,
        total=whole.amount,
        parts=_parts(session, price, whole.amount),
        points=_points(session, costs),
        video=charge(price, seen).known,
    )


def charge(price: Price | Unknown, usage: Usage, seconds: float = 0.0) -> Cost:
    """What ``usage`` costs, when so many seconds passed with it."""
    return cost(price, UpstreamUsage(price.provider, price.model, usage, seconds))


def savings(base: Forecast) -> list[Saving]:
    """What each possible change would save, the most first; changes that change nothing are left out."""
    if base.total is None:
        return []
    found = []
    for change in changes(base.session.call, base.session.rules):
        session = simulate(change.call, change.rules)
        total = sum(_costs(session, base.price), Cost()).known
        if total != base.total:
            saving = Saving(change=change, total=total, saved=base.total - total, memory=session.memory)
            found.append(saving)
    return sorted(found, key=lambda saving: saving.total)


def changes(call: Call, rules: Rules) -> Iterator[Change]:
    """What could be done otherwise in ``call`` by ``rules``."""
    for compression in SAVING_WINDOWS:
        if rules.compression is None or compression.trigger < rules.compression.trigger:
            option = f"--compress {compression.trigger}:{compression.target}"
            counted = msgspec.structs.replace(compression, setup_counts=_setup_counts(rules))
            yield _change(option, "forget the oldest turns", call, rules, compression=counted)
    if call.frames_per_second:
        yield from _video_changes(call, rules)
    if rules.silence != "free" and not rules.gates.silence:
        gates = msgspec.structs.replace(rules.gates, silence=True)
        yield _change("--silence-gate", "do not send silence on", call, rules, gates=gates)
    if call.user_transcript or call.model_transcript:
        without = msgspec.structs.replace(call, user_transcript=0, model_transcript=0)
        yield Change(options="--transcripts none", what="no transcripts", call=without, rules=rules)


def _video_changes(call: Call, rules: Rules) -> Iterator[Change]:
    if rules.coverage != "activity":
        if rules.covers_by_choice:
            yield _change("--coverage activity", "only frames around speech count", call, rules, coverage="activity")
        if not rules.gates.video:
            gates = msgspec.structs.replace(rules.gates, video=True)
            yield _change("--video-gate", "send only frames around speech on", call, rules, gates=gates)
    if rules.frame_tokens > PICTURE_TOKENS["low"] and rules.covers_by_choice:
        low = Decimal(PICTURE_TOKENS["low"])
        yield _change("--media-resolution low", "see less in each frame", call, rules, frame_tokens=low)
    without = msgspec.structs.replace(call, frames_per_second=0.0)
    yield Change(options="--video 0", what="see nothing", call=without, rules=rules)


def _change(options: str, what: str, call: Call, rules: Rules, **changed: object) -> Change:
    return Change(options=options, what=what, call=call, rules=msgspec.structs.replace(rules, **changed))


def _setup_counts(rules: Rules) -> bool:
    return rules.compression is None or rules.compression.setup_counts


def _costs(session: Session, price: Price | Unknown) -> list[Cost]:
    """What each generation costs, and the time since the one before it; the last one has the rest of the call.

    Time is charged as the clock shows it, so that rounding each generation's share adds up to nothing.
    """
    costs, before = [], ZERO
    for each, at in zip(session.generations, _ends(session), strict=True):
        whole = charge(price, each.usage, at)
        costs.append(Cost(whole.known - before, whole.unknown, whole.reasons))
        before = _time(price, at)
    return costs


def _time(price: Price | Unknown, seconds: float) -> Decimal:
    """What time alone costs, without what a generation costs whatever it uses."""
    return charge(price, Usage(), seconds).known - charge(price, Usage()).known


def _ends(session: Session) -> list[float]:
    return [generation.at for generation in session.generations[:-1]] + [session.call.seconds]


def _points(session: Session, costs: list[Cost]) -> tuple[Point, ...]:
    return tuple(map(Point, _ends(session), accumulate(each.known for each in costs)))


def _parts(session: Session, price: Price | Unknown, total: Decimal) -> dict[Part, Decimal]:
    """What each part costs by itself; what is charged for no part alone, as a price for a request is, comes last."""
    nothing = charge(price, Usage()).known
    parts: dict[Part, Decimal] = {}
    for part, used in PARTS.items():
        parts[part] = sum((charge(price, used(each)).known - nothing for each in session.generations), ZERO)
    parts["time"] = _time(price, session.call.seconds)
    parts["requests"] = total - sum(parts.values())
    return {part: amount for part, amount in parts.items() if amount}
