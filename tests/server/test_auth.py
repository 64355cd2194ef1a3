"""Credentials in every place that clients put them."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.server.auth import Keys, credential
from antiphon.wire.refusal import Refusal


def scope(query: str = "", **headers: str) -> dict[str, Any]:
    """A connection; underscores in header names stand for dashes."""
    encoded = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"headers": encoded, "query_string": query.encode()}


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (scope(), ""),
        (scope("key=a"), "a"),
        (scope("access_token=b"), "b"),
        (scope(x_goog_api_key="c"), "c"),
        (scope(authorization="Bearer d"), "d"),
        (scope(authorization="Token auth_tokens/e"), "auth_tokens/e"),
        (scope(authorization="TOKEN  f "), "f"),
        (scope(authorization="Basic g"), ""),
        (scope(authorization="Bearer"), ""),
        (scope("key="), ""),
        (scope("key=a&key=b"), "a"),
        (scope("key=a%2Bb%2Fc"), "a+b/c"),
        (scope("key=a+b/c=="), "a+b/c=="),
        (scope("access_token=auth_tokens/x"), "auth_tokens/x"),
    ],
)
def test_what_a_request_shows(shown: dict[str, Any], expected: str) -> None:
    assert credential(shown) == expected


def test_the_order_is_that_of_the_reference() -> None:
    everything = {"authorization": "Bearer 1", "x_goog_api_key": "3"}
    assert credential(scope("access_token=2&key=4", **everything)) == "1"
    del everything["authorization"]
    assert credential(scope("access_token=2&key=4", **everything)) == "2"
    assert credential(scope("key=4", **everything)) == "3"
    assert credential(scope("key=4")) == "4"


class TestKeys:
    def test_without_keys_everybody_comes_in(self) -> None:
        Keys(()).check(scope())

    def test_any_of_the_keys_opens(self) -> None:
        for key in ("one", "two"):
            Keys(("one", "two")).check(scope(f"key={key}"))

    def test_no_key_says_how_to_send_one(self) -> None:
        with pytest.raises(Refusal, match="send x-goog-api-key or") as refused:
            Keys(("one",)).check(scope())
        assert refused.value.code == 1008

    @pytest.mark.parametrize("wrong", ["o", "ONE", "one ", "onetwo", "é", "\x00"])
    def test_a_wrong_key_is_the_clients_to_change(self, wrong: str) -> None:
        with pytest.raises(Refusal, match="API key not valid") as refused:
            Keys(("one", "two")).check(scope(f"key={quote(wrong)}"))
        assert refused.value.code == 1007
        assert wrong not in ("é",) or "é" not in str(refused.value)

    @given(st.text(st.characters(codec="ascii", exclude_categories=["C"], exclude_characters=" "), min_size=1))
    def test_a_key_opens_from_everywhere(self, key: str) -> None:
        keys = Keys((key,))
        keys.check(scope(f"key={quote(key, safe='')}"))
        keys.check(scope(x_goog_api_key=key))
        keys.check(scope(authorization=f"Bearer {key}"))

    @given(st.binary(max_size=40), st.binary(max_size=40))
    def test_whatever_bytes_are_shown_the_answer_is_a_refusal(self, query: bytes, header: bytes) -> None:
        shown = {"query_string": b"key=" + query, "headers": [(b"authorization", b"Bearer " + header)]}
        with pytest.raises(Refusal):
            Keys(("a-key-that-is-longer-than-all-of-those-bytes-put-together",)).check(shown)
