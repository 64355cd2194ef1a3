"""The model's thread: requests in line, answers streamed, given up and failed; the real loader."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain.language_model.messages import Said
from antiphon.engines.cascade.brain.language_model.model import ModelFailed, Request, Text, Told
from antiphon.engines.native.config import OmniConfig
from antiphon.engines.native.omni.sounds import Heard
from antiphon.engines.native.omni.thinker import ThinkerModel
from antiphon.live.history import Words

Noise = Callable[..., bytes]


@pytest.fixture
async def thinker(omni_folder: Path) -> AsyncIterator[ThinkerModel]:
    config = OmniConfig(str(omni_folder), max_batch=3, max_waiting=4, max_new_tokens=12, temperature=0.0)
    one = ThinkerModel(config)
    await one.start()
    yield one
    await one.aclose()


def ask(words: str = "", pcm: bytes = b"") -> Request:
    """A request of one turn."""
    return Request((Said((Heard(words, pcm) if pcm else Words(words),)),))


async def answer(thinker: ThinkerModel, request: Request) -> tuple[str, Told]:
    """The whole answer."""
    deltas = [delta async for delta in thinker.answer(request)]
    assert isinstance(deltas[-1], Told)
    return "".join(delta.text for delta in deltas if isinstance(delta, Text)), deltas[-1]


async def test_an_answer_and_what_it_used(thinker: ThinkerModel, noise: Noise) -> None:
    words, told = await answer(thinker, ask("x", noise(1.0)))
    assert words
    assert told.usage.prompt.audio == 25
    assert told.usage.prompt.text > 50
    assert 0 < told.usage.response.text <= 12


async def test_those_who_ask_at_once_are_answered_together_and_as_if_alone(thinker: ThinkerModel, noise: Noise) -> None:
    requests = [ask("x", noise(0.5 + number / 10, number)) for number in range(4)]
    alone = [await answer(thinker, request) for request in requests]
    assert thinker.most == 1
    together = await asyncio.gather(*(answer(thinker, request) for request in requests))
    assert together == alone
    assert thinker.most == 3


async def test_who_gives_up_frees_the_row(thinker: ThinkerModel, noise: Noise) -> None:
    endless = ThinkerModel(OmniConfig(thinker.name, max_batch=1, max_new_tokens=4_000, temperature=0.0))
    await endless.start()
    async with aclosing(endless.answer(ask("x", noise(1.0)))) as deltas:
        await anext(deltas)
    short = Request(ask("hello").messages, max_output_tokens=1)
    async with asyncio.timeout(10):
        await answer(endless, short)
    await endless.aclose()


async def test_a_line_that_is_full_takes_no_more(thinker: ThinkerModel) -> None:
    busy = ThinkerModel(OmniConfig(thinker.name, max_batch=1, max_waiting=1, max_new_tokens=4_000, temperature=0.0))
    await busy.start()
    async with aclosing(busy.answer(ask("hello"))) as deltas:
        await anext(deltas)
        waits = asyncio.create_task(answer(busy, Request(ask("hello").messages, max_output_tokens=1)))
        await asyncio.sleep(0)
        with pytest.raises(ModelFailed, match="1 answers wait") as caught:
            await answer(busy, ask("hello"))
        assert caught.value.passing
    await waits
    await busy.aclose()


async def test_a_failure_is_told_and_the_next_is_answered(thinker: ThinkerModel, monkeypatch: Any) -> None:
    from antiphon.engines.native.omni.decoding import Batch

    def broken(*_: Any) -> None:
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patched:
        patched.setattr(Batch, "step", broken)
        with pytest.raises(ModelFailed, match="out of memory"):
            await answer(thinker, ask("hello"))
    assert (await answer(thinker, ask("hello")))[0]


async def test_closing_ends_the_thread_and_what_is_being_made(thinker: ThinkerModel) -> None:
    endless = ThinkerModel(OmniConfig(thinker.name, max_new_tokens=100_000, temperature=0.0))
    await endless.start()
    await endless.start()
    making = asyncio.create_task(answer(endless, ask("hello")))
    await asyncio.sleep(0)
    await endless.aclose()
    await endless.aclose()
    with pytest.raises(ModelFailed):
        await making
    with pytest.raises(ModelFailed, match="not running"):
        await answer(endless, ask("hello"))
    assert [thread.name for thread in threading.enumerate()].count("omni") == 1


async def test_closing_waits_for_no_answer_and_leaves_nobody_waiting(thinker: ThinkerModel) -> None:
    full = ThinkerModel(OmniConfig(thinker.name, max_batch=1, max_new_tokens=100_000, temperature=0.0))
    await full.start()
    answers = [asyncio.create_task(answer(full, ask("hello"))) for _ in range(2)]
    async with aclosing(full.answer(ask("hello"))) as deltas, asyncio.timeout(10):
        await anext(deltas)
        await full.aclose()
        ends = await asyncio.gather(*answers, return_exceptions=True)
    assert all(isinstance(end, ModelFailed) and "it was closed" in str(end) for end in ends)


async def test_the_loop_breathes_while_answers_are_made(thinker: ThinkerModel, noise: Noise) -> None:
    loop, lags, made = asyncio.get_running_loop(), [], asyncio.Event()

    async def watch() -> None:
        while not made.is_set():
            due = loop.time() + 0.002
            await asyncio.sleep(0.002)
            lags.append(loop.time() - due)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(answer(thinker, ask("x", noise(1.0, number))) for number in range(3)))
    made.set()
    await watching
    assert sorted(lags)[len(lags) // 2] < 0.02


class TestWhatCannotBeLoaded:
    async def test_a_hub_id_that_is_not_here(self, omni_folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(EngineUnavailable, match=r"antiphon models pull hf:Qwen/Qwen2.5-Omni-7B"):
            await ThinkerModel(OmniConfig("Qwen/Qwen2.5-Omni-7B")).start()

    async def test_a_folder_without_a_model(self, omni_folder: Path, tmp_path: Path) -> None:
        with pytest.raises(EngineUnavailable, match=r"config.json is missing"):
            await ThinkerModel(OmniConfig(str(tmp_path))).start()

    @pytest.mark.parametrize(("text", "said"), [("{", "is not JSON"), ('{"model_type": "llama"}', "of type llama")])
    async def test_another_model(self, omni_folder: Path, tmp_path: Path, text: str, said: str) -> None:
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(EngineUnavailable, match=said):
            await ThinkerModel(OmniConfig(str(tmp_path))).start()

    async def test_a_folder_without_weights(self, omni_folder: Path, tmp_path: Path) -> None:
        broken = Path(shutil.copytree(omni_folder, tmp_path / "model"))
        (broken / "model.safetensors").unlink()
        with pytest.raises(EngineUnavailable, match="cannot be loaded"):
            await ThinkerModel(OmniConfig(str(broken))).start()

    async def test_without_transformers(self, monkeypatch: Any, torch: Any) -> None:
        import sys

        monkeypatch.setitem(sys.modules, "transformers", None)
        with pytest.raises(EngineUnavailable, match="pip install torch 'transformers"):
            await ThinkerModel(OmniConfig("x/y")).start()
