"""Every state of a conversation and every way from one to another, in one place.

Four machines run side by side; what one does to another is written in :mod:`antiphon.live.session`.

Connection
    A session awaits its setup, then an engine is opened for it, then it is open until it is closed. Nothing but the
    setup is acted on before the session is open; early messages wait.

Line
    The engine is there, or is not: not yet, or not any more until another one takes over. Nothing is told to it then
    but what the user says and shows, which whoever opens the next one keeps.

User
    The user is active from the onset of speech (or ``activityStart``) to its end. A final transcript is awaited for
    each activity that ended; the model answers when the user is quiet and no transcript is awaited.

Model
    A generation begins with a number that only grows. It calls functions and waits for all of them, or completes; a
    complete one is still playing in the user's ear until the audio clock says that it ended. An interruption ends a
    generation wherever it is. Each ends with one ``turnComplete``. An engine that paces says when; between its word
    that it was interrupted and that the turn is over, the generation is interrupted.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Generic, TypeVar


class Connection(Enum):
    """Where the session is between its first message and its close."""

    AWAITING_SETUP = auto()
    OPENING = auto()
    OPEN = auto()
    CLOSED = auto()


class Line(Enum):
    """Whether an engine is there."""

    DOWN = auto()
    UP = auto()


class User(Enum):
    """Whether the user speaks."""

    QUIET = auto()
    ACTIVE = auto()


class Model(Enum):
    """What the current generation does."""

    IDLE = auto()
    GENERATING = auto()
    AWAITING_TOOLS = auto()
    PLAYING = auto()
    INTERRUPTED = auto()


class Trigger(Enum):
    """What moves a machine."""

    SETUP = auto()
    ENGINE_OPENED = auto()
    CLOSE = auto()
    ACTIVITY_START = auto()
    ACTIVITY_END = auto()
    RESPOND = auto()
    CALL_TOOLS = auto()
    TOOLS_DONE = auto()
    COMPLETE = auto()
    PLAYED = auto()
    INTERRUPT = auto()
    CUT = auto()
    ENGINE_LOST = auto()


CONNECTION = {
    (Connection.AWAITING_SETUP, Trigger.SETUP): Connection.OPENING,
    (Connection.OPENING, Trigger.ENGINE_OPENED): Connection.OPEN,
    (Connection.AWAITING_SETUP, Trigger.CLOSE): Connection.CLOSED,
    (Connection.OPENING, Trigger.CLOSE): Connection.CLOSED,
    (Connection.OPEN, Trigger.CLOSE): Connection.CLOSED,
}

LINE = {
    (Line.DOWN, Trigger.ENGINE_OPENED): Line.UP,
    (Line.UP, Trigger.ENGINE_LOST): Line.DOWN,
}

USER = {
    (User.QUIET, Trigger.ACTIVITY_START): User.ACTIVE,
    (User.ACTIVE, Trigger.ACTIVITY_END): User.QUIET,
}

MODEL = {
    (Model.IDLE, Trigger.RESPOND): Model.GENERATING,
    (Model.GENERATING, Trigger.CALL_TOOLS): Model.AWAITING_TOOLS,
    (Model.AWAITING_TOOLS, Trigger.TOOLS_DONE): Model.GENERATING,
    (Model.GENERATING, Trigger.COMPLETE): Model.PLAYING,
    (Model.PLAYING, Trigger.PLAYED): Model.IDLE,
    (Model.GENERATING, Trigger.INTERRUPT): Model.IDLE,
    (Model.AWAITING_TOOLS, Trigger.INTERRUPT): Model.IDLE,
    (Model.PLAYING, Trigger.INTERRUPT): Model.IDLE,
    (Model.GENERATING, Trigger.CUT): Model.INTERRUPTED,
    (Model.AWAITING_TOOLS, Trigger.CUT): Model.INTERRUPTED,
    (Model.PLAYING, Trigger.CUT): Model.INTERRUPTED,
    (Model.INTERRUPTED, Trigger.PLAYED): Model.IDLE,
    (Model.INTERRUPTED, Trigger.INTERRUPT): Model.IDLE,
}

State = TypeVar("State", bound=Enum)


class Machine(Generic[State]):
    """A state and the table of its transitions."""

    __slots__ = ("_table", "state")

    def __init__(self, table: Mapping[tuple[State, Trigger], State], state: State) -> None:
        self._table = table
        self.state = state

    def may(self, trigger: Trigger) -> bool:
        """Whether the table has a transition from here."""
        return (self.state, trigger) in self._table

    def move(self, trigger: Trigger) -> None:
        """Take the transition. A missing one is an error of this server, never of a client."""
        try:
            self.state = self._table[self.state, trigger]
        except KeyError:
            raise AssertionError(f"{trigger} is impossible in {self.state}") from None
