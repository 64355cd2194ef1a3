"""Turns that a client writes, and its answers to function calls."""

from collections.abc import Iterator
from typing import Any

from antiphon.live.history import FunctionCall, FunctionResult, Part, Picture, Turn, Words
from antiphon.live.profiles import Profile
from antiphon.wire.gemini import client
from antiphon.wire.gemini.client import Scheduling
from antiphon.wire.refusal import Refusal

_ROLES = ("user", "model")
_OLDER_ROLES = ("", "system", "function")


def turn(content: client.Content, field: str, strict: bool = False) -> tuple[Turn, list[str]]:
    """A client's content as a turn of the history, and the paths of the parts that were ignored.

    Content without a role is the user's. ``strict`` refuses it, as 3.8 models do, and roles of older APIs.

    Raises:
        Refusal: the role is neither the user's nor the model's.
    """
    role = content.role
    if strict and not role:
        raise Refusal(f"{field}.role", "is missing", "use user or model")
    if role not in _ROLES and (strict or role not in _OLDER_ROLES):
        raise Refusal(f"{field}.role", f"invalid role {role[:20]!r}", "use user or model")
    ignored: list[str] = []
    parts = tuple(_parts(content, field, ignored))
    return Turn("model" if role == "model" else "user", parts), ignored


def scheduling_of(
    response: client.FunctionResponse,
    field: str = "toolResponse.functionResponses",
    profile: Profile | None = None,
    strict: bool = False,
) -> Scheduling | None:
    """When the model is to speak of a function's answer, in whichever place the client says it.

    Official samples say it inside ``response``; any other value there is the function's own data. None where nothing is
    said, and for the models that do not schedule.

    Raises:
        Refusal: the model does not schedule, and ``strict``.
    """
    wanted = response.scheduling or _inside(response.response)
    if wanted is None or profile is None or profile.scheduling:
        return wanted
    if strict:
        raise Refusal(f"{field}.scheduling", f"{profile.id} has none", "leave it out")
    return None


def _inside(response: Any) -> Scheduling | None:
    value = response.get("scheduling") if isinstance(response, dict) else None
    return Scheduling.__members__.get(value.strip().upper()) if isinstance(value, str) else None


def _parts(content: client.Content, field: str, ignored: list[str]) -> Iterator[Part]:
    for number, part in enumerate(content.parts):
        read = _part(part)
        if read is not None:
            yield read
        elif part != client.Part():
            why = _why_ignored(part)
            ignored.append(f"{field}.parts[{number}] ({why})" if why else f"{field}.parts[{number}]")


def _part(part: client.Part) -> Part | None:
    if (call := part.function_call) is not None:
        return FunctionCall(call.id, call.name, _object(call.args))
    if (answer := part.function_response) is not None:
        return FunctionResult(answer.id, answer.name, _object(answer.response))
    if (media := part.inline_data) is not None:
        return Picture(media.mime_type, media.data) if media.mime_type.startswith("image/") else None
    # What the model thought was never said.
    return Words(part.text) if part.text and not part.thought else None


def _why_ignored(part: client.Part) -> str:
    if part.thought:
        return "a thought"
    if part.file_data is not None:
        return "files are not fetched"
    if part.inline_data is not None:
        return f"{part.inline_data.mime_type[:40] or 'data without a mimeType'} is no image"
    if part.executable_code is not None or part.code_execution_result is not None:
        return "no code is run"
    return ""


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"output": value}
