"""The scripted brain: which rule answers, and what it does."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.script import ScriptBrain
from antiphon.engines.cascade.brain.script_file import parse
from antiphon.engines.cascade.parts import Call, Fail, Prompt, Say, Thought
from antiphon.live.history import FunctionCall, FunctionResult, History, Turn, model, user

EXAMPLE = Path(__file__).parents[4] / "docs/examples/script.yaml"


class Slept(list[float]):
    """A sleep that only notes how long it was to be."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def brain(text: str, sleep: Slept | None = None) -> ScriptBrain:
    return ScriptBrain(parse(text), sleep=Slept() if sleep is None else sleep)


async def reply(one: ScriptBrain, *history: Turn | str) -> list[Thought]:
    turns: History = tuple(user(turn) if isinstance(turn, str) else turn for turn in history)
    return [thought async for thought in one.reply(Prompt(turns))]


def called(name: str, response: dict[str, Any], args: dict[str, Any] | None = None) -> tuple[Turn, Turn]:
    call = FunctionCall("call-1", name, args or {})
    return Turn("model", (call,)), Turn("user", (FunctionResult("call-1", name, response),))


MATCHES = [
    # when, similar, said, captures
    ("hello there", 1.0, "Hello, there!", ""),
    ("hello there", 1.0, "hello their", None),
    ("hello there", 0.8, "hello their", ""),
    ("hello there", 0.8, "goodbye", None),
    ("What's your name?", 1.0, "what is your name", ""),
    ("room 42", 1.0, "room forty two", ""),
    ("the weather in *", 1.0, "The weather in New York?", "New York"),
    ("the weather in *", 1.0, "the weather", None),
    ("the weather in *", 0.8, "the whether in new york", "new york"),
    ("* please", 1.0, "two beers please", "2 beers"),
    ("from * to *", 1.0, "from Paris to Rome", "Paris|Rome"),
    ("from * to *", 1.0, "from Paris", None),
    ("from * to *", 1.0, "from a to b to c", "a|b to c"),
    ("book for * people at *", 0.8, "Book for two people at eight", "2|8"),
    ("*", 1.0, "anything at all", "anything at all"),
    ("*", 1.0, "", ""),
    ("* and *", 1.0, "and", "|"),
    (r"regex: order (\d+)(x)?", 1.0, "My ORDER 427, please", "427|"),
    (r"regex:^yes$", 1.0, "yes sir", None),
]  # fmt: skip


@pytest.mark.parametrize(("when", "similar", "said", "captures"), MATCHES)
async def test_matching(when: str, similar: float, said: str, captures: str | None) -> None:
    fields = "|".join(f"{{{at}}}" for at in range((captures or "").count("|") + 1)) if captures else "fits"
    rule = msgspec.json.encode({"when": when, "similar": similar, "say": fields}).decode()
    one = brain(f"rules: [{rule}]\notherwise: {{say: 'no'}}")
    assert await reply(one, said) == [Say("no" if captures is None else captures or "fits")]


async def test_the_first_rule_that_fits_answers() -> None:
    one = brain("rules: [{when: ['a', 'b'], say: first}, {when: '*', say: second}]")
    assert [await reply(one, said) for said in ("a", "b", "c")] == [[Say("first")], [Say("first")], [Say("second")]]


async def test_turns_are_counted_by_the_user() -> None:
    one = brain("rules: [{turn: 2, say: two}, {turn: 3, when: 'x', say: three}]\notherwise: {say: other}")
    assert await reply(one, "x") == [Say("other")]
    assert await reply(one, "x", model("other"), "y") == [Say("two")]
    assert await reply(one, "x", "y", model("two"), "x") == [Say("three")]
    assert await reply(one, "x", "y", model("two"), "y") == [Say("other")]


async def test_times_limits_a_rule_in_a_session() -> None:
    one = brain("rules: [{when: hi, times: 1, say: first}, {when: hi, times: 1, say: second}]\notherwise: {say: end}")
    assert await reply(one, "hi") == [Say("first")]
    assert await reply(one, "hi", model("first"), "hi") == [Say("second")]
    assert await reply(one, "hi", model("first"), "hi", model("second"), "hi") == [Say("end")]
    assert await reply(one, "hi") == [Say("first")]


async def test_a_call_and_what_is_said_after_it() -> None:
    one = ScriptBrain.from_file(EXAMPLE)
    said = user("What's the weather in Paris?")
    assert await reply(one, said) == [Call((FunctionCall("call-1", "get_weather", {"location": "Paris"}),))]
    answered = await reply(one, said, *called("get_weather", {"temperature": 21.5}))
    assert answered == [Say("It is 21.5 degrees in Paris.")]


