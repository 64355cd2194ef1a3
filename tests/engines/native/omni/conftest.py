"""A model that hears, and does as it is told; and what users say."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

import numpy as np
import pytest

from antiphon.engines.cascade.brain.language_model.messages import Said
from antiphon.engines.cascade.brain.language_model.model import Delta, ModelFailed, Request, Text
from antiphon.engines.native.omni.sounds import Heard


class FakeModel:
    """Answers with how many milliseconds of each sound it heard; a sound alone is read as "so many ms"."""

    name, provider, vision, thinks = "fake", "", False, False

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.started = self.closed = 0
        self.failure = ""
        self.silent = False

    async def start(self) -> None:
        self.started += 1

    async def aclose(self) -> None:
        self.closed += 1

    async def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.requests.append(request)
        if self.failure:
            raise ModelFailed(self.failure)
        if not self.silent:
            yield Text("heard")
            for pcm in heard(request):
                yield Text(f" {len(pcm) // 32} ms")


def heard(request: Request) -> list[bytes]:
    """The sounds in a request."""
    parts = [part for message in request.messages if isinstance(message, Said) for part in message.parts]
    return [part.pcm for part in parts if isinstance(part, Heard)]


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture(scope="session")
def sounds_of() -> Callable[[Request], list[bytes]]:
    return heard


@pytest.fixture(scope="session")
def noise() -> Callable[[float, int], bytes]:
    """So many seconds of sound at 16 kHz; each number makes another."""

    def make(seconds: float, number: int = 0) -> bytes:
        samples = np.random.default_rng(number).integers(-9_000, 9_000, round(16_000 * seconds))
        return samples.astype("<i2").tobytes()

    return make


@pytest.fixture(scope="session")
def loaded(omni_folder: Any) -> Callable[[], Any]:
    """Loads the tiny model the way a real one is loaded."""
    from antiphon.engines.native.config import OmniConfig
    from antiphon.engines.native.omni.thinker import load_thinker

    return lambda: load_thinker(OmniConfig(str(omni_folder)))
