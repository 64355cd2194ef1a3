"""Reads JSON as protobuf's JSON mapping does, before msgspec checks the types.

Real clients mix camelCase and snake_case within one object, both base64 alphabets, enums in any case and
``*_UNSPECIFIED`` values. This module turns all of that into the one spelling our types have, and leaves user data
(fields typed ``Any``) as it came.
"""

import types
import typing
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any

from msgspec import Struct, structs

from antiphon.wire import base64
from antiphon.wire.gemini.client import Content
from antiphon.wire.refusal import Refusal

Ignored = list[str]
Reader = Callable[[Any, str, Ignored], Any]
"""Takes a value, its path and the list of ignored paths; returns the value in our spelling, None for absent."""


@cache
def struct_reader(kind: type[Struct]) -> Reader:
    """A reader of objects of type ``kind``; unknown members are left out and their paths noted."""
    members = {
        spelling: (field.encode_name, reader(field.type))
        for field in structs.fields(kind)
        for spelling in _spellings(kind, field)
    }
    takes_text = kind is Content

    def read(value: Any, path: str, ignored: Ignored) -> dict[str, Any]:
        if takes_text and isinstance(value, str):
            value = {"parts": [{"text": value}]}
        if not isinstance(value, dict):
            raise Refusal(path, f"expected an object, got {_json_type(value)}")
        result = {}
        for key, item in value.items():
            member = members.get(key)
            if member is None:
                ignored.append(f"{path}.{key}" if path else key)
            elif item is not None:
                name, read_item = member
                known = read_item(item, f"{path}.{name}" if path else name, ignored)
                if known is not None:
                    result[name] = known
        return result

    return read


def _spellings(kind: type[Struct], field: structs.FieldInfo) -> Iterator[str]:
    """The names of a member: ours, and those that ``ALIASES`` of its type has for it."""
    yield from (field.encode_name, field.name)
    for alias, name in getattr(kind, "ALIASES", {}).items():
        if name == field.name:
            yield from (alias, camel(alias))


def camel(name: str) -> str:
    """A snake_case name in camelCase."""
    head, *tail = name.split("_")
    return head + "".join(word.title() for word in tail)


@cache
def reader(kind: Any) -> Reader:
    """The reader for a field's type."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return reader(_without_none(kind))
    if typing.get_origin(kind) is list:
        return _list_reader(typing.get_args(kind)[0])
    if isinstance(kind, type) and issubclass(kind, Struct):
        return lambda value, path, ignored: struct_reader(kind)(value, path, ignored)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _enum_reader(kind)
    return _BY_KIND.get(kind, _as_it_is)


def _without_none(kind: Any) -> Any:
    kinds = [option for option in typing.get_args(kind) if not _is_absence(option)]
    return kinds[0]


def _is_absence(kind: Any) -> bool:
    return kind is type(None) or getattr(kind, "__name__", "") == "UnsetType"


def _list_reader(kind: Any) -> Reader:
    read_item = reader(kind)

    def read(value: Any, path: str, ignored: Ignored) -> list[Any]:
        items = value if isinstance(value, list) else [value]
        known = (read_item(item, f"{path}[{n}]", ignored) for n, item in enumerate(items))
        return [item for item in known if item is not None]

    return read


def _enum_reader(kind: type[StrEnum]) -> Reader:
    by_name = {member.value: member for member in kind} | dict(kind.__members__)

    def read(value: Any, path: str, _: Ignored) -> str | None:
        if not isinstance(value, str):
            raise Refusal(path, f"expected one of {', '.join(kind)}, got {_json_type(value)}")
        name = value.strip().upper()
        if not name or name.endswith("UNSPECIFIED"):
            return None
        if name not in by_name:
            raise Refusal(path, f"invalid value {value[:40]!r}", f"use {', '.join(kind)}")
        return by_name[name].value

    return read


def _bytes(value: Any, path: str, _: Ignored) -> bytes:
    if not isinstance(value, str):
        raise Refusal(path, f"expected base64 text, got {_json_type(value)}")
    try:
        return base64.decode(value)
    except Refusal as refusal:
        raise refusal.under(path) from None


def _number(value: Any, path: str, _: Ignored) -> Any:
    # msgspec reads these names as numbers, but no engine takes them and JSON cannot write them.
    if isinstance(value, str) and value.lstrip("+-").lower() in {"nan", "inf", "infinity"}:
        raise Refusal(path, "expected a finite number")
    return value


def _as_it_is(value: Any, _path: str, _ignored: Ignored) -> Any:
    return value


def _json_type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")


_BY_KIND: dict[Any, Reader] = {bytes: _bytes, float: _number}
