"""The messages of ``POST /{version}/models/{model}:streamGenerateContent``.

Fields: https://ai.google.dev/api/generate-content. Contents, parts, tools and the configuration are those of the Live
API. Unknown members are passed over.
"""

import msgspec

from antiphon.wire.gemini.base import Wire
from antiphon.wire.gemini.client import Content, GenerationConfig, Tool
from antiphon.wire.gemini.server import ModalityTokenCount


class GenerateRequest(Wire):
    """What is asked."""

    contents: list[Content] = []
    system_instruction: Content | None = None
    tools: list[Tool] = []
    generation_config: GenerationConfig | None = None


class Candidate(Wire):
    """One of several answers; there is one here."""

    content: Content | None = None
    finish_reason: str = ""
    finish_message: str = ""


class PromptFeedback(Wire):
    """Why a prompt was not answered."""

    block_reason: str = ""


class GenerateUsage(Wire):
    """Tokens so far: every chunk tells them anew. Thoughts are not among the candidates' tokens."""

    prompt_token_count: int = 0
    cached_content_token_count: int = 0
    candidates_token_count: int = 0
    tool_use_prompt_token_count: int = 0
    thoughts_token_count: int = 0
    prompt_tokens_details: list[ModalityTokenCount] = []
    cache_tokens_details: list[ModalityTokenCount] = []
    candidates_tokens_details: list[ModalityTokenCount] = []


class GenerateError(Wire):
    """An error, also in the middle of a stream."""

    code: int = 0
    message: str = ""
    status: str = ""


class GenerateChunk(Wire):
    """One event of a stream."""

    candidates: list[Candidate] = []
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: GenerateUsage | None = None
    model_version: str = ""
    error: GenerateError | None = None


encode_request = msgspec.json.Encoder().encode
decode_chunk = msgspec.json.Decoder(GenerateChunk).decode
"""Raises msgspec.DecodeError where the data is no JSON, or a member has the wrong type."""
