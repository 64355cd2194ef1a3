"""The scripted brain: which rule answers, and what it does."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.engines.cascade.brain.script import ScriptBrain
from antiphon.engines.cascade.brain.script_file import parse
from antiphon.engines.cascade.parts import Call, Fail, Found, Ground, Prompt, Say, Think, Thought
from antiphon.live.grounding import GroundedSearch
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, History, Turn, model, user

EXAMPLE = Path(__file__).parents[4] / "docs/examples/script.yaml"


class Slept(list[float]):
    """A sleep that only notes how long it was to be."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


def brain(text: str, sleep: Slept | None = None) -> ScriptBrain:
    return ScriptBrain(parse(text), sleep=Slept() if sleep is None else sleep)


async def reply(one: ScriptBrain, *history: Turn | str, **prompt: Any) -> list[Thought]:
    turns: History = tuple(user(turn) if isinstance(turn, str) else turn for turn in history)
    return [thought async for thought in one.reply(Prompt(turns, **prompt))]


def called(name: str, response: dict[str, Any], call_id: str = "call-1") -> tuple[Turn, Turn]:
    return Turn("model", (FunctionCall(call_id, name, {}),)), results(**{call_id: response})


def results(**responses: dict[str, Any]) -> Turn:
    """The answers to calls, by their ids; ``call_1`` is "call-1"."""
    return Turn("user", tuple(FunctionResult(key.replace("_", "-"), "f", one) for key, one in responses.items()))


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
    assert await reply(one, "go", call, result, *called("g", {}, "call-2")) == [Say("c")]


class TestSeveralCalls:
    """In one step together, in several steps one after the other."""

    BOTH = "rules: [{when: go, call: [{name: f}, {name: g, args: {x: 1}}], after: '{result.a} {result1.b}.'}]"

    async def test_together(self) -> None:
        (call,) = await reply(brain(self.BOTH), "go")
        assert call == Call((FunctionCall("call-1", "f", {}), FunctionCall("call-2", "g", {"x": 1})))
        answers = results(call_2={"b": "two"}, call_1={"a": "one"})
        assert await reply(brain(self.BOTH), "go", Turn("model", call.calls), answers) == [Say("one two.")]

    async def test_numbers_go_on_where_old_turns_are_gone(self) -> None:
        earlier = called("x", {}, "call-7")
        (call,) = await reply(brain(self.BOTH), *earlier, "go")
        assert isinstance(call, Call)
        assert [one.id for one in call.calls] == ["call-8", "call-9"]

    async def test_an_error_is_told_and_ends_the_rule(self) -> None:
        one = brain("rules: [{when: go, steps: [{call: {name: f}, after: 'It is {result.a}.'}, {call: {name: g}}]}]")
        failed = called("f", {"error": "took longer than {0} seconds"})
        assert await reply(one, "go", *failed) == [Say("That did not work: Took longer than {0} seconds.")]

    async def test_an_error_that_is_foreseen_is_the_scripts_own(self) -> None:
        one = brain("rules: [{when: go, call: {name: f}, after: 'Sorry: {result.error}!'}]")
        assert await reply(one, "go", *called("f", {"error": "no"})) == [Say("Sorry: no!")]


