"""A full-duplex model and its sessions: what a step costs, how many fit into real time, how late answers are.

Weights are random, so nothing sensible is said; costs are those of real ones. With a GPU the model has its full size
(Moshi: 7 billion parameters, and Mimi), without one a tiny size that shows the cost of everything but the model. Needs
moshi (docs/native.md).
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.heavy import MOSHI, heavy
from antiphon.engines.native.moshi.frames import FRAME_SAMPLES, FRAME_SECONDS, Said
from antiphon.engines.native.moshi.model import MoshiModel, assemble
from antiphon.engines.native.moshi.stage import Stage
from bench.report import Table, percentile

STEPS = 40
WARM_UP = 8
SECONDS = 8.0
_FRAME_MS = FRAME_SECONDS * 1000


class Pieces:
    """A tokenizer for a model that has none: every token is a word."""

    def is_control(self, token: int) -> bool:
        """None is."""
        return False

    def is_unknown(self, token: int) -> bool:
        """None is."""
        return False

    def id_to_piece(self, token: int) -> str:
        """Its number."""
        return f"\u2581{token}"


def codec(torch: Any, loaders: Any, device: str, *, tiny: bool) -> Any:
    """Mimi with random weights; codebooks begin as zeros, so they are filled."""
    config = None
    if tiny:
        small = {"d_model": 64, "num_heads": 4, "num_layers": 2, "dim_feedforward": 128}
        quantizer = {"dimension": 32, "n_q": 8, "bins": 64, "input_dimension": 64, "output_dimension": 64}
        ends = {"input_dimension": 64, "output_dimensions": [64]}
        config = {
            **loaders._mimi_config,
            "seanet": {**loaders._seanet_kwargs, "dimension": 64, "n_filters": 4},
            "quantizer": {**loaders._quantizer_kwargs, **quantizer},
            "transformer": {**loaders._transformer_kwargs, **small, **ends},
        }
    mimi = loaders.get_mimi(None, config, device=device, num_codebooks=8)
    for name, buffer in mimi.named_buffers():
        if name.endswith("embedding_sum"):
            buffer.normal_()
        elif name.endswith(("cluster_usage", "_initialized")):
            buffer.fill_(1.0)
    return mimi


def language_model(torch: Any, loaders: Any, device: str, *, tiny: bool) -> Any:
    """The model over the codec's tokens, with random weights."""
    if not tiny:
        return loaders.get_moshi_lm(None, device=device, dtype=torch.bfloat16)
    small = {"dim": 64, "text_card": 400, "card": 64, "num_heads": 4, "num_layers": 2, "hidden_scale": 2}
    depformer = {"dim": 32, "dim_feedforward": 64, "num_heads": 4, "num_layers": 2}
    prefixed = {f"depformer_{name}": value for name, value in depformer.items()}
    return loaders.get_moshi_lm(None, {**loaders._lm_kwargs, **small, **prefixed}, device=device, dtype=torch.float32)


def steps(model: MoshiModel, count: int) -> tuple[list[float], float]:
    """Milliseconds of each of ``count`` steps of all rows, and how many of the processor a step took on average."""
    frame = np.random.default_rng(0).integers(-3_000, 3_000, FRAME_SAMPLES).astype("<i2").tobytes()
    frames = dict.fromkeys(range(model.rows), frame)
    for _ in range(WARM_UP):
        model.step(frames)
    taken, worked = [], time.process_time()
    for _ in range(count):
        began = time.perf_counter()
        model.step(frames)
        taken.append((time.perf_counter() - began) * 1000)
    return taken, (time.process_time() - worked) * 1000 / count


class Talker:
    """A session that speaks all the time, in real time, and notes when each answer comes."""

    def __init__(self, stage: Stage, phase: float) -> None:
        self.phase = phase
        self.fed: list[float] = []
        self.heard: list[float] = []
        self.slot = stage.join(self._hear, lambda error: None)

    def _hear(self, said: Said) -> None:
        self.heard.append(time.monotonic())

    @property
    def first(self) -> float:
        """Milliseconds from the end of the first frame to the first answer."""
        return (self.heard[0] - self.fed[0]) * 1000 if self.heard else float("nan")

    def late(self, skipped: int) -> list[float]:
        """Milliseconds from the end of each frame to its answer; the first ``skipped`` have none."""
        return [(heard - fed) * 1000 for fed, heard in zip(self.fed[skipped:], self.heard, strict=False)]


