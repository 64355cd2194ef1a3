"""How much a turn uses, in tokens by modality.

Rates of the Live API guides: audio is 25 tokens a second in and out, an image 258. Text has no published tokenizer
for these models; four characters a token is the rule of thumb that the guides give.
"""

import math

from msgspec import Struct
from msgspec.structs import astuple

from antiphon.wire.gemini.server import ModalityTokenCount, UsageMetadata

AUDIO_TOKENS_PER_SECOND = 25
IMAGE_TOKENS = 258
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
    thought, ``searches`` how many queries it searched for.
    """

    prompt: Tokens = Tokens()
    response: Tokens = Tokens()
    tool_prompt: Tokens = Tokens()
    thoughts: int = 0
    searches: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt + other.prompt,
            self.response + other.response,
            self.tool_prompt + other.tool_prompt,
            self.thoughts + other.thoughts,
            self.searches + other.searches,
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


def text_tokens(characters: int) -> int:
    """Tokens of a text of so many characters."""
    return math.ceil(characters / CHARACTERS_PER_TOKEN)


def audio_tokens(seconds: float) -> int:
    """Tokens of so much audio; what is only the noise of adding floats does not make another one."""
    return math.ceil(round(seconds * AUDIO_TOKENS_PER_SECOND, 6))
