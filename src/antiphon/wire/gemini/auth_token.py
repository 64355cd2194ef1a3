"""The message that asks for an ephemeral token (``AuthToken`` of ``POST /v1alpha/auth_tokens``).

Fields: https://ai.google.dev/api/live#ephemeral-auth-tokens. All of them are input only.
"""

import difflib
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, structs

from antiphon.wire.gemini import client
from antiphon.wire.gemini.decode import convert
from antiphon.wire.refusal import Refusal

_SETUP = "bidiGenerateContentSetup"
_MAX_USES = 2**31 - 1
_Moment = Annotated[datetime, Meta(tz=True)]


class AuthToken(client.Wire):
    """What the token is to allow. Times are RFC 3339 text; ``field_mask`` holds names as they were sent."""

    uses: int | None = None
    expire_time: str = ""
    new_session_expire_time: str = ""
    bidi_generate_content_setup: client.Setup | None = None
    field_mask: Any = None


def decode_auth_token(body: bytes) -> AuthToken:
    """The message in a request's body; nothing at all asks for a token with every default.

    An empty setup is none, and ``field_mask`` is always a list of names.

    Raises:
        Refusal: the body is no JSON object, or a member is unknown, of the wrong type or out of range.
    """
    value = _parse(body)
    token, ignored = convert(AuthToken, _unwrapped(value), "")
    for path in ignored:
        raise Refusal(path, "is unknown", _closest(path))
    if token.uses is not None and not 0 <= token.uses <= _MAX_USES:
        raise Refusal("uses", f"{token.uses} is out of range", f"send 1 to {_MAX_USES}, or 0 for no limit")
    setup = token.bidi_generate_content_setup
    return structs.replace(
        token,
        bidi_generate_content_setup=None if setup == client.Setup() else setup,
        field_mask=list(_names(token.field_mask)),
    )


def moment(text: str, field: str) -> float:
    """RFC 3339 text as seconds of the Unix epoch.

    Raises:
        Refusal: it is no such text, or says no time zone.
    """
    try:
        return msgspec.convert(text, _Moment).timestamp()
    except (msgspec.ValidationError, OverflowError) as error:
        remedy = "send RFC 3339 with a time zone, such as 2030-01-31T12:00:00Z"
        raise Refusal(field, f"{text[:40]!r} is not a time", remedy) from error


def _parse(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refusal("body", f"malformed JSON ({error})", "send one JSON object") from error
    if not isinstance(value, dict):
        raise Refusal("body", "must be a JSON object", 'send {} or, say, {"uses": 1}')
    return value


def _unwrapped(value: dict[str, Any]) -> dict[str, Any]:
    """The setup without the wrapper that SDKs leave around one with nothing in it."""
    return {
        key: item["setup"] if isinstance(item, dict) and item.keys() == {"setup"} else item
        for key, item in value.items()
    }


def _names(mask: Any) -> Iterable[str]:
    """The names in a mask: comma-separated text, a list, or an object with ``paths``."""
    if isinstance(mask, dict) and mask.keys() <= {"paths"}:
        mask = mask.get("paths")
    if isinstance(mask, str):
        mask = mask.split(",")
    mask = mask or []
    if not isinstance(mask, list) or not all(isinstance(name, str) for name in mask):
        raise Refusal("fieldMask", "is not a list of names", 'send comma-separated text: "model,generationConfig.seed"')
    return (stripped for name in mask if (stripped := name.strip()))


def _closest(path: str) -> str:
    parent, _, name = path.rpartition(".")
    kind = {"": AuthToken, _SETUP: client.Setup, f"{_SETUP}.generationConfig": client.GenerationConfig}.get(parent)
    known = kind.__struct_encode_fields__ if kind else ()
    found = difflib.get_close_matches(name, known, 1)
    return f"did you mean {found[0]}?" if found else "leave it out"
