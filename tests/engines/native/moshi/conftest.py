"""A model that needs no weights, and one with tiny random ones."""

import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.moshi.frames import FRAME_SAMPLES, Said


class EchoModel:
    """Says what it hears, with its row as a word of every audible frame, and notes what is done to it.

    A ``gate`` that is closed holds the next step up; with ``error`` it fails.
    """

    def __init__(self, rows: int = 2) -> None:
        self.rows = rows
        self.resets: list[list[int]] = []
        self.stepped: list[set[int]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.error: Exception | None = None

    def reset(self, rows: Sequence[int]) -> None:
        self.resets.append(list(rows))

    def step(self, frames: Mapping[int, bytes]) -> dict[int, Said]:
        self.entered.set()
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.stepped.append(set(frames))
        return {row: Said(pcm, f" row{row}".encode() if any(pcm) else b"") for row, pcm in frames.items()}


@pytest.fixture
def echo() -> EchoModel:
    return EchoModel()


@pytest.fixture(scope="session")
def new_echo() -> type[EchoModel]:
    return EchoModel


@pytest.fixture(scope="session")
def tone() -> Callable[[int], bytes]:
    """A frame that everybody hears; each number makes another."""

    def make(number: int = 0) -> bytes:
        return np.full(FRAME_SAMPLES, 1_000 + number, "<i2").tobytes()

    return make


@pytest.fixture(scope="session")
def greedy(moshi_folder: Path) -> Callable[[int], Any]:
    """Loads the tiny model with so many rows; it always takes the likeliest token."""
    from antiphon.engines.native.moshi.model import load

    def make(rows: int) -> Any:
        return load(MoshiConfig(str(moshi_folder), slots=rows, temperature=0, text_temperature=0))

    return make
