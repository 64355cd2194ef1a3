"""What calls cost, while they run: every charge priced and written down, windows of thirty seconds, budgets minded."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from antiphon.calls.clock import Clock, Timer
from antiphon.calls.observer import NOBODY, Observer
from antiphon.calls.periodic import Periodic
from antiphon.calls.spool import Spool
from antiphon.live.effects import Charge, Spend
from antiphon.live.inputs import Dismiss
from antiphon.live.session import Session
from antiphon.live.tokens import UpstreamUsage, Usage
from antiphon.meter.budgets import BudgetConfig, Budgets, Place, Verdict
from antiphon.meter.budgets import Kind as BudgetKind
from antiphon.meter.money import from_picodollars, to_picodollars
from antiphon.meter.prices import Cost, Prices, Unknown, cost
from antiphon.store.database import StoreError
from antiphon.store.keys import KeyLimits, is_stored
from antiphon.store.ledger import GENERATION, LATE, WINDOW, Entry, Kind, Ledger, Scope
from antiphon.wire.refusal import CloseCode, Refusal

log = logging.getLogger("antiphon.calls")

WINDOW_SECONDS = 30.0
"""How much of a call a crash may lose."""

Own = Mapping[BudgetKind, Decimal]
"""What one key may spend, in dollars."""

Bills = tuple[tuple[str, str], ...]
"""Who is paid for what: providers and models. Empty where everything runs on the owner's hardware."""

_HARDWARE = (UpstreamUsage("", ""),)


class Metering:
    """What all calls of the process use: the ledger, the prices, the budgets.

    ``now`` is the time of day, in seconds of the Unix epoch. ``bills`` says who would be paid for a call of a model, as
    far as the configuration tells; None where it does not.
    """

    def __init__(
        self,
        ledger: Ledger,
        prices: Prices,
        clock: Clock,
        *,
        budget: BudgetConfig | None = None,
        now: Callable[[], float] = time.time,
        bills: Callable[[str], Bills | None] = lambda model: None,
    ) -> None:
        self.process = secrets.token_hex(8)
        self.prices = prices
        self.clock = clock
        self.now = now
        self.budgets = Budgets(budget or BudgetConfig())
        self.spool = Spool(ledger, clock)
        self._bills = bills
        self._warm = False
        self._billed: dict[tuple[str, str], Bills] = {}
        self._rounds: Periodic | None = None
        if self.budgets.config.limits:
            self._begin_rounds()

    async def warm(self) -> None:
        """Load the price list, so that the first charge of a hosted model does not wait for it (some 0.2 s)."""
        self._warm = True
        await asyncio.to_thread(self._load_prices)

    async def aclose(self) -> None:
        """Write what is left. Idempotent."""
        if self._rounds is not None:
            await self._rounds.aclose()
        await self.spool.aclose()

    def guess(self, engine: str, model: str) -> Bills | None:
        """Who will be paid for a generation: as ``engine`` told the last time, else as configured; None for neither."""
        told = self._billed.get((engine, model))
        return self._bills(model) if told is None else told

    def learn(self, engine: str, model: str, upstream: Sequence[UpstreamUsage]) -> Bills:
        """Remember who was paid for a generation, and say whom ``engine`` usually has paid."""
        bills = tuple((each.provider, each.model) for each in upstream if each.provider)
        # None may mean that it was interrupted and tells later.
        if bills or (engine, model) not in self._billed:
            self._billed[engine, model] = bills
        return self._billed[engine, model]

    async def limit(self, owner: str, own: Own) -> None:
        """Let limits of one key alone hold from now on, for its sessions that run too.

        Raises:
            StoreError: what was spent so far cannot be read.
        """
        if self.budgets.know(owner, own):
            await self._refresh()

    async def admit(self, call: str, owner: str, session_id: str, model: str, own: Own | None = None) -> None:
        """See that a call may spend money. ``own`` are the limits of its key, where that may have some.

        Raises:
            Refusal: a budget is used up, or nobody knows what the call would cost.
        """
        if self._bills(model) != () and not self._warm:
            # In a thread, for it takes a while; nothing is charged before the first answer is over.
            self._warm = True
            asyncio.get_running_loop().run_in_executor(None, self._load_prices)
        if own is not None:
            self.budgets.know(owner, own)
            self._begin_rounds()
        if not self.budgets.counts(owner):
            return
        if self.budgets.limits(owner):
            if self.budgets.config.unknown == "refuse":
                self._refuse_unpriced(self._bills(model) or ())
            await self._hear(call, owner, session_id)
        verdict = self.budgets.admit(call, owner, session_id, self.now())
        if verdict.state == "spent":
            raise Refusal("", verdict.reason, "ask the owner of the server for more", CloseCode.POLICY)

    def _begin_rounds(self) -> None:
        self._rounds = self._rounds or Periodic(self._refresh, WINDOW_SECONDS, self.clock)

    def _load_prices(self) -> None:
        self.prices.price_of("google", "gemini-3.8-live")

    def _refuse_unpriced(self, bills: Bills) -> None:
        for provider, model in bills:
            price = self.prices.price_of(provider, model)
            if isinstance(price, Unknown):
                remedy = 'or budget.unknown = "allow", in the configuration of the server'
                raise Refusal("", f"there is a budget, and {price.reason}", remedy, CloseCode.POLICY)

    async def _hear(self, call: str, owner: str, session_id: str) -> None:
        places = self.budgets.places(owner, session_id, self.now())
        try:
            sums = await self.spool.ask([self._scope(place, call) for place in places])
        except StoreError as error:
            log.error("a call is refused, for what was spent cannot be read: %s", error)
            reason = "what was spent cannot be read, and there is a budget"
            raise Refusal("", reason, "try again later", CloseCode.INTERNAL) from error
        for place, spent in zip(places, sums, strict=True):
            self.budgets.hear(place, from_picodollars(spent.amount), owner)

    def _scope(self, place: Place, call: str | None = None) -> Scope:
        if place.kind == "session":
            return Scope(session_id=place.name, but_call=call)
        return Scope(owner=place.name, since=place.since, but_process=self.process)

    async def _refresh(self) -> None:
        """Hear what other processes spent."""
        self.budgets.forget(self.now())
        places = [place for place in self.budgets.known if place.kind != "session"]
        if places:
            sums = await self.spool.ask([self._scope(place) for place in places])
            for place, spent in zip(places, sums, strict=True):
                self.budgets.hear(place, from_picodollars(spent.amount))


