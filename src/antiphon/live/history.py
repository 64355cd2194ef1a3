"""What was said so far: the turns of a conversation, as an engine's language model reads them."""

from typing import Any, Literal

from msgspec import Struct

Role = Literal["user", "model"]


class Words(Struct, frozen=True, tag=True):
    """Text that was typed, recognised from speech, or spoken by the model."""

    text: str


class Picture(Struct, frozen=True, tag=True):
    """One still image, encoded as ``mime_type`` says.

    A ``frame`` came with the realtime input, as one of a video; anything else was put into content as a picture.
    """

    mime_type: str
    data: bytes
    frame: bool = False


class FunctionCall(Struct, frozen=True, tag=True):
    """A call the model made. ``args`` is the user's own data: its keys are never rewritten."""

    id: str
    name: str
    args: dict[str, Any]


class FunctionResult(Struct, frozen=True, tag=True):
    """What a function call came to. ``response`` is the user's own data.

    ``response["output"]`` and ``response["error"]`` are the conventional keys; without them the whole object
    is the output.
    """

    id: str
    name: str
    response: dict[str, Any]


RUNNING: dict[str, Any] = {"status": "running"}
"""The response of a function that has not answered yet and is not waited for."""

Part = Words | Picture | FunctionCall | FunctionResult


class Turn(Struct, frozen=True):
    """One side's contribution. Consecutive turns may have the same role."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """All words of the turn, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Words))


History = tuple[Turn, ...]


def user(text: str) -> Turn:
    """A user turn of words."""
    return Turn("user", (Words(text),))


def model(text: str) -> Turn:
    """A model turn of words."""
    return Turn("model", (Words(text),))
