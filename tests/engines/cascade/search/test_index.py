"""Questions in plain words find passages; whatever is asked, nothing breaks."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.search import index as indexes
from antiphon.engines.cascade.search.documents import Passage
from antiphon.engines.cascade.search.index import Index, IndexUnavailable, expression


@pytest.fixture
def index() -> Iterator[Index]:
    index = Index()
    index.put("rules", [Passage("Rules", "The night porter is Tom."), Passage("Rules, Pool", "It opens at eight.")])
    index.put("town", [Passage("Town", "The café on the square opens at nine. Swimming is free.")])
    yield index
    index.close()


ASKED = [
    ("who is the night porter?", "The night porter is Tom."),
    ("Who are the night-porters", "The night porter is Tom."),
    ("when does the pool open", "It opens at eight."),
    ("cafe", "The café on the square opens at nine. Swimming is free."),
    ("where can I swim", "The café on the square opens at nine. Swimming is free."),
    ("TOM'S desk", "The night porter is Tom."),
]


@pytest.mark.parametrize(("question", "text"), ASKED)
def test_a_question_finds_its_passage_first(index: Index, question: str, text: str) -> None:
    assert index.find(question, 5)[0].text == text


@pytest.mark.parametrize("question", ["", "who is it?", "zebra", "???", "title", "uri:rules"])
def test_what_is_not_there_is_not_found(index: Index, question: str) -> None:
    found = index.find(question, 5)
    assert [one.text for one in found] == (
        ["The night porter is Tom.", "It opens at eight."] if ":" in question else []
    )


def test_no_more_than_asked_for(index: Index) -> None:
    assert len(index.find("opens", 5)) == 2
    assert len(index.find("opens", 1)) == 1


def test_a_document_is_replaced_and_forgotten(index: Index) -> None:
    assert len(index) == 3
    index.put("rules", [Passage("Rules", "The night porter is Ann.")])
    assert [one.text for one in index.find("porter pool", 5)] == ["The night porter is Ann."]
    index.remove("rules")
    index.remove("rules")
    assert index.find("porter", 5) == []
    index.put("town", [])
    assert len(index) == 0


def test_words_are_quoted_so_nothing_is_an_operator() -> None:
    assert (
        expression('porter" OR title:x* NEAR(a b) AND NOT -y') == '"porter" OR "title" OR "x" OR "near" OR "b" OR "y"'
    )
    assert expression("who's the porter's boss?") == '"porter" OR "boss"'
    assert expression("the the a") == ""


@given(st.text() | st.text("abc\"'*():^-+{}\0 OR ANDNEAR%,", max_size=40))
def test_any_question_is_answered(question: str) -> None:
    index = Index()
    index.put("a", [Passage("Near and or not", "a b c OR AND NEAR")])
    assert len(index.find(question, 3)) <= 1
    index.close()


@given(st.text(min_size=1))
def test_a_word_of_a_document_is_found(text: str) -> None:
    index = Index()
    index.put("a", [Passage("", text), Passage("", f"{text} zebra")])
    assert index.find(f"{text} zebra", 1)[0].text == f"{text} zebra"
    index.close()


def test_without_full_text_search_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexes, "_SCHEMA", indexes._SCHEMA.replace("fts5", "fts99"))
    with pytest.raises(IndexUnavailable, match="no such module: fts99"):
        Index()
