"""Refusals name a field, a reason and a remedy, and fit a close frame."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire.refusal import MAX_CLOSE_REASON, CloseCode, Refusal, close_reason


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal("setup.model", "is missing", "name a model"), "setup.model: is missing; name a model"),
        (Refusal("setup.model", "is missing"), "setup.model: is missing"),
        (Refusal("", "too many sessions", "try again"), "too many sessions; try again"),
        (Refusal("", "too many sessions"), "too many sessions"),
    ],
)
def test_text_has_the_field_first(refusal: Refusal, text: str) -> None:
    assert str(refusal) == text


def test_invalid_input_is_the_default_code() -> None:
    assert Refusal("field", "reason").code is CloseCode.INVALID
    assert int(CloseCode.INVALID) == 1007


@pytest.mark.parametrize(
    ("field", "parent", "path"),
    [("data", "audio", "audio.data"), ("", "audio", "audio"), ("data", "", "data"), ("", "", "")],
)
def test_under_puts_the_field_inside_its_parent(field: str, parent: str, path: str) -> None:
    inner = Refusal(field, "reason", "remedy", CloseCode.POLICY)
    outer = inner.under(parent)
    assert (outer.field, outer.reason, outer.remedy, outer.code) == (path, "reason", "remedy", CloseCode.POLICY)
    assert inner.field == field


def test_under_nests() -> None:
    assert Refusal("data", "reason").under("audio").under("realtimeInput").field == "realtimeInput.audio.data"


def test_survives_the_way_to_another_process() -> None:
    copy = pickle.loads(pickle.dumps(Refusal("a.b", "reason", "remedy", CloseCode.INTERNAL)))
    assert (str(copy), copy.code) == ("a.b: reason; remedy", CloseCode.INTERNAL)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ""),
        ("short", "short"),
        (" one\r\n  line\tonly ", "one line only"),
        ("a" * 123, "a" * 123),
        ("a" * 124, "a" * 120 + "…"),
        ("ä" * 62, "ä" * 60 + "…"),
        ("😀" * 31, "😀" * 30 + "…"),
        ("a" + "😀" * 31, "a" + "😀" * 29 + "…"),
        ("lone \ud800", "lone ?"),
    ],
)
def test_close_reason_is_cut_at_a_character(text: str, reason: str) -> None:
    assert close_reason(text) == reason


@given(text=st.text(st.characters(exclude_categories=[]), max_size=300))
def test_any_text_fits_a_close_frame(text: str) -> None:
    reason = close_reason(text)
    assert len(reason.encode()) <= MAX_CLOSE_REASON
    assert "\n" not in reason


@given(text=st.text(max_size=300))
def test_what_is_cut_is_a_beginning(text: str) -> None:
    line = " ".join(text.split())
    reason = close_reason(text)
    assert reason == line or line.startswith(reason.removesuffix("…"))
