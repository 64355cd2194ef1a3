"""Secrets have no place in a program that is copied about: they become names of the environment."""

import re
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from msgspec import Struct

_SECRET: Final = re.compile(r"(?:^|[^a-z])(?:key|token|secret|password|authorization|credential)s?$")
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SCHEMAS: Final = frozenset(("parameters", "parametersJsonSchema", "response", "responseJsonSchema", "responseSchema"))
"""What declares a parameter is no secret, whatever the parameter is called."""


class Secret(Struct, frozen=True):
    """Stands for a secret. ``name`` is the variable of the environment that has it."""

    name: str


def hidden(setup: Any, parent: str = "") -> Any:
    """A setup with its secrets replaced, as :class:`Secret`."""
    if isinstance(setup, list):
        return [hidden(each, parent) for each in setup]
    if not isinstance(setup, dict):
        return setup
    return {name: _member(name, value, parent) for name, value in setup.items()}


def secrets(value: Any) -> list[Secret]:
    """Every secret in a value, each once."""
    if isinstance(value, Secret):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return list(dict.fromkeys(each for member in inner for each in secrets(member)))


def _member(name: str, value: Any, parent: str) -> Any:
    if name in _SCHEMAS:
        return value
    if parent == "sessionResumption" and name == "handle":
        return Secret("SESSION_HANDLE")
    if isinstance(value, str) and (parent == "headers" or _is_secret(name, value)):
        return Secret(_variable(name))
    if name == "authConfig":
        return Secret(_variable(name))
    return _without_credentials(value) if name == "url" and isinstance(value, str) else hidden(value, name)


def _is_secret(name: str, value: str) -> bool:
    # maxOutputTokens and the like are counts, which clients may write as text.
    return not value.isdecimal() and bool(_SECRET.search(_WORDS.sub(" ", name).lower()))


def _variable(name: str) -> str:
    words = re.sub(r"[^A-Z0-9]+", "_", _WORDS.sub("_", name).upper()).strip("_")
    return words if words[:1].isalpha() else f"SECRET_{words}"


def _without_credentials(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    except ValueError:
        return ""
