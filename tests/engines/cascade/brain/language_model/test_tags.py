"""Thoughts and calls between tags, taken out of a stream."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.language_model.tags import Tags

TEXT = 'Well <b>, 1 < 2. <think>Hm, <tool_call> is a tag.</think>Yes.<tool_call>\n{"name": "f"}\n</tool_call> Done <'


def read(pieces: list[str]) -> dict[str, list[str]]:
    tags = Tags()
    found = [one for piece in pieces for one in tags.feed(piece)]
    by_kind: dict[str, list[str]] = {"text": [], "thought": [], "call": []}
    for kind, text in [*found, *tags.flush()]:
        by_kind[kind].append(text)
    return by_kind


@given(st.sets(st.integers(0, len(TEXT))))
def test_pieces_do_not_matter(cuts: set[int]) -> None:
    at = [0, *sorted(cuts), len(TEXT)]
    found = read([TEXT[start:end] for start, end in pairwise(at)])
    assert "".join(found["text"]) == "Well <b>, 1 < 2. Yes. Done <"
    assert "".join(found["thought"]) == "Hm, <tool_call> is a tag."
    assert found["call"] == ['\n{"name": "f"}\n']


def test_words_pass_at_once() -> None:
    tags = Tags()
    assert list(tags.feed("Hello")) == [("text", "Hello")]
    assert list(tags.feed(" a<")) == [("text", " a")]
    assert list(tags.feed("b")) == [("text", "<b")]


@pytest.mark.parametrize(
    ("text", "kind", "inner"),
    [("<think>never ends", "thought", "never ends"), ('<tool_call>{"name": "f"}', "call", '{"name": "f"}')],
)
def test_what_is_never_closed_keeps_its_kind(text: str, kind: str, inner: str) -> None:
    found = read(list(text))
    assert "".join(found[kind]) == inner
    assert not found["text"]