class TestCallsThatAreNotWaitedFor:
    GO = "rules: [{when: go, steps: [{call: {name: get_tea, args: {}}, after: 'Here: {result.a}.'}, {say: ' Bye.'}]}]\n"
    RUNS = results(call_1=RUNNING)

    def begun(self, *names: str) -> Turn:
        return Turn("model", tuple(FunctionCall(f"call-{at}", name, {}) for at, name in enumerate(names, 1)))

    async def test_something_is_said_meanwhile(self) -> None:
        begun = Turn("model", (FunctionCall("call-1", "get_tea", {}),))
        tea = Turn("user", (FunctionResult("call-1", "get_tea", RUNNING),))
        assert await reply(brain(self.GO), "go", begun, tea) == [Say("One moment, I am checking the tea.")]
        own = brain(self.GO.replace("after:", "meanwhile: 'Wait.', after:"))
        assert await reply(own, "go", begun, tea) == [Say("Wait.")]

    async def test_the_rule_goes_on_when_the_result_comes(self) -> None:
        history = ("go", self.begun("f"), self.RUNS, model("Wait."))
        done = results(call_1={"a": "tea"})
        assert await reply(brain(self.GO), *history, done) == [Say("Here: tea."), Say(" Bye.")]

    async def test_whatever_else_was_said(self) -> None:
        one = brain(self.GO + "otherwise: {say: 'Hm.'}")
        talk = ("go", self.begun("f"), self.RUNS, model("Wait."), "what?")
        assert await reply(one, *talk) == [Say("Hm.")]
        done = results(call_1={"a": "tea"})
        assert await reply(one, *talk, model("Hm."), done) == [Say("Here: tea."), Say(" Bye.")]

    async def test_each_result_finds_its_own_rule(self) -> None:
        one = brain(
            "rules: [{when: 'get *', steps: [{call: {name: f}, after: '{0}: {result.a}.'}, {call: {name: g}}]}]"
        )
        two = Turn("model", (FunctionCall("call-2", "f", {}),))
        talk = ("get tea", self.begun("f"), self.RUNS, model("Wait."), "get milk", two, results(call_2=RUNNING))
        tea = (*talk, results(call_1={"a": "hot"}))
        next_call = Call((FunctionCall("call-3", "g", {}),))
        assert await reply(one, *tea) == [Say("tea: hot."), next_call]
        more = (*tea, Turn("model", next_call.calls), results(call_3={"a": "done"}))
        assert await reply(one, *more) == []
        assert await reply(one, *more, results(call_2={"a": "cold"})) == [
            Say("milk: cold."),
            Call((FunctionCall("call-4", "g", {}),)),
        ]

    async def test_of_calls_together_the_last_result_is_waited_for(self) -> None:
        one = brain("rules: [{when: go, call: [{name: f}, {name: g}], after: '{result.a} {result1.a}'}]")
        talk = ("go", self.begun("f", "g"))
        assert await reply(one, *talk, results(call_1={"a": "tea"}, call_2=RUNNING)) == [
            Say("One moment, I am working on f.")
        ]
        both = (*talk, results(call_1=RUNNING, call_2=RUNNING), model("Wait."), results(call_2={"a": "milk"}))
        assert await reply(one, *both) == []
        assert await reply(one, *both, results(call_1={"a": "tea"})) == [Say("tea milk")]

    async def test_parts_of_an_answer_do_not_repeat_what_follows(self) -> None:
        one = brain("rules: [{when: go, steps: [{call: {name: f}, after: '{result.a}'}, {call: {name: g}}]}]")
        talk = ("go", self.begun("f"), self.RUNS, model("Wait."), results(call_1={"a": "half"}))
        (said, call) = await reply(one, *talk)
        assert said == Say("half")
        assert isinstance(call, Call)
        whole = (*talk, Turn("model", call.calls), results(call_2={}), results(call_1={"a": "whole"}))
        assert await reply(one, *whole) == [Say("whole")]

    async def test_a_call_that_the_built_in_brain_made_is_its_own_to_tell(self) -> None:
        one = brain("rules: [{when: a, say: x}]")
        talk = (*called("get_tea", RUNNING)[:1], results(call_1=RUNNING), model("Wait."), "hello", model("Hello."))
        tea = Turn("user", (FunctionResult("call-1", "get_tea", {"sort": "green"}),))
        assert await reply(one, "tea please", *talk, tea) == [Say("About the tea: The sort is green.")]

    async def test_a_result_whose_call_is_gone_is_told(self) -> None:
        one = brain(self.GO)
        assert await reply(one, "go", model("x"), results(call_9={"a": "tea"})) == [Say("The a is tea.")]


