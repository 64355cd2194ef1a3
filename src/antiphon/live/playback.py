"""The audio clock: how much of an answer the user has heard."""


class PlaybackClock:
    """Follows a player that starts with the first sound and waits only for sound. Times in seconds."""

    __slots__ = ("_ends", "sent")

    def __init__(self) -> None:
        self.sent = 0.0
        self._ends = 0.0

    def send(self, seconds: float, now: float) -> None:
        """``seconds`` of sound were sent."""
        self._ends = max(self._ends, now) + seconds
        self.sent += seconds

    @property
    def ends(self) -> float:
        """When everything sent so far has been heard."""
        return self._ends

    def heard(self, now: float) -> float:
        """Seconds of what was sent that were heard by ``now``."""
        return max(0.0, self.sent - max(0.0, self._ends - now))
