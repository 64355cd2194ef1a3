"""A circuit breaker: an engine that keeps failing is left alone for a while, and then tried with one call.

::

              failures in a row, or too great a share        the time is over
    closed ------------------------------------------> open -----------------> half open
       ^                                                ^                       |      |
       |                                                +------ it failed ------+      |
       +------------------------------- the probe began -------------------------------+

A call counts once: it ended well, or it failed. That the probe began closes the breaker, but what happened before is
forgotten only when a call ended well, or when none has failed for :attr:`BreakerConfig.proof` seconds: an engine that
begins every conversation and loses it at once is found out.
"""

import math
from collections import deque
from typing import Literal

from msgspec import Struct

State = Literal["closed", "open", "half open"]


class BreakerConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a breaker opens, and for how long. Seconds.

    ``failures`` in a row open it, or a share of ``rate`` among the calls that ended in the last ``window``, once they
    are ``calls``. It stays open for ``pause``, twice as long each time that its probe fails, ``longest_pause`` at most.
    """

    failures: int = 3
    rate: float = 0.5
    calls: int = 10
    window: float = 60.0
    pause: float = 5.0
    longest_pause: float = 300.0
    proof: float = 30.0

    def __post_init__(self) -> None:
        for name in ("failures", "calls", "window", "pause", "longest_pause", "proof"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")
        if not 0 < self.rate <= 1:
            raise ValueError("rate must be more than 0 and at most 1")
        if self.longest_pause < self.pause:
            raise ValueError("longest_pause must not be shorter than pause")


class Breaker:
    """The breaker of one engine. Every ``now`` is in seconds of one steady clock and does not go back."""

    def __init__(self, config: BreakerConfig | None = None) -> None:
        self._config = config or BreakerConfig()
        self._until: float | None = None
        self._probing = False
        self._pauses = 0
        self._failures: list[float] = []
        self._ends: deque[tuple[float, bool]] = deque()
        self._sound_since: float | None = None

    def state(self, now: float) -> State:
        """What it is now."""
        if self._until is None:
            return "closed"
        return "open" if now < self._until else "half open"

    def objection(self, now: float) -> str:
        """Why no call may begin now; empty when one may."""
        if self._until is None:
            return ""
        if now < self._until:
            return f"failed, and is left alone for another {math.ceil(self._until - now)} s"
        return "failed, and another call tries it" if self._probing else ""

    def begin(self, now: float) -> bool:
        """A call begins, which :meth:`objection` has none against; whether it is a probe."""
        assert not self.objection(now), "ask objection() first"
        self._probing = self._until is not None
        return self._probing

    def opened(self, now: float, *, probe: bool = False) -> None:
        """A conversation began."""
        if probe:
            self._probing, self._until = False, None
        if self._sound_since is None:
            self._sound_since = now

    def ended(self, now: float) -> None:
        """A call that had begun ended well."""
        self._forgive()
        self._note(now, failed=False)

    def failed(self, now: float, *, probe: bool = False) -> None:
        """A call could not begin, or was lost. ``probe``: it was the probe, and had not begun."""
        if self._sound_since is not None and now - self._sound_since >= self._config.proof:
            self._forgive()
        self._sound_since = None
        self._note(now, failed=True)
        self._failures = [*(at for at in self._failures if at > now - self._config.window), now]
        if probe:
            self._probing = False
            self._open(now)
        elif self._until is None and (self._failed_often or self._pauses):
            self._open(now)

    def abandoned(self) -> None:
        """The probe ended before anybody knows how it would have gone: another call may be it."""
        self._probing = False

    @property
    def _failed_often(self) -> bool:
        failed = sum(failed for _, failed in self._ends)
        share = len(self._ends) >= self._config.calls and failed >= self._config.rate * len(self._ends)
        return share or len(self._failures) >= self._config.failures

    def _note(self, now: float, *, failed: bool) -> None:
        self._ends.append((now, failed))
        while self._ends[0][0] <= now - self._config.window:
            self._ends.popleft()

    def _forgive(self) -> None:
        self._failures.clear()
        self._pauses = 0

    def _open(self, now: float) -> None:
        # Of 2 ** 1024 there is no float.
        pause = min(self._config.pause * 2.0 ** min(self._pauses, 64), self._config.longest_pause)
        self._pauses += 1
        self._until = now + pause
        self._failures.clear()
        self._ends.clear()
