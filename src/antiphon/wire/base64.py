"""Base64 as protobuf's JSON reads it: both alphabets, mixed, with or without padding."""

from binascii import Error

import pybase64

from antiphon.wire.refusal import Refusal


def decode(text: str) -> bytes:
    """The bytes of ``text``.

    Raises:
        Refusal: ``text`` is not base64.
    """
    missing = -len(text) % 4
    padded = text + "=" * missing if missing else text
    try:
        if "-" in padded or "_" in padded:
            return pybase64.b64decode(padded, altchars=b"-_", validate=True)
        return pybase64.b64decode(padded, validate=True)
    except (Error, ValueError) as error:
        raise Refusal("", "is not base64", "send standard or URL-safe base64") from error
