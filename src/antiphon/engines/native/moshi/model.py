"""The model: Mimi, the codec, and the language model over its tokens, for several conversations in one batch."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from antiphon.audio.pcm import to_int16
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.heavy import MOSHI, device_and_dtype, heavy
from antiphon.engines.native.hub import file_of, folder_of
from antiphon.engines.native.moshi.frames import FRAME_SAMPLES, RATE, Said

_CONFIG: Final = "config.json"
_PADDING: Final = (0, 3)
"""Text tokens that mean no word: the end of padding, and padding (moshi 0.2.13, server.py)."""

_BYTE_PIECE: Final = re.compile(r"<0x([0-9A-F]{2})>")
_FULL_SCALE: Final = 32_768.0
_COLDEST: Final = 1e-4
"""A temperature that leaves nothing but the likeliest token; 0 would divide by zero."""


class MoshiModel:
    """A :class:`~antiphon.engines.native.moshi.frames.FrameModel` of moshi's own modules.

    Rows do not know of each other: a row that is not stepped keeps its state as it is (``set_exec_mask``), one that
    begins anew is reset alone. The language model's first ``max(delays)`` frames of a row have no output.
    """

    def __init__(self, mimi: Any, generator: Any, tokenizer: Any, rows: int, device: str) -> None:
        """Run ``mimi`` and ``generator`` (a ``moshi.models.LMGen`` with ``support_out_of_sync``) for ``rows`` rows."""
        self.rows = rows
        self._torch = heavy("torch", MOSHI)
        self._mimi = mimi
        self._generator = generator
        self._tokenizer = tokenizer
        self._device = device
        self._ungenerated = generator.lm_model.ungenerated_token_id
        with self._torch.no_grad():
            mimi.streaming_forever(rows)
            generator.streaming_forever(rows)

    def reset(self, rows: Sequence[int]) -> None:
        """Begin new conversations in these rows."""
        mask = self._mask(rows)
        with self._torch.no_grad():
            self._mimi.reset_streaming(mask)
            self._generator.reset_streaming(mask)

    def step(self, frames: Mapping[int, bytes]) -> dict[int, Said]:
        """Take a frame for each of these rows; what they made of it."""
        with self._torch.no_grad():
            mask = self._mask(tuple(frames))
            self._mimi.set_exec_mask(mask)
            self._generator.set_exec_mask(mask)
            tokens = self._generator.step(self._mimi.encode(self._sound(frames)))
            words = tokens[:, 0, 0].tolist()
            made = [row for row in frames if words[row] != self._ungenerated]
            # Only these rows have tokens to decode, so only they move the decoder on.
            self._mimi.set_exec_mask(self._mask(made))
            sound = self._mimi.decode(tokens[:, 1:].clamp(min=0))
        samples = np.asarray(sound[:, 0].float().cpu().clamp(-1, 1).numpy() * (_FULL_SCALE - 1))
        return {row: Said(samples[row].astype("<i2").tobytes(), self._bytes(words[row])) for row in made}

    def _mask(self, rows: Sequence[int]) -> Any:
        mask = self._torch.zeros(self.rows, dtype=self._torch.bool)
        mask[list(rows)] = True
        return mask.to(self._device)

    def _sound(self, frames: Mapping[int, bytes]) -> Any:
        samples = np.zeros((self.rows, 1, FRAME_SAMPLES), np.float32)
        for row, pcm in frames.items():
            samples[row, 0] = to_int16(pcm) / _FULL_SCALE
        return self._torch.from_numpy(samples).to(self._device)

    def _bytes(self, token: int) -> bytes:
        if token in _PADDING or self._tokenizer.is_control(token) or self._tokenizer.is_unknown(token):
            return b""
        piece: str = self._tokenizer.id_to_piece(token)
        if byte := _BYTE_PIECE.fullmatch(piece):
            return bytes([int(byte[1], 16)])
        return piece.replace("\u2581", " ").encode()


def load(config: MoshiConfig) -> MoshiModel:
    """Load the model that ``config`` names, from this machine only. Blocks for as long as it takes.

    Raises:
        EngineUnavailable: a package, the model or a part of it is missing, or it is no Moshi.
    """
    # The compiler of torch needs minutes and a C compiler, and gains nothing beside CUDA graphs.
    os.environ.setdefault("NO_TORCH_COMPILE", "1")
    torch = heavy("torch", MOSHI)
    heavy("sentencepiece", MOSHI)
    heavy("safetensors", MOSHI)
    models = heavy("moshi.models", MOSHI)
    device, dtype = device_and_dtype(torch, config.device, config.dtype)
    checkpoint = _checkpoint(models, config.model)
    mimi = checkpoint.get_mimi(device)
    language_model = checkpoint.get_moshi(device, dtype=dtype)
    return assemble(config, mimi, language_model, checkpoint.get_text_tokenizer(), device)


def assemble(config: MoshiConfig, mimi: Any, language_model: Any, tokenizer: Any, device: str) -> MoshiModel:
    """One batched model out of its parts."""
    check(mimi)
    generator = heavy("moshi.models", MOSHI).LMGen(
        language_model,
        use_sampling=config.temperature > 0 or config.text_temperature > 0,
        temp=config.temperature or _COLDEST,
        temp_text=config.text_temperature or _COLDEST,
        top_k=config.top_k,
        top_k_text=config.text_top_k,
        support_out_of_sync=True,
    )
    return MoshiModel(mimi, generator, tokenizer, config.slots, device)


def check(mimi: Any) -> None:
    """See that the codec takes the frames that we make.

    Raises:
        EngineUnavailable: its rate or frame is another.
    """
    rate, samples = int(mimi.sample_rate), int(mimi.sample_rate / mimi.frame_rate)
    if (rate, samples) != (RATE, FRAME_SAMPLES):
        raise EngineUnavailable(
            f"the codec takes frames of {samples} samples at {rate} Hz, not {FRAME_SAMPLES} at {RATE}"
        )


def _checkpoint(models: Any, model: str) -> Any:
    """Where the parts are: as ``config.json`` names them; without one it is the first Moshi, as moshi assumes too."""
    folder = folder_of(model, MOSHI)
    names = _names(folder)
    loaders = models.loaders

    def part(name: str, usual: str = "") -> Any:
        return file_of(folder, str(names.get(name) or usual), MOSHI)

    parts = {
        "moshi_weights": part("moshi_name", loaders.MOSHI_NAME),
        "mimi_weights": part("mimi_name", loaders.MIMI_NAME),
        "tokenizer": part("tokenizer_name", loaders.TEXT_TOKENIZER_NAME),
    }
    if not names:
        return loaders.CheckpointInfo(**parts)
    return loaders.CheckpointInfo.from_hf_repo(
        model,
        **parts,
        config_path=folder / _CONFIG,
        mimi_config_path=part("mimi_config_name") if names.get("mimi_config_name") else None,
        lora_weights=part("lora_name") if names.get("lora_name") else None,
    )


def _names(folder: Path) -> dict[str, Any]:
    path = folder / _CONFIG
    if not path.exists():
        return {}
    try:
        names: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EngineUnavailable(f"{path} is not JSON ({error})") from error
    if not names.get("dep_q") or names.get("model_type", "moshi") not in ("moshi", "hibiki"):
        raise EngineUnavailable(f"{path} describes no model that listens and speaks: a Moshi is needed")
    return names
