"""Models of a few kilobytes, in the formats of real ones, that hear in which of eight bands a tone lies.

Each band is a letter, ``a`` (low) to ``h`` (high). Weights that do no work in this are random.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000
LETTERS = "abcdefgh"


def tone(letter: str, seconds: float = 1.0) -> bytes:
    """A tone in the middle of the band of ``letter``, mono 16-bit at 16 kHz, faded in and out."""
    time = np.arange(int(RATE * seconds)) / RATE
    fade = np.minimum(1, np.minimum(time, seconds - time) * 50)
    return (8_000 * fade * np.sin(2 * np.pi * frequency(letter) * time)).astype("<i2").tobytes()


def frequency(letter: str) -> float:
    """The middle of the band of ``letter`` in hertz: of 80 filters, each band has ten."""
    middle = (LETTERS.index(letter) + 0.5) * 10 + 0.5
    return _hertz(middle / 81 * _mel(RATE / 2))


def _mel(hertz: float) -> float:
    """Slaney's scale, which Whisper's features are on; those of NeMo too, and Kaldi's is near enough."""
    return hertz / (200 / 3) if hertz < 1000 else 15 + np.log(hertz / 1000) / (np.log(6.4) / 27)


def _hertz(mel: float) -> float:
    return float(mel * 200 / 3 if mel < 15 else 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


# --- Whisper ------------------------------------------------------------------------------------------------

_SPECIAL = (
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
)
_DIM = 16
_START, _SAID, _ZERO = 8, 9, 10  # dimensions, after one for each letter


def write_whisper(folder: Path) -> Path:
    """A model in CTranslate2's format that says the letter of the band, once."""
    from ctranslate2.specs import whisper_spec

    folder.mkdir(parents=True, exist_ok=True)
    tokens = _write_tokenizer(folder / "tokenizer.json")
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
    _fill_encoder(spec.encoder)
    _fill_decoder(spec.decoder, tokens)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [tokens.index("<|en|>"), tokens.index("<|de|>")]
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    spec.optimize(quantization=None)
    spec.save(str(folder))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    return folder


def _write_tokenizer(path: Path) -> list[str]:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    # The empty token is what tells CTranslate2 a model of many languages.
    alphabet = [*sorted(pre_tokenizers.ByteLevel.alphabet()), ""]
    tokenizer = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in _SPECIAL])
    tokenizer.save(str(path))
    stamps = [f"<|{number * 0.02:.2f}|>" for number in range(1501)]
    return [*alphabet, *_SPECIAL, *stamps]


def _fill_encoder(spec: Any) -> None:
    """Every letter has a dimension that is loud while its band is; its opposite is eight dimensions further."""
    conv = np.zeros((_DIM, 80, 3), np.float32)
    for letter in range(8):
        conv[letter, 10 * letter : 10 * letter + 10, 1] = 0.3
        conv[letter + 8, 10 * letter : 10 * letter + 10, 1] = -0.3
    spec.conv1.weight, spec.conv1.bias = conv, np.full(_DIM, 4, np.float32)  # where the activation is straight
    spec.conv2.weight, spec.conv2.bias = np.zeros((_DIM, _DIM, 3), np.float32), np.zeros(_DIM, np.float32)
    spec.conv2.weight[:, :, 1] = np.eye(_DIM)
    spec.position_encodings.encodings = np.zeros((1500, _DIM), np.float32)
    _fill_layer(spec.layer[0])
    _fill_norm(spec.layer_norm)


def _fill_decoder(spec: Any, tokens: list[str]) -> None:
    """Says the letter that the sound has most of, and then nothing more."""
    embeddings = np.zeros((len(tokens), _DIM), np.float32)
    embeddings[:, _SAID] = 1
    for name in _SPECIAL:
        embeddings[tokens.index(name)] = np.eye(_DIM)[_START]
    projection = np.zeros((len(tokens), _DIM), np.float32)
    for number, letter in enumerate(LETTERS):
        projection[tokens.index(letter), [number, _ZERO]] = 20, -20
    projection[tokens.index("<|endoftext|>"), [_SAID, _ZERO]] = 5_000, -5_000
    spec.embeddings.weight, spec.projection.weight = embeddings, projection
    spec.position_encodings.encodings = np.zeros((448, _DIM), np.float32)
    _fill_layer(spec.layer[0])
    _fill_hearing(spec.layer[0].attention)
    _fill_norm(spec.layer_norm)