class TestSearching:
    FOUND = [
        Found("document:///a.md", "Rules", "Pets are welcome. The porter is Tom."),
        Found("document:///b.md", "Town", "A porter carries."),
    ]

    async def test_the_best_sentence_is_quoted_with_what_it_rests_on(self, search: Any) -> None:
        search.passages = {"porter": self.FOUND}
        one = brain("rules: [{when: 'who is *', steps: [{say: 'Hé! '}, {search: '{0}'}]}]")
        lead, said, ground = await reply(one, "Who is the porter?", search=search)
        assert search.asked == ["the porter"]
        assert (lead, said) == (Say("Hé! "), Say("According to Rules: The porter is Tom."))
        assert isinstance(ground, Ground)
        (support,) = ground.grounding.supports
        answer = "Hé! According to Rules: The porter is Tom."
        assert answer.encode()[support.start : support.end].decode() == support.text == "The porter is Tom."
        assert [source.uri for source in ground.grounding.sources] == ["document:///a.md", "document:///b.md"]

    async def test_words_of_the_scripts_own(self, search: Any) -> None:
        search.passages = {"porter": self.FOUND}
        after = "{found.title}: {found.text} See {found.uri} and {found1.title}, {found2.title}."
        one = brain(f"rules: [{{when: x, search: porter, after: '{after}'}}]")
        said, ground = await reply(one, "x", search=search)
        assert said == Say("Rules: The porter is Tom. See document:///a.md and Town, {found2.title}.")
        assert isinstance(ground, Ground)
        assert [one.text for one in ground.grounding.supports] == ["The porter is Tom."]

    async def test_words_without_the_quote_rest_on_it_as_a_whole(self, search: Any) -> None:
        search.passages = {"porter": self.FOUND}
        _, ground = await reply(brain("rules: [{when: x, search: porter, after: 'Tom!'}]"), "x", search=search)
        assert isinstance(ground, Ground)
        assert [(one.text, one.start, one.end) for one in ground.grounding.supports] == [("Tom!", 0, 4)]

    @pytest.mark.parametrize(
        ("nothing", "said"), [("", "I searched, and found nothing about that."), (", nothing: 'No {0}.'", "No zebra.")]
    )
    async def test_nothing_found(self, search: Any, nothing: str, said: str) -> None:
        one = brain(f"rules: [{{when: 'a *', search: '{{0}}'{nothing}}}]")
        assert await reply(one, "a zebra", search=search) == [Say(said), Ground(GroundedSearch(("zebra",)))]

    async def test_no_search_and_a_search_that_fails(self, search: Any) -> None:
        one = brain("rules: [{when: x, search: y}]")
        (said,) = await reply(one, "x")
        assert isinstance(said, Say)
        assert "the client must ask for googleSearch" in said.text
        search.failure = "the line is down"
        assert await reply(one, "x", search=search) == [Say("I could not search: the line is down.")]

    async def test_what_the_script_leaves_to_the_built_in_brain_is_searched_for(self, search: Any) -> None:
        search.passages = {"porter": self.FOUND}
        one = brain("rules: [{when: 'well *', steps: [{say: 'Well. '}, {builtin: true}]}]")
        lead, said, ground = await reply(one, "well who is the porter", search=search)
        assert (lead, said) == (Say("Well. "), Say("According to Rules: The porter is Tom."))
        assert isinstance(ground, Ground)
        assert ground.grounding.supports[0].start == len("Well. According to Rules: ")


async def test_thoughts_go_before_words() -> None:
    one = brain("rules: [{when: 'think of *', steps: [{think: 'They want {0}.'}, {say: 'Tea.'}]}]")
    assert await reply(one, "think of tea") == [Think("They want tea."), Say("Tea.")]
    assert one.thinks
    assert not brain("rules: [{when: x, say: y}]").thinks


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
