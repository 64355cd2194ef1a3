import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import Recogniser, RecogniserBusy, RecognitionContext, Utterance
from antiphon.engines.cascade.sphinx import recogniser as module
from antiphon.engines.cascade.sphinx import utterance as utterance_module
from antiphon.engines.cascade.sphinx.recogniser import SphinxRecogniser

NONE = RecognitionContext()


@asynccontextmanager
async def running(worker: str, recognisers: int = 1, wait: float = 10.0) -> AsyncIterator[SphinxRecogniser]:
    recogniser = SphinxRecogniser(recognisers, wait, worker)
    await recogniser.start()
    try:
        yield recogniser
    finally:
        await recogniser.aclose()


def speaking(recogniser: SphinxRecogniser, *sounds: str, context: RecognitionContext = NONE) -> Utterance:
    utterance = recogniser.utterance(context)
    for sound in sounds:
        utterance.feed(sound.encode())
    return utterance


async def say(recogniser: SphinxRecogniser, *sounds: str, context: RecognitionContext = NONE) -> str:
    utterance = speaking(recogniser, *sounds, context=context)
    text = (await utterance.finish()).text
    await utterance.aclose()
    return text


def test_it_is_a_recogniser() -> None:
    recogniser: Recogniser = SphinxRecogniser()
    assert recogniser is not None


