"""What only some machines have, tools and packages; and waiting for what has no event."""

import asyncio
import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Say that something a test needs is missing: a skip; a failure where nothing may be left out."""
    if os.environ.get("ANTIPHON_TEST_EVERYTHING") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def need(module: str) -> Any:
    """The module ``module``, of an extra; without it the test is skipped, or fails where the extras are tested."""
    try:
        return import_module(module)
    except ImportError as error:
        reason = f"{module} is not installed: {error}"
    if os.environ.get("ANTIPHON_TEST_EXTRAS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition`` holds, for 10 s at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