RESULTS = [
    ("{result.a}", {"a": 1}, "1"),
    ("{result.a.b}", {"a": {"b": "x"}}, "x"),
    ("{result.a.1}", {"a": ["x", "y"]}, "y"),
    ("{result.a}", {"output": {"a": "inner"}}, "inner"),
    ("{result}", {"result": "whole"}, "whole"),
    ("{result0.a} {0}", {"a": True}, "yes told"),
    ("{result.none}", {"a": 1}, "{result.none}"),
    ("{result1.a}", {"a": 1}, "{result1.a}"),
    ("{7} {x}", {}, "{7} {x}"),
]


@pytest.mark.parametrize(("after", "response", "said"), RESULTS)
async def test_fields_of_results(after: str, response: dict[str, Any], said: str) -> None:
    one = brain(f"rules: [{{when: 'be *', call: {{name: f}}, after: '{after}'}}]")
    assert await reply(one, "be told", *called("f", response)) == [Say(said)]


async def test_steps_go_on_after_each_call() -> None:
    one = brain(
        "rules: [{when: go, steps: [{say: 'a '}, {call: {name: f, args: {n: 1, deep: [{x: '{0}'}]}}, after: b},"
        " {call: {name: g, args: {from: '{result.a}'}}}, {say: c}]}]"
    )
    first = await reply(one, "go")
    assert first == [Say("a "), Call((FunctionCall("call-1", "f", {"n": 1, "deep": [{"x": "{0}"}]}),))]
    call, result = called("f", {"a": "A"})
    assert await reply(one, "go", call, result) == [Say("b"), Call((FunctionCall("call-2", "g", {"from": "A"}),))]
    assert await reply(one, "go", call, result, *called("g", {})) == [Say("c")]


async def test_failing_ends_the_reply() -> None:
    one = brain("rules: [{when: '*', steps: [{say: a}, {fail: {code: 4001, reason: 'no {0}'}}, {say: b}]}]")
    assert await reply(one, "x") == [Say("a"), Fail(4001, "no x")]


async def test_silence_is_no_thought() -> None:
    assert await reply(brain("rules: [{when: a, silent: true}]\notherwise: {silent: true}"), "a") == []
    assert await reply(brain("rules: [{when: a, say: x}]\notherwise: {silent: true}"), "b") == []


async def test_delays_go_through_the_given_sleep() -> None:
    slept = Slept()
    one = brain("rules: [{when: a, steps: [{delay: 2}, {delay: 0.5, say: x}, {say: y}]}]", slept)
    assert await reply(one, "a") == [Say("x"), Say("y")]
    assert slept == [2, 0.5]


async def test_what_the_script_does_not_know_the_built_in_brain_answers() -> None:
    one = brain("rules: [{when: magic, builtin: true}, {when: hello, say: hi}]")
    assert await reply(one, "what is 2 plus 2") == [Say("2 plus 2 is 4.")]
    assert await reply(one, "hello") == [Say("hi")]
    (thought,) = await reply(one, "magic")
    assert isinstance(thought, Say)
    assert thought.text.startswith('I heard: "magic"')


async def test_otherwise_may_fail() -> None:
    one = brain("rules: [{when: a, say: x}]\notherwise: {fail: {code: 1008, reason: full}}")
    assert await reply(one, "b") == [Fail(1008, "full")]


async def test_functions_the_built_in_brain_called_are_its_own_to_speak_about() -> None:
    one = brain("rules: [{when: a, say: x}]")
    assert await reply(one, "turn it on", *called("turn_on", {"result": "ok"})) == [Say("Done.")]


def test_phrases_help_the_recogniser() -> None:
    one = brain("rules: [{when: ['The weather in *', 'regex:x+', '*'], say: x}, {when: 'Order 42!', say: y}]\n"
                "otherwise: {silent: true}")  # fmt: skip
    assert list(one.phrases()) == ["the weather in", "order 42"]
    assert "what is your name" in brain("rules: [{when: a, say: x}]").phrases()


words = st.text("ab *", max_size=12)


@settings(deadline=None)
@given(words.filter(lambda text: text.strip()), words, st.sampled_from([1.0, 0.7]))
async def test_any_phrase_against_any_utterance(when: str, said: str, similar: float) -> None:
    one = brain(f"rules: [{{when: '{when}', similar: {similar}, say: fits}}]\notherwise: {{say: 'no'}}")
    answer = await reply(one, said)
    assert answer in ([Say("fits")], [Say("no")])
    if said.split() == when.split() and "*" not in when:
        assert answer == [Say("fits")]
