"""Base64 as protobuf's JSON reads it: both alphabets, mixed, with or without padding."""

from binascii import Error

import pybase64

from antiphon.wire.refusal import Refusal


def decode(text: str) -> bytes:
    """The bytes of ``text``.

    Raises:
        Refusal: ``text`` is not base64.
    """
    standard = text.replace("-", "+").replace("_", "/")
    missing = -len(text) % 4
    try:
        return pybase64.b64decode(standard + "=" * missing if missing else standard, validate=True)
    except (Error, ValueError) as error:
        raise Refusal("", "is not base64", "send standard or URL-safe base64") from error
