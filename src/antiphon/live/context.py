"""The context of a conversation: its turns, what each costs to read again, and which of them are still read.

The window slides as the API describes it (``contextWindowCompression.slidingWindow``): the oldest turns go, and what
is left begins with a user's turn. The system instruction and the tools always stay, and so does the newest turn of
the user. No cut parts a function call from a result that is already there, which rules out a head made of results; a
result that comes after its call has gone stands alone. Whether the hosted service counts the instruction and the tools
towards the trigger is not documented; here they count, for they are read in every prompt.
"""

from collections.abc import Sequence

import msgspec

from antiphon.live.history import FunctionCall, FunctionResult, History, Part, Picture, Turn, Words
from antiphon.live.setup import Setup
from antiphon.live.snapshot import KeptTurn
from antiphon.live.tokens import MediaResolution, Tokens, picture_tokens, text_tokens

_encode = msgspec.json.Encoder().encode


class Context:
    """Turns in order, with their tokens. The system instruction and the tools count in every prompt.

    ``kept`` are the turns of a session that goes on; they cost what they cost when they came.
    """

    def __init__(self, setup: Setup, kept: tuple[KeptTurn, ...] = ()) -> None:
        self._kept = list(kept)
        self._history: History | None = None
        self._read = sum((turn.tokens for turn in kept), Tokens())
        self.update(setup)

    @property
    def history(self) -> History:
        """All turns in the window."""
        if self._history is None:
            self._history = tuple(kept.turn for kept in self._kept)
        return self._history

    @property
    def kept(self) -> tuple[KeptTurn, ...]:
        """All turns in the window with their tokens, as a snapshot keeps them."""
        return tuple(self._kept)

    @property
    def tokens(self) -> Tokens:
        """What a prompt costs now: instruction, tools and all turns."""
        return self._declared + self._read

    @property
    def exhausted(self) -> bool:
        """Whether the model cannot read all of it; with compression, whether not even the newest turn fits."""
        limit = self._setup.profile.input_token_limit
        excess = self.tokens.total - limit
        if excess <= 0 or self._setup.compression is None:
            return excess > 0
        cuts = _cuts(self._kept)
        return not cuts or excess > _total(self._kept[: cuts[-1]])

    def append(self, turn: Turn, tokens: Tokens | None = None) -> None:
        """Add a turn; ``tokens`` are given where its parts do not tell them, as for speech."""
        counted = turn_tokens(turn, self._setup.media_resolution) if tokens is None else tokens
        self._kept.append(KeptTurn(turn, counted))
        self._read += counted
        self._history = None

    def update(self, setup: Setup) -> None:
        """Go on with ``setup``: its instruction, tools and compression from now on, its resolution for new pictures."""
        declared = len(setup.system_instruction) + sum(len(_encode(tool)) for tool in setup.tools)
        self._declared = Tokens(text=text_tokens(declared))
        self._setup = setup

    def compress(self) -> int:
        """Let the oldest turns go if the context passed its trigger; how many went.

        As few as bring it down to its target, or, where none do, as many as may go.
        """
        compression = self._setup.compression
        if compression is None or self.tokens.total <= compression.trigger_tokens:
            return 0
        excess, dropped, gone = self.tokens.total - compression.target_tokens, 0, 0
        for cut in _cuts(self._kept):
            if gone >= excess:
                break
            gone += _total(self._kept[dropped:cut])
            dropped = cut
        self._drop(dropped)
        return dropped

    def _drop(self, count: int) -> None:
        if count:
            del self._kept[:count]
            self._read = sum((kept.tokens for kept in self._kept), Tokens())
            self._history = None


def turn_tokens(turn: Turn, media_resolution: MediaResolution = "") -> Tokens:
    """The tokens of a turn that was typed, and of its pictures: frames are video, others images."""
    pictures = [part for part in turn.parts if isinstance(part, Picture)]
    frames = sum(picture.frame for picture in pictures)
    each = picture_tokens(media_resolution)
    characters = sum(_characters(part) for part in turn.parts)
    return Tokens(text_tokens(characters), image=(len(pictures) - frames) * each, video=frames * each)


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


def _cuts(kept: Sequence[KeptTurn]) -> list[int]:
    """Where the window may begin instead of at its present head, in order."""
    called: dict[tuple[str, str], int] = {}
    cuts: list[int] = []
    for number, turn in enumerate(each.turn for each in kept):
        if number and turn.role == "user":
            cuts.append(number)
        for part in turn.parts:
            if isinstance(part, FunctionCall):
                called[part.id, part.name] = number
            elif isinstance(part, FunctionResult):
                # A result without a call, as clients may write them, is no head either.
                origin = called.get((part.id, part.name), number - 1)
                while cuts and cuts[-1] > origin:
                    cuts.pop()
    return cuts


def _total(kept: Sequence[KeptTurn]) -> int:
    return sum(turn.tokens.total for turn in kept)
