"""What only Whisper does."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.engines.cascade.recognisers.tiny import tone
from tests.extras import until

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import RecogniserBusy, RecogniserFailed
from antiphon.engines.cascade.recognisers.whisper import WhisperRecogniser
from antiphon.live.setup import Tool

KITCHEN = Tool("light", parameters={"type": "object", "properties": {"room": {"enum": ["Küche", "Flur"]}}})


@pytest.fixture
async def whisper(whisper_folder: Path) -> Any:
    recogniser = WhisperRecogniser(whisper_folder, compute_type="float32", threads=1, wait=5.0)
    await recogniser.start()
    yield recogniser
    await recogniser.aclose()


class Spy:
    """Stands between a recogniser and its model."""

    def __init__(self, recogniser: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self._model = recogniser._model
        recogniser._model = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def transcribe(self, samples: Any, **options: Any) -> Any:
        self.asked.append(options)
        assert self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        return self._model.transcribe(samples, **options)


async def read(recogniser: WhisperRecogniser, sound: bytes, language: str = "") -> str:
    utterance = recogniser.utterance(recogniser.context("Ask for Anna Meyer.", (KITCHEN,), ("gute Nacht",), language))
    utterance.feed(sound)
    text = (await utterance.finish()).text
    await utterance.aclose()
    return text


async def test_the_model_is_told_language_and_words(whisper: WhisperRecogniser) -> None:
    spy = Spy(whisper)
    assert await read(whisper, tone("a"), "de-AT") == "a"
    (asked,) = spy.asked
    assert asked["language"] == "de"
    assert asked["hotwords"] == "gute Nacht, Küche, Flur, Anna Meyer"


async def test_the_language_may_be_configured_or_left_to_the_model(whisper_folder: Path) -> None:
    recogniser = WhisperRecogniser(whisper_folder, language="de", compute_type="float32", threads=1)
    await recogniser.start()
    codes = {tag: recogniser.language_code(tag) for tag in ("", "en-GB", "de_DE", "xx", "fr-FR", "yue")}
    assert codes == {"": "de", "en-GB": "en", "de_DE": "de", "xx": "de", "fr-FR": "de", "yue": "de"}
    await recogniser.aclose()


async def test_a_language_that_nobody_names_is_guessed(whisper: WhisperRecogniser) -> None:
    spy = Spy(whisper)
    assert await read(whisper, tone("c")) == "c"
    assert spy.asked[0]["language"] is None


async def test_only_what_is_longer_than_a_window_is_cut_at_time_stamps(whisper: WhisperRecogniser) -> None:
    spy = Spy(whisper)
    await read(whisper, tone("c", 30))
    await read(whisper, tone("c", 31))
    assert [asked["without_timestamps"] for asked in spy.asked] == [True, False]


async def test_looks_wait_for_nobody(whisper: WhisperRecogniser) -> None:
    spy = Spy(whisper)
    spy.gate.clear()
    one, two = (whisper.utterance(whisper.context("", (), (), "en")) for _ in range(2))
    one.feed(tone("a"))
    two.feed(tone("b"))
    final = asyncio.create_task(one.finish())
    await until(lambda: spy.asked)
    assert (await two.partial()).text == ""
    assert len(spy.asked) == 1
    spy.gate.set()
    assert (await final).text == "a"
    await one.aclose()
    await two.aclose()


async def test_a_look_under_way_does_not_hold_up_a_final(whisper: WhisperRecogniser) -> None:
    spy = Spy(whisper)
    spy.gate.clear()
    utterance = whisper.utterance(whisper.context("", (), (), "en"))
    utterance.feed(tone("a"))
    look = asyncio.create_task(utterance.partial())
    await until(lambda: spy.asked)
    final = asyncio.create_task(utterance.finish())
    await until(lambda: len(spy.asked) == 2)  # begun, although the look is not done
    spy.gate.set()
    assert (await final).text == "a"
    assert (await look).text == "a"
    await utterance.aclose()


async def test_who_waits_too_long_for_a_worker_is_told_so(whisper_folder: Path) -> None:
    recogniser = WhisperRecogniser(whisper_folder, compute_type="float32", threads=1, wait=0.01)
    await recogniser.start()
    spy = Spy(recogniser)
    spy.gate.clear()
    first = asyncio.create_task(read(recogniser, tone("a"), "en"))
    await until(lambda: spy.asked)
    with pytest.raises(RecogniserBusy, match=r"within 0\.01 s; raise workers"):
        await read(recogniser, tone("b"), "en")
    spy.gate.set()
    assert await first == "a"
    await recogniser.aclose()


async def test_a_model_that_fails_fails_by_name(whisper: WhisperRecogniser) -> None:
    Spy(whisper).failure = RuntimeError("CUDA out of memory")
    with pytest.raises(RecogniserFailed, match="out of memory"):
        await read(whisper, tone("a"), "en")


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json"])
def test_a_missing_file_is_named_with_the_remedy(whisper_folder: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "whisper-base"
    folder.mkdir()
    for file in whisper_folder.iterdir():
        if file.name != name:
            (folder / file.name).write_bytes(file.read_bytes())
    with pytest.raises(EngineUnavailable, match=rf"{name}; get the model with: antiphon models pull whisper-base"):
        asyncio.run(WhisperRecogniser(folder).start())


def test_a_damaged_model_does_not_load(whisper_folder: Path, tmp_path: Path) -> None:
    for file in whisper_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes()[:100])
    with pytest.raises(EngineUnavailable, match="does not load"):
        asyncio.run(WhisperRecogniser(tmp_path).start())
