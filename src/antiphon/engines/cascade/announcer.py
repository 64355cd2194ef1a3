"""Says what no engine made, such as a farewell: with a voice of the server's own."""

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

from antiphon.engines.cascade.parts import SpeechChunk, Voice, VoiceFailed
from antiphon.live.events import OUTPUT_RATE, ModelEvent, ModelText, OutputTranscript, Speech
from antiphon.live.setup import Setup

log = logging.getLogger("antiphon.cascade")


class VoiceAnnouncer:
    """Speaks with ``voice``, which is somebody else's to start and to close; writes where the session is a text one."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice

    async def say(self, generation: int, text: str, setup: Setup) -> AsyncIterator[ModelEvent]:
        """The events of ``text``, without the end of the generation. A voice that fails ends them early.

        Raises:
            EngineUnavailable: the voice does not run.
        """
        if setup.modality == "text":
            yield ModelText(generation, text)
            return
        seconds = 0.0
        try:
            async with aclosing(self.voice.speak(text, setup.voice, setup.language)) as chunks:
                async for chunk in chunks:
                    for event in _events(generation, chunk):
                        yield event
                    seconds += len(chunk.pcm) / (2 * OUTPUT_RATE)
        except VoiceFailed as error:
            log.error("an announcement was cut after %.1f s: %s", seconds, error)


def _events(generation: int, chunk: SpeechChunk) -> list[ModelEvent]:
    events: list[ModelEvent] = [Speech(generation, chunk.pcm)] if chunk.pcm else []
    if chunk.words:
        said = "".join(word.text for word in chunk.words)
        events.append(OutputTranscript(generation, said, chunk.words[0].offset))
    return events
