"""What people write of keys: read, refused by field, and written again."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from antiphon.calls import keyform
from antiphon.calls.keyform import KeyForm, KeyFormError
from antiphon.store.keys import KeyLimits, KeyTerms

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC).timestamp()
FORM = KeyForm(name="app", permissions=("live",))
SERVED = ("gemini-3.8-live", "my-model")


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(KeyFormError) as refused:
        keyform.read(replace(FORM, **fields), NOW, SERVED)
    return dict(refused.value.problems)


class TestReading:
    def test_nothing_is_no_limit_and_no_end(self) -> None:
        assert keyform.read(FORM, NOW) == KeyTerms(name="app")
        assert keyform.read(replace(FORM, day="none", concurrent="none", expires="never"), NOW) == KeyTerms(name="app")

    def test_everything(self) -> None:
        form = KeyForm(
            name="  phone\n app ",
            permissions=("metrics", "live"),
            models=("models/gemini-3.8-live", " my-model ", "my-model", ""),
            expires="2h",
            session="0.25",
            day="$5",
            month="100.000001",
            concurrent="3",
        )
        limits = KeyLimits(Decimal("0.25"), Decimal(5), Decimal("100.000001"), 3)
        assert keyform.read(form, NOW, SERVED) == KeyTerms(
            name="phone app",
            permissions=("live", "metrics"),
            models=("gemini-3.8-live", "my-model"),
            expires=NOW + 7200,
            limits=limits,
        )

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("90s", NOW + 90),
            ("30d", NOW + 30 * 86_400),
            ("2w", NOW + 14 * 86_400),
            ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC).timestamp()),
            ("2027-01-31T12:00+01:00", datetime(2027, 1, 31, 11, tzinfo=UTC).timestamp()),
        ],
    )
    def test_moments(self, text: str, expected: float) -> None:
        assert keyform.read(replace(FORM, expires=text), NOW).expires == expected

    def test_a_moment_that_passed_may_stay_but_not_be_new(self) -> None:
        passed = "2026-11-01T00:00"
        kept = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
        assert keyform.read(replace(FORM, expires=passed), NOW, kept=kept + 20).expires == kept + 20
        assert problems(expires=passed)["expires"].startswith("that has passed")

    @pytest.mark.parametrize(
        ("fields", "field", "told"),
        [
            ({"name": ""}, "name", "write what the key is for"),
            ({"name": "x" * 61}, "name", "at most 60"),
            ({"name": "a\x07"}, "name", "printable"),
            ({"permissions": ()}, "permissions", "at least one"),
            ({"permissions": ("live", "root")}, "permissions", "root is none; choose among live"),
            ({"models": ("gpt",)}, "models", "gpt is not served here; write some of gemini-3.8-live, my-model"),
            ({"expires": "soon"}, "expires", "write 30d"),
            ({"day": "0"}, "day", "more than 0"),
            ({"month": "NaN"}, "month", "more than 0"),
            ({"session": "1e9"}, "session", "at most 1000000"),
            ({"session": "0.0000001"}, "session", "write dollars"),
            ({"concurrent": "1.5"}, "concurrent", "whole number"),
            ({"concurrent": "-1"}, "concurrent", "whole number"),
            ({"concurrent": "²"}, "concurrent", "whole number"),
        ],
    )
    def test_what_is_wrong_is_named(self, fields: dict[str, Any], field: str, told: str) -> None:
        found = problems(**fields)
        assert set(found) == {field}
        assert told in found[field]

    def test_all_mistakes_are_told_at_once(self) -> None:
        assert set(problems(name="", day="x", expires="x")) == {"name", "day", "expires"}

    @given(st.builds(KeyForm, **{name: st.text(max_size=12) for name in ("name", "expires", "day", "concurrent")}))
    def test_whatever_is_written_it_is_read_or_refused(self, form: KeyForm) -> None:
        # Anything but that would be an error of ours.
        with suppress(KeyFormError):
            assert keyform.read(form, NOW).name


@given(
    day=st.none() | st.decimals("0.000001", 1_000_000, places=6),
    concurrent=st.none() | st.integers(1, 1000),
    expires=st.none() | st.integers(1, 10**8),
)
def test_what_is_written_again_is_the_same(day: Decimal | None, concurrent: int | None, expires: int | None) -> None:
    moment = None if expires is None else NOW + expires
    terms = KeyTerms(name="app", models=("m",), expires=moment, limits=KeyLimits(day=day, concurrent=concurrent))
    assert keyform.read(KeyForm.of(terms), NOW, kept=moment) == terms


class TestTelling:
    def test_only_what_is_set(self) -> None:
        terms = KeyTerms(name="app", expires=NOW, limits=KeyLimits(day=Decimal("20")))
        assert keyform.told(terms) == {
            "name": "app",
            "permissions": ("live",),
            "expires": "2026-11-24T12:00:00Z",
            "day": "20",
        }

    def test_what_changed(self) -> None:
        old = KeyTerms(name="app", limits=KeyLimits(day=Decimal(5), concurrent=2))
        new = KeyTerms(name="app", models=("m",), limits=KeyLimits(concurrent=3))
        assert keyform.differences(old, new) == {"models": [None, ("m",)], "day": ["5", None], "concurrent": [2, 3]}
        assert keyform.differences(old, old) == {}
