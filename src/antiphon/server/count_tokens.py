"""``POST /{version}/models/{model}:countTokens``: what a prompt costs, by the rules a session is charged by."""

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from antiphon.live import agreement
from antiphon.live.context import Context
from antiphon.live.tokens import Tokens
from antiphon.server import body
from antiphon.server.auth import Gate
from antiphon.server.models import Models, error, guarded
from antiphon.wire.gemini import client
from antiphon.wire.gemini.count_tokens import CountTokensResponse, Prompt, decode_count_tokens
from antiphon.wire.refusal import Refusal


def routes(gate: Gate, models: Models, max_bytes: int) -> list[Route]:
    """The routes of this door, for any version and below any prefix, as clients build their URLs."""

    async def answer(request: Request) -> Response:
        model, caller = request.path_params["model"], request.state.caller
        rules = models.rules(model)
        if not rules or not caller.may_ask_for(model):
            return models.not_found(model, caller)
        try:
            prompt, path = decode_count_tokens(await body.read(request, max_bytes))
            tokens = count(prompt, rules, path)
        except Refusal as refusal:
            return error(400, str(refusal), "INVALID_ARGUMENT")
        return JSONResponse(msgspec.to_builtins(_response(tokens)))

    path = "/{version}/models/{model}:countTokens"
    return [Route(prefix + path, guarded(gate, answer), methods=["POST"]) for prefix in ("", "/{prefix:path}")]


def count(prompt: Prompt, model: str, path: str = "") -> Tokens:
    """The tokens of ``prompt``, which stands at ``path`` of a request, for ``model``.

    Raises:
        Refusal: a function or a turn in it is impossible; the refusal names the field.
    """
    resolution = prompt.generation_config.media_resolution if prompt.generation_config else None
    wanted = client.Setup(
        model=model,
        system_instruction=prompt.system_instruction,
        tools=prompt.tools,
        generation_config=client.GenerationConfig(media_resolution=resolution),
    )
    try:
        setup, _ = agreement.agree(wanted)
        turns = [agreement.turn(content, f"setup.contents[{n}]")[0] for n, content in enumerate(prompt.contents)]
    except Refusal as refusal:
        field = refusal.field.removeprefix("setup.")
        raise Refusal(field, refusal.reason, refusal.remedy).under(path) from None
    context = Context(setup)
    for turn in turns:
        context.append(turn)
    return context.tokens


def _response(tokens: Tokens) -> CountTokensResponse:
    return CountTokensResponse(total_tokens=tokens.total, prompt_tokens_details=tokens.details())
