"""What happens to a session besides messages of the client and events of the engine."""

from msgspec import Struct

from antiphon.wire.refusal import Refusal


class EngineOpened(Struct, frozen=True):
    """The engine's conversation is open."""


class Refused(Struct, frozen=True):
    """A frame of the client could not be read."""

    refusal: Refusal


class Unread(Struct, frozen=True):
    """Members of the client's message that no such message has."""

    fields: tuple[str, ...]


class ClientLeft(Struct, frozen=True):
    """The client's connection is gone."""


class Drain(Struct, frozen=True):
    """The server stops in ``seconds``: finish the turn, then close."""

    seconds: float


class Tick(Struct, frozen=True):
    """Time passed; sent when :attr:`Session.deadline` is reached."""


Input = EngineOpened | Refused | Unread | ClientLeft | Drain | Tick
