"""The embedded voice, espeak-ng, in processes of its own."""

import msgspec

from antiphon.engines.cascade.espeak import text as texts
from antiphon.engines.cascade.espeak import voices
from antiphon.engines.cascade.espeak.order import Delivery, Order
from antiphon.engines.cascade.process import WorkerProcess
from antiphon.engines.cascade.process_voice import ProcessVoice

WORKER = "antiphon.engines.cascade.espeak.worker"

PATIENCE = 10.0
"""Seconds without a message after which a worker counts as hung; a piece takes milliseconds."""


class EspeakVoice(ProcessVoice):
    """Text to speech in ``workers`` child processes (see :class:`.process_voice.ProcessVoice`).

    An unknown voice is spoken by the default one, an unknown language by American English: see :func:`.voices.find` and
    :func:`.voices.language_code`.
    """

    def __init__(self, workers: int = 1) -> None:
        super().__init__(lambda: WorkerProcess(WORKER), workers, PATIENCE)

    def order(self, number: int, piece: str, voice: str, language: str) -> dict[str, object]:
        """How espeak-ng is to speak ``piece``."""
        order = Order(number, texts.speakable(piece), _delivery(voice, language), texts.pauses(piece))
        built: dict[str, object] = msgspec.to_builtins(order)
        return built


def _delivery(voice: str, language: str) -> Delivery:
    preset = voices.preset(voice)
    name = f"{voices.language_code(language)}+{preset.variant}"
    return Delivery(name, preset.rate, preset.pitch, preset.range, preset.volume)
