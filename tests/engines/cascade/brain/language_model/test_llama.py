"""A model in this process: the real loader and real inference, with random weights."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from tests.engines.cascade.brain.language_model import tiny_gguf
from tests.extras import need

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model import LanguageModelConfig, ModelFailed, build_model
from antiphon.engines.cascade.brain.language_model.llama import LlamaModel
from antiphon.engines.cascade.brain.language_model.messages import Answered, Results, Said
from antiphon.engines.cascade.brain.language_model.model import Called, Request, Text, Told
from antiphon.live.history import FunctionCall, FunctionResult, Words
from antiphon.live.setup import Tool


def ask(words: str = "hello", **more: Any) -> Request:
    return Request((Said((Words(words),)),), **{"temperature": 1.0, "seed": 1, **more})


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("llama_cpp")
    return tiny_gguf.write(tmp_path_factory.mktemp("model") / "tiny.gguf", need("gguf"))


@pytest.fixture
async def llama(file: Path) -> Any:
    made = build_model(LanguageModelConfig(kind="llama", path=str(file), context=1_024, threads=1, max_waiting=2))
    await made.start()
    yield made
    await made.aclose()


async def answered(made: Any, request: Request) -> list[Any]:
    return [delta async for delta in made.answer(request)]


async def test_an_answer_comes_token_by_token_and_is_counted(llama: Any) -> None:
    deltas = await answered(llama, ask(max_output_tokens=20))
    assert (llama.name, llama.provider, llama.vision) == ("tiny", "", False)
    assert "".join(delta.text for delta in deltas if isinstance(delta, Text))
    told = [delta.usage for delta in deltas if isinstance(delta, Told)]
    assert told[0].prompt.text > 5
    # The library counts no bytes that are no text; what the model computed are more.
    assert 10 <= told[-1].response.text <= 30
    assert len({usage.prompt for usage in told}) == 1


async def test_the_same_seed_says_the_same(llama: Any) -> None:
    first, again = [await answered(llama, ask(max_output_tokens=10)) for _ in range(2)]
    other = await answered(llama, ask(max_output_tokens=10, seed=2))
    texts = ["".join(delta.text for delta in deltas if isinstance(delta, Text)) for deltas in (first, again, other)]
    assert texts[0] == texts[1] != texts[2]


async def test_tools_calls_and_results_go_through_the_files_template(llama: Any) -> None:
    call = FunctionCall("1", "weather", {"city": "Wien"})
    messages = (
        *ask().messages, Answered("", (call,)), Results((FunctionResult("1", "weather", {"output": "sun"}),)),
    )  # fmt: skip
    plain = await answered(llama, ask(max_output_tokens=3))
    long = await answered(llama, Request(messages, "Be Ada.", (Tool("weather"),), temperature=1.0, max_output_tokens=3))
    prompts = [next(delta.usage.prompt.text for delta in deltas if isinstance(delta, Told)) for deltas in (plain, long)]
    assert prompts[1] > prompts[0] + 40
    assert not [delta for delta in long if isinstance(delta, Called)]


async def test_closed_early_it_stops_and_the_next_answer_is_whole(llama: Any) -> None:
    alone = await answered(llama, ask(max_output_tokens=10))
    async with aclosing(llama.answer(ask("tell me all"))) as deltas:
        await anext(deltas)
    assert await answered(llama, ask(max_output_tokens=10)) == alone


async def test_it_stops_while_it_reads_a_long_prompt(llama: Any) -> None:
    long = ask("a rather long story " * 25)
    began = time.monotonic()
    async with aclosing(llama.answer(long)) as deltas:
        await anext(deltas)
    whole = time.monotonic() - began
    reading = asyncio.create_task(anext(llama.answer(ask("o" + long.messages[0].parts[0].text))))  # type: ignore[union-attr]
    await asyncio.sleep(whole / 10)
    began = time.monotonic()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert time.monotonic() - began < whole
    assert await answered(llama, ask(max_output_tokens=3))


async def test_answers_wait_for_each_other_and_too_many_are_refused(llama: Any) -> None:
    asked = [asyncio.create_task(answered(llama, ask(max_output_tokens=5, seed=n))) for n in range(4)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    failed = [one for one in done if isinstance(one, ModelFailed)]
    assert len(failed) == 1
    assert failed[0].passing
    assert "max_waiting" in str(failed[0])
    whole = await answered(llama, ask(max_output_tokens=5, seed=0))
    assert done[0] == whole


async def test_a_prompt_that_does_not_fit_is_named(llama: Any) -> None:
    with pytest.raises(ModelFailed, match="context window") as failed:
        await answered(llama, ask("too long " * 1_000))
    assert not failed.value.passing
    assert await answered(llama, ask(max_output_tokens=3))


async def test_closed_it_answers_nothing(file: Path) -> None:
    made = LlamaModel(file, context=256)
    await made.start()
    await made.aclose()
    await made.aclose()
    with pytest.raises(ModelFailed, match="not loaded"):
        await answered(made, ask())


async def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    need("llama_cpp")
    with pytest.raises(EngineUnavailable, match="no file"):
        await LlamaModel(tmp_path / "x.gguf").start()
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        await LlamaModel(tmp_path / "x.gguf").start()


async def test_without_the_library_the_remedy_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "llama_cpp", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'antiphon\[llama\]'"):
        await LlamaModel(tmp_path / "x.gguf").start()
