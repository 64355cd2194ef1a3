"""Events out of bytes in any pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.providers.sse import MAX_EVENT, Events, EventTooLarge

STREAM = (
    b'\xef\xbb\xbfdata: {"a":1}\n\n: comment\r\nevent: x\r\ndata:two\r\ndata: lines\r\n\r\n'
    b"id: 7\n\ndata: \xc3\xa9\r\rdata: last"
)
DATA = [b'{"a":1}', b"two\nlines", "é".encode(), b"last"]


def read(pieces: list[bytes]) -> list[bytes]:
    events = Events()
    found = [data for piece in pieces for data in events.feed(piece)]
    return found + list(events.flush())


def test_every_event_is_found_however_it_is_cut() -> None:
    assert read([STREAM]) == DATA
    assert read([bytes([byte]) for byte in STREAM]) == DATA


@given(st.sets(st.integers(0, len(STREAM))))
def test_pieces_do_not_matter(cuts: set[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    assert read([STREAM[start:end] for start, end in pairwise(at)]) == DATA


def test_an_event_comes_when_its_empty_line_does() -> None:
    events = Events()
    assert list(events.feed(b"data: x\n")) == []
    assert list(events.feed(b"\n")) == [b"x"]


def test_an_event_without_end_is_refused() -> None:
    events = Events()
    with pytest.raises(EventTooLarge):
        list(events.feed(b"data: " + b"x" * MAX_EVENT))


def test_neither_is_one_of_very_many_lines() -> None:
    events = Events()
    for _ in range(7):
        assert list(events.feed(b"data: " + b"x" * (1 << 20) + b"\n")) == []
    list(events.feed(b"data: " + b"x" * ((1 << 20) - 60) + b"\n"))
    with pytest.raises(EventTooLarge):
        list(events.feed(b"data: " + b"x" * 100 + b"\n"))
