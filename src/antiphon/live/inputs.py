"""What happens to a session besides messages of the client and events of the engine."""

from msgspec import Struct

from antiphon.live.snapshot import Snapshot
from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal


class Begin(Struct, frozen=True):
    """The client's setup, after the server looked up what it refers to.

    ``snapshot`` is what its resumption handle stands for. ``expires_in`` is how many seconds its credential has left,
    None for no end.
    """

    setup: client.Setup
    snapshot: Snapshot | None = None
    expires_in: float | None = None


class Saved(Struct, frozen=True):
    """A snapshot is safe; ``handle`` stands for it. ``generation`` is the snapshot's ``next_generation``.

    An empty handle: it could not be kept.
    """

    handle: str
    generation: int


class Evicted(Struct, frozen=True):
    """The session was resumed on another connection."""


class EngineOpened(Struct, frozen=True):
    """The engine's conversation is open."""


class Refused(Struct, frozen=True):
    """A frame of the client could not be read."""

    refusal: Refusal


class Unread(Struct, frozen=True):
    """Members of the client's message that no such message has."""

    fields: tuple[str, ...]


class FrameSkipped(Struct, frozen=True):
    """A frame of video came too soon after the last (:meth:`Session.wants_frame`), and nobody looked at it."""


class ClientLeft(Struct, frozen=True):
    """The client's connection is gone."""


class Drain(Struct, frozen=True):
    """The server stops in ``seconds``: finish the turn, then close."""

    seconds: float


class Tick(Struct, frozen=True):
    """Time passed; sent when :attr:`Session.deadline` is reached."""


Input = Begin | Saved | Evicted | EngineOpened | Refused | Unread | FrameSkipped | ClientLeft | Drain | Tick
