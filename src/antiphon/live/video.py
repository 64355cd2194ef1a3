"""Which frames of the user's video belong to a turn.

``realtimeInputConfig.turnCoverage`` decides: either the frames that came while the user was active, or every frame
since the last turn. The API takes one frame a second; what a client sends beyond that is dropped and counted. Frames
of one second that come a little early are not: clients' timers jitter. An onset is decided after it happened, and
what the user began to talk about was in view before, so the newest frame up to :data:`LOOK_BACK` before it counts.
"""

from collections import deque

from antiphon.live.history import Picture
from antiphon.live.setup import Coverage

PERIOD = 1.0
"""Seconds between frames, on average."""
JITTER = 0.5
"""How many seconds early a frame may come."""
LOOK_BACK = PERIOD + JITTER
"""How old, in seconds, a frame may be when the user's activity begins and it is to count as seen with it."""
MAX_FRAMES = 120
"""Frames a turn has at most: two minutes, the hosted service's limit for video without compression."""
MAX_BYTES = 32 << 20
"""Bytes that the frames of a turn have at most, unless a single one has more."""


class FrameKeeper:
    """The frames of the turn that is going on. Times are seconds of the session's clock."""

    def __init__(self, coverage: Coverage) -> None:
        self.dropped = 0
        """Frames that were too many: more than one a second, or older than the newest that a turn may have."""
        self._only_activity = coverage == "activity"
        self._frames: deque[Picture] = deque()
        self._bytes = 0
        self._due = float("-inf")
        self._seen: tuple[float, Picture] | None = None

    def wants(self, now: float) -> bool:
        """Whether a frame that comes now is not too soon after the last."""
        return now >= self._due - JITTER

    def offer(self, picture: Picture, now: float, active: bool) -> bool:
        """Take a frame; False if it came too soon. ``active``: the user's activity is going on."""
        if not self.wants(now):
            self.dropped += 1
            return False
        self._due = max(now, self._due) + PERIOD
        if self._only_activity and not active:
            self._seen = now, picture
        else:
            self._keep(picture)
        return True

    def started(self, now: float) -> None:
        """The user's activity begins (a typed turn is one as well): what is in view counts."""
        if self._seen is not None and now - self._seen[0] <= LOOK_BACK:
            self._keep(self._seen[1])
        self._seen = None

    def take(self) -> tuple[Picture, ...]:
        """The frames of the turn that ends now, oldest first. The next turn begins without any."""
        frames = tuple(self._frames)
        self._frames.clear()
        self._bytes = 0
        return frames

    def _keep(self, picture: Picture) -> None:
        self._frames.append(picture)
        self._bytes += len(picture.data)
        while len(self._frames) > MAX_FRAMES or (self._bytes > MAX_BYTES and len(self._frames) > 1):
            self._bytes -= len(self._frames.popleft().data)
            self.dropped += 1
