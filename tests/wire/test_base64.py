"""Base64 in every form that real clients send."""

import base64 as stdlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.wire import base64
from antiphon.wire.refusal import CloseCode, Refusal

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", b""),
        ("+/v7", b"\xfb\xfb\xfb"),
        ("-_v7", b"\xfb\xfb\xfb"),
        ("__77", b"\xff\xfe\xfb"),
        ("__77_w==", b"\xff\xfe\xfb\xff"),
        ("__77_w", b"\xff\xfe\xfb\xff"),
        ("//77/w", b"\xff\xfe\xfb\xff"),
        ("-_+/", b"\xfb\xff\xbf"),
        ("AA=", b"\x00"),
        ("AAA", b"\x00\x00"),
    ],
)
def test_reads_both_alphabets_with_and_without_padding(text: str, data: bytes) -> None:
    assert base64.decode(text) == data


@pytest.mark.parametrize(
    "text",
    ["A", "====", "AAAA====", "AB==CD==", "AA\nAA", " AAAA", "AAAA!", "é", "\ud800", "data:;base64,AAAA", "A" * 9],
)
def test_refuses_what_is_not_base64(text: str) -> None:
    with pytest.raises(Refusal, match="is not base64; send standard or URL-safe base64") as caught:
        base64.decode(text)
    assert caught.value.code is CloseCode.INVALID


def _spelling(text: str, safe: list[bool]) -> str:
    swap = {"+": "-", "/": "_"}
    return "".join(swap.get(letter, letter) if safe[n % len(safe)] else letter for n, letter in enumerate(text))


@given(data=st.binary(max_size=200), safe=st.lists(st.booleans(), min_size=1, max_size=7), padded=st.booleans())
def test_gives_back_all_bytes_however_they_are_spelled(data: bytes, safe: list[bool], padded: bool) -> None:
    text = _spelling(stdlib.b64encode(data).decode(), safe)
    assert base64.decode(text if padded else text.rstrip("=")) == data


@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        data = base64.decode(text)
    except Refusal:
        return
    canonical = stdlib.urlsafe_b64encode(data).decode().rstrip("=")
    assert len(canonical) == len(text.rstrip("="))
