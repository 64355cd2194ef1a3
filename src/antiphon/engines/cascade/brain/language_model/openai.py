"""Language models behind ``/chat/completions``."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any, Final

import msgspec
import pybase64

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.failures import as_failure, log_warning
from antiphon.engines.cascade.brain.language_model.messages import Answered, Message, Results, Said, as_json
from antiphon.engines.cascade.brain.language_model.model import (
    Called,
    Delta,
    ModelFailed,
    Reasoned,
    Request,
    Text,
    Told,
    new_id,
)
from antiphon.live.history import FunctionCall, Picture, Words
from antiphon.live.setup import Thinking, Tool
from antiphon.live.tokens import MediaResolution, Tokens, Usage
from antiphon.providers.errors import AuthenticationFailed, ProviderError
from antiphon.providers.openai_chat import Calls, OpenAiChat, WrittenCall
from antiphon.wire.openai import chat

_DETAIL: Final[dict[MediaResolution, str]] = {"": "", "low": "low", "medium": "auto", "high": "high"}
EFFORTS: Final = {"minimal": "low", "xhigh": "high"}
"""Levels that only some servers know, and what all of them know instead."""
_BY_BUDGET: Final = ((0, "none"), (1_024, "low"), (4_096, "medium"))
"""Budgets of thoughts (tokens, at most) and the effort that comes nearest; there are no budgets in this dialect."""

Read = Callable[[chat.Chunk, chat.Delta], Iterator[Delta]]
"""Makes deltas of what a chunk adds to an answer."""


class OpenAiModel:
    """The model ``name`` of a service.

    Hosted services refuse ``top_k``, which open servers know; OpenAI itself has a name of its own for the limit of an
    answer. Some servers refuse a request that declares functions to a model that cannot call them.
    """

    def __init__(
        self,
        client: OpenAiChat,
        name: str,
        *,
        provider: str = "",
        vision: bool = False,
        thinks: bool = False,
        calls_functions: bool = True,
        efforts: Mapping[str, str] = EFFORTS,
    ) -> None:
        self.name = name
        self.provider = provider
        self.vision = vision
        self.thinks = thinks
        self._calls_functions = calls_functions
        self._efforts = efforts
        self._client = client
        self._strict = client.http.base.host == "api.openai.com"

    async def start(self) -> None:
        """See that the service answers and has the model; one on the owner's hardware loads it now.

        Raises:
            EngineUnavailable: it does not; the message has the remedy.
        """
        try:
            listed = [entry.id for entry in await self._client.models() if entry.id]
        except AuthenticationFailed as error:
            await self.aclose()
            raise EngineUnavailable(f"language model: {error}; set its key") from None
        except ProviderError as error:
            if error.status is None:
                await self.aclose()
                raise EngineUnavailable(f"language model: {error}; is it running there?") from None
            return  # Not every service lists its models.
        if listed and not any(self.name in (one, one.removesuffix(":latest")) for one in listed):
            await self.aclose()
            some = ", ".join(listed[:8])
            raise EngineUnavailable(f"language model: {self._client.http} has no {self.name!r}; it has {some}")
        if not self.provider:
            await self._warm()

    def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; see :class:`~.model.LanguageModel`."""
        return self._answer(self._chat_request(request))

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        await self._client.aclose()

    async def _warm(self) -> None:
        """Have the model loaded: servers on the owner's hardware load it for the first request."""
        ask = chat.ChatRequest(
            model=self.name, messages=[chat.Message(role="user", content="Hello")], stream=True, max_tokens=1
        )
        try:
            async with aclosing(self._client.stream(ask)) as chunks:
                async for _ in chunks:
                    pass
        except ProviderError as error:
            log_warning(f"the language model could not be warmed: {error}")

    async def _answer(self, ask: chat.ChatRequest, read: Read | None = None) -> AsyncGenerator[Delta, None]:
        calls, blocked = Calls(), False
        try:
            async with aclosing(self._client.stream(ask)) as chunks:
                async for chunk in chunks:
                    if chunk.usage is not None:
                        yield Told(_usage(chunk.usage))
                    for choice in chunk.choices or ():
                        blocked = blocked or choice.finish_reason == "content_filter"
                        if choice.delta is not None:
                            calls.feed(choice.delta.tool_calls)
                            for delta in _deltas(choice.delta) if read is None else read(chunk, choice.delta):
                                yield delta
        except ProviderError as error:
            raise as_failure(error) from error
        if blocked:
            raise ModelFailed(f"{self.name}: the filter of {self._client.http} stopped the answer", passing=True)
        if written := calls.written():
            yield _called(written)

    def _chat_request(self, request: Request) -> chat.ChatRequest:
        system = [chat.Message(role="system", content=request.instruction)] if request.instruction else []
        limit = request.max_output_tokens
        if request.tools and not self._calls_functions:
            log_warning(f"{self.name} calls no functions (tools); it is not told of {len(request.tools)}")
        return chat.ChatRequest(
            model=self.name,
            messages=[*system, *chat_messages(request.messages, request.media_resolution)],
            stream=True,
            stream_options=chat.StreamOptions(include_usage=True),
            tools=[declared(tool) for tool in request.tools if self._calls_functions],
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=None if self.provider else request.top_k,
            seed=request.seed,
            max_tokens=None if self._strict else limit,
            max_completion_tokens=limit if self._strict else None,
            reasoning_effort=effort(request.thinking, self._efforts) if self.thinks else "",
        )


