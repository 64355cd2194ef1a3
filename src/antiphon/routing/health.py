"""What is known of one engine: whether it runs, how it has done, and how many calls it has."""

from antiphon.routing.breaker import Breaker, BreakerConfig


class Health:
    """The health of one engine. ``down`` says why it does not run at all; empty when it does.

    Every ``now`` is in seconds of one steady clock.
    """

    def __init__(self, breaker: BreakerConfig | None = None) -> None:
        self.breaker = Breaker(breaker)
        self.down = ""
        self._leases: set[Lease] = set()

    @property
    def calls(self) -> int:
        """How many calls it has."""
        return len(self._leases)

    def objection(self, now: float, max_calls: int | None = None) -> str:
        """Why it can take no call now; empty when it can."""
        if self.down:
            return f"does not run: {self.down}"
        if max_calls is not None and self.calls >= max_calls:
            return f"is full ({self.calls} of {max_calls} calls)"
        return self.breaker.objection(now)

    def take(self, now: float, *, anyway: bool = False) -> "Lease":
        """Count a call. With ``anyway`` whatever the breaker says; else there must be no :meth:`objection`."""
        probe = False if anyway and self.breaker.objection(now) else self.breaker.begin(now)
        lease = Lease(self, probe)
        self._leases.add(lease)
        return lease

    def forget(self, lease: "Lease") -> None:
        """The call of a lease is no more."""
        self._leases.discard(lease)


class Lease:
    """One call that an engine has. It tells :meth:`opened` or :meth:`failed` what happens, and ends by :meth:`release`.

    All of them are idempotent, and nothing counts after the release.
    """

    def __init__(self, health: Health, probe: bool) -> None:
        self._health = health
        self._probe = probe
        self._open = self._failed = self._released = False

    def opened(self, now: float) -> None:
        """The conversation began."""
        if self._open or self._failed or self._released:
            return
        self._open = True
        self._health.breaker.opened(now, probe=self._probe)

    def failed(self, now: float) -> None:
        """It could not begin, or was lost."""
        if self._failed or self._released:
            return
        self._failed = True
        self._health.breaker.failed(now, probe=self._probe and not self._open)

    def release(self, now: float) -> None:
        """The call has nothing to do with the engine any more."""
        if self._released:
            return
        self._released = True
        self._health.forget(self)
        if self._open and not self._failed:
            self._health.breaker.ended(now)
        elif self._probe and not self._failed:
            self._health.breaker.abandoned()