def _fill_hearing(attention: Any) -> None:
    """Attends to all of the sound alike, and passes on how loud each band is."""
    _fill_norm(attention.layer_norm)
    _fill_linear(attention.linear[0], np.zeros((_DIM, _DIM)))
    values = np.zeros((2 * _DIM, _DIM))
    values[_DIM : _DIM + 8, :8] = np.eye(8)
    _fill_linear(attention.linear[1], values)
    passed = np.zeros((_DIM, _DIM))
    passed[:8, :8] = 10 * (np.eye(8) - 1 / 8)
    _fill_linear(attention.linear[2], passed)


def _fill_layer(layer: Any) -> None:
    random = np.random.default_rng(1)
    for part in (layer.self_attention, layer.ffn):
        _fill_norm(part.layer_norm)
    _fill_linear(layer.self_attention.linear[0], random.normal(size=(3 * _DIM, _DIM)))
    _fill_linear(layer.self_attention.linear[1], np.zeros((_DIM, _DIM)))
    _fill_linear(layer.ffn.linear_0, random.normal(size=(4 * _DIM, _DIM)))
    _fill_linear(layer.ffn.linear_1, np.zeros((_DIM, 4 * _DIM)))


def _fill_norm(norm: Any) -> None:
    norm.gamma, norm.beta = np.ones(_DIM, np.float32), np.zeros(_DIM, np.float32)


def _fill_linear(linear: Any, weight: Any) -> None:
    linear.weight, linear.bias = weight.astype(np.float32), np.zeros(len(weight), np.float32)


# --- streaming models -----------------------------------------------------------------------------------------

CHUNK, SUBSAMPLING = 32, 8
_OPSET = 17


def _bands(blank: int) -> Any:
    """Weights ``[80, 9]`` from the filters to how loud each band is; ``blank`` is the column of all together."""
    bands = np.insert(np.repeat(np.eye(8), 10, axis=1) / 10, blank, 1 / 80, axis=0)
    return bands.T.astype(np.float32)


def _hearing(frames: str, blank: int, contrast: float) -> tuple[list[Any], list[Any]]:
    """Nodes and weights from features ``[batch, time, 80]`` to ``logits``; below ``contrast`` blank wins."""
    from onnx import helper, numpy_helper

    bias = np.zeros(9, np.float32)
    bias[blank] = contrast
    nodes = [
        helper.make_node("MatMul", [frames, "bands"], ["loudness"]),
        helper.make_node("ReduceMean", ["loudness"], ["mean"], axes=[2], keepdims=1),
        helper.make_node("Sub", ["loudness", "mean"], ["contrast"]),
        helper.make_node("Add", ["contrast", "bias"], ["logits"]),
    ]
    return nodes, [numpy_helper.from_array(_bands(blank), "bands"), numpy_helper.from_array(bias, "bias")]


def _save(path: Path, nodes: list[Any], weights: list[Any], inputs: Any, outputs: Any, **facts: object) -> None:
    """Inputs and outputs are names with their types and shapes; ``facts`` is the metadata."""
    import onnx
    from onnx import helper

    taken, made = ([helper.make_tensor_value_info(*value) for value in values] for values in (inputs, outputs))
    graph = helper.make_graph(nodes, "tiny", taken, made, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8)
    helper.set_model_props(model, {name: str(fact) for name, fact in facts.items()})
    onnx.save(model, str(path))