async def test_sound_is_recognised_in_order_with_its_context(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        assert await say(recogniser, "one", "two", context=RecognitionContext(("zero",))) == "zero one two"
        assert await say(recogniser, "three") == "three"


async def test_an_early_finish_loses_nothing(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "one")
        assert (await utterance.finish()).text == "one"
        utterance.feed(b"two")
        assert [(await utterance.finish()).text for _ in range(2)] == ["one two", "one two"]
        await utterance.aclose()


async def test_words_are_known_while_more_are_said(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "one")
        assert (await utterance.partial()).text == "one ..."
        utterance.feed(b"two")
        assert (await utterance.partial()).text == "one two ..."
        assert (await utterance.finish()).text == "one two"
        await utterance.aclose()
        assert (await utterance.partial()).text == ""


async def test_who_waits_in_line_has_no_words_yet(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        busy, waiting = speaking(recogniser, "a"), speaking(recogniser, "b")
        assert (await waiting.partial()).text == ""
        assert (await recogniser.utterance(NONE).partial()).text == ""
        await busy.aclose()
        assert (await waiting.partial()).text == "b ..."
        await waiting.aclose()


async def test_a_recogniser_lost_over_a_partial_leaves_it_empty(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "one", context=RecognitionContext(("die",)))
        assert (await utterance.partial()).text == ""
        assert (await utterance.finish()).text == "die one"
        await utterance.aclose()


async def test_closing_answers_who_waits_for_a_partial(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "one")
        partial = asyncio.create_task(utterance.partial())
        await asyncio.sleep(0)
        await utterance.aclose()
        assert (await partial).text == ""


async def test_an_utterance_without_sound_needs_no_recogniser(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        busy = speaking(recogniser, "one")
        assert await say(recogniser) == ""
        await busy.aclose()


async def test_the_next_in_line_is_heard_from_its_start(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        first, second, third = (speaking(recogniser, name) for name in ("a", "b", "c"))
        finals = [asyncio.create_task(other.finish()) for other in (second, third)]
        second.feed(b"more")
        assert (await first.finish()).text == "a"
        assert not any(final.done() for final in finals)
        await first.aclose()
        # Asked for before "more" was fed, and answered with all there is.
        assert (await finals[0]).text == "b more"
        assert not finals[1].done()
        await second.aclose()
        assert (await finals[1]).text == "c"
        await third.aclose()


async def test_as_many_are_heard_at_once_as_there_are_recognisers(fake_worker: str) -> None:
    async with running(fake_worker, recognisers=2) as recogniser:
        utterances = [speaking(recogniser, name) for name in "ab"]
        assert [(await utterance.finish()).text for utterance in utterances] == ["a", "b"]
        for utterance in utterances:
            await utterance.aclose()


async def test_waiting_has_a_bound_and_says_what_to_do(fake_worker: str) -> None:
    async with running(fake_worker, wait=0.01) as recogniser:
        busy, waiting = speaking(recogniser, "a"), speaking(recogniser, "b")
        with pytest.raises(RecogniserBusy, match=r"within 0\.01 s.*--recognisers 2"):
            await waiting.finish()
        waiting.feed(b"ignored")
        with pytest.raises(RecogniserBusy):
            await waiting.finish()
        await waiting.aclose()
        assert (await busy.finish()).text == "a"
        await busy.aclose()
        assert await say(recogniser, "c") == "c"


async def test_leaving_the_line_lets_the_next_one_in(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        first, second, third = (speaking(recogniser, name) for name in "abc")
        await second.aclose()
        await second.aclose()
        await first.aclose()
        assert (await third.finish()).text == "c"
        assert (await second.finish()).text == ""
        await third.aclose()


async def test_a_cancelled_finish_does_no_harm(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "a")
        guess = asyncio.create_task(utterance.finish())
        await asyncio.sleep(0)
        guess.cancel()
        utterance.feed(b"b")
        assert (await utterance.finish()).text == "a b"
        await utterance.aclose()


async def test_a_recogniser_that_dies_is_replaced_and_the_sound_heard_again(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "before", "once", "after")
        assert (await utterance.finish()).text == "before once after"
        await utterance.aclose()
        assert await say(recogniser, "next") == "next"


async def test_others_wait_behind_a_replayed_utterance(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        first, second = speaking(recogniser, "once"), speaking(recogniser, "b")
        assert (await first.finish()).text == "once"
        await first.aclose()
        assert (await second.finish()).text == "b"
        await second.aclose()


async def test_an_utterance_that_kills_twice_is_given_up(fake_worker: str, caplog: pytest.LogCaptureFixture) -> None:
    async with running(fake_worker) as recogniser:
        assert await say(recogniser, "die") == ""
        assert "given up" in caplog.text
        assert await say(recogniser, "alive") == "alive"


async def test_a_context_is_prepared_once_by_an_idle_recogniser(fake_worker: str, tmp_path: Path) -> None:
    async with running(fake_worker) as recogniser:
        context = recogniser.context("Be kind.", ())
        assert context.phrases == ("be kind",)
        recogniser.prepare(context)
        await say(recogniser, "a")
        assert (tmp_path / "log").read_text() == "be kind\n"


async def test_a_session_learns_its_sound_and_no_other_does(fake_worker: str) -> None:
    async with running(fake_worker) as recogniser:
        mine, other = recogniser.context(""), recogniser.context("")
        assert await say(recogniser, "long", context=mine) == "long"
        assert await say(recogniser, "short", context=mine) == "learnt short"
        assert await say(recogniser, "again", context=mine) == "learnt again"
        assert await say(recogniser, "short", context=other) == "short"
        assert await say(recogniser, "short") == "short"


async def test_preparing_waits_for_the_utterance_being_heard(fake_worker: str, tmp_path: Path) -> None:
    async with running(fake_worker) as recogniser:
        utterance = speaking(recogniser, "a")
        for number in range(9):
            recogniser.prepare(RecognitionContext((str(number),)))
        await utterance.finish()
        assert not (tmp_path / "log").exists()
        await utterance.aclose()
        await say(recogniser, "b")
        assert (tmp_path / "log").read_text().split() == ["6", "7", "8"]


async def test_a_context_known_before_the_start_is_prepared_after_it(fake_worker: str, tmp_path: Path) -> None:
    recogniser = SphinxRecogniser(1, worker=fake_worker)
    recogniser.context("Be kind.")
    await recogniser.start()
    assert await say(recogniser, "a") == "a"
    assert (tmp_path / "log").read_text() == "be kind\n"
    await recogniser.aclose()


async def test_a_recogniser_far_behind_loses_sound_and_counts_it(
    fake_worker: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_BACKLOG_BYTES", 3)
    async with running(fake_worker) as recogniser:
        utterance = recogniser.utterance(NONE)
        for sound in (b"aa", b"bb", b"cc", b"dd"):
            utterance.feed(sound)
        assert utterance.lost_bytes == 4
        assert (await utterance.finish()).text == "aa bb"
        utterance.feed(b"ee")
        assert (await utterance.finish()).text == "aa bb ee"
        assert caplog.text.count("falls behind") == 1
        await utterance.aclose()


async def test_kept_sound_is_bounded_oldest_first(fake_worker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utterance_module, "_KEPT_BYTES", 4)
    async with running(fake_worker) as recogniser:
        busy, waiting = speaking(recogniser, "x"), recogniser.utterance(NONE)
        for sound in (b"aa", b"bb", b"cc"):
            waiting.feed(sound)
        await busy.aclose()
        assert (await waiting.finish()).text == "bb cc"
        assert waiting.lost_bytes == 2
        await waiting.aclose()


async def test_closing_ends_processes_and_tasks_and_answers_everyone(fake_worker: str) -> None:
    before = asyncio.all_tasks()
    recogniser = SphinxRecogniser(2, worker=fake_worker)
    await recogniser.start()
    utterances = [speaking(recogniser, name) for name in "abc"]
    waiting = asyncio.create_task(utterances[2].finish())
    await asyncio.sleep(0)
    await recogniser.aclose()
    assert (await waiting).text == ""
    assert asyncio.all_tasks() == before
    assert not [child for child in psutil.Process().children() if fake_worker in " ".join(child.cmdline())]
    await recogniser.aclose()
    for utterance in utterances:
        await utterance.aclose()


async def test_a_recogniser_that_is_not_running_is_busy(fake_worker: str) -> None:
    recogniser = SphinxRecogniser(1, worker=fake_worker)
    with pytest.raises(RecogniserBusy, match="not running"):
        await say(recogniser, "a")


async def test_a_child_that_cannot_start_is_reported(fake_worker: str, tmp_path: Path) -> None:
    (tmp_path / f"{fake_worker}.py").write_text(
        "from antiphon.engines.cascade.process import serve\n"
        "def run(pipe): raise ImportError('pip install what is missing')\n"
        "serve(run)"
    )
    recogniser = SphinxRecogniser(2, worker=fake_worker)
    with pytest.raises(EngineUnavailable, match="pip install what is missing"):
        await recogniser.start()


async def test_speech_with_the_real_recogniser(speak: Callable[[str], bytes]) -> None:
    """Two speakers and two recognisers; the second speaker pauses, is guessed to be done, and goes on."""
    recogniser = SphinxRecogniser(2)
    await recogniser.start()
    context = recogniser.context("You are a home assistant. Turn on the lights in the kitchen.")
    one, two = recogniser.utterance(context), recogniser.utterance(context)
    first, second = speak("my name is alice"), speak("turn on the lights in the kitchen")
    for start in range(0, max(len(first), len(second)), 1024):
        one.feed(first[start : start + 1024])
        two.feed(second[start : start + 1024])
        if start == 40 * 1024:
            guess = asyncio.create_task(two.finish())
    assert (await one.finish()).text == "my name is alice"
    assert (await two.finish()).text == "turn on the lights in the kitchen"
    assert (await guess).text.startswith("turn on")
    await one.aclose()
    await two.aclose()
    await recogniser.aclose()
