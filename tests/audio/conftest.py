"""Real speech for this room's tests, made by espeak-ng in a process of its own (it keeps global state)."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.audio.resample import resample

SPEAK = """
import ctypes, sys
import espeakng_loader
library = ctypes.CDLL(espeakng_loader.get_library_path())
rate = library.espeak_Initialize(2, 20, espeakng_loader.get_data_path().encode(), 0)
@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
def take(samples, count, events):
    if samples and count:
        sys.stdout.buffer.write(ctypes.string_at(samples, 2 * count))
    return 0
library.espeak_SetSynthCallback(take)
library.espeak_SetVoiceByName(b"en-us+klatt4")
text = sys.argv[1].encode() + b"\\0"
sys.stdout.buffer.write(rate.to_bytes(4, "little"))
library.espeak_Synth(text, len(text), 0, 1, 0, 1, None, None)
"""


def spoken(text: str) -> NDArray[np.int16]:
    """``text`` at 16 kHz without the silence around it."""
    output = subprocess.run([sys.executable, "-c", SPEAK, text], capture_output=True, check=True).stdout
    sound = resample(output[4:], int.from_bytes(output[:4], "little"), 16_000)
    samples = np.frombuffer(sound, np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 200)
    return samples[loud[0] : loud[-1] + 1]


@pytest.fixture(scope="session")
def sentence() -> NDArray[np.int16]:
    """About three seconds of speech at 16 kHz, loud from the first sample to the last."""
    return spoken("Sure, I can turn on the lights in the living room right now.")


@pytest.fixture(scope="session")
def room_noise() -> NDArray[np.int16]:
    """Four seconds of a quiet room at 16 kHz."""
    return np.random.default_rng(1).normal(0, 20, 64_000).astype(np.int16)
