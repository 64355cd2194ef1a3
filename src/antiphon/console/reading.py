"""What a page posts, as much of it as is wanted; and JSON."""

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request

MAX_BODY = 2 << 20
"""Bytes; a setup may carry a picture or a recording."""


async def read_object(request: Request, limit: int = MAX_BODY) -> dict[str, Any]:
    """The JSON object in the body of a request.

    Raises:
        HTTPException: it is too large, or no JSON object; the message says in which line and column.
    """
    value = _parsed(await read_body(request, limit))
    if not isinstance(value, dict):
        raise HTTPException(400, 'the body must be a JSON object, such as {"setup": {"model": "models/…"}}')
    return value


async def read_body(request: Request, limit: int = MAX_BODY) -> bytes:
    """The body of a request, however it is sent.

    Raises:
        HTTPException: it has more than ``limit`` bytes.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise HTTPException(413, f"the body has more than {limit:,} bytes; send less")
    return bytes(body)


def _parsed(body: bytes) -> Any:
    try:
        value = json.loads(body.decode(), parse_constant=_no_number)
        _check_characters(value)
        return value
    except json.JSONDecodeError as error:
        raise HTTPException(400, f"malformed JSON at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeEncodeError as error:
        raise HTTPException(400, "malformed JSON: a text has half of a character (a lone surrogate)") from error
    except UnicodeDecodeError as error:
        raise HTTPException(400, f"malformed JSON: byte {error.start} is not UTF-8") from error
    except RecursionError as error:
        raise HTTPException(400, "malformed JSON: nested too deeply") from error
    except ValueError as error:
        raise HTTPException(400, "malformed JSON: a number has too many digits") from error


def _check_characters(value: Any) -> None:
    """Halves of characters, which JSON can write and nothing else can.

    Raises:
        UnicodeEncodeError, RecursionError: there is one; it is nested too deeply.
    """
    json.dumps(value, ensure_ascii=False).encode()


def _no_number(name: str) -> float:
    raise HTTPException(400, f"malformed JSON: {name} is no number of JSON")
