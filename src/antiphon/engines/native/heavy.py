"""Packages that are no part of the default install, imported when an engine that needs them starts."""

import importlib
from typing import Any, Final

from antiphon.engines.base import EngineUnavailable

MOSHI: Final = "pip install torch safetensors huggingface_hub && pip install --no-deps moshi einops sentencepiece"
"""Without ``--no-deps`` the pins of moshi 0.2.13 (torch<2.10, numpy<2.3, huggingface-hub<1.0) undo what is there."""

OMNI: Final = "pip install torch 'transformers>=5.20,<6'"


def heavy(module: str, remedy: str) -> Any:
    """Import ``module``.

    Raises:
        EngineUnavailable: it is missing or broken; the message names the ``remedy``, a command.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise EngineUnavailable(f"{module} cannot be imported ({error}): {remedy}") from error


def device_and_dtype(torch: Any, device: str, dtype: str) -> tuple[str, Any]:
    """Where a model is to run and the type of its weights; empty settings mean the GPU, if there is one.

    Without a setting weights are bfloat16 on a GPU and float32 on a processor, where most have no fast bfloat16.

    Raises:
        EngineUnavailable: a GPU is asked for and torch sees none.
    """
    seen = torch.cuda.is_available()
    device = device or ("cuda" if seen else "cpu")
    if device.startswith("cuda") and not seen:
        raise EngineUnavailable(f'device "{device}": torch {torch.__version__} sees no GPU; use device = "cpu"')
    chosen = dtype or ("bfloat16" if device.startswith("cuda") else "float32")
    return device, getattr(torch, chosen)
