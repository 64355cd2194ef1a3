"""Voices of random weights, in the formats of real ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np

KOKORO_VOICES = ("af_bella", "af_heart", "am_adam", "bf_emma", "ef_dora", "em_alex")


def _write(path: Path, inputs: dict[str, tuple[int, list[Any]]], tokens: str, samples: int, rank: int) -> None:
    """A model that makes ``samples`` of noise of each token, always the same, and ignores its other inputs."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    noise = np.random.default_rng(1).normal(scale=0.2, size=(512, samples)).astype(np.float32)
    shape = np.array([1] * (rank - 1) + [-1], np.int64)
    weights = [numpy_helper.from_array(noise, "noise"), numpy_helper.from_array(shape, "shape")]
    nodes = [
        helper.make_node("Gather", ["noise", tokens], ["sounds"]),
        helper.make_node("Reshape", ["sounds", "shape"], ["audio"]),
    ]
    value = helper.make_tensor_value_info
    taken = [value(name, kind, shape) for name, (kind, shape) in inputs.items()]
    made = [value("audio", TensorProto.FLOAT, [*[1] * (rank - 1), "samples"])]
    graph = helper.make_graph(nodes, "tiny", taken, made, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))


def write_kokoro(folder: Path) -> Path:
    """A Kokoro model with six voices: 25 ms of noise for each phoneme, at 24 kHz."""
    folder.mkdir(parents=True, exist_ok=True)
    floats, ints = 1, 7
    inputs = {"tokens": (ints, [1, "n"]), "style": (floats, [1, 256]), "speed": (floats, [1])}
    _write(folder / "model.onnx", inputs, "tokens", 600, 1)
    random = np.random.default_rng(2)
    styles = {name: random.normal(size=(510, 1, 256)).astype(np.float32) for name in KOKORO_VOICES}
    with (folder / "voices-v1.0.bin").open("wb") as file:
        np.savez(file, **styles)
    return folder


def write_piper(folder: Path, name: str, language: str, speakers: int = 1) -> Path:
    """A Piper voice: 256 samples of noise for each phoneme, at 22,050 Hz."""
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    folder.mkdir(parents=True, exist_ok=True)
    floats, ints = 1, 7
    inputs = {"input": (ints, [1, "n"]), "input_lengths": (ints, [1]), "scales": (floats, [3])}
    if speakers > 1:
        inputs["sid"] = (ints, [1])
    _write(folder / f"{name}.onnx", inputs, "input", 256, 4)
    config = {
        "audio": {"sample_rate": 22_050, "quality": "low"},
        "espeak": {"voice": language.split("_")[0]},
        "language": {"code": language},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "num_symbols": 256,
        "num_speakers": speakers,
        "speaker_id_map": {f"p{number}": number for number in range(speakers)} if speakers > 1 else {},
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(config))
    return folder