def write_nemo_ctc(folder: Path) -> Path:
    """A CTC model of NeMo for sherpa-onnx, which says the letter of the band whenever another begins."""
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    node, floats, ints = helper.make_node, TensorProto.FLOAT, TensorProto.INT64
    counter = "cache_last_channel_len"
    hearing, weights = _hearing("frames", blank=8, contrast=1)
    nodes = [
        node("AveragePool", ["audio_signal"], ["pooled"], kernel_shape=[SUBSAMPLING], strides=[SUBSAMPLING]),
        node("Transpose", ["pooled"], ["frames"], perm=[0, 2, 1]),
        *hearing,
        node("LogSoftmax", ["logits"], ["logprobs"], axis=2),
        node("Div", ["length", "stride"], ["encoded_lengths"]),
        node("Identity", ["cache_last_channel"], ["cache_last_channel_next"]),
        node("Identity", ["cache_last_time"], ["cache_last_time_next"]),
        node("Add", [counter, "length"], [f"{counter}_next"]),
    ]
    weights.append(numpy_helper.from_array(np.array([SUBSAMPLING], np.int64), "stride"))
    caches = [("cache_last_channel", ["n", 1, 4, 4]), ("cache_last_time", ["n", 1, 4, 2])]
    states = [(name, floats, shape) for name, shape in caches]
    next_states = [(f"{name}_next", floats, shape) for name, shape in caches]
    _save(
        folder / "model.onnx",
        nodes,
        weights,
        [("audio_signal", floats, ["n", 80, "t"]), ("length", ints, ["n"]), *states, (counter, ints, ["n"])],
        [
            *[("logprobs", floats, ["n", "s", 9]), ("encoded_lengths", ints, ["n"])],
            *[*next_states, (f"{counter}_next", ints, ["n"])],
        ],
        model_type="EncDecHybridRNNTCTCBPEModel",
        window_size=CHUNK,
        chunk_shift=CHUNK,
        subsampling_factor=SUBSAMPLING,
        vocab_size=8,
        normalize_type="",
        **{f"{name}_dim{axis}": shape[axis] for name, shape in caches for axis in (1, 2, 3)},
    )
    _write_tokens(folder, [*LETTERS, "<blk>"])
    return folder


def write_transducer(folder: Path) -> Path:
    """A transducer of k2-fsa for sherpa-onnx, which says the letter of the band whenever another begins."""
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    node, floats, ints = helper.make_node, TensorProto.FLOAT, TensorProto.INT64
    hearing, weights = _hearing("frames", blank=0, contrast=5)
    nodes = [
        node("Transpose", ["x"], ["filters"], perm=[0, 2, 1]),
        node("AveragePool", ["filters"], ["pooled"], kernel_shape=[SUBSAMPLING], strides=[SUBSAMPLING]),
        node("Transpose", ["pooled"], ["frames"], perm=[0, 2, 1]),
        *hearing,
        node("Identity", ["h"], ["next_h"]),
        node("Identity", ["c"], ["next_c"]),
    ]
    states = [(name, floats, [1, "n", 4]) for name in ("h", "c")]
    next_states = [(f"next_{name}", floats, shape) for name, _, shape in states]
    facts = {"num_encoder_layers": 1, "T": CHUNK, "decode_chunk_len": CHUNK, "rnn_hidden_size": 4, "d_model": 4}
    inputs, outputs = [("x", floats, ["n", CHUNK, 80]), *states], [("logits", floats, ["n", "s", 9]), *next_states]
    _save(folder / "encoder.onnx", nodes, weights, inputs, outputs, model_type="lstm", **facts)
    # Whatever was said last is not said again; blank is always possible.
    said = numpy_helper.from_array((-50 * np.diag([0] + [1] * 8)).astype(np.float32), "said")
    last = numpy_helper.from_array(np.array(1, np.int64), "last")
    nodes = [node("Gather", ["y", "last"], ["token"], axis=1), node("Gather", ["said", "token"], ["decoder_out"])]
    _save(
        folder / "decoder.onnx",
        nodes,
        [said, last],
        [("y", ints, ["n", 2])],
        [("decoder_out", floats, ["n", 9])],
        vocab_size=9,
        context_size=2,
    )
    nodes = [node("Add", ["encoder_out", "decoder_out"], ["logit"])]
    joined = [("encoder_out", floats, ["n", 9]), ("decoder_out", floats, ["n", 9])]
    _save(folder / "joiner.onnx", nodes, [], joined, [("logit", floats, ["n", 9])], joiner_dim=9)
    _write_tokens(folder, ["<blk>", *LETTERS])
    return folder


def _write_tokens(folder: Path, tokens: list[str]) -> None:
    lines = [f"{token if len(token) > 1 else chr(0x2581) + token} {number}" for number, token in enumerate(tokens)]
    (folder / "tokens.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
