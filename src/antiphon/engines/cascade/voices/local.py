"""Neural voices on this computer, each in processes of its own."""

from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from antiphon.engines.cascade.espeak.text import speakable
from antiphon.engines.cascade.process import WorkerProcess
from antiphon.engines.cascade.process_voice import ProcessVoice
from antiphon.engines.cascade.voices.order import Order

WORKER: Final = "antiphon.engines.cascade.voices.worker"
PATIENCE: Final = 60.0
"""Seconds one sentence may take: on a slow core a long one takes several."""

PIECE: Final = 200
"""Characters of one order at most: what others wait for, and what is made in vain when the user barges in."""


class LocalVoice(ProcessVoice):
    """Kokoro or Piper in ``workers`` child processes (see :class:`~.process_voice.ProcessVoice`).

    Args:
        kind: which of the two.
        folder: holds the model; see :mod:`.kokoro` and :mod:`.piper` for its files.
        voice: who speaks in sessions that name no voice: one of the API's or of the model's.
        language: BCP-47 tag for sessions that name none.
        threads: cores for each worker.
    """

    def __init__(
        self,
        kind: Literal["kokoro", "piper"],
        folder: Path,
        *,
        voice: str = "",
        language: str = "",
        workers: int = 1,
        threads: int = 1,
    ) -> None:
        arguments = (kind, str(folder), str(threads))
        super().__init__(lambda: WorkerProcess(WORKER, *arguments), workers, PATIENCE, PIECE)
        self._voice = voice
        self._language = language

    def order(self, number: int, piece: str, voice: str, language: str) -> dict[str, Any]:
        """What the child is to speak."""
        order = Order(number, speakable(piece), voice or self._voice, language or self._language)
        built: dict[str, Any] = msgspec.to_builtins(order)
        return built
