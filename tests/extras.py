"""Packages that only some installs have."""

import os
from importlib import import_module
from typing import Any

import pytest


def need(module: str) -> Any:
    """The module ``module``; without it the test is skipped, or fails where nothing may be left out."""
    try:
        return import_module(module)
    except ImportError as error:
        reason = f"{module} is not installed: {error}"
        if os.environ.get("ANTIPHON_TEST_EVERYTHING") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
