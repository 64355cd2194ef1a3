"""The messages of ``POST /{version}/models/{model}:countTokens``.

Fields: https://ai.google.dev/api/tokens. In the Vertex dialect the instruction and the tools stand beside the contents,
in that of the Gemini API inside a ``generateContentRequest``; both are read in either place.
"""

import msgspec

from antiphon.wire.gemini.base import Wire
from antiphon.wire.gemini.client import Content, GenerationConfig, Tool
from antiphon.wire.gemini.decode import convert
from antiphon.wire.gemini.server import ModalityTokenCount
from antiphon.wire.refusal import Refusal


class Prompt(Wire):
    """What is to be counted, as it would be sent to a model."""

    model: str = ""
    contents: list[Content] = []
    system_instruction: Content | None = None
    tools: list[Tool] = []
    generation_config: GenerationConfig | None = None


class CountTokensRequest(Prompt):
    """A prompt, or one as it is written for another method."""

    generate_content_request: Prompt | None = None


class CountTokensResponse(Wire):
    """How many tokens the prompt has, all of them and by modality."""

    total_tokens: int = 0
    prompt_tokens_details: list[ModalityTokenCount] = []


def decode_count_tokens(body: bytes) -> tuple[Prompt, str]:
    """The prompt in a request's body, and the path of the object it stands in.

    Raises:
        Refusal: the body is no JSON object, holds no prompt or two, or a member has the wrong type.
    """
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal("body", f"malformed JSON ({error})", "send one JSON object") from error
    request, _ = convert(CountTokensRequest, value, "")
    inner = request.generate_content_request
    if inner is None and not request.contents:
        raise Refusal("contents", "is missing", "send contents or generateContentRequest")
    if inner is not None and request.contents:
        raise Refusal("contents", "stands beside generateContentRequest", "send one of them")
    return (request, "") if inner is None else (inner, "generateContentRequest")
