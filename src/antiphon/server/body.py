"""The bodies of requests."""

from starlette.requests import Request

from antiphon.wire.refusal import Refusal


async def read(request: Request, limit: int) -> bytes:
    """The whole body of a request.

    Raises:
        Refusal: it has more than ``limit`` bytes.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refusal("body", f"more than {limit} bytes", "send less")
    return bytes(body)
