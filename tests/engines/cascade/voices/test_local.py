"""Kokoro and Piper: who speaks which language, and what is wrong with a folder."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import SpeechChunk
from antiphon.engines.cascade.voices import kokoro, piper
from antiphon.engines.cascade.voices.local import LocalVoice


class Model:
    """As much of a Kokoro model as it takes to choose."""

    def __init__(self, *voices: str) -> None:
        self.voices = dict.fromkeys(voices)


@pytest.mark.parametrize(
    ("voice", "language", "chosen"),
    [
        ("Zephyr", "", ("af_bella", "en-us")),
        ("Kore", "en-US", ("af_heart", "en-us")),
        ("Puck", "en", ("am_adam", "en-us")),
        ("Kore", "en-GB", ("bf_emma", "en-gb")),
        ("Puck", "en-AU", ("bf_emma", "en-gb")),
        ("Kore", "es-MX", ("ef_dora", "es")),
        ("Puck", "es-ES", ("em_alex", "es")),
        ("Kore", "de-DE", ("af_heart", "de")),
        ("em_alex", "en-US", ("em_alex", "en-us")),
        ("Kore", "pt_BR", ("af_heart", "pt-br")),
    ],
)
def test_kokoro_speaks_each_language_with_a_voice_of_it(voice: str, language: str, chosen: tuple[str, str]) -> None:
    model = kokoro.Kokoro(Model("af_bella", "af_heart", "am_adam", "bf_emma", "ef_dora", "em_alex"))
    assert model.choose(voice, language) == chosen


def speakers(*names: str) -> list[piper.Speaker]:
    return [piper.Speaker(name, Path(name), name.split("-")[0].casefold(), None) for name in names]


@pytest.mark.parametrize(
    ("voice", "language", "chosen"),
    [
        ("", "en-US", "en_US-ann"),
        ("", "en-GB", "en_GB-bob"),
        ("Zephyr", "en-AU", "en_GB-bob"),
        ("Puck", "en-AU", "en_US-ann"),
        ("Puck", "de", "de_DE-cat"),
        ("Zephyr", "fr-FR", "en_GB-bob"),
        ("EN_us-ann", "de-DE", "en_US-ann"),
    ],
)
def test_piper_speaks_each_language_with_a_model_of_it(voice: str, language: str, chosen: str) -> None:
    voices = piper.Piper(None, None, speakers("de_DE-cat", "en_GB-bob", "en_US-ann"), 1)
    assert voices.choose(voice, language).name == chosen


def test_piper_without_english_speaks_what_it_has() -> None:
    assert piper.Piper(None, None, speakers("de_DE-cat"), 1).choose("Kore", "ja-JP").name == "de_DE-cat"


def test_every_speaker_of_a_piper_model_is_a_voice(piper_folder: Path) -> None:
    voices = piper.load(piper_folder, 1)
    chosen = [voices.choose(name, "de-DE") for name in ("Zephyr", "Puck", "Charon", "Kore")]
    assert [speaker.number for speaker in chosen] == [0, 1, 2, 0]
    assert voices.choose("de_DE-choir-low/p2", "en").number == 2


def test_piper_loads_a_model_when_it_first_speaks(piper_folder: Path) -> None:
    voices = piper.load(piper_folder, 1)
    samples, rate = voices.speak("Guten Tag.", "", "de-DE")
    assert rate == 22_050
    assert len(samples) > 1_000
    assert list(voices._loaded) == [piper_folder / "de_DE-choir-low.onnx"]


def test_piper_reads_no_phonemes_out_of_a_text(piper_folder: Path) -> None:
    voices = piper.load(piper_folder, 1)
    plain, _ = voices.speak("h@l'oU", "", "en")
    bracketed, _ = voices.speak("[[h@l'oU]]", "", "en")
    assert len(plain) == len(bracketed)


async def hear(voice: LocalVoice, *spoken: str) -> list[SpeechChunk]:
    await voice.start()
    try:
        return [chunk async for chunk in voice.speak(*spoken)]
    finally:
        await voice.aclose()


async def test_kokoro_pauses_behind_a_sentence(kokoro_folder: Path) -> None:
    chunks = await hear(LocalVoice("kokoro", kokoro_folder), "Hello there.")
    samples = np.frombuffer(b"".join(chunk.pcm for chunk in chunks), "<i2")
    assert not samples[-int(kokoro.PAUSE * 24_000) :].any()
    assert samples[: -int(kokoro.PAUSE * 24_000)].any()


async def test_a_configured_voice_and_language_speak_where_none_is_named(piper_folder: Path) -> None:
    voice = LocalVoice("piper", piper_folder, voice="Kore", language="de-DE")
    order = voice.order(1, "Hallo", "", "")
    assert (order["voice"], order["language"]) == ("Kore", "de-DE")
    assert voice.order(1, "Hallo", "Puck", "en")["voice"] == "Puck"


@pytest.mark.parametrize(("module", "file"), [(kokoro, "model.onnx"), (piper, "voice.onnx")])
def test_missing_files_are_named_with_the_remedy(
    module: Any, file: str, kokoro_folder: Path, piper_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(EngineUnavailable, match=f"{file}; get the model with: antiphon models pull {tmp_path.name}"):
        module.load(tmp_path, 1)


def test_damaged_files_are_named(kokoro_folder: Path, piper_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(EngineUnavailable, match=r"voices-v1\.0\.bin; get the model"):
        kokoro.load(tmp_path, 1)
    (tmp_path / "voices-v1.0.bin").write_bytes((kokoro_folder / "voices-v1.0.bin").read_bytes())
    with pytest.raises(EngineUnavailable, match=r"the Kokoro model in .* does not load"):
        kokoro.load(tmp_path, 1)
    with pytest.raises(EngineUnavailable, match=r"there is no .*model\.onnx\.json"):
        piper.load(tmp_path, 1)
    (tmp_path / "model.onnx.json").write_text(json.dumps({"audio": {}}))
    with pytest.raises(EngineUnavailable, match="no configuration of a Piper voice"):
        piper.load(tmp_path, 1)


async def test_what_the_child_cannot_load_is_told(kokoro_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"model\.onnx; get the model with"):
        await LocalVoice("kokoro", tmp_path).start()


@pytest.mark.parametrize(("module", "package"), [(kokoro, "kokoro_onnx"), (piper, "piper")])
def test_a_missing_package_is_named_with_its_extra(
    module: Any, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    extra = module.__name__.rsplit(".", 1)[1]
    with pytest.raises(EngineUnavailable, match=rf'pip install "antiphon\[{extra}\]"'):
        module.load(tmp_path, 1)


async def test_the_server_never_loads_what_is_gpl(kokoro_folder: Path, piper_folder: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from antiphon.engines.cascade.voices.config import *\n"
        "async def main():\n"
        "    for kind, folder in zip(('kokoro', 'piper'), sys.argv[1:]):\n"
        "        speaker = voice(VoiceConfig(kind=kind, path=folder)); await speaker.start(); await speaker.aclose()\n"
        "asyncio.run(main())\n"
        "print(*{'piper', 'phonemizer', 'kokoro_onnx', 'onnxruntime'} & set(sys.modules))"
    )
    command = (sys.executable, "-c", program, str(kokoro_folder), str(piper_folder))
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    assert (child.returncode, said.strip()) == (0, b"")
