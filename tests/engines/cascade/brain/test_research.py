"""Answers out of a search: what is searched for, what is quoted, and where the quote stands."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.brain.research import Quote, best_quote, first_quote, grounded, in_words
from antiphon.engines.cascade.parts import Call, Found, Ground, Prompt, Say, Thought
from antiphon.live.grounding import GroundedSearch, Source, Support
from antiphon.live.history import History, Picture, Turn, Words, model, user

BRAIN = BuiltinBrain(lambda: datetime(2030, 5, 1, 17, 5))
POOL = Found("document:///pool.md", "Pool", "It opens at 8. Towels are at the desk.")
QUOTE = "The night porter is Tom Bäker. He is in at 10."
PORTER = Found("document:///rules.md", "House rules", f"Pets are welcome. {QUOTE}")


async def reply(search: Any, *history: Turn, **prompt: Any) -> list[Thought]:
    return [thought async for thought in BRAIN.reply(Prompt(history, search=search, **prompt))]


def supported(text: str, ground: Ground) -> list[str]:
    """The stretches of an answer that are said to rest on something."""
    return [text.encode()[one.start : one.end].decode() for one in ground.grounding.supports]


async def test_an_answer_quotes_and_says_what_it_rests_on(search: Any) -> None:
    search.passages = {"porter": [PORTER, POOL, PORTER]}
    say, ground = await reply(search, user("Who is the night porter?"))
    assert say == Say(f"According to House rules: {QUOTE}")
    assert ground == Ground(
        GroundedSearch(
            ("Who is the night porter",),
            (Source("document:///rules.md", "House rules"), Source("document:///pool.md", "Pool")),
            (Support(QUOTE, 26, 26 + len(QUOTE.encode()), (0,)),),
        )
    )


@pytest.mark.parametrize(
    "said",
    ["what is 2 plus 2", "hello", "my name is Alice", "what is your name", "I had a lovely day", "stop", "who is it"],
)
async def test_what_it_knows_or_is_no_question_is_not_searched_for(search: Any, said: str) -> None:
    (thought,) = await reply(search, user(said), system_instruction="You are Ada.")
    assert isinstance(thought, Say)
    assert search.asked == []


async def test_functions_come_first(search: Any, function: Any) -> None:
    (thought,) = await reply(search, user("what is the weather"), tools=(function("get_weather"),))
    assert isinstance(thought, Call)
    assert search.asked == []


async def test_without_a_search_nothing_is_searched() -> None:
    (thought,) = await reply(None, user("Who is the night porter?"))
    assert isinstance(thought, Say)
    assert thought.text.startswith("I heard:")


async def test_nothing_found_is_said_and_counted(search: Any) -> None:
    search.passages = {"porter": [POOL]}
    for question in ("why is the sky blue", "Who is the night porter"):
        say, ground = await reply(search, user(question))
        assert say == Say("I searched, and found nothing about that.")
        assert ground == Ground(GroundedSearch((question,)))


async def test_a_failure_is_said_and_not_counted(search: Any) -> None:
    search.failure = "the search service cannot be reached"
    assert await reply(search, user("why is the sky blue")) == [
        Say("I could not search: The search service cannot be reached.")
    ]


async def test_a_question_that_points_back_is_searched_for_with_what_it_points_to(search: Any) -> None:
    search.passages = {"porter": [PORTER]}
    history = (user("Who is the night porter?"), model("Tom."), user("when is he in"))
    say, ground = await reply(search, *history)
    assert isinstance(say, Say)
    assert QUOTE in say.text
    assert isinstance(ground, Ground)
    assert ground.grounding.queries == ("night porter when is he in",)


async def test_no_more_than_two_queries_are_made(search: Any) -> None:
    await reply(search, user("Who is the night porter?"), model("Tom."), user("does he like tea"))
    assert search.asked == ["night porter does he like tea", "does he like tea"]


async def test_the_question_of_several_sentences_is_searched_for(search: Any) -> None:
    search.passages = {"porter": [PORTER]}
    say, _ = await reply(search, user("My name is Alice. Who is the night porter?"))
    assert isinstance(say, Say)
    assert QUOTE in say.text
    assert search.asked == ["Who is the night porter"]


async def test_offsets_count_what_is_said_before(search: Any) -> None:
    """Pictures are remarked on first."""
    search.passages = {"porter": [PORTER]}
    turn = Turn("user", (Picture("image/png", b"x"), Words("Who is the night porter?")))
    thoughts = await reply(search, turn)
    text = "".join(thought.text for thought in thoughts if isinstance(thought, Say))
    assert isinstance(thoughts[-1], Ground)
    assert supported(text, thoughts[-1]) == [QUOTE]


def quote(question: str, *found: Found) -> str:
    best = best_quote(question, tuple(question.split()), found)
    return best.text if best else ""


def passage(text: str, title: str = "") -> Found:
    return Found("document:///x", title, text)


QUOTES = [
    ("who runs the night desk", "The night desk is open. Tom runs the night desk.", "Tom runs the night desk."),
    ("when does breakfast start", "Breakfast will start. Breakfast starts at 7.", "Breakfast starts at 7."),
    ("breakfast on sundays", "Breakfast is at 7. On Sundays at 9. Bye.", "Breakfast is at 7. On Sundays at 9."),
    ("which fish swims", "A horse runs.", ""),
    ("who is it", "It is Tom.", ""),
]


@pytest.mark.parametrize(("question", "text", "quoted"), QUOTES)
def test_the_sentence_that_says_most_is_quoted(question: str, text: str, quoted: str) -> None:
    assert quote(question, passage(text)) == quoted


def test_a_title_names_topics_too() -> None:
    assert quote("when does the pool open", POOL) == "It opens at 8."
    assert quote("tell me about the pool", POOL) == "It opens at 8. Towels are at the desk."[: len("It opens at 8.")]


def test_of_equal_passages_the_first_is_quoted() -> None:
    found = (passage("The pool is warm."), passage("The pool is cold."))
    assert quote("how is the pool", *found) == "The pool is warm."


def test_what_was_asked_must_be_named_whatever_it_points_to() -> None:
    assert best_quote("night porter is it raining", ("is", "it", "raining"), [PORTER]) is None


def test_long_texts_and_titles_are_cut() -> None:
    found = passage("The pool " + "is very " * 200 + "warm.", "title " * 40)
    best = best_quote("pool", ("pool",), [found])
    assert best is not None
    assert best.text in found.text
    assert len(in_words(best)) < 620


def test_the_first_passage_serves_where_none_answers() -> None:
    assert first_quote("zebra", []) is None
    assert first_quote("zebra", [POOL]) == Quote(POOL, POOL.text)
    assert first_quote("towels", [POOL]) == Quote(POOL, "Towels are at the desk.")


texts = st.text("Pool opéns at 8 猫. He?!;\n", min_size=1, max_size=60)


@given(st.lists(st.builds(Found, st.sampled_from("abc"), texts, texts), min_size=1, max_size=4), texts)
def test_any_support_is_where_it_says(found: list[Found], query: str) -> None:
    best = first_quote(query, found)
    assert best is not None
    say, ground = grounded(in_words(best), best, [query], found)
    (support,) = ground.grounding.supports
    assert supported(say.text, ground) == [support.text]
    assert support.text in best.passage.text
    assert {one.uri for one in ground.grounding.sources} == {one.uri for one in found}
    assert ground.grounding.sources[support.sources[0]].uri == best.passage.uri


async def test_a_reply_is_the_same_every_time(search: Any) -> None:
    search.passages = {"porter": [PORTER]}
    history: History = (user("Who is the night porter?"),)
    assert await reply(search, *history) == await reply(search, *history)
