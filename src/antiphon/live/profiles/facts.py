"""What is known of the models, where from, and as of when."""

import tomllib
from importlib import resources
from typing import Any, Literal

import msgspec
from msgspec import Struct

Kind = Literal["official guide", "API reference", "client library", "recording", "probe", "field report"]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where facts come from. ``url`` may be empty: probes and recordings have no page of their own."""

    kind: Kind
    title: str
    url: str = ""


class Fact(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing known of one model. ``source`` is a key of the sources, ``date`` a month or a day.

    ``note`` says what is uncertain about it, or what contradicts it.
    """

    value: Any
    source: str
    date: str
    note: str = ""


class Alias(Struct, frozen=True, forbid_unknown_fields=True):
    """A name that clients use for ``model``, and why. The hosted service has shut down what is ``retired``."""

    model: str
    why: str
    source: str
    date: str
    retired: bool = False


Facts = dict[str, Fact]
"""By the name of the profile's attribute."""


class _Models(Struct, frozen=True, forbid_unknown_fields=True):
    sources: dict[str, Source]
    common: Facts
    models: dict[str, Facts]
    aliases: dict[str, Alias]


def read() -> tuple[dict[str, Source], dict[str, Facts], dict[str, Alias]]:
    """The sources, the facts of every model and the aliases of this package's data file."""
    text = resources.files(__package__).joinpath("models.toml").read_text(encoding="utf-8")
    data = msgspec.convert(tomllib.loads(text), _Models)
    return data.sources, {name: data.common | facts for name, facts in data.models.items()}, data.aliases
