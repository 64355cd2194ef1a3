import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.sphinx.phrases import (
    MAX_WORDS,
    SLOTS,
    cardinal,
    context_phrases,
    everyday,
    normalise,
    ordinal,
)
from antiphon.live.setup import Tool


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (42, "forty two"),
        (100, "one hundred"),
        (412, "four hundred twelve"),
        (1_000, "one thousand"),
        (20_017, "twenty thousand seventeen"),
        (3_000_100, "three million one hundred"),
    ],
)
def test_cardinals(number: int, words: str) -> None:
    assert cardinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"), [(1, "first"), (12, "twelfth"), (20, "twentieth"), (21, "twenty first"), (30, "thirtieth")]
)
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@given(st.integers(0, 999_999_999), st.integers(0, 999_999_999))
def test_no_two_numbers_have_one_name(one: int, other: int) -> None:
    assert (cardinal(one) == cardinal(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("set_light_level", ["set light level"]),
        ("getHTTPStatus", ["get http status"]),
        ("Hello, world!", ["hello", "world"]),
        ("at 7:30 and 9:05 or 8:00", ["at seven thirty and nine oh five or eight o'clock"]),
        ("1,500 people", ["one thousand five hundred people"]),
        ("3.5 miles.", ["three point five miles"]),
        ("the 21st", ["the twenty first"]),
        ("0th", ["first"]),
        ("code 007", ["code zero zero seven"]),
        ("call 5551234567", ["call five five five one two three four five six seven"]),
        ("100% of it", ["one hundred percent of it"]),
        ("it's 'quoted' o’clock", ["it's quoted o'clock"]),
        ("milk & eggs", ["milk and eggs"]),
        ("e.g. rock (or jazz)", ["e g", "rock", "or jazz"]),
        ("Привет", []),
        ("", []),
    ],
)
def test_normalise(text: str, clauses: list[str]) -> None:
    assert normalise(text) == clauses


@given(st.text())
def test_normalised_text_is_plain_words_and_stays_as_it_is(text: str) -> None:
    for clause in normalise(text):
        assert set(clause) <= set("abcdefghijklmnopqrstuvwxyz' ")
        assert normalise(clause) == [clause]


def test_everyday_phrases_have_no_open_slots() -> None:
    phrases = everyday()
    assert len(phrases) > 5_000
    assert all(set("".join(words)) <= set("abcdefghijklmnopqrstuvwxyz'-") for words, _ in phrases)
    assert all(weight > 0 for _, weight in phrases)


def test_slots_take_every_value() -> None:
    spoken = {" ".join(words) for words, _ in everyday()}
    assert {f"my name is {name}" for name in SLOTS["name"]} <= spoken


def test_equal_slots_move_apart() -> None:
    sums = [words for words, _ in everyday() if words[:2] == ("how", "much") and "plus" in words]
    sides = {(words[: words.index("plus")][-1], words[-1]) for words in sums}
    assert len({one for one, _ in sides}) > 10
    assert sum(one == other for one, other in sides) < len(sides) / 4


def test_a_phrase_heard_more_often_weighs_more() -> None:
    weights = dict(everyday())
    assert weights["yes",] > 5 * weights["absolutely",]


SCHEMA = {
    "type": "object",
    "properties": {
        "roomName": {"type": "string", "enum": ["living room", "attic"], "description": "Where the lamp hangs"},
        "levels": {"type": "array", "items": {"type": "integer", "description": "Percent, 0-100"}},
        "mode": {"anyOf": [{"type": "string", "enum": ["fade", None]}, {"type": "null"}]},
    },
}


def test_context_of_tools() -> None:
    phrases = context_phrases("", (Tool("set_light", "Sets a lamp.", SCHEMA),)).phrases
    expected = {"set light", "sets a lamp", "room name", "living room", "attic", "where the lamp hangs", "fade"}
    assert expected <= set(phrases)
    assert "percent" in phrases


def test_context_puts_the_script_first_and_repeats_nothing() -> None:
    phrases = context_phrases("Be kind. Be kind.", (Tool("be_kind"),), ["What now?", "be kind"]).phrases
    assert phrases == ("what now", "be kind")


def test_context_is_bounded() -> None:
    text = ". ".join(f"word number {n}" for n in range(5_000))
    phrases = context_phrases(text, ()).phrases
    assert sum(len(phrase.split()) for phrase in phrases) <= MAX_WORDS


def test_a_schema_that_contains_itself_ends() -> None:
    schema: dict[str, object] = {"description": "again"}
    schema["properties"] = {"self": schema}
    assert "again" in context_phrases("", (Tool("loop", "", schema),)).phrases


def test_odd_schemas_are_survived() -> None:
    schema = {"properties": ["no"], "enum": None, "items": True, "anyOf": [1], "description": 5}
    assert context_phrases("", (Tool("odd", "", schema),)).phrases == ("odd",)
