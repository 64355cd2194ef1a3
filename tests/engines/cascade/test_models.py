"""A whole cascade of open models: it hears with the real recogniser's code and speaks with the real voice's."""

import asyncio
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.engines.cascade.recognisers import tiny as ears
from tests.engines.cascade.voices import tiny as mouths
from tests.extras import need

from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.parts import Say
from antiphon.engines.cascade.recognisers import RecogniserConfig, recogniser
from antiphon.engines.cascade.voices.config import VoiceConfig, voice
from antiphon.engines.settings import read_engines
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    GenerationComplete,
    InputTranscript,
    OutputTranscript,
    Respond,
    Speech,
)
from antiphon.live.history import user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import ActivityDetection, Setup

MANUAL = ActivityDetection(automatic=False)


async def converse(engine: CascadeEngine, letter: str, language: str) -> tuple[str, str, bytes]:
    """What was heard of a tone, and what was answered, in words and in sound."""
    setup = Setup(PROFILES["gemini-3.8-live"], detection=MANUAL, language=language, transcribe_input=True, voice="Kore")
    conversation = await engine.open(setup)
    conversation.send(ActivityStart())
    conversation.send(Audio(ears.tone(letter), 16_000))
    conversation.send(ActivityEnd())
    heard, said, sound = "", "", b""
    async for event in conversation:
        match event:
            case InputTranscript(text, final=True):
                heard = text
                conversation.send(Respond(1, (user(text),)))
            case OutputTranscript(_, text, _):
                said += text
            case Speech(_, pcm):
                sound += pcm
            case GenerationComplete():
                break
    await conversation.aclose()
    return heard, said, sound


async def test_callers_are_heard_and_answered_at_once(tmp_path: Any, new_brain: Any) -> None:
    for module in ("faster_whisper", "kokoro_onnx", "onnx"):
        need(module)
    ears.write_whisper(tmp_path / "whisper")
    mouths.write_kokoro(tmp_path / "kokoro")
    engine = CascadeEngine(
        recogniser(RecogniserConfig(kind="faster-whisper", path=str(tmp_path / "whisper"), compute_type="float32")),
        new_brain(Say("Good morning. "), Say("How are you?")),
        voice(VoiceConfig(kind="kokoro", path=str(tmp_path / "kokoro"))),
    )
    await engine.start()
    calls = await asyncio.gather(*(converse(engine, letter, "de-DE") for letter in "ahd"))
    await engine.aclose()
    assert [heard for heard, _, _ in calls] == ["a", "h", "d"]
    assert {said for _, said, _ in calls} == {"Good morning. How are you?"}
    assert len({sound for _, _, sound in calls}) == 1
    assert np.abs(np.frombuffer(calls[0][2], "<i2").astype(int)).max() > 1_000


def test_every_recogniser_and_voice_of_the_page_can_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "engines.md").read_text()
    for name in ("ASR_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "s3cret")
    kinds = set()
    for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL):
        tables = tomllib.loads(block)["engines"]
        settings = read_engines({"mine": {"kind": "cascade", **tables["mine"]}})["mine"].settings
        recogniser(settings.recogniser)
        voice(settings.voice)
        kinds |= {settings.recogniser.kind, settings.voice.kind}
    assert kinds == {"sphinx", "espeak", "faster-whisper", "sherpa-onnx", "openai", "kokoro", "piper"}