def chat_messages(messages: tuple[Message, ...], resolution: MediaResolution = "") -> list[chat.Message]:
    """The messages in this dialect: one for each result of a function."""
    written: list[chat.Message] = []
    for message in messages:
        match message:
            case Said(parts):
                written.append(chat.Message(role="user", content=_content(parts, resolution)))
            case Answered(text, calls):
                written.append(
                    chat.Message(role="assistant", content=text or None, tool_calls=[_told(call) for call in calls])
                )
            case Results(results):
                written += [
                    chat.Message(role="tool", content=as_json(result.response), tool_call_id=result.id)
                    for result in results
                ]
    return written


def declared(tool: Tool) -> chat.Tool:
    """A function as it is declared; servers want a schema even where there are no arguments."""
    parameters = tool.parameters or {"type": "object", "properties": {}}
    return chat.Tool(
        type="function",
        function=chat.FunctionDeclaration(name=tool.name, description=tool.description, parameters=parameters),
    )


def effort(thinking: Thinking, efforts: Mapping[str, str] = EFFORTS) -> str:
    """What a level is called, or the one that comes nearest to a budget; empty leaves it to the model."""
    if thinking.level or thinking.budget is None:
        return efforts.get(thinking.level, thinking.level)
    return next((name for most, name in _BY_BUDGET if thinking.budget <= most), "high")


def parsed(call: WrittenCall) -> tuple[FunctionCall, str]:
    """A call that a model wrote, and what is wrong with it, if anything."""
    call_id = call.id or new_id()
    try:
        arguments = msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, UnicodeError) as error:
        return FunctionCall(call_id, call.name, {}), f"the arguments are no JSON ({error})"
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        return FunctionCall(call_id, call.name, {}), "the arguments must be a JSON object"
    return FunctionCall(call_id, call.name, arguments), ""


def _called(written: tuple[WrittenCall, ...]) -> Called:
    read = [parsed(call) for call in written]
    return Called(
        tuple(call for call, reason in read if not reason), tuple((call, reason) for call, reason in read if reason)
    )


def _content(parts: tuple[Words | Picture, ...], resolution: MediaResolution) -> str | list[chat.Part]:
    """Plain text where there is nothing else: some servers take no lists."""
    match parts:
        case (Words(text),):
            return text
    return [_part(part, resolution) for part in parts]


def _part(part: Words | Picture, resolution: MediaResolution) -> chat.Part:
    match part:
        case Words(text):
            return chat.Part(type="text", text=text)
        case Picture(mime_type, data):
            url = f"data:{mime_type};base64,{pybase64.b64encode(data).decode()}"
            return chat.Part(type="image_url", image_url=chat.ImageUrl(url=url, detail=_DETAIL[resolution]))


def _told(call: FunctionCall) -> chat.ToolCall:
    function = chat.Function(name=call.name, arguments=as_json(call.args))
    return chat.ToolCall(id=call.id, type="function", function=function)


def _deltas(delta: chat.Delta) -> Iterator[Delta]:
    if thought := delta.reasoning_content or delta.reasoning:
        yield Reasoned(thought)
    if text := delta.content or delta.refusal:
        yield Text(text)


def _usage(usage: chat.Usage) -> Usage:
    """Thoughts are told among what was made, and counted apart here."""
    prompt: Any = usage.prompt_tokens_details or chat.PromptDetails()
    made: Any = usage.completion_tokens_details or chat.CompletionDetails()
    audio, image = prompt.audio_tokens or 0, prompt.image_tokens or 0
    thoughts = min(made.reasoning_tokens or 0, usage.completion_tokens or 0)
    spoken = made.audio_tokens or 0
    return Usage(
        Tokens(text=max(0, (usage.prompt_tokens or 0) - audio - image), audio=audio, image=image),
        Tokens(text=max(0, (usage.completion_tokens or 0) - thoughts - spoken), audio=spoken),
        thoughts=thoughts,
        cached=Tokens(text=prompt.cached_tokens or 0),
    )
