"""How much a turn uses, in tokens by modality, and how clients read it.

Rates: audio is 25 tokens a second in and out (Live API guides). A picture is 258, or 64 with ``mediaResolution`` low
and 256 with medium or high (descriptions of that enumeration); so is a frame of video, of which there is one a second
at most (Cloud session guide). The price page's $0.002 a minute implies some 33 tokens a second of video, and nobody
has published a measurement, so video errs on the dear side. Text has no published tokenizer for these models; four
characters a token is the rule of thumb that the guides give.

What counts where, in the ``usageMetadata`` of a generation:

- ``promptTokenCount``: the system instruction, the declared tools and every turn in the window, read again by every
  generation. Speech of both sides stays in the window as audio; its transcript is not read again.
- ``toolUsePromptTokenCount``: the results of functions that the generation waited for. Later generations find them
  among the turns of their prompt.
- ``responseTokenCount``: what the model made. Speech is audio; text answers and function calls are text, and so are
  the transcripts of both sides that the client asked for ("transcription is billed as text output", guides).
- ``thoughtsTokenCount``: what the model thought, whether or not the client sees it. Not in the response.
- ``totalTokenCount``: the sum of these four, as the API documents it (one third-party probe saw thoughts left out).
- ``cachedContentTokenCount`` is never there: no cache discount applies to live sessions.

A generation is charged once, with the same numbers its client got; a session's usage is the sum over its generations,
and details by modality add up to their count. Searches are charged by the query and have no field of their own.
"""

import math
from typing import Literal

from msgspec import Struct
from msgspec.structs import astuple

from antiphon.wire.gemini.server import ModalityTokenCount, UsageMetadata

MediaResolution = Literal["", "low", "medium", "high"]

AUDIO_TOKENS_PER_SECOND = 25
PICTURE_TOKENS: dict[MediaResolution, int] = {"": 258, "low": 64, "medium": 256, "high": 256}
CHARACTERS_PER_TOKEN = 4


class Tokens(Struct, frozen=True):
    """Token counts by modality."""

    text: int = 0
    audio: int = 0
    image: int = 0
    video: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))

    @property
    def total(self) -> int:
        """Tokens of all modalities."""
        return self.text + self.audio + self.image + self.video

    def details(self) -> list[ModalityTokenCount]:
        """The counts as they are written, without the modalities that were not used."""
        counts = (("TEXT", self.text), ("AUDIO", self.audio), ("IMAGE", self.image), ("VIDEO", self.video))
        return [ModalityTokenCount(modality=name, token_count=count) for name, count in counts if count]


class Usage(Struct, frozen=True):
    """What one generation used: ``prompt`` is the whole context, read again; ``response`` what was made.

    ``tool_prompt`` is what function results added to the prompt within the generation, ``thoughts`` what the model
    thought, ``searches`` how many queries it searched for. ``cached`` is the part of ``prompt`` that an upstream says
    it read from its cache; it is counted in ``prompt`` too.
    """

    prompt: Tokens = Tokens()
    response: Tokens = Tokens()
    tool_prompt: Tokens = Tokens()
    thoughts: int = 0
    searches: int = 0
    cached: Tokens = Tokens()

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt + other.prompt,
            self.response + other.response,
            self.tool_prompt + other.tool_prompt,
            self.thoughts + other.thoughts,
            self.searches + other.searches,
            self.cached + other.cached,
        )

    @property
    def total(self) -> int:
        """All tokens: prompt, response, function results and thoughts."""
        return self.prompt.total + self.response.total + self.tool_prompt.total + self.thoughts

    def metadata(self) -> UsageMetadata:
        """The usage as clients read it."""
        return UsageMetadata(
            prompt_token_count=self.prompt.total,
            response_token_count=self.response.total,
            tool_use_prompt_token_count=self.tool_prompt.total,
            thoughts_token_count=self.thoughts,
            total_token_count=self.total,
            prompt_tokens_details=self.prompt.details(),
            response_tokens_details=self.response.details(),
            tool_use_prompt_tokens_details=self.tool_prompt.details(),
        )


class UpstreamUsage(Struct, frozen=True):
    """What a hosted or local model that answers for an engine says it used: what its owner really pays for.

    ``provider`` and ``model`` are its names in the price list (``google``, ``openai``, ...); an empty ``provider`` runs
    on the owner's hardware. ``seconds`` is for what is priced by the second. ``estimated``: the upstream did not say,
    and this is counted here.
    """

    provider: str
    model: str
    usage: Usage = Usage()
    seconds: float = 0.0
    estimated: bool = False


def text_tokens(characters: int) -> int:
    """Tokens of a text of so many characters."""
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def audio_tokens(seconds: float) -> int:
    """Tokens of so much audio; what is only the noise of adding floats does not make another one."""
    return math.ceil(round(seconds * AUDIO_TOKENS_PER_SECOND, 6))


def picture_tokens(resolution: MediaResolution = "") -> int:
    """Tokens of one picture, or of one frame of video."""
    return PICTURE_TOKENS[resolution]
