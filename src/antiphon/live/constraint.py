"""What the holder of an ephemeral token may decide about a session: the token's setup over the connection's.

Three rules (https://ai.google.dev/gemini-api/docs/live-api/ephemeral-tokens):

1. A token without a setup and without a mask leaves the connection's setup as it is.
2. A token with a setup and no mask replaces the connection's setup.
3. A token with a mask locks the fields the mask names: each has the token's value, or its default where the token
   sets none. All other fields are the connection's.

Two fields are not settings, and stay the connection's under rule 2: ``sessionResumption.handle``, which names a
session that did not exist when the token was made, and ``model`` where the token names none. Likewise a mask that
locks ``sessionResumption`` as a whole, with resumption on, leaves the handle to the connection; one that names
``sessionResumption.handle`` locks it.
"""

import difflib
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import Struct, structs

from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal

MAX_PATHS = 256
"""Names a mask may hold; a setup has fewer fields."""

_Message = typing.TypeVar("_Message", bound=Struct)

Path = tuple[str, ...]
"""Where a field is, from the setup down, in the spelling of the wire: ``("generationConfig", "seed")``."""


def constrain(wanted: client.Setup, constraint: client.Setup | None, mask: Iterable[str] = ()) -> client.Setup:
    """The setup that a connection gets when it asks for ``wanted`` and shows a token with ``constraint`` and ``mask``.

    Raises:
        Refusal: the mask names what is no field of a setup.
    """
    paths = resolve(mask)
    if paths:
        return _masked(wanted, constraint or client.Setup(), paths)
    return wanted if constraint is None else _replaced(wanted, constraint)


def resolve(mask: Iterable[str]) -> tuple[Path, ...]:
    """The paths that the names of a mask stand for, each once.

    Names may be in camelCase or snake_case. A field of ``generationConfig`` may be named without it, as SDKs do.
    A list is locked as a whole: ``tools.0``, which SDKs write for every element, is ``tools``.

    Raises:
        Refusal: a name is no field of a setup; the refusal tells the closest one. Or there are too many.
    """
    paths = tuple(dict.fromkeys(_resolved(name) for name in mask))
    if len(paths) > MAX_PATHS:
        raise Refusal("fieldMask", f"{len(paths)} names", f"send at most {MAX_PATHS}, or none to lock everything")
    return paths


def overruled(wanted: client.Setup, got: client.Setup) -> list[str]:
    """The members of a connection's setup that its token changed."""
    nothing = client.Setup()
    members = ((field.encode_name, field.name) for field in structs.fields(client.Setup))
    return [
        spelled
        for spelled, name in members
        if getattr(wanted, name) not in (getattr(nothing, name), getattr(got, name))
    ]


def _replaced(wanted: client.Setup, token: client.Setup) -> client.Setup:
    got = _with_handle(token, wanted, client.SessionResumptionConfig())
    return got if got.model else structs.replace(got, model=wanted.model)


def _masked(wanted: client.Setup, token: client.Setup, paths: tuple[Path, ...]) -> client.Setup:
    got = wanted
    for path in paths:
        got = _laid(got, token, path)
    if ("sessionResumption",) in paths and ("sessionResumption", "handle") not in paths:
        got = _with_handle(got, wanted, token.session_resumption)
    return got


def _with_handle(
    got: client.Setup, wanted: client.Setup, resumption: client.SessionResumptionConfig | None
) -> client.Setup:
    """``got`` with the connection's handle, unless the token has one of its own or ``resumption`` is off."""
    asked, kept = wanted.session_resumption, got.session_resumption or resumption
    if asked is None or not asked.handle or kept is None or kept.handle:
        return got
    return structs.replace(got, session_resumption=structs.replace(kept, handle=asked.handle))


def _laid(mine: _Message, token: _Message, path: Path) -> _Message:
    """``mine`` with one field of ``token``."""
    field = _members(type(mine))[path[0]]
    old, new = getattr(mine, field.name), getattr(token, field.name)
    if len(path) > 1:
        new = _laid_inside(_struct(field.type), old, new, path[1:])
    return structs.replace(mine, **{field.name: new})


def _laid_inside(kind: type[Struct] | None, mine: Any, token: Any, path: Path) -> Any:
    if kind is None:
        return _laid_key(mine, token, path)
    got = _laid(kind() if mine is None else mine, kind() if token is None else token, path)
    # Presence is a setting of its own (transcription, resumption): a locked default does not make an object appear.
    return None if mine is None and got == kind() else got


def _laid_key(mine: Any, token: Any, path: Path) -> Any:
    """The same inside a field whose members this server does not know: every spelling of the key is replaced."""
    old, theirs = _mapping(mine), _mapping(token)
    got = {key: value for key, value in old.items() if _camel(key) != path[0]}
    found = next((key for key in theirs if _camel(key) == path[0]), path[0])
    value = theirs.get(found)
    if len(path) > 1:
        before = next((item for key, item in old.items() if _camel(key) == path[0]), None)
        value = _laid_key(before, value, path[1:])
    if value is not None:
        got[found] = value
    return got if got or isinstance(mine, dict) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _resolved(name: str) -> Path:
    head, *rest = name.split(".")
    if head not in _members(client.Setup) and head in _members(client.GenerationConfig):
        head, rest = "generationConfig", [head, *rest]
    path = _walk(client.Setup, [head, *rest])
    if path is None:
        close = difflib.get_close_matches(_camel(name), short := _short_names(), 1)
        remedy = f"did you mean {short[close[0]]}?" if close else "name fields such as model or generationConfig.seed"
        raise Refusal("fieldMask", f"{name[:60]} is no field of a setup", remedy)
    return path


@cache
def _short_names() -> dict[str, str]:
    """Every field that a mask can name, by all that it can be named."""
    names = _known(client.Setup)
    return {name.removeprefix("generationConfig."): name for name in names} | {name: name for name in names}


def _walk(kind: type[Struct], names: list[str]) -> Path | None:
    field = _members(kind).get(names[0])
    if field is None:
        return None
    rest, inner = names[1:], _struct(field.type)
    if not rest or (_is_list(field.type) and len(rest) == 1 and rest[0].isdecimal()):
        return (field.encode_name,)
    if inner is not None:
        below = _walk(inner, rest)
        return (field.encode_name, *below) if below else None
    return (field.encode_name, *map(_camel, rest)) if _is_open(field.type) and all(rest) else None


@cache
def _members(kind: type[Struct]) -> dict[str, structs.FieldInfo]:
    """The fields of a message by both of their spellings."""
    return {spelling: field for field in structs.fields(kind) for spelling in (field.encode_name, field.name)}


@cache
def _known(kind: type[Struct]) -> tuple[str, ...]:
    """Every field that a mask can name, as it would."""
    return tuple(_names_below(kind))


def _names_below(kind: type[Struct]) -> Iterator[str]:
    for field in structs.fields(kind):
        yield field.encode_name
        inner = _struct(field.type)
        yield from (f"{field.encode_name}.{name}" for name in (_known(inner) if inner else ()))


def _struct(kind: Any) -> type[Struct] | None:
    """The message a field holds, None for a list, a value or what passes through untouched."""
    options = typing.get_args(kind) if not _is_list(kind) else ()
    return next((one for one in (kind, *options) if isinstance(one, type) and issubclass(one, Struct)), None)


def _is_list(kind: Any) -> bool:
    return any(typing.get_origin(one) is list for one in (kind, *typing.get_args(kind)))


def _is_open(kind: Any) -> bool:
    return kind is Any or any(typing.get_origin(one) is dict for one in (kind, *typing.get_args(kind)))


def _camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in tail)
