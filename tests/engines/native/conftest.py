"""Tiny models with random weights, written to disk once per run and loaded the way real ones are."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.extras import need

os.environ.setdefault("NO_TORCH_COMPILE", "1")

SEED = 7
CORPUS = (
    "the quick brown fox jumps over the lazy dog",
    "what is the weather in paris tomorrow",
    "set a timer for five minutes and turn the lights off",
    "I would like to book a table for two at eight o'clock",
)


@pytest.fixture(scope="session")
def torch() -> Any:
    """torch, on one thread: the models are so small that more would only wait for each other."""
    torch = need("torch")
    torch.set_num_threads(1)
    return torch


@pytest.fixture(scope="session")
def moshi_folder(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``kyutai/moshiko-pytorch-bf16`` has it, of 2.5 MB."""
    need("sentencepiece")
    loaders = need("moshi.models").loaders
    folder = tmp_path_factory.mktemp("moshi")
    torch.manual_seed(SEED)
    pieces = _train_tokenizer(folder)
    mimi_config = _mimi_config(loaders)
    lm_config = _lm_config(loaders, pieces)
    mimi = loaders.get_mimi(None, copy.deepcopy(mimi_config), num_codebooks=8)
    _fill_codebooks(mimi)
    _sharpen(torch, mimi)
    language_model = loaders.get_moshi_lm(None, lm_config, device="cpu", dtype=torch.float32)
    _save(mimi, folder / "mimi.safetensors")
    _save(language_model, folder / "model.safetensors")
    names = {
        "moshi_name": "model.safetensors",
        "mimi_name": "mimi.safetensors",
        "mimi_config_name": "mimi.json",
        "tokenizer_name": "tok.model",
        "model_type": "moshi",
    }
    (folder / "config.json").write_text(json.dumps({**lm_config, **names}))
    (folder / "mimi.json").write_text(json.dumps(mimi_config))
    return folder


_SPECIAL = "AUDIO IMAGE VIDEO audio_bos audio_eos vision_bos vision_eos im_start im_end".split()
OMNI_SPECIAL = {f"<|{name}|>": 290 + number for number, name in enumerate(_SPECIAL)}


@pytest.fixture(scope="session")
def omni_folder(torch: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as ``Qwen/Qwen2.5-Omni-7B`` has it, talker left out, of under 1 MB."""
    transformers = need("transformers")
    folder = tmp_path_factory.mktemp("omni")
    torch.manual_seed(SEED)
    model = transformers.Qwen2_5OmniForConditionalGeneration(
        transformers.Qwen2_5OmniConfig(thinker_config=_thinker_config(), enable_audio_output=False)
    )
    with torch.no_grad():
        # As they begin, weights are so small that every prompt has the same answer.
        for parameter in model.parameters():
            parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
    model.save_pretrained(folder)
    torch.save({}, folder / "spk_dict.pt")
    _omni_tokenizer(transformers).save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=80, chunk_length=300).save_pretrained(folder)
    return folder


def _thinker_config() -> dict[str, Any]:
    ids = {name: OMNI_SPECIAL[f"<|{name.upper()}|>"] for name in ("audio", "image", "video")}
    rope = {"mrope_section": [2, 3, 3], "rope_type": "default", "rope_theta": 1e6}
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
    audio = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
    text = {"vocab_size": 300, "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    return {
        "audio_config": {**audio, "output_dim": 64, "num_mel_bins": 80, "n_window": 10},
        "vision_config": vision,
        "text_config": {**text, "num_attention_heads": 4, "num_key_value_heads": 2, "rope_parameters": rope},
        **{f"{name}_token_id": token for name, token in ids.items()},
        **{f"{name}_token_index": token for name, token in ids.items()},
        "audio_start_token_id": OMNI_SPECIAL["<|audio_bos|>"],
        "audio_end_token_id": OMNI_SPECIAL["<|audio_eos|>"],
        "vision_start_token_id": OMNI_SPECIAL["<|vision_bos|>"],
        "vision_end_token_id": OMNI_SPECIAL["<|vision_eos|>"],
    }


def _omni_tokenizer(transformers: Any) -> Any:
    """Bytes, with 34 pieces of our sentences, and the special tokens where the model expects them."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=290, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in OMNI_SPECIAL])
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")


def _train_tokenizer(folder: Path) -> int:
    import sentencepiece

    (folder / "corpus.txt").write_text("\n".join(CORPUS * 10))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "corpus.txt"),
        model_prefix=str(folder / "tok"),
        vocab_size=400,
        hard_vocab_limit=False,
        byte_fallback=True,
        pad_id=3,
        minloglevel=2,
    )
    size: int = sentencepiece.SentencePieceProcessor(str(folder / "tok.model")).vocab_size()
    return size


def _mimi_config(loaders: Any) -> dict[str, Any]:
    small = {"d_model": 64, "num_heads": 4, "num_layers": 2, "dim_feedforward": 128}
    ends = {"input_dimension": 64, "output_dimensions": [64]}
    quantizer = {"dimension": 32, "n_q": 8, "bins": 64, "input_dimension": 64, "output_dimension": 64}
    return {
        "sample_rate": 24_000,
        "channels": 1,
        "frame_rate": 12.5,
        "seanet": {**loaders._seanet_kwargs, "dimension": 64, "n_filters": 4},
        "quantizer": {**loaders._quantizer_kwargs, **quantizer},
        "transformer": {**loaders._transformer_kwargs, **small, **ends},
    }


def _lm_config(loaders: Any, pieces: int) -> dict[str, Any]:
    small = {"dim": 64, "text_card": pieces, "card": 64, "num_heads": 4, "num_layers": 2, "hidden_scale": 2}
    depformer = {"dim": 32, "dim_feedforward": 64, "num_heads": 4, "num_layers": 2}
    prefixed = {f"depformer_{name}": value for name, value in depformer.items()}
    return {**loaders._lm_kwargs, **small, "context": 256, **prefixed}


def _fill_codebooks(mimi: Any) -> None:
    """Codebooks begin as zeros, and every code would sound the same."""
    for module in mimi.modules():
        for name, buffer in module.named_buffers(recurse=False):
            if "embedding_sum" in name:
                buffer.normal_()
            elif "cluster_usage" in name or name == "_initialized":
                buffer.fill_(1.0)


def _sharpen(torch: Any, mimi: Any) -> None:
    """As it begins, the encoder gives nearly the same codes to all sounds: biases drown what it hears."""
    with torch.no_grad():
        for name, parameter in mimi.encoder.named_parameters():
            parameter.mul_(0.0 if name.endswith("bias") else 2.5)


def _save(module: Any, path: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous().clone() for name, value in module.state_dict().items()}, str(path))
