"""What every voice does."""

import asyncio
from contextlib import aclosing
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from antiphon.engines.cascade.parts import SpeechChunk, Voice

LONG = "One two three four five six seven. "


async def collect(voice: Voice, text: str, name: str = "", language: str = "") -> list[SpeechChunk]:
    return [chunk async for chunk in voice.speak(text, name, language)]


def text_of(chunks: list[SpeechChunk]) -> str:
    return "".join(word.text for chunk in chunks for word in chunk.words)


def seconds(chunks: list[SpeechChunk]) -> float:
    return sum(len(chunk.pcm) for chunk in chunks) / 48_000


def check_words(chunks: list[SpeechChunk], text: str) -> None:
    """The words joined are the text, and each begins in the sound of its chunk, after the one before."""
    assert text_of(chunks) == text
    begin = latest = 0.0
    for chunk in chunks:
        end = begin + len(chunk.pcm) / 48_000
        for word in chunk.words:
            assert max(begin, latest) - 1e-6 <= word.offset <= end + 1e-6
            latest = word.offset
        begin = end


async def test_a_sentence_becomes_sound_and_words(any_voice: Any) -> None:
    chunks = await collect(any_voice, "Turn on the lights, please.", "Kore", "en-US")
    check_words(chunks, "Turn on the lights, please.")
    assert 0.3 < seconds(chunks) < 5
    assert sum(len(chunk.words) for chunk in chunks) >= 4
    assert any(any(chunk.pcm) for chunk in chunks)


HARD = st.one_of(
    st.text(max_size=60),
    st.text(st.sampled_from("ab c.,!?\n'\"“”[[]]*_#<>/&"), max_size=60),
    st.text(st.characters(min_codepoint=0x3000, max_codepoint=0x9FFF), max_size=12),
)


async def test_words_join_to_the_text_and_lie_within_the_sound(any_voice: Any) -> None:
    loop = asyncio.get_running_loop()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(HARD, st.sampled_from(["", "Zephyr", "nobody"]), st.sampled_from(["", "de-DE", "zh", "ar"]))
    @example("", "", "")
    @example("a\0b lone \ud800 surrogate 😀👍🏽", "", "")
    @example("[[h@l'oU]] <b>bold</b>", "", "")
    @example(LONG * 12, "", "")
    def check(text: str, name: str, language: str) -> None:
        chunks = asyncio.run_coroutine_threadsafe(collect(any_voice, text, name, language), loop).result(20)
        check_words(chunks, text)
        assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)

    await asyncio.to_thread(check)


async def test_text_without_words_makes_no_sound(any_voice: Any) -> None:
    for text in ("", "   ", "...", "😀", "\n"):
        chunks = await collect(any_voice, text)
        assert (seconds(chunks), text_of(chunks)) == (0, text)


async def test_closing_early_leaves_the_voice_to_the_next(any_voice: Any) -> None:
    async with aclosing(any_voice.speak(LONG * 8)) as chunks:
        async for _ in chunks:
            break
    async with asyncio.timeout(10):
        assert text_of(await collect(any_voice, "And now this.")) == "And now this."


async def test_speeches_at_once_keep_apart(any_voice: Any) -> None:
    texts = [f"This is speech number {number}." for number in range(6)]
    spoken = await asyncio.gather(*(collect(any_voice, text) for text in texts))
    assert [text_of(chunks) for chunks in spoken] == texts


async def test_closing_ends_every_task(any_voice: Any) -> None:
    await collect(any_voice, "Hello.")
    await any_voice.aclose()
    await any_voice.aclose()
    names = {task.get_coro().__qualname__ for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not [name for name in names if "Voice" in name]
