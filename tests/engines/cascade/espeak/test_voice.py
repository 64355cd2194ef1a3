"""The server's side: with the real worker for what it says, with scripted ones for how it fails."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.espeak import EspeakVoice
from antiphon.engines.cascade.espeak import voice as module
from antiphon.engines.cascade.parts import SpeechChunk, Voice
from antiphon.engines.cascade.process_voice import ATTEMPTS

Speak = Callable[..., list[SpeechChunk]]


def text_of(chunks: list[SpeechChunk]) -> str:
    return "".join(word.text for chunk in chunks for word in chunk.words)


def seconds(chunks: list[SpeechChunk]) -> float:
    return sum(len(chunk.pcm) for chunk in chunks) / 2 / 24_000


async def collect(voice: Voice, text: str) -> list[SpeechChunk]:
    return [chunk async for chunk in voice.speak(text)]


def test_a_sentence_becomes_chunks_and_words(speak: Speak) -> None:
    chunks = speak("Turn on the lights, please.", "Kore", "en-US")
    words = [word for chunk in chunks for word in chunk.words]
    assert text_of(chunks) == "Turn on the lights, please."
    assert len(words) in (4, 5)  # "the lights" may be one
    assert words[0].offset == 0.0
    assert 1.0 < seconds(chunks) < 4.0
    assert len(chunks) > 3


def test_languages_and_unknown_voices_are_spoken(speak: Speak) -> None:
    assert text_of(speak("Guten Morgen!", "nobody", "de-DE")) == "Guten Morgen!"
    assert seconds(speak("你好，世界", "Leda", "zh-CN")) > 0.5


HARD = st.one_of(
    st.text(max_size=80),
    st.text(st.sampled_from("<b>/&;[]{}()'\".,!?-_*#\\ \n\t059"), max_size=80),
    st.text(st.characters(categories=["So", "Sk", "Mn", "Cf", "Cc", "Cs", "Co", "Nd"]), max_size=30),
    st.text(st.characters(min_codepoint=0x3000, max_codepoint=0x9FFF), max_size=20),
)


@settings(max_examples=80, deadline=None)
@given(HARD, st.sampled_from(["", "Zephyr", "Algenib"]), st.sampled_from(["", "de", "zh", "ar", "hi", "ja"]))
@example("", "", "")
@example("...", "", "")
@example("\0", "", "")
@example("a\0b", "", "")
@example("😀👍🏽 \u200d", "", "")
@example("<b>bold</b> [[h@l'oU]] <speak><break time='3s'/></speak>", "", "")
@example("lone \ud800 surrogate", "", "")
@example("word " * 400, "", "")
@example("x" * 1000, "", "")
def test_words_join_to_the_text_and_lie_within_the_sound(speak: Speak, text: str, name: str, language: str) -> None:
    chunks = speak(text, name, language)
    offsets = [word.offset for chunk in chunks for word in chunk.words]
    assert text_of(chunks) == text
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= seconds(chunks) for offset in offsets)
    assert all(len(chunk.pcm) % 2 == 0 for chunk in chunks)


@pytest.mark.parametrize("text", ["", "   ", "...", "😀", "\n"])
def test_text_without_words_makes_no_sound(speak: Speak, text: str) -> None:
    assert seconds(speak(text)) == 0.0


def test_offsets_of_a_long_text_go_on_through_its_pieces(speak: Speak) -> None:
    chunks = speak("This sentence is said again and again. " * 20)
    assert text_of(chunks) == "This sentence is said again and again. " * 20
    begin = 0.0
    for chunk in chunks:
        assert all(begin <= word.offset <= begin + len(chunk.pcm) / 48_000 for word in chunk.words)
        begin += len(chunk.pcm) / 48_000


def test_a_number_of_workers_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        EspeakVoice(workers=0)


async def test_speaking_before_the_start_and_after_the_end_is_refused() -> None:
    voice = EspeakVoice()
    with pytest.raises(EngineUnavailable, match="start"):
        await collect(voice, "Hello")
    await voice.start()
    await voice.aclose()
    await voice.aclose()
    with pytest.raises(EngineUnavailable, match="start"):
        await collect(voice, "Hello")


async def test_closing_early_leaves_the_worker_to_the_next() -> None:
    voice = EspeakVoice()
    await voice.start()
    async with aclosing(voice.speak("One two three four five six seven. " * 8)) as chunks:
        async for _ in chunks:
            break
    assert text_of(await collect(voice, "And now this.")) == "And now this."
    await voice.aclose()


async def test_a_long_text_does_not_hold_up_another() -> None:
    voice = EspeakVoice()
    await voice.start()
    begun = asyncio.Event()

    async def long() -> None:
        async for _ in voice.speak("One two three four five six seven. " * 200):
            begun.set()

    slow = asyncio.create_task(long())
    await begun.wait()
    assert text_of(await collect(voice, "Excuse me.")) == "Excuse me."
    assert not slow.done()
    slow.cancel()
    await voice.aclose()


async def test_speeches_at_once_keep_apart() -> None:
    voice = EspeakVoice(workers=2)
    await voice.start()
    texts = [f"This is speech number {number}." for number in range(12)]
    assert [text_of(chunks) for chunks in await asyncio.gather(*(collect(voice, text) for text in texts))] == texts
    await voice.aclose()


SCRIPTED = """
import os, sys
from pathlib import Path
from antiphon.engines.cascade.process import serve

