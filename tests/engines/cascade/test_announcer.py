"""What no engine made, spoken or written."""

import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.announcer import VoiceAnnouncer
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.parts import SpeechChunk, SpokenWord, VoiceFailed
from antiphon.live.events import ModelText, OutputTranscript, Speech
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup

PROFILE = next(iter(PROFILES.values()))
SETUP = Setup(PROFILE, voice="Puck", language="en-GB")


class Voice:
    """Says a word in 10 ms, then fails if it is told to."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.asked: tuple[str, str, str] = ("", "", "")
        self.closed = False

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        self.asked = (text, voice, language)
        try:
            yield SpeechChunk(bytes(480), (SpokenWord("Good", 0.0),))
            if self.fails:
                raise VoiceFailed("the service is gone")
            yield SpeechChunk(b"", (SpokenWord("bye", 0.01), SpokenWord(".", 0.01)))
            yield SpeechChunk(bytes(480))
        finally:
            self.closed = True


async def said(voice: Any, setup: Setup = SETUP) -> list[Any]:
    return [event async for event in VoiceAnnouncer(voice).say(7, "Goodbye.", setup)]


async def test_it_is_spoken_as_the_session_has_it() -> None:
    voice = Voice()
    assert await said(voice) == [
        Speech(7, bytes(480)),
        OutputTranscript(7, "Good", 0.0),
        OutputTranscript(7, "bye.", 0.01),
        Speech(7, bytes(480)),
    ]
    assert voice.asked == ("Goodbye.", "Puck", "en-GB")


async def test_it_is_written_in_a_session_of_text() -> None:
    assert await said(Voice(), Setup(PROFILE, modality="text")) == [ModelText(7, "Goodbye.")]


async def test_a_voice_that_fails_ends_it_early(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        assert await said(Voice(fails=True)) == [Speech(7, bytes(480)), OutputTranscript(7, "Good", 0.0)]
    assert "cut after 0.0 s: the service is gone" in caplog.text


async def test_one_who_stops_listening_stops_the_voice() -> None:
    voice = Voice()
    announcing: Any = VoiceAnnouncer(voice).say(7, "Goodbye.", SETUP)
    await anext(announcing)
    await announcing.aclose()
    assert voice.closed


async def test_a_voice_that_does_not_run_says_so() -> None:
    with pytest.raises(EngineUnavailable, match="not running"):
        await said(EspeakVoice())