class _Priced(Struct, frozen=True):
    upstream: UpstreamUsage
    cost: Cost
    version: str


class Tab:
    """What one call uses, from its setup to its end. Without a ``metering`` it counts nothing.

    ``dismiss`` ends the session in order; it is called once, when a budget is used up. ``observer`` is told what
    things cost; ``own`` are the limits of the owner's key, where that may have some.
    """

    def __init__(
        self,
        metering: Metering | None,
        session: Session,
        owner: str,
        dismiss: Callable[[Dismiss], None],
        observer: Observer = NOBODY,
        own: Own | None = None,
    ) -> None:
        self._own = own
        self._metering = metering
        self._session = session
        self._owner = owner
        self._dismiss = dismiss
        self._observer = observer
        # Of its own: a session that goes on from an earlier handle counts generations that were charged already.
        self._call = secrets.token_hex(8)
        self._model = ""
        self._window = 0
        self._late = 0
        self._open_since: float | None = None
        self._timer: Timer | None = None
        self._state = "ok"
        self._ended = False
        self._announced = 0
        self._untold: dict[int, tuple[Usage, Cost]] = {}

    async def admit(self, model: str, session_id: str) -> None:
        """See that the call may spend money; ``model`` is the one that the client asked for.

        Raises:
            Refusal: it may not.
        """
        self._model = model.rsplit("models/", 1)[-1]
        if self._metering is not None:
            await self._metering.admit(self._call, self._owner, session_id, self._model, self._own)
            if self._ended:
                self._metering.budgets.leave(self._call)

    def begin(self) -> None:
        """An engine's conversation opens: from now on the call may cost something. Again when another takes over."""
        if self._metering is not None and self._open_since is None:
            self._open_since = self._metering.clock.now()
            self._arm(self._metering)

    def announce(self, generation: int) -> None:
        """This generation is the server's own voice, and nobody is paid for it."""
        self._announced = generation

    def charge(self, effect: Charge) -> None:
        """A generation ended."""
        metering = self._metering
        if metering is None:
            return
        if effect.generation != self._announced:
            usual = metering.learn(self._engine, self._model, effect.upstream)
            if usual and not effect.upstream:
                self._await(metering, effect)
                return
        priced = self._price(metering, effect.upstream or _HARDWARE)
        entries = [self._entry(metering, GENERATION, effect.generation, *each) for each in enumerate(priced)]
        self._settle(metering, [replace(entries[0], told=effect.usage), *entries[1:]], _sum(priced))

    def spend(self, effect: Spend) -> None:
        """An upstream told what it was used for by a generation that was charged."""
        metering = self._metering
        if metering is None:
            return
        # Nothing is learnt of who is usually paid: another engine may have taken over by now.
        priced = self._price(metering, (effect.upstream,))
        usage, guess = self._untold.pop(effect.generation, (None, Cost()))
        if usage is not None:
            entry = replace(self._entry(metering, GENERATION, effect.generation, 0, priced[0]), told=usage)
        else:
            entry = self._entry(metering, LATE, effect.generation, self._late, priced[0])
            self._late += 1
        self._settle(metering, [entry], replace(_sum(priced), known=priced[0].cost.known - guess.known))

    def _await(self, metering: Metering, effect: Charge) -> None:
        """An upstream did not tell yet, for it was interrupted: its rows are provisional until it does."""
        self._window += 1
        priced = self._price_provisionally(metering, effect)
        entries = [self._entry(metering, WINDOW, effect.generation, *each) for each in enumerate(priced)]
        self._untold[effect.generation] = effect.usage, _sum(priced)
        self._settle(metering, [replace(entries[0], told=effect.usage), *entries[1:]], _sum(priced))

    def end(self) -> None:
        """The session is closed. Idempotent."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
        if self._metering is None:
            return
        if self._open_since is not None:
            self._metering.spool.put(self._windows(self._metering, None))
            self._open_since = None
        self._metering.budgets.leave(self._call)

    @property
    def _engine(self) -> str:
        return self._session.dialogue.abilities.name

    def _arm(self, metering: Metering) -> None:
        self._timer = metering.clock.call_at(metering.clock.now() + WINDOW_SECONDS, self._pass_window)

    def _pass_window(self) -> None:
        """Thirty seconds more; and what the generation under way came to."""
        metering = self._metering
        assert metering is not None
        entries = self._windows(metering, self._session.accrued)
        metering.spool.put(entries)
        # What is not known yet of it may be known when it is charged.
        self._heed(metering, Cost(), Cost(from_picodollars(sum(entry.amount for entry in entries))))
        self._arm(metering)

    def _windows(self, metering: Metering, accrued: Charge | None) -> list[Entry]:
        """The rows of a window: one for each upstream of the generation under way, one if there is none."""
        assert self._open_since is not None
        self._window += 1
        now = metering.clock.now()
        seconds, self._open_since = now - self._open_since, now
        priced = self._price_provisionally(metering, accrued) if accrued else self._price(metering, _HARDWARE)
        generation = accrued.generation if accrued else 0
        first, *others = (self._entry(metering, WINDOW, generation, *each) for each in enumerate(priced))
        told = accrued.usage if accrued else Usage()
        return [replace(first, told=told, open_seconds=seconds), *others]

    def _price_provisionally(self, metering: Metering, accrued: Charge) -> list[_Priced]:
        """What a generation comes to before all is told: as its upstreams told so far, or as the client was told."""
        if accrued.upstream:
            return self._price(metering, accrued.upstream)
        bills = () if accrued.generation == self._announced else metering.guess(self._engine, self._model)
        if bills is None:
            unknown = Cost(unknown=1, reasons=(f"{self._engine} has not told yet who is paid for it",))
            return [_Priced(UpstreamUsage("", "", accrued.usage, estimated=True), unknown, "unknown")]
        guessed = [UpstreamUsage(*bill, accrued.usage, estimated=True) for bill in bills[:1]]
        return self._price(metering, guessed or _HARDWARE)

    def _price(self, metering: Metering, upstream: Sequence[UpstreamUsage]) -> list[_Priced]:
        prices = [metering.prices.price_of(each.provider, each.model) for each in upstream]
        return [_Priced(each, cost(price, each), price.version) for each, price in zip(upstream, prices, strict=True)]

    def _entry(self, metering: Metering, kind: Kind, generation: int, number: int, priced: _Priced) -> Entry:
        upstream = priced.upstream
        return Entry(
            call=self._call,
            session_id=self._session.id,
            generation=generation,
            kind=kind,
            window=self._window if kind == WINDOW else 0,
            number=number,
            process=metering.process,
            at=metering.now(),
            owner=self._owner,
            model=self._model or (self._session.setup.profile.id if self._session.setup else ""),
            engine=self._engine,
            provider=upstream.provider,
            billed=upstream.model,
            usage=upstream.usage,
            seconds=upstream.seconds,
            amount=to_picodollars(priced.cost.known),
            unknown="; ".join(priced.cost.reasons),
            price_version=priced.version,
            estimated=upstream.estimated,
        )

    def _settle(self, metering: Metering, entries: list[Entry], settled: Cost) -> None:
        metering.spool.put(entries)
        self._observer.priced(entries)
        if not self._ended:
            self._heed(metering, settled, None)

    def _heed(self, metering: Metering, settled: Cost, provisional: Cost | None) -> None:
        """Do as the budgets say, once for each thing they say."""
        verdict = metering.budgets.charge(self._call, metering.now(), settled, provisional)
        if verdict.state in ("ok", self._state) or self._state == "spent":
            return
        self._state = verdict.state
        log.warning("%s: %s", self._session.id, verdict.reason)
        self._observer.warned(verdict.reason)
        if verdict.state == "spent":
            # After the other effects of the same event.
            asyncio.get_running_loop().call_soon(self._dismiss, self._dismissal(metering, verdict))

    def _dismissal(self, metering: Metering, verdict: Verdict) -> Dismiss:
        return Dismiss(verdict.reason, metering.budgets.config.farewell)


def _sum(priced: Sequence[_Priced]) -> Cost:
    return sum((each.cost for each in priced), Cost())


def own_limits(owner: str, limits: KeyLimits) -> Own | None:
    """The limits of a key as budgets know them; None for one that can have none."""
    if not is_stored(owner):
        return None
    own: dict[BudgetKind, Decimal | None]
    own = {"session": limits.session, "key_day": limits.day, "key_month": limits.month}
    return {kind: limit for kind, limit in own.items() if limit is not None}
