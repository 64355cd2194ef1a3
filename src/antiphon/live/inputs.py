"""What happens to a session besides messages of the client and events of the engine."""

from msgspec import Struct

from antiphon.live.abilities import Abilities
from antiphon.live.snapshot import Snapshot
from antiphon.wire.gemini import client
from antiphon.wire.gemini.dialect import Dialect
from antiphon.wire.refusal import CloseCode, Refusal


class Begin(Struct, frozen=True):
    """The client's setup, after the server looked up what it refers to.

    ``snapshot`` is what its resumption handle stands for. ``expires_in`` is how many seconds its credential has left,
    None for no end. ``abilities`` are those of the engine that will answer, where they depend on the setup, and
    ``dialect`` is what the client reads.
    """

    setup: client.Setup
    snapshot: Snapshot | None = None
    expires_in: float | None = None
    abilities: Abilities | None = None
    dialect: Dialect = "gemini"


class Saved(Struct, frozen=True):
    """A snapshot is safe; ``handle`` stands for it. ``generation`` is the snapshot's ``next_generation``.

    An empty handle: it could not be kept.
    """

    handle: str
    generation: int


class Evicted(Struct, frozen=True):
    """The session was resumed on another connection."""


class EngineOpened(Struct, frozen=True):
    """The engine's conversation is open: the first, or that of the engine that takes over.

    ``abilities`` are None for those that the session knows already.
    """

    abilities: Abilities | None = None


class EngineLost(Struct, frozen=True):
    """The engine's conversation is gone, and another one may take over."""

    reason: str


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


class Dismiss(Struct, frozen=True):
    """The session has to end: finish the turn within ``patience`` seconds, say ``farewell``, close.

    The farewell is said by a voice of the server's own and costs nothing; empty for none.
    """

    reason: str
    farewell: str = ""
    code: int = CloseCode.POLICY
    patience: float = 10.0


class Tick(Struct, frozen=True):
    """Time passed; sent when :attr:`Session.deadline` is reached."""


Input = (
    Begin
    | Saved
    | Evicted
    | EngineOpened
    | EngineLost
    | Refused
    | Unread
    | FrameSkipped
    | ClientLeft
    | Drain
    | Dismiss
    | Tick
)
