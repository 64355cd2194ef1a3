"""What a request sends: the fields of a form, or the members of a JSON object."""

from typing import Any, Final

import msgspec
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from antiphon.console.reading import read_body

MAX_BODY: Final = 64 << 10
MAX_FIELDS: Final = 500

Fields = dict[str, list[str]]


async def read(request: Request) -> Fields:
    """The fields of a request, each with its values.

    Raises:
        HTTPException: there is too much, or it is neither.
    """
    body = await read_body(request, MAX_BODY)
    if request.headers.get("content-type", "").startswith("application/json"):
        return _members(body)

    async def again() -> Message:
        return {"type": "http.request", "body": body}

    found: Fields = {}
    async with Request(request.scope, again).form(max_files=0, max_fields=MAX_FIELDS) as form:
        for name, value in form.multi_items():
            if not isinstance(value, UploadFile):
                found.setdefault(name, []).append(value)
    return found


def one(fields: Fields, name: str, default: str = "") -> str:
    """The value of a field that has one."""
    return fields.get(name, [default])[-1] if fields.get(name) else default


def many(fields: Fields, name: str) -> tuple[str, ...]:
    """All values of a field, without empty ones."""
    return tuple(value for value in fields.get(name, ()) if value.strip())


def _members(body: bytes) -> Fields:
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise HTTPException(400, f"the body is not a JSON object: {error}") from error
    return {name: _texts(value) for name, value in told.items()}


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
