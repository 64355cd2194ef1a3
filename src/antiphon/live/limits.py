"""When a session ends by rule: the caps of its model, the connection's, and its credential's."""

from msgspec import Struct

from antiphon.live.policy import Policy
from antiphon.live.profiles import Profile
from antiphon.live.setup import Setup
from antiphon.wire.refusal import CloseCode


class End(Struct, frozen=True, order=True):
    """A rule's end of the session: at ``at``, with this close."""

    at: float
    code: int
    reason: str


class Limits:
    """The ends a session is heading for. Times are those of the session's clock.

    Sessions end after 15 minutes with audio only and after 2 with pictures, unless their context is compressed; a
    connection ends after about 10 minutes, however it is used, and its session can be resumed (Live API guide, session
    management). ``elapsed`` is what earlier connections of the session lasted.
    """

    def __init__(self, policy: Policy, setup: Setup, began: float, elapsed: float, expires_in: float | None) -> None:
        self._policy = policy
        self._profile: Profile = setup.profile
        self._compressed = setup.compression is not None
        self._began = began
        self._elapsed = elapsed
        self._expires = None if expires_in is None else began + expires_in
        self.has_video = False
        self.announced = False
        self._first = self._find()

    def saw_picture(self) -> None:
        """From the first picture on the shorter cap holds."""
        if not self.has_video:
            self.has_video = True
            self._first = self._find()

    @property
    def end(self) -> End | None:
        """The end that comes first."""
        return self._first

    @property
    def deadline(self) -> float | None:
        """When there is something to do: to announce the end, or to end."""
        if self._first is None:
            return None
        return self._first.at if self.announced else self._first.at - self._policy.go_away_lead

    def _find(self) -> End | None:
        ends = []
        if self._expires is not None:
            reason = "token: it expired; make a new one with POST /v1alpha/auth_tokens"
            ends.append(End(self._expires, CloseCode.POLICY, reason))
        if self._policy.session_caps:
            ends += self._caps()
        return min(ends, default=None)

    def _caps(self) -> list[End]:
        policy, profile = self._policy, self._profile
        connection = policy.connection_cap or profile.connection_cap
        reason = f"connection: its {connection:g} s are over; connect again with the resumption handle"
        ends = [End(self._began + connection, CloseCode.NORMAL, reason)]
        if self._compressed:
            return ends
        kind = "video" if self.has_video else "audio"
        cap = getattr(policy, f"{kind}_cap") or getattr(profile, f"{kind}_cap")
        reason = f"session: its {cap:g} s with {kind} are over; set contextWindowCompression for longer ones"
        return [*ends, End(self._began + max(0.0, cap - self._elapsed), CloseCode.NORMAL, reason)]