def run(pipe):
    lives = Path({lives!r})
    life = len(lives.read_text()) if lives.exists() else 0
    lives.write_text("x" * (life + 1))
    pipe.send({{"ready": True}})
    while (order := pipe.receive()) is not None:
        if "cancel" in order:
            continue
        say = lambda sound: pipe.send({{"id": order["id"], "pcm": sound, "words": [[0, len(order["text"]), 0]]}})
        text = order["text"]
{behaviour}
        say(b"\\1\\0")
        pipe.send({{"id": order["id"], "done": True}})

serve(run)
"""

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Have the voice run a worker with this behaviour; returns the file with a letter for each of its lives."""

    def install(behaviour: str) -> Path:
        lives = tmp_path / "lives"
        body = "\n".join(" " * 8 + line for line in behaviour.splitlines())
        (tmp_path / "scripted_voice.py").write_text(SCRIPTED.format(lives=str(lives), behaviour=body))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.setattr(module, "WORKER", "scripted_voice")
        return lives

    return install


async def test_a_worker_that_dies_before_any_sound_is_asked_again(script: Script) -> None:
    lives = script("if text == 'poison' and life == 0: os._exit(1)")
    voice = EspeakVoice()
    await voice.start()
    assert text_of(await collect(voice, "poison")) == "poison"
    assert len(lives.read_text()) == 2
    await voice.aclose()


async def test_a_worker_that_dies_after_sound_ends_the_speech(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    lives = script("if text == 'poison': say(b'\\2\\0'); os._exit(1)")
    voice = EspeakVoice()
    await voice.start()
    chunks = await collect(voice, "poison")
    assert [chunk.pcm for chunk in chunks] == [b"\2\0"]
    assert "could not be spoken to its end" in caplog.text
    assert text_of(await collect(voice, "water")) == "water"
    assert len(lives.read_text()) == 2
    await voice.aclose()


async def test_a_text_that_kills_every_worker_is_given_up(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    lives = script("if text == 'poison': os._exit(1)")
    voice = EspeakVoice()
    await voice.start()
    assert await collect(voice, "poison") == []
    assert len(lives.read_text()) == ATTEMPTS
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.WARNING, logging.ERROR]
    assert text_of(await collect(voice, "water")) == "water"
    await voice.aclose()


async def test_a_worker_that_hangs_is_replaced(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    lives = script("if text == 'tar' and life == 0: import time; os.close(0); time.sleep(60)")
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    voice = EspeakVoice()
    await voice.start()
    assert text_of(await collect(voice, "tar")) == "tar"
    assert len(lives.read_text()) == 2
    await voice.aclose()


async def test_an_error_of_the_worker_ends_the_speech(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    script("if text == 'odd': pipe.send({'id': order['id'], 'done': True, 'error': 'no voice'}); continue")
    voice = EspeakVoice()
    await voice.start()
    assert await collect(voice, "odd") == []
    assert "no voice" in caplog.text
    await voice.aclose()


async def test_a_worker_that_talks_nonsense_is_replaced(script: Script, caplog: pytest.LogCaptureFixture) -> None:
    lives = script("if text == 'odd' and life == 0: pipe.send({'id': order['id'], 'nonsense': 1})")
    voice = EspeakVoice()
    await voice.start()
    assert text_of(await collect(voice, "odd")) == "odd"
    assert "KeyError" in caplog.text
    assert len(lives.read_text()) == 2
    await voice.aclose()


async def test_a_worker_that_cannot_be_started_again_fails_one_text_only(
    script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script("if text == 'poison': os._exit(1)")
    voice = EspeakVoice()
    await voice.start()

    async def no_process(*_command: object, **_options: object) -> None:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", no_process)
        assert await collect(voice, "poison") == []
    assert "Too many open files" in caplog.text
    assert text_of(await collect(voice, "water")) == "water"
    await voice.aclose()


async def test_a_worker_that_cannot_run_says_why(script: Script) -> None:
    script("pass")
    module_file = Path(str(script("pass"))).with_name("scripted_voice.py")
    module_file.write_text(
        "from antiphon.engines.cascade.process import serve\n"
        "def run(pipe): raise RuntimeError('pip install espeakng-loader')\n"
        "serve(run)\n"
    )
    with pytest.raises(EngineUnavailable, match="pip install espeakng-loader"):
        await EspeakVoice().start()


async def test_closing_the_voice_ends_speeches_that_wait(script: Script) -> None:
    script("if text == 'wait': say(b'\\2\\0'); sys.stdin.read()")
    voice = EspeakVoice()
    await voice.start()
    begun = asyncio.Event()
    heard: list[bytes] = []

    async def listen() -> None:
        async for chunk in voice.speak("wait"):
            heard.append(chunk.pcm)
            begun.set()

    running = asyncio.create_task(listen())
    await begun.wait()
    waiting = asyncio.create_task(collect(voice, "never begun"))
    await asyncio.sleep(0)
    await voice.aclose()
    async with asyncio.timeout(5):
        await running
        assert await waiting == []
    assert heard == [b"\2\0"]


async def test_a_cancelled_listener_never_reaches_the_worker(script: Script) -> None:
    lives = script("if text == 'poison': os._exit(1)")
    voice = EspeakVoice()
    await voice.start()
    poison = asyncio.create_task(collect(voice, "poison"))
    water = asyncio.create_task(collect(voice, "water"))
    poison.cancel()
    assert text_of(await water) == "water"
    assert len(lives.read_text()) == 1
    await voice.aclose()
