"""What the brain makes of a model's answer."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.engines.cascade.brain.language_model.brain import APOLOGY, MAX_ROUNDS, LanguageModelBrain, read_call
from antiphon.engines.cascade.brain.language_model.messages import Answered, Results, Said
from antiphon.engines.cascade.brain.language_model.model import Called, ModelFailed, Reasoned, Text, Told
from antiphon.engines.cascade.parts import Call, Fail, Found, Ground, Prompt, Say, SearchFailed, Think, Used
from antiphon.live.grounding import GroundedSearch, Source
from antiphon.live.history import FunctionCall, Picture, Turn, Words, model, user
from antiphon.live.setup import Thinking, Tool
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage

PROMPT = Prompt((user("Hi"),), spoken=True)
WEATHER = Tool("weather", "Tells the weather", {"type": "object"})
TOLD = Usage(Tokens(text=10), Tokens(text=3))


def said(thoughts: list[Any]) -> str:
    return "".join(thought.text for thought in thoughts if isinstance(thought, Say))


class FakeSearch:
    def __init__(self, fails: bool = False) -> None:
        self.queries: list[str] = []
        self.fails = fails

    async def search(self, query: str, limit: int = 5) -> list[Found]:
        self.queries.append(query)
        if self.fails:
            raise SearchFailed("it is closed")
        return [Found("u:1", "Pool", "The pool opens at 8."), Found("u:2", "Bar", "The bar is open.")]

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


class TestWords:
    async def test_they_are_said_as_they_come_and_used_is_told_last(self, new_model: Any, think: Any) -> None:
        fake = new_model([Text("Hello"), Text(" there."), Told(TOLD)])
        thoughts = await think(fake, PROMPT)
        assert thoughts == [Say("Hello"), Say(" there."), Used(UpstreamUsage("openai", "fake-1", TOLD))]

    async def test_thoughts_are_never_said(self, new_model: Any, think: Any) -> None:
        fake = new_model([Reasoned("Hm."), Text("<think>Well"), Text(".</think>Yes.")])
        thoughts = await think(fake, PROMPT)
        assert thoughts[:-1] == [Think("Hm."), Think("Well"), Think("."), Say("Yes.")]

    async def test_what_is_spoken_has_no_markup_and_what_is_read_has(self, new_model: Any, think: Any) -> None:
        deltas = [Text("**Yes**, see [it](https://x.org/y) 👍.")]
        assert said(await think(new_model(deltas), PROMPT)) == "Yes, see it ."
        read = await think(new_model(deltas), replace(PROMPT, spoken=False))
        assert said(read) == "**Yes**, see [it](https://x.org/y) 👍."

    async def test_the_request_is_what_was_agreed(self, new_model: Any, think: Any) -> None:
        prompt = replace(
            PROMPT,
            system_instruction="Be Ada.",
            language="de-DE",
            tools=(WEATHER, Tool("slow", blocking=False)),
            thinking=Thinking("low"),
            temperature=0.5,
            top_p=0.9,
            top_k=5,
            seed=7,
            max_output_tokens=100,
            media_resolution="low",
        )
        fake = new_model([Text("x")])
        await think(fake, prompt, preface="Speak.")
        (request,) = fake.asked
        assert request.messages == (Said((Words("Hi"),)),)
        assert request.instruction.startswith("Speak.\n\nBe Ada.\n\n")
        assert "de-DE" in request.instruction
        assert '{"status": "running"}' in request.instruction
        assert request.tools == prompt.tools
        assert (request.thinking, request.temperature, request.top_p) == (Thinking("low"), 0.5, 0.9)
        assert (request.top_k, request.seed, request.max_output_tokens) == (5, 7, 100)
        assert request.media_resolution == "low"

    async def test_written_answers_have_no_preface(self, new_model: Any, think: Any) -> None:
        fake = new_model([Text("x")])
        await think(fake, replace(PROMPT, spoken=False, system_instruction="Be Ada."))
        assert fake.asked[0].instruction == "Be Ada."

    async def test_a_model_that_is_blind_is_told_of_pictures_once(self, new_model: Any, think: Any) -> None:
        shown = Turn("user", (Picture("image/png", b"1"), Picture("image/png", b"2"), Words("What is it?")))
        fake = new_model([Text("x")])
        await think(fake, replace(PROMPT, history=(shown,)))
        assert fake.asked[0].messages == (Said((Words("What is it?"),)),)
        assert fake.asked[0].instruction.count("cannot see") == 1
        seeing = new_model([Text("x")], vision=True)
        await think(seeing, replace(PROMPT, history=(shown,)), max_pictures=1)
        assert seeing.asked[0].messages == (Said((Picture("image/png", b"2"), Words("What is it?"))),)
        assert "cannot see" not in seeing.asked[0].instruction


class TestCalls:
    async def test_calls_of_the_client_end_the_reply(self, new_model: Any, think: Any) -> None:
        calls = (FunctionCall("1", "weather", {"city": "Wien"}),)
        fake = new_model([Text("Wait."), Called(calls), Told(TOLD)])
        thoughts = await think(fake, replace(PROMPT, tools=(WEATHER,)))
        assert thoughts == [Say("Wait."), Used(UpstreamUsage("openai", "fake-1", TOLD)), Call(calls)]

    async def test_a_call_between_tags_is_one(self, new_model: Any, think: Any) -> None:
        text = 'Wait. <tool_call>{"name": "weather", "arguments": {"city": "Wien"}}</tool_call>'
        thoughts = await think(new_model([Text(text)]), replace(PROMPT, tools=(WEATHER,)))
        assert said(thoughts) == "Wait. "
        (call,) = thoughts[-1].calls
        assert (call.name, call.args) == ("weather", {"city": "Wien"})

    @pytest.mark.parametrize(
        "called",
        [
            Called((), ((FunctionCall("1", "weather", {}), "the arguments are no JSON"),)),
            Called((FunctionCall("1", "whether", {}),)),
        ],
    )
    async def test_the_model_is_told_what_is_wrong_with_a_call(self, called: Any, new_model: Any, think: Any) -> None:
        good = (FunctionCall("2", "weather", {}),)
        fake = new_model([Text("Hm. "), called], [Called(good)])
        thoughts = await think(fake, replace(PROMPT, tools=(WEATHER,)))
        assert thoughts[-1] == Call(good)
        answered, results = fake.asked[1].messages[-2:]
        assert isinstance(answered, Answered)
        assert answered.text == "Hm. "
        assert "error" in results.results[0].response

    async def test_it_is_not_asked_forever(self, new_model: Any, think: Any) -> None:
        wrong = Called((FunctionCall("1", "nothing", {}),))
        fake = new_model(*([wrong] for _ in range(MAX_ROUNDS)))
        assert said(await think(fake, PROMPT)) == APOLOGY

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"name": 1}', '{"name": "f", "arguments": "x"}'])
    def test_what_is_no_call_is_named(self, text: str) -> None:
        assert read_call(text)[1]

    def test_older_models_say_parameters(self) -> None:
        call, reason = read_call('{"name": "f", "parameters": {"a": 1}}')
        assert (call.name, call.args, reason) == ("f", {"a": 1}, "")


class TestSearching:
    def prompt(self, search: Any, *tools: Tool) -> Prompt:
        return replace(PROMPT, search=search, tools=tools)

    async def test_a_search_is_made_here_and_what_was_found_goes_with_the_answer(
        self, new_model: Any, think: Any
    ) -> None:
        call = FunctionCall("1", "search", {"query": "pool hours"})
        fake = new_model([Text("Let me look. "), Called((call,))], [Text("It opens at eight.")])
        search = FakeSearch()
        thoughts = await think(fake, self.prompt(search))
        assert said(thoughts) == "Let me look. It opens at eight."
        assert [tool.name for tool in fake.asked[0].tools] == ["search"]
        assert fake.asked[1].messages[-2] == Answered("Let me look. ", (call,))
        (result,) = fake.asked[1].messages[-1].results
        assert result.response["found"][0] == {"title": "Pool", "text": "The pool opens at 8."}
        grounds = [thought for thought in thoughts if isinstance(thought, Ground)]
        assert grounds == [Ground(GroundedSearch(("pool hours",), (Source("u:1", "Pool"), Source("u:2", "Bar"))))]
        assert thoughts.index(grounds[0]) > thoughts.index(Say("It opens at eight."))
        assert len([thought for thought in thoughts if isinstance(thought, Used)]) == 2

    async def test_the_clients_own_search_keeps_its_name(self, new_model: Any, think: Any) -> None:
        calls = (FunctionCall("1", "search", {}),)
        fake = new_model([Called(calls)])
        search = FakeSearch()
        thoughts = await think(fake, self.prompt(search, Tool("search")))
        assert thoughts[-1] == Call(calls)
        assert [tool.name for tool in fake.asked[0].tools] == ["search", "search1"]
        assert not search.queries

    async def test_calls_beside_a_search_are_put_off(self, new_model: Any, think: Any) -> None:
        search_call, weather = FunctionCall("1", "search", {"query": "q"}), FunctionCall("2", "weather", {})
        fake = new_model([Called((search_call, weather))], [Called((weather,))])
        thoughts = await think(fake, self.prompt(FakeSearch(), WEATHER))
        assert thoughts[-1] == Call((weather,))
        results = fake.asked[1].messages[-1]
        assert isinstance(results, Results)
        assert [result.id for result in results.results] == ["1", "2"]
        assert "not called" in results.results[1].response["error"]

    @pytest.mark.parametrize(
        ("search", "query", "error"), [(FakeSearch(fails=True), "q", "it is closed"), (FakeSearch(), " ", "missing")]
    )
    async def test_the_model_learns_why_nothing_was_found(
        self, search: Any, query: str, error: str, new_model: Any, think: Any
    ) -> None:
        call = FunctionCall("1", "search", {"query": query})
        fake = new_model([Called((call,))], [Text("I could not look.")])
        thoughts = await think(fake, self.prompt(search))
        assert said(thoughts) == "I could not look."
        assert error in fake.asked[1].messages[-1].results[0].response["error"]
        assert not [thought for thought in thoughts if isinstance(thought, Ground)]


class TestFailures:
    async def test_one_that_may_pass_is_apologised_for(self, new_model: Any, think: Any) -> None:
        fake = new_model([ModelFailed("busy", passing=True)])
        assert await think(fake, PROMPT, apology="Sorry.") == [Say("Sorry.")]

    async def test_one_for_the_owner_ends_the_session_and_says_what(self, new_model: Any, think: Any) -> None:
        fake = new_model([ModelFailed("http://x does not accept the key (401)", reason="its owner must set the key")])
        assert await think(fake, PROMPT) == [Fail(1011, "its owner must set the key")]

    async def test_what_was_said_before_it_is_kept_and_counted(self, new_model: Any, think: Any) -> None:
        fake, spent = new_model([Text("Eight characters."), ModelFailed("gone", passing=True)]), []
        thoughts = await think(fake, replace(PROMPT, spend=spent.append))
        assert said(thoughts) == "Eight characters." + APOLOGY
        (used,) = spent
        assert used.estimated
        assert used.usage.response == Tokens(text=5)


class TestBeingClosedEarly:
    @pytest.mark.parametrize("told", [[], [Told(Usage(Tokens(text=100), Tokens(text=1)))]])
    async def test_the_model_stops_and_what_it_made_is_counted(self, told: list[Any], new_model: Any) -> None:
        fake, spent = new_model([*told, Text("Once upon a time. "), Text("There")]), []
        prompt = replace(PROMPT, spend=spent.append)
        async with aclosing(LanguageModelBrain(fake).reply(prompt)) as thoughts:
            assert await anext(thoughts) == Say("Once upon a time. ")
        assert fake.running == 0
        (used,) = spent
        assert (used.provider, used.model, used.estimated) == ("openai", "fake-1", True)
        assert used.usage.response == Tokens(text=5), "18 characters"
        assert used.usage.prompt.total == 100 if told else used.usage.prompt.total > 50, "the preface is read, too"

    async def test_cancelled_while_it_waits_the_prompt_is_counted(self, new_model: Any) -> None:
        fake, spent = new_model([Told(Usage()), Text("x")]), []
        fake.gate.clear()
        task = asyncio.create_task(anext(LanguageModelBrain(fake).reply(replace(PROMPT, spend=spent.append))))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert fake.running == 0
        assert len(spent) == 1

    async def test_nothing_is_counted_twice(self, new_model: Any) -> None:
        fake, spent, seen = new_model([Text("x"), Told(TOLD)]), [], []
        async with aclosing(LanguageModelBrain(fake).reply(replace(PROMPT, spend=spent.append))) as thoughts:
            async for thought in thoughts:
                seen.append(thought)
                if isinstance(thought, Used):
                    break
        assert (len(spent), isinstance(seen[-1], Used)) == (0, True)


async def test_it_goes_on_after_its_own_words(new_model: Any, think: Any) -> None:
    fake = new_model([Text(" three.")])
    await think(fake, replace(PROMPT, history=(user("Count."), model("One, two,"))))
    answered, go_on = fake.asked[0].messages[-2:]
    assert answered == Answered("One, two,")
    assert "exactly where you stopped" in go_on.parts[0].text


async def test_it_starts_and_closes_its_model(new_model: Any) -> None:
    fake = new_model(thinks=True)
    brain = LanguageModelBrain(fake)
    await brain.start()
    assert (fake.running, brain.thinks, str(brain), brain.phrases()) == (1, True, "fake-1 at openai", ())
    await brain.aclose()
    assert fake.running == 0
