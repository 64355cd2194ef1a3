"""Speech to recognise, decoders to recognise it, and a stand-in for the child process."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soxr

from antiphon.engines.cascade.espeak.library import Espeak
from antiphon.engines.cascade.espeak.order import Delivery
from antiphon.engines.cascade.sphinx.decoders import Decoders

KLATT = Delivery("en-us+klatt4", rate=170, pitch=50, range=30, volume=100)

FAKE = '''
"""Says what it is fed: sound is text here. A fed "die" ends the process, and "once" does so the first time."""
import os, sys
from antiphon.engines.cascade.process import serve

def run(pipe):
    pipe.send({"ready": True})
    heard, phrases = [], []
    while (request := pipe.receive()) is not None:
        match request:
            case {"begin": phrases, "mean": mean}:
                heard = [mean] if mean else []
            case {"prepare": prepared}:
                with open(os.environ["FAKE_LOG"], "a") as log:
                    print(*prepared, file=log)
            case {"sound": b"die"}:
                os._exit(3)
            case {"sound": b"once"} if not os.path.exists(os.environ["FAKE_LOG"]):
                open(os.environ["FAKE_LOG"], "w").close()
                os._exit(3)
            case {"sound": sound}:
                heard.append(sound.decode())
                pipe.send({"heard": len(sound)})
            case {"partial": _} if "die" in phrases:
                os._exit(3)
            case {"partial": number}:
                pipe.send({"text": " ".join([*phrases, *heard, "..."]), "partial": number})
            case {"finish": number}:
                learnt = "learnt" if "long" in heard else ""
                pipe.send({"text": " ".join([*phrases, *heard]), "finish": number, "mean": learnt})

serve(run)
'''


@pytest.fixture(scope="session")
def speak() -> Callable[[str], bytes]:
    """Synthetic speech at 16 kHz with the faint noise of a room before and after it."""
    espeak = Espeak()

    def spoken(text: str) -> bytes:
        parts: list[bytes] = []
        espeak.synthesise(text, KLATT, lambda pcm, _: parts.append(pcm) is None, end_pause=False)
        speech = soxr.resample(np.frombuffer(b"".join(parts), np.int16), espeak.sample_rate, 16_000)
        room = np.random.default_rng(0).integers(-3, 4, len(speech) + 8_800)
        room[4_800 : 4_800 + len(speech)] += speech
        return room.clip(-32_768, 32_767).astype("<i2").tobytes()

    return spoken


@pytest.fixture(scope="session")
def decoders() -> Decoders:
    """Loaded once: two seconds and a quarter of a gigabyte."""
    return Decoders()


@pytest.fixture
def fake_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that stands in for the worker; it logs to ``FAKE_LOG``."""
    (tmp_path / "fake_recogniser.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    return "fake_recogniser"
