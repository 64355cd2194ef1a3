import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.audio.frames import VadUnavailable
from antiphon.audio.webrtc import WebRtcVad

Samples = NDArray[np.int16]


def heard(vad: WebRtcVad, samples: Samples) -> np.ndarray:
    state = vad.state()
    frames = samples[: len(samples) // 512 * 512].reshape(-1, 1, 512)
    return np.concatenate([vad.probabilities([state], frame) for frame in frames])


def test_tells_speech_from_silence(sentence: Samples) -> None:
    vad = WebRtcVad()
    assert heard(vad, np.zeros(16_000, np.int16)).max() == 0
    assert np.mean(heard(vad, sentence) > 0.5) > 0.8


def test_speech_fades_within_a_few_frames(sentence: Samples) -> None:
    found = heard(WebRtcVad(), np.concatenate([sentence, np.zeros(16_000, np.int16)]))
    assert found[-1] == 0
    assert ((found >= 0) & (found <= 1)).all()


def test_a_batch_hears_what_each_would_alone(sentence: Samples) -> None:
    vad = WebRtcVad()
    sessions = [sentence[: 512 * 30], np.zeros(512 * 30, np.int16)]
    states = [vad.state() for _ in sessions]
    frames = np.stack([samples.reshape(-1, 512) for samples in sessions], 1)
    together = np.stack([vad.probabilities(states, batch) for batch in frames])
    assert together.dtype == np.float32
    assert np.array_equal(together, np.stack([heard(vad, samples) for samples in sessions], 1))


def test_every_sample_is_judged_once() -> None:
    class Counting:
        samples = 0

        def is_speech(self, sound: bytes, rate: int) -> bool:
            assert (len(sound), rate) == (320, 16_000)
            self.samples += len(sound) // 2
            return False

    vad, counting = WebRtcVad(), Counting()
    state = vad.state()
    state.detector = counting
    for _ in range(25):
        vad.probabilities([state], np.zeros((1, 512), np.int16))
    assert counting.samples + len(state.pending) // 2 == 25 * 512


def test_a_missing_module_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    with pytest.raises(VadUnavailable, match="install webrtcvad-wheels"):
        WebRtcVad()
