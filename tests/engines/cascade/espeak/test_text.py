import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.espeak.text import PIECE, pauses, pieces, speakable, word_end


@given(st.text())
def test_what_is_spoken_is_as_long_as_the_text(text: str) -> None:
    assert len(speakable(text)) == len(text)


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_spoken_can_be_encoded_and_holds_no_nul(text: str) -> None:
    assert b"\0" not in speakable(text).encode()


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("Hello, world!", "Hello, world!"),
        ("a\0b\ud800c", "a b c"),
        ("Great 😀👍🏽!", "Great    !"),
        ("I ❤\ufe0f it", "I    it"),
        ("**bold** and *soft*", "  bold   and  soft "),
        ("_so_ `code` ~~gone~~", " so   code    gone  "),
        ("# Title\n## Next", "  Title\n   Next"),
        ("- one\n* two\n> three", "  one\n  two\n  three"),
        ("2*3 and 2 * 3", "2*3 and 2 * 3"),
        ("snake_case, C#, #1, -5, <b>", "snake_case, C#, #1, -5, <b>"),
        ("\n\n# Title", "\n\n  Title"),
    ],
)
def test_marks_that_nobody_pronounces_become_spaces(text: str, spoken: str) -> None:
    assert speakable(text) == spoken


@given(st.text(), st.integers(1, 40))
def test_pieces_join_to_the_text_and_keep_the_limit(text: str, limit: int) -> None:
    parts = list(pieces(text, limit))
    assert "".join(parts) == text
    assert all(0 < len(part) <= limit for part in parts)


@given(st.text(max_size=PIECE, min_size=1))
def test_a_text_within_the_limit_stays_whole(text: str) -> None:
    assert list(pieces(text)) == [text]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("One two. Three four, five six", "One two. "),
        ("One two, three four five six", "One two, "),
        ("One two three four five six", "One two three four "),
        ("Onetwothreefourfivesixseven", "Onetwothreefourfivesi"),
        ("“One two.” Three four, five", "“One two.” "),
        ("天气很好。我们去公园吧，带上孩子们一起去吧好不好", "天气很好。"),
        ("One\ntwo three four five six", "One\n"),
    ],
)
def test_a_cut_is_made_at_the_strongest_boundary_there_is(text: str, first: str) -> None:
    assert next(pieces(text, 21)) == first


@pytest.mark.parametrize("text", ["Yes.", "Yes, ", "Really?", "“Yes.”", "好。", "one\n", "one\n  ", "Well…"])
def test_a_pause_follows_sentences_clauses_and_lines(text: str) -> None:
    assert pauses(text)


@pytest.mark.parametrize("text", ["", "Yes", "Yes ", "3.5", "a, b", "(so)"])
def test_no_pause_follows_a_text_that_goes_on(text: str) -> None:
    assert not pauses(text)


@pytest.mark.parametrize(
    ("text", "position", "length", "word"),
    [
        ("Hello, world", 0, 5, "Hello, "),
        ("Hello, world", 7, 5, "world"),
        ("it’s me", 0, 2, "it’s "),
        ("well-known fact", 0, 4, "well-known "),
        ("he said “so”", 3, 4, "said "),
        ("$3.50 each", 0, 1, "$3.50 "),
        ("你好，世界", 0, 1, "你"),
        ("你好，世界", 1, 1, "好，"),
        ("short", 3, 99, "rt"),
    ],
)
def test_a_word_ends_after_its_punctuation_and_space(text: str, position: int, length: int, word: str) -> None:
    assert text[position : word_end(text, position, length)] == word


@given(st.text(min_size=1), st.data())
def test_a_word_never_ends_before_itself_or_after_the_text(text: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, len(text)))
    assert min(position + length, len(text)) <= word_end(text, position, length) <= len(text)
