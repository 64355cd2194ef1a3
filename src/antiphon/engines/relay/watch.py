"""When an upstream has kept silent for too long, and when the end that it announced is near."""

import asyncio
from collections.abc import Callable

from antiphon.engines.relay.reading import Reader, State


class Watch:
    """Calls ``on_due`` when :attr:`stalled` or :attr:`late` may have become true.

    ``patience`` is the seconds without a frame that are too many, 0 for none. Silence counts while an answer is being
    made, except while it waits for functions; until its ``turnComplete``, once it has been heard; and while an answer
    is owed to what was written. A spoken turn need not be answered: some models decide that for themselves.
    """

    def __init__(self, reader: Reader, patience: float, on_due: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._reader = reader
        self._patience = patience
        self._on_due = on_due
        self._last = self._loop.time()
        self._owed_at: float | None = None
        self._answer_began = 0.0
        self._leave_by: float | None = None
        self._paused = True
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    @property
    def owed(self) -> bool:
        """Whether the upstream owes an answer that it has not begun."""
        return self._owed_at is not None

    @property
    def leaving(self) -> bool:
        """Whether the connection will end."""
        return self._leave_by is not None

    @property
    def late(self) -> bool:
        """Whether it is time to be gone."""
        return self._leave_by is not None and self._loop.time() >= self._leave_by

    @property
    def stalled(self) -> bool:
        """Whether the upstream has kept silent for too long."""
        at = self._stalls_at
        return at is not None and self._loop.time() >= at

    def connected(self) -> None:
        """There is a new connection."""
        self._paused, self._leave_by, self._last = False, None, self._loop.time()

    def disconnected(self) -> None:
        """There is none: nothing is expected."""
        self._paused = True

    def heard(self) -> None:
        """A frame came."""
        self._last = self._loop.time()

    def owe(self) -> None:
        """An answer is owed."""
        self._owed_at = self._loop.time()
        self.arm()

    def answers(self) -> None:
        """The upstream begins what it owed."""
        self._owed_at, self._answer_began = None, self._last

    def goes_on(self) -> None:
        """More of the answer came."""
        self._owed_at = None

    def leave_in(self, seconds: float) -> None:
        """The connection must be left by then."""
        self._leave_by = self._loop.time() + seconds

    def arm(self) -> None:
        """Wake when something is due. A timer that fires too early is set again then."""
        # Once it is late, the end of the answer is what is waited for.
        leave_by = None if self.late else self._leave_by
        due = min((time for time in (self._stalls_at, leave_by) if time is not None), default=None)
        if due is None or (self._timer is not None and self._due <= due):
            return
        self.stop()
        self._due = due
        self._timer = self._loop.call_at(due, self._wake)

    def stop(self) -> None:
        """Wake no more, until armed again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _stalls_at(self) -> float | None:
        reader = self._reader
        if not self._patience or self._paused:
            return None
        if reader.state is State.MAKING and not (reader.silent and reader.pending):
            return max(self._last, self._owed_at or 0.0) + self._patience
        if reader.state is State.COMPLETE:
            return max(self._last, self._answer_began + reader.seconds) + self._patience
        if reader.state is State.INTERRUPTED:
            return self._last + self._patience
        return None if self._owed_at is None else max(self._last, self._owed_at) + self._patience

    def _wake(self) -> None:
        self._timer = None
        self._on_due()
