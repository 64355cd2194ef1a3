"""Prices and rates beside the price list, each with its source and the day it was checked: ``overlay.toml``."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from msgspec import Struct

from antiphon.meter.rates import Rates


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where values come from. ``url`` is empty where a page has no address of its own."""

    title: str
    url: str = ""


class Value(Struct, frozen=True, forbid_unknown_fields=True):
    """One value. ``source`` is a key of the sources, ``checked`` a day; ``note`` is what is uncertain about it."""

    value: Decimal
    source: str
    checked: str
    note: str = ""


class Entry(Struct, frozen=True):
    """What is known of some models of one provider, by the names of :class:`~antiphon.meter.rates.Rates`."""

    provider: str
    ids: tuple[str, ...]
    values: dict[str, Value]
    notes: tuple[str, ...] = ()

    @property
    def rates(self) -> Rates:
        """The values alone."""
        return Rates(**{name: value.value for name, value in self.values.items()})


class Overlay(Struct, frozen=True):
    """The whole file. ``media`` are tokens by second and by frame, ``units`` what other units are worth in dollars."""

    version: str
    sources: dict[str, Source]
    units: dict[str, Value]
    media: dict[str, Value]
    entries: tuple[Entry, ...]

    def find(self, provider: str, model: str) -> Entry | None:
        """What is known of a model, by its exact name."""
        return next((each for each in self.entries if each.provider == provider and model in each.ids), None)


@cache
def overlay() -> Overlay:
    """The file of this package."""
    text = resources.files(__package__).joinpath("overlay.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text, parse_float=Decimal)
    return Overlay(
        version=f"overlay {data['version']}",
        sources=msgspec.convert(data["sources"], dict[str, Source]),
        units=msgspec.convert(data["units"], dict[str, Value]),
        media=msgspec.convert(data["media"], dict[str, Value]),
        entries=tuple(map(_entry, data["models"])),
    )


def _entry(table: dict[str, Any]) -> Entry:
    values = {name: value for name, value in table.items() if name not in ("provider", "ids", "notes")}
    return Entry(
        provider=table["provider"],
        ids=tuple(table["ids"]),
        values=msgspec.convert(values, dict[str, Value]),
        notes=tuple(table.get("notes", ())),
    )
