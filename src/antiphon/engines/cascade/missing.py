"""Packages and files that an engine needs and that the default install does not have."""

from importlib import import_module
from pathlib import Path
from typing import Any

from antiphon.engines.base import EngineUnavailable


def package(module: str, extra: str) -> Any:
    """The module ``module``, which the extra ``extra`` installs.

    Raises:
        EngineUnavailable: it cannot be imported; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        remedy = f'pip install "antiphon[{extra}]"'
        raise EngineUnavailable(f"{module} cannot be imported ({error}); install it with: {remedy}") from error


def missing_file(path: Path) -> EngineUnavailable:
    """A file of a model is not there."""
    pull = f"antiphon models pull {path.parent.name}"
    return EngineUnavailable(f"there is no {path}; get the model with: {pull}, or set the path of one you have")
