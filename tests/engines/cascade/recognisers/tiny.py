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


# --- a streaming CTC model of NeMo --------------------------------------------------------------------------

CHUNK, SHIFT, SUBSAMPLING = 32, 32, 8


def write_nemo_ctc(folder: Path) -> Path:
    """A model in sherpa-onnx's format that says the letter of the band whenever another begins."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    bands = np.zeros((9, 80), np.float32)
    bands[8] = 1 / 80  # what no letter is louder than, is blank
    for letter in range(8):
        bands[letter, 10 * letter : 10 * letter + 10] = 0.1
    weights = [
        numpy_helper.from_array(bands.T.copy(), "bands"),
        numpy_helper.from_array(np.array([0] * 8 + [1], np.float32), "blank"),
        numpy_helper.from_array(np.array([SUBSAMPLING], np.int64), "stride"),
        numpy_helper.from_array(np.random.default_rng(1).normal(size=(1, 4, 4)).astype(np.float32), "unused"),
    ]
    node = helper.make_node
    nodes = [
        node("AveragePool", ["audio_signal"], ["pooled"], kernel_shape=[SUBSAMPLING], strides=[SUBSAMPLING]),
        node("Transpose", ["pooled"], ["frames"], perm=[0, 2, 1]),
        node("MatMul", ["frames", "bands"], ["loudness"]),
        node("ReduceMean", ["loudness"], ["mean"], axes=[2], keepdims=1),
        node("Sub", ["loudness", "mean"], ["contrast"]),
        node("Add", ["contrast", "blank"], ["logits"]),
        node("LogSoftmax", ["logits"], ["logprobs"], axis=2),
        node("Div", ["length", "stride"], ["encoded_lengths"]),
        node("Identity", ["cache_last_channel"], ["cache_last_channel_next"]),
        node("Identity", ["cache_last_time"], ["cache_last_time_next"]),
        node("Add", ["cache_last_channel_len", "length"], ["cache_last_channel_len_next"]),
    ]
    floats, ints = TensorProto.FLOAT, TensorProto.INT64
    value = helper.make_tensor_value_info
    channel, time = ["batch", 1, 4, 4], ["batch", 1, 4, 2]
    inputs = [
        value("audio_signal", floats, ["batch", 80, "time"]),
        value("length", ints, ["batch"]),
        value("cache_last_channel", floats, channel),
        value("cache_last_time", floats, time),
        value("cache_last_channel_len", ints, ["batch"]),
    ]
    outputs = [
        value("logprobs", floats, ["batch", "frames", 9]),
        value("encoded_lengths", ints, ["batch"]),
        value("cache_last_channel_next", floats, channel),
        value("cache_last_time_next", floats, time),
        value("cache_last_channel_len_next", ints, ["batch"]),
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    facts = {
        "window_size": CHUNK,
        "chunk_shift": SHIFT,
        "subsampling_factor": SUBSAMPLING,
        "vocab_size": 8,
        **{f"cache_last_channel_dim{number}": size for number, size in ((1, 1), (2, 4), (3, 4))},
        **{f"cache_last_time_dim{number}": size for number, size in ((1, 1), (2, 4), (3, 2))},
        "model_type": "EncDecHybridRNNTCTCBPEModel",
        "normalize_type": "",
    }
    helper.set_model_props(model, {name: str(fact) for name, fact in facts.items()})
    onnx.save(model, str(folder / "model.onnx"))
    lines = [f"\u2581{letter} {number}" for number, letter in enumerate(LETTERS)]
    (folder / "tokens.txt").write_text("\n".join([*lines, "<blk> 8"]) + "\n", encoding="utf-8")
    return folder
