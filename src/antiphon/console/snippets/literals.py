"""Values as literals of Python, JavaScript and JSON, over as many lines as they need."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct

from antiphon.console.snippets.hiding import Secret

WIDTH: Final = 100
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")


class Bytes(Struct, frozen=True):
    """Bytes, as base64."""

    text: str


class Built(Struct, frozen=True):
    """An object of Python, made by calling ``name`` with the members of ``value``, or with it as it is."""

    name: str
    value: Any


class Dialect(Struct, frozen=True):
    """How a language writes what JSON does not have in the same way."""

    words: dict[Any, str]
    key: Callable[[str], str]
    secret: Callable[[str], str]
    data: Callable[[str], str]
    indent: int


def quoted(text: str) -> str:
    """Text in double quotes, as Python, JavaScript and JSON read it."""
    return json.dumps(text, ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _name(text: str) -> str:
    return text if _NAME.fullmatch(text) and text != "__proto__" else quoted(text)


PYTHON: Final = Dialect(
    {None: "None", True: "True", False: "False"},
    quoted,
    lambda name: f'os.environ["{name}"]',
    lambda text: f"base64.b64decode({quoted(text)})",
    4,
)
JAVASCRIPT: Final = Dialect(
    {None: "null", True: "true", False: "false"}, _name, lambda name: f"process.env.{name}", quoted, 2
)
JSON: Final = Dialect({None: "null", True: "true", False: "false"}, quoted, lambda name: f'"\0{name}\0"', quoted, 2)
"""Secrets are between two zeros, which no other text has: what writes the JSON puts something better there."""


def literal(value: Any, dialect: Dialect, depth: int = 0) -> str:
    """``value`` in a language; what follows the first line is indented by ``depth`` levels."""
    if isinstance(value, Secret):
        return dialect.secret(value.name)
    if isinstance(value, Bytes):
        return dialect.data(value.text)
    if isinstance(value, Built):
        stars = "**" if isinstance(value.value, dict) else ""
        inner = literal(value.value, dialect, depth) if value.value != {} else ""
        return f"{value.name}({stars if inner else ''}{inner})"
    if isinstance(value, str):
        return quoted(value)
    if value is None or isinstance(value, bool):
        return dialect.words[value]
    if isinstance(value, dict):
        items = [f"{dialect.key(name)}: {literal(each, dialect, depth + 1)}" for name, each in value.items()]
        return _group(items, "{}", dialect, depth)
    if isinstance(value, list):
        return _group([literal(each, dialect, depth + 1) for each in value], "[]", dialect, depth)
    return json.dumps(value)


def _group(items: list[str], brackets: str, dialect: Dialect, depth: int) -> str:
    pad = " " if brackets == "{}" and dialect is JAVASCRIPT and items else ""
    short = f"{brackets[0]}{pad}{', '.join(items)}{pad}{brackets[1]}"
    if "\n" not in short and len(short) + depth * dialect.indent < WIDTH - 12:
        return short
    inner, outer = " " * dialect.indent * (depth + 1), " " * dialect.indent * depth
    comma = "" if dialect is JSON else ","
    lines = f",\n{inner}".join(items)
    return f"{brackets[0]}\n{inner}{lines}{comma}\n{outer}{brackets[1]}"
