"""The sourced overlay: every value has a source and a day, and contradicts the price list nowhere."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from antiphon.live.profiles import PROFILES
from antiphon.live.tokens import AUDIO_TOKENS_PER_SECOND, PICTURE_TOKENS
from antiphon.meter import listed
from antiphon.meter.overlay import Entry, Value, overlay

ENTRIES = [pytest.param(entry, id=entry.ids[0]) for entry in overlay().entries]
LATER = datetime(2026, 11, 24, tzinfo=UTC)


def values() -> list[Value]:
    tables = (overlay().units, overlay().media, *(entry.values for entry in overlay().entries))
    return [value for table in tables for value in table.values()]


def test_every_value_has_a_source_and_a_day() -> None:
    for value in values():
        assert value.source in overlay().sources
        assert re.fullmatch(r"2026-\d\d-\d\d", value.checked)
    assert {value.source for value in values()} | {"google-live"} == set(overlay().sources)


@pytest.mark.parametrize("entry", ENTRIES)
def test_prices_are_no_floats(entry: Entry) -> None:
    assert all(type(value.value) is Decimal for value in entry.values.values())
    assert entry.rates.known == {name: value.value for name, value in entry.values.items()}


@pytest.mark.parametrize("entry", ENTRIES)
def test_it_says_the_same_as_the_list_where_both_say_something(entry: Entry) -> None:
    for model in entry.ids:
        listing = listed.find(entry.provider, model, LATER)
        both = entry.rates.known.keys() & listing.rates.known.keys() if listing else set()
        for name in both:
            assert getattr(entry.rates, name) == getattr(listing.rates, name), (model, name)  # type: ignore[union-attr]


def test_every_model_that_is_served_has_a_price() -> None:
    for model in PROFILES:
        entry = overlay().find("google", model)
        assert entry is not None, model
        assert {"text_in", "audio_in", "image_in", "video_in", "text_out", "audio_out"} <= entry.values.keys()


def test_the_rates_are_those_that_sessions_are_counted_with() -> None:
    media = overlay().media
    assert media["audio_tokens_per_second"].value == AUDIO_TOKENS_PER_SECOND
    assert media["video_tokens_per_frame"].value == PICTURE_TOKENS[""]
