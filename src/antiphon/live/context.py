"""The context of a conversation: its turns, and what each costs to read again."""

import msgspec

from antiphon.live.history import FunctionCall, FunctionResult, History, Part, Picture, Turn, Words
from antiphon.live.setup import Setup
from antiphon.live.tokens import IMAGE_TOKENS, Tokens, text_tokens

_encode = msgspec.json.Encoder().encode


class Context:
    """Turns in order, with their tokens. The system instruction and the tools count in every prompt."""

    def __init__(self, setup: Setup) -> None:
        declared = len(setup.system_instruction) + sum(len(_encode(tool)) for tool in setup.tools)
        self._turns: list[Turn] = []
        self.tokens = Tokens(text=text_tokens(declared))

    @property
    def history(self) -> History:
        """All turns so far."""
        return tuple(self._turns)

    def append(self, turn: Turn, tokens: Tokens | None = None) -> None:
        """Add a turn; ``tokens`` are given where its words do not tell them, as for speech."""
        self._turns.append(turn)
        self.tokens += turn_tokens(turn) if tokens is None else tokens


def turn_tokens(turn: Turn) -> Tokens:
    """The tokens of a turn that was typed."""
    pictures = sum(isinstance(part, Picture) for part in turn.parts)
    characters = sum(_characters(part) for part in turn.parts)
    return Tokens(text=text_tokens(characters), image=pictures * IMAGE_TOKENS)


def _characters(part: Part) -> int:
    match part:
        case Words(text):
            return len(text)
        case FunctionCall(_, name, args):
            return len(name) + len(_encode(args))
        case FunctionResult(_, name, response):
            return len(name) + len(_encode(response))
        case _:
            return 0
