"""Language models behind ``streamGenerateContent``.

Models that think sign their calls, and want the signatures back with the results. A history has no room for them, and
clients should not carry them: they are kept here by the ids of the calls. A call whose signature is not known, because
the session began on another machine, is sent with the value that the service documents for it.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.failures import as_failure
from antiphon.engines.cascade.brain.language_model.messages import Answered, Message, Results, Said
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
from antiphon.providers.errors import BadRequest, ProviderError
from antiphon.providers.gemini_rest import GeminiRest
from antiphon.wire.gemini import client
from antiphon.wire.gemini.client import Content, GenerationConfig, Part, ThinkingConfig, ThinkingLevel
from antiphon.wire.gemini.generate import Candidate, GenerateRequest, GenerateUsage
from antiphon.wire.gemini.server import ModalityTokenCount

UNSIGNED: Final = "skip_thought_signature_validator"
"""The signature of calls that have none (https://ai.google.dev/gemini-api/docs/thought-signatures)."""
MAX_REMEMBERED: Final = 4_096
"""Calls whose signatures are kept, in all sessions; those of the last answers matter."""

_RESOLUTION: Final[dict[MediaResolution, client.MediaResolution | None]] = {
    "": None,
    "low": client.MediaResolution.LOW,
    "medium": client.MediaResolution.MEDIUM,
    "high": client.MediaResolution.HIGH,
}
_ENDED_WELL: Final = frozenset({"", "FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS"})
_WROTE_NO_CALL: Final = "MALFORMED_FUNCTION_CALL"


class _Signed(Struct, frozen=True):
    """What the service must be told again of a call. ``own_id``: the id is the service's."""

    signature: str
    own_id: bool


class GeminiModel:
    """The model ``name`` of a service."""

    def __init__(
        self, client: GeminiRest, name: str, *, provider: str = "google", vision: bool = True, thinks: bool = True
    ) -> None:
        self.name = name
        self.provider = provider
        self.vision = vision
        self.thinks = thinks
        self._client = client
        self._signed: OrderedDict[str, _Signed] = OrderedDict()
        self._wants_signatures = False

    async def start(self) -> None:
        """See that the service knows the model.

        Raises:
            EngineUnavailable: it does not; the message has the remedy.
        """
        try:
            await self._client.check(self.name)
        except ProviderError as error:
            await self.aclose()
            raise EngineUnavailable(f"language model {self.name}: {error}") from None

    async def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; see :class:`~.model.LanguageModel`."""
        try:
            async with aclosing(self._asked(request)) as deltas:
                async for delta in deltas:
                    yield delta
        except ProviderError as error:
            raise as_failure(error) from error

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        await self._client.aclose()

    async def _asked(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer; asked once more where the service misses signatures, which it says before it answers."""
        try:
            async with aclosing(self._streamed(request)) as deltas:
                async for delta in deltas:
                    yield delta
        except BadRequest as error:
            if self._wants_signatures or "thought_signature" not in str(error):
                raise
        else:
            return
        self._wants_signatures = True
        async with aclosing(self._streamed(request)) as deltas:
            async for delta in deltas:
                yield delta

    async def _streamed(self, request: Request) -> AsyncGenerator[Delta, None]:
        calls: list[FunctionCall] = []
        reason = ""
        async with aclosing(self._client.stream(self.name, self._body(request))) as chunks:
            async for chunk in chunks:
                if chunk.usage_metadata is not None:
                    yield Told(_usage(chunk.usage_metadata))
                for candidate in chunk.candidates[:1]:
                    reason = candidate.finish_reason or reason
                    calls += self._calls(candidate)
                    for delta in _deltas(candidate):
                        yield delta
        if reason == _WROTE_NO_CALL:
            broken = FunctionCall(new_id(), "unknown", {})
            yield Called((), ((broken, "the call was malformed; write it anew"),))
        elif reason not in _ENDED_WELL:
            raise ModelFailed(f"{self.name} stopped its answer ({reason})", passing=True)
        elif calls:
            yield Called(tuple(calls))

    def _calls(self, candidate: Candidate) -> Iterator[FunctionCall]:
        for part in _parts(candidate):
            if part.function_call is None:
                continue
            call = part.function_call
            call_id = call.id or new_id()
            self._remember(call_id, _Signed(part.thought_signature, own_id=bool(call.id)))
            yield FunctionCall(call_id, call.name, call.args if isinstance(call.args, dict) else {})

    def _remember(self, call_id: str, signed: _Signed) -> None:
        self._wants_signatures = self._wants_signatures or bool(signed.signature)
        self._signed[call_id] = signed
        if len(self._signed) > MAX_REMEMBERED:
            self._signed.popitem(last=False)

    def _recall(self, call_id: str) -> _Signed | None:
        """What is known of a call; a session may have put numbers behind its id."""
        known = self._signed.get(call_id)
        while known is None and "-" in call_id and call_id.rpartition("-")[2].isdecimal():
            call_id = call_id.rpartition("-")[0]
            known = self._signed.get(call_id)
        return known

    # --- what is asked --------------------------------------------------------------------------------------

    def _body(self, request: Request) -> GenerateRequest:
        return GenerateRequest(
            contents=[self._content(message) for message in request.messages],
            system_instruction=Content(parts=[Part(text=request.instruction)]) if request.instruction else None,
            tools=[client.Tool(function_declarations=[_declared(tool) for tool in request.tools])]
            if request.tools
            else [],
            generation_config=GenerationConfig(
                temperature=request.temperature,
                top_p=request.top_p,
                top_k=request.top_k,
                seed=request.seed,
                max_output_tokens=request.max_output_tokens,
                media_resolution=_RESOLUTION[request.media_resolution],
                thinking_config=_thinking(request.thinking) if self.thinks else None,
            ),
        )

    def _content(self, message: Message) -> Content:
        match message:
            case Said(parts):
                return Content(role="user", parts=[_part(part) for part in parts])
            case Answered(text, calls):
                said = [Part(text=text)] if text else []
                return Content(role="model", parts=[*said, *self._told(calls)])
            case Results(results):
                return Content(
                    role="user",
                    parts=[
                        Part(
                            function_response=client.FunctionResponse(
                                id=self._own_id(result.id), name=result.name, response=result.response
                            )
                        )
                        for result in results
                    ],
                )

    def _told(self, calls: tuple[FunctionCall, ...]) -> Iterator[Part]:
        for number, call in enumerate(calls):
            known = self._recall(call.id)
            signature = known.signature if known else ""
            if not known and number == 0 and self._wants_signatures:
                # Of calls made together only the first is signed.
                signature = UNSIGNED
            function_call = client.FunctionCall(id=self._own_id(call.id), name=call.name, args=call.args)
            yield Part(function_call=function_call, thought_signature=signature)

    def _own_id(self, call_id: str) -> str:
        """The id as the service knows it; one that it never gave is not told to it."""
        known = self._recall(call_id)
        return call_id if known is not None and known.own_id else ""


def _parts(candidate: Candidate) -> list[Part]:
    return candidate.content.parts if candidate.content is not None else []


def _deltas(candidate: Candidate) -> Iterator[Delta]:
    for part in _parts(candidate):
        if part.text:
            yield Reasoned(part.text) if part.thought else Text(part.text)


def _part(part: Words | Picture) -> Part:
    match part:
        case Words(text):
            return Part(text=text)
        case Picture(mime_type, data):
            return Part(inline_data=client.Blob(mime_type=mime_type, data=data))


def _declared(tool: Tool) -> client.FunctionDeclaration:
    return client.FunctionDeclaration(
        name=tool.name, description=tool.description, parameters_json_schema=tool.parameters
    )


def _thinking(thinking: Thinking) -> ThinkingConfig | None:
    level = next((level for level in ThinkingLevel if level.lower() == thinking.level), None)
    if level is None and thinking.budget is None and not thinking.include_thoughts:
        return None
    # The service takes one of them: a level is what newer models know.
    budget = thinking.budget if level is None else None
    return ThinkingConfig(thinking_level=level, thinking_budget=budget, include_thoughts=thinking.include_thoughts)


def _usage(usage: GenerateUsage) -> Usage:
    return Usage(
        _by_modality(usage.prompt_tokens_details, usage.prompt_token_count),
        _by_modality(usage.candidates_tokens_details, usage.candidates_token_count),
        tool_prompt=Tokens(text=usage.tool_use_prompt_token_count),
        thoughts=usage.thoughts_token_count,
        cached=_by_modality(usage.cache_tokens_details, usage.cached_content_token_count),
    )


def _by_modality(details: list[ModalityTokenCount], total: int) -> Tokens:
    """``total`` by modality: what no detail explains is text."""
    known = {name.lower(): 0 for name in ("AUDIO", "IMAGE", "VIDEO")}
    for detail in details:
        if detail.modality.lower() in known:
            known[detail.modality.lower()] += detail.token_count
    return Tokens(max(0, total - sum(known.values())), **known)
