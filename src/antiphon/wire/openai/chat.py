"""The messages of ``POST /chat/completions``, as OpenAI defines it and its many kin speak it.

Fields: https://platform.openai.com/docs/api-reference/chat. What servers add to it (``reasoning_content`` of vLLM and
llama.cpp, ``reasoning`` of Ollama and OpenRouter, an ``error`` in the middle of a stream) is read; what is unknown is
passed over. Servers write ``null`` where they could leave a member out, hence the many ``None``.
"""

from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType


class Wire(Struct, omit_defaults=True, kw_only=True):
    """Base of all messages: nothing is written that has its default value."""


# --- what is asked ------------------------------------------------------------------------------------------


class ImageUrl(Wire):
    """A picture by address; ``data:`` addresses carry it along."""

    url: str
    detail: str = ""


class InputAudio(Wire):
    """A sound: base64 of a file in ``format`` (``wav``, ``mp3``)."""

    data: str
    format: str


class Part(Wire):
    """One piece of a message: ``text``, ``image_url`` or ``input_audio``, as ``type`` says."""

    type: str
    text: str | UnsetType = UNSET
    image_url: ImageUrl | UnsetType = UNSET
    input_audio: InputAudio | UnsetType = UNSET


class Function(Wire):
    """The function that is called. ``arguments`` is JSON in a string."""

    name: str
    arguments: str


class ToolCall(Wire):
    """A call the model made, as it is told again."""

    id: str
    type: str
    function: Function


class Message(Wire):
    """One message. ``content`` is None, and written so, where a message has nothing but calls."""

    role: str
    content: str | list[Part] | UnsetType | None = UNSET
    tool_calls: list[ToolCall] = []
    tool_call_id: str = ""


class FunctionDeclaration(Wire):
    """A function the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str = ""
    parameters: Any = None


class Tool(Wire):
    """A tool of ``type`` ``function``."""

    type: str
    function: FunctionDeclaration


class StreamOptions(Wire):
    """Asks for a last chunk that tells the usage."""

    include_usage: bool = False


class AudioOutput(Wire):
    """How a spoken answer is to sound."""

    format: str
    voice: str = ""


class ChatRequest(Wire):
    """What is asked. ``top_k`` is known to open servers only; OpenAI takes ``max_completion_tokens``, others both."""

    model: str
    messages: list[Message]
    stream: bool = False
    stream_options: StreamOptions | None = None
    tools: list[Tool] = []
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str = ""
    modalities: list[str] = []
    audio: AudioOutput | None = None


# --- what is answered ---------------------------------------------------------------------------------------


class FunctionDelta(Wire):
    """A fragment of a call. Some servers send ``arguments`` as an object, in one piece."""

    name: str | None = None
    arguments: Any = None


class ToolCallDelta(Wire):
    """A fragment of call number ``index``; the first has its ``id`` and name. Some servers leave out the number."""

    index: int | None = None
    id: str | None = None
    function: FunctionDelta | None = None


class AudioDelta(Wire):
    """More of a spoken answer: base64 of sound, and its words."""

    data: str | None = None
    transcript: str | None = None


class Delta(Wire):
    """What a chunk adds to the answer."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    audio: AudioDelta | None = None


class Choice(Wire):
    """One of several answers; there is one here."""

    delta: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(Wire):
    """Parts of ``prompt_tokens``."""

    cached_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


class CompletionDetails(Wire):
    """Parts of ``completion_tokens``."""

    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class Usage(Wire):
    """Tokens of a request. Thoughts are among ``completion_tokens``, what came from a cache among ``prompt_tokens``."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None


class Chunk(Wire):
    """One event of a stream. The one with the usage has no choices; some servers send it with the last choice.

    ``modality`` is vLLM-Omni's: where it is ``audio``, the content of the chunk is base64 of a sound.
    """

    model: str | None = None
    choices: list[Choice] | None = None
    usage: Usage | None = None
    error: Any = None
    modality: str | None = None


class ModelEntry(Wire):
    """A model that ``GET /models`` lists; ``owned_by`` tells which server it is (``vllm``, ``llamacpp``, ...)."""

    id: str = ""
    owned_by: str | None = None


class ModelList(Wire):
    """The answer of ``GET /models``."""

    data: list[ModelEntry] | None = None


_encode = msgspec.json.Encoder().encode
_decode_chunk = msgspec.json.Decoder(Chunk).decode


def encode_request(request: ChatRequest, extra: dict[str, Any] | None = None) -> bytes:
    """The body of a request; members of ``extra`` are added to it or replace its own."""
    if not extra:
        return _encode(request)
    body: dict[str, Any] = msgspec.to_builtins(request)
    return _encode({**body, **extra})


def decode_chunk(data: bytes) -> Chunk:
    """The chunk in the data of an event.

    Raises:
        msgspec.DecodeError: it is no JSON, or a member has the wrong type.
    """
    return _decode_chunk(data)
