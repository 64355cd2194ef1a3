"""One answer: what it used, and what of it the history keeps."""

from antiphon.live.events import OutputTranscript
from antiphon.live.generation import CANCELLED, Generation
from antiphon.live.history import FunctionCall, FunctionResult, Turn, Words, model
from antiphon.live.tokens import Tokens

SECOND = bytes(48_000)
CALL = FunctionCall("a", "f", {"x": 1})


def spoken(*words: str) -> Generation:
    generation = Generation(1, Tokens(text=10))
    for second, word in enumerate(words):
        generation.speech(SECOND, 0.0)
        generation.spoke(OutputTranscript(1, word, float(second)))
    return generation


def test_usage_is_what_was_read_and_what_was_made() -> None:
    generation = spoken("One", " two")
    generation.wrote("12345")
    assert generation.usage.prompt == Tokens(text=10)
    assert generation.usage.response == Tokens(text=2, audio=50)


def test_everything_is_kept_when_everything_was_heard() -> None:
    assert list(spoken("One", " two").turns(2.0)) == [(model("One two"), Tokens(audio=50))]


def test_words_that_had_not_begun_are_forgotten() -> None:
    assert list(spoken("One", " two", " three").turns(1.2)) == [(model("One two"), Tokens(audio=30))]


def test_nothing_heard_is_no_turn() -> None:
    assert list(spoken("One").turns(0.0)) == []
    assert list(Generation(1, Tokens()).turns(5.0)) == []


def test_calls_and_results_keep_their_place() -> None:
    generation = spoken("Wait.")
    generation.called((CALL,))
    assert generation.unanswered == ["a"]
    generation.answer(FunctionResult("a", "f", {"output": 2}))
    assert generation.resume() == (FunctionResult("a", "f", {"output": 2}),)
    generation.speech(SECOND, 1.0)
    generation.spoke(OutputTranscript(1, "Done.", 1.0))
    turns = [turn for turn, _ in generation.turns(2.0)]
    assert turns == [
        Turn("model", (Words("Wait."), CALL)),
        Turn("user", (FunctionResult("a", "f", {"output": 2}),)),
        model("Done."),
    ]


def test_a_call_without_result_was_cancelled() -> None:
    generation = spoken()
    generation.called((CALL,))
    assert [turn.parts for turn, _ in generation.turns(0.0)] == [(CALL,), (FunctionResult("a", "f", CANCELLED),)]


def test_results_are_read_by_the_model() -> None:
    generation = spoken()
    generation.called((CALL,))
    generation.answer(FunctionResult("a", "f", {"output": "x" * 400}))
    generation.resume()
    assert generation.usage.prompt.text == 10
    assert generation.usage.tool_prompt.text > 100


def test_thoughts_and_searches_are_counted_apart() -> None:
    generation = spoken()
    generation.thought("x" * 41)
    generation.searched(2)
    assert (generation.usage.thoughts, generation.usage.searches) == (11, 2)
    assert generation.usage.response.text == 0