def converse(stage: Stage, sessions: int, seconds: float) -> list[Talker]:
    """Let ``sessions`` talk for so long, their frames spread over the 80 ms of one."""
    frame = np.random.default_rng(1).integers(-3_000, 3_000, FRAME_SAMPLES).astype("<i2").tobytes()
    talkers = [Talker(stage, number / sessions * FRAME_SECONDS) for number in range(sessions)]
    begun = time.monotonic() + 0.05
    for round_number in range(int(seconds / FRAME_SECONDS)):
        for talker in talkers:
            due = begun + round_number * FRAME_SECONDS + talker.phase
            time.sleep(max(0.0, due - time.monotonic()))
            talker.fed.append(time.monotonic())
            stage.feed(talker.slot, frame)
    time.sleep(0.5)
    for talker in talkers:
        stage.leave(talker.slot)
    return talkers


def measure(make: Callable[[int], MoshiModel], sizes: list[int], seconds: float, table: Table) -> None:
    """One row for each size."""
    for rows in sizes:
        model = make(rows)
        taken, worked = steps(model, STEPS)
        stage = Stage(model, 5.0)
        stage.start()
        talkers = converse(stage, rows, seconds)
        stage.close()
        late = [one for talker in talkers for one in talker.late(1)]
        first = [talker.first for talker in talkers]
        step = median(taken)
        table.rows.append(
            (
                str(rows),
                step,
                percentile(taken, 95),
                worked,
                step / _FRAME_MS,
                median(first),
                percentile(late, 50),
                percentile(late, 99),
                float(stage.dropped_frames),
            )
        )


def measure_codec(torch: Any, mimi: Any, device: str) -> Table:
    """The codec alone, one conversation."""
    table = Table("Mimi alone, one conversation", ("", "ms a frame", "processor ms", "processor / 80 ms"))
    sound = torch.randn(1, 1, FRAME_SAMPLES, device=device) * 0.1
    with torch.no_grad(), mimi.streaming(1):
        codes = mimi.encode(sound)
        for name, work in (("encode", lambda: mimi.encode(sound)), ("decode", lambda: mimi.decode(codes))):
            taken, worked = [], time.process_time()
            for _ in range(STEPS):
                began = time.perf_counter()
                work()
                _wait(torch, device)
                taken.append((time.perf_counter() - began) * 1000)
            each = (time.process_time() - worked) * 1000 / STEPS
            table.rows.append((name, median(taken), each, each / _FRAME_MS))
    return table


def _wait(torch: Any, device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=["tiny", "full", "codec"], help="full with a GPU, tiny without")
    parser.add_argument("--slots", type=int, nargs="*", help="how many sessions at once (1 2 4 8 16)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long they talk")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch on the processor")
    options = parser.parse_args()
    os.environ.setdefault("NO_TORCH_COMPILE", "1")
    try:
        torch, loaders = heavy("torch", MOSHI), heavy("moshi.models", MOSHI).loaders
    except EngineUnavailable as error:
        print(f"not measured: {error}", file=sys.stderr)
        return
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    size = options.size or ("full" if device == "cuda" else "tiny")
    console = Console(width=132)
    console.print(f"torch {torch.__version__} on {_device(torch, device)}, weights: {size}, random", style="dim")
    if size == "codec":
        measure_codec(torch, codec(torch, loaders, device, tiny=False), device).show(console)
        return
    tiny = size == "tiny"
    mimi, model = codec(torch, loaders, device, tiny=tiny), language_model(torch, loaders, device, tiny=tiny)

    def make(rows: int) -> MoshiModel:
        for module in (mimi, model):
            module._stop_streaming()
        if model.depformer is not None:
            model.depformer._stop_streaming()
        config = MoshiConfig("random", slots=rows)
        return assemble(config, mimi, model, Pieces(), device)

    columns = (
        "sessions",
        "step ms",
        "p95",
        "processor ms",
        "factor",
        "first answer ms",
        "late p50",
        "p99",
        "frames lost",
    )
    table = Table("Sessions of one full-duplex model, in real time", columns)
    table.notes = [
        f"a step makes {_FRAME_MS:g} ms for every session; a factor (of real time) below 1 keeps up",
        "processor: what a step takes of it, whoever else is busy on the machine; on a GPU the rest is the GPU's",
        "first answer: from the end of the first frame, two more frames included; late: the same for every later frame",
    ]
    try:
        measure(make, options.slots or [1, 2, 4, 8, 16], options.seconds, table)
    except torch.OutOfMemoryError as error:
        table.notes.append(f"no more memory: {error}")
    table.show(console)


def _device(torch: Any, device: str) -> str:
    if device == "cuda":
        return str(torch.cuda.get_device_name())
    return f"{torch.get_num_threads()} thread(s), {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    main()
