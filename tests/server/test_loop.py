"""The event loop of servers."""

import asyncio
import builtins
import sys
from typing import Any

import pytest
from tests.extras import need

from antiphon.server import loop


async def _kind() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_servers_run_on_uvloop() -> None:
    need("uvloop")
    assert loop.run(_kind()).startswith("uvloop")


def test_without_uvloop_they_run_on_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name == "uvloop":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.delitem(sys.modules, "uvloop", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    assert loop.run(_kind()).startswith("asyncio")
