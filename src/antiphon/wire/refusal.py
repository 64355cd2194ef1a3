"""How input is refused: a field, a reason and a remedy, short enough for a close frame and whole for the log."""

from enum import IntEnum

MAX_CLOSE_REASON = 123
"""Bytes of UTF-8 a WebSocket close frame has for its reason (RFC 6455, section 5.5)."""


class CloseCode(IntEnum):
    """WebSocket close codes as the Gemini Live API uses them."""

    NORMAL = 1000
    GOING_AWAY = 1001
    INVALID = 1007
    """The input is wrong: the client must change it."""
    POLICY = 1008
    """What was asked for is not to be had here, or not permitted."""
    TOO_BIG = 1009
    INTERNAL = 1011
    """The server or what it depends on failed or is overloaded: the client may try again."""


class Refusal(Exception):
    """Input that is refused. ``field`` is a path in the client's own message, empty when there is none."""

    def __init__(self, field: str, reason: str, remedy: str = "", code: CloseCode = CloseCode.INVALID) -> None:
        super().__init__(field, reason, remedy, code)
        self.field = field
        self.reason = reason
        self.remedy = remedy
        self.code = code

    def __str__(self) -> str:
        head = f"{self.field}: {self.reason}" if self.field else self.reason
        return f"{head}; {self.remedy}" if self.remedy else head

    def under(self, parent: str) -> "Refusal":
        """The same refusal with its field inside ``parent``."""
        field = f"{parent}.{self.field}" if self.field and parent else self.field or parent
        return Refusal(field, self.reason, self.remedy, self.code)


def close_reason(text: str) -> str:
    """``text`` cut to what a close frame can carry, at a character boundary."""
    encoded = " ".join(text.split()).encode(errors="replace")
    if len(encoded) <= MAX_CLOSE_REASON:
        return encoded.decode()
    return encoded[: MAX_CLOSE_REASON - 3].decode(errors="ignore") + "…"
